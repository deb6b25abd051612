"""The batcher's threads: what forms a batch, what is never computed, and how it ends. Every run waits at a gate."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Thread, current_thread
from time import monotonic
from typing import Any

import numpy as np
import pytest

from service.engine.batcher import Batcher, BatchOptions, Job
from service.engine.runners import Runners
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

    def __init__(self, options: BatchOptions = OPTIONS, batched: bool = True, runners: int = 1, shared: Runners | None = None) -> None:
        self.gate = Gate(double)
        self.told: SimpleQueue[BatchRun] = SimpleQueue()
        self.batcher = Batcher("m", "3", self.gate.run, options, batched, runners, self.told.put, shared=shared)

    def submit(self, *values: float, deadline: float | None = None, width: int = 1, priority: int = 0) -> Job:
        """A job with a row for each value."""
        job = job_of(*values, deadline=deadline, width=width, priority=priority)
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


def job_of(*values: float, deadline: float | None = None, width: int = 1, priority: int = 0) -> Job:
    rows = np.repeat(np.array(values)[:, None], width, axis=1)
    return Job({"x": rows}, len(values), deadline, Timeline(monotonic()), priority)


def answer(job: Job) -> list[float]:
    """The first column of a job's output."""
    (output,) = job.future.result(PATIENCE)
    return [float(value) for value in output[:, 0]]


@pytest.fixture
def bench() -> Iterator[Bench]:
    yield from open_bench()


def open_bench(**options: Any) -> Iterator[Bench]:
    bench = Bench(BatchOptions(**{"max_batch_rows": 8, "max_queue_rows": 16} | options))
    yield bench
    bench.gate.let(1000)
    bench.batcher.drain()


@contextmanager
def bench_of(**options: Any) -> Iterator[Bench]:
    """A bench with other options."""
    yield from open_bench(**options)


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


# Requests that are larger than a batch.


def test_a_request_that_is_larger_than_a_batch_is_answered_whole(bench: Bench) -> None:
    large = bench.submit(*map(float, range(1, 20)))
    bench.gate.wait()
    times: Any = large.timeline
    started = times.started
    bench.gate.let(3)
    assert answer(large) == [2.0 * value for value in range(1, 20)]
    assert [len(rows) for rows in bench.ran] == [8, 8, 3]
    assert times.queued <= times.started <= times.computed
    assert times.started == started  # with its first part


def test_its_last_part_runs_with_others_that_came_later(bench: Bench) -> None:
    bench.busy()
    large, small = bench.submit(*[1.0] * 9), bench.submit(2.0)
    bench.gate.let(3)
    assert answer(small) == [4.0]
    assert answer(large) == [2.0] * 9
    assert bench.ran == [[0.0], [1.0] * 8, [2.0, 1.0]]


def test_its_parts_run_at_once_where_there_are_runners() -> None:
    bench = Bench(runners=2)
    large = bench.submit(*[1.0] * 16)
    bench.gate.wait()
    bench.gate.wait()  # both stand at the gate
    assert (bench.batcher.running, bench.batcher.running_rows) == (2, 16)
    bench.gate.let(2)
    assert answer(large) == [2.0] * 16
    bench.batcher.drain()


def test_a_part_that_fails_fails_the_whole_and_the_rest_is_not_computed() -> None:
    with bench_of(max_queue_rows=100) as bench:
        bench.busy()
        large, small = bench.submit(*[1.0] * 7, POISON, *[3.0] * 20), bench.submit(5.0)
        bench.gate.let(3)
        with pytest.raises(ExecutionFailedError, match="poison"):
            large.future.result(PATIENCE)
        assert answer(small) == [10.0]
        assert [rows[0] for rows in bench.ran] == [0.0, 1.0, 5.0]


def test_a_large_request_that_is_cancelled_is_not_computed_further(bench: Bench) -> None:
    large = bench.submit(*[1.0] * 20)
    bench.gate.wait()
    assert large.future.cancel()
    small = bench.submit(5.0)
    bench.gate.let(2)
    assert answer(small) == [10.0]
    assert [len(rows) for rows in bench.ran] == [8, 1]


