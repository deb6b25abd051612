"""Element by element: angles, and the hyperbolic functions."""

import math

from builder.ops.numpy.arithmetic import multiply
from builder.ops.operation import operation
from builder.ops.promotion import dtype_of, floating, promoted
from builder.ops.symbolic import KerasTensor, TensorLike, converted, emit

__all__ = [
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "cos",
    "cosh",
    "deg2rad",
    "rad2deg",
    "sin",
    "sinc",
    "sinh",
    "tan",
    "tanh",
]


@operation
def sin(x: TensorLike) -> KerasTensor:
    """The sine (ONNX Sin)."""
    return emit("Sin", floating(x))


@operation
def cos(x: TensorLike) -> KerasTensor:
    """The cosine (ONNX Cos)."""
    return emit("Cos", floating(x))


@operation
def tan(x: TensorLike) -> KerasTensor:
    """The tangent (ONNX Tan)."""
    return emit("Tan", floating(x))


@operation
def arcsin(x: TensorLike) -> KerasTensor:
    """The angle of that sine (ONNX Asin)."""
    return emit("Asin", floating(x))


@operation
def arccos(x: TensorLike) -> KerasTensor:
    """The angle of that cosine (ONNX Acos)."""
    return emit("Acos", floating(x))


@operation
def arctan(x: TensorLike) -> KerasTensor:
    """The angle of that tangent (ONNX Atan)."""
    return emit("Atan", floating(x))


@operation
def arctan2(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """The angle of the point `(x2, x1)`, from -pi to pi."""
    y, x = (floating(operand) for operand in promoted(x1, x2))
    dtype = dtype_of(x)
    zero, half = converted(0, dtype), converted(math.pi / 2, dtype)
    on_axis = emit("Equal", x, zero)
    right = emit("Atan", emit("Div", y, emit("Where", on_axis, converted(1, dtype), x)))
    turn = emit("Where", emit("Less", y, zero), converted(-math.pi, dtype), converted(math.pi, dtype))
    beside = emit("Where", emit("Less", x, zero), emit("Add", right, turn), right)
    return emit("Where", on_axis, emit("Mul", emit("Sign", y), half), beside)


@operation
def sinh(x: TensorLike) -> KerasTensor:
    """The hyperbolic sine (ONNX Sinh)."""
    return emit("Sinh", floating(x))


@operation
def cosh(x: TensorLike) -> KerasTensor:
    """The hyperbolic cosine (ONNX Cosh)."""
    return emit("Cosh", floating(x))


@operation
def tanh(x: TensorLike) -> KerasTensor:
    """The hyperbolic tangent (ONNX Tanh)."""
    return emit("Tanh", floating(x))


@operation
def arcsinh(x: TensorLike) -> KerasTensor:
    """The number of that hyperbolic sine (ONNX Asinh)."""
    return emit("Asinh", floating(x))


@operation
def arccosh(x: TensorLike) -> KerasTensor:
    """The number of that hyperbolic cosine (ONNX Acosh)."""
    return emit("Acosh", floating(x))


@operation
def arctanh(x: TensorLike) -> KerasTensor:
    """The number of that hyperbolic tangent (ONNX Atanh)."""
    return emit("Atanh", floating(x))


@operation
def deg2rad(x: TensorLike) -> KerasTensor:
    """Degrees as radians."""
    return multiply(floating(x), math.pi / 180)


@operation
def rad2deg(x: TensorLike) -> KerasTensor:
    """Radians as degrees."""
    return multiply(floating(x), 180 / math.pi)


@operation
def sinc(x: TensorLike) -> KerasTensor:
    """`sin(pi x) / (pi x)`, and 1 at zero."""
    angle = multiply(floating(x), math.pi)
    one = converted(1, angle.dtype)
    at_zero = emit("Equal", angle, converted(0, angle.dtype))
    return emit("Where", at_zero, one, emit("Div", emit("Sin", angle), emit("Where", at_zero, one, angle)))
