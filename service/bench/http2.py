"""A caller's side of HTTP/2 (RFC 9113) that sends one gRPC message over and over: no socket, no clock.

A generator of load must cost less than what it loads. grpcio's clients spend some 110 to 170 microseconds of a core on a
small call, and this a tenth of that, because every call is the same: its frames are written once, and of an answer only
its size and its status are looked at.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import IntEnum, IntFlag

from service.bench import hpack

__all__ = ["Connection", "Ended", "ProtocolError"]

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADER = 9  # bytes before a frame's payload: length, kind, flags, stream
WINDOW = 65_535  # a window's first size, unless settings say otherwise
WIDEST = 2**31 - 1
FRAME = 2**20  # bytes of a frame that are taken
REFILL = 2**29  # bytes that are received before the connection's window is widened again
KNOWN_BLOCKS = 256  # header blocks whose status is remembered
REFUSED, CANCELLED = 7, 8  # error codes of RST_STREAM


class Kind(IntEnum):
    """Kinds of frames (section 6)."""

    DATA = 0
    HEADERS = 1
    RST_STREAM = 3
    SETTINGS = 4
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9


class Flag(IntFlag):
    """Flags of frames; END_STREAM is ACK where it is about settings and pings."""

    END_STREAM = 0x1
    END_HEADERS = 0x4
    PADDED = 0x8
    PRIORITY = 0x20


class Setting(IntEnum):
    """What a side tells of itself (section 6.5.2)."""

    HEADER_TABLE_SIZE = 1
    ENABLE_PUSH = 2
    MAX_CONCURRENT_STREAMS = 3
    INITIAL_WINDOW_SIZE = 4
    MAX_FRAME_SIZE = 5


class ProtocolError(Exception):
    """What came is no HTTP/2."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A call that is over: what it was asked with, and gRPC's status code by number."""

    tag: float
    code: int


