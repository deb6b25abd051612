"""Element by element: arithmetic."""

from builder.ops.operation import operation
from builder.ops.promotion import computed, dtype_of, floating, is_floating, promoted
from builder.ops.symbolic import KerasTensor, TensorLike, converted, emit, shape_of

__all__ = [
    "abs",
    "absolute",
    "add",
    "clip",
    "divide",
    "divide_no_nan",
    "fabs",
    "hypot",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "power",
    "reciprocal",
    "sign",
    "sqrt",
    "square",
    "subtract",
    "true_divide",
]

_EXTREMES = ("uint8", "int8", "int32", "uint32", "int64", "uint64")  # what ONNX Runtime's Min and Max take beside floats


@operation
def add(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """`x1 + x2`, broadcast (ONNX Add; Or for booleans)."""
    return _or_logical("Add", "Or", x1, x2)


@operation
def subtract(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """`x1 - x2`, broadcast (ONNX Sub)."""
    return emit("Sub", *promoted(x1, x2))


@operation
def multiply(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """`x1 * x2`, broadcast (ONNX Mul; And for booleans)."""
    return _or_logical("Mul", "And", x1, x2)


@operation
def divide(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """`x1 / x2`, broadcast; integers become float32 (ONNX Div)."""
    a, b = promoted(x1, x2)
    return emit("Div", floating(a), floating(b))


@operation
def true_divide(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """As `divide`."""
    return divide(x1, x2)


@operation
def divide_no_nan(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """`x1 / x2`, and zero where `x2` is zero."""
    a, b = (floating(operand) for operand in promoted(x1, x2))
    zero = converted(0, dtype_of(b))
    is_zero = emit("Equal", b, zero)
    return emit("Where", is_zero, zero, emit("Div", a, emit("Where", is_zero, converted(1, dtype_of(b)), b)))


@operation
def power(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """`x1 ** x2`, broadcast (ONNX Pow)."""
    return computed("Pow", *_numbers(*promoted(x1, x2)))


@operation
def maximum(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """The larger of each pair, broadcast (ONNX Max; Or for booleans)."""
    return _or_logical("Max", "Or", x1, x2)


@operation
def minimum(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """The smaller of each pair, broadcast (ONNX Min; And for booleans)."""
    return _or_logical("Min", "And", x1, x2)


@operation
def negative(x: TensorLike) -> KerasTensor:
    """`-x` (ONNX Neg)."""
    return computed("Neg", x, within=("int8", "int16", "int32", "int64"))


@operation
def absolute(x: TensorLike) -> TensorLike:
    """`|x|` (ONNX Abs)."""
    return x if dtype_of(x) == "bool" else emit("Abs", x)


@operation
def abs(x: TensorLike) -> TensorLike:
    """As `absolute`."""
    return absolute(x)


@operation
def fabs(x: TensorLike) -> KerasTensor:
    """`|x|` as a float (ONNX Abs)."""
    return emit("Abs", floating(x))


@operation
def sign(x: TensorLike) -> KerasTensor:
    """-1, 0 or 1 (ONNX Sign)."""
    return emit("Sign", *_numbers(x))


@operation
def sqrt(x: TensorLike) -> KerasTensor:
    """The square root (ONNX Sqrt)."""
    return emit("Sqrt", floating(x))


@operation
def square(x: TensorLike) -> KerasTensor:
    """`x * x` (ONNX Mul)."""
    return emit("Mul", *_numbers(x, x))


@operation
def reciprocal(x: TensorLike) -> KerasTensor:
    """`1 / x` (ONNX Reciprocal)."""
    return emit("Reciprocal", floating(x))


@operation
def hypot(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """`sqrt(x1 ** 2 + x2 ** 2)`, scaled so that no square is too large."""
    a, b = (emit("Abs", floating(operand)) for operand in promoted(x1, x2))
    large, small = emit("Max", a, b), emit("Min", a, b)
    ratio = divide_no_nan(small, large)
    return emit("Mul", large, emit("Sqrt", emit("Add", emit("Mul", ratio, ratio), converted(1, ratio.dtype))))


@operation
def clip(x: TensorLike, x_min: TensorLike | None, x_max: TensorLike | None) -> KerasTensor:
    """`x`, no less than `x_min` and no more than `x_max`; None is no limit (ONNX Clip; Max and Min for limits that are no scalars)."""
    limits = [limit for limit in (x_min, x_max) if limit is not None]
    after, *met = promoted(*_numbers(x), *limits)
    if not met:
        return emit("Identity", after)
    given = iter(met)
    low, high = (None if limit is None else next(given) for limit in (x_min, x_max))
    kernel = is_floating(dtype_of(after)) or dtype_of(after) in _EXTREMES
    if kernel and not any(shape_of(limit) for limit in met):
        return emit("Clip", after, low, high)
    above = maximum(after, low) if low is not None else emit("Identity", after)
    return above if high is None else minimum(above, high)


def _or_logical(op: str, logical: str, x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """A node of `op`, or for booleans of `logical`."""
    a, b = promoted(x1, x2)
    if dtype_of(a) == "bool":
        return emit(logical, a, b)
    return computed(op, a, b, within=_EXTREMES) if op in ("Max", "Min") else emit(op, a, b)


def _numbers(*operands: TensorLike) -> list[TensorLike]:
    """The operands, booleans as int32."""
    return [converted(operand, "int32") if dtype_of(operand) == "bool" else operand for operand in operands]
