"""Pooling."""

from collections.abc import Sequence

from builder.graph import Attribute
from builder.ops.nn.window import as_before, channels_first, each, window_attributes
from builder.ops.operation import operation
from builder.ops.symbolic import KerasTensor, TensorLike, emit, shape_of

__all__ = ["average_pool", "max_pool"]


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
    window = each(pool_size, rank)
    steps = window if strides is None else each(strides, rank)
    attributes |= window_attributes(inputs, window, steps, padding, data_format, (1,) * rank)
    del attributes["dilations"]  # AveragePool has them as of opset 19 only, and Keras has none
    return as_before(emit(op, channels_first(inputs, data_format), **attributes), data_format)
