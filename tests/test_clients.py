"""Clients that nobody here wrote, unchanged and in environments of their own, against a server of the tests' models."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from service.repository.control import RepositoryOptions
from service.request import DATATYPES
from service.rpc.shared_memory import SharedMemoryOptions
from service.server import Server
from tests.conftest import ROOT, check
from tests.service.conftest import FREE_PORTS
from tests.service.models import MODELS, save, save_repository

KSERVE = "HORNBEAM_TEST_KSERVE"  # names an interpreter that has KServe's client, which is too heavy for each run: make test-kserve
ONE, TWO = [[1.0] * 4], [[2.0] * 4]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of every model that takes shared memory and whose models are its callers', its logger at INFO as the command has it."""
    logger = logging.getLogger("hornbeam")
    before = logger.level
    logger.setLevel(logging.INFO)
    options = replace(
        FREE_PORTS,
        shared_memory=SharedMemoryOptions(shared_memory=True),
        repository=RepositoryOptions(model_control="explicit", load_model=("*",)),
    )
    server = Server(save_repository(tmp_path_factory.mktemp("repository")), options)
    server.start()
    yield f"127.0.0.1:{server.grpc_port}"
    server.stop()
    logger.setLevel(before)


@pytest.fixture(scope="module")
def seen(triton: Path, address: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What Triton's client saw."""
    model = save(MODELS["add2"](), tmp_path_factory.mktemp("own") / "model.onnx")
    return json.loads(check(triton, ROOT / "tests" / "clients" / "triton_extensions.py", address, model))


def test_triton_s_client_finds_the_server_and_its_models(seen: Any) -> None:
    assert {"system_shared_memory", "model_repository", "statistics"} <= set(seen["extensions"])
    assert seen["ready"] == [True] * 4
    assert [tensor["name"] for tensor in seen["metadata"]["outputs"]] == ["sum", "difference"]
    assert seen["max_batch_size"] == 64
    assert seen["index"] == ["READY"] * len(MODELS)


def test_triton_s_client_sends_and_gets_every_datatype(seen: Any) -> None:
    assert seen["datatypes"] == dict.fromkeys(seen["datatypes"], True)
    assert set(seen["datatypes"]) == set(DATATYPES)


def test_triton_s_client_gets_what_it_asked_for_asynchronously(seen: Any) -> None:
    assert seen["async"] == [number + 1 for number in range(50)]


def test_triton_s_client_streams(seen: Any) -> None:
    assert seen["streaming"] == {
        "ids": [*map(str, range(50)), "last"],
        "sums": [*range(1, 51), 101],
        "final": True,
        "errors": ["Request for unknown model: 'nope' is not found"],
    }
    assert seen["streaming with status"] == ["StatusCode.NOT_FOUND", "Request for unknown model: 'nope' is not found"]


def test_triton_s_client_counts_what_was_answered(seen: Any) -> None:
    assert seen["answered"] == str(50 + 51 + 3)


def test_triton_s_client_sends_parameters_and_gets_classes(seen: Any) -> None:
    assert seen["parameters"] is True
    assert seen["classes"] == [["2.000000:0", "2.000000:1"]]


def test_triton_s_client_uses_shared_memory(seen: Any) -> None:
    found = seen["shared memory"]
    assert (found["sum"], found["difference"]) == ([[5.0] * 4], [[-1.0] * 4])
    assert found["status"] == {"mine": {"name": "mine", "key": "/hornbeam_test", "byte_size": "64"}}
    assert found["twice"] == ["StatusCode.ALREADY_EXISTS", "shared memory region 'mine' already in manager"]
    assert found["too large"][0] == "StatusCode.INVALID_ARGUMENT"
    assert found["left"] == {}
    assert found["gone"] == ["StatusCode.NOT_FOUND", "Unable to find shared memory region: 'mine'"]


def test_triton_s_client_sets_levels_and_no_paths(seen: Any) -> None:
    assert seen["log settings"]["log_verbose_level"] == {"uint32_param": 1}
    assert seen["log settings again"]["log_verbose_level"] == {"uint32_param": 0}
    assert seen["log file"] == ["StatusCode.INVALID_ARGUMENT", "log file location can not be updated through network protocol"]
    assert seen["trace settings"]["trace_level"] == {"value": ["TIMESTAMPS"]}
    assert seen["trace settings cleared"]["trace_level"] == {"value": ["OFF"]}


def test_triton_s_client_reads_refusals(seen: Any) -> None:
    assert seen["unknown model"] == ["StatusCode.NOT_FOUND", "Request for unknown model: 'nope' is not found"]
    assert seen["label"][0] == "StatusCode.NOT_FOUND"
    assert seen["cuda"][0] == "StatusCode.UNIMPLEMENTED"


def test_triton_s_client_loads_and_unloads_models(seen: Any) -> None:
    found = seen["control"]
    assert found["unloaded"][0] == "StatusCode.UNAVAILABLE"
    assert (found["loaded again"], found["mine"], found["still mine"]) == ([4.0], [[2.0] * 4], [[3.0] * 4])
    assert found["its size"] == 8
    assert found["broken"][0] == "StatusCode.INTERNAL"
    assert found["gone"][0] in ("StatusCode.NOT_FOUND", "StatusCode.UNAVAILABLE")
    assert found["unknown"][0] == "StatusCode.NOT_FOUND"


def test_kserve_s_client_gets_its_answers(address: str) -> None:
    if KSERVE not in os.environ:
        pytest.skip(f"{KSERVE} names no interpreter that has KServe's client; make test-kserve makes one")
    found = json.loads(check(os.environ[KSERVE], ROOT / "tests" / "clients" / "kserve_client.py", address))
    assert found == {
        "live": True,
        "ready": True,
        "model ready": True,
        "sum": TWO,
        "difference": [[0.0] * 4],
        "id": "mine",
        "refused": ["StatusCode.NOT_FOUND", "Request for unknown model: 'nope' is not found"],
    }


def test_reflection_is_enough_for_a_client_that_has_no_files(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        assert {"inference.GRPCInferenceService", "grpc.health.v1.Health"} <= set(database.get_services())
        pool = DescriptorPool(database)
        service = pool.FindServiceByName("inference.GRPCInferenceService")
        infer = service.methods_by_name["ModelInfer"]
        assert (infer.input_type.full_name, infer.output_type.full_name) == ("inference.ModelInferRequest", "inference.ModelInferResponse")
        assert pool.FindMessageTypeByName("inference.ModelInferRequest").fields_by_name["raw_input_contents"].number == 7
        assert pool.FindMessageTypeByName("inference.ModelConfig").fields_by_name["dynamic_batching"].number == 11
