"""Which requests run together, and when: a decision, with time as an argument and no clock, thread or runtime in it.

Work-conserving unless a delay is asked for: whoever is free to run asks for a batch and gets what is there; under load, batches
grow by themselves while the one before them runs. Requests go by priority, then by what is due first: the deadline, or
ten seconds after the arrival, so that those without a deadline do not starve. Requests of one shape form a lane.
"""

from __future__ import annotations

from bisect import bisect, insort
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import inf
from typing import Annotated, Any, Generic, NamedTuple, Protocol, Self, TypeVar

from service.errors import StartupError

__all__ = ["BatchOptions", "BatchQueue", "Pushed", "Queued", "Taken"]

HORIZON = 10.0  # seconds after which a request without a deadline is due
SWEEP = 0.01  # seconds between two searches of a full queue for the dead: each looks at all that waits


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """What runs together, how long it is held back, and how much may wait. Raises StartupError for values that contradict each other."""

    max_batch_rows: Annotated[int, "Most rows that run together.", (1, None)] = 64
    max_queue_rows: Annotated[int, "Most rows that may wait for one model; what comes beyond is refused.", (1, None)] = 4096
    max_queue_bytes: Annotated[int, "Most bytes of input that may wait for one model; what comes beyond is refused.", (1, None)] = 256 << 20
    max_queue_seconds: Annotated[
        float,
        "Longest that a request may have to wait, as far as costs are known; what would wait longer is refused. 0 is no limit.",
        (0, None),
    ] = 10.0
    max_delay_seconds: Annotated[float, "How long a request may be held back for others to join it; 0 holds nothing back.", (0, None)] = 0.0
    preferred_rows: Annotated[tuple[int, ...], "Sizes of batches that are not held back for more.", (1, None)] = ()
    allowed_rows: Annotated[
        tuple[int, ...],
        "The only sizes that run: a batch is filled up to the next with rows that are cut off again. The largest must be max_batch_rows.",
        (1, None),
    ] = ()
    split_large: Annotated[bool, "Run a request of more rows than a batch may have in parts; otherwise it is refused."] = True
    default_timeout_seconds: Annotated[float, "Timeout of requests that come without any deadline; 0 is none.", (0, None)] = 0.0
    priority_levels: Annotated[int, "How many priorities there are, of which 1 is served first; 0 serves all alike.", (0, None)] = 0
    default_priority: Annotated[int, "Priority of requests that name none that there is; 0 is the last.", (0, None)] = 0
    runners: Annotated[int, "How many batches of one model run at once; 0 leaves it to the plan of threads.", (0, None)] = 0

    def __post_init__(self) -> None:
        if self.allowed_rows and max(self.allowed_rows) != self.max_batch_rows:
            raise StartupError(
                f"the largest of allowed_rows must be max_batch_rows, and {max(self.allowed_rows)} is not {self.max_batch_rows}"
            )
        if self.preferred_rows and max(self.preferred_rows) > self.max_batch_rows:
            raise StartupError(
                f"preferred_rows must not be more than max_batch_rows, and {max(self.preferred_rows)} is more than {self.max_batch_rows}"
            )
        if self.default_priority > self.priority_levels:
            raise StartupError(f"default_priority is {self.default_priority}, and there are priority_levels = {self.priority_levels}")

    def priority(self, wanted: int) -> int:
        """The priority that a request gets: what it wants, or the default where there is no such one."""
        return wanted if 0 < wanted <= self.priority_levels else self.default_priority or self.priority_levels

    def filled(self, rows: int) -> int:
        """How many rows are run where there are `rows` of them."""
        return min((size for size in self.allowed_rows if size >= rows), default=rows) if self.allowed_rows else rows


class Queued(Protocol):
    """What the queue needs to know of a request; the driver's job is one, and so is a test's."""

    @property
    def rows(self) -> int: ...

    @property
    def nbytes(self) -> int: ...

    @property
    def shape_key(self) -> Hashable:
        """Equal for requests that can be stacked: the datatypes and the shapes without the batch, as they are run."""

    @property
    def priority(self) -> int:
        """Lower is served first."""

    @property
    def deadline(self) -> float | None: ...

    @property
    def cancelled(self) -> bool: ...

    def cut(self, rows: int) -> tuple[Self, Self]:
        """The first `rows` rows, and the rest."""


J = TypeVar("J", bound=Queued)
Seconds = Callable[[int], float]  # what a run takes, by its rows
Entry = tuple[int, float, int, float, J]  # priority, when it is due, number of arrival, time of arrival


@dataclass(frozen=True, slots=True)
class Pushed(Generic[J]):
    """Whether a request was taken in, those that had to leave for it, and those that were found dead while looking."""

    accepted: bool
    shed: Sequence[J] = ()
    dropped: Sequence[J] = ()


class Taken(NamedTuple, Generic[J]):
    """The next batch, and those that were dropped on the way to it because nobody waits for them any more.

    Where the batch is empty and `again` is not None, some are held back for others: it is when to ask again.
    """

    batch: list[J]
    dropped: list[J]
    again: float | None = None


