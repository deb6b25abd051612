"""Several requests as one batch, and the batch's outputs as several answers again. A lone request is not copied, a batch once."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from types import MappingProxyType
from typing import Any

import numpy as np

from service.request import Array

__all__ = ["split", "stack"]

Feeds = Mapping[str, Array]
Shapes = Sequence[tuple[int, ...]]
ZEROS: Mapping[str, Any] = MappingProxyType({})


def stack(feeds: Sequence[Feeds], extra: int = 0, shapes: Shapes | None = None, fills: Mapping[str, Any] = ZEROS) -> Feeds:
    """One feed with the rows of all, in order; a lone feed that needs no padding is given back as it is.

    `extra` rows more, which are the last one again: a row of zeros may be what the model cannot compute. `shapes` are those that
    the rows of each input are padded to, behind their own elements, with what `fills` has for the input.
    """
    if len(feeds) == 1 and not extra and shapes is None:
        return feeds[0]
    if shapes is None:
        return {name: _gather([feed[name] for feed in feeds], extra) for name in feeds[0]}
    return {
        name: _place([feed[name] for feed in feeds], extra, shape, fills.get(name, 0)) for name, shape in zip(feeds[0], shapes, strict=True)
    }


def split(outputs: Sequence[Array], rows: Sequence[int], extra: int = 0) -> list[list[Array]]:
    """For each request its rows of every output, as views; the `extra` rows at the end are nobody's."""
    if len(rows) == 1 and not extra:
        return [list(outputs)]
    ends = list(accumulate(rows))
    return [[output[end - count : end] for output in outputs] for end, count in zip(ends, rows, strict=True)]


def _gather(arrays: Sequence[Array], extra: int) -> Array:
    """The rows of arrays of one shape, and the last one `extra` times more."""
    if not extra:
        return np.concatenate(arrays)
    rows = sum(map(len, arrays))
    batch = np.empty((rows + extra, *arrays[0].shape[1:]), arrays[0].dtype)
    np.concatenate(arrays, out=batch[:rows])
    batch[rows:] = batch[rows - 1]
    return batch


def _place(arrays: Sequence[Array], extra: int, shape: tuple[int, ...], fill: Any) -> Array:
    """The same of arrays of several shapes: each is copied into the corner of its rows, and what is beside it is filled."""
    rows = sum(map(len, arrays))
    batch = np.full((rows + extra, *shape), fill, arrays[0].dtype)
    start = 0
    for array in arrays:
        batch[(slice(start, start + len(array)), *map(slice, array.shape[1:]))] = array
        start += len(array)
    batch[rows:] = batch[rows - 1]
    return batch