# What may wait, and for how long.


def test_a_request_without_a_deadline_has_the_default_timeout() -> None:
    with bench_of(default_timeout_seconds=1e-9) as bench:
        running = bench.submit(0.0, deadline=monotonic() + PATIENCE)
        bench.gate.wait()
        late, own = bench.submit(1.0), bench.submit(2.0, deadline=monotonic() + PATIENCE)
        bench.gate.let(2)
        assert answer(own) == [4.0]
        assert answer(running) == [0.0]
        with pytest.raises(RequestExpiredError):
            late.future.result(PATIENCE)


def test_priorities_are_served_in_their_order() -> None:
    with bench_of(priority_levels=3, default_priority=2, max_batch_rows=1) as bench:
        bench.busy()
        jobs = [bench.submit(float(value), priority=value) for value in (3, 0, 1, 7)]
        bench.gate.let(5)
        assert [answer(job) for job in jobs] == [[6.0], [0.0], [2.0], [14.0]]
        assert bench.ran == [[0.0], [1.0], [0.0], [7.0], [3.0]]  # what names no level, or none that there is, has the second


def test_in_a_full_queue_a_lower_priority_gives_way() -> None:
    with bench_of(priority_levels=2) as bench:
        bench.busy()
        low = bench.submit(*[1.0] * 8, priority=2), bench.submit(*[2.0] * 8, priority=2)
        high = bench.submit(3.0, priority=1)
        with pytest.raises(QueueFullError, match="rows are waiting, and 16 may"):
            low[1].future.result(PATIENCE)
        with pytest.raises(QueueFullError):
            bench.submit(*[4.0] * 8, priority=2)
        bench.gate.let(3)
        assert answer(high) == [6.0]
        assert answer(low[0]) == [2.0] * 8


def test_a_full_queue_says_when_it_will_have_run() -> None:
    with bench_of() as bench:
        for _ in range(30):
            bench.batcher.cost.observe(((1,),), 8, 0.4)
        bench.busy()
        bench.submit(*[1.0] * 16)
        with pytest.raises(QueueFullError) as caught:
            bench.submit(1.0)
        assert caught.value.retry_after == pytest.approx(0.8, rel=0.01)


@pytest.mark.parametrize(("seconds", "told"), [(1e-6, 0.05), (100.0, 5.0)])
def test_the_advice_of_a_full_queue_is_bounded(seconds: float, told: float) -> None:
    with bench_of() as bench:
        for _ in range(30):
            bench.batcher.cost.observe(((1,),), 8, seconds)
        bench.busy()
        bench.submit(*[1.0] * 16)
        with pytest.raises(QueueFullError) as caught:
            bench.submit(1.0)
        assert caught.value.retry_after == told


def test_bytes_are_bounded_too() -> None:
    with bench_of(max_queue_bytes=100) as bench:
        bench.busy()
        bench.submit(1.0, width=12)
        with pytest.raises(QueueFullError, match="96 bytes are waiting, and 100 may"):
            bench.submit(1.0, width=12)


def test_a_request_that_is_held_back_runs_as_soon_as_enough_others_have_come() -> None:
    with bench_of(max_delay_seconds=1000.0, preferred_rows=(3,)) as bench:
        jobs = [bench.submit(float(value)) for value in range(3)]
        bench.gate.let()
        assert [answer(job) for job in jobs] == [[0.0], [2.0], [4.0]]
        assert bench.ran == [[0.0, 1.0, 2.0]]


def test_a_request_that_is_held_back_runs_when_its_delay_is_over() -> None:
    with bench_of(max_delay_seconds=0.05) as bench:
        job = bench.submit(1.0)
        bench.gate.let()
        assert answer(job) == [2.0]
        times: Any = job.timeline
        assert times.started - times.queued >= 0.05


def test_what_is_held_back_is_finished_at_once_by_a_drain() -> None:
    with bench_of(max_delay_seconds=1000.0) as bench:
        job = bench.submit(1.0)
        bench.gate.let()
        bench.batcher.drain()
        assert answer(job) == [2.0]