class _Lane(Generic[J]):
    """The requests of one shape, in the order in which they go."""

    __slots__ = ("entries", "nbytes", "oldest", "rows")

    def __init__(self) -> None:
        self.entries: list[Entry[J]] = []
        self.rows = 0
        self.nbytes = 0
        self.oldest = inf


def _free(_: Hashable) -> Seconds:
    return lambda rows: 0.0


class BatchQueue(Generic[J]):
    """The requests that wait for one model, `size` of them, bounded in rows and bytes. `batched=False` takes them one at a time.

    `together` is how many rows a run takes, of requests that are no larger.
    """

    def __init__(self, options: BatchOptions, batched: bool = True) -> None:
        self.options = options
        self.batched = batched
        self.together = options.max_batch_rows if batched else 1
        self.rows = 0
        self.nbytes = 0
        self.max_delay_seconds = options.max_delay_seconds if batched else 0.0
        self.size = 0
        self._lanes: dict[Hashable, _Lane[J]] = {}
        self._arrivals = 0
        self._swept = -inf

    def __len__(self) -> int:
        return self.size

    @property
    def oldest(self) -> float:
        """When the request arrived that has waited longest; infinite when none waits."""
        return min((entry[3] for lane in self._lanes.values() for entry in lane.entries), default=inf)

    def push(self, job: J, now: float) -> Pushed[J]:
        """Puts a request in its place, unless it does not fit and those of lower priority would not make room.

        An empty queue takes any request.
        """
        if self._fits(job):
            self._insert(job, now, now)
            return _ACCEPTED
        dropped = self._sweep(now)
        shed = self._shed(job)
        if not self._fits(job):
            return Pushed(False, (), dropped)
        self._insert(job, now, now)
        return Pushed(True, shed, dropped)

    def ahead(self, job: J, now: float) -> int:
        """About how many of the rows that wait go before those of a request that comes now."""
        lane = self._lanes.get(job.shape_key)
        if lane is None:
            return self.rows
        place = bisect(lane.entries, (job.priority, _due(job, now, now), inf), key=lambda entry: entry[:3])
        return self.rows - round(lane.rows * (1 - place / len(lane.entries)))

    def take(self, now: float, predict: Callable[[Hashable], Seconds] = _free) -> Taken[J]:
        """The most urgent live request and those of its shape behind it, as many as may run together.

        They may when they fit a batch, and when the seconds that `predict` gives for their shape do not put the end of the
        run behind the deadline of one of them; a deadline that is lost anyway holds nobody up, and where more waits than
        fits a batch, its request is not computed for nothing.
        """
        dropped: list[J] = []
        if len(self._lanes) == 1 and not self.max_delay_seconds:  # the usual case, in which nothing is to be decided before
            (key,) = self._lanes
            return Taken(self._fill(key, self.options.max_batch_rows, now, predict(key), dropped), dropped)
        again: float | None = None
        for key in self._urgent(now, dropped):
            seconds = predict(key)
            limit, until = self._limit(key, now, seconds)
            if limit:
                return Taken(self._fill(key, limit, now, seconds, dropped), dropped)
            again = until if again is None else min(again, until)
        return Taken([], dropped, again)

    def clear(self) -> list[J]:
        """All that waits, which then no longer does."""
        jobs = [entry[4] for lane in self._lanes.values() for entry in lane.entries]
        self._lanes.clear()
        self.rows = self.nbytes = self.size = 0
        return jobs

    def _fits(self, job: J) -> bool:
        most = self.options
        return not self.size or (self.rows + job.rows <= most.max_queue_rows and self.nbytes + job.nbytes <= most.max_queue_bytes)

    def _insert(self, job: J, now: float, arrived: float) -> None:
        lane = self._lanes.get(job.shape_key)
        if lane is None:
            lane = self._lanes[job.shape_key] = _Lane()
        insort(lane.entries, (job.priority, _due(job, now, arrived), self._arrivals, arrived, job))
        if arrived < lane.oldest:
            lane.oldest = arrived
        self._arrivals += 1
        rows, nbytes = job.rows, job.nbytes
        lane.rows += rows
        lane.nbytes += nbytes
        self.size += 1
        self.rows += rows
        self.nbytes += nbytes

    def _count(self, lane: _Lane[J], size: int, rows: int, nbytes: int) -> None:
        lane.rows += rows
        lane.nbytes += nbytes
        self.size += size
        self.rows += rows
        self.nbytes += nbytes

    def _keep(self, key: Hashable, gone: Sequence[Entry[J]], kept: list[Entry[J]]) -> None:
        """Leaves in a lane what is kept, and takes what is gone off the counts."""
        lane = self._lanes[key]
        if not kept:
            self._count(lane, -len(gone), -lane.rows, -lane.nbytes)
            del self._lanes[key]
            return
        self._count(lane, -len(gone), -sum([entry[4].rows for entry in gone]), -sum([entry[4].nbytes for entry in gone]))
        lane.entries = kept
        if self.max_delay_seconds:
            lane.oldest = min(entry[3] for entry in kept)

    def _sweep(self, now: float) -> list[J]:
        """Takes out the dead, wherever they are; not again at once, since a full queue is asked often."""
        if now < self._swept + SWEEP:
            return []
        self._swept = now
        return self._remove(lambda entry: _is_dead(entry[4], now))

    def _shed(self, job: J) -> list[J]:
        """Takes out the least urgent of lower priority until `job` fits; nobody if it would not even then."""
        if all(lane.entries[-1][0] <= job.priority for lane in self._lanes.values()):
            return []
        lower = sorted((entry for lane in self._lanes.values() for entry in lane.entries if entry[0] > job.priority), reverse=True)
        rows = self.rows + job.rows - self.options.max_queue_rows
        size = self.nbytes + job.nbytes - self.options.max_queue_bytes
        victims: set[int] = set()
        for entry in lower:
            if rows <= 0 and size <= 0:
                break
            victims.add(entry[2])
            rows -= entry[4].rows
            size -= entry[4].nbytes
        if (rows > 0 or size > 0) and len(victims) < self.size:
            return []
        return self._remove(lambda entry: entry[2] in victims)

    def _remove(self, goes: Callable[[Entry[J]], bool]) -> list[J]:
        removed: list[J] = []
        for key, lane in list(self._lanes.items()):
            if gone := [entry for entry in lane.entries if goes(entry)]:
                self._keep(key, gone, [entry for entry in lane.entries if not goes(entry)])
                removed += [entry[4] for entry in gone]
        return removed

    def _urgent(self, now: float, dropped: list[J]) -> list[Hashable]:
        """The lanes by the urgency of their first living request; the dead before it are dropped."""
        for key, lane in list(self._lanes.items()):
            dead = next((index for index, entry in enumerate(lane.entries) if not _is_dead(entry[4], now)), len(lane.entries))
            if dead:
                dropped += [entry[4] for entry in lane.entries[:dead]]
                self._keep(key, lane.entries[:dead], lane.entries[dead:])
        return sorted(self._lanes, key=lambda key: self._lanes[key].entries[0][:3])

    def _limit(self, key: Hashable, now: float, seconds: Seconds) -> tuple[int, float]:
        """The rows of a lane that may be taken now, or 0 and when that changes without another arrival."""
        lane, most = self._lanes[key], self.options.max_batch_rows
        if not self.max_delay_seconds or lane.rows >= most:
            return most, now
        live = [entry[4] for entry in lane.entries if not _is_dead(entry[4], now)]
        latest = min((job.deadline for job in live if job.deadline is not None), default=inf) - seconds(lane.rows)
        until = min(lane.oldest + self.max_delay_seconds, latest)
        if until <= now:
            return most, now
        sizes = set(self.options.preferred_rows)
        return max((rows for rows in accumulate(job.rows for job in live) if rows in sizes), default=0), until

    def _fill(self, key: Hashable, limit: int, now: float, seconds: Seconds, dropped: list[J]) -> list[J]:
        """Takes from the front of a lane what lives and may run together."""
        entries = self._lanes[key].entries
        batch: list[J] = []
        rows, seen, earliest = 0, 0, inf
        crowded = self.rows > self.together
        for entry in entries:
            job = entry[4]
            if _is_dead(job, now) or (crowded and job.deadline is not None and now + seconds(job.rows) > job.deadline):
                dropped.append(job)
                seen += 1
                continue
            if job.deadline is not None and now + seconds(job.rows) <= job.deadline:
                earliest = min(earliest, job.deadline)
            if batch and not self._may_grow(rows + job.rows, limit, earliest - now, seconds):
                break
            batch.append(job)
            rows += job.rows
            seen += 1
        self._keep(key, entries[:seen], entries[seen:])
        if rows > self.options.max_batch_rows and self.batched and self.options.split_large:
            return [self._cut(batch[0], entries[seen - 1][3], now)]
        return batch

    def _may_grow(self, rows: int, limit: int, left: float, seconds: Seconds) -> bool:
        """Whether a batch may grow to `rows` rows, the first deadline in it being `left` seconds ahead."""
        return self.batched and rows <= limit and (left == inf or seconds(rows) <= left)

    def _cut(self, job: J, arrived: float, now: float) -> J:
        """A batch's worth of a request that is larger; the rest queues again, behind what came in the meantime."""
        part, rest = job.cut(self.options.max_batch_rows)
        self._insert(rest, now, arrived)
        return part


_ACCEPTED: Pushed[Any] = Pushed(True)


def _due(job: Queued, now: float, arrived: float) -> float:
    """When a request that is put in its place now is due: one that arrived before has waited for a part of it already."""
    return now + (HORIZON if job.deadline is None else job.deadline - arrived)


def _is_dead(job: Queued, now: float) -> bool:
    return job.cancelled or (job.deadline is not None and job.deadline <= now)
