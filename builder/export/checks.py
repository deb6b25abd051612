"""What a model has to pass before anyone may have it: on the files as they will be, in the runtime that will serve them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from builder.errors import ExportError, several
from builder.export.content import Content, size_of
from builder.export.inputs import FREE_SIZES, feeds_of
from builder.export.original import Original
from builder.export.place import Place
from builder.graph import Array, Graph
from builder.passes.precision import limit, peaks
from builder.runtime import Program, open_session

__all__ = [
    "Accuracy",
    "Answers",
    "accuracy",
    "answer",
    "check_equal",
    "check_fits",
    "check_rows",
    "check_same",
    "check_valid",
    "difference",
    "opened",
]

MANY = 32  # for a measure of accuracy


@dataclass(frozen=True, slots=True)
class Answers:
    """What a model was asked and answered, by the names of inputs and outputs."""

    feeds: dict[str, Array]
    outputs: dict[str, Array]

    @property
    def rows(self) -> int:
        """How many there are, where all are batched along axis 0."""
        return len(next(iter(self.feeds.values())))

    def row(self, index: int) -> Answers:
        """One row by itself."""
        first, second = ({name: array[index : index + 1] for name, array in arrays.items()} for arrays in (self.feeds, self.outputs))
        return Answers(first, second)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How far a model with fewer bits is from the one in float32, over `rows` rows.

    The differences are relative to the largest number of an output; `agreement` is the part of rows with the same
    largest entry, where an output looks like scores of classes. Sizes are in bytes.
    """

    before: int
    after: int
    largest: float
    mean: float
    agreement: float | None
    rows: int


