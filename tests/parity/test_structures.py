"""Small networks of any structure, as hypothesis draws them: saved by Keras, opened here, exported, and compared."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np
import onnxruntime
from hypothesis import given
from hypothesis import strategies as st

import builder
from tests.builder.networks import assert_close, scatter_weights
from tests.parity.conftest import drawn

CHANNELS = 4
Tensors = list[Any]


def _flipped(x: Any) -> Any:
    return keras.ops.flip(x, axis=1)


def _clipped(x: Any) -> Any:
    return keras.ops.clip(x, -1.0, 1.0)


# One tensor out of one: what is drawn is named in the failing example.
SINGLE: dict[str, list[Callable[[Any], Any]]] = {
    "activation": [
        partial(lambda name, x: keras.layers.Activation(name)(x), name)
        for name in ("relu", "relu6", "gelu", "hard_silu", "softmax", "tanh")
    ],
    "convolution": [
        lambda x: keras.layers.Conv2D(CHANNELS, 1, padding="same", activation="silu")(x),
        lambda x: keras.layers.Conv2D(CHANNELS, 2, padding="same", use_bias=False)(x),
        lambda x: keras.layers.Conv2D(CHANNELS, 3, padding="same", activation="relu")(x),
    ],
    "dense": [lambda x: keras.layers.Dense(CHANNELS)(x)],
    "depthwise": [lambda x: keras.layers.DepthwiseConv2D(3, padding="same")(keras.layers.ZeroPadding2D(1)(x))[:, 1:-1, 1:-1]],
    "function": [keras.ops.relu, keras.ops.sigmoid, keras.ops.square, _clipped, _flipped],
    "layer normalization": [lambda x: keras.layers.LayerNormalization()(x), lambda x: keras.layers.LayerNormalization(axis=(1, 2, 3))(x)],
    "normalization": [lambda x: keras.layers.BatchNormalization()(x), lambda x: keras.layers.BatchNormalization(scale=False)(x)],
    "operators": [lambda x: x * 2.0 + 1.0, lambda x: 1.0 - x, lambda x: x / 3.0, lambda x: -x],
    "pool": [
        lambda x: keras.layers.MaxPooling2D(3, strides=1, padding="same")(x),
        lambda x: keras.layers.AveragePooling2D(3, strides=1, padding="same")(x),
    ],
    "resize": [
        lambda x: keras.layers.AveragePooling2D(2)(keras.layers.UpSampling2D(2)(x)),
        lambda x: keras.layers.MaxPooling2D(2)(keras.layers.UpSampling2D(2, interpolation="bilinear")(x)),
    ],
    "slice": [lambda x: keras.ops.concatenate([x[..., 2:], x[..., :2]], axis=-1)],
}
# One tensor out of two.
DOUBLE: dict[str, list[Callable[[Any, Any], Any]]] = {
    "residual": [
        lambda x, y: x + y,
        lambda x, y: keras.layers.Add()([x, y]),
        lambda x, y: keras.layers.Maximum()([x, y]),
        lambda x, y: keras.layers.Average()([x, y]),
    ],
    "gate": [
        lambda x, y: x * keras.layers.Conv2D(CHANNELS, 1, activation="sigmoid")(keras.layers.GlobalAveragePooling2D(keepdims=True)(y))
    ],
    "join": [lambda x, y: keras.layers.Conv2D(CHANNELS, 1)(keras.layers.Concatenate()([x, keras.layers.Concatenate()([y, x])]))],
}
STEPS = st.sampled_from([*SINGLE, *DOUBLE, "shared", "nested"])


Draw = Callable[[st.SearchStrategy[Any]], Any]


def network(draw: Draw) -> Any:
    """An image network: each step takes tensors that there are already, all of `CHANNELS` channels, and adds one."""
    images = [keras.Input((8, 8, CHANNELS)) for _ in range(draw(st.integers(1, 2)))]
    tensors: Tensors = list(images)
    shared = keras.layers.Conv2D(CHANNELS, 3, padding="same")
    block = _block(draw)
    for step in draw(st.lists(STEPS, min_size=2, max_size=7)):
        tensors.append(_after(draw, step, tensors, shared, block))
    outputs = [_ended(draw, tensors[-1])]
    if draw(st.booleans()):
        outputs.append(draw(st.sampled_from(tensors)))
    joined = keras.layers.GlobalAveragePooling2D()(images[-1])  # so that no input is left out
    return keras.Model(images if len(images) > 1 else images[0], [*outputs, joined])


def _after(draw: Draw, step: str, tensors: Tensors, shared: Any, block: Any) -> Any:
    """One more tensor."""
    x = draw(st.sampled_from(tensors))
    if step in SINGLE:
        return draw(st.sampled_from(SINGLE[step]))(x)
    if step in DOUBLE:
        return draw(st.sampled_from(DOUBLE[step]))(x, draw(st.sampled_from(tensors)))
    return shared(x) if step == "shared" else block(x)


def _block(draw: Draw) -> Any:
    """A model to be called as a layer."""
    if draw(st.booleans()):
        return keras.Sequential([keras.Input((8, 8, CHANNELS)), keras.layers.Conv2D(CHANNELS, 1), keras.layers.BatchNormalization()])
    inside = keras.Input((8, 8, CHANNELS))
    return keras.Model(inside, keras.layers.Add()([inside, keras.layers.DepthwiseConv2D(3, padding="same")(inside)]))


def _ended(draw: Draw, x: Any) -> Any:
    """The way from an image to a row."""
    match draw(st.sampled_from(["average", "flatten", "largest", "reshape", "as it is"])):
        case "average":
            return keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(x))
        case "flatten":
            return keras.layers.Dense(3, activation="softmax")(keras.layers.Flatten()(x))
        case "largest":
            return keras.ops.max(x, axis=(1, 2))
        case "reshape":
            return keras.layers.Reshape((16, -1))(x)
        case _:
            return x


@drawn
@given(data=st.data())
def test_a_network_that_keras_saved_answers_the_same(data: st.DataObject) -> None:
    with keras.StatelessScope(initialize_variables=False):
        model = network(data.draw)
    scatter_weights(model)
    generator = np.random.default_rng(0)
    images = [generator.normal(size=(3, 8, 8, CHANNELS)).astype(np.float32) for _ in model.inputs]
    with TemporaryDirectory() as directory:
        saved, exported = Path(directory) / "saved.keras", Path(directory) / "exported.onnx"
        model.save(saved)
        builder.load_model(saved).export(exported)
        session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    for rows in (1, 3):
        given_ = [image[:rows] for image in images]
        expected = [np.asarray(output) for output in model(given_ if len(given_) > 1 else given_[0])]
        scales = [max(1.0, float(np.abs(array).max())) for array in expected]
        found = session.run(None, {one.name: image for one, image in zip(session.get_inputs(), given_, strict=True)})
        assert_close([a / s for a, s in zip(found, scales, strict=True)], [a / s for a, s in zip(expected, scales, strict=True)])
