"""Measurements as a table for a terminal, and as an object for JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from service.bench.measuring import BenchOptions, Measurement, Subject
from service.bench.target import PHASES

__all__ = ["as_object", "heading", "limits", "notes", "row", "title"]

BUSY = 0.9  # of its time: beyond it the client is the limit
CALL_COLUMNS = ("requests/s", "rows/s", "p50 ms", "p90 ms", "p99 ms", "max ms", "errors")
SERVER_COLUMNS = ("rows/run", "queue ms", "assembly ms", "compute ms", "output ms", "elsewhere ms")
MOST_SIZES = 8  # batch sizes that a note lists


def title(subject: Subject, options: BenchOptions) -> str:
    """What is measured, and how."""
    model = subject.model
    how = f"open loop, {options.arrivals} arrivals, timed from when they were due" if options.rates else "closed loop"
    rows = f"{subject.rows} row{'s' if subject.rows > 1 else ''} a request"
    return (
        f"{model.name}{f' version {model.version}' if model.version else ''} at {subject.address} ({model.server}): "
        f"{rows}, {len(subject.request):,} bytes there, {subject.answer_bytes:,} back\n"
        f"{how}, {options.seconds:g} s each after {options.warm_up_seconds:g} s of warm-up"
    )


def heading(subject: Subject, options: BenchOptions) -> str:
    """The names of the columns."""
    columns = (*CALL_COLUMNS, *(SERVER_COLUMNS if subject.model.statistics else ()))
    return f"{'arrivals' if options.rates else 'in flight':>10}" + "".join(f"{name:>{_width(name)}}" for name in columns)


def row(measured: Measurement) -> str:
    """A measurement's line in the table."""
    sample = measured.sample
    cells = [f"{sample.throughput:,.0f}", f"{sample.throughput * measured.rows:,.0f}"]
    cells += [_milliseconds(sample.percentile(percent)) for percent in (50, 90, 99, 100)]
    cells.append(f"{sample.errors:,}")
    columns = list(CALL_COLUMNS)
    if (spent := measured.spent) is not None:
        cells.append(f"{spent.rows / spent.executions:.1f}" if spent.executions else "-")
        cells += [_milliseconds(spent.each(phase)) for phase in ("queue", "assembly", "compute", "output")]
        cells.append(_milliseconds(_elsewhere(measured)))
        columns += SERVER_COLUMNS
    return f"{measured.level.name:>10}" + "".join(f"{cell:>{_width(name)}}" for cell, name in zip(cells, columns, strict=True))


def notes(measured: Measurement) -> list[str]:
    """What the table has no room for: errors by code, the batches that were formed, and whether the client was the limit."""
    found = []
    sample, where = measured.sample, f"{measured.level.name}{'' if measured.level.rate else ' in flight'}"
    if sample.errors:
        codes = ", ".join(f"{count:,} {code}" for code, count in sorted(sample.codes.items()) if code != "OK")
        found.append(f"{where}: of {sample.sent:,} calls {codes}")
    if measured.spent is not None and measured.spent.runs:
        runs = measured.spent.runs
        most = sorted(sorted(runs, key=lambda rows: runs[rows], reverse=True)[:MOST_SIZES])
        listed = ", ".join(f"{rows} x {runs[rows]:,}" for rows in most)
        found.append(
            f"{where}: rows in a run x runs: {listed}{f', and {len(runs) - len(most)} other sizes' if len(runs) > len(most) else ''}"
        )
    if limits(measured):
        processes = sample.processes
        found.append(
            f"{where}: this side computed {sample.busy:.0%} of the time, so it is the limit and not the server: "
            f"at most {measured.ceiling:,.0f} requests/s from {processes} process{'es' if processes > 1 else ''}; "
            f"give --processes {processes * 2}, on cores that the server does not use"
        )
    return found


def limits(measured: Measurement) -> bool:
    """Whether this side, and not the server, was the limit."""
    return measured.sample.busy >= BUSY


def as_object(subject: Subject, options: BenchOptions, measurements: Sequence[Measurement]) -> Mapping[str, Any]:
    """All numbers, for JSON; those that are not known are None."""
    return {
        "address": subject.address,
        "server": subject.model.server,
        "model": subject.model.name,
        "version": subject.model.version,
        "rows": subject.rows,
        "request_bytes": len(subject.request),
        "answer_bytes": subject.answer_bytes,
        "seconds": options.seconds,
        "arrivals": options.arrivals if options.rates else None,
        "loads": [_load(measured) for measured in measurements],
    }


def _load(measured: Measurement) -> Mapping[str, Any]:
    sample, spent = measured.sample, measured.spent
    return {
        "in_flight": measured.level.in_flight or None,
        "rate": measured.level.rate or None,
        "sent": sample.sent,
        "codes": dict(sorted(sample.codes.items())),
        "requests_per_second": sample.throughput,
        "rows_per_second": sample.throughput * measured.rows,
        "latency_seconds": {f"p{percent}" if percent < 100 else "max": _known(sample.percentile(percent)) for percent in (50, 90, 99, 100)},
        "server": spent
        and {
            "requests": spent.requests,
            "rows": spent.rows,
            "executions": spent.executions,
            "runs_by_rows": {str(rows): runs for rows, runs in spent.runs.items()},
            "mean_seconds": {phase: _known(spent.each(phase)) for phase in PHASES},
        },
        "client": {
            "processes": sample.processes,
            "busy": sample.busy,
            "cpu_seconds_per_call": sample.cpu_seconds / sample.sent if sample.sent else None,
            "ceiling_per_second": _known(measured.ceiling),
            "is_the_limit": limits(measured),
        },
    }


def _elsewhere(measured: Measurement) -> float:
    """Seconds of a call on average that the server does not account for: the network, its transport, and this side."""
    sample = measured.sample
    if measured.spent is None or not sample.latencies:
        return float("nan")
    inside = sum(measured.spent.each(phase) for phase in ("queue", "assembly", "compute", "output"))
    return max(sum(sample.latencies) / len(sample.latencies) - inside, 0.0)


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:.3f}" if isfinite(seconds) else "-"


def _known(value: float) -> float | None:
    return value if isfinite(value) else None


def _width(name: str) -> int:
    return max(len(name) + 2, 9)
