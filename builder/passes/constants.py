"""Constant folding: what depends on no input is computed once, in ONNX Runtime, by the kernels that would have served it."""

from collections.abc import Iterator

from builder.graph import Constant, Graph, Node, Parameter, Result, Value
from builder.proto import UNSUPPORTED
from builder.runtime import evaluate

__all__ = ["fold_constants"]


def fold_constants(graph: Graph) -> Graph:
    """The graph with each largest constant expression in place of its nodes."""
    constant: set[Node] = set()
    for node in graph.nodes():
        if node.op != UNSUPPORTED and all(_is_constant(value, constant) for value in node.inputs):
            constant.add(node)
    if not constant:
        return graph
    roots = list(dict.fromkeys(_roots(graph, constant)))
    arrays = evaluate(roots)
    folded = {root: Constant(array, _name(root)) for root, array in zip(roots, arrays, strict=True)}
    return graph.rewrite(lambda node, _: [folded.get(result, result) for result in node.results] if node in constant else None)


def _is_constant(value: Value | None, constant: set[Node]) -> bool:
    return value is None or isinstance(value, Constant | Parameter) or (isinstance(value, Result) and value.node in constant)


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
