"""Recurrent layers beyond a row of the table: states, cells of a user's own, free sizes, files, and what the export looks like."""

import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import pytest

import builder
from builder.errors import UnsupportedError
from builder.graph import Array
from tests.builder.networks import answers, assert_close, sample, scatter_weights
from tests.builder.test_masks import IDS, STEPS, compare


def operators(model: Any, path: Path) -> list[str]:
    """The operators of the exported model, in order."""
    model.export(path / "model.onnx")
    return [node.op_type for node in onnx.load(path / "model.onnx").graph.node]


def loaded(model: Any, path: Path) -> Any:
    """A model of Keras's, with random weights, saved by Keras and opened here."""
    scatter_weights(model).save(path / "model.keras")
    return builder.load_model(path / "model.keras")


def states_of(k: Any, layer: str, **flags: Any) -> Any:
    x = k.Input((None, 3), name="x")
    return k.Model(x, list(getattr(k.layers, layer)(4, return_state=True, name="layer", **flags)(x)))


@pytest.mark.parametrize("flags", [{}, {"return_sequences": True, "go_backwards": True}, {"activation": "gelu"}])
@pytest.mark.parametrize("layer", ["LSTM", "GRU", "SimpleRNN"])
def test_states_come_after_the_outputs_for_any_number_of_steps(layer: str, flags: dict[str, Any]) -> None:
    compare(lambda k: states_of(k, layer, **flags), STEPS)


def translator(k: Any) -> Any:
    """An encoder, whose last states are the first ones of a decoder."""
    source, target = k.Input((None,), dtype="int32", name="source"), k.Input((None,), dtype="int32", name="target")
    embedded = k.layers.Embedding(8, 5, name="words")(source)
    _, hidden, carry = k.layers.LSTM(4, return_state=True, name="encoder")(embedded)
    answers = k.layers.Embedding(9, 3, mask_zero=True, name="answers")(target)
    decoded = k.layers.LSTM(4, return_sequences=True, name="decoder")(answers, initial_state=[hidden, carry])
    return k.Model([source, target], k.layers.Dense(9, activation="softmax", name="next")(decoded), name="translator")


def test_states_of_one_layer_begin_another() -> None:
    compare(translator, IDS, IDS[:, ::-1].copy())


@pytest.mark.parametrize("merge", ["concat", None])
def test_both_ways_with_first_and_last_states(merge: str | None) -> None:
    def build(k: Any) -> Any:
        x, a, b = k.Input((6, 3), name="x"), k.Input((4,), name="a"), k.Input((4,), name="b")
        layer = k.layers.Bidirectional(
            k.layers.GRU(4, return_state=True, return_sequences=True, name="inner"), merge_mode=merge, name="both"
        )
        return k.Model([x, a, b], list(layer(x, initial_state=[a, b])))

    first = np.random.default_rng(1).normal(size=(2, 6, 4)).astype(np.float32)
    compare(build, STEPS, *first)


def test_a_layer_that_reads_backwards_first() -> None:
    def build(k: Any) -> Any:
        x = k.Input((6, 3), name="x")
        forward = k.layers.GRU(3, return_sequences=True, go_backwards=True, name="down")
        backward = k.layers.GRU(3, return_sequences=True, name="up")
        return k.Model(x, k.layers.Bidirectional(forward, backward_layer=backward, name="both")(x))

    compare(build, STEPS)


def test_both_ways_of_different_widths() -> None:
    """Keras foretells twice the first width and then gives the sum of both."""
    x = builder.Input((6, 3))
    layer = builder.layers.Bidirectional(
        builder.layers.LSTM(4, return_sequences=True), backward_layer=builder.layers.LSTM(2, return_sequences=True, go_backwards=True)
    )
    assert layer(x).shape == (None, 6, 6)


