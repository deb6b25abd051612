"""What convolution and pooling share: the window that moves over an image, and where the channels are."""

from collections.abc import Mapping, Sequence

import numpy as np

from builder.errors import NetworkError
from builder.graph import Attribute
from builder.ops.numpy.shaping import transpose
from builder.ops.symbolic import KerasTensor, Shape, TensorLike, emit, emit_as, shape_of, value_of

__all__ = ["as_before", "channels_first", "channels_of", "each", "layout", "static", "window_attributes", "without_rest"]


def window_attributes(
    inputs: TensorLike, window: Sequence[int], strides: Sequence[int], padding: str, data_format: str, dilations: Sequence[int]
) -> dict[str, Attribute]:
    """What Conv and the pools share: window, strides, dilations and pads.

    "causal" pads at the beginning only, so that no step sees a later one. Keras's "same" pads so that the output has
    ceil(size / stride) steps, the odd one at the end, which is SAME_UPPER; but ONNX Runtime refuses that with dilation, so
    pads are explicit wherever they can be worked out: with stride 1 they do not depend on the size, else the size must be
    known.
    """
    shape = shape_of(inputs)
    sizes = shape[1:-1] if data_format == "channels_last" else shape[2:]
    reach = [(extent - 1) * dilation + 1 for extent, dilation in zip(window, dilations, strict=True)]
    attributes: dict[str, Attribute] = {
        "kernel_shape": tuple(window),
        "strides": tuple(strides),
        "dilations": tuple(dilations),
    }
    if padding not in ("valid", "same", "causal"):
        raise NetworkError(f"`padding` must be one of 'valid', 'same', 'causal'. Received: padding={padding}")
    if padding == "valid":
        if any(size is not None and size < extent for size, extent in zip(sizes, reach, strict=True)):
            raise NetworkError(
                f"Computed output size would be zero or negative. Received inputs of shape {shape} ({data_format}), a window of "
                f"{tuple(window)}, strides={tuple(strides)} and dilation_rate={tuple(dilations)}; with padding='same' it would fit."
            )
        return attributes
    if padding == "causal":
        return attributes | {"pads": tuple(extent - 1 for extent in reach) + (0,) * len(reach)}
    pads = [_same_pads(*each) for each in zip(sizes, reach, strides, strict=True)]
    if any(pad is None for pad in pads):
        return attributes | {"auto_pad": "SAME_UPPER"}
    known = [pad for pad in pads if pad is not None]
    return attributes | {"pads": tuple(begin for begin, _ in known) + tuple(end for _, end in known)}


def layout(data_format: str | None) -> str:
    """Where the channels are; last where None is given. Raises NetworkError for another name."""
    if data_format not in (None, "channels_last", "channels_first"):
        raise NetworkError(f"`data_format` must be one of 'channels_first', 'channels_last'. Received: data_format={data_format}")
    return data_format or "channels_last"


def without_rest(x: TensorLike, attributes: Mapping[str, Attribute]) -> TensorLike:
    """`x`, its channels first, less what no window reads where ONNX works out the pads and the steps are larger than the window.

    ONNX Runtime makes a negative padding of that, and then refuses it or takes the wrong elements.
    """
    window, steps, dilations = (np.asarray(attributes[name], np.int64) for name in ("kernel_shape", "strides", "dilations"))
    reach = (window - 1) * dilations + 1
    if "auto_pad" not in attributes or (reach >= steps).all():
        return x
    one, axes = np.asarray(1, np.int64), np.arange(2, 2 + len(window))
    sizes = emit("Shape", x, start=2)
    last = emit("Add", emit("Mod", emit("Sub", sizes, one), steps), one)  # what the last step has of the tensor, 1 at least
    rest = emit("Max", emit("Sub", last, reach), np.asarray(0, np.int64))
    spec = value_of(x).spec
    free = (*spec.shape[:2], *(None,) * len(window))
    return emit_as(free, spec.dtype, "Slice", x, np.zeros_like(reach), emit("Sub", sizes, rest), axes)


def channels_of(shape: Shape, data_format: str) -> int | None:
    """How many channels tensors of `shape` have; None where that is free."""
    return shape[-1] if data_format == "channels_last" else shape[1]


def channels_first(x: TensorLike, data_format: str) -> TensorLike:
    """The tensor with its channels on axis 1."""
    rank = len(shape_of(x))
    return x if data_format == "channels_first" else transpose(x, (0, rank - 1, *range(1, rank - 1)))


def as_before(x: KerasTensor, data_format: str) -> KerasTensor:
    """The tensor, whose channels are on axis 1, with them where `data_format` says."""
    return x if data_format == "channels_first" else transpose(x, (0, *range(2, x.ndim), 1))


def each(value: int | Sequence[int], rank: int) -> tuple[int, ...]:
    """One value for each of `rank` spatial axes."""
    return (value,) * rank if isinstance(value, int) else tuple(value)


def static(dim: int | None) -> int:
    """A size that has to be known. Raises NetworkError when it is not."""
    if dim is None:
        raise NetworkError("The channel dimension of the inputs should be defined; found None.")
    return dim


def _same_pads(size: int | None, reach: int, stride: int) -> tuple[int, int] | None:
    if stride == 1 or reach == 1:
        total = reach - 1
    elif size is None:
        return None
    else:
        total = max((-(-size // stride) - 1) * stride + reach - size, 0)
    return total // 2, total - total // 2
