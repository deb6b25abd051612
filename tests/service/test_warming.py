"""Warm-up, and runs that are stopped or find no memory."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Thread

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from service.engine.device import DeviceOptions
from service.engine.session import Session, Stop
from service.errors import OutOfMemoryError, RequestCancelledError, StartupError
from tests.service import models
from tests.service.models import build, save


def load(model: onnx.ModelProto, directory: Path) -> Session:
    return Session(save(model, directory / "model.onnx"), DeviceOptions(), 1)


def picky(rows: int) -> onnx.ModelProto:
    """Runs on so many rows and on no other number, though its signature takes any."""
    nodes = [helper.make_node("Reshape", ["x", "shape"], ["r"]), helper.make_node("Identity", ["r"], ["y"])]
    spec: tuple[int, models.Shape] = (TensorProto.FLOAT, ["batch", 2])
    shape = helper.make_tensor("shape", TensorProto.INT64, [2], [rows, 2])
    return build(nodes, {"x": spec}, {"y": spec}, [shape], {"hornbeam.batch_axes": '{"x": 0, "y": 0}'})


WARMED: Mapping[str, Callable[[], onnx.ModelProto]] = {
    "rows": models.add2,
    "rows of free length": models.total,
    "rows that must be long": lambda: models.windows({"hornbeam.batch_axes": '{"x": 0, "y": 0}'}),
    "ids": models.embedding,
    "strings": lambda: models.ident("BYTES", ["batch", "n"]),
    "bfloat16": lambda: models.ident("BF16", ["batch", "n"]),
    "an input that may be left out": models.scaled,
    "a scalar": lambda: models.ident("FP32", []),
    "not batched": models.centre,
}


@pytest.mark.parametrize("model", WARMED.values(), ids=WARMED.keys())
def test_every_size_is_run(model: Callable[[], onnx.ModelProto], tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    session = load(model(), tmp_path)
    caplog.clear()
    assert [warmed.rows for warmed in session.warm([1, 2, 8])] == ([1, 2, 8] if session.signature.batched else [1])
    assert "not warmed up" not in caplog.text


def test_the_sizes_are_those_that_were_given(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    session = load(picky(4), tmp_path)
    session.warm([8, 4, 2, 4])
    assert re.findall(r"not warmed up for (\d+) rows, since it does not run on zeros", caplog.text) == ["2", "8"]


def bomb() -> onnx.ModelProto:
    """Asks for a pebibyte a row."""
    nodes = [
        helper.make_node("Shape", ["x"], ["rows"], end=1),
        helper.make_node("Concat", ["rows", "columns"], ["shape"], axis=0),
        helper.make_node("ConstantOfShape", ["shape"], ["large"]),
        helper.make_node("ReduceSum", ["large", "axis"], ["y"], keepdims=0),
    ]
    initializers = [helper.make_tensor("columns", TensorProto.INT64, [1], [2**48]), helper.make_tensor("axis", TensorProto.INT64, [1], [1])]
    inputs: models.Tensors = {"x": (TensorProto.FLOAT, ["batch"])}
    return build(nodes, inputs, {"y": (TensorProto.FLOAT, ["batch"])}, initializers, {"hornbeam.batch_axes": '{"x": 0, "y": 0}'})


def test_a_model_that_finds_no_memory_is_not_loaded(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"model.onnx: there is no memory to run 1 rows; allow fewer: .*allocat"):
        load(bomb(), tmp_path).warm([1])


def test_a_run_that_finds_no_memory_says_so(tmp_path: Path) -> None:
    with pytest.raises(OutOfMemoryError, match="there is not enough memory for the model to run on this input") as caught:
        load(bomb(), tmp_path).run({"x": np.zeros(1, np.float32)})
    assert (caught.value.reason, caught.value.retry_after) == ("memory", 1.0)


# Stopping.


def test_a_run_can_be_stopped_from_another_thread(tmp_path: Path) -> None:
    session, stop, ended = load(models.slow(), tmp_path), Stop(), []
    x = np.ones(1, np.float32)

    def run() -> None:
        try:
            session.run({"steps": np.array(10**9), "x": x}, stop)  # a quarter of an hour
        except RequestCancelledError as error:
            ended.append(str(error))

    thread = Thread(target=run)
    thread.start()
    stop.stop()
    thread.join(30)
    assert ended == ["the request was cancelled while the model ran"]
    assert session.run({"steps": np.array(2), "x": x}, Stop())[0].tolist() == [1.0]


def test_a_run_that_nobody_stops_ends_as_ever(tmp_path: Path) -> None:
    session = load(models.embedding(), tmp_path)
    assert session.run({"ids": np.array([[1, 0]])}, Stop())[0].shape == (1, 2, 3)
    with pytest.raises(Exception, match="out of data bounds"):
        session.run({"ids": np.array([[0, 9]])}, Stop())
