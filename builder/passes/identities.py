"""Identities: nodes that change nothing go."""

from collections.abc import Sequence

from builder.graph import Graph, Node, Value

__all__ = ["remove_identities"]


def remove_identities(graph: Graph) -> Graph:
    """The graph without Identity, and without Cast and Flatten that give what they are given."""
    return graph.rewrite(_without)


def _without(node: Node, inputs: tuple[Value | None, ...]) -> Sequence[Value] | None:
    source = inputs[0] if inputs else None
    if source is None:
        return None
    unchanged = node.op == "Identity" or (node.op == "Flatten" and source.spec.rank == 2 and node.attributes["axis"] == 1)
    unchanged = unchanged or (node.op == "Cast" and source.spec.dtype == node.specs[0].dtype)
    return [source] if unchanged else None
