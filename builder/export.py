"""From a graph to a checked ONNX file: the only place that writes one, and it never leaves an unverified file.

Everything is checked on the very bytes that are then written, before the disk is touched: by ONNX's checker, by an ONNX
Runtime session, against the graph before any pass, at two batch sizes, and for rows that depend on each other.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import re
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from builder.errors import ExportError
from builder.graph import Array, Graph, Spec
from builder.passes import PassReport, optimize
from builder.proto import model_proto
from builder.runtime import open_session

__all__ = ["Export", "Source", "export"]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
ROWS = 3  # in the larger of the two batches that are run
FREE_SIZES = (16, 64, 256)  # tried in turn for axes that are free, until the network takes one


@dataclass(frozen=True, slots=True)
class Source:
    """What a model was made from: a file and its hash, or a name and a hash of the network before any pass."""

    name: str
    sha256: str
    keras_version: str | None = None

    @classmethod
    def built(cls, name: str, graph: Graph) -> Source:
        """The source of a model that was built here."""
        return cls(name, hashlib.sha256(model_proto(graph).SerializeToString(deterministic=True)).hexdigest())


@dataclass(frozen=True, slots=True)
class Export:
    """A file that was written and checked. `batched` tells whether a server may run requests together."""

    path: Path
    replaced: bool
    size: int  # bytes
    inputs: tuple[tuple[str, Spec], ...]
    outputs: tuple[tuple[str, Spec], ...]
    nodes: int
    passes: tuple[PassReport, ...]
    batched: bool


def export(
    graph: Graph, destination: str | PathLike[str], *, name: str, version: int, source: Source, without: Collection[str] = ()
) -> Export:
    """Writes `graph` to `destination`, or into it where that is a model repository, and returns what is there now.

    `without` names passes to leave out. Raises ExportError or UnsupportedError, with nothing written, when a check fails.
    """
    try:
        path = _path(Path(destination), name, version)
    except OSError as error:
        raise ExportError(f"{destination} cannot be written: {error.strerror}") from error
    optimized, passes = optimize(graph, without)
    batched = _is_batched(optimized)
    proto = model_proto(optimized)
    proto.graph.name = name
    _describe(proto, optimized, source, batched)
    data = _checked(proto, graph, batched)
    replaced = path.exists()
    _write(path, data)
    return Export(
        path=path,
        replaced=replaced,
        size=len(data),
        inputs=tuple((value.name, value.spec) for value in optimized.inputs),
        outputs=tuple((name, value.spec) for name, value in zip(optimized.names, optimized.outputs, strict=True)),
        nodes=len(optimized.nodes()),
        passes=tuple(passes),
        batched=batched,
    )


def _path(destination: Path, name: str, version: int) -> Path:
    """The file to write. Raises ExportError for a name or version that a model repository cannot have."""
    if destination.suffix == ".onnx":
        if destination.is_dir():
            raise ExportError(f"{destination} is a directory; a path that ends in .onnx is the file to write")
        return destination
    if not NAME.fullmatch(name):
        raise ExportError(f"{name!r} cannot be the name of a model: letters, digits, '.', '_' and '-', at most 128; choose one with --name")
    if version < 1:
        raise ExportError(f"the version of a model is an integer from 1; found {version}")
    if destination.exists() and not destination.is_dir():
        raise ExportError(f"{destination} is a file; give a directory, the model repository, or a path that ends in .onnx")
    return destination / name / str(version) / "model.onnx"


def _is_batched(graph: Graph) -> bool:
    """Whether axis 0 of all inputs and outputs is the batch, and free."""
    specs = [value.spec for value in (*graph.inputs, *graph.outputs)]
    return all(spec.shape[:1] == ("batch",) for spec in specs)


def _describe(proto: onnx.ModelProto, graph: Graph, source: Source, batched: bool) -> None:
    proto.producer_name = "hornbeam"
    proto.producer_version = importlib.metadata.version("hornbeam")
    properties = {"hornbeam.source": source.name, "hornbeam.source_sha256": source.sha256}
    if source.keras_version:
        properties["hornbeam.keras_version"] = source.keras_version
    if batched:
        names = [*(value.name for value in graph.inputs), *graph.names]
        properties["hornbeam.batch_axes"] = json.dumps(dict.fromkeys(names, 0))
    if graph.memory:
        properties["hornbeam.states"] = json.dumps(graph.memory)
    onnx.helper.set_model_props(proto, properties)


def _checked(proto: onnx.ModelProto, graph: Graph, batched: bool) -> bytes:
    """The model as bytes. Raises ExportError when it is not valid, does not run, or answers wrongly."""
    try:
        onnx.checker.check_model(proto, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ExportError(f"ONNX's checker rejects the model, so nothing was written: {error}") from error
    data: bytes = proto.SerializeToString()
    before = model_proto(graph).SerializeToString()
    try:
        run, plain = (open_session(model).run for model in (data, before))
    except Exception as error:  # ONNX Runtime raises classes of its own for each of its codes
        raise ExportError(f"ONNX Runtime cannot load the model, so nothing was written: {error}") from error
    feeds, together = _first_run(run, graph)
    _compare(graph.names, together, plain(None, feeds), "the passes changed what the network computes")
    if batched:
        _check_rows(run, graph.names, feeds, together)
    return data


def _first_run(run: Any, graph: Graph) -> tuple[dict[str, Array], list[Array]]:
    """Random inputs that the network takes, and its outputs for them."""
    reason: Exception | None = None
    for size in FREE_SIZES:
        generator = np.random.default_rng(0)
        feeds = {value.name: _sample(value.spec, size, generator) for value in graph.inputs}
        try:
            return feeds, run(None, feeds)
        except Exception as error:  # as above
            reason = error
    raise ExportError(f"ONNX Runtime loads the model but cannot run it, so nothing was written: {reason}")


def _sample(spec: Spec, size: int, generator: np.random.Generator) -> Array:
    """Numbers of any sign for floats; 0 and 1 for integers, which may be indices."""
    shape = [dim if isinstance(dim, int) else ROWS if axis == 0 else size for axis, dim in enumerate(spec.shape)]
    if spec.dtype == "string":
        return np.full(shape, "a", dtype=object)
    if "float" in spec.dtype:
        return generator.normal(size=shape).astype(spec.dtype)
    return generator.integers(0, 2, shape).astype(spec.dtype)


def _check_rows(run: Any, names: Sequence[str], feeds: Mapping[str, Array], together: Sequence[Array]) -> None:
    """Each row by itself must give what it gives among others, or requests could not share a batch."""
    for row in range(ROWS):
        try:
            alone = run(None, {name: array[row : row + 1] for name, array in feeds.items()})
        except Exception as error:  # as above
            raise ExportError(f"the model runs with {ROWS} rows and not with one, so nothing was written: {error}") from error
        expected = [array[row : row + 1] for array in together]
        _compare(names, alone, expected, "a row's answer depends on the other rows in its batch")


def _compare(names: Sequence[str], found: Sequence[Array], expected: Sequence[Array], problem: str) -> None:
    for name, one, other in zip(names, found, expected, strict=True):
        if one.shape != other.shape:
            raise ExportError(f"{problem}, so nothing was written: output '{name}' has shape {one.shape} instead of {other.shape}")
        if one.dtype.kind != "f":
            close = bool(np.all(one == other))
        else:
            scale = float(np.max(np.abs(other), initial=0.0, where=np.isfinite(other)))
            tolerance = 1e-4 if one.dtype.itemsize > 2 else 1e-2
            close = np.allclose(one, other, rtol=tolerance, atol=tolerance * scale, equal_nan=True)
        if not close:
            gap = np.max(np.abs(np.subtract(one, other, dtype=np.float64)))
            raise ExportError(f"{problem}, so nothing was written: output '{name}' differs by {gap:.3g}")


def _write(path: Path, data: bytes) -> None:
    """The file, whole or not at all. Raises ExportError, leaving what was there, when the disk refuses."""
    missing = [directory for directory in path.parents if not directory.exists()]
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".onnx.part", delete=False) as file:
            temporary = Path(file.name)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        for directory in missing:
            if directory.is_dir() and not any(directory.iterdir()):
                directory.rmdir()
        raise ExportError(f"{path} cannot be written: {error.strerror}") from error
