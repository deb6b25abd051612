"""Activation functions."""

from collections.abc import Sequence

from builder.ops.axes import integers, inverse
from builder.ops.numpy.arithmetic import add, clip, multiply, sqrt, square, subtract
from builder.ops.numpy.creation import ones
from builder.ops.numpy.cumulative import cumsum
from builder.ops.numpy.rearranging import split
from builder.ops.numpy.shaping import reshape, transpose
from builder.ops.numpy.sorting import sorted_by_top
from builder.ops.operation import operation
from builder.ops.promotion import computed, dtype_of, floating, promoted
from builder.ops.sizes import size_of
from builder.ops.symbolic import KerasTensor, TensorLike, converted, emit, shape_of

__all__ = [
    "celu",
    "elu",
    "gelu",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh_shrink",
    "threshold",
]


@operation
def relu(x: TensorLike) -> KerasTensor:
    """`max(x, 0)` (ONNX Relu)."""
    dtype = dtype_of(x)
    if dtype.startswith("uint"):
        return emit("Identity", x)
    return computed("Relu", converted(x, "int32") if dtype == "bool" else x, within=("int8", "int32"))


@operation
def relu6(x: TensorLike) -> KerasTensor:
    """`min(max(x, 0), 6)` (ONNX Clip)."""
    return clip(floating(x), 0, 6)


@operation
def leaky_relu(x: TensorLike, negative_slope: float = 0.2) -> KerasTensor:
    """`x` above zero, `negative_slope * x` below (ONNX LeakyRelu). The layer's default slope is another: 0.3."""
    return emit("LeakyRelu", floating(x), alpha=float(negative_slope))


@operation
def sigmoid(x: TensorLike) -> KerasTensor:
    """`1 / (1 + e ** -x)` (ONNX Sigmoid)."""
    return emit("Sigmoid", floating(x))


@operation
def hard_sigmoid(x: TensorLike) -> KerasTensor:
    """`relu6(x + 3) / 6` (ONNX HardSigmoid). Keras before 3 had another: `0.2 * x + 0.5`, clipped."""
    return emit("HardSigmoid", floating(x), alpha=1 / 6, beta=0.5)


@operation
def silu(x: TensorLike) -> KerasTensor:
    """`x * sigmoid(x)`, also called swish."""
    x = floating(x)
    return emit("Mul", x, emit("Sigmoid", x))


swish = silu


@operation
def hard_silu(x: TensorLike) -> KerasTensor:
    """`x * hard_sigmoid(x)` (ONNX HardSwish)."""
    return emit("HardSwish", floating(x))


hard_swish = hard_silu


@operation
def softplus(x: TensorLike) -> KerasTensor:
    """`log(1 + e ** x)` (ONNX Softplus)."""
    return emit("Softplus", floating(x))


@operation
def softsign(x: TensorLike) -> KerasTensor:
    """`x / (1 + |x|)` (ONNX Softsign)."""
    return emit("Softsign", floating(x))


@operation
def elu(x: TensorLike, alpha: float = 1.0) -> KerasTensor:
    """`x` above zero, `alpha * (e ** x - 1)` below (ONNX Elu)."""
    return emit("Elu", floating(x), alpha=float(alpha))


@operation
def celu(x: TensorLike, alpha: float = 1.0) -> KerasTensor:
    """`max(x, 0) + min(0, alpha * (e ** (x / alpha) - 1))` (ONNX Celu)."""
    return emit("Celu", floating(x), alpha=float(alpha))


@operation
def selu(x: TensorLike) -> KerasTensor:
    """The scaled elu of self-normalizing networks (ONNX Selu)."""
    return emit("Selu", floating(x))


@operation
def gelu(x: TensorLike, approximate: bool = True) -> KerasTensor:
    """`x` times the normal distribution's cumulative function, or its tanh approximation (ONNX Gelu).

    The approximation is the default here and is not in `activations.gelu`; both are Keras's.
    """
    return emit("Gelu", floating(x), approximate="tanh" if approximate else "none")


@operation
def log_sigmoid(x: TensorLike) -> KerasTensor:
    """`log(sigmoid(x))`, as `-softplus(-x)`, which does not overflow."""
    return emit("Neg", emit("Softplus", emit("Neg", floating(x))))


@operation
def hard_tanh(x: TensorLike) -> KerasTensor:
    """`x`, no less than -1 and no more than 1 (ONNX Clip)."""
    return clip(x, -1, 1)


