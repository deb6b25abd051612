"""Running a network on arrays: its graph goes through the passes of an export and into ONNX Runtime."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from builder.graph import Array, Graph
from builder.ops.symbolic import Variable
from builder.passes import optimize
from builder.runtime import Program

__all__ = ["Executable", "as_array", "dtype_name"]


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


def as_array(leaf: Any) -> Array | None:
    """An argument of a call as an array, None for one that is none; floats that NumPy made wide are float32, as everywhere in Keras."""
    if isinstance(leaf, np.ndarray | np.generic | Variable):
        array = np.asarray(leaf)
        return array.astype(np.float32) if array.dtype == np.float64 else array
    return None


def dtype_name(array: Array) -> str:
    """An array's dtype as tensors have it."""
    return "string" if array.dtype.kind in "OUS" else array.dtype.name
