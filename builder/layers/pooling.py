"""Pooling layers."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from builder import ops
from builder.input_spec import InputSpec
from builder.layer import Layer
from builder.layers.window import standardize_data_format, standardize_padding, standardize_sizes
from builder.ops.symbolic import KerasTensor

__all__ = [
    "AveragePooling2D",
    "AvgPool2D",
    "GlobalAveragePooling2D",
    "GlobalAvgPool2D",
    "MaxPool2D",
    "MaxPooling2D",
]


class _Pooling(Layer):
    """One number for each window and channel; the strides are the window's size unless given."""

    rank: ClassVar[int]
    pool: ClassVar[Callable[..., KerasTensor]]

    def __init__(
        self,
        pool_size: int | Sequence[int] = 2,
        strides: int | Sequence[int] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pool_size = standardize_sizes(pool_size, self.rank, "pool_size")
        self.strides = standardize_sizes(self.pool_size if strides is None else strides, self.rank, "strides")
        self.padding = standardize_padding(padding)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs: KerasTensor) -> KerasTensor:
        return type(self).pool(inputs, self.pool_size, self.strides, self.padding, self.data_format)


class MaxPooling2D(_Pooling):
    """The largest in each window."""

    rank = 2
    pool = staticmethod(ops.max_pool)


class AveragePooling2D(_Pooling):
    """The mean of each window; padding does not count."""

    rank = 2
    pool = staticmethod(ops.average_pool)


class _GlobalPooling(Layer):
    """One number for each channel: `(batch, *space, channels)` to `(batch, channels)`, or to ones for space with `keepdims`."""

    rank: ClassVar[int]
    reduce: ClassVar[Callable[..., KerasTensor]]

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self.keepdims = keepdims
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs: KerasTensor) -> KerasTensor:
        first = 1 if self.data_format == "channels_last" else 2
        return type(self).reduce(inputs, tuple(range(first, first + self.rank)), self.keepdims)


class GlobalAveragePooling2D(_GlobalPooling):
    """The mean over height and width."""

    rank = 2
    reduce = staticmethod(ops.mean)


MaxPool2D = MaxPooling2D
AvgPool2D = AveragePooling2D
GlobalAvgPool2D = GlobalAveragePooling2D
