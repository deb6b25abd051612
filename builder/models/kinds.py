"""Which kind of model a class is of: Functional, or one of a user's own with a `call`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from builder.saving import REGISTRY

__all__ = ["are_ends", "make_functional"]


def are_ends(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Whether a constructor was given the inputs and outputs of a Functional model."""
    return len(args) == 2 or (len(args) == 1 and "outputs" in kwargs) or {"inputs", "outputs"} <= kwargs.keys()


def make_functional(cls: type, model: type) -> None:
    """Puts Functional in the place of `model` among the bases of a user's class.

    A class cannot tell before its `__init__` runs whether it is Functional, so that Keras does the same.
    """
    functional = REGISTRY["Functional"]
    if issubclass(cls, functional):
        return
    cls.__bases__ = tuple(functional if base is model else base for base in cls.__bases__)
    for base in cls.__bases__:
        if issubclass(base, model):
            make_functional(base, model)
