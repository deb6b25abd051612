"""How many elements there are of each kind, and where: their number is known only when a network runs."""

from typing import Any

import numpy as np

from builder.ops.numpy.arithmetic import subtract
from builder.ops.numpy.creation import zeros_like
from builder.ops.numpy.indexing import take
from builder.ops.numpy.rearranging import cut
from builder.ops.numpy.shaping import broadcast_to, concatenate, ravel, reshape, size, squeeze
from builder.ops.numpy.sorting import argsort
from builder.ops.operation import operation
from builder.ops.promotion import dtype_of, is_floating
from builder.ops.sizes import size_of
from builder.ops.symbolic import KerasTensor, TensorLike, converted, emit, emit_all, shape_of

__all__ = ["nonzero", "unique"]

_COUNTED = ("bool", "uint8", "int32", "int64", "float32")  # what ONNX Runtime's NonZero takes
_END = 2**63 - 1


@operation
def nonzero(x: TensorLike) -> tuple[TensorLike, ...]:
    """Where the elements are that are not zero: for each axis a vector of int32, as long as there are such elements (ONNX NonZero)."""
    given = x if dtype_of(x) in _COUNTED else converted(x, "bool")
    places = emit("NonZero", given)
    return tuple(converted(squeeze(cut(places, 0, axis, axis + 1), 0), "int32") for axis in range(len(shape_of(x))))


@operation
def unique(
    x: TensorLike,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """The distinct elements, smallest first, or the distinct slices along `axis` (ONNX Unique).

    With them, as int32, where each first is, which of them each element is, and how many there are of it. With `size`
    there are so many: some are left out, or `fill_value` follows, which is the first of them where none is given.
    `sorted=False` leaves their order open, and they are sorted all the same.
    """
    found = _flat(ravel(x))
    place = 0
    if axis is not None:
        place = axis % len(shape_of(x))
        numbers = reshape(found[2], [size_of(x, one) for one in range(len(shape_of(x)))])
        found = _slices(x, numbers, place)
    else:
        found[2] = reshape(found[2], [size_of(x, one) for one in range(len(shape_of(x)))])
    if size is not None:
        filling = cut(found[0], place, 0, 1) if fill_value is None else converted(fill_value, dtype_of(x))
        places = [(0, place, filling), (1, 0, cut(found[1], 0, 0, 1)), (3, 0, np.int32(0))]
        for which, along, value in places:
            found[which] = _of_size(found[which], size, along, value)
    chosen = [one for one, wanted in zip(found, (True, return_index, return_inverse, return_counts), strict=True) if wanted]
    return chosen[0] if len(chosen) == 1 else tuple(chosen)


def _flat(row: KerasTensor) -> list[TensorLike]:
    """The distinct elements of a vector, the first place and the number of each, and which one each element is.

    By sorting, and not ONNX Unique, which in ONNX Runtime takes all for one where some are no numbers.
    """
    order = _order(row)
    ordered = take(row, order, 0)
    changes = emit("Not", emit("Equal", cut(ordered, 0, 1, _END), cut(ordered, 0, 0, -1)))
    first = concatenate([np.ones(1, bool), changes], 0)
    values, index = (emit("Compress", part, first, axis=0) for part in (ordered, order))
    numbers = emit("Sub", emit("CumSum", converted(first, "int32"), np.asarray(0, np.int64)), np.int32(1))
    inverse = emit("ScatterElements", zeros_like(numbers), order, numbers, axis=0)
    starts = nonzero(first)[0]
    ends = concatenate([cut(starts, 0, 1, _END), reshape(size(row), (1,))], 0)
    return [values, converted(index, "int32"), inverse, subtract(ends, starts)]


def _order(row: KerasTensor) -> TensorLike:
    """Where the elements in order come from, those that are no numbers last."""
    if not is_floating(row.dtype):
        return argsort(row)
    missing = emit("IsNaN", row)
    order = argsort(emit("Where", missing, converted(np.inf, row.dtype), row))
    return take(order, argsort(take(converted(missing, "int32"), order, 0)), 0)


def _slices(x: TensorLike, numbers: KerasTensor, axis: int) -> list[TensorLike]:
    """The same of the slices along an axis, in which each element goes by its number among all."""
    _, index, inverse, counts = emit_all("Unique", converted(numbers, "int64"), outputs=4, sorted=1, axis=axis)
    return [emit("Gather", x, index, axis=axis), *(converted(one, "int32") for one in (index, inverse, counts))]


def _of_size(x: TensorLike, count: int, axis: int, filling: TensorLike) -> KerasTensor:
    """The first `count` along an axis, and behind them as often as it takes what they are filled up with."""
    sizes = [count if one == axis else size_of(x, one) for one in range(len(shape_of(x)))]
    return cut(concatenate([x, broadcast_to(filling, sizes)], axis), axis, 0, count)
