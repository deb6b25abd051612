"""`keras.ops` functions of mathematics that NumPy has not."""

from collections.abc import Sequence

import numpy as np

from builder.errors import NetworkError
from builder.ops.axes import Axis, axes_of, integers
from builder.ops.numpy.elimination import slogdet
from builder.ops.numpy.reduction import reduced
from builder.ops.numpy.shaping import expand_dims
from builder.ops.numpy.sorting import sorted_by_top
from builder.ops.operation import operation
from builder.ops.promotion import dtype_of, floating, promoted
from builder.ops.symbolic import KerasTensor, TensorLike, converted, emit, shape_of

__all__ = ["cdist", "erf", "erfc", "erfinv", "extract_sequences", "in_top_k", "logdet", "logsumexp", "rsqrt", "top_k"]


# From M. Giles, "Approximating the erfinv function", for numbers of 32 bits; the highest power first.
_ERFINV_NEAR = (
    *(2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 2.1858087e-04, -1.25372503e-03, -4.17768164e-03),
    *(0.246640727, 1.50140941),
)
_ERFINV_FAR = (
    *(-2.00214257e-04, 1.00950558e-04, 1.34934322e-03, -3.67342844e-03, 5.73950773e-03, -7.6224613e-03, 9.43887047e-03),
    *(1.00167406, 2.83297682),
)


@operation
def rsqrt(x: TensorLike) -> KerasTensor:
    """`1 / sqrt(x)` (ONNX Sqrt, Reciprocal)."""
    return emit("Reciprocal", emit("Sqrt", floating(x)))


@operation
def erf(x: TensorLike) -> KerasTensor:
    """The error function (ONNX Erf)."""
    return emit("Erf", floating(x))


@operation
def erfc(x: TensorLike) -> KerasTensor:
    """`1 - erf(x)`."""
    x = floating(x)
    return emit("Sub", converted(1, dtype_of(x)), emit("Erf", x))


@operation
def erfinv(x: TensorLike) -> TensorLike:
    """What the error function is `x` of, by Giles's polynomials; infinite of 1 and -1, and NaN beyond."""
    x = floating(x)
    given = converted(x, "float32")
    depth = emit("Neg", emit("Log", emit("Mul", emit("Sub", np.float32(1), given), emit("Add", np.float32(1), given))))
    near = _polynomial(emit("Sub", depth, np.float32(2.5)), _ERFINV_NEAR)
    far = _polynomial(emit("Sub", emit("Sqrt", depth), np.float32(3)), _ERFINV_FAR)
    found = emit("Mul", emit("Where", emit("Less", depth, np.float32(5)), near, far), given)
    ends = emit("Equal", emit("Abs", given), np.float32(1))
    return converted(emit("Where", ends, emit("Mul", given, np.float32(np.inf)), found), dtype_of(x))


@operation
def logdet(x: TensorLike) -> TensorLike:
    """The logarithm of the absolute value of the determinant of each matrix: `(..., n, n)` to `(...)`."""
    return slogdet(x)[1]


@operation
def logsumexp(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> KerasTensor:
    """The logarithm of the sum of `e ** x` over `axis`, or over everything; the largest is taken out first."""
    x = floating(x)
    rank = len(shape_of(x))
    axes = [one % rank for one in (range(rank) if axis is None else axes_of(axis))]
    zero = converted(0, dtype_of(x))
    largest = reduced("ReduceMax", x, axes, True)
    largest = emit("Where", emit("IsInf", largest), zero, largest)
    summed = emit("Log", reduced("ReduceSum", emit("Exp", emit("Sub", x, largest)), axes, True))
    found = emit("Add", summed, largest)
    return found if keepdims or not axes else emit("Squeeze", found, integers(axes))


@operation
def top_k(x: TensorLike, k: int, sorted: bool = True) -> tuple[TensorLike, TensorLike]:
    """The `k` largest along the last axis, the largest first, and where they are, as int32 (ONNX TopK)."""
    return sorted_by_top(x, k, len(shape_of(x)) - 1, largest=True)


@operation
def in_top_k(targets: TensorLike, predictions: TensorLike, k: int) -> KerasTensor:
    """Whether each target is among the `k` largest of its row of predictions; one that equals the last of them is."""
    predictions = floating(predictions)
    targets = expand_dims(converted(targets, "int64"), -1)
    own = emit("GatherElements", predictions, targets, axis=len(shape_of(predictions)) - 1)
    larger = converted(emit("Greater", predictions, own), "int32")
    count = emit("ReduceSum", larger, integers((-1,)), keepdims=0)
    return emit("Less", count, converted(k, "int32"))


@operation
def cdist(x: TensorLike, y: TensorLike) -> KerasTensor:
    """How far each row of `x` is from each row of `y`."""
    a, b = (floating(operand) for operand in promoted(x, y))
    gap = emit("Sub", expand_dims(a, -2), expand_dims(b, -3))
    return emit("Sqrt", emit("ReduceSum", emit("Mul", gap, gap), integers((-1,)), keepdims=0))


@operation
def extract_sequences(x: TensorLike, sequence_length: int, sequence_stride: int) -> KerasTensor:
    """The windows of `sequence_length` along the last axis, each `sequence_stride` behind the one before."""
    size = shape_of(x)[-1]
    if size is None:
        raise NetworkError(f"`extract_sequences` needs a last axis of known size. Received: shape={shape_of(x)}")
    if sequence_stride < 1 or size < sequence_length:
        raise NetworkError(f"No window of {sequence_length} in steps of {sequence_stride} fits into {size}")
    starts = range(0, size - sequence_length + 1, sequence_stride)
    where = [[start + place for place in range(sequence_length)] for start in starts]
    return emit("Gather", x, np.asarray(where, np.int64), axis=len(shape_of(x)) - 1)


def _polynomial(x: KerasTensor, weights: Sequence[float]) -> KerasTensor:
    """The sum of the powers of `x`, the highest first."""
    found = emit("Add", emit("Mul", x, np.float32(weights[0])), np.float32(weights[1]))
    for weight in weights[2:]:
        found = emit("Add", emit("Mul", found, x), np.float32(weight))
    return found
