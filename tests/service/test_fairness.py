"""Who runs next among models that share runners, as laws over simulated time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.engine.fairness import LEAST, Shares


def shares(*members: str) -> Shares[str]:
    made: Shares[str] = Shares()
    for member in members:
        made.join(member)
    return made


def run(one: Shares[str], member: str, seconds: float, expected: float | None = None) -> None:
    """A run from its beginning to its end."""
    guess = seconds if expected is None else expected
    one.charge(member, guess)
    one.settle(member, guess, seconds)


def test_who_has_had_least_is_next() -> None:
    one = shares("a", "b", "c")
    run(one, "a", 3.0)
    run(one, "b", 1.0)
    assert one.order("abc") == ["c", "b", "a"]
    assert one.order("ab") == ["b", "a"]


def test_runs_of_unknown_cost_alternate() -> None:
    one = shares("a", "b")
    order = ""
    for _ in range(6):
        member = one.order("ab")[0]
        run(one, member, 0.0)
        order += member
    assert order == "ababab"


def test_a_run_counts_from_its_beginning() -> None:
    one = shares("a", "b")
    one.charge("a", 2.0)
    assert one.order("ab") == ["b", "a"]


def test_what_a_run_really_took_counts_in_the_end() -> None:
    one = shares("a", "b")
    run(one, "a", seconds=0.5, expected=10.0)
    run(one, "b", seconds=1.0, expected=0.0)
    assert one.order("ab") == ["a", "b"]


def test_who_was_idle_has_saved_nothing_up() -> None:
    one = shares("a", "idle")
    for _ in range(100):
        run(one, "a", 1.0)
    turns = []
    for _ in range(10):
        turns.append(one.order(["a", "idle"])[0])
        run(one, turns[-1], 1.0)
    assert 5 <= turns.count("idle") <= 6


def test_who_comes_later_is_not_ahead_of_those_that_were_there() -> None:
    one = shares("a", "b")
    for _ in range(50):
        run(one, one.order("ab")[0], 1.0)
    one.join("new")
    turns = []
    for _ in range(9):
        turns.append(one.order(["a", "b", "new"])[0])
        run(one, turns[-1], 1.0)
    assert 3 <= turns.count("new") <= 4


def test_who_has_left_is_forgotten() -> None:
    one = shares("a", "b")
    one.charge("a", 1.0)
    one.leave("a")
    one.settle("a", 1.0, 2.0)
    with pytest.raises(KeyError):
        one.order("ab")


costs = st.floats(0.001, 1.0)


@given(st.lists(st.lists(costs, min_size=1, max_size=5), min_size=2, max_size=5), st.floats(0.0, 3.0))
def test_among_those_that_always_have_work_nobody_gets_ahead(runs: list[list[float]], misjudged: float) -> None:
    """Each member's runs take the seconds of its list, over and over; the expectation is wrong by a factor."""
    members = list(range(len(runs)))
    one: Shares[int] = Shares()
    for member in members:
        one.join(member)
    had = dict.fromkeys(members, 0.0)
    for step in range(200):
        member = one.order(members)[0]
        seconds = runs[member][step % len(runs[member])]
        one.charge(member, seconds * misjudged)
        one.settle(member, seconds * misjudged, seconds)
        had[member] += seconds
    longest = sorted((max(each) for each in runs), reverse=True)
    assert max(had.values()) - min(had.values()) <= longest[0] + longest[1] + 200 * LEAST
