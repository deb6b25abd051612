"""The driver of one model's queue: what runners take from it, run and answer.

All decisions are the queue's. The runners' lock guards the queue and the state; nothing is computed while it is held.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Sequence
from math import inf
from threading import Condition
from time import monotonic

from service.engine.cost import MAX_SHAPES, Costs
from service.engine.job import Feeds, Job
from service.engine.merge import split, stack
from service.engine.padding import UNPADDED, Padding
from service.engine.queue import BatchOptions, BatchQueue
from service.engine.runners import Runners, Work
from service.errors import DrainingError, QueueFullError, RequestExpiredError, ServiceError
from service.request import Array, BatchRun

__all__ = ["BatchOptions", "Batcher", "Job"]

log = logging.getLogger("hornbeam.engine")
CHEAP = 0.0005  # seconds of running for which a hand-off between threads, and waiting for the interpreter's lock, is not worth it
STALL = 0.05  # seconds that nobody else's calls should have to wait for one that was thought to be cheap
PENANCE = 60.0  # seconds after such a run in which none is thought to be
_FULL = "Exceeds maximum queue size"  # Triton's words, which clients look for


class Batcher:
    """Runs the jobs of one model. `observe` is told of each execution, on the thread that did it.

    `shared` are the runners of its device; without them it has its own. `cost` is what its runs have been seen to take.
    """

    def __init__(
        self,
        name: str,
        version: str,
        run: Callable[[Feeds], Sequence[Array]],
        options: BatchOptions,
        batched: bool,
        runners: int,
        observe: Callable[[BatchRun], None],
        padding: Padding = UNPADDED,
        shared: Runners | None = None,
    ) -> None:
        self.name = name
        self.version = version
        self.options = options
        self.padding = padding
        self.runners = options.runners or runners
        self.cost = Costs()
        self.running = 0
        self.running_rows = 0
        self._inline_rows: dict[Hashable, float] = {}  # by shape, how many rows the thread that takes the calls may run
        self._inline_from = 0.0  # when it may run any, on the monotonic clock
        self._run = run
        self._observe = observe
        self._sizes = options if batched else BatchOptions()  # what does not run together is not filled up either
        self._queue: BatchQueue[Job] = BatchQueue(options, batched)
        self._draining = False
        self._own = shared is None
        self._pads = bool(padding)
        self._runners = shared or Runners(self.runners, f"{name}/{version}")
        self._quiet = Condition(self._runners.lock)
        self._runners.join(self)

    @property
    def max_batch_rows(self) -> int:
        """Most rows that run together."""
        return self.options.max_batch_rows

    @property
    def waiting_rows(self) -> int:
        """Rows in the queue, not counting those that run."""
        return self._queue.rows

    @property
    def waiting_requests(self) -> int:
        """Requests in the queue, not counting those that run."""
        return self._queue.size

    def oldest_age_seconds(self) -> float:
        """How long the request has waited that has waited longest; 0.0 when none does."""
        with self._runners.lock:
            return max(0.0, monotonic() - self._queue.oldest)

    def submit(self, job: Job, here: bool = False) -> bool:
        """Queues a job. Raises QueueFullError or DrainingError.

        `here` says that the caller will run `Runners.work_here` soon: what is cheap is then left to it, and no thread is woken.
        Whether it was left is what is given back.
        """
        left = False
        now = monotonic()
        options = self.options
        job.priority = options.priority(job.priority)
        if job.deadline is None and options.default_timeout_seconds:
            job.deadline = now + options.default_timeout_seconds
        with self._runners.lock:
            if self._draining:
                raise DrainingError(f"model '{self.name}' version {self.version} is about to be unloaded")
            if self._queue.rows >= self._queue.together:
                self._check_wait(job, now)
            pushed = self._queue.push(job, now)
            job.timeline.queued = now
            if pushed.accepted:
                left = here and self._sizes.filled(self._queue.rows) <= self._inline_rows.get(job.shapes, 0)
                (self._runners.leave_here if left else self._runners.wake)(self)
        for victim in pushed.shed:
            _refuse(victim, self._full(victim))
        _expire(pushed.dropped)
        if not pushed.accepted:
            raise self._full(job)
        return left

    def drain(self) -> None:
        """Takes no more jobs, finishes those it has, and returns when that is done."""
        with self._quiet:
            self._draining = True
            self._queue.max_delay_seconds = 0.0
            self._runners.wake(self)
            self._quiet.wait_for(lambda: not self.waiting and not self.running)
        self._runners.leave(self)
        if self._own:
            self._runners.close()

    def abandon(self) -> int:
        """Refuses what still waits, and says how many requests that were; what runs is finished."""
        with self._runners.lock:
            self._draining = True
            jobs = self._queue.clear()
            self._quiet.notify_all()
        for job in jobs:
            _refuse(job, DrainingError("the server stopped before the request was computed"))
        return len(jobs)

    @property
    def waiting(self) -> bool:
        """Whether there is work; with the runners' lock, as all that follows."""
        return self._queue.size > 0

    @property
    def ready(self) -> bool:
        """Whether there is work that may be done now."""
        return self.running < self.runners and self._queue.size > 0

    def take(self, now: float) -> tuple[_Batch | None, float | None]:
        """The next batch, with what was found dead on the way to it; or None, and when held-back requests are due."""
        taken = self._queue.take(now, self._bound)
        if not taken.batch and not taken.dropped:
            return None, taken.again
        rows = sum([job.rows for job in taken.batch])
        expected = self.cost.of(taken.batch[0].shapes).seconds(self._sizes.filled(rows)) if taken.batch else 0.0
        self.running += 1
        self.running_rows += rows
        return _Batch(self, taken.batch, taken.dropped, rows, now, expected), None

    def end(self, work: Work) -> None:
        """Learns from a batch that has run."""
        assert isinstance(work, _Batch)
        for shape, rows, seconds in work.costs:
            self.learn(shape, rows, seconds, work.inline)
        self.running -= 1
        self.running_rows -= work.rows
        if self._draining:
            self._quiet.notify_all()

    def learn(self, shape: Hashable, rows: int, seconds: float, inline: bool = False) -> None:
        """Learns from a run what the next will take, and whether the thread that takes the calls may do it; `inline` says that it did."""
        self.cost.observe(shape, rows, seconds)
        if inline and seconds > STALL:  # what a run takes may be in its numbers too, and not in its shape alone
            self._inline_from = monotonic() + PENANCE
            self._inline_rows.clear()
        elif monotonic() >= self._inline_from:
            self._allow_inline(shape)

    def execute(self, jobs: Sequence[Job], costs: list[tuple[Hashable, int, float]], here: bool) -> None:
        """Runs jobs together, without the lock, and answers them; adds to `costs` what each run of so many rows took.

        `here` says that this is the thread that takes the calls.
        """
        try:
            answers = self._run_together(jobs, costs, here)
        except ServiceError as error:
            if len(jobs) == 1:
                jobs[0].future.set_exception(error)
                return
            # One request may have been what the model cannot compute: the others must not suffer for it.
            middle = len(jobs) // 2
            self.execute(jobs[:middle], costs, here)
            self.execute(jobs[middle:], costs, here)
            return
        except Exception as error:  # a bug, or no memory: it must not end the runner, nor leave a caller waiting
            log.exception("model '%s' version %s: a batch of %d failed", self.name, self.version, len(jobs))
            for job in jobs:
                job.future.set_exception(error)
            return
        for job, answer in zip(jobs, answers, strict=True):
            job.future.set_result(answer)

    def _run_together(self, jobs: Sequence[Job], costs: list[tuple[Hashable, int, float]], here: bool) -> list[list[Array]]:
        rows = [job.rows for job in jobs]
        total = sum(rows)
        extra = 0 if jobs[0].alone else self._sizes.filled(total) - total
        shape = jobs[0].shapes
        padded = self._pads and any(job.padded for job in jobs)
        start = monotonic()
        feeds = stack([job.feeds for job in jobs], extra, shape if padded else None, self.padding.fills)
        assembled = monotonic()
        outputs = self._run(feeds)
        end = monotonic()
        for job in jobs:
            job.timeline.computed = end
            job.timeline.batch_rows = total
        answers = split(outputs, rows, extra)
        if padded:
            answers = [self.padding.cut(answer, job.lengths) for job, answer in zip(jobs, answers, strict=True)]
        added = _elements([feeds]) - _elements([job.feeds for job in jobs]) if padded or extra else 0
        costs.append((shape, total + extra, end - assembled))
        timelines = tuple([job.timeline for job in jobs])
        self._observe(
            BatchRun(self.name, self.version, len(jobs), total, assembled - start, end - assembled, extra, added, timelines, here)
        )
        return answers

    def _allow_inline(self, shape: Hashable) -> None:
        """Works out how many rows have been seen to take no longer than handing them to a thread is worth."""
        cost = self.cost.of(shape)
        rows = (CHEAP - cost.fixed_seconds) / max(cost.per_row_seconds, 1e-12)
        if len(self._inline_rows) >= MAX_SHAPES:
            self._inline_rows.clear()
        self._inline_rows[shape] = 0.0 if self._queue.max_delay_seconds else rows

    def _check_wait(self, job: Job, now: float) -> None:
        """Raises QueueFullError for a request whose turn would come too late, as far as costs are known.

        One whose deadline is over already is not for the queue to refuse.
        """
        most = self._queue.together
        wait = self._queue.ahead(job, now) / most / self.runners * self.cost.of(job.shapes).seconds(most)
        left = inf if job.deadline is None else job.deadline - now
        if wait > left > 0:
            raise QueueFullError(
                f"{_FULL}: the request would wait for about {wait:.2g} s, and its deadline is in {left:.2g} s", _later(wait)
            )
        if wait > (may := self.options.max_queue_seconds) > 0:
            raise QueueFullError(f"{_FULL}: the request would wait for about {wait:.2g} s, and {may:g} s is the longest", _later(wait))

    def _bound(self, shape: Hashable) -> Callable[[int], float]:
        """The seconds that a run of a shape rarely goes beyond, by its rows."""
        bound = self.cost.of(shape).bound
        return (lambda rows: bound(self._sizes.filled(rows))) if self._sizes.allowed_rows else bound

    def _full(self, job: Job) -> QueueFullError:
        """Why a job is refused; it may come again after about as long as what waits takes to run, within reason."""
        most, rows = self.options, self._queue.rows
        what, waits, may = "rows", rows, most.max_queue_rows
        if rows + job.rows <= may:
            what, waits, may = "bytes", self._queue.nbytes, most.max_queue_bytes
        per_run = self.cost.fixed_seconds + self.cost.per_row_seconds * most.max_batch_rows
        seconds = rows / most.max_batch_rows / self.runners * per_run
        return QueueFullError(f"{_FULL}: {waits} {what} are waiting, and {may} may", _later(seconds) if seconds else None)


