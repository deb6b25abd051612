"""Along an axis: parts, repetitions, turns and margins."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from builder.errors import NetworkError
from builder.ops.allowance import spend
from builder.ops.axes import Axis, axes_of, integers
from builder.ops.numpy.shaping import concatenate, expand_dims, ravel, reshape, swapaxes
from builder.ops.operation import operation
from builder.ops.promotion import dtype_of, is_floating
from builder.ops.sizes import Size, as_shape, dims_of, multiplied, size_of, spec_dims
from builder.ops.symbolic import KerasTensor, TensorLike, converted, emit, emit_all, emit_as, shape_of

__all__ = [
    "array_split",
    "cut",
    "dsplit",
    "flip",
    "fliplr",
    "flipud",
    "hsplit",
    "pad",
    "repeat",
    "roll",
    "rot90",
    "split",
    "tile",
    "vsplit",
]

_END = 2**63 - 1
_START = -(2**63)
_PADDED = ("bool", "int8", "uint8", "int32", "uint32", "int64", "uint64")  # what ONNX Runtime's Pad takes beside floats


@operation
def split(x: TensorLike, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[KerasTensor]:
    """So many equal parts along `axis`, or the parts between those indices (ONNX Split)."""
    axis %= len(shape_of(x))
    size = shape_of(x)[axis]
    if isinstance(indices_or_sections, int):
        return _equal_parts(x, indices_or_sections, axis, size)
    bounds = [int(index) for index in indices_or_sections]
    if size is None:
        return [cut(x, axis, start, end) for start, end in zip([0, *bounds], [*bounds, _END], strict=True)]
    bounds = [0, *(min(index % size if index < 0 else index, size) for index in bounds), size]
    return _parts(x, [end - start for start, end in pairwise(bounds)], axis)


@operation
def array_split(x: TensorLike, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[KerasTensor]:
    """As `split`, where the size need not be a multiple: the first parts are longer by one (ONNX Split)."""
    size = shape_of(x)[axis]
    if not isinstance(indices_or_sections, int):
        return split(x, indices_or_sections, axis)
    if size is None:
        raise NetworkError("`array_split` needs an axis of known size")
    spend(indices_or_sections, PART)
    least, longer = divmod(size, indices_or_sections)
    return _parts(x, [least + (part < longer) for part in range(indices_or_sections)], axis % len(shape_of(x)))


@operation
def hsplit(x: TensorLike, indices_or_sections: int | Sequence[int]) -> list[KerasTensor]:
    """As `split` along the second axis, or the only one."""
    return split(x, indices_or_sections, 0 if len(shape_of(x)) == 1 else 1)


@operation
def vsplit(x: TensorLike, indices_or_sections: int | Sequence[int]) -> list[KerasTensor]:
    """As `split` along the first axis."""
    return split(x, indices_or_sections, 0)


@operation
def dsplit(x: TensorLike, indices_or_sections: int | Sequence[int]) -> list[KerasTensor]:
    """As `split` along the third axis."""
    return split(x, indices_or_sections, 2)


@operation
def tile(x: TensorLike, repeats: Size | Sequence[Size]) -> KerasTensor:
    """`x` one after another so many times along each axis, the last ones where there are fewer (ONNX Tile)."""
    counts: list[Size] = [repeats] if isinstance(repeats, int | KerasTensor) else list(repeats)
    rank = len(shape_of(x))
    counts = [*([1] * (rank - len(counts))), *counts]
    if len(counts) > rank:
        x = expand_dims(x, tuple(range(len(counts) - rank)))
    dims = [multiplied(pair) for pair in zip(spec_dims(x), dims_of(counts), strict=True)]
    return emit_as(dims, dtype_of(x), "Tile", x, as_shape(counts))


@operation
def repeat(x: TensorLike, repeats: int | Sequence[int], axis: int | None = None) -> KerasTensor:
    """Each slice along `axis` so many times in a row, or each of its own number of times; all in a row without an axis."""
    if axis is None:
        x, axis = ravel(x), 0
    rank, counts = len(shape_of(x)), [repeats] if isinstance(repeats, int) else [int(count) for count in repeats]
    axis %= rank
    if len(counts) == 1:
        beside = expand_dims(x, axis + 1)
        after = tile(beside, [counts[0] if place == axis + 1 else 1 for place in range(rank + 1)])
        return reshape(after, [*([0] * axis), -1, *(size_of(x, place) for place in range(axis + 1, rank))])
    spend(sum(counts))
    picked = [index for index, count in enumerate(counts) for _ in range(count)]
    return emit("Gather", x, integers(picked), axis=axis)


@operation
def flip(x: TensorLike, axis: Axis = None) -> KerasTensor:
    """`x` back to front along `axis`, or along every axis (ONNX Slice)."""
    rank = len(shape_of(x))
    axes = [one % rank for one in (range(rank) if axis is None else axes_of(axis))]
    count = len(axes)
    bounds = (integers(values) for values in ([-1] * count, [_START] * count, axes, [-1] * count))
    return emit_as(spec_dims(x), dtype_of(x), "Slice", x, *bounds)  # ONNX loses the name of an axis that is turned


@operation
def fliplr(x: TensorLike) -> KerasTensor:
    """`x` back to front along the second axis (ONNX Slice)."""
    return flip(x, 1)


@operation
def flipud(x: TensorLike) -> KerasTensor:
    """`x` back to front along the first axis (ONNX Slice)."""
    return flip(x, 0)


@operation
def rot90(array: TensorLike, k: int = 1, axes: tuple[int, int] = (0, 1)) -> TensorLike:
    """`array` turned by `k` right angles from the first of `axes` to the second."""
    first, second = axes
    match k % 4:
        case 0:
            return array
        case 1:
            return swapaxes(flip(array, second), first, second)
        case 2:
            return flip(array, axes)
        case _:
            return flip(swapaxes(array, first, second), second)


@operation
def roll(x: TensorLike, shift: int | Sequence[int], axis: Axis = None) -> KerasTensor:
    """`x` moved by `shift` along `axis`, what leaves at one end entering at the other (ONNX Slice, Concat)."""
    if axis is None:
        wanted = [0 if size is None else size for size in shape_of(x)]
        return reshape(roll(ravel(x), shift, 0), wanted)
    axes = axes_of(axis)
    shifts = [shift] * len(axes) if isinstance(shift, int) else list(shift)
    rolled = x
    for one, by in zip(axes, shifts, strict=True):
        rolled = _rolled(rolled, by, one % len(shape_of(x)))
    return rolled if isinstance(rolled, KerasTensor) else emit("Identity", rolled)


@operation
def pad(x: TensorLike, pad_width: Any, mode: str = "constant", constant_values: float | None = None) -> KerasTensor:
    """`x` with margins: one width for all, a pair for all, or a pair for each axis (ONNX Pad).

    `mode` says what fills them: "constant", "reflect", "symmetric", "edge" or "wrap".
    """
    if constant_values is not None and mode != "constant":
        raise NetworkError(f"Argument `constant_values` can only be provided when `mode == 'constant'`. Received: mode={mode}")
    pairs = _pairs(pad_width, len(shape_of(x)))
    if mode == "symmetric":
        return _mirrored(x, pairs)
    if mode not in ("constant", "reflect", "edge", "wrap"):
        raise NetworkError(f"`mode` must be 'constant', 'reflect', 'symmetric', 'edge' or 'wrap'. Received: mode={mode}")
    dtype = dtype_of(x)
    wide = dtype if is_floating(dtype) or dtype in _PADDED else "int32"
    widths = integers([before for before, _ in pairs] + [after for _, after in pairs])
    fill = converted(0 if constant_values is None else constant_values, wide) if mode == "constant" else None
    padded = converted(emit("Pad", converted(x, wide), widths, fill, mode=mode), dtype)
    assert isinstance(padded, KerasTensor)
    return padded


def cut(x: TensorLike, axis: int, start: int, end: int) -> KerasTensor:
    """`x` from `start` to before `end` along `axis` (ONNX Slice)."""
    return emit("Slice", x, integers((start,)), integers((end,)), integers((axis,)))


PART = 100  # what a part of a split costs, in numbers


def _equal_parts(x: TensorLike, sections: int, axis: int, size: int | None) -> list[KerasTensor]:
    spend(sections, PART)
    if size is None:
        return emit_all("Split", x, outputs=sections, axis=axis, num_outputs=sections)
    if size % sections:
        raise NetworkError(
            f"When splitting axis {axis} of size {size} into {sections} sections, the size must be a multiple. Received: {shape_of(x)}"
        )
    return _parts(x, [size // sections] * sections, axis)


def _parts(x: TensorLike, sizes: Sequence[int], axis: int) -> list[KerasTensor]:
    if len(sizes) == 1:
        return [emit("Identity", x)]
    return emit_all("Split", x, integers(sizes), outputs=len(sizes), axis=axis)


def _rolled(x: TensorLike, shift: int, axis: int) -> TensorLike:
    size = shape_of(x)[axis]
    if size is None:
        raise NetworkError(f"`roll` needs an axis of known size. Received: shape={shape_of(x)}, axis={axis}")
    start = -shift % size if size else 0
    if start == 0:
        return x
    return concatenate([cut(x, axis, start, _END), cut(x, axis, 0, start)], axis)


def _mirrored(x: TensorLike, pairs: Sequence[tuple[int, int]]) -> KerasTensor:
    """`x` with margins in which it goes on backwards, its last row first."""
    after = x
    for axis, (before, behind) in enumerate(pairs):
        parts = [flip(cut(after, axis, 0, before), axis)] if before else []
        parts.append(after)  # type: ignore[arg-type]
        parts += [flip(cut(after, axis, -behind, _END), axis)] if behind else []
        after = concatenate(parts, axis) if len(parts) > 1 else after
    return after if isinstance(after, KerasTensor) else emit("Identity", after)


def _pairs(pad_width: Any, rank: int) -> list[tuple[int, int]]:
    """The widths as a pair for each axis, from any of the forms in which NumPy takes them."""
    if isinstance(pad_width, int):
        return [(pad_width, pad_width)] * rank
    given = [(width, width) if isinstance(width, int) else tuple(width) for width in pad_width]
    if len(pad_width) == 2 and all(isinstance(width, int) for width in pad_width):
        return [(pad_width[0], pad_width[1])] * rank
    pairs = [(int(pair[0]), int(pair[-1])) for pair in given]
    if len(pairs) == 1:
        return pairs * rank
    if len(pairs) != rank:
        raise NetworkError(f"`pad_width` must have a pair for each of {rank} axes. Received: pad_width={pad_width}")
    return pairs
