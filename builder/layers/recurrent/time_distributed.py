"""One layer for every step of a sequence."""

from __future__ import annotations

from typing import Any

from builder.errors import NetworkError
from builder.layer import Layer
from builder.layers.core.dense import Dense
from builder.layers.core.embedding import Embedding
from builder.layers.core.wrapper import Wrapper
from builder.ops.nn.loop import rows_as_steps, steps_as_rows
from builder.ops.symbolic import KerasTensor, Shape
from builder.structure import map_structure

__all__ = ["TimeDistributed"]


class TimeDistributed(Wrapper):
    """`layer` on each step of `(batch, time, ...)`, all at once: the steps are rows of one batch for it (ONNX Reshape).

    Around a Dense or Embedding, which take any number of axes, there is nothing to do.
    """

    def __init__(self, layer: Layer, **kwargs: Any) -> None:
        if not isinstance(layer, Layer):
            raise NetworkError(f"Please initialize `TimeDistributed` layer with a `Layer` instance. Received: {layer}")
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        if not isinstance(input_shape, tuple) or len(input_shape) < 3:
            raise NetworkError(
                f"`TimeDistributed` Layer should be passed an `input_shape` with at least 3 dimensions, received: {input_shape}"
            )
        super().build((input_shape[0], *input_shape[2:]))

    def call(self, inputs: KerasTensor, training: bool | None = None, mask: KerasTensor | None = None) -> Any:
        _check_mask(inputs, mask)
        if type(self.layer) in (Dense, Embedding):
            return self.layer(_bare(inputs))
        each = steps_as_rows(inputs)
        # As in Keras, a layer that has no use for a mask is given none, and a mask of the steps themselves says nothing about one.
        given = {"mask": steps_as_rows(mask)} if mask is not None and mask.ndim > 2 else {}
        outputs = self.layer(each, training=training, **given)
        return map_structure(lambda tensor: rows_as_steps(tensor, inputs), outputs)


def _bare(tensor: KerasTensor) -> KerasTensor:
    return KerasTensor(tensor.value, tensor.name)


def _check_mask(inputs: KerasTensor, mask: KerasTensor | None) -> None:
    if mask is None:
        return
    pairs = zip(mask.shape[:2], inputs.shape[:2], strict=False)
    if mask.ndim < 2 or any(None not in pair and pair[0] != pair[1] for pair in pairs):
        raise NetworkError(
            f"The `mask` passed to the `TimeDistributed` layer must be at least 2D, and its first two dimensions must match the "
            f"input's. Received: mask of shape {mask.shape} for an input of shape {inputs.shape}"
        )
