"""Running a graph in ONNX Runtime: there are no other kernels here, so what is computed now is what will be served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from builder.graph import Array, Graph, Value
from builder.proto import model_proto

if TYPE_CHECKING:
    import onnxruntime

__all__ = ["Program", "evaluate", "open_session"]


class Program:
    """A graph, ready to run on the CPU, with the weights as they are now."""

    def __init__(self, graph: Graph) -> None:
        self._inputs = [value.name for value in graph.inputs]
        self._session = open_session(model_proto(graph).SerializeToString())

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        """The outputs for `arrays`, which are in the order of the graph's inputs."""
        feeds: Mapping[str, Array] = dict(zip(self._inputs, arrays, strict=True))
        return list(self._session.run(None, feeds))


def evaluate(values: Sequence[Value]) -> list[Array]:
    """The numbers of values that depend on no input."""
    if not values:
        return []
    return Program(Graph((), tuple(values), tuple(f"value_{index}" for index in range(len(values))))).run([])


def open_session(model: bytes) -> onnxruntime.InferenceSession:
    """A session on the CPU, which logs errors only: what concerns the user is raised."""
    import onnxruntime  # 0.1 s and 80 MB that building a network does not need

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
