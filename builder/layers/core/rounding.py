"""Floats rounded to few bits, by the rules of Keras's quantizers: what `quantize` makes of a weight."""

import numpy as np

from builder.graph import Array

__all__ = ["EPSILON", "by_blocks", "by_largest", "packed"]

EPSILON = 1e-7  # what keeps a weight of zeros from being divided by zero


def by_largest(floats: Array, axes: tuple[int, ...]) -> tuple[Array, Array]:
    """Numbers of eight bits, and what the floats were multiplied by: the largest along `axes` becomes 127."""
    scale = np.divide(127, np.max(np.abs(floats), axis=axes, keepdims=True) + np.float32(EPSILON))
    return np.clip(np.round(floats * scale), -127, 127).astype(np.int8), scale


def by_blocks(floats: Array, block: int) -> tuple[Array, Array, Array]:
    """Numbers of four bits, and by how much and from where on they count: the least of each block of rows is -8, the largest 7."""
    rows, columns = floats.shape
    padded = np.concatenate([floats, np.zeros((-rows % block, columns), floats.dtype)]).reshape(-1, block, columns)
    least, largest = (extreme(padded, axis=1, keepdims=True) for extreme in (np.min, np.max))
    scale = (largest - least + np.float32(EPSILON)) / 15
    zero = np.clip(np.round(-least / scale) - 8, -8, 7)
    numbers = np.clip(np.round(padded / scale) + zero, -8, 7).astype(np.int8)
    return numbers.reshape(-1, columns)[:rows], scale[:, 0], zero[:, 0].astype(np.int8)


def packed(numbers: Array, axis: int) -> Array:
    """Two numbers of four bits in each byte, along `axis`, the first in the lower bits."""
    first = np.moveaxis(numbers, axis, 0)
    first = np.concatenate([first, np.zeros((len(first) % 2, *first.shape[1:]), np.int8)])
    return np.ascontiguousarray(np.moveaxis((first[::2] & 15) | (first[1::2] << 4), 0, axis))
