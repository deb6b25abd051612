"""Elements by where they are: indices, slices, diagonals."""

from collections.abc import Sequence
from types import EllipsisType
from typing import Any

import numpy as np

from builder.errors import NetworkError
from builder.ops.allowance import spend
from builder.ops.axes import integers
from builder.ops.numpy.reduction import sum
from builder.ops.numpy.shaping import broadcast_to, concatenate, expand_dims, moveaxis, ravel, transpose
from builder.ops.operation import operation
from builder.ops.promotion import dtype_of, promoted
from builder.ops.sizes import Size, as_shape, dims_of, is_static, size_of, spec_dims
from builder.ops.symbolic import KerasTensor, Operators, TensorLike, converted, emit, emit_as, shape_of

__all__ = ["diag", "diagflat", "diagonal", "get_item", "take", "take_along_axis", "trace", "unravel_index"]

_END = 2**63 - 1
_START = -(2**63)


@operation
def take(x: TensorLike, indices: TensorLike, axis: int | None = None) -> KerasTensor:
    """The slices of `x` at `indices` along `axis`, or the elements in a row of all; -1 is the last (ONNX Gather)."""
    if axis is None:
        return emit("Gather", ravel(x), _index(indices), axis=0)
    return emit("Gather", x, _index(indices), axis=axis % len(shape_of(x)))


@operation
def take_along_axis(x: TensorLike, indices: TensorLike, axis: int | None = None) -> KerasTensor:
    """For each index the element of `x` at that place of `axis`, the other places being the index's own (ONNX GatherElements)."""
    if axis is None:
        x, indices, axis = ravel(x), ravel(indices), 0
    axis %= len(shape_of(x))
    pairs = list(enumerate(zip(spec_dims(x), spec_dims(indices), strict=True)))
    if any(index == 1 and dim != 1 for place, (dim, index) in pairs if place != axis):
        indices = broadcast_to(indices, [size_of(indices if place == axis else x, place) for place, _ in pairs])
    if any(dim == 1 and index != 1 for place, (dim, index) in pairs if place != axis):
        x = broadcast_to(x, [size_of(x if place == axis else indices, place) for place, _ in pairs])
    return emit("GatherElements", x, _index(indices), axis=axis)


@operation
def get_item(x: TensorLike, key: Any) -> TensorLike:
    """`x[key]`, as NumPy has it: integers, slices, None, Ellipsis, and arrays or tensors of integers.

    Raises NetworkError for an index that `x` does not have. A mask has to be an array: how many elements a tensor of
    booleans selects is not known before a network runs.
    """
    keys = _for_each_axis(tuple(key) if isinstance(key, list | tuple) else (key,), x)
    if added := [axis for axis, one in enumerate(keys) if one is None]:
        x = expand_dims(x, added)
    picked = {axis: one for axis, one in enumerate(keys) if one is not None and not isinstance(one, slice)}
    x = _sliced(x, {axis: one for axis, one in enumerate(keys) if isinstance(one, slice)})
    if any(not isinstance(one, int) for one in picked.values()):
        return _gathered(x, picked)
    for axis in sorted(picked, reverse=True):
        x = emit("Gather", x, np.asarray(_inside(picked[axis], x, axis), np.int64), axis=axis)
    return x


