"""Whether a model makes nothing of what its padding adds: tried when it is loaded, since no request would show it.

For each bucket, rows that are shorter run as they are and padded, and must be answered alike.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from service.engine.merge import stack
from service.engine.padding import Padding, axis_name
from service.engine.session import Session
from service.engine.trial import close, sample
from service.errors import ServiceError, StartupError
from service.request import Array, Dim, TensorSpec

__all__ = ["check"]

log = logging.getLogger("hornbeam.engine")
Lengths = Mapping[str, int]
_HOW_TO_GO_ON = "name the input that masks it, or a value that the model ignores, or load it without this check with check_padding = false"


def check(session: Session, padding: Padding) -> None:
    """Raises StartupError for an axis and a bucket with which the model answers otherwise than without padding, or not at all.

    What the model does not run on unpadded is no trial; a bucket that so remains untried is logged.
    """
    for axis, sizes in padding.buckets.items():
        for before, size in zip((0, *sizes), sizes, strict=False):
            tried = [_try(session, padding, axis, lengths) for lengths in _lengths(padding, axis, before, size)]
            if tried and not any(tried):
                log.warning("%s: padding of '%s' to %d was not tried, since the model does not run on samples", session.path, axis, size)


def _lengths(padding: Padding, axis: str, before: int, size: int) -> Iterator[Lengths]:
    """Lengths that are filled up to `size`: the shortest, and the longest; other axes are as long as a bucket of theirs."""
    others = {name: sizes[0] for name, sizes in padding.buckets.items()}
    yield from ({**others, axis: length} for length in sorted({before + 1, size - 1}) if before < length < size)


def _try(session: Session, padding: Padding, axis: str, lengths: Lengths) -> bool:
    """Whether the model could be tried with rows of these lengths."""
    feeds = {spec.name: _rows(spec, lengths) for spec in session.signature.inputs.values() if not _made(spec, padding)}
    fitted = padding.fit(session.path.stem, feeds)
    try:
        alone = session.run(stack([fitted.feeds], 0, tuple(array.shape[1:] for array in fitted.feeds.values())))
    except ServiceError:
        return False
    to = f"padding of '{axis}' from {lengths[axis]}"
    try:
        padded = padding.cut(session.run(stack([fitted.feeds], 0, fitted.shapes, padding.fills)), fitted.lengths)
    except ServiceError as error:
        raise StartupError(f"{session.path}: with {to} up to the next bucket the model does not run: {error}") from error
    for spec, one, other in zip(session.signature.outputs.values(), alone, padded, strict=True):
        if not close(one, other, spec.datatype, session.tolerance):
            raise StartupError(f"{session.path}: {to} up to the next bucket changes what it answers in '{spec.name}'; {_HOW_TO_GO_ON}")
    return True


def _made(spec: TensorSpec, padding: Padding) -> bool:
    return spec.optional or spec.name in padding.masks


def _rows(spec: TensorSpec, lengths: Lengths) -> Array:
    """Two rows of these lengths, the second of floats the first with its signs turned: the largest of a row may be below 0."""
    shape = tuple(_size(spec, axis, dim, lengths) for axis, dim in enumerate(spec.shape))
    rows = sample(replace(spec, shape=shape), np.random.default_rng(0))
    if spec.datatype.numpy.kind == "f":
        rows[1] = -rows[0]
    return rows


def _size(spec: TensorSpec, axis: int, dim: Dim, lengths: Lengths) -> Dim:
    return dim if isinstance(dim, int) else lengths.get(axis_name(spec.name, axis, dim), dim)
