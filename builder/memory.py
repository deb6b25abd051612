"""How a view of numbers becomes the plain row of them that files and runtimes take, and other work that memory holds up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from math import prod
from typing import TypeVar

import numpy as np

from builder.graph import Array

__all__ = ["all_contiguous", "contiguous", "in_halves"]

Key = TypeVar("Key")

LARGE = 2**20  # bytes from which it pays to start a thread
WORTH = 2**16  # bytes from which it pays to go piece by piece
LINES = 128  # entries of the axis that is the fastest in the source: whole lines of the cache are read
PIECE = 256  # entries of the piece that each of those becomes: whole lines are written


def contiguous(array: Array) -> Array:
    """The same numbers with the last axis the fastest: the array itself where it is so already, else a copy.

    Where the fastest becomes the slowest, as in a kernel from (height, width, in, out) to (out, in, height, width), it goes
    in pieces that fit into the cache on both sides, which takes half the time of going along either.
    """
    axes = [axis for axis in range(array.ndim) if array.shape[axis] > 1]
    if array.nbytes < WORTH or len(axes) < 2 or min(array.strides[axis] for axis in axes) < array.strides[axes[0]]:
        return np.ascontiguousarray(array)
    fastest, second = sorted(axes, key=lambda axis: array.strides[axis])[:2]
    rest = prod(size for axis, size in enumerate(array.shape) if axis not in (fastest, second))
    width = max(PIECE // rest, 32)
    copy = np.empty(array.shape, array.dtype)
    piece = [slice(None)] * array.ndim
    for start in range(0, array.shape[fastest], LINES):
        piece[fastest] = slice(start, start + LINES)
        for begin in range(0, array.shape[second], width):
            piece[second] = slice(begin, begin + width)
            copy[tuple(piece)] = array[tuple(piece)]
    return copy


def all_contiguous(arrays: Mapping[Key, Array]) -> dict[Key, Array]:
    """The same for many, several at a time: NumPy lets other threads run while it copies."""
    with ThreadPoolExecutor() as beside:
        return dict(zip(arrays, beside.map(contiguous, arrays.values()), strict=True))


def in_halves(work: Callable[[slice], object], array: Array) -> None:
    """Does `work` on the slice of all the array's rows, or on two halves of them at a time where it is large."""
    if array.nbytes < LARGE:
        work(slice(None))
        return
    middle = len(array) // 2
    with ThreadPoolExecutor(2) as beside:
        list(beside.map(work, (slice(middle), slice(middle, None))))
