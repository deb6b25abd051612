"""Spans of OpenTelemetry: one for each call, with its wait and its run below it, and one for each batch, with links to its calls.

The only module that knows OpenTelemetry, and it loads it when spans are asked for. A call's span is begun when it comes, so that its
batch can link to it; all else is read from its Timeline when it has ended.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic, time_ns
from typing import Annotated, Any, Literal

from service import __version__
from service.errors import StartupError
from service.request import BatchRun, Outcome, Timeline
from service.trace_context import TraceContext

__all__ = ["TraceOptions", "Tracer", "exporting"]

SERVICE = "inference.GRPCInferenceService"
# Statuses that OpenTelemetry's conventions for RPC count as a server's errors.
ERRORS = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"})


@dataclass(frozen=True, slots=True)
class TraceOptions:
    """Whether spans are sent, and where to."""

    tracing: Annotated[
        Literal["off", "otel"], "Sends spans by OpenTelemetry, which hornbeam[otel] installs; the OTEL_* variables count."
    ] = "off"
    otel_endpoint: Annotated[str, "Where spans are sent by OTLP over gRPC, such as http://localhost:4317; switches tracing on."] = ""


def exporting(options: TraceOptions) -> Tracer | None:
    """What sends spans as `options` say, None where none are. Raises StartupError when OpenTelemetry is not installed."""
    if options.tracing == "off" and not options.otel_endpoint:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise StartupError(f"--tracing otel needs OpenTelemetry, which is not installed: {error}; pip install 'hornbeam[otel]'") from error
    exporter = OTLPSpanExporter(endpoint=options.otel_endpoint or None, insecure=_insecure(options.otel_endpoint))
    resource = Resource.create({"service.name": "hornbeam", "service.version": __version__} if not _named() else {})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Tracer(provider)


class Tracer:
    """Makes spans of calls and of batches; `provider` is OpenTelemetry's TracerProvider, which samples and sends them."""

    def __init__(self, provider: Any) -> None:
        from opentelemetry import trace

        self._trace = trace
        self._provider = provider
        self._tracer = provider.get_tracer("hornbeam", __version__)

    def begin(self, method: str, caller: TraceContext | None) -> tuple[object, TraceContext]:
        """A span for a call that has just come, in its caller's trace or a new one, and where it is."""
        span = self._tracer.start_span(
            f"{SERVICE}/{method}", context=self._remote(caller), kind=self._trace.SpanKind.SERVER, attributes={"rpc.system": "grpc"}
        )
        own = span.get_span_context()
        return span, TraceContext(f"{own.trace_id:032x}", f"{own.span_id:016x}", own.trace_flags.sampled)

    def record_call(self, outcome: Outcome) -> None:
        """Ends the span of a call, with the spans of what it went through."""
        timeline, span = outcome.timeline, outcome.timeline.span
        if not isinstance(span, self._trace.Span):
            return
        if span.is_recording():
            span.set_attributes(_attributes(outcome))
            if outcome.code in ERRORS:
                span.set_status(self._trace.Status(self._trace.StatusCode.ERROR, outcome.text or outcome.code))
            self._child(span, "queue", timeline.queued, timeline.started)
            self._child(span, "execute", timeline.started, timeline.computed)
        span.end(_epoch(timeline.ended))

    def record_batch(self, run: BatchRun) -> None:
        """A span for an execution, in a trace of its own, with links to the calls in it that somebody keeps."""
        links = [self._trace.Link(context) for context in self._contexts(run.timelines) if context.trace_flags.sampled]
        if not links:
            return
        end = monotonic()
        started = end - run.seconds - run.assembly_seconds
        attributes = {
            "hornbeam.model": run.model,
            "hornbeam.version": run.version,
            "hornbeam.batch.rows": run.rows,
            "hornbeam.batch.requests": run.requests,
        }
        empty = self._trace.set_span_in_context(self._trace.INVALID_SPAN)
        span = self._tracer.start_span("batch", context=empty, links=links, attributes=attributes, start_time=_epoch(started))
        span.end(_epoch(end))

    def stop(self) -> None:
        """Sends what has not been sent."""
        self._provider.shutdown()

    def _contexts(self, timelines: Sequence[Timeline]) -> list[Any]:
        return [timeline.span.get_span_context() for timeline in timelines if isinstance(timeline.span, self._trace.Span)]

    def _child(self, parent: Any, name: str, start: float | None, end: float | None) -> None:
        if start is None or end is None:
            return
        context = self._trace.set_span_in_context(parent)
        self._tracer.start_span(name, context=context, start_time=_epoch(start)).end(_epoch(end))

    def _remote(self, caller: TraceContext | None) -> Any:
        """The caller's span as a parent; without one, a context that has none, whatever this thread is in."""
        if caller is None:
            return self._trace.set_span_in_context(self._trace.INVALID_SPAN)
        flags = self._trace.TraceFlags(self._trace.TraceFlags.SAMPLED if caller.sampled else self._trace.TraceFlags.DEFAULT)
        context = self._trace.SpanContext(int(caller.trace_id, 16), int(caller.span_id, 16), is_remote=True, trace_flags=flags)
        return self._trace.set_span_in_context(self._trace.NonRecordingSpan(context))


def _attributes(outcome: Outcome) -> dict[str, str | int | float]:
    """By the conventions for RPC (method, status), and what is this server's own; what is not known is left out."""
    found: dict[str, str | int | float] = {
        "rpc.service": SERVICE,
        "rpc.method": outcome.method,
        "rpc.response.status_code": outcome.code,
        "error.type": outcome.code if outcome.code in ERRORS else "",
        "hornbeam.model": outcome.model,
        "hornbeam.version": outcome.version,
        "hornbeam.reason": outcome.reason or "",
        "hornbeam.request_id": outcome.request_id,
        "hornbeam.batch.rows": outcome.timeline.batch_rows,
    }
    return {name: value for name, value in found.items() if value}


def _epoch(at: float | None) -> int:
    """A time on the monotonic clock in nanoseconds since the epoch; now for None."""
    now = time_ns()
    return now if at is None else now - round((monotonic() - at) * 1e9)


def _insecure(endpoint: str) -> bool | None:
    """Whether an endpoint is in the clear, as its scheme says; None leaves it to the environment."""
    return None if not endpoint else not endpoint.startswith("https://")


def _named() -> bool:
    """Whether the environment names the service, as every program with OpenTelemetry lets it."""
    return bool(os.environ.get("OTEL_SERVICE_NAME")) or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
