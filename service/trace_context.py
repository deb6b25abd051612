"""W3C Trace Context: which trace a call belongs to, as its caller says in `traceparent`.

https://www.w3.org/TR/trace-context/#traceparent-header: `version-traceid-parentid-flags` in lower-case hexadecimal. What is not as the
recommendation has it is ignored, as it demands: a call is never refused for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["TraceContext", "parse"]

_HEADER = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16
_SAMPLED = 0x01


@dataclass(frozen=True, slots=True)
class TraceContext:
    """The ids of a trace and of the caller's span in it, and whether the caller records it."""

    trace_id: str
    span_id: str
    sampled: bool


def parse(header: str) -> TraceContext | None:
    """What a `traceparent` says, None where it says nothing that counts.

    A version above 00 may have more behind the flags, and is read as far as 00 goes; ff is no version.
    """
    found = _HEADER.fullmatch(header)
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == "ff" or (version == "00" and more) or trace_id == _NO_TRACE or span_id == _NO_SPAN:
        return None
    return TraceContext(trace_id, span_id, bool(int(flags, 16) & _SAMPLED))
