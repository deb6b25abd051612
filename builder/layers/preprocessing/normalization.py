"""Normalization by a mean and a variance that are known beforehand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from builder.errors import NetworkError
from builder.graph import Array
from builder.layer import Layer
from builder.ops.symbolic import KerasTensor, Shape, TensorLike, converted, emit

__all__ = ["Normalization"]

EPSILON = 1e-7  # the least deviation, and not an addend to the variance


class Normalization(Layer):
    """`(inputs - mean) / max(sqrt(variance), 1e-7)` (ONNX Sub, Div), or the inverse of that (ONNX Mul, Add).

    `axis` are the axes along which the mean differs, none for one mean of everything. `mean` and `variance` are given, or
    are weights that `adapt` or a file sets: `mean`, `variance` and, as Keras has it, a `count` without effect.
    """

    def __init__(
        self, axis: int | Sequence[int] | None = -1, mean: Any = None, variance: Any = None, invert: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.axis = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        self.invert = invert
        self.mean: Any = mean
        self.variance: Any = variance
        self._is_given = mean is not None
        self._check_given()

    def build(self, input_shape: Shape) -> None:
        rank = len(input_shape)
        if any(not -rank <= axis < rank for axis in self.axis):
            raise NetworkError(
                f"All `axis` values must be in the range [-ndim, ndim). Received inputs with ndim={rank}, while axis={self.axis}"
            )
        self._kept = tuple(sorted(axis % rank for axis in self.axis))
        self._input_shape = tuple(input_shape)
        if unknown := [axis for axis in self._kept if input_shape[axis] is None]:
            raise NetworkError(
                f"All `axis` values to be kept must have a known shape. Received axis={self.axis}, inputs.shape={input_shape}, "
                f"with unknown axis at index {unknown[0]}"
            )
        if not self._is_given:
            sizes = [size for axis in self._kept if (size := input_shape[axis]) is not None]
            self.mean = self.add_weight(sizes, "zeros", trainable=False, name="mean")
            self.variance = self.add_weight(sizes, "ones", trainable=False, name="variance")
            self.count = self.add_weight((), "zeros", dtype="int32", trainable=False, name="count")

    def adapt(self, data: Array | Iterable[Array]) -> None:
        """Sets mean and variance to those of `data`: an array, or an iterable of batches.

        Raises NetworkError when mean and variance were given, or the data has another shape than the layer was built for.
        """
        if self._is_given:
            raise NetworkError(f"layer '{self.name}' was given `mean` and `variance`; leave them out to adapt it")
        batches = [np.asarray(batch, np.float64) for batch in ([data] if isinstance(data, np.ndarray) else data)]
        if not batches:
            raise NetworkError(f"layer '{self.name}': adapt() received no batches")
        if not self.built:
            self.build((None, *batches[0].shape[1:]) if 0 not in self.axis else batches[0].shape)
        for batch in batches:
            self._check_batch(batch)
        reduced = tuple(axis for axis in range(len(self._input_shape)) if axis not in self._kept)
        counts = np.asarray([batch.size for batch in batches]) / sum(batch.size for batch in batches)
        means = np.stack([batch.mean(axis=reduced) for batch in batches])
        mean = np.tensordot(counts, means, 1)
        spread = np.stack([batch.var(axis=reduced) for batch in batches]) + (means - mean) ** 2
        self.mean.assign(mean)
        self.variance.assign(np.tensordot(counts, spread, 1))

    def call(self, inputs: KerasTensor) -> TensorLike:
        x = converted(inputs, self.compute_dtype)
        mean, variance = (self._aligned(numbers, inputs.ndim) for numbers in (self.mean, self.variance))
        deviation = emit("Max", emit("Sqrt", variance), converted(EPSILON, self.compute_dtype))
        if self.invert:
            return emit("Add", emit("Mul", x, deviation), mean)
        return emit("Div", emit("Sub", x, mean), deviation)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; weights are none."""
        return super().get_config() | ({} if self._is_given else {"mean": None, "variance": None})

    def _aligned(self, numbers: Any, rank: int) -> TensorLike:
        """One number for each place of the kept axes, in a shape that meets the inputs' from the right."""
        sizes = [1] * rank
        for axis, size in zip(reversed(self._kept), reversed(np.shape(numbers)), strict=False):
            sizes[axis] = size
        if self._is_given:
            return np.asarray(numbers, self.compute_dtype).reshape(sizes)
        return emit("Reshape", numbers, np.asarray(sizes, np.int64))

    def _check_given(self) -> None:
        mean, variance = self.mean, self.variance
        if (mean is None) != (variance is None):
            raise NetworkError(
                f"When setting values directly, both `mean` and `variance` must be set. Received: mean={mean} and variance={variance}"
            )
        if np.shape(mean) != np.shape(variance):
            raise NetworkError(
                "When setting values directly, `mean` and `variance` must have the same shape. "
                f"Received: mean shape {np.shape(mean)} and variance shape {np.shape(variance)}"
            )
        if mean is not None and np.ndim(mean) > len(self.axis):
            raise NetworkError(
                f"The rank of `mean` must be less than or equal to the number of axes ({len(self.axis)}). "
                f"Received: mean shape {np.shape(mean)} for axis {self.axis}"
            )

    def _check_batch(self, batch: Array) -> None:
        wrong = batch.ndim != len(self._input_shape) or any(batch.shape[axis] != self._input_shape[axis] for axis in self._kept)
        if wrong:
            raise NetworkError(
                f"layer '{self.name}' was built with input_shape={self._input_shape}, but adapt() is being called with data with an "
                f"incompatible shape, data.shape={batch.shape}"
            )
