"""Runs in buffers that are used again: the answers are those of plain runs, from any number of threads, whatever the shapes.

The buffers are in the CPU's memory here, which the same code fills, runs and reads; `tests/gpu` has a device.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from service.engine.binding import Bindings, can_bind, graph_ids, graph_of, has_known_shape, shapes_of
from service.engine.device import DeviceOptions
from service.engine.session import Session
from service.errors import StartupError
from service.request import DATATYPES, Array, Signature, TensorSpec
from tests.service import models
from tests.service.models import build, save

FP32 = DATATYPES["FP32"]


class Both:
    """A model with its plain session, and its bindings in the CPU's memory."""

    def __init__(self, model: onnx.ModelProto, path: Path, graphs: Any = None) -> None:
        self.session = Session(save(model, path), DeviceOptions(), 1)
        self.native = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        self.bindings = Bindings(self.native, self.session.signature, "cpu", 0, graphs)

    def check(self, feeds: Mapping[str, Array]) -> list[Array]:
        """The bindings' answer, which is the session's."""
        expected, found = self.session.run(feeds), self.bindings.run(feeds)
        for one, other in zip(found, expected, strict=True):
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)
        return found


def rows(count: int, value: float) -> dict[str, Array]:
    return {"a": np.full((count, 4), value, np.float32), "b": np.arange(4 * count, dtype=np.float32).reshape(count, 4)}


def test_answers_are_the_same_as_sizes_change_and_come_back(tmp_path: Path) -> None:
    both = Both(models.add2(), tmp_path / "model.onnx")
    for value, count in enumerate([1, 8, 1, 3, 8, 1]):
        both.check(rows(count, value))
    assert both.bindings.idle == 3


def test_an_answer_stays_when_its_buffers_are_used_again(tmp_path: Path) -> None:
    both = Both(models.add2(), tmp_path / "model.onnx")
    first = both.check(rows(2, 1.0))
    kept = [array.copy() for array in first]
    both.check(rows(2, 7.0))
    both.check(rows(2, 9.0))
    assert both.bindings.idle == 1
    for array, before in zip(first, kept, strict=True):
        np.testing.assert_array_equal(array, before)


def test_outputs_whose_size_the_numbers_decide_are_right_each_time(tmp_path: Path) -> None:
    spec: tuple[int, models.Shape] = (TensorProto.INT64, ["batch"])
    model = build([helper.make_node("NonZero", ["x"], ["y"])], {"x": spec}, {"y": (TensorProto.INT64, [1, "found"])})
    both = Both(model, tmp_path / "model.onnx")
    for numbers in ([0, 1, 0, 1], [1, 1, 1, 1], [0, 0, 0, 0], [0, 0, 0, 1]):
        both.check({"x": np.array(numbers)})
    assert both.bindings.idle == 1


