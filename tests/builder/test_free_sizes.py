"""Sizes that only a run tells: layers compute with them, and the batch stays the batch."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from builder import Input, Layer, Model, ops
from builder.errors import UnsupportedError

A = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)


def class_token(o: Any, x: Any) -> Any:
    token = o.broadcast_to(o.ones((1, 1, 4)), (o.shape(x)[0], 1, 4))
    return o.concatenate([token, x], axis=1)


# What layers do with sizes that only a run tells. Where the sizes of the batch meet no others, it stays the batch.
SIZED: dict[str, Callable[..., Any]] = {
    "a class token": class_token,
    "heads apart": lambda o, x: o.transpose(o.reshape(x, (o.shape(x)[0], o.shape(x)[1], 2, 2)), (0, 2, 1, 3)),
    "heads together": lambda o, x: o.reshape(x, (o.shape(x)[0], -1)),
    "the batch away and back": lambda o, x: o.reshape(o.reshape(x, (-1, 4)) * 2, (-1, o.shape(x)[1], 4)),
    "steps by number": lambda o, x: x + o.cast(o.arange(o.shape(x)[1]), "float32")[None, :, None],
    "the first rows of a table": lambda o, x: x + o.convert_to_tensor(np.arange(1200, dtype="float32").reshape(300, 4))[: o.shape(x)[1]],
    "a causal mask": lambda o, x: o.where(o.arange(o.shape(x)[1])[:, None] > 1, x, o.zeros_like(x)),
    "zeros of its size": lambda o, x: o.concatenate([x, o.zeros((o.shape(x)[0], o.shape(x)[1], 2))], axis=-1),
    "the same for each row": lambda o, x: x * o.tile(o.ones((1, 1, 4)) * 3, (o.shape(x)[0], 1, 1)),
    "the mean by hand": lambda o, x: o.sum(x, axis=1) / o.cast(o.shape(x)[1], "float32"),
    "half of the steps": lambda o, x: x[:, : o.shape(x)[1] // 2],
    "the last step": lambda o, x: x[:, o.shape(x)[1] - 1],
    "a part": lambda o, x: o.slice(x, (0, 1, 0), (o.shape(x)[0], 1, 4)),
    "full": lambda o, x: o.full((o.shape(x)[0], 3), 2.5) + o.full_like(x[:, 0, :3], 1),
    "products": lambda o, x: o.einsum("bik,bjk->bij", x, x),
    "products of heads": lambda o, x: o.einsum(
        "bihd,hde->bie", o.reshape(x, (o.shape(x)[0], o.shape(x)[1], 2, 2)), np.ones((2, 2, 5), "float32")
    ),
    "repeated": lambda o, x: o.repeat(x, 2, axis=2),
    "turned": lambda o, x: o.flip(x, axis=1),
    "sorted": lambda o, x: o.sort(x, axis=1),
}


@pytest.mark.parametrize("name", SIZED)
def test_a_layer_computes_with_sizes_that_are_free(name: str, tmp_path: Path) -> None:
    class Sized(Layer):
        def call(self, inputs: Any) -> Any:
            return SIZED[name](ops, inputs)

    x = Input((None, 4), name="x")
    model = Model(x, Sized()(x))
    expected = np.asarray(SIZED[name](keras.ops, keras.ops.convert_to_tensor(A)))
    found = np.asarray(model(A))
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    assert model.export(tmp_path / "sized.onnx").batched


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_images_of_free_size_are_resized(interpolation: str, tmp_path: Path) -> None:
    image = np.random.default_rng(0).random((2, 5, 7, 3)).astype(np.float32)
    x = Input((None, None, 3))
    model = Model(x, ops.image.resize(x, (4, 9), interpolation=interpolation))
    wanted = keras.ops.image.resize(image, (4, 9), interpolation=interpolation)
    np.testing.assert_allclose(np.asarray(model(image)), wanted, atol=1e-5)
    assert model.export(tmp_path / "resize.onnx").batched


@pytest.mark.parametrize(
    "arguments",
    [{"interpolation": "lanczos3"}, {"interpolation": "bicubic"}],
    ids=lambda given: given["interpolation"],
)
def test_what_needs_the_size_of_images_is_refused_with_the_layer(arguments: dict[str, Any]) -> None:
    x = Input((None, None, 3))
    with pytest.raises(UnsupportedError, match=r"'resize.*': .* size"):
        Model(x, ops.image.resize(x, (4, 9), **arguments))(np.ones((1, 5, 7, 3), np.float32))


def test_a_batch_stays_the_batch_through_reshapes() -> None:
    x = Input((6, 4), name="x")
    for shape in ((-1, 24), (-1, 3, 8), (-1, 6, 2, 2), (None, 24), (0, -1)):
        assert ops.reshape(x, shape).value.spec.shape[0] == "batch", shape
    steps = ops.reshape(x, (-1, 4))
    assert steps.shape == (None, 4)
    assert ops.reshape(steps, (-1, 6, 4)).shape == (None, 6, 4)
