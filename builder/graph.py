"""The intermediate representation: values, nodes and graphs. It knows no Keras and no protobuf.

A value points back to the node that made it, so a graph is what its outputs can reach, and what they cannot reach is
dead without being removed. Everything is immutable but the numbers of a `Parameter`. Names are hints; what is called
what in the file is decided when the file is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

from numpy.typing import NDArray

__all__ = [
    "Array",
    "Attribute",
    "Constant",
    "Dim",
    "Graph",
    "Input",
    "Late",
    "Node",
    "Parameter",
    "Result",
    "Spec",
    "Value",
    "current_scope",
    "scope",
]

Array = NDArray[Any]
Dim = int | str | None  # known, free under a name that is equal wherever the size is equal, or unknown


@dataclass(frozen=True, slots=True)
class Spec:
    """The shape and dtype of a value; dtypes go by NumPy's names, plus "bfloat16" and "string"."""

    shape: tuple[Dim, ...]
    dtype: str

    @property
    def rank(self) -> int:
        return len(self.shape)


@dataclass(frozen=True, slots=True, eq=False)
class Input:
    """A value that the caller supplies."""

    name: str
    spec: Spec


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """A value that is known; the array must not be written to afterwards."""

    array: Array
    name: str = ""

    @property
    def spec(self) -> Spec:
        return Spec(self.array.shape, "string" if self.array.dtype.kind in "OUS" else self.array.dtype.name)


class Parameter:
    """A weight: one value however often its layer is called. Its numbers come late and may be assigned again.

    The array is made by `initialize` when it is first read, so that a weight which is loaded is never initialized and a
    shape that a file merely claims costs nothing. `version` counts assignments.
    """

    __slots__ = ("_array", "_initialize", "name", "spec", "version")

    def __init__(self, name: str, spec: Spec, initialize: Callable[[], Array]) -> None:
        self.name = name
        self.spec = spec
        self.version = 0
        self._initialize = initialize
        self._array: Array | None = None

    @property
    def array(self) -> Array:
        if self._array is None:
            self._array = self._initialize()
        return self._array

    def retire(self, reason: Callable[[], Array]) -> None:
        """There are no numbers any more: whoever still reads them gets the error that `reason` raises."""
        self._array, self._initialize = None, reason
        self.version += 1

    def assign(self, array: Array) -> None:
        assert array.shape == self.spec.shape, (array.shape, self.spec.shape)
        self._array = array
        self.version += 1


Entries = tuple[int, ...] | tuple[str, ...]


