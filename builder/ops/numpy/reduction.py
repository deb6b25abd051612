"""Over axes: sums, means and extremes."""

from builder.ops.axes import Axis, axes_of, integers
from builder.ops.operation import operation
from builder.ops.promotion import floating
from builder.ops.symbolic import KerasTensor, TensorLike, emit, shape_of

__all__ = ["max", "mean", "sum"]


@operation
def mean(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> KerasTensor:
    """The mean over `axis`, or over everything (ONNX ReduceMean)."""
    return _reduce("ReduceMean", floating(x), axis, keepdims)


@operation
def sum(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> KerasTensor:
    """The sum over `axis`, or over everything (ONNX ReduceSum)."""
    return _reduce("ReduceSum", x, axis, keepdims)


@operation
def max(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> KerasTensor:
    """The largest over `axis`, or over everything (ONNX ReduceMax)."""
    return _reduce("ReduceMax", x, axis, keepdims)


def _reduce(op: str, x: TensorLike, axis: Axis, keepdims: bool) -> KerasTensor:
    rank = len(shape_of(x))
    axes = range(rank) if axis is None else [one % rank for one in axes_of(axis)]
    return emit(op, x, integers(tuple(axes)), keepdims=int(keepdims))