def minimal(k: Any) -> Any:
    """A cell of a user's own, for either package."""

    class MinimalCell(k.layers.Layer):  # type: ignore[misc]
        def __init__(self, units: int, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.units = units
            self.state_size = units

        def build(self, input_shape: Any) -> None:
            self.kernel = self.add_weight(shape=(input_shape[-1], self.units), initializer="uniform", name="kernel")
            self.again = self.add_weight(shape=(self.units, self.units), initializer="uniform", name="again")

        def call(self, inputs: Any, states: Any) -> Any:
            output = k.ops.matmul(inputs, self.kernel) + k.ops.matmul(states[0], self.again)
            return output, [output]

        def get_initial_state(self, batch_size: Any = None) -> Any:
            return [k.ops.ones((batch_size, self.units))]

    return MinimalCell


@pytest.mark.parametrize("time", [6, None])
@pytest.mark.parametrize("flags", [{}, {"return_sequences": True, "return_state": True, "go_backwards": True}])
def test_a_cell_of_a_users_own(time: int | None, flags: dict[str, Any]) -> None:
    def build(k: Any) -> Any:
        ids = k.Input((time,), dtype="int32", name="ids")
        x = k.layers.Embedding(8, 3, mask_zero=True, name="embedding")(ids)
        return k.Model(ids, k.layers.RNN(minimal(k)(4, name="own"), name="rnn", **flags)(x))

    compare(build, IDS)


def test_a_cell_of_a_users_own_among_others() -> None:
    def build(k: Any) -> Any:
        x = k.Input((6, 3), name="x")
        cells = [k.layers.LSTMCell(3, name="a"), minimal(k)(4, name="own"), k.layers.GRUCell(2, name="b")]
        return k.Model(x, k.layers.RNN(cells, return_sequences=True, name="rnn")(x))

    compare(build, STEPS)


def test_steps_of_a_free_number_each_through_a_model() -> None:
    def build(k: Any) -> Any:
        image = k.Input((4, 4, 2), name="image")
        inner = k.Model(image, k.layers.Flatten(name="flat")(k.layers.Conv2D(3, 2, name="conv")(image)), name="inner")
        x = k.Input((None, 4, 4, 2), name="x")
        return k.Model(x, k.layers.LSTM(3, name="lstm")(k.layers.TimeDistributed(inner, name="each")(x)))

    compare(build, np.random.default_rng(2).normal(size=(3, 5, 4, 4, 2)).astype(np.float32))


def test_images_of_a_free_number_of_steps(tmp_path: Path) -> None:
    def build(k: Any) -> Any:
        x = k.Input((None, 4, 5, 2), name="x")
        return k.Model(x, list(k.layers.ConvLSTM2D(3, 2, return_sequences=True, return_state=True, name="lstm")(x)))

    compare(build, np.random.default_rng(2).normal(size=(3, 4, 4, 5, 2)).astype(np.float32))
    assert operators(scatter_weights(build(builder)), tmp_path).count("Scan") == 1


def test_a_layer_is_called_on_arrays_with_states() -> None:
    layer, expected = builder.layers.GRU(4), keras.layers.GRU(4)
    expected.build((None, 6, 3))
    layer.build((None, 6, 3))
    expected.set_weights(layer.get_weights())
    for seed in (0, 1):  # the second call is traced no more
        state: Array = np.random.default_rng(seed).normal(size=(6, 4)).astype(np.float32)
        assert_close([layer(STEPS, initial_state=state)], [np.asarray(expected(STEPS, initial_state=state))])


# What an export looks like.


def classifier(k: Any) -> Any:
    ids = k.Input((None,), dtype="int32", name="ids")
    x = k.layers.Embedding(8, 6, name="embedding")(ids)
    x = k.layers.LSTM(5, return_sequences=True, name="one")(x)
    x = k.layers.LSTM(4, return_sequences=True, go_backwards=False, name="two")(x)
    return k.Model(ids, k.layers.Dense(2, name="scores")(k.layers.GRU(3, name="three")(x)), name="classifier")


def test_layers_on_top_of_each_other_stay_in_the_order_of_time(tmp_path: Path) -> None:
    found = operators(scatter_weights(classifier(builder)), tmp_path)
    assert [found.count(op) for op in ("LSTM", "GRU", "Transpose", "Loop", "Scan")] == [2, 1, 1, 0, 0]


def test_both_ways_are_one_operator(tmp_path: Path) -> None:
    x = builder.Input((None, 3), name="x")
    outputs = builder.layers.Bidirectional(builder.layers.LSTM(4, return_sequences=True, name="inner"), name="both")(x)
    found = operators(scatter_weights(builder.Model(x, outputs)), tmp_path)
    assert found.count("LSTM") == 1
    assert set(found) <= {"LSTM", "Transpose", "Reshape"}


# Files that Keras saved.


def test_a_translator_from_a_file(tmp_path: Path) -> None:
    theirs = translator(keras)
    ours = loaded(theirs, tmp_path)
    inputs = [IDS, IDS[:, ::-1].copy()]
    assert_close(answers(ours, inputs), answers(theirs, inputs))


def everything(k: Any) -> Any:
    """Each way in which a recurrent layer's weights can lie in a file."""
    ids = k.Input((6,), dtype="int32", name="ids")
    x = k.layers.Embedding(8, 3, mask_zero=True, name="embedding")(ids)
    x = k.layers.Bidirectional(k.layers.LSTM(3, return_sequences=True, name="inner"), merge_mode="ave", name="both")(x)
    x = k.layers.TimeDistributed(k.layers.Dense(5, name="each"), name="steps")(x)
    cells = [k.layers.LSTMCell(3, name="a"), k.layers.LSTMCell(4, name="b"), k.layers.GRUCell(2, name="c")]
    x = k.layers.RNN(cells, return_sequences=True, name="rnn")(x)
    x = k.layers.GRU(4, return_sequences=True, name="gru")(k.layers.SimpleRNN(3, return_sequences=True, name="simple")(x))
    film = k.Input((3, 4, 4, 1), name="film")
    image = k.layers.ConvLSTM2D(2, 2, name="images")(film)
    return k.Model([ids, film], [image, k.layers.RNN(k.layers.GRUCell(3, name="cell"), name="one")(x)], name="everything")


def test_every_kind_of_recurrent_layer_from_a_file(tmp_path: Path) -> None:
    theirs = everything(keras)
    ours = loaded(theirs, tmp_path)
    inputs = [IDS, np.random.default_rng(3).normal(size=(6, 3, 4, 4, 1)).astype(np.float32)]
    assert_close(answers(ours, inputs), answers(theirs, inputs))
    again = type(ours).from_config(ours.get_config())
    again.set_weights(ours.get_weights())
    assert_close(answers(again, inputs), answers(ours, inputs), 0)


# What is refused.


def test_dropout_that_is_asked_for_is_named_when_exported(tmp_path: Path) -> None:
    x = builder.Input((5, 3), name="x")
    model = builder.Model(x, builder.layers.LSTM(4, dropout=0.5, name="forgetful")(x, training=True))
    with pytest.raises(UnsupportedError, match="'forgetful': LSTMCell is called with training=True"):
        model.export(tmp_path / "model.onnx")
    calm = builder.layers.LSTM(4, name="calm")(x, training=True)
    assert builder.Model(x, calm).predict(sample(model)).shape == (3, 4)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(lambda layers: layers.LSTM(0), "expected a positive integer, got 0", id="no units"),
        pytest.param(lambda layers: layers.RNN(3), "should have a `call` method", id="no cell"),
        pytest.param(lambda layers: layers.RNN(layers.Dense(3)), "should have a `state_size` attribute", id="no states"),
        pytest.param(lambda layers: layers.Bidirectional(layers.LSTM(3), merge_mode="max"), "Invalid merge mode", id="no merge"),
        pytest.param(lambda layers: layers.Bidirectional(3), "Please initialize `Bidirectional` layer", id="no layer"),
        pytest.param(
            lambda layers: layers.Bidirectional(layers.LSTM(3), backward_layer=layers.LSTM(3)),
            "should have different `go_backwards` value",
            id="one way",
        ),
        pytest.param(
            lambda layers: layers.Bidirectional(layers.LSTM(3), backward_layer=layers.LSTM(3, go_backwards=True, return_sequences=True)),
            'the same value for attribute "return_sequences"',
            id="two kinds of outputs",
        ),
        pytest.param(lambda layers: layers.TimeDistributed(3), "Please initialize `TimeDistributed` layer", id="no layer for steps"),
        pytest.param(lambda layers: layers.StackedRNNCells([3]), "All cells must have a `call` method", id="no cells"),
        pytest.param(
            lambda layers: layers.ConvLSTM2D(2, 3, strides=2, dilation_rate=2), "is not compatible with `dilation_rate > 1`", id="both"
        ),
    ],
)
def test_arguments_that_do_not_fit_are_refused(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        make(builder.layers)


@pytest.mark.parametrize(
    ("layer", "shape", "words"),
    [
        pytest.param(lambda layers: layers.LSTM(3), (4,), "expected ndim=3, found ndim=2", id="no time"),
        pytest.param(lambda layers: layers.LSTM(3, unroll=True), (None, 4), "Cannot unroll a RNN", id="time unknown"),
        pytest.param(lambda layers: layers.LSTM(3), (5, None), "must be known", id="features unknown"),
        pytest.param(lambda layers: layers.TimeDistributed(layers.Dense(3)), (4,), "at least 3 dimensions", id="no steps"),
        pytest.param(lambda layers: layers.ConvLSTM2D(3, 2), (3, None, 4, 2), "only support static input shapes", id="free images"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(layer: Any, shape: tuple[int | None, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        layer(builder.layers)(builder.Input(shape))


def test_a_layer_of_keras_2_that_has_time_first_is_refused() -> None:
    config = {**builder.layers.LSTM(3).get_config(), "time_major": True, "implementation": 2}
    with pytest.raises(UnsupportedError, match="time_major=True"):
        builder.layers.LSTM.from_config(config)
    assert builder.layers.LSTM.from_config({**config, "time_major": False}).cell.units == 3


# What is around other layers.


class Twice(builder.layers.Wrapper):
    """A wrapper of a user's own."""

    def call(self, inputs: Any) -> Any:
        return self.layer(self.layer(inputs))


def test_a_wrapper_of_a_users_own() -> None:
    layer = Twice(builder.layers.Dense(3, activation="tanh", name="inner"), name="twice")
    x = np.ones((2, 3), np.float32)
    assert_close([layer(x)], [layer.layer(layer.layer(x))])
    again = Twice.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert [weight.path for weight in layer.weights] == ["inner/kernel", "inner/bias"]


def test_what_is_inside_a_loop_follows_its_weights() -> None:
    x = builder.Input((20, 3), name="x")
    model = scatter_weights(builder.Model(x, builder.layers.SimpleRNN(4, activation="selu", name="loop")(x)))
    steps = np.random.default_rng(0).normal(size=(2, 20, 3)).astype(np.float32)
    before = model.predict(steps)
    model.set_weights([weight * 0 for weight in model.get_weights()])
    assert np.abs(before).max() > 0
    assert_close([model.predict(steps)], [np.zeros((2, 4), np.float32)], 0)


def test_an_embedding_begins_with_the_numbers_it_is_given() -> None:
    table = np.arange(6, dtype=np.float32).reshape(3, 2)
    assert_close([builder.layers.Embedding(3, 2, weights=[table])(np.array([[2, 0]]))], [table[[[2, 0]]]])