class Connection:
    """One connection's calls of `path` with `message`. Each has `timeout` seconds, as the server is told."""

    def __init__(self, authority: str, path: str, message: bytes, timeout: float) -> None:
        headers = {
            ":method": "POST",
            ":scheme": "http",
            ":path": path,
            ":authority": authority,
            "content-type": "application/grpc",
            "te": "trailers",
            "grpc-timeout": f"{max(1, round(timeout * 1000))}m",
        }
        self._block = hpack.encode(headers.items())
        self._payload = b"\0" + len(message).to_bytes(4, "big") + message
        self._head = _frame_head(len(self._block), Kind.HEADERS, Flag.END_HEADERS)
        self._middle = self._block + _frame_head(len(self._payload), Kind.DATA, Flag.END_STREAM)
        settings = {
            Setting.HEADER_TABLE_SIZE: 0,
            Setting.ENABLE_PUSH: 0,
            Setting.INITIAL_WINDOW_SIZE: WIDEST,
            Setting.MAX_FRAME_SIZE: FRAME,
        }
        content = b"".join(name.to_bytes(2, "big") + value.to_bytes(4, "big") for name, value in settings.items())
        self._outgoing: list[bytes] = [PREFACE, _frame(Kind.SETTINGS, 0, 0, content), _widened(WIDEST - WINDOW)]
        self._next = 1
        self._calls: dict[int, float] = {}
        self._waiting: deque[float] = deque()  # not begun: the server takes no more at once
        self._unsent: dict[int, list[int]] = {}  # begun, and not sent whole: how far, and the stream's window
        self._window, self._first_window, self._frame_size, self._most = WINDOW, WINDOW, 16_384, WIDEST
        self._left, self._skip, self._consumed = b"", 0, 0
        self._partial: tuple[int, bool, bytes] | None = None  # a header block that goes on in the next frame
        self._codes: dict[bytes, int] = {}
        self.received_bytes = 0
        self.going_away = False

    @property
    def in_progress(self) -> int:
        """Calls that were asked and have not ended."""
        return len(self._calls) + len(self._waiting)

    def ask(self, tag: float) -> None:
        """One more call, begun as soon as the server allows it."""
        if len(self._calls) >= self._most or self._waiting or self.going_away:
            self._waiting.append(tag)
        else:
            self._begin(tag)

    def take(self) -> bytes:
        """What is to be sent."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing[0] if len(outgoing) == 1 else b"".join(outgoing)

    @property
    def finished(self) -> bool:
        """Whether the server takes no more calls here, and has ended all that it took."""
        return self.going_away and not self._calls

    def lost(self) -> list[float]:
        """The tags of the calls that were begun, which are given up."""
        tags = list(self._calls.values())
        self._calls, self._unsent = {}, {}
        return tags

    def put_off(self) -> list[float]:
        """The tags of the calls that were never begun, and can be asked elsewhere."""
        tags = list(self._waiting)
        self._waiting.clear()
        return tags

    def receive(self, data: bytes) -> list[Ended]:
        """The calls that end with what came. Raises ProtocolError."""
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            data = data[skipped:]
        buffer = self._left + data if self._left else data
        ended: list[Ended] = []
        at, size = 0, len(buffer)
        while size - at >= HEADER:
            length = buffer[at] << 16 | buffer[at + 1] << 8 | buffer[at + 2]
            kind, flags = buffer[at + 3], buffer[at + 4]
            end = at + HEADER + length
            if kind == Kind.DATA:
                self._consume(length)
                self._skip = max(end - size, 0)
                at = min(end, size)
                continue
            if length > FRAME:
                raise ProtocolError("a frame that is larger than was allowed: this is no HTTP/2")
            if end > size:
                break
            stream = int.from_bytes(buffer[at + 5 : at + HEADER], "big") & WIDEST
            self._handle(kind, flags, stream, buffer[at + HEADER : end], ended)
            at = end
        self._left = buffer[at:]
        if self._waiting or self._unsent:
            self._proceed()
        return ended

    def _begin(self, tag: float) -> None:
        number, self._next = self._next, self._next + 2
        self._calls[number] = tag
        stream, size = number.to_bytes(4, "big"), len(self._payload)
        if size <= self._window and size <= self._first_window and size <= self._frame_size and not self._unsent:
            self._window -= size
            self._outgoing.append(b"".join((self._head, stream, self._middle, stream, self._payload)))
            return
        self._outgoing.append(self._head + stream + self._block)
        self._unsent[number] = [0, self._first_window]
        self._send_rest()

    def _send_rest(self) -> None:
        """Sends of messages that were not sent whole what the windows allow."""
        for number, progress in list(self._unsent.items()):
            start, window = progress
            while start < len(self._payload) and (size := min(len(self._payload) - start, self._window, window, self._frame_size)) > 0:
                last = start + size == len(self._payload)
                flags = Flag.END_STREAM if last else 0
                self._outgoing.append(_frame(Kind.DATA, flags, number, self._payload[start : start + size]))
                self._window, window, start = self._window - size, window - size, start + size
            progress[:] = start, window
            if start == len(self._payload):
                del self._unsent[number]
            if self._window <= 0:
                return

    def _proceed(self) -> None:
        self._send_rest()
        while self._waiting and len(self._calls) < self._most and not self.going_away:
            self._begin(self._waiting.popleft())

    def _consume(self, length: int) -> None:
        self.received_bytes += length
        self._consumed += length
        if self._consumed > REFILL:
            self._outgoing.append(_widened(self._consumed))
            self._consumed = 0

    def _handle(self, kind: int, flags: int, stream: int, payload: bytes, ended: list[Ended]) -> None:
        """A frame that is not data; what ends a call is appended to `ended`."""
        if kind in (Kind.HEADERS, Kind.CONTINUATION):
            self._headers(kind, flags, stream, payload, ended)
        elif kind == Kind.RST_STREAM:
            self._end(stream, {REFUSED: 14, CANCELLED: 1}.get(int.from_bytes(payload, "big"), 13), ended)
        elif kind == Kind.SETTINGS and not flags & Flag.END_STREAM:
            self._configure(payload)
        elif kind == Kind.PING and not flags & Flag.END_STREAM:
            self._outgoing.append(_frame(Kind.PING, Flag.END_STREAM, 0, payload))
        elif kind == Kind.GOAWAY:
            self.going_away = True
            last = int.from_bytes(payload[:4], "big") & WIDEST
            for number in [number for number in self._calls if number > last]:
                self._end(number, 14, ended)
        elif kind == Kind.WINDOW_UPDATE:
            self._widen(stream, int.from_bytes(payload, "big") & WIDEST)

    def _headers(self, kind: int, flags: int, stream: int, payload: bytes, ended: list[Ended]) -> None:
        last = bool(flags & Flag.END_STREAM)
        if kind == Kind.HEADERS and flags & (Flag.PADDED | Flag.PRIORITY):
            payload = payload[
                bool(flags & Flag.PADDED) + 5 * bool(flags & Flag.PRIORITY) : len(payload) - (payload[0] if flags & Flag.PADDED else 0)
            ]
        if kind == Kind.CONTINUATION:
            if self._partial is None:
                raise ProtocolError("a header block that goes on, and never began")
            stream, last, payload = self._partial[0], self._partial[1], self._partial[2] + payload
        if not flags & Flag.END_HEADERS:
            self._partial = stream, last, payload
            return
        self._partial = None
        if last:
            self._end(stream, self._status(payload), ended)

    def _status(self, block: bytes) -> int:
        """gRPC's status code in the last header block of an answer."""
        if (known := self._codes.get(block)) is not None:
            return known
        try:
            text = hpack.decode(block).get("grpc-status", "")
        except hpack.HeaderError as error:
            raise ProtocolError(str(error)) from error
        if len(self._codes) >= KNOWN_BLOCKS:
            self._codes.clear()
        code = self._codes[block] = int(text) if text.isdecimal() else 2  # without a status it is UNKNOWN
        return code

    def _end(self, stream: int, code: int, ended: list[Ended]) -> None:
        tag = self._calls.pop(stream, None)
        if tag is None:  # it ended before
            return
        self._unsent.pop(stream, None)
        ended.append(Ended(tag, code))
        if self._waiting:
            self._proceed()

    def _configure(self, payload: bytes) -> None:
        for at in range(0, len(payload), 6):
            name, value = int.from_bytes(payload[at : at + 2], "big"), int.from_bytes(payload[at + 2 : at + 6], "big")
            if name == Setting.MAX_CONCURRENT_STREAMS:
                self._most = value
            elif name == Setting.MAX_FRAME_SIZE:
                self._frame_size = value
            elif name == Setting.INITIAL_WINDOW_SIZE:
                for progress in self._unsent.values():
                    progress[1] += value - self._first_window
                self._first_window = value
        self._outgoing.append(_frame(Kind.SETTINGS, Flag.END_STREAM, 0, b""))
        self._proceed()

    def _widen(self, stream: int, size: int) -> None:
        if not stream:
            self._window += size
        elif stream in self._unsent:
            self._unsent[stream][1] += size


def _frame_head(length: int, kind: int, flags: int) -> bytes:
    """A frame's length, kind and flags; its stream and payload follow."""
    return length.to_bytes(3, "big") + bytes((kind, flags))


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return _frame_head(len(payload), kind, flags) + stream.to_bytes(4, "big") + payload


def _widened(size: int) -> bytes:
    """Allows the server `size` more bytes on the connection."""
    return _frame(Kind.WINDOW_UPDATE, 0, 0, size.to_bytes(4, "big"))
