"""The generator's side of HTTP/2: header blocks of the standard, windows, and what a server may say at any time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.bench import hpack
from service.bench.http2 import PREFACE, Connection, Ended, Flag, Kind, ProtocolError, Setting

OK = hpack.encode({"grpc-status": "0"}.items())
BUSY = hpack.encode({"grpc-status": "8", "grpc-message": "queue"}.items())
WINDOW = 65_535


def frame(kind: Kind, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def trailers(stream: int, block: bytes = OK, flags: int = Flag.END_HEADERS | Flag.END_STREAM) -> bytes:
    return frame(Kind.HEADERS, flags, stream, block)


def settings(**values: int) -> bytes:
    content = b"".join(Setting[name].to_bytes(2, "big") + value.to_bytes(4, "big") for name, value in values.items())
    return frame(Kind.SETTINGS, payload=content)


def frames(sent: bytes) -> Iterator[tuple[Kind, int, int, bytes]]:
    """What was sent, after the preface if that is at its front: kind, flags, stream, payload."""
    sent = sent.removeprefix(PREFACE)
    while sent:
        end = 9 + int.from_bytes(sent[:3], "big")
        yield Kind(sent[3]), sent[4], int.from_bytes(sent[5:9], "big"), sent[9:end]
        sent = sent[end:]


def connected(message: bytes = b"request") -> Connection:
    connection = Connection("host:1", "/service/Method", message, 1.5)
    connection.take()
    return connection


# From RFC 7541, appendix C; names of the static table other than :status are left out.
@pytest.mark.parametrize(
    ("block", "expected"),
    [
        pytest.param("400a637573746f6d2d6b65790d637573746f6d2d686561646572", {"custom-key": "custom-header"}, id="C.2.1, a literal"),
        pytest.param("100870617373776f726406736563726574", {"password": "secret"}, id="C.2.3, never indexed"),
        pytest.param("88", {":status": "200"}, id="an entry of the static table"),
        pytest.param("4803333032", {":status": "302"}, id="C.5.1, the name from the table"),
        pytest.param("488264025885aec3771a4b", {":status": "302"}, id="C.6.1, Huffman's code, and a name of no interest"),
        pytest.param("408825a849e95ba97d7f8925a849e95bb8e8b4bf", {"custom-key": "custom-value"}, id="C.4.3, a name in Huffman's code"),
        pytest.param("2088", {":status": "200"}, id="a table of no size"),
        pytest.param("", {}, id="nothing"),
    ],
)
def test_header_blocks_of_the_standard(block: str, expected: dict[str, str]) -> None:
    assert hpack.decode(bytes.fromhex(block)) == expected


@pytest.mark.parametrize(
    "block",
    [
        pytest.param("be", id="an entry of a table that was never allowed"),
        pytest.param("80", id="entry 0"),
        pytest.param("400a6375", id="text that ends early"),
        pytest.param("40", id="no text at all"),
        pytest.param("ffffffffffffff", id="an integer without end"),
    ],
)
def test_header_blocks_that_cannot_be_read(block: str) -> None:
    with pytest.raises(hpack.HeaderError):
        hpack.decode(bytes.fromhex(block))


@given(st.dictionaries(st.text("abc-", min_size=1, max_size=300), st.text(st.characters(max_codepoint=127), max_size=300), max_size=4))
def test_what_is_written_is_read(headers: dict[str, str]) -> None:
    assert hpack.decode(hpack.encode(headers.items())) == headers


def test_a_call_is_headers_and_one_message() -> None:
    connection = connected(b"abc")
    connection.ask(1.0)
    (headers, data) = frames(connection.take())
    assert headers[:3] == (Kind.HEADERS, Flag.END_HEADERS, 1)
    assert hpack.decode(headers[3]) == {
        ":method": "POST",
        ":scheme": "http",
        ":path": "/service/Method",
        ":authority": "host:1",
        "content-type": "application/grpc",
        "te": "trailers",
        "grpc-timeout": "1500m",
    }
    assert data == (Kind.DATA, Flag.END_STREAM, 1, b"\0\0\0\0\3abc")


def test_answers_end_their_calls() -> None:
    connection = connected()
    for tag in (1.0, 2.0, 3.0):
        connection.ask(tag)
    answer = trailers(3, b"\x88", Flag.END_HEADERS) + frame(Kind.DATA, 0, 3, b"answer") + trailers(3)
    assert connection.receive(answer + trailers(1, BUSY)) == [Ended(2.0, 0), Ended(1.0, 8)]
    assert connection.in_progress == 1
    assert connection.received_bytes == 6


@given(st.lists(st.integers(1, 200), max_size=6))
def test_it_does_not_matter_where_what_comes_is_cut(cuts: list[int]) -> None:
    connection = connected()
    for tag in (1.0, 2.0, 3.0):
        connection.ask(tag)
    stream = (
        settings(MAX_FRAME_SIZE=2**20)
        + trailers(1, b"\x88", Flag.END_HEADERS)
        + frame(Kind.DATA, 0, 1, bytes(100))
        + trailers(1)
        + frame(Kind.HEADERS, Flag.END_STREAM, 3, BUSY[:5])
        + frame(Kind.CONTINUATION, Flag.END_HEADERS, 3, BUSY[5:])
        + frame(Kind.RST_STREAM, 0, 5, (7).to_bytes(4, "big"))
    )
    bounds = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    parts = [stream[start:end] for start, end in pairwise(bounds)]
    ended = [call for part in parts for call in connection.receive(part)]
    assert ended == [Ended(1.0, 0), Ended(2.0, 8), Ended(3.0, 14)]
    assert connection.received_bytes == 100


def test_a_message_larger_than_the_window_waits_for_room() -> None:
    message = bytes(range(256)) * 400
    connection = connected(message)
    connection.ask(1.0)
    sent = [payload for kind, _, _, payload in frames(connection.take()) if kind is Kind.DATA]
    assert sum(map(len, sent)) == WINDOW
    assert max(map(len, sent)) <= 16_384
    for stream in (0, 1):
        connection.receive(frame(Kind.WINDOW_UPDATE, 0, stream, (2**20).to_bytes(4, "big")))
    rest = [(flags, payload) for kind, flags, _, payload in frames(connection.take()) if kind is Kind.DATA]
    assert b"".join([*sent, *(payload for _, payload in rest)]) == b"\0" + len(message).to_bytes(4, "big") + message
    assert [flags for flags, _ in rest] == [0] * (len(rest) - 1) + [Flag.END_STREAM]


def test_a_larger_first_window_counts_for_what_is_under_way() -> None:
    connection = connected(bytes(100_000))
    connection.receive(frame(Kind.WINDOW_UPDATE, 0, 0, (2**20).to_bytes(4, "big")))
    connection.ask(1.0)
    before = sum(len(payload) for kind, _, _, payload in frames(connection.take()) if kind is Kind.DATA)
    connection.receive(settings(INITIAL_WINDOW_SIZE=2**20))
    after = sum(len(payload) for kind, _, _, payload in frames(connection.take()) if kind is Kind.DATA)
    assert (before, before + after) == (WINDOW, 100_005)


def test_no_more_calls_than_the_server_takes_are_begun() -> None:
    connection = connected()
    connection.receive(settings(MAX_CONCURRENT_STREAMS=1))
    connection.ask(1.0)
    connection.ask(2.0)
    assert connection.in_progress == 2
    assert [stream for kind, _, stream, _ in frames(connection.take()) if kind is Kind.HEADERS] == [1]
    connection.receive(trailers(1))
    assert [stream for kind, _, stream, _ in frames(connection.take()) if kind is Kind.HEADERS] == [3]


def test_pings_and_settings_are_acknowledged() -> None:
    connection = connected()
    connection.receive(frame(Kind.PING, 0, 0, b"12345678") + settings() + frame(Kind.PING, Flag.END_STREAM, 0, b"12345678"))
    assert list(frames(connection.take())) == [(Kind.PING, Flag.END_STREAM, 0, b"12345678"), (Kind.SETTINGS, Flag.END_STREAM, 0, b"")]


def test_a_server_that_goes_away_finishes_what_it_took() -> None:
    connection = connected()
    connection.ask(1.0)
    connection.ask(2.0)
    assert connection.receive(frame(Kind.GOAWAY, 0, 0, (1).to_bytes(4, "big") + bytes(4))) == [Ended(2.0, 14)]
    connection.ask(3.0)
    assert not connection.finished
    assert connection.receive(trailers(1)) == [Ended(1.0, 0)]
    assert connection.finished
    assert (connection.lost(), connection.put_off()) == ([], [3.0])


def test_an_answer_without_a_status_is_unknown() -> None:
    connection = connected()
    connection.ask(1.0)
    assert connection.receive(trailers(1, b"\x88")) == [Ended(1.0, 2)]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n\r\n", id="HTTP/1.1"),
        pytest.param(frame(Kind.CONTINUATION, Flag.END_HEADERS, 1, OK), id="a header block without a beginning"),
        pytest.param(trailers(1, b"\xbe"), id="a header block that cannot be read"),
    ],
)
def test_what_is_no_http2_is_not_taken_for_it(data: bytes) -> None:
    connection = connected()
    connection.ask(1.0)
    with pytest.raises(ProtocolError):
        connection.receive(data)
