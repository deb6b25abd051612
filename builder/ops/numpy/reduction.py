"""Over axes: sums, means, extremes and questions about all elements."""

import numpy as np

from builder.ops.axes import Axis, axes_of, integers
from builder.ops.numpy.arithmetic import maximum, minimum
from builder.ops.numpy.shaping import ravel, reshape
from builder.ops.operation import operation
from builder.ops.promotion import WIDE, computed, dtype_of, floating, is_floating, promoted, result_dtype
from builder.ops.symbolic import KerasTensor, TensorLike, converted, emit, shape_of
from builder.proto import standardize_dtype

__all__ = [
    "all",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "average",
    "count_nonzero",
    "max",
    "mean",
    "min",
    "prod",
    "ptp",
    "reduced",
    "std",
    "sum",
    "var",
]

_EXTREMES = ("bool", "uint8", "int8", *WIDE)  # what ONNX Runtime's ReduceMax and ReduceMin take beside floats


@operation
def mean(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> KerasTensor:
    """The mean over `axis`, or over everything, of halves as of floats (ONNX ReduceMean)."""
    x = floating(x)
    return _at_float32("ReduceMean", x, axis, keepdims)


@operation
def sum(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> KerasTensor:
    """The sum over `axis`, or over everything, of small integers as int32 or uint32 (ONNX ReduceSum)."""
    return reduced("ReduceSum", _summable(x), axis, keepdims)


@operation
def prod(x: TensorLike, axis: Axis = None, keepdims: bool = False, dtype: object = None) -> KerasTensor:
    """The product over `axis`, or over everything, of small integers as int32 or uint32 (ONNX ReduceProd)."""
    given = _summable(x) if dtype is None else converted(x, standardize_dtype(dtype))
    return reduced("ReduceProd", given, axis, keepdims)


@operation
def max(x: TensorLike, axis: Axis = None, keepdims: bool = False, initial: float | None = None) -> KerasTensor:
    """The largest over `axis`, or over everything, at least `initial` (ONNX ReduceMax)."""
    found = reduced("ReduceMax", x, axis, keepdims)
    return found if initial is None else maximum(found, initial)


@operation
def min(x: TensorLike, axis: Axis = None, keepdims: bool = False, initial: float | None = None) -> KerasTensor:
    """The smallest over `axis`, or over everything, at most `initial` (ONNX ReduceMin)."""
    found = reduced("ReduceMin", x, axis, keepdims)
    return found if initial is None else minimum(found, initial)


@operation
def amax(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> KerasTensor:
    """The largest over `axis`, or over everything (ONNX ReduceMax)."""
    return max(x, axis, keepdims)


@operation
def amin(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> KerasTensor:
    """The smallest over `axis`, or over everything (ONNX ReduceMin)."""
    return min(x, axis, keepdims)


@operation
def ptp(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> KerasTensor:
    """The largest less the smallest over `axis`, or over everything."""
    return emit("Sub", max(x, axis, keepdims), min(x, axis, keepdims))


@operation
def any(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> KerasTensor:
    """Whether any is true over `axis`, or over everything; what is not zero is (ONNX ReduceMax)."""
    return reduced("ReduceMax", converted(x, "bool"), axis, keepdims)


@operation
def all(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> KerasTensor:
    """Whether all are true over `axis`, or over everything; what is not zero is (ONNX ReduceMin)."""
    return reduced("ReduceMin", converted(x, "bool"), axis, keepdims)


@operation
def count_nonzero(x: TensorLike, axis: Axis = None) -> KerasTensor:
    """How many are not zero over `axis`, or over everything, as int32 (ONNX ReduceSum)."""
    return reduced("ReduceSum", converted(converted(x, "bool"), "int32"), axis, False)


@operation
def var(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> KerasTensor:
    """The mean square of the distances from the mean, of halves as of floats."""
    dtype = dtype_of(floating(x))
    exact = converted(x, "float32")
    distance = emit("Sub", exact, mean(exact, axis, keepdims=True))
    return _cast(reduced("ReduceMean", emit("Mul", distance, distance), axis, keepdims), result_dtype(np.empty(0, dtype)))


@operation
def std(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> KerasTensor:
    """The square root of `var`."""
    return emit("Sqrt", var(x, axis, keepdims))


@operation
def average(x: TensorLike, axis: Axis = None, weights: TensorLike | None = None) -> KerasTensor:
    """The mean over `axis`, each element, or each along the one axis, counted by its weight."""
    if weights is None:
        return mean(x, axis)
    x, weights = (floating(operand) for operand in promoted(x, weights))
    rank = len(shape_of(x))
    if len(shape_of(weights)) == 1 != rank and isinstance(axis, int):
        weights = reshape(weights, [-1 if place == axis % rank else 1 for place in range(rank)])
    total = sum(emit("Mul", weights, emit("Expand", converted(1, dtype_of(x)), emit("Shape", x))), axis)
    return emit("Div", sum(emit("Mul", x, weights), axis), total)


@operation
def argmax(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> KerasTensor:
    """Where along `axis`, or in a row of all, the first largest is, as int32 (ONNX ArgMax)."""
    return _argument("ArgMax", x, axis, keepdims)


@operation
def argmin(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> KerasTensor:
    """Where along `axis`, or in a row of all, the first smallest is, as int32 (ONNX ArgMin)."""
    return _argument("ArgMin", x, axis, keepdims)


def reduced(op: str, x: TensorLike, axis: Axis, keepdims: bool) -> KerasTensor:
    """A node of one of ONNX's Reduce operators over `axis`, or over everything."""
    rank = len(shape_of(x))
    axes = range(rank) if axis is None else [one % rank for one in axes_of(axis)]
    within = _EXTREMES if op in ("ReduceMax", "ReduceMin") else WIDE
    return computed(op, x, then=(integers(tuple(axes)),), within=within, keepdims=int(keepdims))


def _at_float32(op: str, x: TensorLike, axis: Axis, keepdims: bool) -> KerasTensor:
    """The reduction of halves in float32, where it does not overflow."""
    dtype = dtype_of(x)
    return _cast(reduced(op, converted(x, "float32"), axis, keepdims), dtype)


def _argument(op: str, x: TensorLike, axis: int | None, keepdims: bool) -> KerasTensor:
    rank, dtype = len(shape_of(x)), dtype_of(x)
    if not is_floating(dtype) and dtype not in ("uint8", "int8", *WIDE):
        x = converted(x, "int64" if dtype in ("uint32", "uint64") else "int32")
    if axis is None:
        flat = emit(op, ravel(x), axis=0, keepdims=0)
        return _cast(reshape(flat, (1,) * rank) if keepdims else flat, "int32")
    return _cast(emit(op, x, axis=axis % rank, keepdims=int(keepdims)), "int32")


def _summable(x: TensorLike) -> TensorLike:
    """`x`, integers of less than 32 bits as such of 32."""
    dtype = dtype_of(x)
    return converted(x, {"bool": "int32", "int8": "int32", "int16": "int32", "uint8": "uint32", "uint16": "uint32"}.get(dtype, dtype))


def _cast(x: TensorLike, dtype: str) -> KerasTensor:
    after = converted(x, dtype)
    assert isinstance(after, KerasTensor)
    return after
