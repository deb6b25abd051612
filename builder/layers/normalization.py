"""Normalization layers."""

from typing import Any

import numpy as np

from builder import initializers, ops
from builder.errors import NetworkError
from builder.input_spec import InputSpec
from builder.layer import Layer
from builder.ops.promotion import result_dtype
from builder.ops.symbolic import KerasTensor, Shape, converted, unsupported

__all__ = ["BatchNormalization"]


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
