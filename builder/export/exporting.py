"""From a graph to a checked ONNX file: the only place that writes one, and it never leaves an unverified file.

Everything is checked on what is then put into place: by ONNX's checker, by an ONNX Runtime session of the very files, against
the graph before any pass, at two batch sizes, and for rows that depend on each other.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from builder.errors import ExportError, UnsupportedError
from builder.export.checks import (
    Accuracy,
    Answers,
    accuracy,
    answer,
    check_equal,
    check_fits,
    check_rows,
    check_same,
    check_valid,
    opened,
)
from builder.export.content import Content, add_to, is_small
from builder.export.inputs import FREE_SIZES, ROWS, feeds_of
from builder.export.metadata import Source, batch_name, describe, samples_properties
from builder.export.options import DYNAMIC, Options
from builder.export.original import Original, is_large, opening
from builder.export.place import Place, place_of, settle, staged
from builder.export.quantization import calibration_of, quantize
from builder.export.reference import compare_with_keras, keras_file_of
from builder.export.samples import encode
from builder.graph import Array, Graph, Spec
from builder.passes import PassReport, optimize
from builder.passes.constants import order_weights
from builder.passes.dimensions import set_dimensions
from builder.passes.halves import part_halves
from builder.passes.opset import lower
from builder.passes.precision import narrow
from builder.proto import split_proto

__all__ = ["Export", "Progress", "export"]

# How far two answers of one model may be apart, relative to the largest number of the output. Eight bits of an activation
# that is measured while running depend on what else is in the batch.
TOLERANCES = {None: 1e-4, "float16": 1e-2, "bfloat16": 5e-2, "int8": 1e-1, "int8-static": 1e-1}

Progress = Callable[[str], None]  # is told what is being done


@dataclass(frozen=True, slots=True)
class Export:
    """A file that was written and checked. `batched` tells whether a server may run requests together.

    `data` and `samples` are the files beside it, where there are such; `accuracy` is there where it has fewer bits than the
    network; `from_keras` is the largest difference from Keras's answers, relative, where that was asked for.
    """

    path: Path
    replaced: bool
    size: int  # bytes, of the model and of its weights in another file
    inputs: tuple[tuple[str, Spec], ...]
    outputs: tuple[tuple[str, Spec], ...]
    nodes: int
    passes: tuple[PassReport, ...]
    batched: bool
    opset: int
    data: Path | None
    samples: Path | None
    accuracy: Accuracy | None
    from_keras: float | None


def export(
    graph: Graph,
    destination: str | PathLike[str],
    *,
    name: str,
    version: int,
    source: Source,
    options: Options | None = None,
    progress: Progress = lambda stage: None,
) -> Export:
    """Writes `graph` to `destination`, or into it where that is a model repository, and returns what is there now.

    Raises ExportError or UnsupportedError, with nothing written, when a check fails.
    """
    options = options or Options()
    try:
        place = place_of(Path(destination), name, version)
    except OSError as error:
        raise ExportError(f"{destination} cannot be written: {error.strerror}") from error
    keras_file = keras_file_of(source) if options.check_against else None
    graph = set_dimensions(graph, options.dims)
    calibration = None if options.calibration is None else calibration_of(options.calibration, graph)
    replaced = place.model.exists()
    if "constants" not in options.without and not is_large(graph):
        graph = order_weights(graph)  # once, for the passes and for the network without them
    with opening(graph, _likely(graph, options)) as original, staged(place) as stage, ThreadPoolExecutor(1) as beside:
        progress("passes")
        optimized, passes = optimize(graph, options.without)
        finished = lower(part_halves(narrow(optimized, options.dtype)) if options.dtype else optimized, options.opset)
        progress("model")
        content = _content(finished, options, calibration)
        describe(content.proto, finished, name, source, options.precision)
        content.write(stage.model, stage.data)
        settled = beside.submit(settle, stage)  # a disk is slow, and what is checked comes from memory
        progress("checks")
        check_valid(content, stage)
        answers = _checked(stage.model, original, finished, options, calibration)
        found = _compared(stage, keras_file, optimized, answers, options, calibration, progress)
        if options.samples:
            progress("samples")
            _write_samples(stage, answers, TOLERANCES[options.precision])
        progress("files")
        settled.result()
        size = _size(stage)
    return Export(
        path=place.model,
        replaced=replaced,
        size=size,
        inputs=tuple((value.name, value.spec) for value in finished.inputs),
        outputs=tuple((name, value.spec) for name, value in zip(finished.names, finished.outputs, strict=True)),
        nodes=len(content.proto.graph.node),
        passes=tuple(passes),
        batched=batch_name(finished) is not None,
        opset=options.opset,
        data=place.data if content.apart else None,
        samples=place.samples if options.samples else None,
        accuracy=found.accuracy,
        from_keras=found.from_keras,
    )


def _likely(graph: Graph, options: Options) -> dict[str, Array] | None:
    """What the network will be asked before any pass, if it takes free axes of the first size that is tried; None for nothing."""
    if options.precision is not None:
        return None
    rows = slice(1) if batch_name(graph) is not None else slice(None)
    return {name: array[rows] for name, array in feeds_of(graph, FREE_SIZES[0]).items()}


def _content(graph: Graph, options: Options, calibration: dict[str, Array] | None) -> Content:
    external = options.external_threshold if options.external_data else None
    if options.quantize is None:
        return Content.of(graph, options.opset, external)
    if not is_small(graph):
        raise UnsupportedError(
            "--quantize takes networks of up to 2 GB, and this one is larger; --dtype float16 takes any, so nothing was written"
        )
    whole, _ = split_proto(graph, 2**63, options.opset)
    return Content.of_proto(quantize(whole, options.quantize, calibration), external)


@dataclass(frozen=True, slots=True)
class _Comparisons:
    accuracy: Accuracy | None
    from_keras: float | None


def _compared(
    stage: Place,
    keras_file: Path | None,
    graph: Graph,
    answers: Answers,
    options: Options,
    calibration: dict[str, Array] | None,
    progress: Progress,
) -> _Comparisons:
    """How far the model is from others: from Keras's where there is a file for it, from `graph` where it has fewer bits."""
    from_keras = measured = None
    if keras_file is not None:
        progress("Keras")
        from_keras = compare_with_keras(keras_file, answers, max(TOLERANCES[options.precision], 1e-3))
    if options.precision is not None:
        progress("accuracy")
        if options.dtype is not None:
            check_fits(graph, options.dtype, answers)
        measured = accuracy(opened(stage.model), graph, calibration, _size(stage))
    return _Comparisons(measured, from_keras)


