"""What a file says of itself, under `hornbeam.` in its metadata: the server and whoever looks at it in a viewer read it."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import onnx

from builder.export.content import fingerprint
from builder.graph import Graph

__all__ = ["Source", "batch_name", "describe", "samples_properties"]


@dataclass(frozen=True, slots=True)
class Source:
    """What a model was made from: a file and its hash, or a name and a hash of the network before any pass.

    `digest` gives the SHA-256 in hex, or waits for it: that of a file may still be computed when the file has been opened.
    """

    name: str
    digest: Callable[[], str]
    keras_version: str | None = None
    path: str | None = None  # where the file was when it was opened

    @property
    def sha256(self) -> str:
        return self.digest()

    @classmethod
    def built(cls, name: str, graph: Graph) -> Source:
        """The source of a model that was built here."""
        return cls(name, partial(fingerprint, graph))


def batch_name(graph: Graph) -> str | None:
    """The name of the batch where axis 0 of all inputs and outputs is the batch, and free."""
    first = {spec.shape[:1] for spec in (value.spec for value in (*graph.inputs, *graph.outputs))}
    name = next(iter(first))[0] if len(first) == 1 and () not in first else None
    return name if isinstance(name, str) else None


def describe(proto: onnx.ModelProto, graph: Graph, name: str, source: Source, precision: str | None) -> None:
    """Says what the model is called, what it was made from and by, and along which axes it is batched."""
    proto.graph.name = name
    proto.producer_name = "hornbeam"
    proto.producer_version = importlib.metadata.version("hornbeam")
    saved = f", saved by Keras {source.keras_version}" if source.keras_version else ""
    proto.doc_string = f"{name}: made from {source.name}{saved}{f', in {precision}' if precision else ''}"
    properties = {"hornbeam.source": source.name, "hornbeam.source_sha256": source.sha256}
    if source.keras_version:
        properties["hornbeam.keras_version"] = source.keras_version
    if precision:
        properties["hornbeam.precision"] = precision
    if batch_name(graph):
        names = [*(value.name for value in graph.inputs), *graph.names]
        properties["hornbeam.batch_axes"] = json.dumps(dict.fromkeys(names, 0))
    if graph.memory:
        properties["hornbeam.states"] = json.dumps(graph.memory)
    onnx.helper.set_model_props(proto, properties)


def samples_properties(sha256: str, tolerance: float) -> dict[str, str]:
    """Which samples belong to the model, and how far from them an answer may be, relative to the output's largest number."""
    return {"hornbeam.samples_sha256": sha256, "hornbeam.samples_tolerance": f"{tolerance:g}"}
