"""Constant folding: what depends on no input is computed once, in ONNX Runtime, by the kernels that would have served it.

But for what would make a weight larger, as the spreading of one that is kept in few bits: the file stays small, and ONNX
Runtime does it when it loads the file.
"""

from collections.abc import Iterator
from math import prod

import numpy as np

from builder.graph import Constant, Graph, Node, Parameter, Result, Value
from builder.proto import UNSUPPORTED
from builder.runtime import evaluate

__all__ = ["fold_constants"]

SMALL = 4096  # bytes: what is not worth a node


def fold_constants(graph: Graph) -> Graph:
    """The graph with each largest constant expression in place of its nodes."""
    constant: set[Node] = set()
    of_weights: set[Node] = set()
    for node in graph.nodes():
        if node.op == UNSUPPORTED or not all(_is_constant(value, constant) for value in node.inputs):
            continue
        if any(isinstance(value, Parameter) or (isinstance(value, Result) and value.node in of_weights) for value in node.inputs):
            if _is_enlarged(node):
                continue
            of_weights.add(node)
        constant.add(node)
    if not constant:
        return graph
    roots = list(dict.fromkeys(_roots(graph, constant)))
    arrays = evaluate(roots)
    folded = {root: Constant(array, _name(root)) for root, array in zip(roots, arrays, strict=True)}
    return graph.rewrite(lambda node, _: [folded.get(result, result) for result in node.results] if node in constant else None)


def _is_constant(value: Value | None, constant: set[Node]) -> bool:
    return value is None or isinstance(value, Constant | Parameter) or (isinstance(value, Result) and value.node in constant)


def _is_enlarged(node: Node) -> bool:
    """Whether a node's outputs take more bytes than its inputs, and enough of them to matter."""
    after = sum(map(_size, node.results))
    return after > max(SMALL, sum(_size(value) for value in node.inputs if value is not None))


def _size(value: Value) -> int:
    """Bytes; 0 where they are not known."""
    if any(not isinstance(dim, int) for dim in value.spec.shape) or value.spec.dtype == "string":
        return 0
    return int(prod(dim for dim in value.spec.shape if isinstance(dim, int))) * np.dtype(value.spec.dtype).itemsize


def _roots(graph: Graph, constant: set[Node]) -> Iterator[Result]:
    """The constant results that something not constant reads."""
    for node in graph.nodes():
        if node not in constant:
            yield from (value for value in node.inputs if isinstance(value, Result) and value.node in constant)
    yield from (value for value in graph.outputs if isinstance(value, Result) and value.node in constant)


def _name(value: Value | None) -> str:
    """A folded weight goes by the name of the weight that it was made of first."""
    while isinstance(value, Result):
        value = next((given for given in value.node.inputs if not isinstance(given, Constant)), None)
    return value.name if isinstance(value, Parameter) else ""
