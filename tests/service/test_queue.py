"""Which requests run together: the queue's decisions, as a table and as laws. There is no clock here, and no thread."""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.engine.queue import BatchQueue, Taken
from service.errors import QueueFullError

NOW = 100.0


@dataclass(eq=False)
class Job:
    """A request as the queue sees it; `name` is for the tests."""

    name: str = ""
    rows: int = 1
    shape_key: Hashable = "square"
    deadline: float | None = None
    cancelled: bool = False


@dataclass(frozen=True)
class Case:
    """What is pushed at once, and what is then taken: the batches until none is left, and who was dropped on the way."""

    why: str
    jobs: Sequence[Job]
    batches: Sequence[str]
    dropped: str = ""
    max_batch_rows: int = 4
    batched: bool = True


def round_(name: str, rows: int = 1) -> Job:
    return Job(name, rows, "round")


CASES = (
    Case("nothing waits", [], []),
    Case("one", [Job("a")], ["a"]),
    Case("all that fit, in order", [Job("a"), Job("b"), Job("c")], ["abc"]),
    Case("exactly a batch", [Job("a", 3), Job("b", 1)], ["ab"]),
    Case("one row more than a batch", [Job("a", 3), Job("b", 2)], ["a", "b"]),
    Case("two batches and a rest", [Job(name, 2) for name in "abcde"], ["ab", "cd", "e"]),
    Case("no overtaking by one that would fit", [Job("a", 3), Job("b", 2), Job("c", 1)], ["a", "bc"]),
    Case("one that is larger than a batch runs alone", [Job("a"), Job("b", 9), Job("c")], ["a", "b", "c"]),
    Case("a batch of one row", [Job("a"), Job("b")], ["a", "b"], max_batch_rows=1),
    Case("shapes do not mix", [Job("a"), round_("b"), Job("c"), round_("d")], ["ac", "bd"]),
    Case("the shape of the oldest is first", [round_("a"), Job("b"), round_("c")], ["ac", "b"]),
    Case("what is left of a lane waits for its own turn", [Job("a", 4), Job("b", 4), round_("c"), Job("d")], ["a", "b", "c", "d"]),
    Case("a lane that is older than the rest of another", [Job("a", 4), round_("b"), Job("c", 4)], ["a", "b", "c"]),
    Case("without batches, each alone and in order", [Job("a"), round_("b"), Job("c")], ["a", "b", "c"], batched=False),
    Case("the dead at the head", [Job("a", deadline=NOW - 1), Job("b")], ["b"], "a"),
    Case("the dead in between", [Job("a"), Job("b", deadline=NOW - 1), Job("c")], ["ac"], "b"),
    Case("the dead at the end", [Job("a"), Job("b", deadline=NOW - 1)], ["a"], "b"),
    Case("a deadline that is now is over", [Job("a", deadline=NOW)], [], "a"),
    Case("a deadline that is to come", [Job("a", deadline=NOW + 1), Job("b", deadline=NOW + 2)], ["ab"]),
    Case("the cancelled", [Job("a", cancelled=True), Job("b"), Job("c", cancelled=True)], ["b"], "ac"),
    Case("none lives", [Job("a", cancelled=True), Job("b", 1, "round", 0.0)], [], "ab"),
    Case("the dead take no room in a batch", [Job("a", 2), Job("b", 2, deadline=0), Job("c", 2)], ["ac"], "b"),
    Case("a dead head does not give its lane its age", [Job("a", deadline=0), round_("b"), Job("c")], ["b", "c"], "a"),
    Case("the dead of every lane", [Job("a", deadline=0), Job("b", 1, "round", 0.0), Job("c", 1, "oval")], ["c"], "ab"),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.why)
def test_the_order_in_which_requests_run(case: Case) -> None:
    queue = BatchQueue[Job](case.max_batch_rows, 1000, case.batched)
    for job in case.jobs:
        queue.push(job)
    taken = take_all(queue)
    assert ["".join(job.name for job in each.batch) for each in taken if each.batch] == list(case.batches)
    assert "".join(sorted(job.name for each in taken for job in each.dropped)) == case.dropped
    assert (len(queue), queue.rows) == (0, 0)


def take_all(queue: BatchQueue[Job]) -> list[Taken[Job]]:
    """What is taken until nothing is left."""
    taken = []
    while len(queue):
        taken.append(queue.take(NOW))
    return taken


@dataclass(frozen=True)
class Bound:
    """Rows that wait, then rows that are pushed on top: whether they are taken in."""

    why: str
    waiting: Sequence[int]
    rows: int
    fits: bool


BOUNDS = (
    Bound("below", [2, 2], 5, True),
    Bound("exactly", [4, 5], 1, True),
    Bound("one beyond", [4, 5], 2, False),
    Bound("full", [5, 5], 1, False),
    Bound("an empty queue takes any", [], 99, True),
    Bound("behind one that is larger than the queue", [99], 1, False),
)


