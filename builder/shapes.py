"""Structures of shapes, and of the symbolic tensors that have them."""

from __future__ import annotations

from typing import Any

from builder.errors import NetworkError
from builder.ops.placeholder import placeholder
from builder.ops.symbolic import KerasTensor

__all__ = ["as_shapes", "is_shape", "placeholders"]


def is_shape(value: Any) -> bool:
    """Whether it is the shape of one tensor: sizes, None for one that is free."""
    return isinstance(value, list | tuple) and all(size is None or (isinstance(size, int) and not isinstance(size, bool)) for size in value)


def as_shapes(saved: Any) -> Any:
    """Shapes as Python has them: in a file, a shape is a list, and so is a list of shapes. Raises NetworkError for anything else."""
    if isinstance(saved, dict):
        return {key: as_shapes(item) for key, item in saved.items()}
    if is_shape(saved):
        return tuple(saved)
    if isinstance(saved, list | tuple):
        return [None if item is None else as_shapes(item) for item in saved]
    raise NetworkError(f"{saved!r:.200} is no shape: a shape is a tuple of sizes, None for one that is free, as in (None, 4)")


def placeholders(name: str, shapes: Any, dtype: str) -> Any:
    """Symbolic tensors of these shapes, batch and all. Those of a dict have its keys for names, those of a list are numbered."""
    if isinstance(shapes, dict):
        return {key: placeholders(str(key), shape, dtype) for key, shape in shapes.items()}
    if is_shape(shapes):
        return placeholder(name, tuple(shapes), dtype)
    if not isinstance(shapes, list | tuple):
        raise NetworkError(f"{shapes!r:.200} is no shape: a shape is a tuple of sizes, None for one that is free, as in (None, 4)")
    made: list[KerasTensor] = [placeholders(f"{name}_{index}", shape, dtype) for index, shape in enumerate(shapes)]
    return tuple(made) if isinstance(shapes, tuple) else made
