"""Element by element: arithmetic."""

from builder.ops.operation import operation
from builder.ops.promotion import floating, promoted
from builder.ops.symbolic import KerasTensor, TensorLike, emit

__all__ = [
    "absolute",
    "add",
    "clip",
    "divide",
    "exp",
    "log",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "power",
    "sqrt",
    "square",
    "subtract",
    "tanh",
]


@operation
def add(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """`x1 + x2`, broadcast (ONNX Add)."""
    return emit("Add", *promoted(x1, x2))


@operation
def subtract(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """`x1 - x2`, broadcast (ONNX Sub)."""
    return emit("Sub", *promoted(x1, x2))


@operation
def multiply(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """`x1 * x2`, broadcast (ONNX Mul)."""
    return emit("Mul", *promoted(x1, x2))


@operation
def divide(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """`x1 / x2`, broadcast; integers become float32 (ONNX Div)."""
    a, b = promoted(x1, x2)
    return emit("Div", floating(a), floating(b))


@operation
def power(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """`x1 ** x2`, broadcast (ONNX Pow)."""
    return emit("Pow", *promoted(x1, x2))


@operation
def maximum(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """The larger of each pair, broadcast (ONNX Max)."""
    return emit("Max", *promoted(x1, x2))


@operation
def minimum(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """The smaller of each pair, broadcast (ONNX Min)."""
    return emit("Min", *promoted(x1, x2))


@operation
def negative(x: TensorLike) -> KerasTensor:
    """`-x` (ONNX Neg)."""
    return emit("Neg", x)


@operation
def absolute(x: TensorLike) -> KerasTensor:
    """`|x|` (ONNX Abs)."""
    return emit("Abs", x)


@operation
def exp(x: TensorLike) -> KerasTensor:
    """`e ** x` (ONNX Exp)."""
    return emit("Exp", floating(x))


@operation
def log(x: TensorLike) -> KerasTensor:
    """The natural logarithm (ONNX Log)."""
    return emit("Log", floating(x))


@operation
def sqrt(x: TensorLike) -> KerasTensor:
    """The square root (ONNX Sqrt)."""
    return emit("Sqrt", floating(x))


@operation
def square(x: TensorLike) -> KerasTensor:
    """`x * x` (ONNX Mul)."""
    return emit("Mul", x, x)


@operation
def tanh(x: TensorLike) -> KerasTensor:
    """The hyperbolic tangent (ONNX Tanh)."""
    return emit("Tanh", floating(x))


@operation
def clip(x: TensorLike, x_min: TensorLike, x_max: TensorLike) -> KerasTensor:
    """`x`, no less than `x_min` and no more than `x_max`, which are scalars (ONNX Clip)."""
    return emit("Clip", *promoted(x, x_min, x_max))
