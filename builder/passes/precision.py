"""Precision: a network of float32 computes in float16 or bfloat16, but for what would go wrong there.

Inputs and outputs stay float32, so that whoever asks need not know. What stays float32 inside is `KEPT`: sums over many
numbers and what is made of them, functions that grow fast, and operators that ONNX Runtime or ONNX have in float32 only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import ml_dtypes
import numpy as np

from builder.errors import ExportError, several
from builder.graph import Array, Constant, Graph, Input, Node, Parameter, Result, Spec, Value
from builder.proto import DTYPES

__all__ = ["KEPT", "limit", "narrow", "peaks"]

REDUCTIONS = frozenset(
    ("CumSum", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMean", "ReduceProd", "ReduceSum", "ReduceSumSquare")
)
KEPT = REDUCTIONS | frozenset(
    (
        *("BatchNormalization", "GroupNormalization", "InstanceNormalization", "LayerNormalization", "LpNormalization"),
        *("RMSNormalization", "Softmax", "LogSoftmax"),  # statistics over many numbers
        *("Exp", "Log", "Pow", "Softplus", "Cosh", "Sinh", "Tan"),  # grow fast, or fall
        *("Sin", "Cos", "Mod", "Range"),  # of positions, which float16 counts to 2048
        *("Cast", "GRU", "GridSample", "LSTM", "RNN", "Resize", "Scan"),  # integers, and what has no kernel or no schema
        "ScatterElements",  # with a reduction, neither
    )
)
# These are computed in float32 beside a reduction: a square that is summed, the root of a sum, what is divided by it.
ELEMENTWISE = frozenset(("Abs", "Add", "Div", "Max", "Min", "Mul", "Neg", "Reciprocal", "Sqrt", "Sub"))
# These only move numbers: between operators that compute in float32 they stay there too, since two casts would be for
# nothing.
MOVES = frozenset(("Concat", "Expand", "Gather", "Identity", "Reshape", "Slice", "Split", "Squeeze", "Tile", "Transpose", "Unsqueeze"))

Weight = Constant | Parameter


def limit(dtype: str) -> float:
    """The largest number that a dtype holds: 65504 in float16, 3.4e38 in bfloat16."""
    return float(ml_dtypes.finfo(dtype).max)  # type: ignore[no-untyped-call]


def narrow(graph: Graph, dtype: str) -> Graph:
    """The graph with weights and arithmetic in `dtype`. Raises ExportError, naming every weight that is too large for it."""
    nodes = graph.nodes()
    kept = _kept(nodes, dtype)
    narrowing = _Narrowing(dtype)
    for node in nodes:
        narrowing.add(node, is_kept=node in kept)
    if narrowing.problems:
        raise ExportError(several(f"the network does not fit into {dtype}, so nothing was written", narrowing.problems))
    return replace(graph, outputs=tuple(narrowing.given_back(value) for value in graph.outputs))


def peaks(graph: Graph, dtype: str) -> Graph:
    """The graph of the largest magnitude of each value that `narrow` puts into `dtype`, each under its layer and its operator."""
    nodes = graph.nodes()
    kept = _kept(nodes, dtype)
    narrowed = dict.fromkeys(value for node in nodes if node not in kept for value in (*node.inputs, *node.results))
    found = [value for value in narrowed if isinstance(value, Result) and value.spec.dtype == "float32"]
    names = tuple(f"{'/'.join((*value.node.scope, value.node.op))}:{index}" for index, value in enumerate(found))
    return Graph(graph.inputs, tuple(map(_peak, found)), names)


def _peak(value: Result) -> Result:
    magnitude = Result(Node("Abs", (value,), (value.spec,)))
    return Result(Node("ReduceMax", (magnitude,), (Spec((), "float32"),), {"keepdims": 0}))


def _kept(nodes: Iterable[Node], dtype: str) -> set[Node]:
    """The nodes that compute in float32."""
    nodes = list(nodes)
    kept = {node for node in nodes if node.op in KEPT or any(_is_fragile(value, dtype) for value in node.inputs)}
    readers = _readers(nodes)
    into = _all_read_by({node for node in nodes if node.op in REDUCTIONS}, ELEMENTWISE, nodes, readers)
    return _all_read_by(kept | into | _beside_reductions(nodes), MOVES, nodes, readers)


def _readers(nodes: Sequence[Node]) -> dict[Node, list[Node]]:
    readers: dict[Node, list[Node]] = {}
    for node in nodes:
        for value in node.inputs:
            if isinstance(value, Result):
                readers.setdefault(value.node, []).append(node)
    return readers


def _all_read_by(wide: set[Node], ops: Collection[str], nodes: Sequence[Node], readers: Mapping[Node, list[Node]]) -> set[Node]:
    """`wide` and, of these operators, the nodes whose results all go there, at once or by others of them."""
    found = set(wide)
    for node in reversed(nodes):
        if node.op in ops and node in readers and all(reader in found for reader in readers[node]):
            found.add(node)
    return found


def _beside_reductions(nodes: Iterable[Node]) -> set[Node]:
    """What is computed of a reduction's results, element by element."""
    out_of: set[Node] = set()
    beside: set[Node] = set()
    for node in nodes:
        made = [value.node in out_of for value in node.inputs if isinstance(value, Result)]
        if node.op in REDUCTIONS:
            out_of.add(node)
        elif node.op in ELEMENTWISE and any(made):
            beside.add(node)
            if all(made) and not any(isinstance(value, Input) for value in node.inputs):
                out_of.add(node)
    return beside


