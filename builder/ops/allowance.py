"""How many numbers functions may make out of sizes alone: a mask, a table of weights, the parts of a split.

A network that was built in Python may have what it asks for. One that a file describes may not: there a size costs nothing to
write, and could be any.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import prod

from builder.errors import NetworkError

__all__ = ["allowing", "spend"]

_left: ContextVar[list[int] | None] = ContextVar("left", default=None)


@contextmanager
def allowing(numbers: int) -> Iterator[None]:
    """Inside, functions may make so many numbers, all of them together."""
    token = _left.set([numbers])
    try:
        yield
    finally:
        _left.reset(token)


def spend(*sizes: int) -> None:
    """Notes that an array of these sizes is about to be made out of them. Raises NetworkError where it is not allowed."""
    left = _left.get()
    if left is None:
        return
    left[0] -= max(prod(sizes), 0)
    if left[0] < 0:
        raise NetworkError(f"sizes of {', '.join(map(str, sizes))} ask for more numbers than a file may have made from nothing")
