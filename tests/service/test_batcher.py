"""The batcher's threads: what forms a batch, what is never computed, and how it ends. Every run waits at a gate."""

import logging
from collections.abc import Iterator, Sequence
from queue import SimpleQueue
from threading import Thread
from time import monotonic
from typing import Any

import numpy as np
import pytest

from service.engine.batcher import Batcher, BatchOptions, Job
from service.errors import (
    DrainingError,
    ExecutionFailedError,
    InvalidRequestError,
    QueueFullError,
    RequestExpiredError,
    ServiceError,
)
from service.request import Array, BatchRun, Timeline
from tests.service.conftest import PATIENCE, Feeds, Gate, until

OPTIONS = BatchOptions(max_batch_rows=8, max_queue_rows=16)
POISON, BUG = -1.0, -2.0


def double(feeds: Feeds) -> Sequence[Array]:
    """The model: twice x. It cannot compute a negative number, and -2 breaks it."""
    if (feeds["x"] == BUG).any():
        raise ZeroDivisionError("a bug")
    if (feeds["x"] == POISON).any():
        raise ExecutionFailedError("poison")
    return [2 * feeds["x"]]


class Bench:
    """A batcher behind a gate, and what it told of its runs."""

    def __init__(self, options: BatchOptions = OPTIONS, batched: bool = True, runners: int = 1) -> None:
        self.gate = Gate(double)
        self.told: SimpleQueue[BatchRun] = SimpleQueue()
        self.batcher = Batcher("m", "3", self.gate.run, options, batched, runners, self.told.put)

    def submit(self, *values: float, deadline: float | None = None, width: int = 1) -> Job:
        """A job with a row for each value."""
        job = job_of(*values, deadline=deadline, width=width)
        self.batcher.submit(job)
        return job

    def busy(self) -> Job:
        """A job that runs, and stands at the gate."""
        job = self.submit(0.0)
        self.gate.wait()
        return job

    @property
    def ran(self) -> list[list[float]]:
        """The rows of each run so far."""
        return [feeds["x"][:, 0].tolist() for feeds in self.gate.runs]


def job_of(*values: float, deadline: float | None = None, width: int = 1) -> Job:
    rows = np.repeat(np.array(values)[:, None], width, axis=1)
    return Job({"x": rows}, len(values), deadline, Timeline(monotonic()))


def answer(job: Job) -> list[float]:
    """The first column of a job's output."""
    (output,) = job.future.result(PATIENCE)
    return [float(value) for value in output[:, 0]]


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.gate.let(1000)
    bench.batcher.drain()


def test_requests_that_arrive_while_the_runner_is_busy_form_one_batch(bench: Bench) -> None:
    first = bench.busy()
    others = [bench.submit(float(index)) for index in range(1, 6)]
    bench.gate.let(2)
    assert [answer(job) for job in (first, *others)] == [[0.0], [2.0], [4.0], [6.0], [8.0], [10.0]]
    assert bench.ran == [[0.0], [1.0, 2.0, 3.0, 4.0, 5.0]]


def test_nothing_waits_while_a_runner_is_free() -> None:
    bench = Bench(runners=3)
    jobs = []
    for index in range(3):
        jobs.append(bench.submit(float(index)))
        bench.gate.wait()  # it runs, though no other has come, and though the others still run
    assert bench.batcher.waiting_rows == 0
    bench.gate.let(3)
    assert [answer(job) for job in jobs] == [[0.0], [2.0], [4.0]]
    bench.batcher.drain()


def test_a_batch_has_no_more_rows_than_it_may(bench: Bench) -> None:
    bench.busy()
    jobs = [bench.submit(float(index), float(index), float(index)) for index in range(1, 6)]
    bench.gate.let(4)
    assert [answer(job)[0] for job in jobs] == [2.0, 4.0, 6.0, 8.0, 10.0]
    assert [len(rows) for rows in bench.ran] == [1, 6, 6, 3]


def test_rows_of_other_shapes_run_apart(bench: Bench) -> None:
    bench.busy()
    jobs = [bench.submit(float(index), width=1 + index % 2) for index in range(4)]
    bench.gate.let(3)
    assert [answer(job) for job in jobs] == [[0.0], [2.0], [4.0], [6.0]]
    assert bench.ran == [[0.0], [0.0, 2.0], [1.0, 3.0]]


def test_what_must_not_be_batched_is_not() -> None:
    bench = Bench(batched=False)
    bench.busy()
    jobs = [bench.submit(float(index)) for index in range(3)]
    bench.gate.let(4)
    assert [answer(job) for job in jobs] == [[0.0], [2.0], [4.0]]
    assert bench.ran == [[0.0], [0.0], [1.0], [2.0]]
    bench.batcher.drain()


def test_a_request_that_fails_does_not_fail_those_beside_it(bench: Bench) -> None:
    bench.busy()
    good, bad, other = bench.submit(1.0), bench.submit(POISON), bench.submit(3.0)
    bench.gate.let(6)  # the first, the three together, and halves of them until each has been answered
    assert answer(good) == [2.0]
    assert answer(other) == [6.0]
    with pytest.raises(ExecutionFailedError, match="poison"):
        bad.future.result(PATIENCE)
    assert bench.ran == [[0.0], [1.0, POISON, 3.0], [1.0], [POISON, 3.0], [POISON], [3.0]]


def test_runs_that_failed_are_not_told_of(bench: Bench) -> None:
    bench.busy()
    jobs = [bench.submit(1.0, 2.0), bench.submit(POISON)]
    bench.gate.let(4)
    with pytest.raises(ServiceError):
        jobs[1].future.result(PATIENCE)
    told = [bench.told.get(timeout=PATIENCE) for _ in range(2)]
    assert bench.told.empty()
    assert [(run.model, run.version, run.requests, run.rows) for run in told] == [("m", "3", 1, 1), ("m", "3", 1, 2)]
    assert all(run.seconds > 0 for run in told)


