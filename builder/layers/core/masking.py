"""Layers that change little: one that changes nothing, and one that only masks."""

from typing import Any

import numpy as np

from builder.layer import Layer
from builder.ops.axes import integers
from builder.ops.promotion import promoted
from builder.ops.symbolic import KerasTensor, emit
from builder.saving import plain

__all__ = ["Identity", "Masking"]


class Identity(Layer):
    """`inputs`, one tensor or a structure of them."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        return inputs


class Masking(Layer):
    """`inputs` `(batch, time, ..., features)`, zero and masked where all features of a step are exactly `mask_value` (ONNX Where)."""

    def __init__(self, mask_value: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mask_value = plain(mask_value)
        self.supports_masking = True

    def call(self, inputs: KerasTensor) -> KerasTensor:
        differs = emit("Not", emit("Equal", *promoted(inputs, self.mask_value)))
        kept = emit("ReduceMax", differs, integers((-1,)), keepdims=1)
        outputs = emit("Where", kept, inputs, np.zeros((), inputs.dtype))
        outputs.mask = emit("Squeeze", kept, integers((-1,)))
        return outputs
