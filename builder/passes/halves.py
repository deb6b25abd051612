"""Transposed float16 in front of a product: ONNX Runtime 1.32 makes one node of both on the CPU, has no kernel for it, and crashes.

It does so where the first axis goes before the last but one, as in `(batch, time, in)` from `(time, batch, in)`.
"""

from dataclasses import replace

from builder.graph import Graph, Node, Result, Spec, Value
from builder.proto import DTYPES

__all__ = ["part_halves"]


def part_halves(graph: Graph) -> Graph:
    """The graph with such a tensor transposed in float32 instead, which it fits into."""

    def rule(node: Node, inputs: tuple[Value | None, ...]) -> tuple[Value, ...] | None:
        if node.op != "MatMul":
            return None
        parted = tuple(_parted(value) if isinstance(value, Result) and _is_fused(value.node) else value for value in inputs)
        return None if parted == inputs else replace(node, inputs=parted).results

    return graph.rewrite(rule)


def _is_fused(node: Node) -> bool:
    perm = node.attributes.get("perm")
    if node.op != "Transpose" or node.specs[0].dtype != "float16" or not isinstance(perm, tuple):
        return False
    rank = len(perm)
    return perm in ((*range(1, rank - 1), 0, rank - 1), (*range(1, rank), 0)) and rank > 2


def _parted(value: Result) -> Result:
    transpose = value.node
    (source,) = transpose.inputs
    assert source is not None
    wide = Node("Cast", (source,), (Spec(source.spec.shape, "float32"),), {"to": DTYPES["float32"]}, transpose.scope)
    spec = transpose.specs[0]
    turned = replace(transpose, inputs=(Result(wide),), specs=(Spec(spec.shape, "float32"),))
    return Result(Node("Cast", (Result(turned),), (spec,), {"to": DTYPES["float16"]}, transpose.scope))
