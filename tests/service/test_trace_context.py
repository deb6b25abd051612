"""W3C Trace Context: what counts as a traceparent, and what becomes of a call's."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.server import Server
from service.trace_context import TraceContext, parse
from tests.service.conftest import Stub, add2_request

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"

GOOD: Mapping[str, tuple[str, bool]] = {
    "sampled": (f"00-{TRACE}-{SPAN}-01", True),
    "not sampled": (f"00-{TRACE}-{SPAN}-00", False),
    "other flags too": (f"00-{TRACE}-{SPAN}-03", True),
    "other flags only": (f"00-{TRACE}-{SPAN}-02", False),
    "a later version": (f"01-{TRACE}-{SPAN}-01", True),
    "a later version with more": (f"cc-{TRACE}-{SPAN}-01-what-comes", True),
}
BAD: Mapping[str, str] = {
    "nothing": "",
    "version ff": f"ff-{TRACE}-{SPAN}-01",
    "version 00 with more": f"00-{TRACE}-{SPAN}-01-more",
    "a later version with more, not set off": f"01-{TRACE}-{SPAN}-01more",
    "capitals": f"00-{TRACE.upper()}-{SPAN}-01",
    "a trace of zeros": f"00-{'0' * 32}-{SPAN}-01",
    "a span of zeros": f"00-{TRACE}-{'0' * 16}-01",
    "a short trace": f"00-{TRACE[1:]}-{SPAN}-01",
    "a long span": f"00-{TRACE}-{SPAN}0-01",
    "no flags": f"00-{TRACE}-{SPAN}",
    "one flag": f"00-{TRACE}-{SPAN}-1",
    "a space in front": f" 00-{TRACE}-{SPAN}-01",
    "a line behind": f"00-{TRACE}-{SPAN}-01\n",
    "digits of another script": f"00-{TRACE[:-1]}\u0663-{SPAN}-01",
}


@pytest.mark.parametrize(("header", "sampled"), GOOD.values(), ids=GOOD.keys())
def test_what_is_as_the_recommendation_has_it_counts(header: str, sampled: bool) -> None:
    assert parse(header) == TraceContext(TRACE, SPAN, sampled)


@pytest.mark.parametrize("header", BAD.values(), ids=BAD.keys())
def test_what_is_not_is_ignored(header: str) -> None:
    assert parse(header) is None


@given(st.text(alphabet="0123456789abcdef-", max_size=60))
def test_nothing_is_made_up(header: str) -> None:
    found = parse(header)
    assert found is None or header[3:].startswith(f"{found.trace_id}-{found.span_id}-")


def ask(server: Server, *metadata: tuple[str, str]) -> Mapping[str, str]:
    """The trailing metadata of an answer."""
    with Stub(server.grpc_port) as stub:
        _, call = stub.method("ModelInfer").with_call(add2_request(3).SerializeToString(), metadata=metadata)
        return {key: value for key, value in call.trailing_metadata() or () if isinstance(value, str)}


@pytest.mark.parametrize(("header", "logged"), [(GOOD["sampled"][0], TRACE), (BAD["capitals"], None)], ids=["a good one", "a bad one"])
def test_the_log_line_of_a_call_has_its_trace(server: Server, caplog: pytest.LogCaptureFixture, header: str, logged: str | None) -> None:
    with caplog.at_level(logging.DEBUG, "hornbeam.calls"):
        ask(server, ("traceparent", header))
    fields = [vars(record)["fields"] for record in caplog.records if record.name == "hornbeam.calls"]
    assert [line.get("trace_id") for line in fields] == [logged]
    assert json.dumps(fields)


def test_a_caller_may_be_told_where_the_time_went(server: Server) -> None:
    told = ask(server, ("hornbeam-debug", "1"))
    assert set(told) == {"hornbeam-queue-us", "hornbeam-compute-us", "hornbeam-batch-rows"}
    assert told["hornbeam-batch-rows"] == "3"
    assert 0 <= int(told["hornbeam-queue-us"]) < 30e6
    assert 0 < int(told["hornbeam-compute-us"]) < 30e6


@pytest.mark.parametrize("value", ["0", "true", ""])
def test_nobody_is_told_who_did_not_ask(server: Server, value: str) -> None:
    assert not [name for name in ask(server, ("hornbeam-debug", value)) if name.startswith("hornbeam-")]
