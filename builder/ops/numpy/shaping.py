"""The same elements in another shape or order of axes."""

from collections.abc import Sequence

from builder.errors import NetworkError
from builder.graph import Dim
from builder.ops.axes import Axis, axes_of, integers
from builder.ops.operation import operation
from builder.ops.promotion import promoted
from builder.ops.sizes import Size, Sizes, as_shape, dims_of, is_static, left_of, spec_dims
from builder.ops.symbolic import KerasTensor, TensorLike, converted, emit, emit_as, shape_of, value_of

__all__ = [
    "append",
    "broadcast_to",
    "concatenate",
    "copy",
    "dstack",
    "expand_dims",
    "hstack",
    "moveaxis",
    "ndim",
    "ravel",
    "reshape",
    "size",
    "squeeze",
    "stack",
    "swapaxes",
    "transpose",
    "vstack",
]


@operation
def reshape(x: TensorLike, newshape: int | Sizes) -> KerasTensor:
    """The same elements in another shape; one -1 is worked out, a 0 keeps `x`'s size of that axis (ONNX Reshape).

    The 0 is what keeps a free batch free: ONNX loses the name of an axis that it has to work out. So a -1 that can only
    be the free axis of the same place becomes a 0; and so does None, which is what Keras says a free size is.
    """
    dims = spec_dims(x)
    sizes, left = _resolved(dims, [newshape] if isinstance(newshape, int) else list(newshape))
    named = [dims[axis] if size == 0 else left if size == -1 else dims_of((size,))[0] for axis, size in enumerate(sizes)]
    if is_static(sizes):
        shaped = emit("Reshape", x, as_shape(sizes))
        named = [found if found is not None else name for found, name in zip(spec_dims(shaped), named, strict=True)]
    return emit_as(named, value_of(x).spec.dtype, "Reshape", x, as_shape(sizes))


@operation
def size(x: TensorLike) -> TensorLike:
    """How many elements there are, as a scalar of int32 (ONNX Size)."""
    return converted(emit("Size", x), "int32")


@operation
def ravel(x: TensorLike) -> KerasTensor:
    """The elements in one row (ONNX Reshape)."""
    return reshape(x, (-1,))


@operation
def transpose(x: TensorLike, axes: Sequence[int] | None = None) -> KerasTensor:
    """Output axis i is input axis `axes[i]`; reversed when none are given (ONNX Transpose)."""
    rank = len(shape_of(x))
    return emit("Transpose", x, perm=tuple(axis % rank for axis in axes) if axes is not None else tuple(reversed(range(rank))))


@operation
def swapaxes(x: TensorLike, axis1: int, axis2: int) -> KerasTensor:
    """`x` with two of its axes exchanged (ONNX Transpose)."""
    axes = list(range(len(shape_of(x))))
    axes[axis1], axes[axis2] = axes[axis2], axes[axis1]
    return transpose(x, axes)


@operation
def moveaxis(x: TensorLike, source: int | Sequence[int], destination: int | Sequence[int]) -> KerasTensor:
    """`x` with some axes elsewhere, and the others in the order in which they were (ONNX Transpose)."""
    rank = len(shape_of(x))
    moved, places = ([axis % rank for axis in axes_of(given)] for given in (source, destination))
    if len(moved) != len(places):
        raise NetworkError(f"`source` and `destination` must have as many axes. Received: source={source}, destination={destination}")
    axes = [axis for axis in range(rank) if axis not in moved]
    for place, axis in sorted(zip(places, moved, strict=True)):
        axes.insert(place, axis)
    return transpose(x, axes)


@operation
def expand_dims(x: TensorLike, axis: int | Sequence[int]) -> KerasTensor:
    """`x` with axes of size 1 where `axis` says, counted in the result (ONNX Unsqueeze)."""
    return emit("Unsqueeze", x, integers(axes_of(axis)))


@operation
def squeeze(x: TensorLike, axis: Axis = None) -> KerasTensor:
    """`x` without its axes that are known to be of size 1, or without those of `axis` (ONNX Squeeze)."""
    axes = [index for index, size in enumerate(shape_of(x)) if size == 1] if axis is None else axes_of(axis)
    return emit("Squeeze", x, integers(axes)) if axes else emit("Identity", x)


@operation
def broadcast_to(x: TensorLike, shape: Sizes) -> KerasTensor:
    """`x` repeated along axes of size 1, and along new ones in front; None keeps a size (ONNX Expand)."""
    dims = spec_dims(x)
    own: tuple[Dim, ...] = (1,) * (len(shape) - len(dims)) + dims
    if len(own) > len(shape) or any(not _stretches(dim, size) for dim, size in zip(own, shape, strict=True)):
        raise NetworkError(f"Cannot broadcast shape {shape_of(x)} to shape {tuple(shape)}")
    kept = [
        size is None or (isinstance(size, KerasTensor) and dims_of((size,)) == (dim,) != (None,))
        for size, dim in zip(shape, own, strict=True)
    ]
    sizes = [1 if keep or size is None else size for keep, size in zip(kept, shape, strict=True)]  # a 1 changes nothing
    if is_static(sizes):
        return emit("Expand", x, as_shape(sizes))
    names = [dim if keep or size == 1 else name for keep, size, dim, name in zip(kept, sizes, own, dims_of(sizes), strict=True)]
    return emit_as(names, value_of(x).spec.dtype, "Expand", x, as_shape(sizes))


