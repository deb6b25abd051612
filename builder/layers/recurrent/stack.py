"""Cells on top of each other, and what a cell that a user wrote is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from builder import ops
from builder.errors import NetworkError
from builder.layer import Layer
from builder.ops.symbolic import KerasTensor, Shape
from builder.saving import deserialize

__all__ = ["StackedRNNCells"]


class StackedRNNCells(Layer):
    """Cells of which each takes the output of the one before; the states are a list of those of each."""

    def __init__(self, cells: Sequence[Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for cell in cells:
            if not hasattr(cell, "call") or not hasattr(cell, "state_size"):
                raise NetworkError(f"All cells must have a `call` method and a `state_size` attribute. Received: {cell}")
        self.cells = list(cells)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The cells that `config` has, one on top of the other."""
        return cls(**{**config, "cells": [deserialize(cell) for cell in config["cells"]]})

    @property
    def state_size(self) -> list[Any]:
        """The size, or sizes, of each cell's state."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> int:
        """How long the outputs are: those of the last cell."""
        return output_size(self.cells[-1])

    def build(self, input_shape: Shape) -> None:
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                cell.build(input_shape)
                cell.built = True
            input_shape = (input_shape[0], output_size(cell))

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        """The first states of each cell."""
        return [initial_state(cell, batch_size) for cell in self.cells]

    def call(self, inputs: KerasTensor, states: Any, training: bool | None = None) -> Any:
        after = []
        for cell, state in zip(self.cells, states, strict=True):
            inputs, new = take_step(cell, inputs, list(state) if isinstance(state, list | tuple) else [state], training)
            after.append(new)
        return inputs, after


def output_size(cell: Any) -> int:
    """How long a cell's outputs are; where it does not say, as long as its first state."""
    size = getattr(cell, "output_size", None) or cell.state_size
    return int(size[0] if isinstance(size, list | tuple) else size)


def initial_state(cell: Any, batch_size: Any) -> list[Any]:
    """A cell's first states: its own, or zeros."""
    if hasattr(cell, "get_initial_state"):
        own = cell.get_initial_state(batch_size=batch_size)
        return list(own) if isinstance(own, list | tuple) else [own]
    sizes = cell.state_size if isinstance(cell.state_size, list | tuple) else [cell.state_size]
    return [ops.zeros((batch_size, size), dtype=getattr(cell, "compute_dtype", "float32")) for size in sizes]


def take_step(cell: Any, inputs: KerasTensor, states: Any, training: bool | None) -> tuple[KerasTensor, list[Any]]:
    """A cell's output and states after one step. A cell may be anything that can be called, a layer or not."""
    output, after = cell(inputs, states, training=training) if isinstance(cell, Layer) else cell(inputs, states)
    return output, list(after) if isinstance(after, list | tuple) else [after]
