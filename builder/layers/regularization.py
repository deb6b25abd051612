"""Regularization layers: each gives back its inputs, since they act in training only."""

from collections.abc import Sequence
from typing import Any

from builder.errors import NetworkError
from builder.layer import Layer
from builder.ops.symbolic import KerasTensor, unsupported

__all__ = ["Dropout"]


class Dropout(Layer):
    """`inputs`. A call with `training=True` would drop at random when serving too, and is refused while exporting."""

    def __init__(self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0 <= rate <= 1:
            raise NetworkError(f"Invalid value received for argument `rate`. Expected a float value between 0 and 1. Received: rate={rate}")
        self.rate = rate
        self.noise_shape = noise_shape
        self.seed = seed

    def call(self, inputs: KerasTensor, training: bool | None = None) -> KerasTensor:
        if not training or self.rate == 0:
            return inputs
        reason = "Dropout is called with training=True, so its answers would be random; call it without"
        return unsupported(reason, inputs.value.spec.shape, inputs.dtype, inputs)
