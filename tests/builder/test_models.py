"""Models put together as in Keras have its layers in its order, its config and its answers, and refuse what it refuses."""

import json
import re
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

import builder
from builder import Functional, Input, Model, Sequential, layers, ops
from builder.errors import NetworkError, NotBuiltError, SymbolicError, UnsupportedError
from tests.builder.conftest import Oracle
from tests.builder.networks import answers, assert_close, sample, scatter_weights

ONES = np.ones((2, 4), np.float32)


# The same network here and there.


def test_a_network_built_as_in_keras_answers_as_in_keras(oracle: Oracle) -> None:
    model = oracle.build(builder)
    model.set_weights(oracle.model.get_weights())
    assert_close(answers(model, oracle.inputs), oracle.answers)


def test_layers_shapes_and_parameters_are_those_of_keras(oracle: Oracle) -> None:
    model, expected = oracle.build(builder), oracle.model
    assert [(layer.name, type(layer).__name__) for layer in model.layers] == [
        (layer.name, type(layer).__name__) for layer in expected.layers
    ]
    assert [tensor.shape for tensor in model.inputs] == [tensor.shape for tensor in expected.inputs]
    assert [tensor.shape for tensor in model.outputs] == [tensor.shape for tensor in expected.outputs]
    assert model.count_params() == expected.count_params()
    assert [weight.name for weight in model.weights] == [weight.name for weight in expected.weights]
    assert len(model.trainable_weights) == len(expected.trainable_weights)


def test_keras_opens_a_config_made_here(oracle: Oracle) -> None:
    model = type(oracle.model).from_config(oracle.build(builder).get_config())
    model.set_weights(oracle.model.get_weights())
    assert_close(answers(model, oracle.inputs), oracle.answers)


@pytest.mark.parametrize("form", [pytest.param(lambda config: config, id="as it is"), pytest.param(json.dumps, id="as JSON")])
def test_a_config_of_keras_opens_here(oracle: Oracle, form: Callable[[Any], Any]) -> None:
    config = form(oracle.model.get_config())
    model = getattr(builder, type(oracle.model).__name__).from_config(json.loads(config) if isinstance(config, str) else config)
    model.set_weights(oracle.model.get_weights())
    assert_close(answers(model, oracle.inputs), oracle.answers)


def test_a_config_made_here_opens_here(oracle: Oracle) -> None:
    config = json.dumps(oracle.build(builder).get_config())
    model = getattr(builder, type(oracle.model).__name__).from_config(json.loads(config))
    assert json.dumps(model.get_config()) == config
    model.set_weights(oracle.model.get_weights())
    assert_close(answers(model, oracle.inputs), oracle.answers)


def benign(config: Any) -> Any:
    """A config without what may differ and mean the same: tuples, defaults left out, and how a model was built."""
    ignored = {"build_config", "registered_name", "seed", "input_axes", "output_axes", "mask"}
    match config:
        case dict():
            return {key: benign(value) for key, value in config.items() if key not in ignored and value is not None}
        case list() | tuple():
            return [benign(item) for item in config]
        case str():
            return re.sub(r"^input_layer_\d+$", "input_layer", config)
        case _:
            return config


def test_a_config_made_here_is_that_of_keras(oracle: Oracle) -> None:
    ours, theirs = benign(oracle.build(builder).get_config()), benign(oracle.model.get_config())
    assert missing(ours, theirs) == []


