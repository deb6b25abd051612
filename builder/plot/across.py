"""Where the nodes of a grid are, across: lines that are long or join boxes are straight, and nodes keep their distance."""

from collections.abc import Sequence
from itertools import accumulate, pairwise

from builder.plot.grid import Grid, Segment

__all__ = ["fit", "spread"]

SWEEPS = 8


def spread(grid: Grid) -> list[float]:
    """The centre of each node.

    Each rank in turn is moved to the medians of its neighbours in the rank before, going down and up; the best of it stays, and what is
    nearly straight becomes so.
    """
    above, below = grid.above(), grid.below()
    both = [up + down for up, down in zip(above, below, strict=True)]
    centres = _packed(grid)
    best, least = list(centres), _bent(grid, centres)
    for sweep in range(2 * SWEEPS + 2):
        down = sweep % 2 == 0
        links = both if sweep >= 2 * SWEEPS else above if down else below
        for rank in grid.ranks if down else reversed(grid.ranks):
            _move(grid, rank, links, centres)
        if (cost := _bent(grid, centres)) < least:
            best, least = list(centres), cost
    straightener = _Straightener(grid, best)
    runs = _runs(grid, above, below)
    for run in (*runs, *runs):
        straightener.straighten(run)
    return best


def fit(wanted: Sequence[float], weights: Sequence[float], gaps: Sequence[float]) -> list[float]:
    """The positions that are least away from what is wanted, by weight, with at least `gaps` between neighbours.

    Neighbours that are too near are taken together and moved to their common median, again and again.
    """
    offsets = [0.0, *accumulate(gaps)]
    blocks: list[tuple[float, list[tuple[float, float]]]] = []
    for place, weight, offset in zip(wanted, weights, offsets, strict=True):
        members = [(place - offset, weight)]
        while blocks and blocks[-1][0] > _median(members):
            members = blocks.pop()[1] + members
        blocks.append((_median(members), members))
    fitted = [value for value, members in blocks for _ in members]
    return [value + offset for value, offset in zip(fitted, offsets, strict=True)]


def _median(members: Sequence[tuple[float, float]]) -> float:
    """The weighted median; between two values of equal right, their middle."""
    ordered = sorted(members)
    half, below = sum(weight for _, weight in ordered) / 2, 0.0
    for index, (value, weight) in enumerate(ordered):
        below += weight
        if abs(below - half) < 1e-9:
            return (value + ordered[index + 1][0]) / 2
        if below > half:
            return value
    raise AssertionError(members)


def _packed(grid: Grid) -> list[float]:
    centres = [0.0] * len(grid.widths)
    for rank in grid.ranks:
        left = -sum(grid.widths[node] for node in rank) / 2
        for node in rank:
            centres[node] = left + grid.widths[node] / 2
            left += grid.widths[node]
    return centres


def _bent(grid: Grid, centres: Sequence[float]) -> float:
    """How far from straight the segments are, by weight."""
    return sum(s.weight * abs(centres[s.upper] + s.start - centres[s.lower] - s.end) for s in grid.segments)


def _move(grid: Grid, rank: Sequence[int], links: Sequence[Sequence[Segment]], centres: list[float]) -> None:
    wanted, weights = [], []
    for node in rank:
        places = [(_opposite(node, segment, centres), segment.weight) for segment in links[node]]
        wanted.append(_median(places) if places else centres[node])
        weights.append(sum(weight for _, weight in places) or 0.01)
    gaps = [(grid.widths[left] + grid.widths[right]) / 2 for left, right in pairwise(rank)]
    for node, centre in zip(rank, fit(wanted, weights, gaps), strict=True):
        centres[node] = centre


def _opposite(node: int, segment: Segment, centres: Sequence[float]) -> float:
    """Where the centre of the node would have to be for the segment to be straight."""
    if node == segment.lower:
        return centres[segment.upper] + segment.start - segment.end
    return centres[segment.lower] + segment.end - segment.start


def _runs(grid: Grid, above: Sequence[Sequence[Segment]], below: Sequence[Sequence[Segment]]) -> list[list[tuple[int, float]]]:
    """Nodes that would be best in one line, down, each with its way across from the first one: the trunk, a branch, a long line."""
    runs, begun = [], set[int]()
    for first in (node for rank in grid.ranks for node in rank):
        run, node, offset = list[tuple[int, float]](), first, 0.0
        while node not in begun:
            begun.add(node)
            run.append((node, offset))
            segment = _heavy(below[node])
            if segment is not None and _heavy(above[segment.lower]) is segment:
                node, offset = segment.lower, offset + segment.start - segment.end
        runs.append(run)
    return [run for run in runs if len(run) > 1]


def _heavy(segments: Sequence[Segment]) -> Segment | None:
    """The segment that outweighs all others together."""
    total = sum(segment.weight for segment in segments)
    return next((segment for segment in segments if 2 * segment.weight > total), None)


class _Straightener:
    """Moves nodes of a run to a place that is free for all of them, or else for as many in a row as it can."""

    def __init__(self, grid: Grid, centres: list[float]) -> None:
        self.widths = grid.widths
        self.centres = centres
        self.left = {right: left for rank in grid.ranks for left, right in pairwise(rank)}
        self.right = {left: right for rank in grid.ranks for left, right in pairwise(rank)}

    def straighten(self, run: Sequence[tuple[int, float]]) -> None:
        """Moves the nodes; none passes another."""
        together: list[tuple[int, float]] = []
        low, high = float("-inf"), float("inf")
        for node, offset in run:
            left, right = self._free(node)
            if max(low, left - offset) > min(high, right - offset):
                self._align(together, low, high)
                together, low, high = [], float("-inf"), float("inf")
            together.append((node, offset))
            low, high = max(low, left - offset), min(high, right - offset)
        self._align(together, low, high)

    def _free(self, node: int) -> tuple[float, float]:
        low, high = float("-inf"), float("inf")
        if (left := self.left.get(node)) is not None:
            low = self.centres[left] + (self.widths[left] + self.widths[node]) / 2
        if (right := self.right.get(node)) is not None:
            high = self.centres[right] - (self.widths[right] + self.widths[node]) / 2
        return low, max(low, high)  # a sum's last bit may differ

    def _align(self, together: Sequence[tuple[int, float]], low: float, high: float) -> None:
        place = min(max(_median([(self.centres[node] - offset, 1.0) for node, offset in together]), low), high)
        for node, offset in together:
            self.centres[node] = place + offset
