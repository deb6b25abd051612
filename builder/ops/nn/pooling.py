"""Pooling."""

from collections.abc import Sequence

import numpy as np

from builder.errors import NetworkError
from builder.graph import Array, Attribute
from builder.ops.allowance import spend
from builder.ops.nn.window import as_before, channels_first, each, layout, window_attributes, without_rest
from builder.ops.operation import operation
from builder.ops.promotion import floating, is_floating
from builder.ops.symbolic import KerasTensor, TensorLike, converted, emit, shape_of, value_of

__all__ = ["adaptive_average_pool", "adaptive_max_pool", "average_pool", "max_pool"]


@operation
def max_pool(
    inputs: TensorLike,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> KerasTensor:
    """The largest in each window (ONNX MaxPool). Raises NetworkError when the window does not fit."""
    return _back(inputs, _pool("MaxPool", _poolable(inputs), pool_size, strides, padding, data_format))


@operation
def average_pool(
    inputs: TensorLike,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> KerasTensor:
    """The mean of each window, padding not counted (ONNX AveragePool). Raises NetworkError when the window does not fit."""
    return _pool("AveragePool", floating(inputs), pool_size, strides, padding, data_format, count_include_pad=0)


@operation
def adaptive_max_pool(inputs: TensorLike, output_size: int | Sequence[int], data_format: str | None = None) -> KerasTensor:
    """The largest in each of `output_size` windows, which are as even as can be; see `adaptive_average_pool`."""
    return _back(inputs, _adaptive("MaxPool", _poolable(inputs), output_size, data_format))


@operation
def adaptive_average_pool(inputs: TensorLike, output_size: int | Sequence[int], data_format: str | None = None) -> KerasTensor:
    """The mean of each of `output_size` windows, which are as even as can be (ONNX AveragePool, or Gather and ReduceSum).

    Window i of n over a size s goes from `floor(i * s / n)` to `ceil((i + 1) * s / n)`, so windows may overlap. Raises
    NetworkError when a spatial size is not known.
    """
    return _adaptive("AveragePool", floating(inputs), output_size, data_format)


def _poolable(x: TensorLike) -> TensorLike:
    """The tensor in a dtype that ONNX Runtime pools: integers as float64, in which 32 bits are exact."""
    dtype = value_of(x).spec.dtype
    return x if is_floating(dtype) or dtype in ("int8", "uint8") else converted(x, "float64")


def _back(x: TensorLike, pooled: KerasTensor) -> KerasTensor:
    """What was pooled, in the dtype of `x`."""
    after = converted(pooled, value_of(x).spec.dtype)
    assert isinstance(after, KerasTensor)
    return after


def _pool(
    op: str,
    inputs: TensorLike,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None,
    padding: str,
    data_format: str | None,
    **attributes: Attribute,
) -> KerasTensor:
    data_format = layout(data_format)
    rank = len(shape_of(inputs)) - 2
    window = each(pool_size, rank)
    steps = window if strides is None else each(strides, rank)
    attributes |= window_attributes(inputs, window, steps, padding, data_format, (1,) * rank)
    moved = without_rest(channels_first(inputs, data_format), attributes)
    del attributes["dilations"]  # AveragePool has them as of opset 19 only, and Keras has none
    return as_before(emit(op, moved, **attributes), data_format)


def _adaptive(op: str, inputs: TensorLike, output_size: int | Sequence[int], data_format: str | None) -> KerasTensor:
    data_format = layout(data_format)
    moved = channels_first(inputs, data_format)
    shape = shape_of(moved)
    sizes, steps = [size for size in shape[2:] if size is not None], each(output_size, len(shape) - 2)
    if len(sizes) != len(steps):
        raise NetworkError(f"adaptive pooling needs all spatial sizes of its inputs to be known. Received shape {shape_of(inputs)}")
    if all(size % step == 0 for size, step in zip(sizes, steps, strict=True)):
        windows = tuple(size // step for size, step in zip(sizes, steps, strict=True))
        return as_before(emit(op, moved, kernel_shape=windows, strides=windows), data_format)
    for axis, (size, step) in enumerate(zip(sizes, steps, strict=True), start=2):
        if size != step:
            moved = _over_axis(op, moved, axis, *_windows(size, step))
    assert isinstance(moved, KerasTensor)
    return as_before(moved, data_format)


def _windows(size: int, steps: int) -> tuple[Array, Array]:
    """The positions in each window, `(steps, widest)`, the last again where there are fewer, and what each weighs in a mean."""
    spend(steps, -(-size // steps) + 1)
    begins = [step * size // steps for step in range(steps)]
    ends = [-(-(step + 1) * size // steps) for step in range(steps)]
    widest = max(end - begin for begin, end in zip(begins, ends, strict=True))
    positions = [[min(begin + index, end - 1) for index in range(widest)] for begin, end in zip(begins, ends, strict=True)]
    weights = [[float(begin + index < end) / (end - begin) for index in range(widest)] for begin, end in zip(begins, ends, strict=True)]
    return np.asarray(positions, np.int64), np.asarray(weights, np.float32)


def _over_axis(op: str, x: TensorLike, axis: int, positions: Array, weights: Array) -> KerasTensor:
    gathered = emit("Gather", x, positions, axis=axis)
    within = np.asarray([axis + 1], np.int64)
    if op == "MaxPool":
        return emit("ReduceMax", gathered, within, keepdims=0)
    spread = weights.reshape(weights.shape + (1,) * (gathered.ndim - axis - 2))
    return emit("ReduceSum", emit("Mul", gathered, converted(spread, gathered.dtype)), within, keepdims=0)
