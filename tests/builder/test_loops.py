"""What functions that `ops` calls again and again may read from outside, and what becomes of that in a network."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builder import Input, Model, ops
from builder.errors import SymbolicError, UnsupportedError
from builder.layers import Dense, Layer
from builder.ops.symbolic import KerasTensor

X = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
Y = np.random.default_rng(1).normal(size=(5, 3)).astype(np.float32)


class Reading(Layer):
    """Loops within a loop; each reads a weight, the network's inputs, and what is worked out of them outside."""

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight((3,), initializer="ones", name="scale")

    def call(self, x: KerasTensor, y: KerasTensor) -> Any:
        mean = ops.mean(y, axis=0)

        def halved(row: KerasTensor) -> Any:
            return ops.while_loop(lambda part: ops.max(part) > ops.max(mean), lambda part: part / 2 - ops.abs(mean) * self.scale, row)

        return ops.map(lambda row: ops.sum(ops.map(lambda one: one * mean, x) * halved(row), axis=0), y)


def halved(row: Any, mean: Any) -> Any:
    while row.max() > mean.max():
        row = row / 2 - np.abs(mean)
    return row


def test_a_body_reads_what_is_outside_of_it(tmp_path: Path) -> None:
    x, y = (Input(batch_shape=(5, 3), name=name) for name in "xy")
    model = Model([x, y], Reading()(x, y))
    mean = Y.mean(axis=0)
    wanted = np.stack([(X * mean * halved(row, mean)).sum(axis=0) for row in Y])
    np.testing.assert_allclose(model([X, Y]), wanted, rtol=1e-5)
    exported = model.export(tmp_path / "model.onnx")
    assert {name for name, _ in exported.inputs} == {"x", "y"}


def test_a_layer_is_called_in_a_body() -> None:
    x, dense = Input((3,)), Dense(2, name="dense")

    class Each(Layer):
        def call(self, x: KerasTensor) -> Any:
            return ops.scan(lambda total, row: (total + row, dense(ops.expand_dims(total, 0))[0]), ops.zeros((3,)), x)[1]

    before = np.cumsum(X, axis=0) - X
    model = Model(x, Each()(x))
    np.testing.assert_allclose(model(X), before @ dense.kernel.numpy(), rtol=1e-5, atol=1e-6)


def test_what_is_known_is_chosen_without_computing_both() -> None:
    def never() -> Any:
        raise AssertionError

    assert ops.cond(True, lambda: 1, never) == 1
    assert ops.cond(np.array(False), never, lambda: 2) == 2
    assert ops.switch(9, [never, lambda x: x + 1], 3) == 4


def test_numbers_are_had_of_what_has_them() -> None:
    dense = Dense(2)
    dense.build((None, 3))
    np.testing.assert_array_equal(ops.convert_to_numpy(dense.kernel), dense.kernel.numpy())
    with pytest.raises(SymbolicError, match="cannot convert it to a NumPy array"):
        ops.convert_to_numpy(Input((3,)))


def test_an_argument_that_has_no_form_says_so() -> None:
    with pytest.raises(UnsupportedError, match="beam search"):
        ops.ctc_decode(X[None], np.array([5]), strategy="beam_search")
    with pytest.raises(UnsupportedError, match="cannot read the bits"):
        ops.view(X, "int32")


def test_a_transform_of_any_size_is_exact() -> None:
    """ONNX Runtime's own DFT is off by a hundredth for a size that is no power of two."""
    signal = np.random.default_rng(2).normal(size=(2, 1000)).astype(np.float32)
    wanted = np.fft.rfft(signal)
    real, imaginary = map(np.asarray, ops.rfft(signal))
    np.testing.assert_allclose(real + 1j * imaginary, wanted, atol=2e-4)
