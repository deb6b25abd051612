"""Constant folding: what depends on no input is computed once, in ONNX Runtime, by the kernels that would have served it.

What only moves numbers, as a kernel into ONNX's order of axes, is a view of them: no session and no copy is made for it. What
would make a weight larger, as the spreading of one that is kept in few bits, is left: the file stays small, and ONNX Runtime does
it when it loads the file.
"""

from collections.abc import Iterable, Iterator, Mapping
from math import prod

import numpy as np

from builder.graph import Array, Constant, Graph, Node, Parameter, Result, Value
from builder.memory import all_contiguous
from builder.passes.transposes import ints
from builder.proto import UNSUPPORTED
from builder.runtime import evaluate

__all__ = ["fold_constants", "order_weights"]

SMALL = 4096  # bytes: what is not worth a node


def fold_constants(graph: Graph) -> Graph:
    """The graph with each largest constant expression in place of its nodes."""
    constant = _constant_nodes(graph)
    roots = list(dict.fromkeys(_roots(graph, constant)))
    arrays = _moved(constant)
    others = [root for root in roots if root not in arrays]
    arrays |= dict(zip(others, evaluate(others), strict=True))
    return _with(graph, constant, {root: arrays[root] for root in roots})


def order_weights(graph: Graph) -> Graph:
    """The graph with a copy of each weight that is only read in another order of axes, or shape, in that one.

    ONNX Runtime takes four times as long for it: it pays where a network is run as it is, and for what comes after.
    """
    constant = _constant_nodes(graph)
    moved = _moved(constant)
    return _with(graph, constant, all_contiguous({root: moved[root] for root in _roots(graph, constant) if root in moved}))


def _with(graph: Graph, constant: Mapping[Node, None], arrays: Mapping[Value, Array]) -> Graph:
    """The graph with those results of the constant nodes as numbers; itself where there are none."""
    folded = {root: Constant(array, _name(root)) for root, array in arrays.items()}
    if not folded:
        return graph
    return graph.rewrite(lambda node, _: [folded.get(result, result) for result in node.results] if node in constant else None)


def _constant_nodes(graph: Graph) -> dict[Node, None]:
    """The nodes that depend on no input, in order, but for those that would make a weight larger."""
    constant: dict[Node, None] = {}
    of_weights: set[Node] = set()
    for node in graph.nodes():
        if node.op == UNSUPPORTED or not all(_is_constant(value, constant) for value in node.inputs):
            continue
        if any(_is_weight(value) or (isinstance(value, Result) and value.node in of_weights) for value in node.inputs):
            if _is_enlarged(node):
                continue
            of_weights.add(node)
        constant[node] = None
    return constant


def _moved(nodes: Iterable[Node]) -> dict[Value, Array]:
    """The results, in order and as views, of those nodes that give the numbers of a constant in another order or shape."""
    arrays: dict[Value, Array] = {}
    for node in nodes:
        source = node.inputs[0] if node.inputs else None
        array = source.array if isinstance(source, Constant | Parameter) else arrays.get(source) if source is not None else None
        shape = [dim for dim in node.specs[0].shape if isinstance(dim, int)]
        if array is None or len(shape) != node.specs[0].rank:
            continue
        if node.op == "Transpose":
            arrays[node.results[0]] = array.transpose(ints(node, "perm") if "perm" in node.attributes else None)
        elif node.op in ("Reshape", "Squeeze", "Unsqueeze"):
            arrays[node.results[0]] = array.reshape(shape)
    return arrays


def _is_constant(value: Value | None, constant: Mapping[Node, None]) -> bool:
    return value is None or isinstance(value, Constant | Parameter) or (isinstance(value, Result) and value.node in constant)


def _is_weight(value: Value | None) -> bool:
    """Whether it is a weight, or has been made of one: a constant that goes by its name."""
    return isinstance(value, Parameter) or (isinstance(value, Constant) and bool(value.name))


def _is_enlarged(node: Node) -> bool:
    """Whether a node's outputs take more bytes than its inputs, and enough of them to matter."""
    after = sum(map(_size, node.results))
    return after > max(SMALL, sum(_size(value) for value in node.inputs if value is not None))


def _size(value: Value) -> int:
    """Bytes; 0 where they are not known."""
    if any(not isinstance(dim, int) for dim in value.spec.shape) or value.spec.dtype == "string":
        return 0
    return int(prod(dim for dim in value.spec.shape if isinstance(dim, int))) * np.dtype(value.spec.dtype).itemsize


def _roots(graph: Graph, constant: Mapping[Node, None]) -> Iterator[Result]:
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
