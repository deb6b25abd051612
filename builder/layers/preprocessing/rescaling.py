"""Rescaling: numbers of another range."""

from typing import Any, Self

import numpy as np

from builder.layer import Layer
from builder.ops.symbolic import KerasTensor, TensorLike, converted, emit
from builder.saving import plain

__all__ = ["Rescaling"]


class Rescaling(Layer):
    """`inputs * scale + offset`, in the layer's dtype whatever that of the inputs (ONNX Cast, Mul, Add).

    `scale` and `offset` are numbers, or arrays over the last axes.
    """

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.scale = scale
        self.offset = offset

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A layer with the arguments in `config`, where arrays are in Keras's object form."""
        return cls(**{**config, "scale": plain(config["scale"]), "offset": plain(config.get("offset", 0.0))})

    def call(self, inputs: KerasTensor) -> TensorLike:
        dtype = self.compute_dtype
        scaled = emit("Mul", converted(inputs, dtype), np.asarray(self.scale, dtype))
        offset = np.asarray(self.offset, dtype)
        return emit("Add", scaled, offset) if offset.any() else scaled
