"""The calls in progress: what each turns out to be about, which trace it is part of, and how many there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import monotonic

from service.request import Timeline
from service.rpc import metadata
from service.trace_context import TraceContext

__all__ = ["Begin", "Calls", "Trace"]

Begin = Callable[[str, TraceContext | None], tuple[object, TraceContext]]  # a span, and where it is, from a method and its caller's


class Trace:
    """What a call turns out to be about, for the one line that is told of it."""

    __slots__ = ("context", "model", "request_id", "timeline", "version")

    def __init__(self) -> None:
        self.model = ""
        self.version = ""
        self.request_id = ""
        self.context: TraceContext | None = None
        self.timeline = Timeline(monotonic())


class Calls:
    """The calls of one server; `begin` begins a call's span, where calls are traced."""

    def __init__(self, begin: Begin | None = None) -> None:
        self._begin = begin
        self._open: set[Trace] = set()

    def open(self, method: str, trace: Trace, given: Iterable[tuple[str, str | bytes]]) -> bool:
        """Counts a call in, with the trace that its metadata name; whether it wants to be told where its time went."""
        self._open.add(trace)
        trace.context, debug = metadata.read(given)
        if self._begin is not None:
            trace.timeline.span, trace.context = self._begin(method, trace.context)
        return debug

    def close(self, trace: Trace) -> None:
        """Counts a call out."""
        self._open.discard(trace)

    def in_progress(self) -> list[tuple[str, str]]:
        """Model and version of each call that has not ended, empty where they are not known yet."""
        return [(trace.model, trace.version) for trace in list(self._open)]
