"""Normalization layers: those with statistics of the data, and those of each row by itself."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from builder import initializers, ops
from builder.errors import NetworkError
from builder.input_spec import InputSpec
from builder.layer import Layer
from builder.ops.axes import axes_of
from builder.ops.nn.normalization import group_normalization
from builder.ops.promotion import result_dtype
from builder.ops.symbolic import KerasTensor, Shape, converted, unsupported

__all__ = [
    "BatchNormalization",
    "GroupNormalization",
    "LayerNormalization",
    "RMSNormalization",
    "UnitNormalization",
]


class BatchNormalization(Layer):
    """`(inputs - moving_mean) / sqrt(moving_variance + epsilon) * gamma + beta` along `axis`.

    The moving statistics are used as they are: a call with `training=True` would use the batch's own, which makes an
    answer depend on its neighbours, and is refused while exporting.
    """

    training_only = (
        "beta_regularizer",
        "gamma_regularizer",
        "beta_constraint",
        "gamma_constraint",
        "renorm",
        "renorm_clipping",
        "renorm_momentum",
        "synchronized",
    )

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.axis = int(axis[0]) if isinstance(axis, list | tuple) and len(axis) == 1 else axis  # Keras 2 saved [3]
        self.momentum = momentum
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)

    def build(self, input_shape: Shape) -> None:
        if not -len(input_shape) <= self.axis < len(input_shape):
            raise NetworkError(f"axis {self.axis} is not one of the inputs'. Full shape received: {input_shape}")
        size = input_shape[self.axis]
        if size is None:
            raise NetworkError(f"axis {self.axis} of the inputs must be known. Full shape received: {input_shape}")
        self.gamma = self.add_weight((size,), self.gamma_initializer, name="gamma") if self.scale else None
        self.beta = self.add_weight((size,), self.beta_initializer, name="beta") if self.center else None
        self.moving_mean = self.add_weight((size,), self.moving_mean_initializer, name="moving_mean", trainable=False)
        self.moving_variance = self.add_weight((size,), self.moving_variance_initializer, name="moving_variance", trainable=False)
        self.input_spec = InputSpec(ndim=len(input_shape), axes=((self.axis, size),))

    def call(self, inputs: KerasTensor, training: bool | None = None) -> Any:
        if training:
            return unsupported(
                "BatchNormalization is called with training=True, which mixes the rows of a batch; call it without",
                inputs.value.spec.shape,
                inputs.dtype,
                inputs,
            )
        # In 32 bits at least: a variance of 16 loses what it is for.
        wide = result_dtype(inputs, np.float32(0))
        size = self.moving_mean.shape
        # One number seen `size` times: a size that a file merely claims costs nothing.
        gamma = self.gamma if self.gamma is not None else np.broadcast_to(np.ones((), wide), size)
        beta = self.beta if self.beta is not None else np.broadcast_to(np.zeros((), wide), size)
        values = (converted(value, wide) for value in (inputs, self.moving_mean, self.moving_variance, beta, gamma))
        x, mean, variance, offset, scale = values
        return converted(ops.batch_normalization(x, mean, variance, self.axis, offset, scale, self.epsilon), self.compute_dtype)


class _RowNormalization(Layer):
    """A normalization of each row by itself, with a weight `gamma` to scale by and `beta` to add."""

    training_only = ("beta_regularizer", "gamma_regularizer", "beta_constraint", "gamma_constraint")

    def __init__(self, epsilon: float, center: bool, scale: bool, beta_initializer: Any, gamma_initializer: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.autocast = False  # computed in 32 bits at least, from what there is
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)

    def add_parameters(self, shape: Sequence[int], scale: bool, center: bool) -> None:
        """Adds the weights, None for one that is not wanted."""
        self.gamma = self.add_weight(shape, self.gamma_initializer, name="gamma") if scale else None
        self.beta = self.add_weight(shape, self.beta_initializer, name="beta") if center else None


class LayerNormalization(_RowNormalization):
    """`(inputs - mean) / sqrt(variance + epsilon) * gamma + beta`, over `axis`, one or several (ONNX LayerNormalization)."""

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        **kwargs: Any,
    ) -> None:
        self.rms_scaling = bool(kwargs.pop("rms_scaling", False))  # only old configs have it
        super().__init__(epsilon, center, scale, beta_initializer, gamma_initializer, **kwargs)
        self.axis = _axis(axis)

    def build(self, input_shape: Shape) -> None:
        scale, center = self.scale or self.rms_scaling, self.center and not self.rms_scaling
        sizes = _sizes(input_shape, sorted(axes_of(self.axis)), scale or center)
        self.add_parameters(sizes, scale, center)

    def call(self, inputs: KerasTensor) -> Any:
        outputs = ops.layer_normalization(inputs, self.gamma, self.beta, self.axis, self.epsilon, self.rms_scaling)
        return converted(outputs, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, with `rms_scaling` where it is on."""
        return super().get_config() | ({"rms_scaling": True} if self.rms_scaling else {})


