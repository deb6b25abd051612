"""Loading and unloading at a caller's word: what a request says, and what becomes of one that says something else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import grpc
import pytest

from service.errors import ControlNotAllowedError, LoadFailedError, ModelNotFoundError
from service.metrics import Metrics
from service.repository.layout import find_models
from service.rpc._pb import inference_pb2 as pb
from service.rpc.servicer import InferenceServicer
from service.rpc.transport import Transport, TransportOptions
from tests.service.conftest import PATIENCE, Refused, Stub, refusal, registry_of
from tests.service.models import save_repository

Code = grpc.StatusCode


class Notebook:
    """A repository that notes what it is told to do; it has the model "add2" alone, and "broken" cannot be loaded."""

    def __init__(self) -> None:
        self.notes: list[tuple[Any, ...]] = []

    def load(self, name: str, config: str | None = None, files: Mapping[str, bytes] | None = None) -> None:
        self.notes.append(("load", name, config, dict(files or {})))
        if name == "broken":
            raise LoadFailedError("failed to load 'broken', it is broken")

    def unload(self, name: str) -> None:
        self.notes.append(("unload", name))
        if name != "add2":
            raise ModelNotFoundError(f"failed to unload '{name}'")


@pytest.fixture
def notebook() -> Notebook:
    return Notebook()


@pytest.fixture
def controlled(tmp_path: Path, notebook: Notebook) -> Iterator[Stub]:
    """A server whose models are under its callers' control."""
    registry = registry_of(find_models(save_repository(tmp_path, "add2")))
    servicer = InferenceServicer(registry, lambda _: None, Metrics().statistics, control=notebook)
    transport = Transport("127.0.0.1", TransportOptions(grpc_port=0), servicer.handlers())
    transport.start()
    with Stub(transport.port) as stub:
        yield stub
    assert transport.stop(PATIENCE)


def load(stub: Stub, model: str = "add2", repository: str = "", **parameters: Mapping[str, Any]) -> bytes:
    choices = {name.replace("file_", "file:"): pb.ModelRepositoryParameter(**choice) for name, choice in parameters.items()}
    message = pb.RepositoryModelLoadRequest(repository_name=repository, model_name=model, parameters=choices)
    return stub.call("RepositoryModelLoad", message.SerializeToString())


def unload(stub: Stub, model: str = "add2", repository: str = "", **parameters: Mapping[str, Any]) -> bytes:
    choices = {name: pb.ModelRepositoryParameter(**choice) for name, choice in parameters.items()}
    message = pb.RepositoryModelUnloadRequest(repository_name=repository, model_name=model, parameters=choices)
    return stub.call("RepositoryModelUnload", message.SerializeToString())


def test_a_model_is_loaded_as_it_is(controlled: Stub, notebook: Notebook) -> None:
    assert load(controlled) == b""
    assert notebook.notes == [("load", "add2", None, {})]


def test_a_model_is_loaded_with_a_config_and_files_of_the_caller_s(controlled: Stub, notebook: Notebook) -> None:
    message = pb.RepositoryModelLoadRequest(model_name="mine")
    message.parameters["config"].string_param = '{"max_batch_size": 4}'
    message.parameters["file:1/model.onnx"].bytes_param = b"\0onnx"
    message.parameters["file:labels.txt"].bytes_param = b""
    controlled.call("RepositoryModelLoad", message.SerializeToString())
    assert notebook.notes == [("load", "mine", '{"max_batch_size": 4}', {"1/model.onnx": b"\0onnx", "labels.txt": b""})]


@pytest.mark.parametrize("parameters", [{}, {"unload_dependents": {"bool_param": True}}], ids=["alone", "with what depends on it"])
def test_a_model_is_unloaded(controlled: Stub, notebook: Notebook, parameters: Any) -> None:
    assert unload(controlled, **parameters) == b""
    assert notebook.notes == [("unload", "add2")]


WRONG = {
    "load of no model": (load, {"model": ""}, Refused(Code.INVALID_ARGUMENT, "the request names no model")),
    "unload of no model": (unload, {"model": ""}, Refused(Code.INVALID_ARGUMENT, "the request names no model")),
    "load of what is broken": (load, {"model": "broken"}, Refused(Code.INTERNAL, "failed to load 'broken', it is broken")),
    "unload of what is not there": (unload, {"model": "nope"}, Refused(Code.NOT_FOUND, "failed to unload 'nope'")),
    "load from another repository": (
        load,
        {"repository": "other"},
        Refused(Code.UNIMPLEMENTED, "'repository_name' specification is not supported; this server has one repository"),
    ),
    "unload from another repository": (
        unload,
        {"repository": "other"},
        Refused(Code.UNIMPLEMENTED, "'repository_name' specification is not supported; this server has one repository"),
    ),
    "a config in bytes": (
        load,
        {"config": {"bytes_param": b"{}"}},
        Refused(Code.INVALID_ARGUMENT, "invalid value type for load parameter 'config', expected string_param."),
    ),
    "a file in text": (
        load,
        {"file_1/model.onnx": {"string_param": ""}},
        Refused(Code.INVALID_ARGUMENT, "invalid value type for load parameter 'file:1/model.onnx', expected bytes_param."),
    ),
    "a load parameter that is none": (
        load,
        {"configuration": {"string_param": ""}},
        Refused(Code.INVALID_ARGUMENT, "unrecognized load parameter 'configuration'."),
    ),
    "dependents by name": (
        unload,
        {"unload_dependents": {"string_param": "yes"}},
        Refused(Code.INVALID_ARGUMENT, "invalid value type for 'unload_dependents' parameter, expected bool_param."),
    ),
    "an unload parameter that is none": (
        unload,
        {"force": {"bool_param": True}},
        Refused(Code.INVALID_ARGUMENT, "unrecognized unload parameter 'force'."),
    ),
}


@pytest.mark.parametrize(("call", "arguments", "expected"), WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_done_is_refused(controlled: Stub, call: Any, arguments: Any, expected: Refused) -> None:
    assert refusal(lambda: call(controlled, **arguments)) == expected


@pytest.mark.parametrize("call", [load, unload], ids=["load", "unload"])
def test_models_are_not_the_callers_unless_they_are_put_under_their_control(stub: Stub, call: Any) -> None:
    found = refusal(lambda: call(stub))
    assert found == Refused(Code.FAILED_PRECONDITION, str(ControlNotAllowedError()))