@pytest.mark.parametrize("bound", BOUNDS, ids=lambda bound: bound.why)
def test_how_much_may_wait(bound: Bound) -> None:
    queue = BatchQueue[Job](4, 10)
    for rows in bound.waiting:
        queue.push(Job(rows=rows))
    if bound.fits:
        queue.push(Job(rows=bound.rows))
        assert queue.rows == sum(bound.waiting) + bound.rows
        return
    with pytest.raises(QueueFullError, match=rf"{sum(bound.waiting)} rows are waiting, and 10 may"):
        queue.push(Job(rows=bound.rows))
    assert (len(queue), queue.rows) == (len(bound.waiting), sum(bound.waiting))


def test_what_was_taken_makes_room() -> None:
    queue = BatchQueue[Job](4, 4)
    queue.push(Job(rows=4))
    queue.take(NOW)
    queue.push(Job(rows=4))
    assert queue.rows == 4


def test_clear_gives_all_and_leaves_nothing() -> None:
    queue = BatchQueue[Job](4, 10)
    jobs = [Job("a"), round_("b", 3), Job("c", cancelled=True)]
    for job in jobs:
        queue.push(job)
    assert {job.name for job in queue.clear()} == {"a", "b", "c"}
    assert (len(queue), queue.rows) == (0, 0)
    assert queue.take(NOW) == Taken([], [])


# Laws.

jobs = st.builds(
    Job,
    rows=st.integers(1, 6),
    shape_key=st.sampled_from(["square", "round", "oval"]),
    deadline=st.none() | st.floats(NOW - 10, NOW + 10),
    cancelled=st.booleans(),
)
steps = st.lists(jobs | st.just(None), max_size=60)  # a job is pushed; None takes a batch


@given(steps=steps, max_batch_rows=st.integers(1, 8), max_queue_rows=st.integers(1, 30), batched=st.booleans())
def test_the_laws_of_the_queue(steps: list[Job | None], max_batch_rows: int, max_queue_rows: int, batched: bool) -> None:
    queue = BatchQueue[Job](max_batch_rows, max_queue_rows, batched)
    waiting: list[Job] = []  # the simple queue that it equals: all that waits, by arrival
    for step in steps:
        if step is not None:
            push(queue, waiting, step)
        else:
            check_take(queue, waiting)
        assert len(queue) == len(waiting)
        assert queue.rows == sum(job.rows for job in waiting)
    while waiting:
        check_take(queue, waiting)
    assert queue.take(NOW) == Taken([], [])


def push(queue: BatchQueue[Job], waiting: list[Job], job: Job) -> None:
    """Refused exactly when something waits and the rows would be too many."""
    total = sum(other.rows for other in waiting)
    if waiting and total + job.rows > queue.max_queue_rows:
        with pytest.raises(QueueFullError):
            queue.push(job)
    else:
        queue.push(job)
        waiting.append(job)


def check_take(queue: BatchQueue[Job], waiting: list[Job]) -> None:
    """The batch is of the oldest living request and those of its shape behind it, as many as fit; only the dead are dropped."""
    living = [job for job in waiting if not dead(job)]
    taken = queue.take(NOW)
    assert all(map(dead, taken.dropped))
    assert not any(map(dead, taken.batch))
    assert bool(taken.batch) == bool(living)
    if living:
        lane = [job for job in living if job.shape_key == living[0].shape_key]
        assert taken.batch == lane[: len(taken.batch)]
        rows = sum(job.rows for job in taken.batch)
        assert len(taken.batch) == 1 or (queue.batched and rows <= queue.max_batch_rows)
        left = lane[len(taken.batch) :]
        assert not left or not queue.batched or rows + left[0].rows > queue.max_batch_rows
    gone = [*taken.batch, *taken.dropped]
    assert len(gone) == len(set(map(id, gone)))
    assert all(job in waiting for job in gone)
    waiting[:] = [job for job in waiting if job not in gone]


def dead(job: Job) -> bool:
    return job.cancelled or (job.deadline is not None and job.deadline <= NOW)


@given(st.lists(jobs, max_size=40))
def test_every_request_is_taken_or_dropped_once(pushed: list[Job]) -> None:
    queue = BatchQueue[Job](8, 1000)
    for job in pushed:
        queue.push(job)
    order: dict[Hashable, list[Job]] = defaultdict(list)
    gone: list[Job] = []
    while len(queue):
        taken = queue.take(NOW)
        gone += [*taken.batch, *taken.dropped]
        for job in taken.batch:
            order[job.shape_key].append(job)
    assert sorted(map(id, gone)) == sorted(map(id, pushed))
    for key, ran in order.items():
        assert ran == [job for job in pushed if job.shape_key == key and not dead(job)]
