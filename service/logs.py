"""The log: how lines are written, and which of a server's calls get one.

A line is text, or with `--log-format json` one JSON object. What callers sent may be in it, so that control characters are
escaped in both: nobody writes a line of their own into the log, nor a colour into a terminal.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import Annotated, Any, Literal

from service.request import Outcome

__all__ = ["CallLog", "JsonFormatter", "LogOptions", "TextFormatter", "configure"]

log = logging.getLogger("hornbeam.calls")
SERVER_FAULTS = frozenset({"INTERNAL", "UNKNOWN", "DATA_LOSS"})
PER_SECOND = 10  # lines about failures that are not the server's fault; callers must not be able to fill a disk
_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


@dataclass(frozen=True, slots=True)
class LogOptions:
    """What is logged, to standard error."""

    log_format: Annotated[Literal["text", "json"], "How lines are written; json is one object a line."] = "text"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], "Least level that is written; debug has a line for each request."
    ] = "info"


def configure(options: LogOptions) -> None:
    """Sends all lines to standard error as `options` say; other libraries' only from warnings up."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if options.log_format == "json" else TextFormatter(_TEXT))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("hornbeam").setLevel(options.log_level.upper())


class TextFormatter(logging.Formatter):
    """A line of text, with the fields behind it; a traceback keeps its lines, which are indented."""

    def format(self, record: logging.LogRecord) -> str:
        head, *rest = super().format(record).split("\n") if record.exc_info else [super().format(record)]
        fields = "".join(f" {name}={_plain(value)}" for name, value in _fields(record).items())
        return "\n  ".join([_escaped(head) + _escaped(fields), *map(_escaped, rest)])


class JsonFormatter(logging.Formatter):
    """One JSON object: time (RFC 3339, UTC), level, logger, message, and the fields of the line."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str).replace("\x7f", "\\u007f")  # ASCII, and nothing in it that a terminal would obey


class CallLog:
    """Writes a line for each call that failed, and at debug for every other.

    The server's faults are warnings. What callers did wrong, and what was refused under load, is info, and at most ten lines a second:
    the next line says how many were left out; the metrics count all of them.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._second = 0
        self._written = 0
        self._left_out = 0

    def record(self, outcome: Outcome) -> None:
        """Writes the line of a call that has ended, if it gets one."""
        level = logging.DEBUG if outcome.code == "OK" else _level(outcome)
        if not log.isEnabledFor(level):
            return
        fields = _of_call(outcome)
        if level == logging.INFO:
            if (left_out := self._admit(outcome.timeline.ended or 0.0)) is None:
                return
            fields |= {"left_out": left_out} if left_out else {}
        log.log(level, "%s: %s", outcome.method, outcome.text or outcome.code, extra={"fields": fields})

    def _admit(self, now: float) -> int | None:
        """How many lines were left out before this one, None when it is one of them."""
        with self._lock:
            if int(now) != self._second:
                self._second, self._written = int(now), 0
            if self._written >= PER_SECOND:
                self._left_out += 1
                return None
            self._written += 1
            left_out, self._left_out = self._left_out, 0
            return left_out


def _level(outcome: Outcome) -> int:
    return logging.WARNING if outcome.code in SERVER_FAULTS else logging.INFO


def _of_call(outcome: Outcome) -> dict[str, Any]:
    """What is known of a call, without what it does not have."""
    timeline = outcome.timeline
    found = {
        "model": outcome.model,
        "version": outcome.version,
        "code": outcome.code,
        "reason": outcome.reason,
        "cause": outcome.cause,
        "request_id": outcome.request_id,
        "trace_id": outcome.trace,
        "seconds": round(timeline.ended - timeline.received, 6) if timeline.ended else None,
    }
    return {name: value for name, value in found.items() if value not in (None, "")}


def _fields(record: logging.LogRecord) -> Mapping[str, Any]:
    fields: Mapping[str, Any] = getattr(record, "fields", {})
    return fields


def _plain(value: Any) -> str:
    """A value behind a name: quoted where it has a space or a quote in it."""
    text = str(value)
    return json.dumps(text) if not text or any(char in text for char in ' "=') else text


def _escaped(text: str) -> str:
    """Text in which nothing but printable characters stands."""
    return text if text.isprintable() else "".join(char if char.isprintable() else _escape(char) for char in text)


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode()