@pytest.mark.parametrize("name", [name for name in DATATYPES if name not in ("BYTES", "BF16")])
@pytest.mark.parametrize("shape", [(2, 3), (0, 3), ()], ids=["rows", "no elements", "a scalar"])
def test_every_datatype_and_shape_goes_through(name: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    declared: list[str | None] = ["batch", "n"] if shape else []
    both = Both(models.ident(name, declared), tmp_path / "model.onnx")
    for value in (0, 1):
        (found,) = both.check({"x": np.full(shape, value, DATATYPES[name].numpy)})
        assert found.shape == shape


LAYOUTS: dict[str, Array] = {
    "columns first": np.asfortranarray(np.arange(8, dtype=np.float32).reshape(2, 4)),
    "backwards": np.arange(8, dtype=np.float32).reshape(2, 4)[::-1],
    "unaligned and read-only": np.frombuffer(bytes(range(33)), np.float32, 8, 1).reshape(2, 4),
}


@pytest.mark.parametrize("array", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_arrays_of_any_layout_go_through(array: Array, tmp_path: Path) -> None:
    both = Both(models.add2(), tmp_path / "model.onnx")
    both.check({"a": array, "b": array})


def test_callers_at_once_have_buffers_of_their_own(tmp_path: Path) -> None:
    both = Both(models.add2(), tmp_path / "model.onnx")
    barrier = Barrier(4)

    def call(caller: int) -> None:
        for turn in range(50):
            if turn == 0:
                barrier.wait(30)
            count = 1 + (caller + turn) % 3
            total, difference = both.bindings.run(rows(count, caller))
            other = rows(count, caller)
            np.testing.assert_array_equal(total, other["a"] + other["b"])
            np.testing.assert_array_equal(difference, other["a"] - other["b"])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(call, range(4)))
    assert 3 <= both.bindings.idle <= 12


def test_an_input_that_is_rejected_leaves_the_buffers_usable(tmp_path: Path) -> None:
    both = Both(models.embedding(), tmp_path / "model.onnx")
    both.check({"ids": np.array([[0, 1]])})
    with pytest.raises(Exception, match="out of data bounds"):
        both.bindings.run({"ids": np.array([[0, 9]])})
    both.check({"ids": np.array([[3, 2]])})
    assert both.bindings.idle == 1


def test_an_input_that_may_be_left_out_has_no_buffer_when_it_is(tmp_path: Path) -> None:
    both = Both(models.scaled(), tmp_path / "model.onnx")
    x = np.ones((2, 3), np.float32)
    (plain,) = both.check({"x": x})
    (scaled,) = both.check({"x": x, "scale": np.full(3, 5, np.float32)})
    assert (plain.max(), scaled.max()) == (2.0, 5.0)


def test_buffers_are_kept_for_the_shapes_of_late_and_for_no_more(tmp_path: Path) -> None:
    both = Both(models.add2(), tmp_path / "model.onnx")
    for count in range(1, 60):
        both.bindings.run(rows(count, 1.0))
    assert both.bindings.idle == 32
    both.check(rows(1, 2.0))
    assert both.bindings.idle == 32


# What is decided of a model.


def signature(batched: bool, **inputs: TensorSpec) -> Signature:
    return Signature(inputs, {"y": TensorSpec("y", FP32, ("batch", 2))}, batched)


IMAGE, SCALE = TensorSpec("x", FP32, ("batch", 8, 8)), TensorSpec("scale", FP32, (8,), optional=True)


def test_each_allowed_size_is_a_graph_of_its_own() -> None:
    found = graph_ids(signature(True, x=IMAGE, scale=SCALE), [4, 1, 2, 2])
    assert found == {(("x", (rows, 8, 8)),): number for rows, number in ((1, 1), (2, 2), (4, 3))}
    assert found[shapes_of({"x": np.zeros((4, 8, 8), np.float32)})] == 3
    assert shapes_of({"x": np.zeros((3, 8, 8), np.float32)}) not in found


def test_a_model_that_is_not_batched_is_one_graph() -> None:
    fixed = TensorSpec("x", FP32, (2, 3))
    assert graph_ids(signature(False, x=fixed), [1, 2]) == {(("x", (2, 3)),): 1}


@pytest.mark.parametrize(
    ("batched", "shape"), [(True, ("batch", "length")), (False, ("batch", 3))], ids=["a free length", "a batch that is none"]
)
def test_a_free_axis_cannot_be_captured(batched: bool, shape: tuple[str | int, ...]) -> None:
    with pytest.raises(StartupError, match=r"CUDA graphs need fixed shapes, and axis \d of input 'x' is free"):
        graph_ids(signature(batched, x=TensorSpec("x", FP32, shape)), [1])


@pytest.mark.parametrize(
    ("settled", "varying", "expected"),
    [(False, False, -1), (True, False, 3), (True, True, -1)],
    ids=["the first run, whose outputs are new", "any other", "an output that is new each time"],
)
def test_a_run_is_captured_in_the_buffers_of_those_to_come(settled: bool, varying: bool, expected: int) -> None:
    assert graph_of(3, settled, varying) == expected


KNOWN = {
    "numbers": ((2, 3), True),
    "the batch": (("batch", 3), True),
    "a length of the input's": (("batch", "length"), True),
    "a name of its own": (("batch", "found"), False),
    "no name": ((None, 3), False),
    "a name of an input that may be left out": (("extra",), False),
}


@pytest.mark.parametrize(("shape", "known"), KNOWN.values(), ids=KNOWN.keys())
def test_outputs_keep_their_buffers_where_the_inputs_tell_their_shape(shape: tuple[int | str | None, ...], known: bool) -> None:
    inputs = {"x": TensorSpec("x", FP32, ("batch", "length")), "z": TensorSpec("z", FP32, ("extra",), optional=True)}
    assert has_known_shape(TensorSpec("y", FP32, shape), inputs) is known


@pytest.mark.parametrize(("name", "possible"), [("FP32", True), ("BOOL", True), ("BYTES", False), ("BF16", False)])
def test_strings_and_bfloat16_are_not_bound(name: str, possible: bool) -> None:
    assert can_bind(signature(True, x=TensorSpec("x", DATATYPES[name], ("batch",)))) is possible


def test_a_session_that_captures_runs_one_caller_at_a_time_and_answers_the_same(tmp_path: Path) -> None:
    """ONNX Runtime's CPU takes the graph's number and captures nothing, so that the rest of the way is seen to hold."""
    model = models.add2()
    plain = Session(save(model, tmp_path / "model.onnx"), DeviceOptions(), 1)
    both = Both(model, tmp_path / "model.onnx", graph_ids(plain.signature, [1, 2]))

    def call(caller: int) -> None:
        for turn in range(20):
            both.check(rows(1 + turn % 3, caller))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(call, range(3)))
    assert both.bindings.idle == 3  # never two of a shape
