"""Over the rows that have the same number, each to the row of that number in the result."""

import numpy as np

from builder.errors import NetworkError
from builder.ops.numpy.comparison import greater_equal, less, logical_and, where
from builder.ops.numpy.creation import full
from builder.ops.numpy.rearranging import cut
from builder.ops.numpy.shaping import expand_dims
from builder.ops.operation import operation
from builder.ops.promotion import dtype_of, is_floating
from builder.ops.sizes import size_of
from builder.ops.symbolic import TensorLike, converted, emit, shape_of

__all__ = ["segment_max", "segment_min", "segment_prod", "segment_sum"]


@operation
def segment_sum(data: TensorLike, segment_ids: TensorLike, num_segments: int | None = None, sorted: bool = False) -> TensorLike:
    """The sum of the rows of each number: `(rows, ...)` to `(num_segments, ...)`, zeros for a number of no row (ONNX ScatterND).

    Rows of other numbers are left out. `sorted` is a hint that is not needed here. Raises NetworkError without `num_segments`.
    """
    return _over_segments(data, segment_ids, num_segments, "add")


@operation
def segment_prod(data: TensorLike, segment_ids: TensorLike, num_segments: int | None = None, sorted: bool = False) -> TensorLike:
    """As `segment_sum`, but the product, ones for a number of no row (ONNX ScatterND)."""
    return _over_segments(data, segment_ids, num_segments, "mul")


@operation
def segment_max(data: TensorLike, segment_ids: TensorLike, num_segments: int | None = None, sorted: bool = False) -> TensorLike:
    """As `segment_sum`, but the largest, the least number that there is for a number of no row (ONNX ScatterND)."""
    return _over_segments(data, segment_ids, num_segments, "max")


@operation
def segment_min(data: TensorLike, segment_ids: TensorLike, num_segments: int | None = None, sorted: bool = False) -> TensorLike:
    """As `segment_sum`, but the smallest, the largest number that there is for a number of no row (ONNX ScatterND)."""
    return _over_segments(data, segment_ids, num_segments, "min")


def _over_segments(data: TensorLike, ids: TensorLike, count: int | None, reduction: str) -> TensorLike:
    """A ScatterND into one row more, which is for what is left out."""
    if count is None:
        raise NetworkError("Argument `num_segments` must be set: how large the numbers are is not known before a network runs")
    if len(shape_of(ids)) != 1:
        raise NetworkError(f"Argument `segment_ids` should be an 1-D vector, got shape: {shape_of(ids)}")
    dtype = dtype_of(data)
    if dtype == "bool" and reduction in ("add", "mul"):
        raise NetworkError("Booleans have no sum and no product; cast them to integers first")
    wide = "float32" if dtype in ("float16", "bfloat16") else "int32" if dtype == "bool" else dtype
    numbers = converted(ids, "int64")
    inside = logical_and(greater_equal(numbers, np.int64(0)), less(numbers, np.int64(count)))
    places = expand_dims(where(inside, converted(ids, "int32"), count), -1)
    first = full([count + 1, *(size_of(data, axis) for axis in range(1, len(shape_of(data))))], _neutral(dtype, reduction), wide)
    scattered = emit("ScatterND", first, converted(places, "int64"), converted(data, wide), reduction=reduction)
    return converted(cut(scattered, 0, 0, count), dtype)


def _neutral(dtype: str, reduction: str) -> float | int:
    """What changes nothing, and stands for a number of no row."""
    if reduction in ("add", "mul"):
        return int(reduction == "mul")
    if dtype == "bool":
        return int(reduction == "min")
    if is_floating(dtype):
        return -np.inf if reduction == "max" else np.inf
    ends = np.iinfo(dtype)
    return int(ends.min if reduction == "max" else ends.max)
