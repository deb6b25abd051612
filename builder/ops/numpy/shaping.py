"""The same elements in another shape or order."""

from collections.abc import Sequence

from builder.errors import NetworkError
from builder.ops.axes import Axis, axes_of, integers
from builder.ops.operation import operation
from builder.ops.promotion import promoted
from builder.ops.symbolic import KerasTensor, TensorLike, emit, shape_of

__all__ = ["concatenate", "expand_dims", "reshape", "squeeze", "transpose"]


@operation
def reshape(x: TensorLike, newshape: Sequence[int]) -> KerasTensor:
    """The same elements in another shape; one -1 is worked out, a 0 keeps `x`'s size of that axis (ONNX Reshape).

    The 0 is what keeps a free batch free: ONNX loses the name of an axis that it has to work out.
    """
    return emit("Reshape", x, integers(newshape))


@operation
def transpose(x: TensorLike, axes: Sequence[int] | None = None) -> KerasTensor:
    """Output axis i is input axis `axes[i]`; reversed when none are given (ONNX Transpose)."""
    rank = len(shape_of(x))
    return emit("Transpose", x, perm=tuple(axes if axes is not None else reversed(range(rank))))


@operation
def expand_dims(x: TensorLike, axis: int | Sequence[int]) -> KerasTensor:
    """`x` with axes of size 1 where `axis` says, counted in the result (ONNX Unsqueeze)."""
    return emit("Unsqueeze", x, integers(axes_of(axis)))


@operation
def squeeze(x: TensorLike, axis: Axis = None) -> KerasTensor:
    """`x` without its axes that are known to be of size 1, or without those of `axis` (ONNX Squeeze)."""
    axes = [index for index, size in enumerate(shape_of(x)) if size == 1] if axis is None else axes_of(axis)
    return emit("Squeeze", x, integers(axes))


@operation
def concatenate(xs: Sequence[TensorLike], axis: int = -1) -> KerasTensor:
    """The tensors one after another along `axis` (ONNX Concat)."""
    ranks = {len(shape_of(x)) for x in xs}
    if len(ranks) != 1:
        raise NetworkError(f"concatenate needs tensors of one rank; received shapes {[shape_of(x) for x in xs]}")
    return emit("Concat", *promoted(*xs), axis=axis % ranks.pop())
