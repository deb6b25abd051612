"""Running a network on arrays: its graph goes through the passes of an export and into ONNX Runtime."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from builder.errors import NetworkError, UnsupportedError, several
from builder.graph import Array, Graph, Input, Spec, Value
from builder.ops.symbolic import Variable
from builder.runtime import Program

__all__ = ["Executable", "Memory", "as_array", "dtype_name", "remembering"]


@dataclass(eq=False, slots=True)
class Memory:
    """A state that a layer keeps from call to call: in a network it is an input and an output, `<layer>_state_<n>_in` and `_out`.

    `array` is what it is now. `calls` has for each call of the layer the input, and what it becomes.
    """

    name: str
    array: Array
    calls: list[tuple[Input, Value]] = field(default_factory=list)

    def given(self) -> Input:
        """A new input for the state."""
        return Input(f"{self.name}_in", Spec(self.array.shape, self.array.dtype.name))


def remembering(graph: Graph, memories: Sequence[Memory]) -> Graph:
    """The graph with an input and an output for each of the states that it reads.

    Raises UnsupportedError for a layer that it calls twice, NetworkError for two states of one name.
    """
    read = {value for node in graph.nodes() for value in node.inputs if isinstance(value, Input)}.union(graph.outputs)
    found = [(memory, given, after) for memory in memories for given, after in memory.calls if given in read]
    if not found:
        return graph
    counts = Counter(memory for memory, _, _ in found)
    if twice := [f"'{memory.name}' is kept by a layer that is called {count} times" for memory, count in counts.items() if count > 1]:
        raise UnsupportedError(several("a state can go into one call of a network only; use a layer for each call", twice))
    taken = Counter([*graph.names, *(value.name for value in graph.inputs), *(f"{memory.name}_in" for memory in counts)])
    taken.update(f"{memory.name}_out" for memory in counts)
    if clashes := [f"'{name}' is the name of {count}" for name, count in taken.items() if count > 1 and "_state_" in name]:
        raise NetworkError(several("inputs and outputs need names of their own; rename the layers that keep states", clashes))
    return replace(
        graph,
        inputs=(*graph.inputs, *(given for _, given, _ in found)),
        outputs=(*graph.outputs, *(after for _, _, after in found)),
        names=(*graph.names, *(f"{memory.name}_out" for memory, _, _ in found)),
        memory=tuple((given.name, f"{memory.name}_out") for memory, given, _ in found),
    )


class Executable:
    """A graph that is compiled when it is first run, and again after any of its weights has been assigned."""

    def __init__(self, graph: Graph, memories: Sequence[Memory] = ()) -> None:
        self.graph = remembering(graph, memories) if memories and not graph.memory else graph
        known = {f"{memory.name}_in": memory for memory in memories}
        self._memories = [known[given] for given, _ in self.graph.memory]
        self._program: Program | None = None
        self._versions: list[int] = []

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        """The outputs for `arrays`, one for each input of the graph but the states, which are kept for the next call."""
        versions = self.graph.versions()
        if self._program is None or versions != self._versions:
            from builder.passes import optimize  # nothing that a network which is only built needs

            self._program, self._versions = Program(optimize(self.graph)[0]), versions
        outputs = self._program.run([*arrays, *(memory.array for memory in self._memories)])
        count = len(outputs) - len(self._memories)
        for memory, array in zip(self._memories, outputs[count:], strict=True):
            memory.array = array
        return outputs[:count]


def as_array(leaf: Any) -> Array | None:
    """An argument of a call as an array, None for one that is none; floats that NumPy made wide are float32, as everywhere in Keras."""
    if isinstance(leaf, np.ndarray | np.generic | Variable):
        array = np.asarray(leaf)
        return array.astype(np.float32) if array.dtype == np.float64 else array
    return None


def dtype_name(array: Array) -> str:
    """An array's dtype as tensors have it."""
    return "string" if array.dtype.kind in "OUS" else array.dtype.name
