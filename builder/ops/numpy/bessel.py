"""Bessel's functions, as series of Chebyshev's polynomials `T_k(y) = cos(k * arccos(y))`."""

from collections.abc import Callable

import numpy as np
from numpy.polynomial import Chebyshev

from builder.graph import Array
from builder.ops.numpy.shaping import expand_dims
from builder.ops.operation import operation
from builder.ops.promotion import dtype_of, floating
from builder.ops.symbolic import KerasTensor, TensorLike, converted, emit

__all__ = ["i0"]

_TERMS = 24
_BOUND = 8.0  # up to which `e ** -x * i0(x)` is one series, and beyond which `sqrt(x)` times that is another


@operation
def i0(x: TensorLike) -> TensorLike:
    """The modified Bessel function of the first kind and of order zero (ONNX Acos, Cos, MatMul)."""
    size = emit("Abs", converted(x, "float32"))
    bound = np.float32(_BOUND)
    near = _series(emit("Sub", emit("Div", size, np.float32(_BOUND / 2)), np.float32(1)), lambda y: _scaled(_BOUND / 2 * (y + 1)))
    far = _series(emit("Sub", emit("Div", np.float32(2 * _BOUND), size), np.float32(1)), _scaled_by_root)
    part = emit("Where", emit("Less", size, bound), near, emit("Div", far, emit("Sqrt", size)))
    return converted(emit("Mul", part, emit("Exp", size)), dtype_of(floating(x)))


def _series(y: KerasTensor, function: Callable[[Array], Array]) -> KerasTensor:
    """The function of `y`, which is between -1 and 1."""
    weights = Chebyshev.interpolate(function, _TERMS - 1).coef
    turns = emit("Mul", expand_dims(emit("Acos", y), -1), np.arange(_TERMS, dtype=np.float32))
    return emit("MatMul", emit("Cos", turns), weights.astype(np.float32))


def _scaled(x: Array) -> Array:
    scaled: Array = np.exp(-x) * np.i0(x)
    return scaled


def _scaled_by_root(y: Array) -> Array:
    """`sqrt(x) * e ** -x * i0(x)` at `x = 2 * _BOUND / (y + 1)`; far out, where `i0` is too large, by its expansion there."""
    x = 2 * _BOUND / (y + 1)
    within = np.minimum(x, 500.0)
    expansion = (1 + 1 / (8 * x) + 9 / (128 * x**2) + 225 / (3072 * x**3)) / np.sqrt(2 * np.pi)
    scaled: Array = np.where(x < 500, np.sqrt(within) * _scaled(within), expansion)
    return scaled