def test_a_batch_is_filled_up_to_an_allowed_size() -> None:
    with bench_of(allowed_rows=(4, 8)) as bench:
        bench.busy()
        jobs = [bench.submit(1.0, 2.0), bench.submit(3.0)]
        bench.gate.let(2)
        assert [answer(job) for job in jobs] == [[2.0, 4.0], [6.0]]
        assert bench.ran == [[0.0] * 4, [1.0, 2.0, 3.0, 3.0]]  # the last row again: zeros may be what it cannot compute
        told = [bench.told.get(timeout=PATIENCE) for _ in range(2)]
        assert [(run.rows, run.padding_rows, run.padding_elements) for run in told] == [(1, 3, 3), (3, 1, 1)]


def test_a_run_of_an_allowed_size_is_not_copied() -> None:
    with bench_of(allowed_rows=(2, 8)) as bench:
        job = bench.submit(1.0, 2.0)
        assert bench.gate.wait()["x"] is job.feeds["x"]
        bench.gate.let()
        assert answer(job) == [2.0, 4.0]


def test_the_age_of_the_oldest_request_is_told(bench: Bench) -> None:
    assert bench.batcher.oldest_age_seconds() == 0.0
    bench.busy()
    assert bench.batcher.oldest_age_seconds() == 0.0
    job = bench.submit(1.0)
    bench.submit(2.0)
    queued: Any = job.timeline.queued
    before = monotonic()
    assert before - queued <= bench.batcher.oldest_age_seconds() <= monotonic() - queued


def test_what_runs_cost_is_learned(bench: Bench) -> None:
    bench.busy()
    assert bench.batcher.running == 1
    assert (bench.batcher.cost.fixed_seconds, bench.batcher.cost.per_row_seconds) == (0.0, 0.0)
    bench.gate.let()
    until(lambda: bench.batcher.cost.per_row_seconds > 0)
    assert bench.batcher.running == 0


# Models that share their runners.


@contextmanager
def sharing(slots: int, count: int) -> Iterator[list[Bench]]:
    """The benches of models on shared runners."""
    runners = Runners(slots)
    benches = [Bench(shared=runners) for _ in range(count)]
    yield benches
    for bench in benches:
        bench.gate.let(1000)
        bench.batcher.drain()
    runners.close()


def test_models_run_beside_each_other_while_there_are_runners() -> None:
    with sharing(2, 3) as (one, two, three):
        running = [one.busy(), two.busy()]
        waiting = three.submit(7.0)
        assert three.batcher.waiting_rows == 1
        one.gate.let()
        three.gate.wait()  # takes the runner that is free again
        three.gate.let()
        two.gate.let()
        assert [answer(job) for job in (*running, waiting)] == [[0.0], [0.0], [14.0]]


def test_a_model_does_not_take_more_runners_than_it_may() -> None:
    with sharing(3, 2) as (one, two):
        one.busy()
        waiting = one.submit(1.0)
        two.busy()
        assert one.batcher.waiting_rows == 1
        assert (one.batcher.running, two.batcher.running) == (1, 1)
        one.gate.let(2)
        assert answer(waiting) == [2.0]


def test_a_busy_model_does_not_keep_another_from_its_turn() -> None:
    with sharing(1, 2) as (greedy, modest):
        greedy.busy()
        crowd = [greedy.submit(*[1.0] * 8) for _ in range(2)]
        turn = modest.submit(3.0)
        greedy.gate.let()
        modest.gate.wait()  # its turn comes before the crowd's
        assert len(greedy.ran) == 1
        modest.gate.let()
        assert answer(turn) == [6.0]
        greedy.gate.let(2)
        assert [answer(job)[0] for job in crowd] == [2.0, 2.0]


def test_a_model_that_is_unloaded_leaves_the_others_running() -> None:
    with sharing(1, 2) as (one, two):
        one.busy()
        waiting = two.submit(1.0)
        one.gate.let()
        one.batcher.drain()
        two.gate.let(2)
        assert answer(waiting) == [2.0]
        with pytest.raises(DrainingError):
            one.submit(1.0)
        assert answer(two.submit(4.0)) == [8.0]


