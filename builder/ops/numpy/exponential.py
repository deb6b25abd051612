"""Element by element: exponentials, logarithms and their kin."""

import math

import numpy as np

from builder.errors import NetworkError
from builder.ops.numpy.arithmetic import add, multiply
from builder.ops.operation import operation
from builder.ops.promotion import dtype_of, floating, is_floating, promoted
from builder.ops.symbolic import KerasTensor, TensorLike, converted, emit

__all__ = ["cbrt", "exp", "exp2", "expm1", "ldexp", "log", "log1p", "log2", "log10", "logaddexp", "logaddexp2"]


@operation
def exp(x: TensorLike) -> KerasTensor:
    """`e ** x` (ONNX Exp)."""
    return emit("Exp", floating(x))


@operation
def exp2(x: TensorLike) -> KerasTensor:
    """`2 ** x` (ONNX Pow)."""
    x = floating(x)
    return emit("Pow", converted(2, dtype_of(x)), x)


@operation
def expm1(x: TensorLike) -> KerasTensor:
    """`e ** x - 1`, also where `x` is near zero: `tanh(x / 2) * (e ** x + 1)` loses no digits there."""
    x = floating(x)
    dtype = dtype_of(x)
    one = converted(1, dtype)
    near = multiply(emit("Tanh", multiply(x, 0.5)), emit("Add", emit("Exp", x), one))
    small = emit("Less", emit("Abs", x), converted(1, dtype))
    return emit("Where", small, near, emit("Sub", emit("Exp", x), one))


@operation
def ldexp(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """`x1 * 2 ** x2`, broadcast, in two steps so that neither power is too large alone. Raises NetworkError for an `x2` of floats."""
    if is_floating(dtype_of(x2)):
        raise NetworkError(f"The exponents of `ldexp` must be integers. Received: dtype={dtype_of(x2)}")
    number, dtype = floating(x1), dtype_of(floating(x1))
    exponent = converted(x2, "int32")
    half = emit("Div", exponent, np.int32(2))
    for part in (half, emit("Sub", exponent, half)):
        number = emit("Mul", number, emit("Pow", converted(2, dtype), converted(part, dtype)))
    return emit("Identity", number)


@operation
def log(x: TensorLike) -> KerasTensor:
    """The natural logarithm (ONNX Log)."""
    return emit("Log", floating(x))


@operation
def log1p(x: TensorLike) -> KerasTensor:
    """`log(1 + x)`, also where `x` is near zero: `2 * atanh(x / (x + 2))` loses no digits there."""
    x = floating(x)
    dtype = dtype_of(x)
    near = multiply(emit("Atanh", emit("Div", x, add(x, 2))), 2)
    small = emit("Less", emit("Abs", x), converted(0.5, dtype))
    return emit("Where", small, near, emit("Log", emit("Add", x, converted(1, dtype))))


@operation
def log2(x: TensorLike) -> KerasTensor:
    """The logarithm to base 2."""
    return multiply(log(x), 1 / math.log(2))


@operation
def log10(x: TensorLike) -> KerasTensor:
    """The logarithm to base 10."""
    return multiply(log(x), 1 / math.log(10))


@operation
def logaddexp(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """`log(e ** x1 + e ** x2)`, which is the larger one and at most log(2) more."""
    a, b = (floating(operand) for operand in promoted(x1, x2))
    gap = emit("Neg", emit("Abs", emit("Sub", a, b)))
    same = emit("Equal", a, b)  # infinities have no difference
    gap = emit("Where", same, converted(0, gap.dtype), gap)
    return emit("Add", emit("Max", a, b), log1p(emit("Exp", gap)))


@operation
def logaddexp2(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """`log2(2 ** x1 + 2 ** x2)`."""
    return multiply(logaddexp(multiply(x1, math.log(2)), multiply(x2, math.log(2))), 1 / math.log(2))


@operation
def cbrt(x: TensorLike) -> KerasTensor:
    """The cube root, of the sign of `x` (ONNX Pow)."""
    x = floating(x)
    return emit("Mul", emit("Sign", x), emit("Pow", emit("Abs", x), converted(1 / 3, dtype_of(x))))
