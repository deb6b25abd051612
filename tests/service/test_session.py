"""One model in ONNX Runtime: its signature, whether its rows may run together, and what it says when it fails."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from service.engine.session import DeviceOptions, Session, Stop
from service.errors import ExecutionFailedError, InvalidRequestError, StartupError
from service.repository.layout import find_models
from service.repository.registry import Served
from service.request import DATATYPES, Signature, TensorSpec
from service.server import Server
from tests.service import models
from tests.service.conftest import FREE_PORTS, Stub, add2_request, arrays, registry_of
from tests.service.models import MODELS, build, save, save_repository

FLOAT, INT64, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING


def load(model: onnx.ModelProto, directory: Path) -> Session:
    return Session(save(model, directory / "model.onnx"), DeviceOptions(), 1)


def test_a_signature_is_the_models_own(tmp_path: Path) -> None:
    spec, kind = TensorSpec, DATATYPES["FP32"]
    assert load(models.total(), tmp_path).signature == Signature(
        {"x": spec("x", kind, ("batch", "length"))}, {"y": spec("y", kind, ("batch",))}, batched=True
    )


def test_what_is_free_is_minus_one_on_the_wire() -> None:
    assert TensorSpec("x", DATATYPES["FP32"], ("batch", None, 3, 0)).wire_shape == [-1, -1, 3, 0]


# Whether rows may run together.


def softmax(axis: int) -> onnx.ModelProto:
    """Softmax over a batch of four columns."""
    spec: tuple[int, models.Shape] = (FLOAT, ["batch", 4])
    return build([helper.make_node("Softmax", ["x"], ["y"], axis=axis)], {"x": spec}, {"y": spec})


def cumulative(element: int) -> onnx.ModelProto:
    """The sum of each row and those before it."""
    spec: tuple[int, models.Shape] = (element, ["batch", 4])
    nodes = [helper.make_node("CumSum", ["x", "axis"], ["y"])]
    return build(nodes, {"x": spec}, {"y": spec}, [helper.make_tensor("axis", TensorProto.INT32, [], [0])])


def first_row(element: int) -> onnx.ModelProto:
    """Every row becomes the first."""
    spec: tuple[int, models.Shape] = (element, ["batch"])
    nodes = [
        helper.make_node("Gather", ["x", "zero"], ["first"]),
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Expand", ["first", "shape"], ["y"]),
    ]
    return build(nodes, {"x": spec}, {"y": spec}, [helper.make_tensor("zero", INT64, [1], [0])])


def nonzero() -> onnx.ModelProto:
    """Where the numbers are that are not 0: how long its output is depends on them."""
    return build([helper.make_node("NonZero", ["x"], ["y"])], {"x": (INT64, ["batch"])}, {"y": (INT64, ["batch", "found"])})


def sides(taken: models.Shape, given: models.Shape) -> Callable[[], onnx.ModelProto]:
    """A model with these shapes, whatever they are declared to be."""
    return lambda: build([helper.make_node("Identity", ["x"], ["y"])], {"x": (FLOAT, taken)}, {"y": (FLOAT, given)})


BATCHED: Mapping[str, tuple[Callable[[], onnx.ModelProto], bool]] = {
    "rows apart": (models.add2, True),
    "rows of free length": (models.total, True),
    "ids into a table": (models.embedding, True),
    "strings": (lambda: models.ident("BYTES", ["batch", "n"]), True),
    "bools": (lambda: models.ident("BOOL", ["batch"]), True),
    "softmax within a row": (lambda: softmax(1), True),
    "an axis without a name": (lambda: models.ident("FP32", [None, 3]), True),
    "softmax over the rows": (lambda: softmax(0), False),
    "the mean of the rows, in floats": (models.centre, False),
    "the mean of the rows, in integers": (lambda: models.centre("INT64"), False),
    "the sum so far, in floats": (lambda: cumulative(FLOAT), False),
    "the sum so far, in integers": (lambda: cumulative(INT64), False),
    "the first of the rows, in strings": (lambda: first_row(STRING), False),
    "the first of the rows, in bools": (lambda: first_row(TensorProto.BOOL), False),
    "a fixed number of rows": (lambda: models.ident("FP32", [2, 3]), False),
    "one row": (lambda: models.ident("FP32", [1, 3]), False),
    "a scalar": (lambda: models.ident("FP32", []), False),
    "a scalar beside rows": (models.slow, False),
    "axes of two names": (models.reshape, False),
    "rows that become others": (sides(["batch", 4], ["rows", 4]), False),
    "as many columns as a row has numbers": (nonzero, False),
    "rows that it makes nothing of when tried": (models.windows, False),
    "the exporter says so": (lambda: models.windows({"hornbeam.batch_axes": '{"x": 0, "y": 0}'}), True),
    "the exporter says so, of a model that mixes rows": (lambda: models.centre(metadata={"hornbeam.batch_axes": '{"x": 0, "y": 0}'}), True),
    "the exporter says it of the input only": (lambda: models.windows({"hornbeam.batch_axes": '{"x": 0}'}), False),
    "the exporter says another axis": (lambda: models.windows({"hornbeam.batch_axes": '{"x": 0, "y": 1}'}), False),
    "the exporter says of none": (lambda: models.windows({"hornbeam.batch_axes": "{}"}), False),
}  # fmt: skip


@pytest.mark.parametrize(("model", "batched"), BATCHED.values(), ids=BATCHED.keys())
def test_which_models_are_batched(tmp_path: Path, model: Callable[[], onnx.ModelProto], batched: bool) -> None:
    assert load(model(), tmp_path).signature.batched is batched


@pytest.mark.parametrize("axes", ["", "{", "3", "null", "[1]", '"x"'], ids=["nothing", "cut short", "a number", "null", "a list", "a word"])
def test_batch_axes_that_no_exporter_wrote_are_refused(tmp_path: Path, axes: str) -> None:
    with pytest.raises(StartupError, match=r"model.onnx: its metadata 'hornbeam.batch_axes' is not as an exporter writes it"):
        load(models.centre(metadata={"hornbeam.batch_axes": axes}), tmp_path)


# Running.


def test_outputs_come_in_the_models_order(tmp_path: Path) -> None:
    session = load(models.add2(), tmp_path)
    a, b = np.full((2, 4), 5, np.float32), np.full((2, 4), 3, np.float32)
    total, difference = session.run({"b": b, "a": a})
    np.testing.assert_array_equal(total, a + b)
    np.testing.assert_array_equal(difference, a - b)
    assert list(session.signature.outputs) == ["sum", "difference"]


def test_an_input_that_the_model_rejects_is_the_callers_fault(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    session = load(models.embedding(), tmp_path)
    with (
        caplog.at_level(logging.INFO),
        pytest.raises(InvalidRequestError, match="the model rejects the input: indices element out of data bounds, idx=9") as caught,
    ):
        session.run({"ids": np.array([[0, 9]])})
    assert str(tmp_path) not in str(caught.value)
    assert caplog.text == ""  # the line of the call says all of it


def test_the_runtime_writes_nothing_between_the_lines_of_the_log(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    session = load(models.reshape(), tmp_path)
    for stop in (None, Stop()):
        with pytest.raises(ExecutionFailedError):
            session.run({"x": np.ones(4, np.float32), "shape": np.array([3, 3])}, stop)
    assert capfd.readouterr() == ("", "")


def test_a_model_that_fails_says_so_without_the_runtimes_words(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    session = load(models.reshape(), tmp_path)
    with caplog.at_level(logging.WARNING), pytest.raises(ExecutionFailedError) as caught:
        session.run({"x": np.ones(4, np.float32), "shape": np.array([3, 3])})
    assert str(caught.value) == "the model failed on this input; the server's log says how"
    assert "cannot be reshaped" in str(caught.value.__cause__)
    assert caplog.text == ""  # who ends the call tells of it


# Starting.


def test_the_provider_and_the_metadata_are_known(tmp_path: Path) -> None:
    session = load(models.centre(metadata={"hornbeam.source": "somebody"}), tmp_path)
    assert (session.provider, session.requested_device, session.tolerance) == ("CPUExecutionProvider", "cpu", 0.0)
    assert session.memory_bytes == session.path.stat().st_size
    assert session.metadata == {"hornbeam.source": "somebody"}


def eight_bits() -> onnx.ModelProto:
    """A datatype that the protocol has not."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT8E4M3FN, ["n"]) for name in ("x", "y"))
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "graph", [x], [y])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)