def test_a_model_may_have_more_runners_than_the_cores_would_give() -> None:
    runners = Runners(1)
    bench = Bench(BatchOptions(max_batch_rows=8, runners=3), shared=runners)
    assert bench.batcher.runners == 3
    jobs = [bench.busy() for _ in range(3)]
    bench.gate.let(3)
    assert [answer(job) for job in jobs] == [[0.0]] * 3
    bench.batcher.drain()
    runners.close()


def test_in_a_crowd_of_every_kind_of_request_each_ends_once_and_right() -> None:
    """Two models, four callers of each, requests of one to twenty rows, of two shapes; some are cancelled, some have no time."""
    runners = Runners(2)
    batchers = [
        Batcher(f"m{index}", "1", double, BatchOptions(8, 10_000, allowed_rows=(2, 8)), True, 2, lambda _: None, shared=runners)
        for index in range(2)
    ]
    faults: list[str] = []

    def caller(seed: int) -> None:
        random = np.random.default_rng(seed)
        jobs = []
        for _ in range(60):
            values = random.integers(1, 1000, random.integers(1, 21)).astype(float)
            deadline = None if random.random() < 0.8 else monotonic() + random.choice([-1.0, 0.001, PATIENCE])
            job = job_of(*values, deadline=deadline, width=int(random.integers(1, 3)))
            try:
                batchers[seed % 2].submit(job)
            except QueueFullError:
                assert deadline is not None  # its turn would have come too late
                continue
            if random.random() < 0.2:
                job.future.cancel()
            jobs.append((values, job))
        for values, job in jobs:
            if not job.future.cancelled and (fault := wrong(job, values)):
                faults.append(fault)

    callers = [in_thread(lambda seed=seed: caller(seed)) for seed in range(8)]
    for thread in callers:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    for batcher in batchers:
        batcher.drain()
        assert (batcher.waiting_rows, batcher.running, batcher.running_rows) == (0, 0, 0)
    runners.close()
    assert faults == []


def wrong(job: Job, values: Array) -> str:
    """What is wrong with how a job ended; one that had a deadline may have missed it."""
    try:
        found = answer(job)
    except RequestExpiredError:
        return "" if job.deadline is not None else "expired without a deadline"
    return "" if found == (2 * values).tolist() else f"{values} became {found}"


# Turns that would come too late: eight rows wait that are due in four seconds, and each is known to take one.

TOO_LATE = {
    "after its deadline": (5.0, {}, "the request would wait for about 8 s, and its deadline is in 5 s"),
    "after longer than anybody may wait": (
        None,
        {"max_queue_seconds": 7.0},
        "the request would wait for about 8 s, and 7 s is the longest",
    ),
}
IN_TIME = {
    "before its deadline": (9.0, {"max_queue_seconds": 9.0}),
    "whenever it comes": (None, {"max_queue_seconds": 0.0}),
}


@contextmanager
def crowded(**options: Any) -> Iterator[Bench]:
    with bench_of(max_batch_rows=8, **options) as bench:
        bench.busy()
        for _ in range(20):
            bench.batcher.cost.observe(((1,),), 1, 1.0)
        for value in range(8):
            bench.submit(float(value), deadline=monotonic() + 4)
        yield bench
        bench.gate.let(3)


@pytest.mark.parametrize(("seconds", "options", "text"), TOO_LATE.values(), ids=TOO_LATE.keys())
def test_a_request_whose_turn_would_come_too_late_is_refused_at_once(seconds: float | None, options: dict[str, Any], text: str) -> None:
    with crowded(**options) as bench, pytest.raises(QueueFullError, match=f"Exceeds maximum queue size: {text}") as caught:
        bench.batcher.submit(job_of(1.0, deadline=None if seconds is None else monotonic() + seconds))
    assert caught.value.retry_after == 5.0


