"""Which requests run together, and when: a decision, with time as an argument and no clock, thread or runtime in it.

Work-conserving: whoever is free to run asks for a batch and gets what is there. Nothing is held back to wait for more;
under load, batches grow by themselves while the one before them runs.
"""

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from service.errors import QueueFullError

__all__ = ["BatchQueue", "Queued", "Taken"]


class Queued(Protocol):
    """What the queue needs to know of a request; the driver's job is one, and so is a test's."""

    @property
    def rows(self) -> int: ...

    @property
    def shape_key(self) -> Hashable:
        """Equal for requests that can be stacked: the datatypes and the shapes without the batch."""

    @property
    def deadline(self) -> float | None: ...

    @property
    def cancelled(self) -> bool: ...


J = TypeVar("J", bound=Queued)


@dataclass(frozen=True, slots=True)
class Taken(Generic[J]):
    """The next batch, and those that were dropped on the way to it because nobody waits for them any more."""

    batch: list[J]
    dropped: list[J]


class BatchQueue(Generic[J]):
    """First come, first served, over requests of several shapes; bounded in rows.

    `batched=False` takes requests one at a time.
    """

    def __init__(self, max_batch_rows: int, max_queue_rows: int, batched: bool = True) -> None:
        self.max_batch_rows = max_batch_rows
        self.max_queue_rows = max_queue_rows
        self.batched = batched
        self.rows = 0
        self._lanes: dict[Hashable, deque[tuple[int, J]]] = {}
        self._arrivals = 0

    def __len__(self) -> int:
        return sum(map(len, self._lanes.values()))

    def push(self, job: J) -> None:
        """Puts a request at the end. Raises QueueFullError when its rows do not fit; an empty queue takes any request."""
        if self.rows and self.rows + job.rows > self.max_queue_rows:
            raise QueueFullError(f"Exceeds maximum queue size: {self.rows} rows are waiting, and {self.max_queue_rows} may")
        self._lanes.setdefault(job.shape_key, deque()).append((self._arrivals, job))
        self._arrivals += 1
        self.rows += job.rows

    def take(self, now: float) -> Taken[J]:
        """The oldest live request and those of its shape behind it, as many as fit a batch; an empty batch when none is left."""
        dropped = self._drop_dead_heads(now)
        if not self._lanes:
            return Taken([], dropped)
        key = min(self._lanes, key=lambda lane: self._lanes[lane][0][0])
        batch: list[J] = []
        rows = 0
        while (lane := self._lanes.get(key)) and self._fits(batch, rows, lane[0][1]):
            job = self._pop(key)
            if _is_dead(job, now):
                dropped.append(job)
                continue
            batch.append(job)
            rows += job.rows
        return Taken(batch, dropped)

    def clear(self) -> list[J]:
        """All that waits, which then no longer does."""
        jobs = [job for lane in self._lanes.values() for _, job in lane]
        self._lanes.clear()
        self.rows = 0
        return jobs

    def _fits(self, batch: list[J], rows: int, job: J) -> bool:
        return not batch or (self.batched and rows + job.rows <= self.max_batch_rows)

    def _drop_dead_heads(self, now: float) -> list[J]:
        dropped = []
        for key in list(self._lanes):
            while (lane := self._lanes.get(key)) and _is_dead(lane[0][1], now):
                dropped.append(self._pop(key))
        return dropped

    def _pop(self, key: Hashable) -> J:
        lane = self._lanes[key]
        _, job = lane.popleft()
        if not lane:
            del self._lanes[key]
        self.rows -= job.rows
        return job


def _is_dead(job: Queued, now: float) -> bool:
    return job.cancelled or (job.deadline is not None and job.deadline <= now)
