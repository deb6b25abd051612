"""What a call's metadata may ask for beside the message: to be part of a trace, and to be told where its time went."""

from __future__ import annotations

from collections.abc import Iterable

from service.request import Timeline
from service.trace_context import TraceContext, parse

__all__ = ["Trailers", "read", "timing"]

Trailers = tuple[tuple[str, str], ...]


def read(metadata: Iterable[tuple[str, str | bytes]]) -> tuple[TraceContext | None, bool]:
    """The trace that `traceparent` names, if it does, and whether `hornbeam-debug` is 1."""
    context, debug = None, False
    for key, value in metadata:
        if key == "traceparent" and isinstance(value, str):
            context = parse(value)
        elif key == "hornbeam-debug":
            debug = value == "1"
    return context, debug


def timing(timeline: Timeline) -> Trailers:
    """Trailing metadata: microseconds in the queue and in the run, and the rows that ran together; none for what was not run."""
    if timeline.queued is None or timeline.started is None or timeline.computed is None:
        return ()
    return (
        ("hornbeam-queue-us", str(round((timeline.started - timeline.queued) * 1e6))),
        ("hornbeam-compute-us", str(round((timeline.computed - timeline.started) * 1e6))),
        ("hornbeam-batch-rows", str(timeline.batch_rows)),
    )