class GroupNormalization(_RowNormalization):
    """As `LayerNormalization`, for each of `groups` groups of channels by itself; -1 makes each channel a group."""

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        **kwargs: Any,
    ) -> None:
        super().__init__(epsilon, center, scale, beta_initializer, gamma_initializer, **kwargs)
        if not isinstance(groups, int) or (groups <= 0 and groups != -1):
            raise NetworkError(
                "Received an invalid value for argument `groups`, expected a positive integer (or `-1` for instance normalization). "
                f"Received: groups={groups}"
            )
        self.groups = groups
        self.axis = axis

    def build(self, input_shape: Shape) -> None:
        (channels,) = _sizes(input_shape, [self.axis])
        if self.groups > channels:
            raise NetworkError(f"Number of groups ({self.groups}) cannot be more than the number of channels ({channels}).")
        if channels % self.groups:
            raise NetworkError(f"Number of groups ({self.groups}) must be a multiple of the number of channels ({channels}).")
        self.add_parameters((channels,), self.scale, self.center)
        self.input_spec = InputSpec(ndim=len(input_shape), axes=((self.axis, channels),))

    def call(self, inputs: KerasTensor) -> Any:
        groups = self.groups if self.groups != -1 else inputs.shape[self.axis] or 0
        outputs = group_normalization(inputs, groups, self.gamma, self.beta, self.axis, self.epsilon)
        return converted(converted(outputs, inputs.dtype), self.compute_dtype)


class RMSNormalization(Layer):
    """`inputs / sqrt(mean(inputs ** 2) + epsilon) * scale`, over `axis`, one or several."""

    def __init__(self, axis: int | Sequence[int] = -1, epsilon: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = _axis(axis)
        self.epsilon = epsilon

    def build(self, input_shape: Shape) -> None:
        self.scale = self.add_weight(_sizes(input_shape, sorted(axes_of(self.axis))), "ones", name="scale")

    def call(self, inputs: KerasTensor) -> KerasTensor:
        return ops.rms_normalization(inputs, self.scale, self.axis, self.epsilon)


class UnitNormalization(Layer):
    """`inputs` of length 1 over `axis`, one or several."""

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.axis = _axis(axis)

    def call(self, inputs: KerasTensor) -> KerasTensor:
        return ops.normalize(inputs, self.axis, epsilon=1e-12)


def _axis(axis: Any) -> int | list[int]:
    if isinstance(axis, list | tuple):
        return list(axis)
    if not isinstance(axis, int):
        raise NetworkError(f"Expected an int or a list/tuple of ints for the argument 'axis', but received: {axis!r}")
    return axis


def _sizes(shape: Shape, axes: Sequence[int], needed: bool = True) -> list[int]:
    """The sizes of `axes`. Raises NetworkError for an axis that is not there, or whose size is needed and free."""
    if any(not -len(shape) <= axis < len(shape) for axis in axes):
        raise NetworkError(f"Axis {list(axes)} is out of bounds for input shape {shape}.")
    sizes = [shape[axis] for axis in axes]
    if needed and None in sizes:
        raise NetworkError(f"Axis {list(axes)} of the inputs must be known. Full shape received: {shape}")
    return [size for size in sizes if size is not None]
