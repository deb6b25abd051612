"""Pooling layers: over windows, and over everything."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from builder import ops
from builder.input_spec import InputSpec
from builder.layer import Layer
from builder.layers.window import standardize_data_format, standardize_padding, standardize_sizes
from builder.ops.symbolic import KerasTensor, converted, emit

__all__ = [
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalAvgPool3D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPool3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
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


class MaxPooling1D(_Pooling):
    """The largest in each window of a sequence."""

    rank = 1
    pool = staticmethod(ops.max_pool)


class MaxPooling2D(_Pooling):
    """The largest in each window of an image."""

    rank = 2
    pool = staticmethod(ops.max_pool)


class MaxPooling3D(_Pooling):
    """The largest in each window of a volume."""

    rank = 3
    pool = staticmethod(ops.max_pool)


class AveragePooling1D(_Pooling):
    """The mean of each window of a sequence; padding does not count."""

    rank = 1
    pool = staticmethod(ops.average_pool)


class AveragePooling2D(_Pooling):
    """The mean of each window of an image; padding does not count."""

    rank = 2
    pool = staticmethod(ops.average_pool)


class AveragePooling3D(_Pooling):
    """The mean of each window of a volume; padding does not count."""

    rank = 3
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

    @property
    def axes(self) -> tuple[int, ...]:
        """The spatial axes."""
        first = 1 if self.data_format == "channels_last" else 2
        return tuple(range(first, first + self.rank))

    def call(self, inputs: KerasTensor) -> KerasTensor:
        return type(self).reduce(inputs, self.axes, self.keepdims)


class GlobalAveragePooling1D(_GlobalPooling):
    """The mean over the steps, over those that the mask leaves where there is one: NaN where it leaves none, as in Keras."""

    rank = 1
    reduce = staticmethod(ops.mean)

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(data_format, keepdims, **kwargs)
        self.supports_masking = True

    def call(self, inputs: KerasTensor, mask: KerasTensor | None = None) -> KerasTensor:
        if mask is None:
            return super().call(inputs)
        kept = converted(ops.expand_dims(mask, 2 if self.data_format == "channels_last" else 1), "bool")
        zero = converted(0, inputs.dtype)
        total = ops.sum(emit("Where", kept, inputs, zero), self.axes, self.keepdims)
        return ops.divide(total, ops.sum(converted(kept, inputs.dtype), self.axes, self.keepdims))

    def compute_mask(self, inputs: Any, mask: Any) -> None:
        """None: the steps are gone."""


class GlobalAveragePooling2D(_GlobalPooling):
    """The mean over height and width."""

    rank = 2
    reduce = staticmethod(ops.mean)


class GlobalAveragePooling3D(_GlobalPooling):
    """The mean over depth, height and width."""

    rank = 3
    reduce = staticmethod(ops.mean)


class GlobalMaxPooling1D(_GlobalPooling):
    """The largest over the steps."""

    rank = 1
    reduce = staticmethod(ops.max)


class GlobalMaxPooling2D(_GlobalPooling):
    """The largest over height and width."""

    rank = 2
    reduce = staticmethod(ops.max)


class GlobalMaxPooling3D(_GlobalPooling):
    """The largest over depth, height and width."""

    rank = 3
    reduce = staticmethod(ops.max)


MaxPool1D = MaxPooling1D
MaxPool2D = MaxPooling2D
MaxPool3D = MaxPooling3D
AvgPool1D = AveragePooling1D
AvgPool2D = AveragePooling2D
AvgPool3D = AveragePooling3D
GlobalAvgPool1D = GlobalAveragePooling1D
GlobalAvgPool2D = GlobalAveragePooling2D
GlobalAvgPool3D = GlobalAveragePooling3D
GlobalMaxPool1D = GlobalMaxPooling1D
GlobalMaxPool2D = GlobalMaxPooling2D
GlobalMaxPool3D = GlobalMaxPooling3D
