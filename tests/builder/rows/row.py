"""A row of the layer table: a layer, and what it is called on."""

from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np

import builder

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Inner:
    """A layer among another's arguments, made of the package that the other one is made of."""

    layer: str
    arguments: dict[str, Any] = field(default_factory=dict)

    def make(self, package: Any) -> Any:
        return layer_class(self.layer, package)(**made(self.arguments, package))


@dataclass(frozen=True)
class Row:
    """A layer's arguments, and the shapes, without the batch, and the dtype of what it is called on."""

    layer: str
    arguments: dict[str, Any] = field(default_factory=dict)
    shapes: tuple[Shape, ...] = ((4,),)
    dtype: str = "float32"
    tolerance: float = 1e-5
    merged: bool = False  # called on a list
    spread: bool = False  # called on several tensors, an argument each
    cell: bool = False  # called on its input and, as a list, its states
    call: dict[str, Any] = field(default_factory=dict)  # what else it is called with

    def make(self, package: Any, **arguments: Any) -> Any:
        return layer_class(self.layer, package)(**made(self.arguments, package), **arguments)

    def called(self, layer: Any, inputs: Any) -> Any:
        """The outputs for the inputs, of which there is one or a list."""
        if self.cell:
            return layer(inputs[0], list(inputs[1:]))[0]
        return layer(*inputs, **self.call) if self.spread else layer(inputs, **self.call)

    def network(self, package: Any, layer: Any) -> Any:
        """A model of this layer alone."""
        if self.layer == "InputLayer":
            return package.Model(layer.output, layer.output)
        inputs = [package.Input(shape, dtype=self.dtype, name=f"input_{index}") for index, shape in enumerate(self.shapes)]
        return package.Model(inputs, self.called(layer, inputs if self.merged or self.spread or self.cell else inputs[0]))

    def sample(self, rows: int) -> Any:
        generator = np.random.default_rng(rows)
        arrays = [(generator.normal(size=(rows, *shape)) * 3).astype(self.dtype) for shape in self.shapes]
        return arrays if len(arrays) > 1 else arrays[0]


def layer_class(name: str, package: Any) -> Any:
    """The layer's class in either package; those of keras.applications have no public name in Keras."""
    ours = getattr(builder.layers, name)
    return ours if package is builder else getattr(import_module(getattr(ours, "keras_module", "keras.layers")), name)


def made(value: Any, package: Any) -> Any:
    """An argument with the layers in it made."""
    match value:
        case Inner():
            return value.make(package)
        case dict():
            return {key: made(item, package) for key, item in value.items()}
        case list():
            return [made(item, package) for item in value]
        case _:
            return value
