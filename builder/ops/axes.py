"""Axes and sizes as operators take them: ONNX wants tensors of int64 where Keras has an integer, a tuple or None."""

from collections.abc import Sequence

import numpy as np

from builder.graph import Array

__all__ = ["Axis", "axes_of", "integers", "inverse"]

Axis = int | Sequence[int] | None


def axes_of(axis: int | Sequence[int]) -> tuple[int, ...]:
    """One axis or several, as a tuple."""
    return (axis,) if isinstance(axis, int) else tuple(axis)


def integers(values: Sequence[int]) -> Array:
    """The values as a tensor of int64."""
    return np.asarray(values, np.int64)


def inverse(axes: Sequence[int]) -> tuple[int, ...]:
    """The permutation that undoes `axes`."""
    return tuple(sorted(range(len(axes)), key=axes.__getitem__))
