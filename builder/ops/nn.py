"""`keras.ops` functions of neural networks: activations, convolution, pooling, normalization.

Convolution and its kin exist in ONNX with the channels first. For tensors with the channels last each function here
brackets its operator with two transposes, and the layout pass takes out those that meet their inverse.
"""

from collections.abc import Sequence

from builder.errors import NetworkError
from builder.graph import Attribute
from builder.ops import numpy as knp
from builder.ops.operation import operation
from builder.ops.promotion import floating, promoted
from builder.ops.symbolic import KerasTensor, Shape, TensorLike, emit, shape_of

__all__ = [
    "average_pool",
    "batch_normalization",
    "celu",
    "conv",
    "elu",
    "gelu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "max_pool",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "squareplus",
    "tanh_shrink",
    "threshold",
]


@operation
def relu(x: TensorLike) -> KerasTensor:
    """`max(x, 0)` (ONNX Relu)."""
    return emit("Relu", x)


@operation
def relu6(x: TensorLike) -> KerasTensor:
    """`min(max(x, 0), 6)` (ONNX Clip)."""
    return knp.clip(x, 0, 6)


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
    return emit("Mul", x, emit("Sigmoid", x))


@operation
def hard_silu(x: TensorLike) -> KerasTensor:
    """`x * hard_sigmoid(x)` (ONNX HardSwish)."""
    return emit("HardSwish", floating(x))


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
    return knp.clip(x, -1, 1)


@operation
def tanh_shrink(x: TensorLike) -> KerasTensor:
    """`x - tanh(x)`."""
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
    return knp.multiply(knp.add(x, knp.sqrt(knp.add(knp.square(x), float(b)))), 0.5)


@operation
def threshold(x: TensorLike, threshold: float, default_value: float) -> KerasTensor:
    """`x` above `threshold`, `default_value` elsewhere (ONNX Where)."""
    x, limit, default = promoted(x, threshold, default_value)
    return emit("Where", emit("Greater", x, limit), x, default)


@operation
def softmax(x: TensorLike, axis: int | Sequence[int] = -1) -> KerasTensor:
    """Exponentials that sum to one over `axis`; over several axes as if they were one (ONNX Softmax)."""
    return _softmax("Softmax", floating(x), axis)


@operation
def log_softmax(x: TensorLike, axis: int | Sequence[int] = -1) -> KerasTensor:
    """The logarithm of `softmax` (ONNX LogSoftmax)."""
    return _softmax("LogSoftmax", floating(x), axis)


