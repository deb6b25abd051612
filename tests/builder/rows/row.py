"""A row of the layer table: a layer, and what it is called on."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Row:
    """A layer's arguments, and the shapes, without the batch, and the dtype of what it is called on."""

    layer: str
    arguments: dict[str, Any] = field(default_factory=dict)
    shapes: tuple[Shape, ...] = ((4,),)
    dtype: str = "float32"
    tolerance: float = 1e-5
    merged: bool = False  # called on a list

    def make(self, package: Any) -> Any:
        return getattr(package.layers, self.layer)(**self.arguments)

    def network(self, package: Any, layer: Any) -> Any:
        """A model of this layer alone."""
        if self.layer == "InputLayer":
            return package.Model(layer.output, layer.output)
        inputs = [package.Input(shape, dtype=self.dtype, name=f"input_{index}") for index, shape in enumerate(self.shapes)]
        return package.Model(inputs, layer(inputs if self.merged else inputs[0]))

    def sample(self, rows: int) -> Any:
        generator = np.random.default_rng(rows)
        arrays = [(generator.normal(size=(rows, *shape)) * 3).astype(self.dtype) for shape in self.shapes]
        return arrays if len(arrays) > 1 else arrays[0]
