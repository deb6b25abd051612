"""Several requests as one batch, and the batch's outputs as several answers again."""

from collections.abc import Mapping, Sequence
from itertools import accumulate

import numpy as np

from service.request import Array

__all__ = ["split", "stack"]


def stack(feeds: Sequence[Mapping[str, Array]]) -> Mapping[str, Array]:
    """One feed with the rows of all, in order; a lone feed is given back as it is, and nothing is copied."""
    if len(feeds) == 1:
        return feeds[0]
    return {name: np.concatenate([feed[name] for feed in feeds]) for name in feeds[0]}


def split(outputs: Sequence[Array], rows: Sequence[int]) -> list[list[Array]]:
    """For each request its rows of every output, as views."""
    if len(rows) == 1:
        return [list(outputs)]
    ends = list(accumulate(rows))
    return [[output[end - count : end] for output in outputs] for end, count in zip(ends, rows, strict=True)]
