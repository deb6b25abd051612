"""Names for layers and operations that were given none: the class in snake case, counted as Keras counts."""

import re
from collections import Counter
from functools import cache

__all__ = ["auto_name", "reset", "snake_case"]

_given: Counter[str] = Counter()


@cache
def snake_case(name: str) -> str:
    """Keras's form of a class name: Dense -> dense, Conv2D -> conv2d, ReLU -> re_lu."""
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def auto_name(class_name: str) -> str:
    """A name that this process has not given yet: dense, dense_1, dense_2."""
    name = snake_case(class_name)
    _given[name] += 1
    count = _given[name] - 1
    return f"{name}_{count}" if count else name


def reset() -> None:
    """Counts from the start again."""
    _given.clear()
