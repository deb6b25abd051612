"""Matrices made triangular, column by column, the largest element of each as the pivot; and what that tells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from builder.errors import NetworkError
from builder.ops.axes import integers
from builder.ops.body import step_through
from builder.ops.numpy.reduction import argmax
from builder.ops.numpy.shaping import expand_dims, squeeze
from builder.ops.operation import operation
from builder.ops.promotion import floating
from builder.ops.symbolic import KerasTensor, TensorLike, converted, emit, shape_of

__all__ = ["Eliminated", "column", "eliminated", "row", "slogdet", "square_size"]


@dataclass(frozen=True, slots=True)
class Eliminated:
    """`(..., n, m)`: the factors below the diagonal, and what is left from it on; and `(..., n)`, which row each was exchanged with."""

    matrix: KerasTensor
    exchanged: KerasTensor


@operation
def slogdet(x: TensorLike) -> tuple[TensorLike, TensorLike]:
    """The sign of the determinant of each matrix, and the logarithm of its absolute value: `(..., n, n)` to two of `(...)` (ONNX Scan)."""
    size = square_size(x)
    found = eliminated(converted(floating(x), "float32"))
    pivots = emit("ReduceSum", emit("Mul", found.matrix, np.eye(size, dtype=np.float32)), integers((-1,)), keepdims=0)
    kept = emit("Equal", found.exchanged, np.arange(size, dtype=np.int32))
    turns = emit("Where", kept, np.float32(1), np.float32(-1))
    sign = emit("ReduceProd", emit("Mul", emit("Sign", pivots), turns), integers((-1,)), keepdims=0)
    return sign, emit("ReduceSum", emit("Log", emit("Abs", pivots)), integers((-1,)), keepdims=0)


def eliminated(x: TensorLike) -> Eliminated:
    """Matrices of float32 `(..., n, m)`, the first n columns of which are made a triangle, all rows changing with them (ONNX Scan)."""
    height, width = shape_of(x)[-2:]
    assert height is not None
    assert width is not None
    rows, columns = np.arange(height, dtype=np.int32)[:, None], np.arange(width, dtype=np.int32)

    def step(states: list[KerasTensor], slices: list[KerasTensor]) -> tuple[list[TensorLike], list[TensorLike]]:
        (matrix,), (place,) = states, slices
        below = emit("Greater", rows, place)
        size = emit("Abs", column(matrix, place))
        pivot = argmax(emit("Where", emit("Less", rows, place), np.float32(-1), size), -2, True)
        own, best = emit("Equal", rows, place), emit("Equal", rows, pivot)
        head = row(matrix, best)
        swapped = emit("Where", own, head, emit("Where", best, row(matrix, own), matrix))
        divisor = column(head, place)
        divisor = emit("Where", emit("Equal", divisor, np.float32(0)), np.float32(1), divisor)
        factors = emit("Where", below, emit("Div", column(swapped, place), divisor), np.float32(0))
        rest = emit("Where", emit("Greater", columns, place), head, np.float32(0))
        reduced = emit("Sub", swapped, emit("Mul", factors, rest))
        eliminated_ones = emit("And", below, emit("Equal", columns, place))
        return [emit("Where", eliminated_ones, factors, reduced)], [squeeze(pivot, (-2, -1))]

    (matrix,), (exchanged,) = step_through(step, [x], [rows[:, 0]])
    return Eliminated(matrix, emit("Transpose", exchanged, perm=(*range(1, exchanged.ndim), 0)))


def square_size(x: TensorLike) -> int:
    """The size of square matrices. Raises NetworkError for others, or where it is not known."""
    shape = shape_of(x)
    if len(shape) < 2 or shape[-1] is None or shape[-1] != shape[-2]:
        raise NetworkError(f"Square matrices of known size are needed: (..., n, n). Received: shape={shape}")
    return shape[-1]


def column(matrix: TensorLike, place: KerasTensor) -> KerasTensor:
    """One column of each matrix, kept as one."""
    return emit("Gather", matrix, expand_dims(place, 0), axis=-1)


def row(matrix: TensorLike, here: KerasTensor) -> KerasTensor:
    """The one row of each matrix that is marked, kept as a row."""
    return emit("ReduceSum", emit("Where", here, matrix, np.float32(0)), integers((-2,)), keepdims=1)
