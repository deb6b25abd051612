"""Batching changes nothing: what is stacked, run and split is what each would have been alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from service.engine.merge import split, stack
from service.request import DATATYPES, Array

Feeds = Mapping[str, Array]


@st.composite
def batches(draw: st.DrawFn) -> list[Feeds]:
    """Some requests for the same two inputs, of any datatypes and row shapes, with any numbers of rows."""
    rows = draw(st.lists(st.integers(1, 4), min_size=1, max_size=6))
    specs = {name: (draw(dtypes), draw(arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))) for name in ("a", "b")}
    return [{name: draw(array(dtype, (count, *shape))) for name, (dtype, shape) in specs.items()} for count in rows]


dtypes = st.sampled_from([datatype.numpy for datatype in DATATYPES.values()])


def array(dtype: np.dtype[Any], shape: tuple[int, ...]) -> st.SearchStrategy[Array]:
    if dtype.hasobject:
        return arrays.arrays(dtype, shape, elements=st.text(max_size=3))
    return arrays.arrays(dtype, shape)


def run(feeds: Feeds) -> list[Array]:
    """A model whose rows do not see each other; its outputs have other shapes than its inputs."""
    a, b = feeds["a"], feeds["b"]
    return [b, np.stack([a, a], axis=-1), np.array([str(np.asarray(row).tolist()) for row in a], object)]


@given(batches(), st.integers(0, 3))
def test_together_each_is_answered_as_alone(requests: list[Feeds], extra: int) -> None:
    rows = [len(feeds["a"]) for feeds in requests]
    together = split(run(stack(requests, extra)), rows, extra)
    assert len(together) == len(requests)
    for feeds, answer in zip(requests, together, strict=True):
        for found, expected in zip(answer, run(feeds), strict=True):
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)


@given(batches())
def test_stacking_keeps_datatypes_and_counts_rows(requests: list[Feeds]) -> None:
    stacked = stack(requests)
    assert list(stacked) == ["a", "b"]
    for name, array in stacked.items():
        assert array.dtype == requests[0][name].dtype
        assert len(array) == sum(len(feeds[name]) for feeds in requests)


def test_a_lone_request_is_not_copied() -> None:
    feeds = {"a": np.ones((2, 3))}
    outputs: Sequence[Array] = [np.ones(2), np.ones((2, 5))]
    assert stack([feeds]) is feeds
    (answer,) = split(outputs, [2])
    assert all(given is output for given, output in zip(answer, outputs, strict=True))


def test_answers_are_views_and_do_not_overlap() -> None:
    output = np.arange(12).reshape(6, 2)
    answers = [answer[0] for answer in split([output], [1, 3, 2])]
    assert [array.tolist() for array in answers] == [[[0, 1]], [[2, 3], [4, 5], [6, 7]], [[8, 9], [10, 11]]]
    assert all(array.base is output or array.base is output.base for array in answers)
    assert not np.shares_memory(answers[0], answers[1])
    assert not np.shares_memory(answers[1], answers[2])


def test_rows_that_are_added_are_the_last_again() -> None:
    batch = stack([{"a": np.array([[1, 2]])}, {"a": np.array([[3, 4]])}], 2)
    assert batch["a"].tolist() == [[1, 2], [3, 4], [3, 4], [3, 4]]
    (answer,) = split([batch["a"]], [1], 3)
    assert answer[0].tolist() == [[1, 2]]
    assert answer[0].base is batch["a"]


def test_a_lone_request_that_is_padded_leaves_its_message_alone() -> None:
    sent = np.array([[1, 2]])
    sent.flags.writeable = False
    batch = stack([{"a": sent}], 1, [(3,)], {"a": 7})
    assert batch["a"].tolist() == [[1, 2, 7], [1, 2, 7]]
    assert sent.tolist() == [[1, 2]]