def _checked(model: Path, original: Original, graph: Graph, options: Options, calibration: dict[str, Array] | None) -> Answers:
    """What the model in the file answers. Raises ExportError when it does not run, or answers wrongly.

    Where rows share a batch, the first is compared with the network as it was, and the last with itself alone: what depends
    on rows before it, and what depends on rows after it, is seen.
    """
    tolerance, is_batched = TOLERANCES[options.precision], batch_name(graph) is not None
    session = opened(model)
    answers = answer(session, graph, None if calibration is None else _first_rows(graph, calibration))
    if is_batched and options.quantize != DYNAMIC:
        check_rows(session, answers, tolerance, [answers.rows - 1] if options.precision is None else [0, answers.rows - 1])
    elif options.samples:
        check_equal(answers, answer(session, graph, answers.feeds), tolerance)
    if is_batched and options.quantize == DYNAMIC:  # it measures all rows together, so that each depends on the others a little
        whole = original.program.session  # as it was, none may
        check_rows(whole, answer(whole, graph, answers.feeds), TOLERANCES[None], [0, answers.rows - 1])
    del session  # its weights, before there are others
    if options.precision is None:
        _check_same(model, original, answers, is_batched)
    return answers


def _check_same(model: Path, original: Original, answers: Answers, is_batched: bool) -> None:
    """Raises ExportError when the network as it was answers otherwise, or, where it is batched, the first row by itself does."""
    try:
        check_same(original, answers.row(0) if is_batched else answers)
    except ExportError:
        if is_batched:
            check_rows(opened(model), answers, TOLERANCES[None], [0])  # which of the two it was
        raise


def _first_rows(graph: Graph, calibration: dict[str, Array]) -> dict[str, Array]:
    return {
        value.name: calibration[value.name][: value.spec.shape[0] if isinstance(value.spec.shape[0], int) else ROWS]
        for value in graph.inputs
    }


def _write_samples(stage: Place, answers: Answers, tolerance: float) -> None:
    """The samples, and what they are into the metadata of the model, of which nothing else changes."""
    data, sha256 = encode(answers)
    stage.samples.write_bytes(data)
    add_to(stage.model, samples_properties(sha256, tolerance))


def _size(stage: Place) -> int:
    """Bytes of the model and of its weights."""
    return sum(path.stat().st_size for path in (stage.model, stage.data) if path.exists())