@operation
def tanh_shrink(x: TensorLike) -> KerasTensor:
    """`x - tanh(x)`."""
    x = floating(x)
    return emit("Sub", x, emit("Tanh", x))


@operation
def soft_shrink(x: TensorLike, threshold: float = 0.5) -> KerasTensor:
    """`x` moved towards zero by `threshold`, zero within it (ONNX Shrink)."""
    return emit("Shrink", floating(x), lambd=float(threshold), bias=float(threshold))


@operation
def hard_shrink(x: TensorLike, threshold: float = 0.5) -> KerasTensor:
    """`x`, zero within `threshold` of zero (ONNX Shrink)."""
    return emit("Shrink", floating(x), lambd=float(threshold), bias=0.0)


@operation
def squareplus(x: TensorLike, b: float = 4) -> KerasTensor:
    """`(x + sqrt(x ** 2 + b)) / 2`."""
    return multiply(add(x, sqrt(add(square(x), float(b)))), 0.5)


@operation
def threshold(x: TensorLike, threshold: float, default_value: float) -> KerasTensor:
    """`x` above `threshold`, `default_value` elsewhere (ONNX Where)."""
    x, limit, default = promoted(x, threshold, default_value)
    return emit("Where", emit("Greater", x, limit), x, default)


@operation
def glu(x: TensorLike, axis: int = -1) -> KerasTensor:
    """The first half of `x` along `axis`, each element times the sigmoid of that of the other half."""
    value, gate = split(floating(x), 2, axis)
    return emit("Mul", value, emit("Sigmoid", gate))


@operation
def sparse_plus(x: TensorLike) -> KerasTensor:
    """Zero up to -1, `x` from 1 on, and between them a parabola that meets both."""
    x = floating(x)
    one = converted(1, dtype_of(x))
    parabola = multiply(square(emit("Add", clip(x, -1, 1), one)), 0.25)
    return emit("Where", emit("GreaterOrEqual", x, one), x, parabola)


@operation
def sparse_sigmoid(x: TensorLike) -> KerasTensor:
    """Zero up to -1, 1 from 1 on, and between them a line (ONNX HardSigmoid)."""
    return emit("HardSigmoid", floating(x), alpha=0.5, beta=0.5)


@operation
def sparsemax(x: TensorLike, axis: int = -1) -> KerasTensor:
    """`x` less a limit along `axis`, and zero below it, as Keras has it (ONNX TopK, CumSum).

    The limit of the paper (Martins and Astudillo, 2016) makes the numbers sum to one. Keras adds up the sums of all that
    are above it where the last is meant, and so what a model learned with is that.
    """
    x = floating(x)
    dtype, rank = dtype_of(x), len(shape_of(x))
    axis %= rank
    size = size_of(x, axis)
    ordered = sorted_by_top(x, size, axis, largest=True)[0]
    summed = cumsum(ordered, axis)
    count = reshape(converted(cumsum(ones((size,)), 0), dtype), [-1 if place == axis else 1 for place in range(rank)])
    support = emit("Greater", add(multiply(ordered, count), 1), summed)
    zero, kept = converted(0, dtype), converted(support, dtype)
    total = emit("ReduceSum", emit("Where", support, summed, zero), integers((axis,)))
    limit = emit("Div", subtract(total, 1), emit("ReduceSum", kept, integers((axis,))))
    return emit("Max", emit("Sub", x, limit), zero)


@operation
def softmax(x: TensorLike, axis: int | Sequence[int] = -1) -> KerasTensor:
    """Exponentials that sum to one over `axis`; over several axes as if they were one (ONNX Softmax)."""
    return _softmax("Softmax", floating(x), axis)


@operation
def log_softmax(x: TensorLike, axis: int | Sequence[int] = -1) -> KerasTensor:
    """The logarithm of `softmax` (ONNX LogSoftmax)."""
    return _softmax("LogSoftmax", floating(x), axis)


def _softmax(op: str, x: TensorLike, axis: int | Sequence[int]) -> KerasTensor:
    rank = len(shape_of(x))
    if isinstance(axis, int) or len(axis) == 1:
        return emit(op, x, axis=(axis if isinstance(axis, int) else axis[0]) % rank)
    axes = sorted(one % rank for one in axis)
    last = [one for one in range(rank) if one not in axes] + axes
    moved = transpose(x, last)
    kept = rank - len(axes)
    merged = reshape(moved, (*([0] * kept), -1))
    sizes = [-1 if size is None else size for size in moved.shape[kept:]]
    return transpose(reshape(emit(op, merged, axis=kept), (*([0] * kept), *sizes)), inverse(last))