class Late:
    """Attributes of a node that come late and may be set again, as a weight's numbers do: the words of a vocabulary.

    `version` counts how often they were set; `missing` says what is to be done while they are not.
    """

    __slots__ = ("attributes", "missing", "version")

    def __init__(self, missing: str) -> None:
        self.attributes: Mapping[str, Entries] | None = None
        self.missing = missing
        self.version = 0

    def set(self, attributes: Mapping[str, Entries]) -> None:
        self.attributes = attributes
        self.version += 1


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One operation: `op` is an ONNX operator; `specs` has one entry an output; `scope` is the path of layers it is in.

    An operator of another domain than ONNX's own is written with it: "ai.onnx.ml.LabelEncoder".
    """

    op: str
    inputs: tuple[Value | None, ...]
    specs: tuple[Spec, ...]
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    scope: tuple[str, ...] = ()

    @property
    def results(self) -> tuple[Result, ...]:
        return tuple(Result(self, index) for index in range(len(self.specs)))


@dataclass(frozen=True, slots=True)
class Result:
    """An output of a node; two are equal when they are the same output of the same node."""

    node: Node
    index: int = 0

    @property
    def spec(self) -> Spec:
        return self.node.specs[self.index]


Value = Input | Constant | Parameter | Result

# Answers a node's replacement, one value an output, or None to keep it; `inputs` are the node's own, already replaced.
Rule = Callable[[Node, tuple[Value | None, ...]], Sequence[Value] | None]


@dataclass(frozen=True, slots=True)
class Graph:
    """What `outputs` can reach; `names` holds an output's name each. Unused inputs stay: they are the signature.

    `memory` names an input and an output for each state: what comes out is to go in with the next call. They are the last ones.
    """

    inputs: tuple[Input, ...]
    outputs: tuple[Value, ...]
    names: tuple[str, ...]
    memory: tuple[tuple[str, str], ...] = ()

    def nodes(self) -> list[Node]:
        """Every node after those it needs. Equal to this, but for Python's limit on recursion:

        def visit(node):
            for value in node.inputs: visit(value.node)
            order.append(node)
        """
        order: list[Node] = []
        done: set[Node] = set()
        stack = [(value.node, False) for value in reversed(self.outputs) if isinstance(value, Result)]
        while stack:
            node, needs_are_done = stack.pop()
            if node in done:
                continue
            if needs_are_done:
                done.add(node)
                order.append(node)
                continue
            stack.append((node, True))
            stack.extend((value.node, False) for value in reversed(node.inputs) if isinstance(value, Result))
        return order

    def all_nodes(self) -> list[Node]:
        """The nodes, and those of the graphs that are inside of them, as in the body of a loop."""
        nodes: list[Node] = []
        stack = [self]
        while stack:
            own = stack.pop().nodes()
            nodes.extend(own)
            stack.extend(value for node in own for value in node.attributes.values() if isinstance(value, Graph))
        return nodes

    def uses(self) -> Counter[Value]:
        """How many nodes and outputs read each value."""
        counted: Counter[Value] = Counter(self.outputs)
        for node in self.nodes():
            counted.update(value for value in node.inputs if value is not None)
        return counted

    def parameters(self) -> list[Parameter]:
        """Every weight that is read, once, in the order of first use."""
        read = (value for node in self.all_nodes() for value in (*node.inputs, *_body_outputs(node)))
        return list(dict.fromkeys(value for value in (*read, *self.outputs) if isinstance(value, Parameter)))

    def versions(self) -> list[int]:
        """What changes whenever a weight, or an attribute that came late, is assigned again."""
        late = [value for node in self.all_nodes() for value in node.attributes.values() if isinstance(value, Late)]
        return [parameter.version for parameter in self.parameters()] + [attributes.version for attributes in late]

    def strangers(self) -> list[Input]:
        """What it reads as an input without having it as one."""
        read = (value for node in self.nodes() for value in node.inputs)
        return [value for value in dict.fromkeys((*read, *self.outputs)) if isinstance(value, Input) and value not in self.inputs]

    def rewrite(self, rule: Rule) -> Graph:
        """The graph with `rule` applied to each node once, from inputs to outputs; itself when nothing changed."""
        replaced: dict[Value, Value] = {}
        for node in self.nodes():
            inputs = tuple(None if value is None else replaced.get(value, value) for value in node.inputs)
            values = rule(node, inputs)
            if values is None:
                if inputs == node.inputs:
                    continue
                values = replace(node, inputs=inputs).results
            replaced.update(zip(node.results, values, strict=True))
        if not replaced:
            return self
        return replace(self, outputs=tuple(replaced.get(value, value) for value in self.outputs))


# The body of a loop is a graph whose inputs are its own: it may read weights and constants of the whole network, and nothing else.
Attribute = int | float | str | tuple[int, ...] | tuple[float, ...] | Graph | Late


def _body_outputs(node: Node) -> Iterator[Value]:
    for value in node.attributes.values():
        if isinstance(value, Graph):
            yield from value.outputs


_scope: ContextVar[tuple[str, ...]] = ContextVar("scope", default=())


def current_scope() -> tuple[str, ...]:
    """The names of the layers whose `call` is running, outermost first; empty outside of any."""
    return _scope.get()


@contextmanager
def scope(name: str) -> Iterator[None]:
    """Nodes made inside belong to `name`."""
    token = _scope.set((*_scope.get(), name))
    try:
        yield
    finally:
        _scope.reset(token)
