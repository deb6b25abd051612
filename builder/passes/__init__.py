"""Graph to graph: what makes the exported file small and plain. None of them changes what a network computes."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from builder.errors import NetworkError
from builder.graph import Graph
from builder.passes.constants import fold_constants
from builder.passes.duplicates import merge_duplicates
from builder.passes.fusion import fuse_bias, fuse_normalization, fuse_padding, fuse_scale, merge_concatenations
from builder.passes.halves import part_halves
from builder.passes.identities import remove_identities
from builder.passes.layout import sink_transposes

__all__ = ["PASSES", "PassReport", "optimize"]

Pass = Callable[[Graph], Graph]

# In the order in which they run: a pass returns its very argument when it finds nothing to do.
PASSES: dict[str, Pass] = {
    "identities": remove_identities,
    "constants": fold_constants,
    "layout": sink_transposes,
    "padding": fuse_padding,
    "bias": fuse_bias,
    "normalization": fuse_normalization,
    "scale": fuse_scale,
    "concatenations": merge_concatenations,
    "halves": part_halves,
    "duplicates": merge_duplicates,
}


@dataclass(frozen=True, slots=True)
class PassReport:
    """What one pass did: the number of nodes before and after, and whether anything changed."""

    name: str
    before: int
    after: int
    changed: bool


def optimize(graph: Graph, without: Collection[str] = ()) -> tuple[Graph, list[PassReport]]:
    """The graph after every pass but those named in `without`, and what each did. Raises NetworkError for an unknown name."""
    if unknown := sorted(set(without) - set(PASSES)):
        raise NetworkError(f"there is no pass {', '.join(map(repr, unknown))}; there are {', '.join(PASSES)}")
    reports: list[PassReport] = []
    size = len(graph.nodes())
    for name, run in PASSES.items():
        if name in without:
            continue
        before, earlier, graph = size, graph, run(graph)
        size = before if graph is earlier else len(graph.nodes())
        reports.append(PassReport(name, before, size, graph is not earlier))
    return graph, reports
