"""`keras.ops` functions that NumPy has too."""

from collections.abc import Sequence

import numpy as np

from builder.errors import NetworkError
from builder.graph import Array
from builder.ops.operation import operation
from builder.ops.promotion import floating, promoted
from builder.ops.symbolic import KerasTensor, TensorLike, emit, shape_of

__all__ = [
    "absolute",
    "add",
    "clip",
    "concatenate",
    "divide",
    "exp",
    "expand_dims",
    "log",
    "matmul",
    "max",
    "maximum",
    "mean",
    "minimum",
    "multiply",
    "negative",
    "power",
    "reshape",
    "sqrt",
    "square",
    "squeeze",
    "subtract",
    "sum",
    "tanh",
    "transpose",
]

Axis = int | Sequence[int] | None


@operation
def add(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """`x1 + x2`, broadcast (ONNX Add)."""
    return emit("Add", *promoted(x1, x2))


@operation
def subtract(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """`x1 - x2`, broadcast (ONNX Sub)."""
    return emit("Sub", *promoted(x1, x2))


@operation
def multiply(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """`x1 * x2`, broadcast (ONNX Mul)."""
    return emit("Mul", *promoted(x1, x2))


@operation
def divide(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """`x1 / x2`, broadcast; integers become float32 (ONNX Div)."""
    a, b = promoted(x1, x2)
    return emit("Div", floating(a), floating(b))


@operation
def power(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """`x1 ** x2`, broadcast (ONNX Pow)."""
    return emit("Pow", *promoted(x1, x2))


@operation
def maximum(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """The larger of each pair, broadcast (ONNX Max)."""
    return emit("Max", *promoted(x1, x2))


@operation
def minimum(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """The smaller of each pair, broadcast (ONNX Min)."""
    return emit("Min", *promoted(x1, x2))


@operation
def negative(x: TensorLike) -> KerasTensor:
    """`-x` (ONNX Neg)."""
    return emit("Neg", x)


@operation
def absolute(x: TensorLike) -> KerasTensor:
    """`|x|` (ONNX Abs)."""
    return emit("Abs", x)


@operation
def exp(x: TensorLike) -> KerasTensor:
    """`e ** x` (ONNX Exp)."""
    return emit("Exp", floating(x))


@operation
def log(x: TensorLike) -> KerasTensor:
    """The natural logarithm (ONNX Log)."""
    return emit("Log", floating(x))


@operation
def sqrt(x: TensorLike) -> KerasTensor:
    """The square root (ONNX Sqrt)."""
    return emit("Sqrt", floating(x))


@operation
def square(x: TensorLike) -> KerasTensor:
    """`x * x` (ONNX Mul)."""
    return emit("Mul", x, x)


@operation
def tanh(x: TensorLike) -> KerasTensor:
    """The hyperbolic tangent (ONNX Tanh)."""
    return emit("Tanh", floating(x))


@operation
def clip(x: TensorLike, x_min: TensorLike, x_max: TensorLike) -> KerasTensor:
    """`x`, no less than `x_min` and no more than `x_max`, which are scalars (ONNX Clip)."""
    return emit("Clip", *promoted(x, x_min, x_max))


@operation
def matmul(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """The matrix product over the last two axes (ONNX MatMul)."""
    return emit("MatMul", *promoted(x1, x2))


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


@operation
def reshape(x: TensorLike, newshape: Sequence[int]) -> KerasTensor:
    """The same elements in another shape; one -1 is worked out, a 0 keeps `x`'s size of that axis (ONNX Reshape).

    The 0 is what keeps a free batch free: ONNX loses the name of an axis that it has to work out.
    """
    return emit("Reshape", x, _integers(newshape))


@operation
def transpose(x: TensorLike, axes: Sequence[int] | None = None) -> KerasTensor:
    """Output axis i is input axis `axes[i]`; reversed when none are given (ONNX Transpose)."""
    rank = len(shape_of(x))
    return emit("Transpose", x, perm=tuple(axes if axes is not None else reversed(range(rank))))


@operation
def expand_dims(x: TensorLike, axis: int | Sequence[int]) -> KerasTensor:
    """`x` with axes of size 1 where `axis` says, counted in the result (ONNX Unsqueeze)."""
    return emit("Unsqueeze", x, _integers(_axes(axis)))


@operation
def squeeze(x: TensorLike, axis: Axis = None) -> KerasTensor:
    """`x` without its axes that are known to be of size 1, or without those of `axis` (ONNX Squeeze)."""
    axes = [index for index, size in enumerate(shape_of(x)) if size == 1] if axis is None else _axes(axis)
    return emit("Squeeze", x, _integers(axes))


@operation
def concatenate(xs: Sequence[TensorLike], axis: int = -1) -> KerasTensor:
    """The tensors one after another along `axis` (ONNX Concat)."""
    ranks = {len(shape_of(x)) for x in xs}
    if len(ranks) != 1:
        raise NetworkError(f"concatenate needs tensors of one rank; received shapes {[shape_of(x) for x in xs]}")
    return emit("Concat", *promoted(*xs), axis=axis % ranks.pop())


def _reduce(op: str, x: TensorLike, axis: Axis, keepdims: bool) -> KerasTensor:
    rank = len(shape_of(x))
    axes = range(rank) if axis is None else [one % rank for one in _axes(axis)]
    return emit(op, x, _integers(tuple(axes)), keepdims=int(keepdims))


def _axes(axis: int | Sequence[int]) -> tuple[int, ...]:
    return (axis,) if isinstance(axis, int) else tuple(axis)


def _integers(values: Sequence[int]) -> Array:
    return np.asarray(values, np.int64)
