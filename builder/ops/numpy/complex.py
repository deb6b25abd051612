"""What complex numbers have, of numbers that are real: those are all that ONNX has."""

import math

from builder.ops.numpy.comparison import signbit, where
from builder.ops.numpy.creation import full_like, zeros_like
from builder.ops.operation import operation
from builder.ops.promotion import floating
from builder.ops.symbolic import KerasTensor, TensorLike, emit

__all__ = ["angle", "conj", "conjugate", "imag", "isreal", "real"]


@operation
def real(x: TensorLike) -> KerasTensor:
    """`x` as it is (ONNX Identity)."""
    return emit("Identity", x)


@operation
def imag(x: TensorLike) -> KerasTensor:
    """Zeros in the shape of `x` (ONNX Expand)."""
    return zeros_like(x)


@operation
def conjugate(x: TensorLike) -> KerasTensor:
    """`x` as it is (ONNX Identity)."""
    return emit("Identity", x)


@operation
def conj(x: TensorLike) -> KerasTensor:
    """As `conjugate`."""
    return conjugate(x)


@operation
def isreal(x: TensorLike) -> KerasTensor:
    """True for each element, whatever it is (ONNX Expand)."""
    return full_like(x, True, "bool")


@operation
def angle(x: TensorLike) -> KerasTensor:
    """Pi where `x` is below zero or -0.0, else zero; of what is no number none."""
    x = floating(x)
    return where(emit("IsNaN", x), x, where(signbit(x), math.pi, zeros_like(x)))