def test_an_unexpected_exception_reaches_the_callers_and_does_not_end_the_runner(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.busy()
    jobs = [bench.submit(1.0), bench.submit(BUG)]
    bench.gate.let(2)
    for job in jobs:
        with pytest.raises(ZeroDivisionError):
            job.future.result(PATIENCE)
    assert "model 'm' version 3: a batch of 2 failed" in caplog.text
    bench.gate.let()
    assert answer(bench.submit(7.0)) == [14.0]


def test_an_observer_that_fails_leaves_nobody_waiting(caplog: pytest.LogCaptureFixture) -> None:
    def observe(_: BatchRun) -> None:
        raise KeyError("no such metric")

    batcher = Batcher("m", "1", double, OPTIONS, True, 1, observe)
    job = job_of(1.0)
    with caplog.at_level(logging.CRITICAL):
        batcher.submit(job)
        with pytest.raises(KeyError):
            job.future.result(PATIENCE)
    batcher.drain()


def test_what_has_expired_is_refused_and_never_computed(bench: Bench) -> None:
    bench.busy()
    late, live = bench.submit(1.0, deadline=monotonic()), bench.submit(2.0, deadline=monotonic() + PATIENCE)
    bench.gate.let(2)
    assert answer(live) == [4.0]
    with pytest.raises(RequestExpiredError, match="Request timeout expired"):
        late.future.result(PATIENCE)
    assert bench.ran == [[0.0], [2.0]]
    assert late.timeline.started is None


def test_what_was_cancelled_is_never_computed(bench: Bench) -> None:
    bench.busy()
    gone, live = bench.submit(1.0), bench.submit(2.0)
    assert gone.future.cancel()
    bench.gate.let(2)
    assert answer(live) == [4.0]
    assert bench.ran == [[0.0], [2.0]]


def test_what_runs_cannot_be_cancelled_any_more(bench: Bench) -> None:
    running = bench.busy()
    assert not running.future.cancel()
    bench.gate.let()
    assert answer(running) == [0.0]


def test_a_runner_whose_whole_batch_has_died_waits_for_the_next(bench: Bench) -> None:
    bench.busy()
    for job in [bench.submit(1.0), bench.submit(2.0)]:
        job.future.cancel()
    bench.gate.let()
    until(lambda: bench.batcher.waiting_rows == 0)
    bench.gate.let()
    assert answer(bench.submit(3.0)) == [6.0]
    assert bench.ran == [[0.0], [3.0]]


def test_beyond_what_may_wait_a_request_is_refused(bench: Bench) -> None:
    bench.busy()
    waiting = bench.submit(*[1.0] * 8), bench.submit(*[2.0] * 8)
    assert bench.batcher.waiting_rows == 16
    with pytest.raises(QueueFullError, match="16 rows are waiting, and 16 may"):
        bench.submit(3.0)
    bench.gate.let(3)
    assert [answer(job)[0] for job in waiting] == [2.0, 4.0]


def test_a_timeline_is_stamped_in_order(bench: Bench) -> None:
    bench.busy()
    job = bench.submit(1.0)
    bench.gate.let(2)
    answer(job)
    times: Any = job.timeline
    assert times.received <= times.queued <= times.started <= times.computed
    assert times.answered is None


def in_thread(target: Any) -> Thread:
    thread = Thread(target=target)
    thread.start()
    return thread


def test_drain_finishes_what_was_taken_in_and_takes_no_more(bench: Bench) -> None:
    running, waiting = bench.busy(), bench.submit(1.0)
    draining = in_thread(bench.batcher.drain)
    until(lambda: refuses(bench))
    assert draining.is_alive()
    bench.gate.let(2)
    draining.join(PATIENCE)
    assert not draining.is_alive()
    assert [answer(running), answer(waiting)] == [[0.0], [2.0]]


def refuses(bench: Bench) -> bool:
    try:
        bench.submit(float("nan"), deadline=0.0)  # it would be dropped
    except DrainingError:
        return True
    except QueueFullError:
        return False
    return False


def test_drain_of_a_batcher_with_nothing_to_do_returns(bench: Bench) -> None:
    bench.batcher.drain()
    with pytest.raises(DrainingError, match="model 'm' version 3 is about to be unloaded"):
        bench.submit(1.0)
    bench.batcher.drain()
    assert bench.ran == []


def test_abandon_refuses_what_waits_and_finishes_what_runs(bench: Bench) -> None:
    running, waiting, cancelled = bench.busy(), bench.submit(1.0), bench.submit(2.0)
    cancelled.future.cancel()
    assert bench.batcher.abandon() == 2
    with pytest.raises(DrainingError, match="the server stopped before the request was computed"):
        waiting.future.result(PATIENCE)
    with pytest.raises(DrainingError):
        bench.submit(3.0)
    bench.gate.let()
    assert answer(running) == [0.0]
    bench.batcher.drain()
    assert bench.ran == [[0.0]]


def test_a_model_that_refuses_says_why() -> None:
    def refuse(_: Feeds) -> Sequence[Array]:
        raise InvalidRequestError("the model rejects the input: 9 is not an id")

    batcher = Batcher("m", "1", refuse, OPTIONS, True, 1, lambda _: None)
    jobs = [job_of(1.0), job_of(2.0)]
    for job in jobs:
        batcher.submit(job)
    for job in jobs:
        with pytest.raises(InvalidRequestError, match="9 is not an id"):
            job.future.result(PATIENCE)
    batcher.drain()
