"""The driver of one model's queue: runner threads that take a batch as soon as they are free, run it and answer.

All decisions are the queue's. The condition guards the queue and the state; nothing is computed while it is held.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Condition, Thread
from time import monotonic
from typing import Annotated

from service.engine.merge import split, stack
from service.engine.queue import BatchQueue
from service.errors import DrainingError, RequestExpiredError, ServiceError
from service.request import Array, BatchRun, Timeline

__all__ = ["BatchOptions", "Batcher", "Job"]

log = logging.getLogger("hornbeam.engine")
Feeds = Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """How much runs together, and how much may wait."""

    max_batch_rows: Annotated[int, "Most rows that run together; also the most that one request may have.", (1, None)] = 64
    max_queue_rows: Annotated[int, "Most rows that may wait for one model; what comes beyond is refused.", (1, None)] = 4096


class Job:
    """A request in the queue. Its future gives the outputs, in the model's order, or raises a ServiceError."""

    __slots__ = ("deadline", "feeds", "future", "priority", "rows", "shape_key", "timeline")

    def __init__(self, feeds: Feeds, rows: int, deadline: float | None, timeline: Timeline, priority: int = 0) -> None:
        self.feeds = feeds
        self.rows = rows
        self.deadline = deadline
        self.timeline = timeline
        self.priority = priority
        self.shape_key: Hashable = tuple(array.shape[1:] for array in feeds.values())
        self.future: Future[Sequence[Array]] = Future()

    @property
    def cancelled(self) -> bool:
        return self.future.cancelled()


class Batcher:
    """Runs the jobs of one model. `observe` is told of each execution, on the thread that did it."""

    def __init__(
        self,
        name: str,
        version: str,
        run: Callable[[Feeds], Sequence[Array]],
        options: BatchOptions,
        batched: bool,
        runners: int,
        observe: Callable[[BatchRun], None],
    ) -> None:
        self.name = name
        self.version = version
        self.max_batch_rows = options.max_batch_rows
        self.runners = runners
        self._run = run
        self._observe = observe
        self._queue: BatchQueue[Job] = BatchQueue(options.max_batch_rows, options.max_queue_rows, batched)
        self._changed = Condition()
        self._draining = False
        self.running_rows = 0
        self._threads = [Thread(target=self._serve, name=f"{name}/{version}-{index}", daemon=True) for index in range(runners)]
        for thread in self._threads:
            thread.start()

    @property
    def waiting_rows(self) -> int:
        """Rows in the queue, not counting those that run."""
        return self._queue.rows

    @property
    def waiting_requests(self) -> int:
        """Requests in the queue, not counting those that run."""
        return len(self._queue)

    def submit(self, job: Job) -> None:
        """Queues a job. Raises QueueFullError or DrainingError."""
        with self._changed:
            if self._draining:
                raise DrainingError(f"model '{self.name}' version {self.version} is about to be unloaded")
            self._queue.push(job)
            job.timeline.queued = monotonic()
            self._changed.notify()

    def drain(self) -> None:
        """Takes no more jobs, finishes those it has, and returns when all runners have stopped."""
        with self._changed:
            self._draining = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def abandon(self) -> int:
        """Refuses what still waits, and says how many requests that were; what runs is finished."""
        with self._changed:
            self._draining = True
            jobs = self._queue.clear()
            self._changed.notify_all()
        for job in jobs:
            _refuse(job, DrainingError("the server stopped before the request was computed"))
        return len(jobs)

    def _serve(self) -> None:
        while batch := self._next():
            rows = sum(job.rows for job in batch)
            self._count(rows)
            self._execute(batch)
            self._count(-rows)

    def _count(self, rows: int) -> None:
        with self._changed:
            self.running_rows += rows

    def _next(self) -> list[Job]:
        """The next batch, waiting for one; empty when there will be none."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: len(self._queue) or self._draining)
                now = monotonic()
                taken = self._queue.take(now)
                finished = self._draining and not len(self._queue)
            for job in taken.dropped:
                _refuse(job, RequestExpiredError("Request timeout expired"))
            live = [job for job in taken.batch if job.future.set_running_or_notify_cancel()]
            for job in live:
                job.timeline.started = now
            if live or finished:
                return live

    def _execute(self, jobs: Sequence[Job]) -> None:
        try:
            answers = self._run_together(jobs)
        except ServiceError as error:
            if len(jobs) == 1:
                jobs[0].future.set_exception(error)
                return
            # One request may have been what the model cannot compute: the others must not suffer for it.
            for job in jobs:
                self._execute([job])
            return
        except Exception as error:  # a bug, or no memory: it must not end the runner, nor leave a caller waiting
            log.exception("model '%s' version %s: a batch of %d failed", self.name, self.version, len(jobs))
            for job in jobs:
                job.future.set_exception(error)
            return
        for job, answer in zip(jobs, answers, strict=True):
            job.future.set_result(answer)

    def _run_together(self, jobs: Sequence[Job]) -> list[list[Array]]:
        rows = [job.rows for job in jobs]
        start = monotonic()
        feeds = stack([job.feeds for job in jobs])
        assembled = monotonic()
        outputs = self._run(feeds)
        end = monotonic()
        for job in jobs:
            job.timeline.computed = end
            job.timeline.batch_rows = sum(rows)
        answers = split(outputs, rows)
        timelines = tuple(job.timeline for job in jobs)
        self._observe(BatchRun(self.name, self.version, len(jobs), sum(rows), assembled - start, end - assembled, timelines=timelines))
        return answers


def _refuse(job: Job, error: Exception) -> None:
    """Ends a job that was never run; one whose caller cancelled it has ended already."""
    if job.future.set_running_or_notify_cancel():
        job.future.set_exception(error)