@pytest.mark.parametrize(("seconds", "options"), IN_TIME.values(), ids=IN_TIME.keys())
def test_one_that_has_the_time_waits(seconds: float | None, options: dict[str, Any]) -> None:
    with crowded(**options) as bench:
        bench.batcher.submit(job_of(1.0, deadline=None if seconds is None else monotonic() + seconds))
        assert bench.batcher.waiting_rows == 9


def test_one_that_has_no_time_at_all_is_not_the_queues_to_refuse() -> None:
    with crowded() as bench:
        job = job_of(1.0, deadline=monotonic() - 1)
        bench.batcher.submit(job)
        bench.gate.let(3)
        with pytest.raises(RequestExpiredError):
            job.future.result(PATIENCE)


# Work that is left to the calling thread.


class Left:
    """A batcher whose runs of a shape are known to take `seconds` a row, and the threads that they were on."""

    def __init__(self, seconds: float, options: BatchOptions = OPTIONS, shape: tuple[int, ...] = (1,)) -> None:
        self.threads: list[str] = []
        self.runners = Runners(1)
        self.batcher = Batcher("m", "3", self._run, options, True, 1, lambda run: None, shared=self.runners)
        for _ in range(5):
            self.batcher.learn((shape,), 1, seconds)

    def _run(self, feeds: Feeds) -> Sequence[Array]:
        self.threads.append(current_thread().name)
        return double(feeds)

    def close(self) -> None:
        self.batcher.drain()
        self.runners.close()


@pytest.fixture
def lefts() -> Iterator[list[Left]]:
    made: list[Left] = []
    yield made
    for left in made:
        left.close()


def test_cheap_work_is_run_by_the_calling_thread_all_at_once(lefts: list[Left]) -> None:
    lefts.append(left := Left(1e-6))
    jobs = [job_of(value) for value in (1.0, 2.0, 3.0)]
    assert all(left.batcher.submit(job, here=True) for job in jobs)
    assert not any(job.future.done for job in jobs)
    assert not left.runners.work_here(PATIENCE)
    assert [answer(job) for job in jobs] == [[2.0], [4.0], [6.0]]
    assert left.threads == [current_thread().name]


KEPT_APART = {
    "costly work": (0.1, OPTIONS, (1,)),
    "work of a shape that was never run": (1e-6, OPTIONS, (2,)),
    "work that is held back for more": (1e-6, BatchOptions(max_batch_rows=8, max_delay_seconds=0.001), (1,)),
}


@pytest.mark.parametrize(("seconds", "options", "shape"), KEPT_APART.values(), ids=KEPT_APART.keys())
def test_other_work_is_the_runners(lefts: list[Left], seconds: float, options: BatchOptions, shape: tuple[int, ...]) -> None:
    lefts.append(left := Left(seconds, options, shape))
    job = job_of(1.0)
    assert not left.batcher.submit(job, here=True)
    assert not left.runners.work_here(0.0)
    assert answer(job) == [2.0]
    assert left.threads == ["runner-0"]


def test_after_a_run_that_made_others_wait_the_runners_have_the_next(lefts: list[Left], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.engine.batcher.STALL", 0.0)
    lefts.append(left := Left(1e-6))
    jobs = [job_of(1.0), job_of(2.0)]
    assert left.batcher.submit(jobs[0], here=True)
    assert not left.runners.work_here(PATIENCE)
    assert not left.batcher.submit(jobs[1], here=True)
    assert [answer(job) for job in jobs] == [[2.0], [4.0]]
    assert left.threads == [current_thread().name, "runner-0"]


def test_work_that_was_left_is_finished_when_the_model_is_drained(lefts: list[Left]) -> None:
    lefts.append(left := Left(1e-6))
    job = job_of(1.0)
    assert left.batcher.submit(job, here=True)
    left.batcher.drain()
    assert answer(job) == [2.0]


def test_no_more_is_run_than_there_is_time_for(lefts: list[Left]) -> None:
    lefts.append(left := Left(1e-6))
    job = job_of(1.0)
    left.batcher.submit(job, here=True)
    assert left.runners.work_here(0.0)
    assert not job.future.done
    assert not left.runners.work_here(PATIENCE)
    assert job.future.done
