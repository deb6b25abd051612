"""Element by element: comparisons, what they combine to, and the choice between tensors by them."""

from collections.abc import Sequence

import numpy as np

from builder.errors import NetworkError
from builder.ops.axes import integers
from builder.ops.numpy.arithmetic import absolute, add, maximum, minimum, multiply, subtract
from builder.ops.operation import operation
from builder.ops.promotion import dtype_of, floating, is_floating, promoted
from builder.ops.symbolic import KerasTensor, TensorLike, converted, emit

__all__ = [
    "allclose",
    "equal",
    "fmax",
    "fmin",
    "greater",
    "greater_equal",
    "heaviside",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "isneginf",
    "isposinf",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "nan_to_num",
    "not_equal",
    "select",
    "signbit",
    "where",
]


@operation
def equal(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """Whether each pair is equal, broadcast (ONNX Equal)."""
    return emit("Equal", *promoted(x1, x2))


@operation
def not_equal(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """Whether each pair differs, broadcast (ONNX Equal, Not)."""
    return emit("Not", emit("Equal", *promoted(x1, x2)))


@operation
def less(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """`x1 < x2`, broadcast (ONNX Less)."""
    return _ordered("Less", x1, x2)


@operation
def less_equal(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """`x1 <= x2`, broadcast (ONNX LessOrEqual)."""
    return _ordered("LessOrEqual", x1, x2)


@operation
def greater(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """`x1 > x2`, broadcast (ONNX Greater)."""
    return _ordered("Greater", x1, x2)


@operation
def greater_equal(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """`x1 >= x2`, broadcast (ONNX GreaterOrEqual)."""
    return _ordered("GreaterOrEqual", x1, x2)


@operation
def logical_and(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """Whether both are true, broadcast; what is not zero is (ONNX And)."""
    return emit("And", converted(x1, "bool"), converted(x2, "bool"))


@operation
def logical_or(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """Whether either is true, broadcast; what is not zero is (ONNX Or)."""
    return emit("Or", converted(x1, "bool"), converted(x2, "bool"))


@operation
def logical_xor(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """Whether one is true and not the other, broadcast (ONNX Xor)."""
    return emit("Xor", converted(x1, "bool"), converted(x2, "bool"))


@operation
def logical_not(x: TensorLike) -> KerasTensor:
    """Whether `x` is zero, or False (ONNX Not)."""
    return emit("Not", converted(x, "bool"))


@operation
def isnan(x: TensorLike) -> KerasTensor:
    """Whether each element is no number (ONNX IsNaN)."""
    return emit("IsNaN", floating(x))


@operation
def isinf(x: TensorLike) -> KerasTensor:
    """Whether each element is infinite (ONNX IsInf)."""
    return emit("IsInf", floating(x))


@operation
def isposinf(x: TensorLike) -> KerasTensor:
    """Whether each element is infinite and above zero (ONNX IsInf)."""
    return emit("IsInf", floating(x), detect_negative=0)


@operation
def isneginf(x: TensorLike) -> KerasTensor:
    """Whether each element is infinite and below zero (ONNX IsInf)."""
    return emit("IsInf", floating(x), detect_positive=0)


@operation
def isfinite(x: TensorLike) -> KerasTensor:
    """Whether each element is a number and finite (ONNX IsNaN, IsInf)."""
    x = floating(x)
    return emit("Not", emit("Or", emit("IsNaN", x), emit("IsInf", x)))


@operation
def signbit(x: TensorLike) -> KerasTensor:
    """Whether each element is below zero, -0.0 too, which only its reciprocal tells from zero."""
    x = converted(x, "int32") if dtype_of(x) == "bool" else x
    zero = converted(0, dtype_of(x))
    below = emit("Less", x, zero)
    if not is_floating(dtype_of(x)):
        return below
    return emit("Or", below, emit("And", emit("Equal", x, zero), emit("Less", emit("Reciprocal", x), zero)))


@operation
def isclose(x1: TensorLike, x2: TensorLike, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> KerasTensor:
    """Whether each pair differs by no more than `atol + rtol * |x2|`; infinities are close to themselves."""
    a, b = (floating(operand) for operand in promoted(x1, x2))
    near = less_equal(absolute(subtract(a, b)), add(multiply(absolute(b), rtol), atol))
    close = emit("Or", emit("And", near, isfinite(b)), emit("Equal", a, b))
    return emit("Or", close, emit("And", emit("IsNaN", a), emit("IsNaN", b))) if equal_nan else close


@operation
def allclose(x1: TensorLike, x2: TensorLike, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> KerasTensor:
    """Whether `isclose` is true of all pairs (ONNX ReduceMin)."""
    close = isclose(x1, x2, rtol, atol, equal_nan)
    return emit("ReduceMin", close, integers(tuple(range(close.ndim))), keepdims=0)


@operation
def fmax(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """The larger of each pair, broadcast, or the one that is a number."""
    a, b = promoted(x1, x2)
    return _unless_missing(a, b, maximum(a, b))


@operation
def fmin(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """The smaller of each pair, broadcast, or the one that is a number."""
    a, b = promoted(x1, x2)
    return _unless_missing(a, b, minimum(a, b))


@operation
def heaviside(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """0 where `x1` is below zero, 1 where it is above, and `x2` where it is zero; of what is no number none."""
    a, b = (floating(operand) for operand in promoted(x1, x2))
    zero, one = converted(0, dtype_of(a)), converted(1, dtype_of(a))
    step = emit("Where", emit("Less", a, zero), zero, emit("Where", emit("Equal", a, zero), b, one))
    return emit("Where", emit("IsNaN", a), a, step)


@operation
def where(condition: TensorLike, x1: TensorLike | None = None, x2: TensorLike | None = None) -> KerasTensor:
    """`x1` where `condition` is true and `x2` elsewhere, broadcast (ONNX Where)."""
    if x1 is None or x2 is None:
        raise NetworkError("`where` needs both `x1` and `x2`: how many elements a condition selects is not known before a network runs")
    return _chosen(converted(condition, "bool"), *promoted(x1, x2))


@operation
def select(condlist: Sequence[TensorLike], choicelist: Sequence[TensorLike], default: TensorLike = 0) -> TensorLike:
    """For each element the first of `choicelist` whose condition holds, or `default`, broadcast."""
    *choices, chosen = promoted(*choicelist, default)
    for condition, choice in reversed(list(zip(condlist, choices, strict=True))):
        chosen = _chosen(converted(condition, "bool"), choice, chosen)
    return chosen


@operation
def nan_to_num(x: TensorLike, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> TensorLike:
    """`x` with numbers for what is none; None is the largest number of the dtype."""
    dtype = dtype_of(x)
    if not is_floating(dtype):
        return x
    largest = float(np.finfo(dtype).max) if dtype != "bfloat16" else 3.3895314e38
    high, low = largest if posinf is None else posinf, -largest if neginf is None else neginf
    x = emit("Where", emit("IsNaN", x), converted(nan, dtype), x)
    x = emit("Where", emit("IsInf", x, detect_negative=0), converted(high, dtype), x)
    return emit("Where", emit("IsInf", x, detect_positive=0), converted(low, dtype), x)


def _unless_missing(a: TensorLike, b: TensorLike, found: KerasTensor) -> KerasTensor:
    if not is_floating(dtype_of(a)):
        return found
    return emit("Where", emit("IsNaN", a), b, emit("Where", emit("IsNaN", b), a, found))


def _chosen(condition: TensorLike, x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """A Where, which ONNX Runtime has for some dtypes only."""
    dtype = dtype_of(x1)
    if is_floating(dtype) or dtype in ("uint8", "int8", "int32", "uint32", "int64", "string"):
        return emit("Where", condition, x1, x2)
    wide = "int64" if dtype == "uint64" else "int32"
    after = converted(emit("Where", condition, converted(x1, wide), converted(x2, wide)), dtype)
    assert isinstance(after, KerasTensor)
    return after


def _ordered(op: str, x1: TensorLike, x2: TensorLike) -> KerasTensor:
    a, b = promoted(x1, x2)
    if dtype_of(a) == "bool":
        a, b = converted(a, "int32"), converted(b, "int32")
    return emit(op, a, b)
