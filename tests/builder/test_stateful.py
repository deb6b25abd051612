"""Layers that keep their states from call to call: as in Keras here, and as inputs and outputs in an exported file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import onnxruntime
import pytest

import builder
from builder.errors import NetworkError, UnsupportedError
from builder.graph import Array
from tests.builder.networks import answers, assert_close, scatter_weights

BATCH, STEPS = 2, 5


def side_by_side(k: Any) -> Any:
    """A layer of each kind, side by side, so that Keras compiles once for all."""
    x = k.Input(batch_shape=(BATCH, STEPS, 3), name="x")
    film = k.Input(batch_shape=(BATCH, 3, 5, 4, 2), name="film")
    kept = k.layers.Masking(name="masking")(x)
    cells = [k.layers.LSTMCell(3, name="a"), k.layers.GRUCell(2, name="b")]
    outputs = [
        k.layers.LSTM(4, stateful=True, return_sequences=True, name="lstm")(x),
        k.layers.GRU(4, stateful=True, name="gru")(kept),
        k.layers.SimpleRNN(4, stateful=True, go_backwards=True, activation="gelu", name="simple")(x),
        k.layers.RNN(cells, stateful=True, name="cells")(x),
        k.layers.Bidirectional(k.layers.LSTM(3, stateful=True, return_sequences=True, name="inner"), name="both")(kept),
        k.layers.Bidirectional(k.layers.GRU(3, stateful=True, activation="silu", name="steps"), name="apart")(x),
        k.layers.ConvLSTM2D(2, 2, stateful=True, name="images")(film),
    ]
    return k.Model([x, film], outputs, name="side_by_side")


def parts(count: int) -> list[list[Array]]:
    """Inputs of several calls in a row, some of their steps padding."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(count, BATCH, STEPS, 3)).astype(np.float32)
    x[:, 0, 3:] = x[1, 1] = 0
    return [[one, generator.normal(size=(BATCH, 3, 5, 4, 2)).astype(np.float32)] for one in x]


def call(model: Any, inputs: list[Array]) -> list[Array]:
    return [np.asarray(output) for output in model.predict(inputs, batch_size=BATCH)]


def reset(model: Any) -> None:
    for layer in model.layers:
        if hasattr(layer, "reset_states"):
            layer.reset_states()


def test_calls_in_a_row_go_on_as_in_keras(tmp_path: Path) -> None:
    theirs = scatter_weights(side_by_side(keras))
    theirs.save(tmp_path / "model.keras")
    ours = builder.load_model(tmp_path / "model.keras")
    assert len(ours.weights) == len(theirs.weights)
    inputs = parts(3)
    expected = [answers(theirs, one) for one in inputs]  # called: on JAX, Keras's `predict` lets go of the states
    found = [call(ours, one) for one in inputs]
    for one, other in zip(found, expected, strict=True):
        assert_close(one, other)
    assert all(np.any(first != again) for first, again in zip(found[0], call(ours, inputs[0]), strict=True))
    reset(ours)
    assert_close(call(ours, inputs[0]), expected[0])


def test_a_file_that_is_fed_its_own_states_goes_on_too(tmp_path: Path) -> None:
    model = scatter_weights(side_by_side(builder))
    written = model.export(tmp_path / "model.onnx")
    assert not written.batched
    properties = {entry.key: entry.value for entry in onnx.load(written.path).metadata_props}
    pairs = json.loads(properties["hornbeam.states"])
    assert ["lstm_state_0_in", "lstm_state_0_out"] in pairs
    assert len(pairs) == 2 + 1 + 1 + 3 + 4 + 2 + 2
    session = onnxruntime.InferenceSession(written.path)
    names = [output.name for output in session.get_outputs()]
    states = {given.name: np.zeros(given.shape, np.float32) for given in session.get_inputs() if given.name in dict(pairs)}
    for x, film in parts(3):
        outputs = dict(zip(names, session.run(None, {"x": x, "film": film, **states}), strict=True))
        assert_close([outputs[name] for name in model.output_names], call(model, [x, film]))
        states = {given: outputs[after] for given, after in pairs}


def test_a_layer_called_on_arrays_goes_on() -> None:
    layer, whole = builder.layers.LSTM(4, stateful=True), builder.layers.LSTM(4)
    x = np.random.default_rng(1).normal(size=(2, 6, 3)).astype(np.float32)
    layer(x[:, :2])
    layer.reset_state()
    whole.build((None, 6, 3))
    layer.set_weights(whole.get_weights())
    layer(x[:, :2])
    layer(x[:, 2:4])
    np.testing.assert_allclose(layer(x[:, 4:]), whole(x), rtol=1e-5, atol=1e-6)


def test_states_in_16_bits_are_kept_in_32() -> None:
    x = builder.Input(batch_shape=(2, 4, 3), name="x")
    model = scatter_weights(builder.Model(x, builder.layers.GRU(3, stateful=True, name="gru", dtype="mixed_float16")(x)))
    steps = np.ones((2, 4, 3), np.float32)
    assert np.any(model.predict(steps) != model.predict(steps))
    assert [memory.array.dtype for memory in model.all_memories()] == [np.float32]


def test_a_model_without_such_layers_has_no_states(tmp_path: Path) -> None:
    x = builder.Input((4, 3), name="x")
    written = builder.Model(x, builder.layers.GRU(3, name="gru")(x)).export(tmp_path / "model.onnx")
    assert "hornbeam.states" not in {entry.key for entry in onnx.load(written.path).metadata_props}


def test_a_batch_of_no_known_size_is_refused() -> None:
    with pytest.raises(NetworkError, match="When using `stateful=True` in a RNN, the batch size must be static"):
        builder.layers.LSTM(4, stateful=True)(builder.Input((5, 3)))


def test_a_batch_of_another_size_is_refused() -> None:
    layer = builder.layers.LSTM(4, stateful=True)
    layer(np.zeros((2, 5, 3), np.float32))
    with pytest.raises(NetworkError, match=r"Expected batch size: 2\. Received batch size: 3"):
        layer(np.zeros((3, 5, 3), np.float32))


def test_states_of_two_kinds_are_refused() -> None:
    x = builder.Input(batch_shape=(2, 5, 3))
    with pytest.raises(UnsupportedError, match="use one of the two"):
        builder.layers.GRU(4, stateful=True)(x, initial_state=builder.Input(batch_shape=(2, 4)))


def test_a_layer_that_is_called_twice_is_refused() -> None:
    layer = builder.layers.GRU(3, stateful=True, return_sequences=True, name="gru")
    x = builder.Input(batch_shape=(2, 5, 3), name="x")
    model = builder.Model(x, layer(layer(x)))
    with pytest.raises(UnsupportedError, match="'gru_state_0' is kept by a layer that is called 2 times"):
        model.predict(np.zeros((2, 5, 3), np.float32))


def test_two_states_of_one_name_are_refused() -> None:
    def inner() -> Any:
        x = builder.Input(batch_shape=(2, 5, 3))
        return builder.Model(x, builder.layers.GRU(3, stateful=True, return_sequences=True, name="gru")(x))

    x = builder.Input(batch_shape=(2, 5, 3), name="x")
    with pytest.raises(NetworkError, match="rename the layers that keep states"):
        builder.Model(x, inner()(inner()(x))).predict(np.zeros((2, 5, 3), np.float32))
