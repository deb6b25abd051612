"""Padding: what is filled, what is cut off again, and what is refused. Padded and cut, each request is answered as alone."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.engine.admission import accept
from service.engine.job import Job
from service.engine.merge import split, stack
from service.engine.padding import UNPADDED, PaddedAxis, Padding
from service.engine.queue import BatchOptions
from service.errors import InvalidRequestError, StartupError
from service.request import DATATYPES, Array, Dim, Request, Signature, Tensor, TensorSpec, Timeline

Shape = tuple[Dim, ...]
Specs = Mapping[str, tuple[str, Shape]]


def signature(inputs: Specs, outputs: Specs, batched: bool = True) -> Signature:
    taken, given = (
        {name: TensorSpec(name, DATATYPES[datatype], shape) for name, (datatype, shape) in side.items()} for side in (inputs, outputs)
    )
    return Signature(taken, given, batched)


TEXT = signature(
    {"ids": ("INT64", ("batch", "length")), "mask": ("INT64", ("batch", "length"))},
    {"each": ("FP32", ("batch", "length", 2)), "all": ("FP32", ("batch",))},
)
IDS = PaddedAxis("ids", 1, (4, 8), value=9, mask="mask")


def request_of(**arrays: Array) -> Request:
    datatypes = {datatype.numpy: datatype for datatype in DATATYPES.values()}
    return Request("m", "1", "", tuple(Tensor(name, datatypes[array.dtype], array) for name, array in arrays.items()))


def ids(*rows: Sequence[int]) -> Array:
    return np.array(rows, np.int64)


def test_a_mask_is_made_and_both_are_padded_to_the_bucket() -> None:
    fitted, rows = accept(request_of(ids=ids([1, 2, 3], [4, 5, 6])), TEXT, BatchOptions(), Padding([IDS], TEXT))
    assert (rows, fitted.shapes, fitted.lengths) == (2, ((4,), (4,)), {"length": 3})
    assert fitted.feeds["mask"].tolist() == [[1, 1, 1]] * 2
    assert fitted.feeds["mask"].dtype == np.int64
    batch = stack([fitted.feeds], 0, fitted.shapes, Padding([IDS], TEXT).fills)
    assert batch["ids"].tolist() == [[1, 2, 3, 9], [4, 5, 6, 9]]
    assert batch["mask"].tolist() == [[1, 1, 1, 0]] * 2


def test_a_mask_that_is_sent_counts() -> None:
    padding = Padding([IDS], TEXT)
    fitted, _ = accept(request_of(ids=ids([1, 2, 3]), mask=ids([1, 0, 1])), TEXT, BatchOptions(), padding)
    assert stack([fitted.feeds], 0, fitted.shapes, padding.fills)["mask"].tolist() == [[1, 0, 1, 0]]


LENGTHS = {0: 4, 1: 4, 4: 4, 5: 8, 8: 8}


@pytest.mark.parametrize(("length", "bucket"), LENGTHS.items())
def test_the_smallest_bucket_that_holds_it(length: int, bucket: int) -> None:
    fitted, _ = accept(request_of(ids=np.zeros((1, length), np.int64)), TEXT, BatchOptions(), Padding([IDS], TEXT))
    assert fitted.shapes == ((bucket,), (bucket,))


def test_an_input_that_may_be_left_out_may_be_left_out_beside_padding() -> None:
    scaled = replace(TEXT, inputs={**TEXT.inputs, "scale": TensorSpec("scale", DATATYPES["FP32"], (1,), optional=True)})
    fitted, _ = accept(request_of(ids=ids([1, 2, 3])), scaled, BatchOptions(), Padding([IDS], scaled))
    assert list(fitted.feeds) == ["ids", "mask"]
    assert fitted.shapes == ((4,), (4,))


def test_without_padding_nothing_changes() -> None:
    arrays = {"ids": ids([1, 2, 3]), "mask": ids([1, 1, 1])}
    fitted, _ = accept(request_of(**arrays), TEXT, BatchOptions(), UNPADDED)
    assert fitted.shapes is None
    assert all(fitted.feeds[name] is array for name, array in arrays.items())
    assert not UNPADDED


REFUSED: dict[str, tuple[dict[str, Array], str, str]] = {
    "longer than any bucket": ({"ids": ids([0] * 9)}, "Its axis 1 may be up to 8 (it is padded to one of 4, 8), got 9", "inputs"),
    "a mask of another length": (
        {"ids": ids([1, 2, 3]), "mask": ids([1, 1])},
        "unexpected shape for input 'mask' for model 'm'. Its axis 1 is 'length', which is 3 in other inputs, got 2",
        "inputs[1].shape",
    ),
    "a mask alone": ({"mask": ids([1, 1])}, "missing required input(s) ['ids']", "inputs"),
}


@pytest.mark.parametrize(("arrays", "text", "field"), REFUSED.values(), ids=REFUSED)
def test_a_request_that_cannot_be_padded_is_refused(arrays: dict[str, Array], text: str, field: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        accept(request_of(**arrays), TEXT, BatchOptions(), Padding([IDS], TEXT))
    assert text in str(caught.value)
    assert caught.value.field == field


PAIR = signature({"a": ("FP32", ("batch", "n")), "b": ("FP32", ("batch", "n"))}, {"y": ("FP32", ("batch", "n"))})
IMAGE = signature({"x": ("UINT8", ("batch", "h", "w", 3))}, {"y": ("FP32", ("batch",))})

# Axes that cannot be padded as they say, and why.
WRONG: dict[str, tuple[Signature, list[PaddedAxis], str]] = {
    "no such input": (TEXT, [PaddedAxis("idz", 1, (4,))], "padding of axis 1 of input 'idz': there is no such input; there are ids, mask"),
    "the batch": (TEXT, [PaddedAxis("ids", 0, (4,))], "the axes that may be padded are 1 to 1"),
    "beyond the last": (TEXT, [PaddedAxis("ids", 2, (4,))], "the axes that may be padded are 1 to 1"),
    "before the first": (TEXT, [PaddedAxis("ids", -1, (4,))], "the axes that may be padded are 1 to 1"),
    "a fixed axis": (IMAGE, [PaddedAxis("x", 3, (4,))], "the axis is not free: it is 3"),
    "no bucket": (TEXT, [PaddedAxis("ids", 1, ())], "buckets ascend from 1 or more"),
    "buckets that descend": (TEXT, [PaddedAxis("ids", 1, (8, 4))], "buckets ascend"),
    "a bucket twice": (TEXT, [PaddedAxis("ids", 1, (4, 4))], "buckets ascend"),
    "a bucket of nothing": (TEXT, [PaddedAxis("ids", 1, (0, 4))], "buckets ascend from 1"),
    "an axis twice": (TEXT, [IDS, IDS], "it is given twice"),
    "a value that is none": (IMAGE, [PaddedAxis("x", 1, (4,), 300)], "the value 300 is not a UINT8"),
    "a part of a whole number": (TEXT, [PaddedAxis("ids", 1, (4,), 0.5, "mask")], "the value 0.5 is not a INT64"),
    "two values in one input": (IMAGE, [PaddedAxis("x", 1, (4,), 0), PaddedAxis("x", 2, (4,), 1)], "another axis of the input is filled"),
    "no such mask": (TEXT, [PaddedAxis("ids", 1, (4,), mask="nope")], "its mask 'nope' is not another input"),
    "its own mask": (TEXT, [PaddedAxis("ids", 1, (4,), mask="ids")], "its mask 'ids' is not another input"),
    "a mask of another shape": (
        signature({"x": ("FP32", ("batch", "n")), "m": ("FP32", ("batch", 7))}, {}),
        [PaddedAxis("x", 1, (4,), mask="m")],
        "its mask 'm' has the shape ['batch', 7], and not the batch and 'n'",
    ),
    "a mask of strings": (
        signature({"x": ("FP32", ("batch", "n")), "m": ("BYTES", ("batch", "n"))}, {}),
        [PaddedAxis("x", 1, (4,), mask="m")],
        "its mask 'm' is of strings",
    ),
    "an axis that another input shares": (
        PAIR,
        [PaddedAxis("a", 1, (4,))],
        "axis 1 of input 'a' is 'n', and so is axis 1 of input 'b', which must be padded too",
    ),
    "one axis, two sets of buckets": (PAIR, [PaddedAxis("a", 1, (4,)), PaddedAxis("b", 1, (8,))], "must have one set of buckets"),
    "an output that is free in its own way": (
        signature({"x": ("FP32", ("batch", "n"))}, {"y": ("FP32", ("batch", "m"))}),
        [PaddedAxis("x", 1, (4,))],
        "axis 1 of output 'y' is free and is not an axis of the inputs by its name",
    ),
    "an output without a name for it": (
        signature({"x": ("FP32", ("batch", None))}, {"y": ("FP32", ("batch", None))}),
        [PaddedAxis("x", 1, (4,))],
        "axis 1 of output 'y' is free",
    ),
    "a model that is not batched": (
        signature({"x": ("FP32", ("batch", "n"))}, {}, False),
        [PaddedAxis("x", 1, (4,))],
        "never run together",
    ),
    "strings with a value": (signature({"x": ("BYTES", ("batch", "n"))}, {}), [PaddedAxis("x", 1, (4,), 1)], "value must be 0"),
}


@pytest.mark.parametrize(("model", "axes", "text"), WRONG.values(), ids=WRONG)
def test_padding_that_could_go_wrong_is_refused_when_the_model_is_loaded(model: Signature, axes: list[PaddedAxis], text: str) -> None:
    with pytest.raises(StartupError) as caught:
        Padding(axes, model)
    assert text in str(caught.value)


def test_a_mask_may_have_axes_of_one() -> None:
    model = signature({"x": ("FP32", ("batch", "n", 2)), "m": ("BOOL", ("batch", 1, 1, None))}, {})
    fitted = Padding([PaddedAxis("x", 1, (4,), mask="m")], model).fit("m", {"x": np.ones((2, 3, 2), np.float32)})
    assert fitted.feeds["m"].shape == (2, 1, 1, 3)
    assert fitted.feeds["m"].dtype == bool
    assert fitted.shapes == ((4, 2), (1, 1, 4))


def test_strings_are_padded_with_empty_ones() -> None:
    model = signature({"x": ("BYTES", ("batch", "n"))}, {"y": ("BYTES", ("batch", "n"))})
    padding = Padding([PaddedAxis("x", 1, (3,))], model)
    fitted = padding.fit("m", {"x": np.array([["a", "b"]], object)})
    assert stack([fitted.feeds], 0, fitted.shapes, padding.fills)["x"].tolist() == [["a", "b", ""]]


# The law.

TWO = signature(
    {"x": ("FP32", ("batch", "h", "w")), "m": ("FP32", ("batch", "w")), "k": ("INT64", ("batch", "free"))},
    {"y": ("FP32", ("batch", "w", "h")), "s": ("FP32", ("batch",)), "k": ("INT64", ("batch", "free"))},
)
PADDING = Padding([PaddedAxis("x", 1, (2, 5), -1.0), PaddedAxis("x", 2, (3, 6), -1.0, "m")], TWO)


def run(feeds: Mapping[str, Array]) -> list[Array]:
    """A model of two padded axes: an output along both, one that the mask keeps right, and one that has nothing to do with it."""
    x, m = feeds["x"], feeds["m"]
    return [2 * x.transpose(0, 2, 1), (x[:, 0] * m).sum(axis=1), feeds["k"] + 1]


sizes = st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(0, 6), st.booleans())


@given(st.lists(sizes, min_size=1, max_size=6), st.integers(0, 3))
def test_padded_and_cut_each_is_answered_as_alone(given: list[tuple[int, int, int, bool]], extra: int) -> None:
    jobs, expected = [], []
    for number, (rows, height, width, masked) in enumerate(given):
        x = np.arange(rows * height * width, dtype=np.float32).reshape(rows, height, width) + number
        feeds = {"x": x, "k": np.full((rows, 2), number)}
        alone = feeds | {"m": np.ones((rows, width), np.float32)}
        fitted, count = accept(request_of(**(alone if masked else feeds)), TWO, BatchOptions(), PADDING)
        jobs.append(Job(fitted.feeds, count, None, Timeline(0.0), 0, fitted.shapes, fitted.lengths))
        expected.append(run(alone))
    for key in {job.shape_key for job in jobs}:
        lane = [index for index, job in enumerate(jobs) if job.shape_key == key]
        batch = stack([jobs[index].feeds for index in lane], extra, jobs[lane[0]].shapes, PADDING.fills)
        answers = split(run(batch), [jobs[index].rows for index in lane], extra)
        for index, answer in zip(lane, answers, strict=True):
            for found, wanted in zip(PADDING.cut(answer, jobs[index].lengths), expected[index], strict=True):
                np.testing.assert_array_equal(found, wanted)