@operation
def concatenate(xs: Sequence[TensorLike], axis: int = 0) -> KerasTensor:
    """The tensors one after another along `axis` (ONNX Concat)."""
    ranks = {len(shape_of(x)) for x in xs}
    if len(ranks) != 1:
        raise NetworkError(f"concatenate needs tensors of one rank; received shapes {[shape_of(x) for x in xs]}")
    return emit("Concat", *promoted(*xs), axis=axis % ranks.pop())


@operation
def stack(x: Sequence[TensorLike], axis: int = 0) -> KerasTensor:
    """The tensors, which are of one shape, side by side along a new axis (ONNX Unsqueeze, Concat)."""
    shapes = {shape_of(one) for one in x}
    if len({len(shape) for shape in shapes}) != 1:
        raise NetworkError(f"stack needs tensors of one shape; received shapes {[shape_of(one) for one in x]}")
    rank = len(shapes.pop()) + 1
    return concatenate([expand_dims(one, axis % rank) for one in x], axis % rank)


@operation
def append(x1: TensorLike, x2: TensorLike, axis: int | None = None) -> KerasTensor:
    """`x1` and after it `x2`, along `axis` or both in a row (ONNX Concat)."""
    return concatenate([ravel(x1), ravel(x2)], 0) if axis is None else concatenate([x1, x2], axis)


@operation
def hstack(xs: Sequence[TensorLike]) -> KerasTensor:
    """The tensors along their second axis, or the only one (ONNX Concat)."""
    columns = [_of_rank(x, 1) for x in xs]
    return concatenate(columns, 0 if len(shape_of(columns[0])) == 1 else 1)


@operation
def vstack(xs: Sequence[TensorLike]) -> KerasTensor:
    """The tensors along their first axis, vectors as rows (ONNX Concat)."""
    return concatenate([_of_rank(x, 2) for x in xs], 0)


@operation
def dstack(xs: Sequence[TensorLike]) -> KerasTensor:
    """The tensors along their third axis, vectors as rows and matrices as layers (ONNX Concat)."""
    layers = [x if len(shape_of(x)) > 2 else expand_dims(_of_rank(x, 2), 2) for x in xs]
    return concatenate(layers, 2)


@operation
def copy(x: TensorLike) -> KerasTensor:
    """`x` under another name (ONNX Identity)."""
    return emit("Identity", x)


def ndim(x: TensorLike) -> int:
    """How many axes `x` has."""
    return len(shape_of(x))


def _resolved(dims: tuple[Dim, ...], wanted: Sizes) -> tuple[list[Size], Dim]:
    """The sizes with as few that only a run tells as can be, and what the -1 among them is, where that is known."""
    sizes = [_kept(dims[axis] if axis < len(dims) else 1, size) for axis, size in enumerate(wanted)]
    if sizes.count(-1) > 1:
        raise NetworkError(f"There must be at most one unknown dimension (-1) in newshape. Received: newshape={tuple(wanted)}")
    unknown = [axis for axis, size in enumerate(sizes) if isinstance(size, KerasTensor)]
    if len(unknown) == 1 and -1 not in sizes:
        sizes[unknown[0]] = -1  # whatever it is, it is what is left
    if -1 not in sizes:
        return sizes, None
    place = sizes.index(-1)
    left = left_of(dims, (dims[axis] if size == 0 else dims_of((size,))[0] for axis, size in enumerate(sizes) if axis != place))
    if isinstance(left, str) and place < len(dims) and dims[place] == left:
        sizes[place] = 0
    return sizes, left


def _kept(dim: Dim, size: Size | None) -> Size:
    """0 where the size is that of the free axis in the same place; -1 for what is not known otherwise."""
    if size is None:
        return -1 if isinstance(dim, int) else 0
    if isinstance(size, KerasTensor) and isinstance(dim, str) and dims_of((size,)) == (dim,):
        return 0
    return size


def _of_rank(x: TensorLike, rank: int) -> TensorLike:
    """`x` with axes of size 1 in front, up to that rank; a scalar becomes a vector first."""
    missing = rank - len(shape_of(x))
    return expand_dims(x, tuple(range(missing))) if missing > 0 else x


def _stretches(dim: Dim, size: Size | None) -> bool:
    """Whether an axis can be broadcast to a size, as far as that is known."""
    return not isinstance(dim, int) or not isinstance(size, int) or dim in (1, size)
