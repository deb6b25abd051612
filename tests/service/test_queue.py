"""Which requests run together: the queue's decisions, as a table and as laws. There is no clock here, and no thread."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.engine.queue import HORIZON, SWEEP, BatchOptions, BatchQueue, Pushed, Taken
from service.errors import StartupError

NOW = 100.0


@dataclass(eq=False)
class Job:
    """A request as the queue sees it; `name` is for the tests. A part of it has its name, and `of` is the request itself.

    `parts` are the rows of those that were cut off; `last` says that nothing comes after this.
    """

    name: str = ""
    rows: int = 1
    shape_key: Hashable = "square"
    deadline: float | None = None
    cancelled: bool = False
    priority: int = 0
    nbytes: int = 0
    parts: list[int] = field(default_factory=list)
    of: Job | None = None
    last: bool = True

    def cut(self, rows: int) -> tuple[Job, Job]:
        whole = self.of or self
        whole.parts.append(rows)
        return replace(self, rows=rows, of=whole, last=False), replace(self, rows=self.rows - rows, of=whole)


def queue_of(max_batch_rows: int = 4, max_queue_rows: int = 1000, batched: bool = True, **options: Any) -> BatchQueue[Job]:
    return BatchQueue(BatchOptions(max_batch_rows, max_queue_rows, **options), batched)


def a_second_each(_: Hashable) -> Callable[[int], float]:
    """A model that takes a second for each row."""
    return lambda rows: float(rows)


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


def due(name: str, seconds: float, rows: int = 1, priority: int = 0) -> Job:
    return Job(name, rows, deadline=NOW + seconds, priority=priority)


def first(name: str) -> Job:
    return Job(name, priority=1)


def second(name: str, rows: int = 1) -> Job:
    return Job(name, rows, priority=2)


CASES = (
    Case("nothing waits", [], []),
    Case("one", [Job("a")], ["a"]),
    Case("all that fit, in order", [Job("a"), Job("b"), Job("c")], ["abc"]),
    Case("exactly a batch", [Job("a", 3), Job("b", 1)], ["ab"]),
    Case("one row more than a batch", [Job("a", 3), Job("b", 2)], ["a", "b"]),
    Case("two batches and a rest", [Job(name, 2) for name in "abcde"], ["ab", "cd", "e"]),
    Case("no overtaking by one that would fit", [Job("a", 3), Job("b", 2), Job("c", 1)], ["a", "bc"]),
    Case("one that is larger than a batch runs in parts, behind those that came meanwhile", [Job("a", 9), Job("b")], ["a", "b", "a", "a"]),
    Case("its last part runs with others", [Job("a", 5), round_("x", 4), Job("b", 3)], ["a", "x", "ba"]),
    Case("one that is larger, behind another", [Job("a"), Job("b", 9), Job("c")], ["a", "b", "c", "b", "b"]),
    Case("one that is larger has died", [Job("a", 9, cancelled=True), Job("b")], ["b"], "a"),
    Case("what does not run together is not cut", [Job("a", 9)], ["a"], batched=False),
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
    Case("the first priority first", [second("a"), first("b"), second("c"), first("d")], ["bdac"]),
    Case("the first priority in a lane of its own", [second("a"), Job("b", 1, "round", priority=1)], ["b", "a"]),
    Case("a priority goes before a deadline", [due("a", 1, priority=2), first("b")], ["ba"]),
    Case("the earliest deadline first", [due("a", 3, 2), due("b", 1, 2), due("c", 2, 2)], ["bc", "a"]),
    Case(
        "without a deadline it is as if it were due in a while",
        [Job("a", 3), due("b", HORIZON - 1, 3), due("c", HORIZON + 1, 3)],
        list("bac"),
    ),
    Case("the dead of every lane", [Job("a", deadline=0), Job("b", 1, "round", 0.0), Job("c", 1, "oval")], ["c"], "ab"),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.why)
def test_the_order_in_which_requests_run(case: Case) -> None:
    queue = queue_of(case.max_batch_rows, batched=case.batched)
    for job in case.jobs:
        queue.push(job, NOW)
    taken = take_all(queue)
    assert ["".join(job.name for job in each.batch) for each in taken if each.batch] == list(case.batches)
    assert "".join(sorted(job.name for each in taken for job in each.dropped)) == case.dropped
    assert (len(queue), queue.rows, queue.nbytes) == (0, 0, 0)


def take_all(queue: BatchQueue[Job]) -> list[Taken[Job]]:
    """What is taken until nothing is left."""
    taken = []
    while len(queue):
        taken.append(queue.take(NOW))
    return taken


# What is taken first of jobs that were pushed in this order, when each row takes a second.
GROWTH: dict[str, tuple[Sequence[Job], str]] = {
    "no deadline bounds nothing": ([Job("a"), Job("b"), Job("c")], "abc"),
    "up to the first deadline": ([due("a", 2), due("b", 9), due("c", 9)], "ab"),
    "a deadline that is met exactly": ([due("a", 3), due("b", 9), due("c", 9)], "abc"),
    "one that would itself be late stays": ([Job("a", 2, priority=1), due("b", 2.5, priority=2)], "a"),
    "one that is late anyway holds nobody up": ([due("a", 0.5), due("b", 9), due("c", 9)], "abc"),
    "one that is late anyway joins": ([Job("a", 2, priority=1), due("b", 0.5, priority=2)], "ab"),
    "a large row count counts": ([due("a", 3), due("b", 9, 3)], "a"),
    "a lone one runs, late or not": ([due("a", 1, 4)], "a"),
}


@pytest.mark.parametrize(("jobs", "taken"), GROWTH.values(), ids=GROWTH)
def test_a_batch_does_not_grow_past_its_earliest_deadline(jobs: Sequence[Job], taken: str) -> None:
    queue = queue_of(8)
    for job in jobs:
        queue.push(job, NOW)
    assert "".join(job.name for job in queue.take(NOW, a_second_each).batch) == taken


def test_one_without_a_deadline_does_not_starve() -> None:
    queue = queue_of(1)
    queue.push(Job("patient"), NOW)
    for step in range(int(HORIZON) + 2):
        queue.push(due("urgent", step + 0.5), NOW + step)  # always half a second left
        if queue.take(NOW + step).batch[0].name == "patient":
            return
    raise AssertionError("it waited for longer than the horizon")


def test_in_a_crowd_what_cannot_be_in_time_is_not_computed_for_nothing() -> None:
    queue = queue_of(2)
    for job in (due("l", 0.5), due("a", 9), Job("b")):
        queue.push(job, NOW)
    taken = queue.take(NOW, a_second_each)
    assert [job.name for job in taken.dropped] == ["l"]
    assert [job.name for job in taken.batch] == ["a", "b"]


def test_without_a_crowd_it_is_tried_what_the_costs_may_be() -> None:
    queue = queue_of(2)
    queue.push(due("l", 0.5), NOW)
    assert [job.name for job in queue.take(NOW, a_second_each).batch] == ["l"]


AHEAD = {
    "behind all of its kind": (Job("n"), 6),
    "before those that are less urgent": (due("n", 4), 3),
    "before those of lower priority": (Job("n", priority=-1), 2),
    "of another shape: nobody knows": (round_("n"), 6),
}


@pytest.mark.parametrize(("job", "rows"), AHEAD.values(), ids=AHEAD.keys())
def test_what_goes_before_a_request_is_known_about(job: Job, rows: int) -> None:
    queue = queue_of(4)
    for waiting in (due("a", 3), due("b", 5), Job("c"), Job("d"), round_("e", 2)):
        queue.push(waiting, NOW)
    assert queue.ahead(job, NOW) == rows


def test_parts_of_a_large_request_alternate_with_what_comes_meanwhile() -> None:
    queue = queue_of(4)
    large = Job("L", 14, deadline=NOW + 60)
    queue.push(large, NOW)
    order = ""
    for step in range(12):
        queue.push(Job("s", 4, deadline=NOW + step + 60), NOW + step)
        order += queue.take(NOW + step).batch[0].name
    assert order.count("L") == 4
    assert "LL" not in order
    assert large.parts == [4, 4, 4]


def test_a_large_request_without_splitting_runs_alone() -> None:
    queue = queue_of(4, split_large=False)
    for job in (Job("a", 9), Job("b")):
        queue.push(job, NOW)
    assert [[job.name for job in each.batch] for each in take_all(queue)] == [["a"], ["b"]]


@dataclass(frozen=True)
class Held:
    """What waits with a delay of one second, since when, and what is taken at `NOW`: who, or when to ask again."""

    why: str
    jobs: Sequence[tuple[float, Job]]
    taken: str = ""
    again: float | None = None
    preferred: tuple[int, ...] = ()
    batched: bool = True


HELD = (
    Held("one that has just come", [(0, Job("a"))], again=NOW + 1),
    Held("since the first came", [(-0.6, Job("a")), (-0.1, Job("b"))], again=NOW + 0.4),
    Held("it is over", [(-1, Job("a")), (0, Job("b"))], "ab"),
    Held("a whole batch", [(0, Job("a", 2)), (0, Job("b", 2))], "ab"),
    Held("more than a batch", [(0, Job("a", 3)), (0, Job("b", 2))], "a"),
    Held("larger than a batch", [(0, Job("a", 9))], "a"),
    Held("a preferred size", [(0, Job("a")), (0, Job("b"))], "ab", preferred=(2,)),
    Held("a preferred size and a rest", [(0, Job(name)) for name in "abc"], "ab", preferred=(2,)),
    Held("the largest preferred size that is there", [(0, Job(name)) for name in "abc"], "abc", preferred=(2, 3)),
    Held("no preferred size", [(0, Job("a"))], again=NOW + 1, preferred=(2, 3)),
    Held("requests that do not add up to a preferred size", [(0, Job("a", 3))], again=NOW + 1, preferred=(2,)),
    Held("a deadline comes before the end of the delay", [(0, due("a", 1.5))], again=NOW + 0.5),
    Held("the earliest deadline of all", [(0, due("a", 9)), (0, Job("b")), (0, due("c", 3.5))], again=NOW + 0.5),
    Held("no time left to hold it", [(0, due("a", 1))], "a"),
    Held("a full lane overtakes one that is held", [(0, Job("a")), (0, round_("b", 4))], "b"),
    Held("two that are held", [(-0.2, Job("a")), (-0.7, round_("b"))], again=NOW + 0.3),
    Held("the dead are not held", [(-0.5, Job("a", cancelled=True)), (-0.2, Job("b"))], again=NOW + 0.8),
    Held("what never runs together is not held", [(0, Job("a"))], "a", batched=False),
)


@pytest.mark.parametrize("held", HELD, ids=lambda held: held.why)
def test_what_is_held_back(held: Held) -> None:
    queue = queue_of(4, batched=held.batched, max_delay_seconds=1.0, preferred_rows=held.preferred)
    for since, job in held.jobs:
        queue.push(job, NOW + since)
    taken = queue.take(NOW, a_second_each)
    assert "".join(job.name for job in taken.batch) == held.taken
    assert taken.again == (None if held.again is None else pytest.approx(held.again))
    if taken.again is not None:
        assert queue.take(taken.again, a_second_each).batch


def test_what_is_left_of_a_batch_is_held_from_its_own_arrival() -> None:
    queue = queue_of(4, max_delay_seconds=1.0)
    queue.push(Job("a", 4), NOW - 0.5)
    queue.push(Job("b"), NOW)
    assert queue.take(NOW).batch[0].name == "a"
    assert queue.take(NOW).again == NOW + 1


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


@pytest.mark.parametrize("counted", ["rows", "nbytes"])
@pytest.mark.parametrize("bound", BOUNDS, ids=lambda bound: bound.why)
def test_how_much_may_wait(bound: Bound, counted: str) -> None:
    queue = queue_of(4, max_queue_rows=10) if counted == "rows" else queue_of(4, max_queue_bytes=10)
    jobs = [Job(rows=size) if counted == "rows" else Job(nbytes=size) for size in (*bound.waiting, bound.rows)]
    for job in jobs[:-1]:
        queue.push(job, NOW)
    pushed = queue.push(jobs[-1], NOW)
    assert (pushed.accepted, *pushed.shed, *pushed.dropped) == (bound.fits,)
    sizes = [*bound.waiting, bound.rows] if bound.fits else bound.waiting
    assert (len(queue), getattr(queue, counted)) == (len(sizes), sum(sizes))


# Who waits in a queue of four rows, who comes, and who leaves for it; None if it is refused itself.
SHED: dict[str, tuple[Sequence[Job], Job, str | None]] = {
    "an equal refuses": ([second("a", 4)], second("x"), None),
    "a lower one refuses": ([Job("a", 4, priority=1)], second("x"), None),
    "the last of the lower ones leaves": ([second("a", 2), second("b"), second("c")], first("x"), "c"),
    "the lowest leaves": ([Job("a", priority=3), second("b", 3)], first("x"), "a"),
    "as many as it takes": ([second("a"), second("b"), second("c"), second("d")], Job("x", 3, priority=1), "bcd"),
    "nobody if it were for nothing": ([first("a"), second("b", 3)], Job("x", 4, priority=1), None),
    "all, for one that only an empty queue takes": ([second("a"), second("b", 3)], Job("x", 9, priority=1), "ab"),
    "in any lane": ([second("a", 3), Job("b", 1, "round", priority=3)], first("x"), "b"),
    "nobody where there is room": ([second("a", 3)], first("x"), ""),
}


@pytest.mark.parametrize(("waiting", "comes", "leaves"), SHED.values(), ids=SHED)
def test_who_leaves_a_full_queue_for_a_higher_priority(waiting: Sequence[Job], comes: Job, leaves: str | None) -> None:
    queue = queue_of(4, max_queue_rows=4)
    for job in waiting:
        queue.push(job, NOW)
    pushed = queue.push(comes, NOW)
    assert pushed.accepted == (leaves is not None)
    assert "".join(sorted(job.name for job in pushed.shed)) == (leaves or "")
    left = [job for job in waiting if job not in pushed.shed] + [comes] * pushed.accepted
    assert (len(queue), queue.rows) == (len(left), sum(job.rows for job in left))


def test_the_dead_make_room_in_a_full_queue() -> None:
    queue = queue_of(4, max_queue_rows=4)
    jobs = [Job("a"), Job("b", cancelled=True), due("c", 1), Job("d")]
    for job in jobs:
        queue.push(job, NOW)
    pushed = queue.push(Job("x", 2), NOW + 1)
    assert pushed.accepted
    assert sorted(job.name for job in pushed.dropped) == ["b", "c"]
    assert queue.rows == 4


def test_a_full_queue_is_not_searched_for_the_dead_at_every_refusal() -> None:
    queue = queue_of(4, max_queue_rows=1)
    waiting = Job("a")
    queue.push(waiting, NOW)
    assert not queue.push(Job("b"), NOW).accepted
    waiting.cancelled = True
    assert not queue.push(Job("c"), NOW + SWEEP / 2).accepted
    assert queue.push(Job("d"), NOW + 2 * SWEEP) == Pushed(True, [], [waiting])


def test_what_was_taken_makes_room() -> None:
    queue = queue_of(4, 4)
    queue.push(Job(rows=4), NOW)
    queue.take(NOW)
    assert queue.push(Job(rows=4), NOW).accepted
    assert queue.rows == 4


def test_clear_gives_all_and_leaves_nothing() -> None:
    queue = queue_of(4, 10)
    jobs = [Job("a", nbytes=3), round_("b", 3), Job("c", cancelled=True)]
    for job in jobs:
        queue.push(job, NOW)
    assert {job.name for job in queue.clear()} == {"a", "b", "c"}
    assert (len(queue), queue.rows, queue.nbytes) == (0, 0, 0)
    assert queue.take(NOW) == Taken([], [])


def test_the_oldest_is_the_first_that_came_whatever_its_turn() -> None:
    queue = queue_of(1)
    assert queue.oldest == float("inf")
    for age, job in ((3, second("a")), (2, first("b")), (1, round_("c"))):
        queue.push(job, NOW - age)
    assert queue.oldest == NOW - 3


CONTRADICTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "the largest size is not that of a batch": (
        {"allowed_rows": (1, 8)},
        "the largest of allowed_rows must be max_batch_rows, and 8 is not 64",
    ),
    "a preferred size beyond a batch": ({"preferred_rows": (8, 65)}, "preferred_rows must not be more than max_batch_rows, and 65"),
    "a default beyond the priorities": (
        {"priority_levels": 2, "default_priority": 3},
        "default_priority is 3, and there are priority_levels = 2",
    ),
}


@pytest.mark.parametrize(("values", "text"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_options_that_contradict_each_other_are_refused(values: dict[str, Any], text: str) -> None:
    with pytest.raises(StartupError, match=text):
        BatchOptions(**values)


# Levels and default, then what a request gets for what it wants.
PRIORITIES: dict[str, tuple[int, int, dict[int, int]]] = {
    "no priorities": (0, 0, {0: 0, 1: 0, 7: 0}),
    "three, and the default is the last": (3, 0, {0: 3, 1: 1, 2: 2, 3: 3, 4: 3}),
    "three, and another default": (3, 2, {0: 2, 1: 1, 3: 3, 4: 2}),
    "more than there are queues for": (2**64 - 1, 1, {0: 1, 2**63: 2**63}),
}


@pytest.mark.parametrize(("levels", "default", "given"), PRIORITIES.values(), ids=PRIORITIES)
def test_the_priority_that_a_request_gets(levels: int, default: int, given: dict[int, int]) -> None:
    options = BatchOptions(priority_levels=levels, default_priority=default)
    assert {wanted: options.priority(wanted) for wanted in given} == given


def test_the_size_that_is_run() -> None:
    options = BatchOptions(max_batch_rows=8, allowed_rows=(8, 1, 4))
    assert [options.filled(rows) for rows in range(1, 10)] == [1, 4, 4, 4, 8, 8, 8, 8, 9]
    assert BatchOptions().filled(5) == 5


# Laws.

jobs = st.builds(
    Job,
    rows=st.integers(1, 12),
    shape_key=st.sampled_from(["square", "round", "oval"]),
    deadline=st.none() | st.floats(NOW - 10, NOW + 10),
    cancelled=st.booleans(),
    priority=st.integers(0, 2),
    nbytes=st.integers(0, 9),
)
steps = st.lists(jobs | st.floats(0, 4), max_size=60)  # a job is pushed; after so many seconds a batch is taken
queues = st.builds(
    queue_of,
    st.integers(1, 8),
    st.integers(1, 40),
    st.booleans(),
    max_queue_bytes=st.integers(1, 60),
    max_delay_seconds=st.sampled_from([0.0, 0.0, 1.0]),
    split_large=st.booleans(),
)


@given(steps=steps, queue=queues)
def test_the_laws_of_the_queue(steps: list[Job | float], queue: BatchQueue[Job]) -> None:
    """Against the simple queue that it equals: all that waits, with the time of its arrival."""
    waiting: dict[int, tuple[float, Job]] = {}
    now = NOW
    for step in steps:
        if isinstance(step, Job):
            check_push(queue, waiting, step, now)
        else:
            now += step
            check_take(queue, waiting, now)
        left = [job.rows - sum(job.parts) for _, job in waiting.values()]
        assert (len(queue), queue.rows) == (len(waiting), sum(left))
    queue.max_delay_seconds = 0.0
    while waiting:
        check_take(queue, waiting, now)
    assert queue.take(now) == Taken([], [])
    assert (queue.rows, queue.nbytes) == (0, 0)


def check_push(queue: BatchQueue[Job], waiting: dict[int, tuple[float, Job]], job: Job, now: float) -> None:
    """Who leaves is dead or of lower priority; who is refused would not have fitted without them."""
    pushed = queue.push(job, now)
    assert all(dead(gone, now) for gone in pushed.dropped)
    assert all(gone.priority > job.priority for gone in pushed.shed)
    assert pushed.accepted or not pushed.shed
    for gone in [*pushed.dropped, *pushed.shed]:
        del waiting[id(gone.of or gone)]
    if not pushed.accepted:
        keep = [other for _, other in waiting.values() if other.priority <= job.priority]
        rows = sum(other.rows - sum(other.parts) for other in keep) + job.rows
        assert len(waiting)
        assert rows > queue.options.max_queue_rows or sum(other.nbytes for other in keep) + job.nbytes > queue.options.max_queue_bytes
        return
    waiting[id(job)] = (now, job)


def check_take(queue: BatchQueue[Job], waiting: dict[int, tuple[float, Job]], now: float) -> None:
    """A batch is of one shape, of the living, of no more rows than may run together and in order; only the dead are dropped.

    In a crowd, those that cannot be in time are as good as dead.
    """
    crowded = queue.rows > queue.together
    living = [job for _, job in waiting.values() if not dead(job, now)]
    surely = sum(job.rows - sum(job.parts) for job in living) > queue.together  # whatever becomes of the dead first
    held = queue.max_delay_seconds > 0
    taken = queue.take(now, a_second_each)
    assert all(dead(job, now) or (crowded and late(job, now)) for job in taken.dropped)
    assert not any(dead(job, now) or (surely and late(job, now)) for job in taken.batch)
    assert taken.batch or taken.dropped or held or not living
    assert (taken.again is None) or (held and living and not taken.batch)
    assert taken.again is not None or taken.batch or taken.dropped or not (held and living)
    assert len({job.shape_key for job in taken.batch}) <= 1
    assert [job.priority for job in taken.batch] == sorted(job.priority for job in taken.batch)
    rows = sum(job.rows for job in taken.batch)
    split = queue.batched and queue.options.split_large
    assert rows <= queue.options.max_batch_rows or (len(taken.batch) == 1 and not split)
    assert len(taken.batch) <= 1 or queue.batched
    bounding = [job.deadline for job in taken.batch if job.deadline is not None and not late(job, now)]
    assert len(taken.batch) < 2 or all(now + rows <= deadline for deadline in bounding)
    if taken.batch and not held:
        assert taken.batch[0].priority == min(job.priority for job in living if job not in taken.dropped)
    for job in [*taken.batch, *taken.dropped]:
        if job.last:
            del waiting[id(job.of or job)]


def late(job: Job, now: float) -> bool:
    """Whether a job cannot be in time even alone, at a second a row."""
    return job.deadline is not None and now + job.rows > job.deadline


def dead(job: Job, now: float) -> bool:
    return job.cancelled or (job.deadline is not None and job.deadline <= now)


@given(st.lists(jobs.map(lambda job: replace(job, priority=0, deadline=None)), max_size=40))
def test_every_request_is_taken_or_dropped_once_and_equals_keep_their_order(pushed: list[Job]) -> None:
    queue = queue_of(12, 10_000)
    for job in pushed:
        queue.push(job, NOW)
    order: dict[Hashable, list[Job]] = defaultdict(list)
    gone: list[Job] = []
    while len(queue):
        taken = queue.take(NOW)
        gone += [*taken.batch, *taken.dropped]
        for job in taken.batch:
            order[job.shape_key].append(job)
    assert sorted(map(id, gone)) == sorted(map(id, pushed))
    for key, ran in order.items():
        assert ran == [job for job in pushed if job.shape_key == key and not dead(job, NOW)]
