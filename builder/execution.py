"""Running a network on arrays: its graph goes through the passes of an export and into ONNX Runtime."""

from collections.abc import Sequence

from builder.graph import Array, Graph
from builder.passes import optimize
from builder.runtime import Program

__all__ = ["Executable"]


class Executable:
    """A graph that is compiled when it is first run, and again after any of its weights has been assigned."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._program: Program | None = None
        self._versions: list[int] = []

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        """The outputs for `arrays`, one for each input of the graph."""
        versions = self.graph.versions()
        if self._program is None or versions != self._versions:
            self._program, self._versions = Program(optimize(self.graph)[0]), versions
        return self._program.run(arrays)