@operation
def diagonal(x: TensorLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> KerasTensor:
    """The diagonal `offset` of the two axes, as the last one (ONNX GatherND)."""
    rank = len(shape_of(x))
    moved = moveaxis(x, (axis1, axis2), (0, 1))
    rows, columns = moved.shape[:2]
    if rows is None or columns is None:
        raise NetworkError(f"`diagonal` needs axes of known size. Received: shape={shape_of(x)}, axis1={axis1}, axis2={axis2}")
    spend(rows, columns)
    where = np.argwhere(np.eye(rows, columns, offset)).astype(np.int64)
    return moveaxis(emit("GatherND", moved, where), 0, rank - 2)


@operation
def trace(x: TensorLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> KerasTensor:
    """The sum of the diagonal `offset` of the two axes."""
    return sum(diagonal(x, offset, axis1, axis2), axis=-1)


@operation
def diag(x: TensorLike, k: int = 0) -> KerasTensor:
    """The diagonal `k` of a matrix, or the matrix that has a vector there and zeros elsewhere."""
    if len(shape_of(x)) == 2:
        return diagonal(x, k)
    size = shape_of(x)[0]
    if size is None:
        raise NetworkError("`diag` needs a vector of known size")
    side = size + abs(k)
    spend(side, side)
    where = np.argwhere(np.eye(side, k=k))
    places = np.full((side, side), size)
    places[tuple(where.T)] = np.arange(size)
    return take(concatenate([x, converted([0], dtype_of(x))], 0), places)


@operation
def diagflat(x: TensorLike, k: int = 0) -> KerasTensor:
    """The matrix that has the elements in a row on its diagonal `k`, and zeros elsewhere."""
    return diag(ravel(x), k)


@operation
def unravel_index(indices: TensorLike, shape: Sequence[int]) -> tuple[KerasTensor, ...]:
    """Where in a tensor of that shape the element is that is at each index of a row of all, axis by axis."""
    sizes = np.cumprod([1, *reversed(shape)])[:-1][::-1]
    places = []
    for size, step in zip(shape, sizes, strict=True):
        whole = emit("Div", converted(indices, "int64"), np.asarray(step, np.int64))
        after = converted(emit("Mod", whole, np.asarray(size, np.int64)), dtype_of(promoted(indices)[0]))
        places.append(_tensor(after))
    return tuple(places)


def _for_each_axis(key: tuple[Any, ...], x: TensorLike) -> list[Any]:
    """One key for each axis and each None: masks as indices, and slices for what is left out."""
    keys = [one for given in key for one in _as_indices(given)]
    missing = len(shape_of(x)) - len([one for one in keys if one is not None and one is not Ellipsis])
    if missing < 0:
        raise NetworkError(f"Array has shape {shape_of(x)} but slice has to many indices. Received: `{key}`")
    if not any(one is Ellipsis for one in keys):
        keys.append(Ellipsis)
    return [one for given in keys for one in ([slice(None)] * missing if given is Ellipsis else [given])]


def _as_indices(key: Any) -> list[Any]:
    """A key as those that stand for it: a mask of booleans is an array of indices for each of its axes."""
    match key:
        case None | EllipsisType() | slice():
            return [key]
        case KerasTensor() if key.dtype == "bool":
            raise NetworkError("A tensor of booleans cannot be an index: how many elements it selects is not known before a network runs")
        case Operators():
            return [key]
        case bool():
            raise NetworkError(f"Unsupported key type for array slice. Received: `{key}`")
        case int() | np.integer():
            return [int(key)]
    array = np.asarray(key)
    if array.dtype.kind not in "biu":
        raise NetworkError(f"Unsupported key type for array slice. Received: `{key}`")
    return [one.astype(np.int64) for one in (np.nonzero(array) if array.dtype.kind == "b" else (array,))]


def _sliced(x: TensorLike, slices: dict[int, slice]) -> TensorLike:
    """`x[slices]`, by one node for all axes."""
    bounds = {axis: bound for axis, one in slices.items() if (bound := _bounds(one, shape_of(x)[axis])) is not None}
    if not bounds:
        return x
    starts, ends, steps = (list(values) for values in zip(*bounds.values(), strict=True))
    inputs = [as_shape(starts), as_shape(ends), integers(list(bounds)), integers(steps)]
    if is_static((*starts, *ends)):
        return emit("Slice", x, *inputs)
    dims = list(spec_dims(x))
    for axis, (start, end, step) in bounds.items():
        dims[axis] = dims_of((end,))[0] if (start, step) == (0, 1) and isinstance(end, KerasTensor) else None
    return emit_as(dims, dtype_of(x), "Slice", x, *inputs)


def _bounds(key: slice, size: int | None) -> tuple[Size, Size, int] | None:
    """Start, end and step as ONNX has them; None where the slice is everything."""
    step = 1 if key.step is None else int(key.step)
    parts = (key.start, key.stop)
    if size is not None and not any(isinstance(part, KerasTensor) for part in parts):
        start, end, _ = key.indices(size)
        if not range(start, end, step):
            return 0, 0, 1
        return None if (start, end, step) == (0, size, 1) else (start, _START if end < 0 else end, step)
    if parts == (None, None) and step == 1:
        return None
    first = (0 if step > 0 else _END) if key.start is None else key.start
    last = (_END if step > 0 else _START) if key.stop is None else key.stop
    return first, last, step


def _gathered(x: TensorLike, picked: dict[int, Any]) -> KerasTensor:
    """`x` at the places that the arrays, broadcast, make up: where the first of their axes was, or in front if others lie between."""
    axes = sorted(picked)
    if len(axes) == 1:
        return take(x, picked[axes[0]], axes[0])
    front = transpose(x, axes + [axis for axis in range(len(shape_of(x))) if axis not in axes])
    where = _stacked([picked[axis] for axis in axes])
    found = emit("GatherND", front, where)
    if axes != list(range(axes[0], axes[-1] + 1)):
        return found
    count = len(shape_of(where)) - 1
    return moveaxis(found, tuple(range(count)), tuple(range(axes[0], axes[0] + count)))


def _stacked(indices: Sequence[Any]) -> TensorLike:
    """The indices, broadcast, side by side along a new last axis."""
    if not any(isinstance(one, Operators) for one in indices):
        return np.stack(np.broadcast_arrays(*indices), axis=-1).astype(np.int64)
    wide = [converted(one, "int64") for one in indices]
    nothing: TensorLike = np.asarray(0, np.int64)
    for one in wide:
        nothing = emit("Add", nothing, emit("Mul", one, np.asarray(0, np.int64)))
    columns = [emit("Unsqueeze", emit("Add", one, nothing), integers((-1,))) for one in wide]
    return emit("Concat", *columns, axis=-1)


def _inside(index: int, x: TensorLike, axis: int) -> int:
    """The index. Raises NetworkError when the axis has none such."""
    size = shape_of(x)[axis]
    if size is not None and not -size <= index < size:
        raise NetworkError(f"Array has shape {shape_of(x)} but out-of-bounds index {index} was requested.")
    return index


def _index(indices: TensorLike) -> TensorLike:
    """The indices as ONNX takes them."""
    return indices if dtype_of(indices) in ("int32", "int64") and isinstance(indices, Operators) else converted(indices, "int64")


def _tensor(x: TensorLike) -> KerasTensor:
    assert isinstance(x, KerasTensor), x
    return x
