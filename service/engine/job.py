"""A request on its way through the engine, and how one that is larger than a batch is computed in parts."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import partial
from threading import Lock
from types import MappingProxyType

import numpy as np

from service.engine.promise import Promise
from service.request import Array, Timeline

__all__ = ["Feeds", "Job", "Shapes"]

Feeds = Mapping[str, Array]
Shapes = tuple[tuple[int, ...], ...]
WHOLE: Mapping[str, int] = MappingProxyType({})


class Job:
    """A request in the queue. Its future gives the outputs, in the model's order, or raises a ServiceError.

    `shapes` are those of a row of each input as it is run, and `lengths` the request's own on the padded axes, by the axis's
    name; without padding the first are the arrays' own. `priority` is the caller's. One that is `alone` has a shape like no other.
    `nbytes` is what the feeds hold, where that is known.
    """

    __slots__ = (
        "_whole",
        "alone",
        "deadline",
        "feeds",
        "future",
        "lengths",
        "nbytes",
        "priority",
        "rows",
        "shape_key",
        "shapes",
        "timeline",
    )

    def __init__(
        self,
        feeds: Feeds,
        rows: int,
        deadline: float | None,
        timeline: Timeline,
        priority: int = 0,
        shapes: Shapes | None = None,
        lengths: Mapping[str, int] = WHOLE,
        alone: bool = False,
        nbytes: int | None = None,
    ) -> None:
        self.feeds = feeds
        self.rows = rows
        self.deadline = deadline
        self.timeline = timeline
        self.priority = priority
        self.shapes: Shapes = _rows_of(feeds) if shapes is None else shapes
        self.shape_key: Hashable = object() if alone else self.shapes
        self.alone = alone
        self.lengths = lengths
        self.nbytes = _size(feeds) if nbytes is None else nbytes
        self.future = Promise()
        self._whole: _Whole | None = None

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits for it any more."""
        return self.future.cancelled if self._whole is None else self._whole.over

    @property
    def padded(self) -> bool:
        """Whether rows of the feeds are smaller than they are run."""
        return _rows_of(self.feeds) != self.shapes

    def cut(self, rows: int) -> tuple[Job, Job]:
        """The first `rows` rows, and the rest, as jobs of their own, on views; this job's future is theirs together."""
        whole = self._whole or _Whole(self.future, self.rows)
        part = self._part(whole, {name: array[:rows] for name, array in self.feeds.items()}, rows)
        rest = self._part(whole, {name: array[rows:] for name, array in self.feeds.items()}, self.rows - rows)
        whole.expect(part, rest)
        return part, rest

    def _part(self, whole: _Whole, feeds: Feeds, rows: int) -> Job:
        part = Job(feeds, rows, self.deadline, self.timeline, self.priority, self.shapes, self.lengths)
        part._whole = whole
        return part


class _Whole:
    """A request whose parts are computed apart: over when all are, when one fails, or when the caller cancels it."""

    def __init__(self, future: Promise, rows: int) -> None:
        self._future = future
        self._missing = rows
        self._parts = 0
        self._answers: dict[int, Sequence[Array]] = {}
        self._ended = False
        self._lock = Lock()

    @property
    def over(self) -> bool:
        return self._ended or self._future.cancelled

    def expect(self, part: Job, rest: Job) -> None:
        """Listens to the next part, and to the rest, which takes its place if it is cut in its turn."""
        for offset, job in enumerate((part, rest)):
            job.future.add_done_callback(partial(self._add, self._parts + offset, job.rows))
        self._parts += 1

    def _add(self, index: int, rows: int, part: Promise) -> None:
        error = part.exception()
        with self._lock:
            if self._ended:
                return
            if error is None:
                self._answers[index] = part.result()
                self._missing -= rows
            ends = self._ended = error is not None or self._missing == 0
        if not ends or not self._future.claim():
            return
        if error is not None:
            self._future.set_exception(error)
        else:
            parts = [self._answers[index] for index in sorted(self._answers)]
            self._future.set_result([np.concatenate(outputs) for outputs in zip(*parts, strict=True)])


def _rows_of(feeds: Feeds) -> Shapes:
    return tuple([array.shape[1:] for array in feeds.values()])


def _size(feeds: Feeds) -> int:
    return sum([_text(array) if array.dtype.hasobject else array.nbytes for array in feeds.values()])


def _text(array: Array) -> int:
    """About how many bytes the strings of an array hold."""
    return array.nbytes + sum(map(len, array.flat))
