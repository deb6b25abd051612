"""What a model's effective configuration is and where each value came from, as an operator reads it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

from service.engine.batcher import CHEAP
from service.options import options
from service.repository.layout import ModelFile
from service.repository.model_config import ModelSettings
from service.repository.registry import Served
from service.request import TensorSpec

__all__ = ["explain"]


def explain(file: ModelFile, settings: ModelSettings, served: Served) -> str:
    """A version of a model as it would be served: its signature, how it runs, and every option with its source."""
    return "\n".join(_lines(file, settings, served))


def _lines(file: ModelFile, settings: ModelSettings, served: Served) -> Iterator[str]:
    signature = served.session.signature
    yield f"{file.name} version {file.version}{_labels(settings.labels, file.version)}: {file.path}"
    yield from _tensors("inputs", signature.inputs.values())
    yield from _tensors("outputs", signature.outputs.values())
    yield f"  batching  {_batching(served)}"
    yield f"  runs on   {served.session.provider}, {served.batcher.runners} at a time"
    yield f"  costs     {_costs(served)}"
    for group in fields(settings.options):
        yield f"  [{group.name}]"
        yield from _options(getattr(settings.options, group.name), settings.sources)
    yield from (f"  warning: {warning}" for warning in settings.warnings)


def _labels(labels: Mapping[str, int], version: int) -> str:
    own = [label for label, number in labels.items() if number == version]
    return f" ({', '.join(own)})" if own else ""


def _tensors(title: str, specs: Iterable[TensorSpec]) -> Iterator[str]:
    for index, spec in enumerate(specs):
        shape = ", ".join("?" if dim is None else str(dim) for dim in spec.shape)
        yield f"  {'' if index else title:<8}  {spec.name} {spec.datatype.name} [{shape}]"


def _batching(served: Served) -> str:
    if not served.session.signature.batched:
        return "one request at a time: its rows were not shown to be independent"
    shown = "its exporter showed" if "hornbeam.batch_axes" in served.session.metadata else "trying it showed"
    return f"up to {served.batcher.max_batch_rows} rows together: {shown} that rows are independent"


def _costs(served: Served) -> str:
    if not served.warmed:
        return "not known before it has been run"
    told = ", ".join(f"{warmed.seconds * 1000:.2g} ms for {warmed.rows}" for warmed in dict.fromkeys((served.warmed[0], served.warmed[-1])))
    cheap = [warmed.rows for warmed in served.warmed if warmed.seconds < CHEAP]
    if not cheap or served.batcher.options.max_delay_seconds:  # what is held back for more is not run by whoever brings it
        return f"{told}: run by runners"
    return f"{told}: run {_inline(cheap, len(cheap) == len(served.warmed))}"


def _inline(cheap: Sequence[int], always: bool) -> str:
    upto = "" if always else f" up to {max(cheap)} rows, and beyond by runners"
    return f"by the thread that takes the calls{upto}; by runners with --transport stock"


def _options(group: Any, sources: Mapping[str, str]) -> Iterator[str]:
    rows = [(option.name, _value(getattr(group, option.name)), sources.get(option.name, "default")) for option in options(type(group))]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for name, value, source in rows:
        yield f"    {name:<{widths[0]}}  {value:<{widths[1]}}  {source}"


def _value(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value) if value != "" else "none"