@operation
def conv(
    inputs: TensorLike,
    kernel: TensorLike,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str = "channels_last",
    dilation_rate: int | Sequence[int] = 1,
) -> KerasTensor:
    """Convolution over one to three spatial axes (ONNX Conv).

    `kernel` is `(*window, in / groups, out)`; how many groups there are follows from the channels of `inputs`.
    Raises NetworkError when the window does not fit.
    """
    inputs, kernel = promoted(inputs, kernel)
    *window, group_channels, _ = (_static(dim) for dim in shape_of(kernel))
    channels = _static(_channels(shape_of(inputs), data_format))
    if channels % group_channels:
        raise NetworkError(
            f"The number of input channels must be evenly divisible by kernel's in-channels. Received input channels "
            f"{channels} and kernel in-channels {group_channels}"
        )
    rank = len(window)
    attributes = _window_attributes(inputs, window, _each(strides, rank), padding, data_format, _each(dilation_rate, rank))
    oihw = knp.transpose(kernel, (rank + 1, rank, *range(rank)))
    convolved = emit("Conv", _channels_first(inputs, data_format), oihw, group=channels // group_channels, **attributes)
    return _as_before(convolved, data_format)


@operation
def max_pool(
    inputs: TensorLike,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: str = "valid",
    data_format: str = "channels_last",
) -> KerasTensor:
    """The largest in each window (ONNX MaxPool). Raises NetworkError when the window does not fit."""
    return _pool("MaxPool", inputs, pool_size, strides, padding, data_format)


@operation
def average_pool(
    inputs: TensorLike,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: str = "valid",
    data_format: str = "channels_last",
) -> KerasTensor:
    """The mean of each window, padding not counted (ONNX AveragePool). Raises NetworkError when the window does not fit."""
    return _pool("AveragePool", inputs, pool_size, strides, padding, data_format, count_include_pad=0)


@operation
def batch_normalization(
    x: TensorLike,
    mean: TensorLike,
    variance: TensorLike,
    axis: int,
    offset: TensorLike,
    scale: TensorLike,
    epsilon: float = 1e-3,
) -> KerasTensor:
    """`(x - mean) / sqrt(variance + epsilon) * scale + offset`, each `(channels,)` along `axis` (ONNX BatchNormalization)."""
    x, rank = floating(x), len(shape_of(x))
    moved = _swap_to_second(rank, axis % rank)
    first = x if moved is None else knp.transpose(x, moved)
    normalized = emit("BatchNormalization", first, scale, offset, mean, variance, epsilon=float(epsilon))
    return normalized if moved is None else knp.transpose(normalized, _inverse(moved))


def _softmax(op: str, x: TensorLike, axis: int | Sequence[int]) -> KerasTensor:
    rank = len(shape_of(x))
    if isinstance(axis, int) or len(axis) == 1:
        return emit(op, x, axis=(axis if isinstance(axis, int) else axis[0]) % rank)
    axes = sorted(one % rank for one in axis)
    last = [one for one in range(rank) if one not in axes] + axes
    moved = knp.transpose(x, last)
    kept = rank - len(axes)
    merged = knp.reshape(moved, (*([0] * kept), -1))
    sizes = [-1 if size is None else size for size in moved.shape[kept:]]
    return knp.transpose(knp.reshape(emit(op, merged, axis=kept), (*([0] * kept), *sizes)), _inverse(last))


def _pool(
    op: str,
    inputs: TensorLike,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None,
    padding: str,
    data_format: str,
    **attributes: Attribute,
) -> KerasTensor:
    rank = len(shape_of(inputs)) - 2
    window = _each(pool_size, rank)
    steps = window if strides is None else _each(strides, rank)
    attributes |= _window_attributes(inputs, window, steps, padding, data_format, (1,) * rank)
    del attributes["dilations"]  # AveragePool has them as of opset 19 only, and Keras has none
    return _as_before(emit(op, _channels_first(inputs, data_format), **attributes), data_format)


def _window_attributes(
    inputs: TensorLike, window: Sequence[int], strides: Sequence[int], padding: str, data_format: str, dilations: Sequence[int]
) -> dict[str, Attribute]:
    """What Conv and the pools share: window, strides, dilations and pads.

    Keras's "same" pads so that the output has ceil(size / stride) steps, the odd one at the end, which is SAME_UPPER; but
    ONNX Runtime refuses that with dilation, so pads are explicit wherever they can be worked out: with stride 1 they do
    not depend on the size, else the size must be known.
    """
    shape = shape_of(inputs)
    sizes = shape[1:-1] if data_format == "channels_last" else shape[2:]
    reach = [(extent - 1) * dilation + 1 for extent, dilation in zip(window, dilations, strict=True)]
    attributes: dict[str, Attribute] = {
        "kernel_shape": tuple(window),
        "strides": tuple(strides),
        "dilations": tuple(dilations),
    }
    if padding == "valid":
        if any(size is not None and size < extent for size, extent in zip(sizes, reach, strict=True)):
            raise NetworkError(
                f"Computed output size would be zero or negative. Received inputs of shape {shape} ({data_format}), a window of "
                f"{tuple(window)}, strides={tuple(strides)} and dilation_rate={tuple(dilations)}; with padding='same' it would fit."
            )
        return attributes
    pads = [_same_pads(*each) for each in zip(sizes, reach, strides, strict=True)]
    if any(pad is None for pad in pads):
        return attributes | {"auto_pad": "SAME_UPPER"}
    known = [pad for pad in pads if pad is not None]
    return attributes | {"pads": tuple(begin for begin, _ in known) + tuple(end for _, end in known)}


def _same_pads(size: int | None, reach: int, stride: int) -> tuple[int, int] | None:
    if stride == 1:
        total = reach - 1
    elif size is None:
        return None
    else:
        total = max((-(-size // stride) - 1) * stride + reach - size, 0)
    return total // 2, total - total // 2


def _channels(shape: Shape, data_format: str) -> int | None:
    return shape[-1] if data_format == "channels_last" else shape[1]


def _channels_first(x: TensorLike, data_format: str) -> TensorLike:
    rank = len(shape_of(x))
    return x if data_format == "channels_first" else knp.transpose(x, (0, rank - 1, *range(1, rank - 1)))


def _as_before(x: KerasTensor, data_format: str) -> KerasTensor:
    return x if data_format == "channels_first" else knp.transpose(x, (0, *range(2, x.ndim), 1))


def _swap_to_second(rank: int, axis: int) -> tuple[int, ...] | None:
    """The permutation that puts `axis` second and keeps the others' order; None where it is second already."""
    if axis == 1:
        return None
    first, *others = (one for one in range(rank) if one != axis)
    return (first, axis, *others)


def _inverse(axes: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted(range(len(axes)), key=axes.__getitem__))


def _each(value: int | Sequence[int], rank: int) -> tuple[int, ...]:
    return (value,) * rank if isinstance(value, int) else tuple(value)


def _static(dim: int | None) -> int:
    if dim is None:
        raise NetworkError("The channel dimension of the inputs should be defined; found None.")
    return dim