def missing(ours: Any, theirs: Any, path: str = "") -> list[str]:
    """Where two configs differ, what only theirs has left out when it is a default that means nothing here."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return [place for key in ours for place in missing(ours[key], theirs.get(key), f"{path}/{key}")]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return [place for index, pair in enumerate(zip(ours, theirs, strict=True)) for place in missing(*pair, f"{path}/{index}")]
    return [] if ours == theirs else [f"{path}: {ours!r} and not {theirs!r}"]


def test_predict_in_batches_is_one_call(oracle: Oracle) -> None:
    model = oracle.build(builder)
    model.set_weights(oracle.model.get_weights())
    inputs = sample(model, rows=7)
    whole = answers(model, inputs)
    for size in (1, 3, 7, 32):
        found = model.predict(inputs, batch_size=size)
        leaves = [found[key] for key in sorted(found)] if isinstance(found, dict) else found if isinstance(found, list) else [found]
        assert_close(leaves, whole, 1e-6)


def test_the_issues_stack_with_an_input_shape() -> None:
    model = Sequential(
        [
            layers.Dense(64, activation="relu", input_shape=(784,)),
            layers.Dropout(0.2),
            layers.Dense(10, activation="softmax"),
        ]
    )
    assert model.built
    assert model.input_shape == (None, 784)
    assert model.output_shape == (None, 10)
    assert model.count_params() == 785 * 64 + 65 * 10
    np.testing.assert_allclose(model.predict(np.ones((5, 784))).sum(axis=1), 1, rtol=1e-5)


def test_the_issues_functional_classifier() -> None:
    inputs = Input(shape=(784,))
    x = layers.Dense(64, activation="relu")(inputs)
    x = layers.Dense(64, activation="relu")(x)
    outputs = layers.Dense(10, activation="softmax")(x)
    model = Model(inputs=inputs, outputs=outputs, name="mnist_model")
    assert type(model) is builder.Functional
    assert [type(layer).__name__ for layer in model.layers] == ["InputLayer", "Dense", "Dense", "Dense"]
    assert model.output_shape == (None, 10)
    np.testing.assert_allclose(model(np.ones((2, 784), np.float32)).sum(axis=1), 1, rtol=1e-5)


def test_names_are_counted_as_in_keras() -> None:
    def stack(k: Any) -> list[str]:
        made = [k.layers.Dense(2), k.layers.Dense(2), k.layers.ReLU(), k.layers.Conv2D(1, 1), k.layers.GlobalAveragePooling2D()]
        return [layer.name for layer in (*made, k.layers.BatchNormalization(), k.Sequential(), k.layers.MaxPooling2D())]

    keras.backend.clear_session()
    builder.naming.reset()
    assert stack(builder) == stack(keras)


# Structures of inputs and outputs.


def test_inputs_are_taken_by_name() -> None:
    a, b = Input((4,), name="a"), Input((4,), name="b")
    model = Model([b, a], layers.Concatenate()([a, b]))
    np.testing.assert_array_equal(model({"a": ONES, "b": 2 * ONES, "c": ONES}), model([2 * ONES, ONES]))


def test_a_missing_name_is_named() -> None:
    a, b = Input((4,), name="a"), Input((4,), name="b")
    with pytest.raises(NetworkError, match="'b' is missing"):
        Model([a, b], layers.Add()([a, b]))({"a": ONES})


@pytest.mark.parametrize("given", [{"a": ONES}, {"a": ONES, "c": ONES}, {"a": ONES, "b": ONES}], ids=lambda given: ", ".join(given))
def test_a_model_of_named_inputs_wants_its_names(given: dict[str, Any]) -> None:
    a, b = Input((4,), name="a"), Input((4,), name="b")
    model = Model({"a": a, "b": b}, layers.Add()([a, b]))
    if {"a", "b"} <= given.keys():
        np.testing.assert_array_equal(model(given), ONES + ONES)
    else:
        with pytest.raises(NetworkError, match="'b' is missing"):
            model(given)


def test_outputs_come_back_in_the_structure_they_were_given_in() -> None:
    x = Input((4,))
    a, b = layers.ReLU(name="a")(x), layers.Dense(2, name="b")(x)
    found = Model(x, {"z": a, "y": (b, [a])})(ONES)
    assert list(found) == ["z", "y"]
    assert isinstance(found["y"], tuple)
    np.testing.assert_array_equal(found["y"][1][0], found["z"])


@pytest.mark.parametrize(
    ("shape", "given"),
    [pytest.param((4, 1), (2, 4), id="a last axis too few"), pytest.param((4,), (2, 4, 1), id="a last axis too many")],
)
def test_a_last_axis_of_one_is_put_right_as_in_keras(shape: tuple[int, ...], given: tuple[int, ...]) -> None:
    def flat(k: Any) -> Any:
        x = k.Input(shape, name="x")
        return k.Model(x, k.layers.Flatten(name="flat")(x))

    numbers = np.arange(8, dtype=np.float32).reshape(given)
    assert_close(answers(flat(builder), numbers), answers(flat(keras), keras.ops.convert_to_tensor(numbers)))


def test_inputs_take_the_dtype_of_the_model() -> None:
    model = Model(x := Input((4,)), layers.ReLU()(x))
    assert model(np.ones((2, 4))).dtype == np.float32
    assert model.predict([[1, 2, 3, 4]]).dtype == np.float32


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        pytest.param(np.ones((2, 3), np.float32), "expected shape=(None, 4), found shape=(2, 3)", id="another size"),
        pytest.param(np.ones((2, 2, 4), np.float32), "expected shape=(None, 4), found shape=(2, 2, 4)", id="another rank"),
        pytest.param([ONES, ONES], "expects 1 input(s), but it received 2 input tensors", id="too many"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(inputs: Any, words: str) -> None:
    x = Input((4,), name="x")
    with pytest.raises(NetworkError, match=re.escape(words)):
        Model(x, layers.ReLU()(x))(inputs)


def test_predict_wants_as_many_rows_of_each_input() -> None:
    a, b = Input((4,)), Input((4,))
    with pytest.raises(NetworkError, match="Data cardinality is ambiguous"):
        Model([a, b], layers.Add()([a, b])).predict([np.ones((2, 4)), np.ones((3, 4))])


def test_predict_of_no_rows_is_no_rows() -> None:
    model = Sequential([Input((4,)), layers.Dense(3)])
    assert model.predict(np.ones((0, 4))).shape == (0, 3)


# Models made of models.


def test_inner_tensors_make_another_model(oracle: Oracle) -> None:
    model = oracle.build(builder)
    model.set_weights(oracle.model.get_weights())
    names = [layer.name for layer in model.layers if not isinstance(layer, Model)]  # the output of a model is in the model
    features = Model(model.inputs, [model.get_layer(name).output for name in names])
    expected = keras.Model(oracle.model.inputs, [oracle.model.get_layer(name).output for name in names])
    inputs = [oracle.inputs[tensor.name] for tensor in model.inputs] if isinstance(oracle.inputs, dict) else oracle.inputs
    inputs = inputs if isinstance(inputs, list) else [inputs]
    assert_close(answers(features, inputs), answers(expected, [keras.ops.convert_to_tensor(array) for array in inputs]))


def test_a_layer_of_a_stack_that_grew_has_an_output() -> None:
    model = Sequential(name="grown")
    for layer in (Input((4,)), layers.Dense(3, name="first"), layers.Dense(2, name="last")):
        model.add(layer)
    features = Model(model.inputs, model.get_layer("first").output)
    assert features(ONES).shape == (2, 3)
    assert len(features.layers) == 2


def test_a_model_on_another_input_shares_its_weights() -> None:
    base = Sequential([Input((4,)), layers.Dense(3)])
    x = Input((4,))
    model = Model(x, base(layers.ReLU()(x)))
    base.layers[0].set_weights([np.ones((4, 3)), np.zeros(3)])
    np.testing.assert_array_equal(model(-ONES), np.zeros((2, 3)))
    np.testing.assert_array_equal(model(ONES), np.full((2, 3), 4))


def test_a_thousand_layers_deep() -> None:
    tensor = x = Input((2,))
    for _ in range(1000):
        tensor = layers.ReLU()(tensor)
    model = Model(x, tensor)
    assert len(model.layers) == 1001
    np.testing.assert_array_equal(model(np.array([[-1.0, 2.0]], np.float32)), [[0, 2]])
    assert len(builder.Functional.from_config(model.get_config()).layers) == 1001


def test_operators_and_functions_stand_between_layers() -> None:
    x = Input((4,), name="x")
    model = Functional(x, ops.relu(layers.Dense(4, name="dense")(x)) * 2 + x)
    assert [layer.name for layer in model.layers] == ["x", "dense"]
    assert [type(operation).__name__ for operation in model.operations] == ["InputLayer", "Dense", "Function", "Function", "Function"]
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(model(ONES), np.maximum(ONES @ kernel + bias, 0) * 2 + ONES, rtol=1e-5)
    again = Functional.from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again(ONES), model(ONES))


def test_a_layer_written_as_for_keras_needs_only_another_import() -> None:
    def scaled(k: Any) -> Any:
        class Scaled(k.layers.Layer):  # type: ignore[misc]
            def __init__(self, power: int = 1, **kwargs: Any) -> None:
                super().__init__(**kwargs)
                self.power = power
                self.inner = k.layers.Dense(3, name="inner")

            def build(self, input_shape: Any) -> None:
                self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="scale")
                self.inner.build(input_shape)

            def call(self, inputs: Any) -> Any:
                return self.inner(k.ops.power(inputs * self.scale, self.power))

        x = k.Input((4,), name="x")
        return k.Model(x, Scaled(2, name="scaled")(x))

    expected = scatter_weights(scaled(keras))
    model = scaled(builder)
    model.set_weights(expected.get_weights())
    assert_close(answers(model, ONES), answers(expected, ONES))
    assert model.get_layer("scaled").get_config()["power"] == 2


# Weights.


def test_answers_follow_the_weights_through_a_folded_normalization() -> None:
    x = Input((6, 6, 2), name="x")
    norm = layers.BatchNormalization(name="norm")
    model = Model(x, layers.Flatten()(norm(layers.Conv2D(3, 3, name="conv")(x))))
    inputs = sample(model)
    for seed in (1, 2):
        scatter_weights(model, seed)
        before = model(inputs)
        gamma, beta, *moving = norm.get_weights()
        norm.set_weights([gamma, beta + 1, *moving])
        np.testing.assert_allclose(model(inputs), before + 1, rtol=1e-4, atol=1e-5)
        model.get_layer("conv").set_weights([np.zeros((3, 3, 2, 3)), np.zeros(3)])
        assert np.ptp(model(inputs), axis=0).max() < 1e-5


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        pytest.param([np.ones((4, 3))], "weight list of length 1, but the layer was expecting 2", id="too few"),
        pytest.param([np.ones((4, 3)), np.ones(3), np.ones(3)], "weight list of length 3", id="too many"),
        pytest.param([np.ones((3, 4)), np.ones(3)], "weight shape (4, 3) is not compatible with provided weight shape (3, 4)", id="turned"),
        pytest.param([np.ones((4, 3)), np.ones(4)], "weight shape (3,) is not compatible", id="the last one"),
    ],
)
def test_weights_are_assigned_all_or_none(weights: Any, words: str) -> None:
    model = Sequential([Input((4,)), layers.Dense(3)])
    before = model.get_weights()
    with pytest.raises(ValueError, match=re.escape(words)):
        model.set_weights(weights)
    for found, expected in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_weight_keeps_its_shape_and_dtype() -> None:
    layer = layers.Dense(3, name="dense")
    layer.build((None, 4))
    layer.kernel.assign(np.ones((4, 3), np.float64))
    assert repr(layer.kernel) == "<Variable path=dense/kernel, shape=(4, 3), dtype=float32>"
    np.testing.assert_array_equal(np.asarray(layer.kernel), np.ones((4, 3), np.float32))
    with pytest.raises(NetworkError, match=re.escape("variable.shape=(4, 3), Received: value.shape=(3, 4)")):
        layer.kernel.assign(np.ones((3, 4)))


def test_what_get_weights_gives_is_a_copy() -> None:
    model = Sequential([Input((4,)), layers.Dense(3)])
    model.get_weights()[0][:] = 7
    assert not np.any(model.get_weights()[0] == 7)


def test_the_input_and_output_of_a_model_make_another_around_it() -> None:
    base = Sequential([Input((4,), name="base_in"), layers.Dense(3, name="base_dense")])
    model = Model(base.input, layers.ReLU()(base.output))
    again = Model(model.input, model.output)
    assert again.output_shape == (None, 3)
    np.testing.assert_array_equal(again(ONES), np.maximum(base(ONES), 0))


def test_a_frozen_layer_has_no_trainable_weights() -> None:
    model = Sequential([Input((4,)), layers.Dense(3, trainable=False), layers.Dense(2)])
    assert len(model.trainable_weights) == len(model.non_trainable_weights) == 2


# Sequential.


def test_a_stack_without_an_input_is_built_by_its_first_call() -> None:
    model = Sequential([layers.Dense(3), layers.Dense(2)], name="late")
    assert not model.built
    assert not hasattr(model, "inputs")
    assert model.weights == []
    assert model(ONES).shape == (2, 2)
    assert model.input_shape == (None, 4)


def test_a_stack_is_built_by_a_shape() -> None:
    model = Sequential([layers.Dense(3)])
    model.build((None, 4))
    assert model.count_params() == 15
    with pytest.raises(NetworkError, match="already been configured to use input shape"):
        model.build((None, 5))


def test_a_stack_is_built_by_a_symbolic_call() -> None:
    x = Input((4,))
    assert Model(x, Sequential([layers.Dense(3)])(x)).output_shape == (None, 3)


@pytest.mark.parametrize(
    "arguments", [{"input_shape": (4,)}, {"input_dim": 4}, {"batch_input_shape": (None, 4)}], ids=lambda arguments: next(iter(arguments))
)
def test_the_first_layer_may_tell_the_shape(arguments: dict[str, Any]) -> None:
    assert Sequential([layers.Dense(3, **arguments)]).input_shape == (None, 4)


def test_a_batch_size_may_be_fixed() -> None:
    assert Sequential([layers.Dense(3, input_shape=(4,), batch_size=2)]).output_shape == (2, 3)


def test_add_and_pop_take_turns() -> None:
    model = Sequential([Input((4,)), layers.Dense(3, name="a"), layers.Dense(2, name="b")])
    assert model.pop().name == "b"
    assert model.output_shape == (None, 3)
    model.add(layers.Dense(5, name="c"))
    assert [layer.name for layer in model.layers] == ["a", "c"]
    assert model(ONES).shape == (2, 5)


def test_there_is_nothing_to_pop_from_an_empty_stack() -> None:
    with pytest.raises(IndexError):
        Sequential().pop()


def two_outputs() -> Any:
    x = Input((4,))
    return Model(x, [layers.ReLU()(x), x])


@pytest.mark.parametrize(
    ("act", "words"),
    [
        pytest.param(lambda: Sequential([Input((4,)), Input((4,))]), "already been configured to use input shape", id="a second input"),
        pytest.param(lambda: Sequential([layers.ReLU(name="a"), layers.ReLU(name="a")]), "should have unique names", id="a name twice"),
        pytest.param(lambda: Sequential([len]), "Only instances of `keras.Layer` can be added", id="no layer"),
        pytest.param(lambda: Sequential([Input((4,)), two_outputs(), layers.ReLU()]), "2 outputs", id="two outputs in a stack"),
        pytest.param(lambda: Sequential()(ONES), "cannot be built because it has no layers", id="an empty stack called"),
        pytest.param(lambda: Sequential().build((None, 4)), "cannot be built because it has no layers", id="an empty stack built"),
        pytest.param(lambda: Sequential.from_config({}), "must be a dictionary containing the 'name' and 'layers' keys", id="a bad config"),
        pytest.param(lambda: Sequential([layers.ReLU()]).inputs, "has no defined inputs yet", id="inputs before they exist"),
        pytest.param(lambda: Sequential([layers.Dense(2)]).count_params(), "isn't built", id="a count before there are weights"),
        pytest.param(lambda: Sequential([layers.ReLU()]).export("x.onnx"), "has no defined inputs yet", id="an export too early"),
    ],
)
def test_what_a_stack_cannot_do_is_refused_in_keras_words(act: Callable[[], Any], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        act()


# Functional.


def disconnected() -> Any:
    a, b = Input((4,), name="a"), Input((4,), name="b")
    return Model(a, layers.Add()([a, b]))


def twice_a_name() -> Any:
    x = Input((4,))
    return Model(x, layers.ReLU(name="a")(layers.Dense(4, name="a")(x)))


@pytest.mark.parametrize(
    ("act", "words"),
    [
        pytest.param(lambda: Model([], Input((4,))), "`inputs` argument cannot be empty", id="no inputs"),
        pytest.param(lambda: Model(Input((4,)), []), "`outputs` argument cannot be empty", id="no outputs"),
        pytest.param(lambda: Model(ONES, Input((4,))), "All `inputs` values must be KerasTensors", id="an array as input"),
        pytest.param(lambda: Model(Input((4,)), "y"), "All `outputs` values must be KerasTensors", id="a text as output"),
        pytest.param(
            disconnected,
            "Graph disconnected: Output with path `` is not connected to `inputs`: it needs input 'b'",
            id="an input forgotten",
        ),
        pytest.param(twice_a_name, 'The name "a" is used 2 times in the model', id="a name twice"),
        pytest.param(lambda: Model(), "takes `inputs` and `outputs`", id="nothing at all"),
        pytest.param(lambda: layers.Dense(2)("text"), "called without a tensor", id="a layer on a text"),
    ],
)
def test_what_a_model_cannot_be_is_refused_in_keras_words(act: Callable[[], Any], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        act()


def test_every_clash_of_names_is_listed() -> None:
    x = Input((4,))
    tensor = x
    for name in ("a", "b", "a", "b", "a"):
        tensor = layers.ReLU(name=name)(tensor)
    with pytest.raises(NetworkError, match=r'(?s)2 problems.*"a" is used 3 times.*"b" is used 2 times'):
        Model(x, tensor)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        pytest.param({"name": "zzz"}, "No such layer: zzz. Existing layers are: ['x', 'dense']", id="no such name"),
        pytest.param({"index": 99}, "Was asked to retrieve layer at index 99 but model only has 2 layers", id="no such index"),
        pytest.param({}, "Provide either a layer name or layer index", id="neither"),
        pytest.param({"name": "dense", "index": 1}, "Provide only a layer name or a layer index", id="both"),
    ],
)
def test_a_layer_that_is_not_there_is_refused(wanted: dict[str, Any], words: str) -> None:
    x = Input((4,), name="x")
    model = Model(x, layers.Dense(2, name="dense")(x))
    assert model.get_layer("dense") is model.get_layer(index=1)
    with pytest.raises(ValueError, match=re.escape(words)):
        model.get_layer(**wanted)


def test_a_layer_that_was_never_called_has_no_output() -> None:
    with pytest.raises(AttributeError, match="has never been called and thus has no defined input/output"):
        _ = layers.Dense(2).output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param({}, "must pass a `shape`", id="no shape"),
        pytest.param({"shape": (4,), "batch_shape": (None, 4)}, "cannot pass both `shape` and `batch_shape`", id="two shapes"),
        pytest.param({"shape": (-1,)}, "Cannot convert", id="a negative size"),
        pytest.param({"shape": ("4",)}, "Cannot convert", id="a text for a size"),
        pytest.param({"shape": (4,), "dtype": "float33"}, "Invalid dtype: float33", id="no dtype"),
    ],
)
def test_an_input_that_is_none_is_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(NetworkError, match=re.escape(words)):
        Input(**arguments)


@pytest.mark.parametrize("kind", ["sparse", "ragged"])
def test_inputs_without_a_form_in_onnx_are_refused(kind: str) -> None:
    with pytest.raises(UnsupportedError, match=f"input 'x' is {kind}"):
        Input((4,), name="x", **{kind: True})  # type: ignore[arg-type]


def test_the_errors_are_also_those_that_keras_raises() -> None:
    assert issubclass(NetworkError, ValueError)
    assert issubclass(NotBuiltError, AttributeError)
    assert issubclass(SymbolicError, TypeError)


def test_a_call_that_would_train_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="training=True"):
        Sequential([Input((4,)), layers.Dropout(0.5)])(ONES, training=True)
