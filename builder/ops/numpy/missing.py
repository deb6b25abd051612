"""Over axes as in `reduction`, `cumulative` and `sorting`, but elements that are no numbers (NaN) are left out."""

import numpy as np

from builder.errors import NetworkError
from builder.ops.axes import Axis
from builder.ops.numpy.arithmetic import add, maximum, multiply, sqrt, subtract
from builder.ops.numpy.comparison import equal, where
from builder.ops.numpy.cumulative import cumprod, cumsum
from builder.ops.numpy.reduction import all, argmax, argmin, max, min, prod, sum
from builder.ops.numpy.rounding import ceil, floor, round
from builder.ops.numpy.shaping import expand_dims, squeeze, transpose
from builder.ops.numpy.sorting import METHODS, lined_up, sorted_by_top
from builder.ops.operation import operation
from builder.ops.promotion import dtype_of, floating, is_floating
from builder.ops.sizes import size_of
from builder.ops.symbolic import KerasTensor, TensorLike, converted, emit, shape_of

__all__ = [
    "nanargmax",
    "nanargmin",
    "nancumprod",
    "nancumsum",
    "nanmax",
    "nanmean",
    "nanmedian",
    "nanmin",
    "nanpercentile",
    "nanprod",
    "nanquantile",
    "nanstd",
    "nansum",
    "nanvar",
]


