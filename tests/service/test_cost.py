"""What a run is expected to take: learned from lines, with noise, hiccups and nonsense."""

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.engine.cost import MAX_SHAPES, Cost, Costs

FIXED, PER_ROW = 0.002, 0.0005


def line(rows: int) -> float:
    return FIXED + PER_ROW * rows


def learned(*runs: tuple[int, float]) -> Cost:
    cost = Cost()
    for rows, seconds in runs:
        cost.observe(rows, seconds)
    return cost


STEADY = [(rows, line(rows)) for rows in (1, 4, 16, 64)] * 20


def test_nothing_is_known_before_the_first_run() -> None:
    cost = Cost()
    assert (cost.fixed_seconds, cost.per_row_seconds, cost.seconds(5), cost.bound(5)) == (0.0, 0.0, 0.0, 0.0)


def test_a_line_is_found() -> None:
    cost = learned(*STEADY)
    assert cost.fixed_seconds == pytest.approx(FIXED, rel=0.01)
    assert cost.per_row_seconds == pytest.approx(PER_ROW, rel=0.01)
    assert cost.seconds(32) == pytest.approx(line(32), rel=0.01)


def test_runs_of_one_size_say_nothing_of_the_fixed_part() -> None:
    cost = learned(*[(4, 0.008)] * 10)
    assert cost.fixed_seconds == 0.0
    assert cost.per_row_seconds == pytest.approx(0.002)


# What is seen after a steady time, and how far the expectation for 16 rows may then be from the line, as a factor.
DISTURBANCES: dict[str, tuple[list[tuple[int, float]], float, float]] = {
    "one hiccup of a second": ([(16, 1.0)], 1.0, 1.25),
    "not a number": ([(16, nan)] * 50, 1.0, 1.01),
    "infinity": ([(16, inf)] * 50, 1.0, 1.01),
    "a clock that went back": ([(16, -1.0)] * 50, 1.0, 1.01),
    "no rows": ([(0, 1.0)] * 50, 1.0, 1.01),
    "a lasting slowdown is learned": ([(rows, 10 * line(rows)) for rows in (1, 4, 16, 64)] * 25, 9.0, 11.0),
    "a lasting gain is learned": ([(rows, line(rows) / 10) for rows in (1, 4, 16, 64)] * 25, 0.05, 0.15),
}


@pytest.mark.parametrize(("runs", "low", "high"), DISTURBANCES.values(), ids=DISTURBANCES)
def test_what_a_disturbance_changes(runs: list[tuple[int, float]], low: float, high: float) -> None:
    factor = learned(*STEADY, *runs).seconds(16) / line(16)
    assert 0.99 * low <= factor <= high


def test_runs_that_scatter_are_bounded_more_widely() -> None:
    calm = learned(*[(4, 0.01)] * 40)
    wild = learned(*[(4, 0.005), (4, 0.015)] * 20)
    assert calm.bound(4) == pytest.approx(0.01, rel=0.01)
    assert wild.bound(4) > 0.015


runs = st.tuples(st.integers(-3, 5000), st.floats(allow_nan=True, allow_infinity=True))


@given(st.lists(runs, max_size=60), st.integers(1, 100_000))
def test_an_expectation_is_never_negative_and_always_finite(seen: list[tuple[int, float]], rows: int) -> None:
    cost = learned(*[(count, min(seconds, 1e9)) for count, seconds in seen])
    for value in (cost.fixed_seconds, cost.per_row_seconds, cost.seconds(rows), cost.bound(rows) - cost.seconds(rows)):
        assert 0.0 <= value < inf
    assert cost.seconds(rows + 1) >= cost.seconds(rows)


def test_each_shape_is_learned_by_itself() -> None:
    costs = Costs()
    for _ in range(20):
        costs.observe("short", 4, 0.004)
        costs.observe("long", 4, 0.4)
    assert costs.of("short").seconds(1) == pytest.approx(0.001)
    assert costs.of("long").seconds(1) == pytest.approx(0.1)
    assert costs.of("new").seconds(1) == pytest.approx(0.1)
    assert costs.fixed_seconds == 0.0
    assert costs.per_row_seconds == pytest.approx(0.1)


def test_the_shapes_that_are_remembered_are_bounded() -> None:
    costs = Costs()
    for shape in range(MAX_SHAPES + 1):
        costs.observe(shape, 1, 1.0 + shape)
    assert costs.of(0).seconds(1) == 1.0 + MAX_SHAPES  # forgotten: that of the last
    assert costs.of(1).seconds(1) == 2.0
