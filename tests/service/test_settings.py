"""What callers may set of logs and traces: levels, and never a path."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from service.rpc._pb import inference_pb2 as pb
from service.server import Server
from tests.service.conftest import FREE_PORTS, Stub, add2_request, refusal
from tests.service.models import save_repository

INFO = {"log_info": True, "log_warning": True, "log_error": True, "log_verbose_level": 0, "log_format": "default", "log_file": ""}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stub]:
    """A server whose settings are these tests'."""
    server = Server(save_repository(tmp_path_factory.mktemp("repository"), "add2", "total"), FREE_PORTS)
    server.start()
    with Stub(server.grpc_port) as stub:
        yield stub
    server.stop()


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """The service's logger at INFO, as the command has it, and as it was afterwards."""
    logger = logging.getLogger("hornbeam")
    before = logger.level
    logger.setLevel(logging.INFO)
    yield logger
    logger.setLevel(before)


def log_settings(stub: Stub, **given: bool | int | str) -> dict[str, Any]:
    message = pb.LogSettingsRequest()
    for name, value in given.items():
        kind = {bool: "bool_param", int: "uint32_param", str: "string_param"}[type(value)]
        setattr(message.settings[name], kind, value)
    found = pb.LogSettingsResponse.FromString(stub.call("LogSettings", message.SerializeToString())).settings
    return {name: getattr(setting, setting.WhichOneof("parameter_choice") or "") for name, setting in found.items()}


def test_log_settings_are_told(own: Stub, logger: logging.Logger) -> None:
    assert log_settings(own) == INFO
    logger.setLevel(logging.ERROR)
    assert log_settings(own) == {**INFO, "log_info": False, "log_warning": False}


LEVELS: dict[str, tuple[dict[str, Any], int]] = {
    "verbose": ({"log_verbose_level": 1}, logging.DEBUG),
    "very verbose": ({"log_verbose_level": 4}, logging.DEBUG),
    "not verbose": ({"log_verbose_level": 0}, logging.INFO),
    "information": ({"log_info": True}, logging.INFO),
    "no information": ({"log_info": False}, logging.WARNING),
    "no warnings": ({"log_warning": False}, logging.ERROR),
    "no errors": ({"log_error": False}, logging.CRITICAL + 10),
    "each off": ({"log_info": False, "log_warning": False, "log_error": False}, logging.CRITICAL + 10),
    "each on, and the format": (
        {"log_info": True, "log_warning": True, "log_error": True, "log_verbose_level": 2, "log_format": "default"},
        logging.DEBUG,
    ),
}


@pytest.mark.parametrize(("given", "level"), LEVELS.values(), ids=LEVELS.keys())
def test_log_settings_are_the_level_of_the_logger(own: Stub, logger: logging.Logger, given: dict[str, Any], level: int) -> None:
    found = log_settings(own, **given)
    assert logger.level == level
    on = {name: level <= least for name, least in (("log_info", 20), ("log_warning", 30), ("log_error", 40))}
    assert found == log_settings(own) == {**INFO, **on, "log_verbose_level": int(level == logging.DEBUG)}


def test_a_level_moves_no_further_than_it_must(own: Stub, logger: logging.Logger) -> None:
    logger.setLevel(logging.DEBUG)
    assert log_settings(own, log_error=True)["log_verbose_level"] == 1
    logger.setLevel(logging.CRITICAL + 10)
    log_settings(own, log_warning=True)
    assert logger.level == logging.WARNING


WRONG_LOGS: dict[str, tuple[dict[str, Any], str]] = {
    "a file": ({"log_file": "/tmp/mine"}, "log file location can not be updated through network protocol"),
    "no file": ({"log_file": ""}, "log file location can not be updated through network protocol"),
    "a word for a switch": ({"log_info": "yes"}, "expect bool_param for 'log_info'"),
    "a switch for a number": ({"log_verbose_level": True}, "expect uint32_param for 'log_verbose_level'"),
    "another format": (
        {"log_format": "ISO8601"},
        "invalid argument for log_format, got: ISO8601; the format is chosen when the server starts",
    ),
    "a setting that is none": ({"log_everything": True}, "there is no log setting 'log_everything'; there are log_info, log_warning"),
    "warnings off and information on": (
        {"log_warning": False, "log_info": True},
        "what is graver cannot be off while something less grave is on",
    ),
    "information off while verbose": ({"log_info": False, "log_verbose_level": 1}, "what is graver cannot be off"),
}


@pytest.mark.parametrize(("given", "text"), WRONG_LOGS.values(), ids=WRONG_LOGS.keys())
def test_log_settings_that_are_none_change_nothing(own: Stub, logger: logging.Logger, given: dict[str, Any], text: str) -> None:
    found = refusal(lambda: log_settings(own, **given))
    assert text in found.text
    assert found.code is grpc.StatusCode.INVALID_ARGUMENT
    assert logger.level == logging.INFO


# Traces.

OFF = {
    "trace_level": ["OFF"],
    "trace_rate": ["1000"],
    "trace_count": ["-1"],
    "log_frequency": ["0"],
    "trace_file": [""],
    "trace_mode": ["log"],
}