@operation
def nansum(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> KerasTensor:
    """The sum over `axis`, or over everything; zero of none (ONNX ReduceSum)."""
    return sum(_filled(x, 0.0), axis, keepdims)


@operation
def nanprod(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> KerasTensor:
    """The product over `axis`, or over everything; one of none (ONNX ReduceProd)."""
    return prod(_filled(x, 1.0), axis, keepdims)


@operation
def nanmax(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> KerasTensor:
    """The largest over `axis`, or over everything; NaN of none (ONNX ReduceMax)."""
    return _unless_none(x, max(_filled(x, -np.inf), axis, keepdims), axis, keepdims)


@operation
def nanmin(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> KerasTensor:
    """The smallest over `axis`, or over everything; NaN of none (ONNX ReduceMin)."""
    return _unless_none(x, min(_filled(x, np.inf), axis, keepdims), axis, keepdims)


@operation
def nanmean(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> TensorLike:
    """The mean over `axis`, or over everything; NaN of none."""
    exact = converted(x, "float32")
    return converted(emit("Div", nansum(exact, axis, keepdims), _count(exact, axis, keepdims)), dtype_of(floating(x)))


@operation
def nanvar(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> TensorLike:
    """The mean square of the distances from the mean over `axis`, or over everything; NaN of none."""
    exact = converted(x, "float32")
    distance = subtract(exact, nanmean(exact, axis, keepdims=True))
    spread = emit("Div", nansum(multiply(distance, distance), axis, keepdims), _count(exact, axis, keepdims))
    return converted(spread, dtype_of(floating(x)))


@operation
def nanstd(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> TensorLike:
    """The square root of `nanvar`."""
    return sqrt(nanvar(x, axis, keepdims))


@operation
def nanargmax(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> KerasTensor:
    """Where along `axis`, or in a row of all, the first largest is, as int32; -1 of none (ONNX ArgMax)."""
    return _place_unless_none(x, argmax(_filled(x, -np.inf), axis, keepdims), axis, keepdims)


@operation
def nanargmin(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> KerasTensor:
    """Where along `axis`, or in a row of all, the first smallest is, as int32; -1 of none (ONNX ArgMin)."""
    return _place_unless_none(x, argmin(_filled(x, np.inf), axis, keepdims), axis, keepdims)


@operation
def nancumsum(x: TensorLike, axis: int | None = None, dtype: object = None) -> KerasTensor:
    """The sums of all up to each along `axis`, or in a row of all (ONNX CumSum)."""
    return cumsum(_filled(x, 0.0), axis, dtype)


@operation
def nancumprod(x: TensorLike, axis: int | None = None, dtype: object = None) -> KerasTensor:
    """The products of all up to each along `axis`, or in a row of all (ONNX ReduceProd)."""
    return cumprod(_filled(x, 1.0), axis, dtype)


@operation
def nanmedian(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> TensorLike:
    """The middle of what is sorted over `axis`, or over everything, or the mean of the two there; NaN of none."""
    return nanquantile(x, 0.5, axis, keepdims=keepdims)


@operation
def nanquantile(x: TensorLike, q: TensorLike, axis: Axis = None, method: str = "linear", keepdims: bool = False) -> TensorLike:
    """As `quantile`; NaN of none (ONNX TopK, GatherElements)."""
    parts = np.asarray(q, np.float64)
    if method not in METHODS or parts.ndim > 1:
        raise NetworkError(f"`q` is a number or a vector, and `method` one of {METHODS}. Received: q={q}, method={method}")
    x = floating(x)
    lined, gone = lined_up(x, axis)
    last = len(shape_of(lined)) - 1
    missing = emit("IsNaN", lined)
    behind = emit("Where", missing, converted(np.inf, dtype_of(x)), lined)
    ordered, _ = sorted_by_top(behind, size_of(lined, last), last, largest=False)
    count = sum(converted(emit("Not", missing), dtype_of(x)), last, keepdims=True)
    places = emit("Mul", maximum(subtract(count, 1), 0), converted(np.atleast_1d(parts), dtype_of(x)))
    found = where(equal(count, 0), np.nan, _between(ordered, places, method))
    if not parts.ndim:
        found = squeeze(found, -1)
    elif last:
        found = transpose(found, (last, *range(last)))
    return expand_dims(found, [one + parts.ndim for one in gone]) if keepdims else found


@operation
def nanpercentile(x: TensorLike, q: TensorLike, axis: Axis = None, method: str = "linear", keepdims: bool = False) -> TensorLike:
    """As `nanquantile`, of parts in hundredths."""
    return nanquantile(x, np.asarray(q, np.float64) / 100, axis, method, keepdims)


def _filled(x: TensorLike, value: float) -> TensorLike:
    """`x` with a number where there is none; integers have one everywhere."""
    if not is_floating(dtype_of(x)):
        return x
    return emit("Where", emit("IsNaN", x), converted(value, dtype_of(x)), x)


def _count(x: TensorLike, axis: Axis, keepdims: bool) -> KerasTensor:
    """How many are numbers, in the dtype of `x`."""
    return sum(converted(emit("Not", emit("IsNaN", x)), dtype_of(x)), axis, keepdims)


def _unless_none(x: TensorLike, found: KerasTensor, axis: Axis, keepdims: bool) -> KerasTensor:
    """What was found, and NaN where all are."""
    return where(all(emit("IsNaN", x), axis, keepdims), np.nan, found) if is_floating(dtype_of(x)) else found


def _place_unless_none(x: TensorLike, found: KerasTensor, axis: int | None, keepdims: bool) -> KerasTensor:
    """Where it was found, and -1 where all are NaN."""
    return where(all(emit("IsNaN", x), axis, keepdims), -1, found) if is_floating(dtype_of(x)) else found


def _between(ordered: TensorLike, places: KerasTensor, method: str) -> KerasTensor:
    """What is at each place, which may lie between two elements, along the last axis."""
    axis = len(shape_of(ordered)) - 1
    below, above = (round(places), round(places)) if method == "nearest" else (floor(places), ceil(places))
    low, high = (emit("GatherElements", ordered, converted(place, "int64"), axis=axis) for place in (below, above))
    if method in ("lower", "higher", "nearest"):
        return high if method == "higher" else low
    share = converted(0.5, dtype_of(ordered)) if method == "midpoint" else subtract(places, below)
    mixed = add(multiply(low, subtract(1, share)), multiply(high, share))
    return where(equal(below, above), low, mixed)
