"""Reshaping layers."""

from collections.abc import Sequence
from math import prod
from typing import Any

from builder import ops
from builder.errors import NetworkError
from builder.input_spec import InputSpec
from builder.layer import Layer
from builder.layers.window import standardize_data_format
from builder.ops.symbolic import KerasTensor, emit

__all__ = ["Flatten", "Reshape"]


class Flatten(Layer):
    """`(batch, ...)` to `(batch, elements)`; `(batch,)` to `(batch, 1)`. Channels that are first are moved last before."""

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs: KerasTensor) -> KerasTensor:
        if self.data_format == "channels_first" and inputs.ndim > 2:
            inputs = ops.transpose(inputs, (0, *range(2, inputs.ndim), 1))
        return emit("Flatten", inputs, axis=1)


class Reshape(Layer):
    """The same elements of each row in `target_shape`, of which one -1 (or None) is worked out."""

    def __init__(self, target_shape: Sequence[int | None], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target_shape = tuple(-1 if size is None else size for size in target_shape)
        if self.target_shape.count(-1) > 1:
            raise NetworkError(f"The `target_shape` argument may have one -1 or None. Received: target_shape={target_shape}")

    def call(self, inputs: KerasTensor) -> KerasTensor:
        return ops.reshape(inputs, (0, *self._sizes(inputs)))

    def _sizes(self, inputs: KerasTensor) -> tuple[int, ...]:
        """The target, its -1 worked out where the inputs are known, so that what follows knows it too."""
        given = inputs.shape[1:]
        if None in given:
            return self.target_shape
        elements, wanted = prod(size or 0 for size in given), prod(size for size in self.target_shape if size != -1)
        if -1 not in self.target_shape:
            if elements != wanted:
                raise NetworkError(f"The total size of the tensor must be unchanged. Received: {inputs.shape} to {self.target_shape}")
            return self.target_shape
        if wanted == 0 or elements % wanted:
            raise NetworkError(f"{elements} elements a row do not divide into target_shape={self.target_shape}. Received: {inputs.shape}")
        return tuple(elements // wanted if size == -1 else size for size in self.target_shape)
