"""Regularization layers: each gives back its inputs, since they act in training only."""

from collections.abc import Sequence
from typing import Any

from builder.errors import NetworkError
from builder.input_spec import InputSpec
from builder.layer import Layer
from builder.layers.window import standardize_data_format
from builder.ops.symbolic import KerasTensor, unsupported

__all__ = [
    "ActivityRegularization",
    "AlphaDropout",
    "Dropout",
    "GaussianDropout",
    "GaussianNoise",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
]


class _Noise(Layer):
    """`inputs`. A call with `training=True` would be random when serving too, and is refused while exporting."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    @property
    def strength(self) -> float:
        """How much noise training would add; zero is none."""
        raise NotImplementedError

    def call(self, inputs: KerasTensor, training: bool | None = None) -> KerasTensor:
        if not training or self.strength == 0:
            return inputs
        reason = f"{type(self).__name__} is called with training=True, so its answers would be random; call it without"
        return unsupported(reason, inputs.value.spec.shape, inputs.dtype, inputs)


class _Dropout(_Noise):
    """A layer that drops a part of its inputs, `rate`, when training."""

    rate: float

    @property
    def strength(self) -> float:
        return self.rate


class Dropout(_Dropout):
    """`inputs`. A call with `training=True` would drop at random when serving too, and is refused while exporting."""

    def __init__(self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = _fraction(rate, "rate")
        self.noise_shape = _noise_shape(noise_shape)
        self.seed = seed


class AlphaDropout(_Dropout):
    """`inputs`, as `Dropout`; in training it keeps their mean and variance."""

    def __init__(self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = _fraction(rate, "rate")
        self.noise_shape = noise_shape
        self.seed = seed


class GaussianDropout(_Dropout):
    """`inputs`, as `Dropout`; in training it multiplies by noise around one."""

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = _fraction(rate, "rate")
        self.seed = seed


class GaussianNoise(_Noise):
    """`inputs`, as `Dropout`; in training it adds noise around zero."""

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stddev = _fraction(stddev, "stddev")
        self.seed = seed

    @property
    def strength(self) -> float:
        return self.stddev


class _SpatialDropout(_Dropout):
    """`inputs`, as `Dropout`; in training it drops whole channels."""

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; Keras's own take no `trainable`."""
        return {key: value for key, value in super().get_config().items() if key != "trainable"}


class SpatialDropout1D(_SpatialDropout):
    """`inputs`, which are sequences."""

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = _fraction(rate, "rate")
        self.seed = seed
        self.input_spec = InputSpec(ndim=3)


class SpatialDropout2D(_SpatialDropout):
    """`inputs`, which are images."""

    def __init__(self, rate: float, data_format: str | None = None, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = _fraction(rate, "rate")
        self.data_format = standardize_data_format(data_format)
        self.seed = seed
        self.input_spec = InputSpec(ndim=4)


class SpatialDropout3D(_SpatialDropout):
    """`inputs`, which are volumes."""

    def __init__(self, rate: float, data_format: str | None = None, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = _fraction(rate, "rate")
        self.data_format = standardize_data_format(data_format)
        self.seed = seed
        self.input_spec = InputSpec(ndim=5)


class ActivityRegularization(Layer):
    """`inputs`; in training their size counts as a loss."""

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.l1 = l1
        self.l2 = l2

    def call(self, inputs: KerasTensor) -> KerasTensor:
        return inputs


def _fraction(value: float, name: str) -> float:
    if not 0 <= value <= 1:
        raise NetworkError(
            f"Invalid value received for argument `{name}`. Expected a float value between 0 and 1. Received: {name}={value}"
        )
    return value


def _noise_shape(sizes: Any) -> tuple[int | None, ...] | None:
    if sizes is None:
        return None
    if not isinstance(sizes, list | tuple) or not all(size is None or (isinstance(size, int) and size > 0) for size in sizes):
        raise NetworkError(
            "Invalid value received for argument `noise_shape`. Expected a tuple or list of positive integers or None. "
            f"Received: noise_shape={sizes}"
        )
    return tuple(sizes)
