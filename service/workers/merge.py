"""What several processes have counted, as if it had been one. Pure: readings in, a reading out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from service.metrics.samples import Example, Family, Labels, Sample
from service.metrics.table import ACROSS, Across
from service.request import BatchStatistics, Duration, Statistics

__all__ = ["COUNTED", "kept", "merge", "merge_statistics"]

COUNTED = frozenset({"counter", "histogram", "unknown"})  # Triton's counters are `unknown`, as their names do not end in _total
_RULES: Mapping[Across, Callable[[float, float], float]] = {"sum": lambda one, other: one + other, "max": max, "min": min}


def merge(readings: Iterable[Sequence[Family]], across: Mapping[str, Across] = ACROSS) -> tuple[Family, ...]:
    """One reading out of several: each sample by its metric's rule, which is the sum where there is none."""
    merged: dict[str, Family] = {}
    samples: dict[str, dict[tuple[str, Labels], Sample]] = {}
    for families in readings:
        for family in families:
            merged.setdefault(family.name, family)
            rule = _RULES[across.get(family.name, "sum")]
            _add(samples.setdefault(family.name, {}), family.samples, rule)
    return tuple(replace(family, samples=tuple(samples[name].values())) for name, family in merged.items())


def kept(families: Iterable[Family], across: Mapping[str, Across] = ACROSS) -> tuple[Family, ...]:
    """What is left of a process that has ended: what adds up over time and over processes, and must not go down."""
    return tuple(family for family in families if family.kind in COUNTED and across.get(family.name, "sum") == "sum")


def merge_statistics(found: Iterable[Statistics]) -> Statistics:
    """The sum of the statistics of one model version; the last answer is the last of all. Of none, that nothing was done."""
    every = list(found)
    answers = [one.last_answer for one in every if one.last_answer is not None]
    return Statistics(
        last_answer=max(answers, default=None),
        rows=sum(one.rows for one in every),
        executions=sum(one.executions for one in every),
        success=_total(one.success for one in every),
        fail=_total(one.fail for one in every),
        queue=_total(one.queue for one in every),
        assembly=_total(one.assembly for one in every),
        compute=_total(one.compute for one in every),
        output=_total(one.output for one in every),
        batches=_batches(batch for one in every for batch in one.batches),
    )


def _add(samples: dict[tuple[str, Labels], Sample], more: Iterable[Sample], rule: Callable[[float, float], float]) -> None:
    for sample in more:
        key = sample.name, sample.labels
        before = samples.get(key)
        if before is None:
            samples[key] = sample
        else:
            samples[key] = replace(before, value=rule(before.value, sample.value), example=_later(before.example, sample.example))


def _later(one: Example | None, other: Example | None) -> Example | None:
    if one is None or other is None:
        return one or other
    return one if one.when >= other.when else other


def _total(durations: Iterable[Duration]) -> Duration:
    every = list(durations)
    return Duration(sum(one.count for one in every), sum(one.seconds for one in every))


def _batches(batches: Iterable[BatchStatistics]) -> tuple[BatchStatistics, ...]:
    of_size: dict[int, list[BatchStatistics]] = {}
    for batch in batches:
        of_size.setdefault(batch.rows, []).append(batch)
    return tuple(
        BatchStatistics(rows, _total(one.assembly for one in same), _total(one.compute for one in same))
        for rows, same in sorted(of_size.items())
    )