BROKEN: Mapping[str, tuple[bytes, str]] = {
    "no protobuf": (b"not a model", "cannot be loaded: .*INVALID_PROTOBUF"),
    "nothing": (b"", "cannot be loaded: "),
    "an operator that nobody knows": (
        helper.make_model(
            helper.make_graph(
                [helper.make_node("Dream", ["x"], ["y"])],
                "graph",
                [helper.make_tensor_value_info("x", FLOAT, [1])],
                [helper.make_tensor_value_info("y", FLOAT, [1])],
            ),
            opset_imports=[helper.make_opsetid("", 18)],
            ir_version=9,
        ).SerializeToString(),
        "cannot be loaded: .*Dream",
    ),
    "a datatype that the protocol has not": (
        eight_bits().SerializeToString(),
        r"'x' is a tensor\(float8e4m3fn\), which the protocol cannot carry",
    ),
}


@pytest.mark.parametrize(("data", "text"), BROKEN.values(), ids=BROKEN.keys())
def test_a_file_that_cannot_be_served_is_refused_in_a_sentence(tmp_path: Path, data: bytes, text: str) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    with pytest.raises(StartupError, match=text) as caught:
        Session(path, DeviceOptions(), 1)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_every_datatype_is_one_of_onnx_runtimes(tmp_path: Path) -> None:
    for name in DATATYPES:
        session = load(models.ident(name, ["n"]), tmp_path / name)
        assert session.signature.inputs["x"].datatype is DATATYPES[name]


# Versions.


def test_the_highest_version_serves(tmp_path: Path) -> None:
    root = save_repository(tmp_path, "add2")
    save(models.ident("FP32", ["batch", 4]), root / "add2" / "10" / "model.onnx")
    save(MODELS["add2"](), root / "add2" / "9" / "model.onnx")
    server = Server(root, FREE_PORTS)
    server.start()
    try:
        assert [(status.model, status.version) for status in server.registry.statuses()] == [("add2", "10")]
        assert server.registry.versions("add2") == ["10"]
    finally:
        server.stop()


def test_a_registry_of_several_versions_gives_the_one_that_is_named(tmp_path: Path) -> None:
    root = save_repository(tmp_path, "add2")
    save(MODELS["add2"](), root / "add2" / "2" / "model.onnx")
    server = Server(root / "add2" / "2" / "model.onnx", FREE_PORTS)
    server.start()
    try:
        served = server.registry.get("add2", None)
        registry = registry_of(find_models(root), lambda file: Served(file.name, file.version, served.session, served.batcher))
        found = [registry.get("add2", version).version for version in (None, 1, 2)]
        with Stub(server.grpc_port) as stub:
            answered = stub.infer(add2_request())
        assert answered.model_version == "2"
        assert arrays(answered)["sum"].tolist() == [[2.0] * 4]
    finally:
        server.stop()
    assert found == [2, 1, 2]
    assert registry.versions("add2") == ["1", "2"]