def trace_settings(stub: Stub, model: str = "", **given: list[str]) -> dict[str, list[str]]:
    message = pb.TraceSettingRequest(model_name=model)
    for name, values in given.items():
        message.settings[name].value.extend(values)
    found = pb.TraceSettingResponse.FromString(stub.call("TraceSetting", message.SerializeToString())).settings
    return {name: list(setting.value) for name, setting in found.items()}


@pytest.fixture
def traced(own: Stub, logger: logging.Logger) -> Iterator[Stub]:
    """The server with tracing as it is at first, and again afterwards."""
    every: Any = {"trace_level": [], "trace_rate": [], "trace_count": []}
    yield own
    for model in ("", "add2", "total"):
        trace_settings(own, model, **every)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.name == "hornbeam.trace"]


def test_nothing_is_traced_at_first(traced: Stub, caplog: pytest.LogCaptureFixture) -> None:
    assert trace_settings(traced) == trace_settings(traced, "add2") == OFF
    traced.infer(add2_request())
    assert lines(caplog) == []


def test_each_so_many_th_request_is_traced_until_there_were_enough(traced: Stub, caplog: pytest.LogCaptureFixture) -> None:
    given: Any = {"trace_level": ["TIMESTAMPS"], "trace_rate": ["3"], "trace_count": ["2"]}
    assert trace_settings(traced, **given) == {**OFF, **given}
    for _ in range(12):
        traced.infer(add2_request())
    found = lines(caplog)
    assert len(found) == 2
    assert all(line.startswith("trace ModelInfer model=add2 version=1 code=OK queued=") for line in found)
    assert all(f" {stamp}=" in found[0] for stamp in ("queued", "started", "computed", "answered", "ended"))
    assert trace_settings(traced)["trace_count"] == ["0"]


def test_a_model_may_have_settings_of_its_own(traced: Stub, caplog: pytest.LogCaptureFixture) -> None:
    on: Any = {"trace_level": ["TIMESTAMPS"], "trace_rate": ["1"]}
    assert trace_settings(traced, "add2", **on) == {**OFF, **on}
    assert trace_settings(traced) == trace_settings(traced, "total") == OFF
    traced.infer(add2_request())
    assert len(lines(caplog)) == 1
    trace_settings(traced, "", trace_rate=["7"])
    assert trace_settings(traced, "add2", trace_rate=[])["trace_rate"] == ["7"]


def test_calls_that_ask_no_model_are_not_traced(traced: Stub, caplog: pytest.LogCaptureFixture) -> None:
    trace_settings(traced, trace_level=["TIMESTAMPS"], trace_rate=["1"])
    traced.call("ServerLive", b"")
    refusal(lambda: traced.infer(pb.ModelInferRequest(model_name="nope")))
    assert lines(caplog) == []


WRONG_TRACES: dict[str, tuple[dict[str, list[str]], str]] = {
    "a file": ({"trace_file": ["/tmp/mine"]}, "trace file location can not be updated through network protocol"),
    "tensors": ({"trace_level": ["TENSORS"]}, "trace level 'TENSORS' is not one of this server, which has OFF and TIMESTAMPS"),
    "on and off": ({"trace_level": ["OFF", "TIMESTAMPS"]}, "Expect only one trace level 'OFF' is specified"),
    "a word for a number": ({"trace_rate": ["often"]}, "Unable to parse 'trace_rate', got: often"),
    "two numbers": ({"trace_rate": ["1", "2"]}, "expect only 1 value for 'trace_rate'"),
    "never": ({"trace_rate": ["0"]}, "Unable to parse 'trace_rate', value is out of range [ 1, 4294967295 ], got: 0"),
    "fewer than none": ({"trace_count": ["-2"]}, "Unable to parse 'trace_count', value is out of range [ -1, 2147483647 ], got: -2"),
    "a number of many digits": ({"trace_count": ["9" * 5000]}, "value is out of range [ -1, 2147483647 ], got: 999"),
    "a number of another script": ({"trace_rate": ["٣"]}, "Unable to parse 'trace_rate', got: ٣"),
    "files by number": ({"log_frequency": ["10"]}, "Unable to parse 'log_frequency', value is out of range [ 0, 0 ], got: 10"),
    "a setting that is none": ({"trace_all": ["1"]}, "there is no trace setting 'trace_all'; there are trace_level, trace_rate"),
    "one good and one wrong": ({"trace_level": ["TIMESTAMPS"], "trace_rate": ["-"]}, "Unable to parse 'trace_rate', got: -"),
}


@pytest.mark.parametrize(("given", "text"), WRONG_TRACES.values(), ids=WRONG_TRACES.keys())
def test_trace_settings_that_are_none_change_nothing(traced: Stub, given: Any, text: str) -> None:
    found = refusal(lambda: trace_settings(traced, **given))
    assert text in found.text
    assert found.code is grpc.StatusCode.INVALID_ARGUMENT
    assert trace_settings(traced) == OFF


def test_an_unknown_model_has_no_trace_settings(traced: Stub) -> None:
    assert refusal(lambda: trace_settings(traced, "nope")).code is grpc.StatusCode.NOT_FOUND