def check_valid(content: Content, stage: Place) -> None:
    """Raises ExportError when ONNX's checker rejects the model that was written, all but the numbers of its weights.

    Whether these are as many as they should be, ONNX Runtime sees when it loads the file.
    """
    content.write_outline(stage.outline, stage.model)
    try:
        onnx.checker.check_model(str(stage.outline), full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ExportError(f"ONNX's checker rejects the model, so nothing was written: {error}") from error


def opened(path: Path) -> Any:
    """A session of the file. Raises ExportError when ONNX Runtime refuses it."""
    try:
        return open_session(path, lean=Place(path).data.exists(), is_brief=True)
    except Exception as error:  # ONNX Runtime raises classes of its own for each of its codes
        raise ExportError(f"ONNX Runtime cannot load the model, so nothing was written: {error}") from error


def answer(session: Any, graph: Graph, feeds: Mapping[str, Array] | None) -> Answers:
    """The model's answers to `feeds`, or else to random inputs that it takes. Raises ExportError when it cannot run."""
    reason: Exception | None = None
    for size in FREE_SIZES:
        tried = dict(feeds) if feeds is not None else feeds_of(graph, size)
        try:
            return Answers(tried, dict(zip(graph.names, session.run(None, tried), strict=True)))
        except Exception as error:  # as above
            reason = error
    raise ExportError(f"ONNX Runtime loads the model but cannot run it, so nothing was written: {reason}")


def check_same(original: Original, answers: Answers) -> None:
    """Raises ExportError when the network as it was, before any pass, answers otherwise."""
    try:
        expected = original.answer(answers.feeds)
    except Exception as error:  # as above
        raise ExportError(f"ONNX Runtime cannot run the network as it was before the passes, so nothing was written: {error}") from error
    _compare(list(answers.outputs), list(answers.outputs.values()), expected, 1e-4, "the passes changed what the network computes")


def check_rows(session: Any, answers: Answers, tolerance: float, rows: Sequence[int]) -> None:
    """Each of the `rows` must give by itself what it gives among others, or requests could not share a batch. Raises ExportError."""
    for row in rows:
        expected = answers.row(row)
        try:
            alone = session.run(None, expected.feeds)
        except Exception as error:  # as above
            raise ExportError(f"the model runs with {answers.rows} rows and not with one, so nothing was written: {error}") from error
        _compare(
            list(expected.outputs),
            alone,
            list(expected.outputs.values()),
            tolerance,
            "a row's answer depends on the other rows in its batch",
        )


def check_equal(answers: Answers, again: Answers, tolerance: float) -> None:
    """Raises ExportError when a model does not answer the same a second time."""
    names, found = list(answers.outputs), list(again.outputs.values())
    _compare(names, found, list(answers.outputs.values()), tolerance, "the model does not answer the same twice")


def check_fits(graph: Graph, dtype: str, answers: Answers) -> None:
    """Raises ExportError, naming every layer, where the float32 network reaches what `dtype` cannot hold.

    ONNX Runtime's CPU computes much of float16 in float32, where nothing overflows, so that running it there does not tell.
    """
    asked = peaks(graph, dtype)
    if not asked.outputs:
        return
    found = Program(asked).run([answers.feeds[value.name] for value in asked.inputs])
    pairs = zip(asked.names, found, strict=True)
    problems = [
        f"'{name.rsplit(':', 1)[0]}' reaches {float(peak):.2g}, and {dtype} ends at {limit(dtype):.5g}"
        for name, peak in pairs
        if not peak <= limit(dtype)
    ]
    if problems:
        raise ExportError(several(f"the network does not fit into {dtype}, so nothing was written", problems))


def accuracy(session: Any, graph: Graph, calibration: Mapping[str, Array] | None, size: int) -> Accuracy:
    """How far a session's model of `size` bytes is from `graph`, in float32, on the calibration or else on random inputs.

    Raises ExportError when a number of it is no longer one.
    """
    feeds = dict(calibration) if calibration is not None else feeds_of(graph, FREE_SIZES[0], MANY)
    whole = Program(graph)
    batches = list(_in_batches(graph, feeds))
    found = _joined([session.run(None, batch) for batch in batches])
    expected = _joined([whole.run([batch[value.name] for value in graph.inputs]) for batch in batches])
    largest, means, agreed = 0.0, [0.0], []
    for name, one, other in zip(graph.names, found, expected, strict=True):
        if one.dtype.kind != "f":
            continue
        if np.any(np.isfinite(other) & ~np.isfinite(one)):
            raise ExportError(f"output '{name}' is no finite number any more with fewer bits, so nothing was written")
        gap = difference(one, other)
        largest, means = max(largest, float(np.max(gap, initial=0))), [*means, float(np.mean(gap))]
        if other.ndim == 2 and other.shape[1] > 1:
            agreed.append(float(np.mean(one.argmax(-1) == other.argmax(-1))))
    rows = sum(len(next(iter(batch.values()))) for batch in batches)
    return Accuracy(size_of(graph), size, largest, max(means), min(agreed) if agreed else None, rows)


def difference(one: Array, other: Array) -> Array:
    """How far each number is from the other's, relative to the other's largest."""
    scale = float(np.max(np.abs(other), initial=0.0, where=np.isfinite(other))) or 1.0
    with np.errstate(invalid="ignore"):
        gap = np.abs(np.subtract(one, other, dtype=np.float64)) / scale
    return np.where(one == other, 0.0, np.where(np.isnan(one) & np.isnan(other), 0.0, gap))


def _in_batches(graph: Graph, feeds: Mapping[str, Array]) -> Iterator[dict[str, Array]]:
    """The rows in as many batches as the network takes them in; what does not fill a fixed batch is left out."""
    fixed = graph.inputs[0].spec.shape[0]
    rows, size = len(next(iter(feeds.values()))), fixed if isinstance(fixed, int) else MANY
    for start in range(0, rows - (size - 1 if isinstance(fixed, int) else 0), size):
        yield {name: array[start : start + size] for name, array in feeds.items()}


def _joined(batches: Sequence[Sequence[Array]]) -> list[Array]:
    return [np.concatenate(parts) for parts in zip(*batches, strict=True)]


def _compare(names: Sequence[str], found: Sequence[Array], expected: Sequence[Array], tolerance: float, problem: str) -> None:
    for name, one, other in zip(names, found, expected, strict=True):
        if one.shape != other.shape:
            raise ExportError(f"{problem}, so nothing was written: output '{name}' has shape {one.shape} instead of {other.shape}")
        if one.dtype.kind != "f":
            close = bool(np.all(one == other))
        else:
            scale = float(np.max(np.abs(other), initial=0.0, where=np.isfinite(other)))
            bound = max(tolerance, 1e-2 if one.dtype.itemsize <= 2 else 0)
            close = np.allclose(one, other, rtol=bound, atol=bound * scale, equal_nan=True)
        if not close:
            gap = np.max(np.abs(np.subtract(one, other, dtype=np.float64)))
            raise ExportError(f"{problem}, so nothing was written: output '{name}' differs by {gap:.3g}")
