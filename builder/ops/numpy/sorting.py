"""In order: sorting, the middle of what is sorted, and places in it."""

import numpy as np

from builder.errors import NetworkError
from builder.ops.allowance import spend
from builder.ops.axes import Axis, axes_of, integers
from builder.ops.numpy.indexing import take
from builder.ops.numpy.rearranging import cut
from builder.ops.numpy.shaping import concatenate, expand_dims, ravel, reshape, transpose
from builder.ops.operation import operation
from builder.ops.promotion import WIDE, dtype_of, floating, is_floating, promoted
from builder.ops.sizes import Size, as_shape, dims_of, size_of, spec_dims
from builder.ops.symbolic import TensorLike, converted, emit, emit_all, shape_of

__all__ = [
    "METHODS",
    "argpartition",
    "argsort",
    "bincount",
    "digitize",
    "isin",
    "lined_up",
    "median",
    "percentile",
    "quantile",
    "searchsorted",
    "sort",
    "sorted_by_top",
]

_SORTED = ("uint8", "int8", "int16", *WIDE)  # the integers that ONNX Runtime's TopK takes
METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


@operation
def sort(x: TensorLike, axis: int | None = -1) -> TensorLike:
    """`x`, smallest first along `axis`, or in a row of all (ONNX TopK)."""
    return _sorted(x, axis)[0]


@operation
def argsort(x: TensorLike, axis: int | None = -1) -> TensorLike:
    """Where the elements of `sort` come from, as int32; of equal ones the first comes first (ONNX TopK)."""
    return _sorted(x, axis)[1]


def sorted_by_top(x: TensorLike, count: Size, axis: int, largest: bool) -> tuple[TensorLike, TensorLike]:
    """The first `count` elements in order along `axis`, and where they were, as int32 (ONNX TopK)."""
    dtype = dtype_of(x)
    wide = dtype if is_floating(dtype) or dtype in _SORTED else "int64" if dtype in ("uint32", "uint64") else "int32"
    dims = [*spec_dims(x)[:axis], *dims_of((count,)), *spec_dims(x)[axis + 1 :]]
    attributes = {"axis": axis, "largest": int(largest), "sorted": 1}
    values, indices = emit_all("TopK", converted(x, wide), as_shape((count,)), outputs=2, of_shape=dims, **attributes)
    return converted(values, dtype), converted(indices, "int32")


@operation
def argpartition(x: TensorLike, kth: int, axis: int | None = -1) -> TensorLike:
    """Where the elements are, as int32: the `kth + 1` smallest in order, and behind them the others as they were (ONNX TopK)."""
    if axis is None:
        x, axis = ravel(x), 0
    axis %= len(shape_of(x))
    size = shape_of(x)[axis]
    if kth < 0 and size is None:
        raise NetworkError(f"`kth` below zero needs an axis of known size. Received: shape={shape_of(x)}, axis={axis}, kth={kth}")
    count = (kth % size if size is not None else kth) + 1
    order = argsort(x, axis)
    return concatenate([cut(order, axis, 0, count), sort(cut(order, axis, count, 2**63 - 1), axis)], axis)


