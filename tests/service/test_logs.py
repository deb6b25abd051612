"""The log: one line for each thing that is said, whatever callers put into it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.logs import PER_SECOND, CallLog, JsonFormatter, LogOptions, TextFormatter, configure
from service.request import Outcome, Timeline
from service.server import Server
from tests.service.conftest import FREE_PORTS, Stub, refusal, request
from tests.service.models import save_repository

HOSTILE = 'a"b\nERROR forged: all is well\x1b[31m\x7f\u2028\x00é'


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the loggers below `hornbeam` write as JSON, from debug up."""
    log, stream = logging.getLogger("hornbeam"), io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    before = log.level
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    yield stream
    log.removeHandler(handler)
    log.setLevel(before)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def record(message: str, **fields: object) -> logging.LogRecord:
    record = logging.LogRecord("hornbeam.test", logging.WARNING, __file__, 1, "%s", (message,), None)
    record.fields = fields
    return record


def outcome(code: str, ended: float = 2.5, **more: Any) -> Outcome:
    return Outcome("ModelInfer", code, Timeline(received=2.0, ended=ended), "add2", "1", **more)


def test_a_line_of_json_has_time_level_logger_message_and_fields() -> None:
    line = json.loads(JsonFormatter().format(record("hello", model="add2", seconds=0.5)))
    when = datetime.fromisoformat(line.pop("time"))
    assert when.utcoffset() is not None
    assert line == {"level": "warning", "logger": "hornbeam.test", "message": "hello", "model": "add2", "seconds": 0.5}


def test_the_time_is_as_rfc_3339_has_it() -> None:
    entry = record("x")
    entry.created = 1_700_000_000.25
    assert json.loads(JsonFormatter().format(entry))["time"] == "2023-11-14T22:13:20.250Z"


def test_a_line_of_text_has_its_fields_behind_it() -> None:
    line = TextFormatter("%(levelname)s %(name)s: %(message)s").format(record("hello", model="add2", text="two words", empty=""))
    assert line == 'WARNING hornbeam.test: hello model=add2 text="two words" empty=""'


@given(st.text())
def test_nobody_writes_a_line_of_their_own(text: str) -> None:
    plain = TextFormatter("%(message)s").format(record(text, model=text))
    assert plain.isprintable()
    line = JsonFormatter().format(record(text, model=text))
    assert line.isascii()
    assert line.isprintable()
    parsed = json.loads(line)
    assert parsed["message"] == parsed["model"] == text


def test_control_characters_are_escaped() -> None:
    assert TextFormatter("%(message)s").format(record(HOSTILE)) == 'a"b\\nERROR forged: all is well\\x1b[31m\\x7f\\u2028\\x00é'


def test_a_traceback_keeps_its_lines_and_stays_one_object() -> None:
    try:
        raise ValueError(HOSTILE)
    except ValueError as error:
        entry = record("a bug")
        entry.exc_info = (type(error), error, error.__traceback__)
    text = TextFormatter("%(message)s").format(entry)
    assert text.splitlines()[0] == "a bug"
    assert all(line.startswith("  ") and line.isprintable() for line in text.splitlines()[1:])
    line = JsonFormatter().format(entry)
    assert "\n" not in line
    assert json.loads(line)["exception"].startswith("Traceback (most recent call last):\n")


def test_a_request_has_one_line_at_debug(written: io.StringIO) -> None:
    CallLog().record(outcome("OK", request_id="7", trace="a" * 32))
    (line,) = lines(written)
    assert (line["level"], line["logger"], line["message"]) == ("debug", "hornbeam.calls", "ModelInfer: OK")
    expected = {"model": "add2", "version": "1", "code": "OK", "request_id": "7", "trace_id": "a" * 32, "seconds": 0.5}
    assert {name: line[name] for name in expected} == expected
    assert "reason" not in line


def test_a_failure_says_whose_fault_it_was(written: io.StringIO) -> None:
    CallLog().record(outcome("INTERNAL", reason="execution", text="the model failed"))
    CallLog().record(outcome("INVALID_ARGUMENT", reason="invalid", text=HOSTILE))
    found = [(line["level"], line["reason"], line["message"]) for line in lines(written)]
    assert found == [("warning", "execution", "ModelInfer: the model failed"), ("info", "invalid", f"ModelInfer: {HOSTILE}")]


def test_callers_cannot_fill_the_log_and_what_is_left_out_is_counted(written: io.StringIO) -> None:
    log = CallLog()
    for _ in range(PER_SECOND + 5):
        log.record(outcome("NOT_FOUND"))
    log.record(outcome("INTERNAL"))
    log.record(outcome("NOT_FOUND", ended=3.0))
    found = lines(written)
    assert [line["code"] for line in found] == [*["NOT_FOUND"] * PER_SECOND, "INTERNAL", "NOT_FOUND"]
    assert found[-1]["left_out"] == 5


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_options_say_how_and_how_much(form: Any, capsys: pytest.CaptureFixture[str]) -> None:
    root, ours = logging.getLogger(), logging.getLogger("hornbeam")
    before = root.handlers[:], root.level, ours.level
    try:
        root.handlers[:] = []
        configure(LogOptions(form, "warning"))
        ours.info("not this")
        ours.warning("but this")
        logging.getLogger("somebody.else").info("nor this")
    finally:
        root.handlers[:] = before[0]
        root.setLevel(before[1])
        ours.setLevel(before[2])
    (line,) = capsys.readouterr().err.splitlines()
    assert "but this" in line
    assert line.startswith("{") == (form == "json")


def test_a_run_that_fails_has_one_line_with_what_the_runtime_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    server = Server(save_repository(tmp_path, "reshape"), FREE_PORTS)
    server.start()
    try:
        with Stub(server.grpc_port) as stub, caplog.at_level(logging.DEBUG, "hornbeam"):
            caplog.clear()
            found = refusal(lambda: stub.infer(request("reshape", {"x": np.ones(4, np.float32), "shape": np.array([3, 3])})))
    finally:
        server.stop()
    (line,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert (found.text, line.message) == (
        "the model failed on this input; the server's log says how",
        "ModelInfer: the model failed on this input; the server's log says how",
    )
    assert "cannot be reshaped" in line.fields["cause"]  # type: ignore[attr-defined]
