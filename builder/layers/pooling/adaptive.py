"""Pooling layers to a given number of windows, whatever the size."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from builder import ops
from builder.layer import Layer
from builder.layers.window import standardize_data_format, standardize_sizes
from builder.ops.symbolic import KerasTensor

__all__ = [
    "AdaptiveAveragePooling1D",
    "AdaptiveAveragePooling2D",
    "AdaptiveAveragePooling3D",
    "AdaptiveMaxPooling1D",
    "AdaptiveMaxPooling2D",
    "AdaptiveMaxPooling3D",
]


class _AdaptivePooling(Layer):
    """One number for each of `output_size` windows and each channel: `(batch, *space, channels)` to `(batch, *output_size, channels)`."""

    rank: ClassVar[int]
    pool: ClassVar[Callable[..., KerasTensor]]

    def __init__(self, output_size: int | Sequence[int], data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.output_size = standardize_sizes(output_size, self.rank, "output_size")
        self.data_format = standardize_data_format(data_format)

    def call(self, inputs: KerasTensor) -> KerasTensor:
        return type(self).pool(inputs, self.output_size, self.data_format)


class AdaptiveAveragePooling1D(_AdaptivePooling):
    """The mean of each window of a sequence."""

    rank = 1
    pool = staticmethod(ops.adaptive_average_pool)


class AdaptiveAveragePooling2D(_AdaptivePooling):
    """The mean of each window of an image."""

    rank = 2
    pool = staticmethod(ops.adaptive_average_pool)


class AdaptiveAveragePooling3D(_AdaptivePooling):
    """The mean of each window of a volume."""

    rank = 3
    pool = staticmethod(ops.adaptive_average_pool)


class AdaptiveMaxPooling1D(_AdaptivePooling):
    """The largest in each window of a sequence."""

    rank = 1
    pool = staticmethod(ops.adaptive_max_pool)


class AdaptiveMaxPooling2D(_AdaptivePooling):
    """The largest in each window of an image."""

    rank = 2
    pool = staticmethod(ops.adaptive_max_pool)


class AdaptiveMaxPooling3D(_AdaptivePooling):
    """The largest in each window of a volume."""

    rank = 3
    pool = staticmethod(ops.adaptive_max_pool)
