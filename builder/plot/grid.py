"""A layered graph while it is being arranged: nodes in ranks, and segments from one rank to the next.

Along is the way from inputs to outputs, across is at right angles to it; which of them is x is nobody's business here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Grid", "Segment", "ranked", "reach"]


@dataclass(frozen=True, slots=True)
class Segment:
    """A line between nodes of neighbouring ranks; `start` and `end` are where it meets them, across from their centres."""

    upper: int
    lower: int
    start: float = 0.0
    end: float = 0.0
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Grid:
    """Nodes are numbers. `widths` are their sizes across, with the free space around them."""

    ranks: list[list[int]]
    widths: list[float]
    segments: list[Segment]

    def above(self) -> list[list[Segment]]:
        """For each node, the segments that end in it."""
        found: list[list[Segment]] = [[] for _ in self.widths]
        for segment in self.segments:
            found[segment.lower].append(segment)
        return found

    def below(self) -> list[list[Segment]]:
        """For each node, the segments that start in it."""
        found: list[list[Segment]] = [[] for _ in self.widths]
        for segment in self.segments:
            found[segment.upper].append(segment)
        return found


def ranked(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """A rank for each of `count` nodes, such that all edges, from a lower number to a higher, go down.

    The longest path from the top decides; then what has more edges to one side moves to that side as far as it can, so that
    an input is next to what reads it and an output next to what gives it.
    """
    above: list[list[int]] = [[] for _ in range(count)]
    below: list[list[int]] = [[] for _ in range(count)]
    for upper, lower in edges:
        assert upper < lower, (upper, lower)
        above[lower].append(upper)
        below[upper].append(lower)
    ranks = [0] * count
    for node in range(count):
        ranks[node] = max((ranks[upper] + 1 for upper in above[node]), default=0)
    moved = True
    while moved:  # ends: each move makes the sum of all edges' lengths less
        moved = False
        for node in reversed(range(count)):
            if len(below[node]) > len(above[node]):
                wanted = min(ranks[lower] for lower in below[node]) - 1
            elif len(above[node]) > len(below[node]):
                wanted = max(ranks[upper] for upper in above[node]) + 1
            else:
                continue
            moved = moved or wanted != ranks[node]
            ranks[node] = wanted
    return ranks


def reach(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """For each node the length of the longest path through it."""
    down, up = [0] * count, [0] * count
    for upper, lower in sorted(edges):
        down[lower] = max(down[lower], down[upper] + 1)
    for upper, lower in sorted(edges, key=lambda edge: edge[1], reverse=True):
        up[upper] = max(up[upper], up[lower] + 1)
    return [above + below for above, below in zip(down, up, strict=True)]