@operation
def median(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> TensorLike:
    """The middle of what is sorted over `axis`, or over everything, or the mean of the two there."""
    return quantile(x, 0.5, axis, keepdims=keepdims)


@operation
def quantile(x: TensorLike, q: TensorLike, axis: Axis = None, method: str = "linear", keepdims: bool = False) -> TensorLike:
    """What a part `q` of the elements over `axis`, or over everything, is below; several `q` are a new first axis.

    `method` tells what is between two elements: "linear", "lower", "higher", "midpoint" or "nearest".
    """
    if method not in METHODS:
        raise NetworkError(f"`method` must be one of {METHODS}. Received: method={method}")
    parts = np.asarray(q, np.float64)
    if parts.ndim > 1:
        raise NetworkError(f"`q` must be a number or a vector. Received: shape={parts.shape}")
    x = floating(x)
    lined, shape = lined_up(x, axis)
    size = shape_of(lined)[-1]
    if size is None:
        raise NetworkError(f"`quantile` needs axes of known size. Received: shape={shape_of(x)}, axis={axis}")
    ordered = sorted_by_top(lined, size, len(shape_of(lined)) - 1, largest=False)[0]
    found = _between(ordered, parts * (size - 1), method)
    if parts.ndim:
        found = transpose(found, (len(shape_of(found)) - 1, *range(len(shape_of(found)) - 1)))
    if not keepdims:
        return found
    return expand_dims(found, [axis + parts.ndim for axis in shape])


@operation
def percentile(x: TensorLike, q: TensorLike, axis: Axis = None, method: str = "linear", keepdims: bool = False) -> TensorLike:
    """As `quantile`, of parts in hundredths."""
    return quantile(x, np.asarray(q, np.float64) / 100, axis, method, keepdims)


@operation
def searchsorted(sorted_sequence: TensorLike, values: TensorLike, side: str = "left") -> TensorLike:
    """Where in a sorted vector each value would be inserted, before its equals or for "right" behind them, as int32."""
    if len(shape_of(sorted_sequence)) != 1:
        raise NetworkError(
            f"`searchsorted` only supports 1-D sorted sequences. Received: sorted_sequence.shape={shape_of(sorted_sequence)}"
        )
    if side not in ("left", "right"):
        raise NetworkError(f"`side` must be 'left' or 'right'. Received: side={side}")
    steps, given = promoted(sorted_sequence, values)
    before = emit("Less" if side == "left" else "LessOrEqual", steps, expand_dims(given, -1))
    return emit("ReduceSum", converted(before, "int32"), integers((-1,)), keepdims=0)


@operation
def digitize(x: TensorLike, bins: TensorLike) -> TensorLike:
    """Between which two of the sorted `bins` each element is, the lower one included, as int32."""
    return searchsorted(bins, x, "right")


@operation
def bincount(x: TensorLike, weights: TensorLike | None = None, minlength: int = 0, sparse: bool = False) -> TensorLike:
    """How often each number from zero to `minlength` is in each row, or the sum of the weights there.

    As many as `minlength`: how large the numbers are is not known before a network runs. Larger ones are not counted.
    """
    if minlength < 1:
        raise NetworkError("`bincount` needs `minlength`: how large the numbers are is not known before a network runs")
    if sparse:
        raise NetworkError("`bincount` gives no sparse tensors here")
    spend(minlength)
    numbers = np.arange(minlength)
    given = converted(x, "int64")
    here = emit("Equal", expand_dims(given, -1), numbers)
    axis = integers((len(shape_of(x)) - 1,))
    if weights is None:
        return emit("ReduceSum", converted(here, "int32"), axis, keepdims=0)
    counted = converted(here, dtype_of(promoted(weights)[0]))
    return emit("ReduceSum", emit("Mul", counted, expand_dims(promoted(weights)[0], -1)), axis, keepdims=0)


@operation
def isin(x1: TensorLike, x2: TensorLike, assume_unique: bool = False, invert: bool = False) -> TensorLike:
    """Whether each element of `x1` is among those of `x2`."""
    found, wanted = promoted(x1, x2)
    equal = emit("Equal", expand_dims(found, -1), ravel(wanted))
    among = emit("ReduceMax", equal, integers((-1,)), keepdims=0)
    return emit("Not", among) if invert else among


def _sorted(x: TensorLike, axis: int | None) -> tuple[TensorLike, TensorLike]:
    if not shape_of(x):
        return (ravel(x), np.zeros(1, np.int32)) if axis is None else (x, np.zeros((), np.int32))
    if axis is None:
        x, axis = ravel(x), 0
    axis %= len(shape_of(x))
    values, indices = sorted_by_top(x, size_of(x, axis), axis, largest=False)
    return values, indices


def lined_up(x: TensorLike, axis: Axis) -> tuple[TensorLike, list[int]]:
    """`x` with all axes that are reduced as one last axis, and which they were."""
    rank = len(shape_of(x))
    gone = sorted(one % rank for one in (range(rank) if axis is None else axes_of(axis)))
    kept = [one for one in range(rank) if one not in gone]
    if axis is None:
        return ravel(x), gone
    moved = transpose(x, kept + gone)
    if len(gone) == 1:
        return moved, gone
    return reshape(moved, [*(size_of(moved, place) for place in range(len(kept))), -1]), gone


def _between(ordered: TensorLike, places: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]", method: str) -> TensorLike:
    """What is at each of `places`, which may lie between two elements, along the last axis."""
    dtype, last = dtype_of(ordered), len(shape_of(ordered)) - 1
    if method == "nearest":
        places = np.round(places)
    below, above = np.floor(places).astype(np.int64), np.ceil(places).astype(np.int64)
    if method in ("lower", "nearest"):
        return take(ordered, below, last)
    if method == "higher":
        return take(ordered, above, last)
    share = converted(0.5 if method == "midpoint" else places - below, dtype)
    low, high = take(ordered, below, last), take(ordered, above, last)
    if (below == above).all():
        return low
    return emit("Add", emit("Mul", low, emit("Sub", converted(1, dtype), share)), emit("Mul", high, share))
