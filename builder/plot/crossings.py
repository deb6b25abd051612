"""The order of the nodes in each rank, such that few segments cross."""

from bisect import bisect_right, insort
from collections.abc import Sequence

from builder.plot.grid import Grid, Segment

__all__ = ["crossings", "untangle"]

SWEEPS = 12


def untangle(grid: Grid) -> None:
    """Orders the nodes of each rank: each near the mean of its neighbours in the rank before, up and down; the best of it stays."""
    starts = (_walked(grid), [list(rank) for rank in grid.ranks])
    best: list[list[int]] = []
    fewest = -1
    for start in starts:
        grid.ranks[:] = [list(rank) for rank in start]
        for sweep in range(SWEEPS):
            count = crossings(grid)
            if fewest < 0 or count < fewest:
                best, fewest = [list(rank) for rank in grid.ranks], count
            if count == 0:
                break
            _sweep(grid, down=sweep % 2 == 0)
            _swap(grid)
    grid.ranks[:] = best


def crossings(grid: Grid) -> int:
    """How many pairs of segments cross."""
    places = _places(grid)
    rank_of = {node: index for index, rank in enumerate(grid.ranks) for node in rank}
    by_rank: list[list[Segment]] = [[] for _ in grid.ranks]
    for segment in grid.segments:
        by_rank[rank_of[segment.upper]].append(segment)
    return sum(_crossed([_ends(grid, places, segment) for segment in segments]) for segments in by_rank)


def _crossed(pairs: Sequence[tuple[float, float]]) -> int:
    """Equal to the number of pairs with a < c and b > d for (a, b) and (c, d), in less time."""
    count, seen = 0, []  # type: int, list[float]
    for _, lower in sorted(pairs):
        count += len(seen) - bisect_right(seen, lower)
        insort(seen, lower)
    return count


def _places(grid: Grid) -> dict[int, int]:
    return {node: index for rank in grid.ranks for index, node in enumerate(rank)}


def _ends(grid: Grid, places: dict[int, int], segment: Segment) -> tuple[float, float]:
    """Where a segment starts and ends, in nodes from the left and fractions of them."""
    start = places[segment.upper] + segment.start / (grid.widths[segment.upper] or 1.0)
    return start, places[segment.lower] + segment.end / (grid.widths[segment.lower] or 1.0)


def _walked(grid: Grid) -> list[list[int]]:
    """The nodes in the order in which a walk down meets them, what is wide first: a way around a block goes beside it."""
    below = grid.below()
    met: dict[int, None] = {}
    for first in (node for rank in grid.ranks for node in rank):
        stack = [first]
        while stack:
            node = stack.pop()
            if node not in met:
                met[node] = None
                following = sorted(below[node], key=lambda segment: (segment.start, -segment.weight))
                stack.extend(segment.lower for segment in reversed(following))
    order = {node: index for index, node in enumerate(met)}
    return [sorted(rank, key=order.__getitem__) for rank in grid.ranks]


def _sweep(grid: Grid, down: bool) -> None:
    links = grid.above() if down else grid.below()
    places = _places(grid)
    for rank in grid.ranks if down else reversed(grid.ranks):
        means = {node: float(places[node]) for node in rank}
        for node in rank:
            ends = [_ends(grid, places, segment)[0 if down else 1] for segment in links[node]]
            if ends:
                means[node] = sum(ends) / len(ends)
        rank.sort(key=means.__getitem__)
        places.update((node, index) for index, node in enumerate(rank))


def _swap(grid: Grid) -> None:
    """Swaps neighbours where that leaves fewer crossings."""
    above, below = grid.above(), grid.below()
    places = _places(grid)
    for rank in grid.ranks:
        for index in range(len(rank) - 1):
            left, right = rank[index : index + 2]
            now = _between(grid, places, above[left], above[right], 0) + _between(grid, places, below[left], below[right], 1)
            then = _between(grid, places, above[right], above[left], 0) + _between(grid, places, below[right], below[left], 1)
            if then < now:
                rank[index], rank[index + 1] = right, left
        places.update((node, index) for index, node in enumerate(rank))


def _between(grid: Grid, places: dict[int, int], left: Sequence[Segment], right: Sequence[Segment], end: int) -> int:
    """The crossings among the segments of two nodes, `left` of which is left of the other."""
    ends = [_ends(grid, places, segment)[end] for segment in right]
    return sum(other < _ends(grid, places, segment)[end] for segment in left for other in ends)
