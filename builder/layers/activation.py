"""Activation layers."""

from collections.abc import Sequence
from typing import Any

from builder import activations, ops
from builder.layer import Layer
from builder.ops.symbolic import KerasTensor

__all__ = ["Activation", "ReLU", "Softmax"]


class Activation(Layer):
    """Any activation function, by name or as a function, as a layer of its own."""

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def call(self, inputs: KerasTensor) -> Any:
        return self.activation(inputs)


class ReLU(Layer):
    """`inputs`, at most `max_value`; below `threshold` it is `negative_slope * (inputs - threshold)`."""

    def __init__(self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_value = max_value
        self.negative_slope = negative_slope or 0.0
        self.threshold = threshold or 0.0

    def call(self, inputs: KerasTensor) -> KerasTensor:
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)


class Softmax(Layer):
    """Exponentials that sum to one over `axis`, which may be several."""

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: KerasTensor) -> KerasTensor:
        return ops.softmax(inputs, self.axis)
