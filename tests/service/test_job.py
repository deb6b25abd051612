"""A request that is computed in parts: one future, whatever becomes of the parts and in whatever order."""

from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.engine.job import Job
from service.errors import RequestExpiredError
from service.request import Timeline


def job_of(rows: int) -> Job:
    return Job({"x": np.arange(2 * rows).reshape(rows, 2)}, rows, None, Timeline(0.0))


def parts_of(job: Job, size: int) -> list[Job]:
    """The job in parts of `size` rows, cut one after the other as the queue does it."""
    parts = []
    while job.rows > size:
        part, job = job.cut(size)
        parts.append(part)
    return [*parts, job]


def compute(job: Job) -> None:
    job.future.set_result([job.feeds["x"] + 1, job.feeds["x"].sum(axis=1)])


@given(st.integers(2, 30), st.integers(1, 9), st.randoms(use_true_random=False))
def test_parts_that_end_in_any_order_make_the_answer(rows: int, size: int, random: Random) -> None:
    whole = job_of(rows)
    parts = parts_of(whole, size)
    assert [part.rows for part in parts[:-1]] == [size] * (len(parts) - 1)
    assert all(first.shape_key == second.shape_key for first, second in pairwise(parts))
    assert sum(part.nbytes for part in parts) == whole.nbytes
    random.shuffle(parts)
    for part in parts:
        assert len(parts) == 1 or not whole.future.done
        compute(part)
    outputs = whole.future.result(0)
    np.testing.assert_array_equal(outputs[0], whole.feeds["x"] + 1)
    np.testing.assert_array_equal(outputs[1], whole.feeds["x"].sum(axis=1))


def test_parts_are_views() -> None:
    whole = job_of(10)
    assert all(np.shares_memory(part.feeds["x"], whole.feeds["x"]) for part in parts_of(whole, 3))


def test_a_part_that_fails_ends_the_whole_and_the_others() -> None:
    whole = job_of(10)
    first, second, rest = parts_of(whole, 4)
    compute(first)
    assert not any(job.cancelled for job in (whole, second, rest))
    rest.future.set_exception(RequestExpiredError("too late"))
    assert second.cancelled
    compute(second)
    assert all(job.cancelled for job in (first, second, rest))
    with pytest.raises(RequestExpiredError, match="too late"):
        whole.future.result(0)


def test_a_whole_that_is_cancelled_ends_its_parts() -> None:
    whole = job_of(10)
    first, second, rest = parts_of(whole, 4)
    assert whole.future.cancel()
    assert all(part.cancelled for part in (first, second, rest))
    for part in (first, second, rest):
        compute(part)
    assert whole.future.cancelled


def test_a_whole_cannot_be_cancelled_once_it_is_answered() -> None:
    whole = job_of(4)
    for part in parts_of(whole, 2):
        compute(part)
    assert not whole.future.cancel()


def test_strings_count_with_their_characters() -> None:
    short, long = (Job({"x": np.array([[text]], object)}, 1, None, Timeline(0.0)).nbytes for text in ("a", "a" * 1000))
    assert long - short == 999


def test_a_job_that_is_cancelled_is_given_up() -> None:
    job = job_of(1)
    assert not job.cancelled
    job.future.cancel()
    assert job.cancelled
