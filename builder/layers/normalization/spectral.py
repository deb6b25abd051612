"""Spectral normalization: a layer around another, whose kernel training keeps small."""

from typing import Any

from builder.errors import NetworkError
from builder.layer import Layer
from builder.layers.core.wrapper import Wrapper
from builder.ops.symbolic import KerasTensor, converted, unsupported

__all__ = ["SpectralNormalization"]


class SpectralNormalization(Wrapper):
    """What `layer` gives: its kernel is stored as training left it, already divided by its largest singular value.

    Keras keeps the kernel among this layer's own weights too, and so files have it twice.
    """

    def __init__(self, layer: Layer, power_iterations: int = 1, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        if power_iterations <= 0:
            raise NetworkError(f"`power_iterations` should be greater than zero. Received: `power_iterations={power_iterations}`")
        self.power_iterations = power_iterations

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        kernel = getattr(self.layer, "kernel", None) or getattr(self.layer, "embeddings", None)
        if kernel is None:
            raise NetworkError(f"{type(self.layer).__name__} object has no attribute 'kernel' nor 'embeddings'")
        self._variables.append(kernel)
        self.vector_u = self.add_weight((1, kernel.shape[-1]), "truncated_normal", name="vector_u", trainable=False)

    def call(self, inputs: KerasTensor, training: bool | None = None) -> Any:
        outputs = self.layer(inputs)
        if training:
            reason = "SpectralNormalization is called with training=True, which changes its weights; call it without"
            return unsupported(reason, outputs.value.spec.shape, inputs.dtype, outputs)
        return converted(outputs, inputs.dtype)
