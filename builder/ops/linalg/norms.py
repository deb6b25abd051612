"""`keras.ops.linalg`: matrices and their lengths, as far as plain ONNX has them."""

from typing import Any

import numpy as np

from builder.errors import NetworkError
from builder.ops.axes import Axis, axes_of
from builder.ops.numpy.arithmetic import absolute, multiply, power, sqrt
from builder.ops.numpy.comparison import not_equal
from builder.ops.numpy.reduction import max, min, sum
from builder.ops.operation import operation
from builder.ops.promotion import dtype_of, floating
from builder.ops.symbolic import KerasTensor, TensorLike, converted, shape_of

__all__ = ["norm"]


@operation
def norm(x: TensorLike, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> KerasTensor:
    """How long the vectors along `axis` are, or how large the matrices over two axes.

    `ord` of vectors is any number, 2 unless told otherwise, and of matrices "fro", 1, -1 or an infinity: the others need
    singular values, which plain ONNX has not.
    """
    x, rank = floating(x), len(shape_of(x))
    axes = tuple(one % rank for one in (range(rank) if axis is None else axes_of(axis)))
    if axis is None and ord is None:
        return _of_vectors(x, 2, axes, keepdims)
    if len(axes) == 1:
        return _of_vectors(x, 2 if ord is None else ord, axes, keepdims)
    if len(axes) == 2:
        return _of_matrices(x, "fro" if ord is None else ord, (axes[0], axes[1]), keepdims)
    raise NetworkError(f"Invalid axis values: axis={axis}; one axis or two, or none and no `ord`, have a norm")


def _of_vectors(x: TensorLike, ord: Any, axes: tuple[int, ...], keepdims: bool) -> KerasTensor:
    size = absolute(x)
    if ord in ("inf", np.inf):
        return max(size, axes, keepdims)
    if ord in ("-inf", -np.inf):
        return min(size, axes, keepdims)
    if isinstance(ord, str):
        raise NetworkError(f"Invalid `ord` argument for vector norm. Received: ord={ord}")
    match ord:
        case 0:
            counted = converted(not_equal(x, 0), dtype_of(x))
            return sum(counted, axes, keepdims)
        case 1:
            return sum(size, axes, keepdims)
        case 2:
            return sqrt(sum(multiply(x, x), axes, keepdims))
    return power(sum(power(size, float(ord)), axes, keepdims), 1 / float(ord))


def _of_matrices(x: TensorLike, ord: Any, axes: tuple[int, int], keepdims: bool) -> KerasTensor:
    rows, columns = axes
    largest, smallest = (np.inf, 1, "inf"), (-np.inf, -1, "-inf")
    if ord == "fro":
        return _of_vectors(x, 2, axes, keepdims)
    if ord not in (*largest, *smallest):
        raise NetworkError(f"`ord` of matrices must be 'fro', 1, -1, inf or -inf: others need singular values. Received: ord={ord}")
    sums = sum(absolute(x), rows if ord in (1, -1) else columns, keepdims=True)
    return (max if ord in largest else min)(sums, axes, keepdims)
