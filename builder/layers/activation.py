"""Activation layers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from builder import activations, initializers, ops
from builder.errors import NetworkError
from builder.input_spec import InputSpec
from builder.layer import Layer
from builder.ops.promotion import floating
from builder.ops.symbolic import KerasTensor, Shape, converted, emit

__all__ = ["ELU", "Activation", "LeakyReLU", "PReLU", "ReLU", "Softmax"]


class _Activation(Layer):
    """A layer of which each output comes from the inputs at its place, or along one axis; masks go through it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True


class Activation(_Activation):
    """Any activation function, by name or as a function, as a layer of its own."""

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def call(self, inputs: KerasTensor) -> Any:
        return self.activation(inputs)


class ReLU(_Activation):
    """`inputs`, at most `max_value`; below `threshold` it is `negative_slope * (inputs - threshold)`."""

    def __init__(self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if max_value is not None and max_value < 0:
            raise NetworkError(f"max_value of a ReLU layer cannot be a negative value. Received: max_value={max_value}")
        if (threshold or 0) < 0:
            raise NetworkError(f"threshold of a ReLU layer cannot be None or a negative value. Received: threshold={threshold}")
        self.max_value = max_value
        self.negative_slope = _slope(negative_slope or 0.0, "ReLU")
        self.threshold = threshold or 0.0

    def call(self, inputs: KerasTensor) -> KerasTensor:
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)


class LeakyReLU(_Activation):
    """`inputs` above zero, `negative_slope * inputs` below (ONNX LeakyRelu). The activation of that name has another default, 0.2."""

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        negative_slope = kwargs.pop("alpha", negative_slope)  # its name in Keras 2
        super().__init__(**kwargs)
        self.negative_slope = _slope(negative_slope, "Leaky ReLU")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "LeakyReLU":
        """A layer with the arguments in `config`, or those that Keras 2 gave."""
        older = {"alpha": "negative_slope"}
        return cls(**{older.get(key, key): value for key, value in config.items()})

    def call(self, inputs: KerasTensor) -> KerasTensor:
        return ops.leaky_relu(inputs, self.negative_slope)


class PReLU(_Activation):
    """`inputs` above zero, `alpha * inputs` below (ONNX PRelu); `alpha` is a weight of a row's shape, 1 along `shared_axes`."""

    training_only = ("alpha_regularizer", "alpha_constraint")

    def __init__(self, alpha_initializer: Any = "zeros", shared_axes: int | Sequence[int] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.shared_axes = shared_axes if shared_axes is None else [shared_axes] if isinstance(shared_axes, int) else list(shared_axes)

    def build(self, input_shape: Shape) -> None:
        sizes = list(input_shape[1:])
        for axis in self.shared_axes or ():
            sizes[axis - 1] = 1
        if None in sizes:
            raise NetworkError(f"an axis of the inputs that is not in `shared_axes` must be known. Full shape received: {input_shape}")
        known = [size for size in sizes if size is not None]
        self.alpha = self.add_weight(known, self.alpha_initializer, name="alpha")
        free = self.shared_axes or range(1, len(input_shape))
        axes = tuple((axis, size) for axis, size in enumerate(known, start=1) if axis not in free)
        self.input_spec = InputSpec(ndim=len(input_shape), axes=axes)

    def call(self, inputs: KerasTensor) -> KerasTensor:
        return emit("PRelu", floating(inputs), self.alpha)


class ELU(_Activation):
    """`inputs` above zero, `alpha * (e ** inputs - 1)` below (ONNX Elu)."""

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = alpha

    def call(self, inputs: KerasTensor) -> KerasTensor:
        return ops.elu(inputs, self.alpha)


class Softmax(_Activation):
    """Exponentials that sum to one over `axis`, which may be several; zero where the mask, if there is one, is False."""

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: KerasTensor, mask: KerasTensor | None = None) -> KerasTensor:
        if mask is None:
            return ops.softmax(inputs, self.axis)
        kept = _as_mask(mask, inputs.shape)
        least = np.asarray(-3e4 if inputs.dtype == "float16" else -1e9)
        outputs = ops.softmax(emit("Where", kept, inputs, converted(least, inputs.dtype)), self.axis)
        return emit("Where", kept, outputs, converted(0.0, outputs.dtype))


def _slope(value: float | None, layer: str) -> float:
    if value is None or value < 0:
        raise NetworkError(
            f"The negative_slope value of a {layer} layer cannot be None or negative value. Expected a float. "
            f"Received: negative_slope={value}"
        )
    return value


def _as_mask(mask: KerasTensor, shape: Shape) -> Any:
    """The mask as booleans. Raises NetworkError when it does not broadcast to `shape`."""
    pairs = zip(reversed(mask.shape), reversed(shape), strict=False)
    if mask.ndim > len(shape) or any(one not in (None, 1, size) and size is not None for one, size in pairs):
        raise NetworkError(f"The `mask` must be broadcastable to `inputs`. Received: inputs.shape={shape}, mask.shape={mask.shape}")
    return mask if mask.dtype == "bool" else emit("Greater", mask, converted(0.5, mask.dtype))