def _is_fragile(value: Value | None, dtype: str) -> bool:
    """Whether a number that is no weight, such as an epsilon or the score of what is masked, is not the same in `dtype`."""
    if not isinstance(value, Constant) or value.name or value.spec.dtype != "float32":
        return False
    narrowed = _converted(value.array, dtype).astype(np.float32)
    with np.errstate(invalid="ignore"):
        return bool(np.any(np.isfinite(value.array) & ~(np.abs(narrowed - value.array) <= 0.01 * np.abs(value.array))))


def _converted(array: Array, dtype: str) -> Array:
    with np.errstate(over="ignore"):
        return array.astype(dtype)


class _Narrowing:
    """The new value of each old one, and the casts between the two dtypes, one for each value that needs it."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self.problems: list[str] = []
        self._values: dict[Value, Value] = {}
        self._casts: dict[tuple[Value, str], Value] = {}

    def add(self, node: Node, is_kept: bool) -> None:
        inputs = tuple(None if value is None else self._input(value, node, is_kept) for value in node.inputs)
        specs = node.specs if is_kept else tuple(self._narrowed(spec) for spec in node.specs)
        self._values.update(zip(node.results, replace(node, inputs=inputs, specs=specs).results, strict=True))

    def given_back(self, value: Value) -> Value:
        """An output of the network, in its own dtype."""
        found = self._values.get(value, value)
        return found if found.spec.dtype == value.spec.dtype else self._cast(found, value.spec.dtype, ())

    def _input(self, value: Value, node: Node, is_kept: bool) -> Value:
        if value.spec.dtype != "float32":
            return self._values.get(value, value)
        if isinstance(value, Constant | Parameter):
            return self._weight(value, node, is_kept)
        return self._cast(self._values.get(value, value), "float32" if is_kept else self.dtype, node.scope)

    def _weight(self, value: Weight, node: Node, is_kept: bool) -> Value:
        """A weight in `dtype`. Where the node keeps float32 a matrix is stored so and cast, which halves the file, and a vector stays."""
        if is_kept and (value.spec.rank < 2 or not value.name):
            return value
        if (value, self.dtype) not in self._casts:
            self._check(value, node)
            self._casts[value, self.dtype] = Constant(_converted(value.array, self.dtype), value.name)
        stored = self._casts[value, self.dtype]
        return self._cast(stored, "float32", node.scope) if is_kept else stored

    def _check(self, value: Weight, node: Node) -> None:
        largest = float(np.max(np.abs(value.array), initial=0, where=np.isfinite(value.array)))
        if np.isinf(_converted(np.asarray(largest), self.dtype).astype(np.float64)):
            name = "/".join((*node.scope, value.name))
            self.problems.append(
                f"weight '{name}' holds {largest:.3g}, and {self.dtype} ends at {limit(self.dtype):.5g}; scale it, or leave it in float32"
            )

    def _cast(self, value: Value, dtype: str, scope: tuple[str, ...]) -> Value:
        if value.spec.dtype == dtype:
            return value
        if (value, dtype) not in self._casts:
            node = Node("Cast", (value,), (Spec(value.spec.shape, dtype),), {"to": DTYPES[dtype]}, scope)
            self._casts[value, dtype] = Result(node)
        return self._casts[value, dtype]

    def _narrowed(self, spec: Spec) -> Spec:
        return Spec(spec.shape, self.dtype) if spec.dtype == "float32" else spec