class _Batch:
    """Jobs that run together, those that are refused beside them, and what became of it."""

    __slots__ = ("_batcher", "_dropped", "_jobs", "_taken", "costs", "inline", "rows", "seconds")

    def __init__(self, batcher: Batcher, jobs: Sequence[Job], dropped: Sequence[Job], rows: int, now: float, seconds: float) -> None:
        self.rows = rows
        self.seconds = seconds
        self.costs: list[tuple[Hashable, int, float]] = []
        self.inline = False
        self._batcher = batcher
        self._jobs = jobs
        self._dropped = dropped
        self._taken = now

    def run(self, here: bool) -> None:
        """Refuses the dead, and runs those that are not cancelled by now."""
        self.inline = here
        _expire(self._dropped)
        live = [job for job in self._jobs if job.future.claim()]
        for job in live:
            if job.timeline.started is None:
                job.timeline.started = self._taken
        if live:
            self._batcher.execute(live, self.costs, here)


def _later(seconds: float) -> float:
    """When to come again, within reason."""
    return min(max(seconds, 0.05), 5.0)


def _elements(feeds: Sequence[Feeds]) -> int:
    return sum(array.size for feed in feeds for array in feed.values())


def _expire(jobs: Sequence[Job]) -> None:
    for job in jobs:
        _refuse(job, RequestExpiredError("Request timeout expired"))


def _refuse(job: Job, error: Exception) -> None:
    """Ends a job that was never run; one whose caller cancelled it has ended already."""
    if job.future.claim():
        job.future.set_exception(error)
