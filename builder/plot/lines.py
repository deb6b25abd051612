"""The lines of a level: where they meet the nodes, the ways between, and how far apart the ranks have to be for them."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

from builder.plot.across import fit
from builder.plot.block import GAP, LANE, NARROW, PAD, PORTS, Chain, Laid, Node, Title
from builder.plot.geometry import Point

__all__ = ["Lines"]

Meeting = tuple[float, list[int], float, bool]  # where lines come from, their chains, where they should meet a node, and if straight


class Lines:
    """The nodes at their places across, and what follows from it: where lines meet them, and how far apart the ranks are."""

    def __init__(self, nodes: Sequence[Node], chains: Sequence[Chain], centres: Sequence[float]) -> None:
        self.nodes = nodes
        self.chains = chains
        self.centres = centres
        self.ends = self._ends()

    def laid(self, count: int, title: Title | None) -> Laid:
        """All of it, from the corner on; `count` of the nodes are blocks."""
        beside = title is not None and title.place == "beside"
        left = min(c - n.across / 2 - n.is_lane * LANE for c, n in zip(self.centres, self.nodes, strict=True))
        right = max(c + n.across / 2 + n.is_lane * LANE for c, n in zip(self.centres, self.nodes, strict=True))
        left -= PAD + (title.across if title is not None and beside else 0.0)
        size = right + PAD - left
        tops, heights, along = self._ranks(title)
        if title is not None and beside and (more := title.along + 2 * PAD - along) > 0:
            tops, along = [top + more / 2 for top in tops], along + more
        corners = tuple(
            (centre - node.across / 2 - left, tops[node.rank] + (heights[node.rank] - node.along) / 2)
            for node, centre in zip(self.nodes[:count], self.centres, strict=False)
        )
        ways = {
            chain.link.arrow: tuple((x - left, y) for x, y in self._way(index, tops, heights, along))
            for index, chain in enumerate(self.chains)
        }
        crossing = [(index, chain) for index, chain in enumerate(self.chains) if chain.link.enters_first or chain.link.leaves_last]
        ports = {c.link.arrow: self.ends[i][0 if c.link.enters_first else 1] - left - size / 2 for i, c in crossing}
        return Laid(size, along, corners, ways, ports)

    def _ends(self) -> list[tuple[float, float]]:
        """For each chain, where its first node and its last one are met; chains that share a way meet the first at one place."""
        sides: dict[tuple[int, bool], dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
        for index, chain in enumerate(self.chains):
            sides[chain.nodes[0], False][-1 - index if self.nodes[chain.nodes[1]].core else chain.nodes[1]].append(index)
            sides[chain.nodes[-1], True][-1 - index].append(index)
        ends = [(0.0, 0.0)] * len(self.chains)
        alone = set()
        for (node, is_end), groups in sides.items():
            met = sorted(self._meeting(node, group, is_end) for group in groups.values())
            for (_, group, _, _), place in zip(met, self._spread(node, met), strict=True):
                for index in group:
                    ends[index] = (ends[index][0], place) if is_end else (place, ends[index][1])
            if len(met) == 1:
                alone.add((met[0][1][0], is_end))
        return [self._matched(c, *ends[i], (i, False) in alone, (i, True) in alone) for i, c in enumerate(self.chains)]

    def _meeting(self, node: int, group: list[int], is_end: bool) -> Meeting:
        chain = self.chains[group[0]]
        other, arrow = chain.nodes[-2] if is_end else chain.nodes[1], chain.link.arrow
        there = self.centres[other] + self.nodes[other].ports.get(arrow, 0.0)
        return there, group, *self._wanted(node, other, arrow)

    def _matched(self, chain: Chain, start: float, end: float, may_start: bool, may_end: bool) -> tuple[float, float]:
        """The ends of a step, one of them moved to the other where that makes it straight and no other line is at that side."""
        arrow, (upper, lower) = chain.link.arrow, (chain.nodes[0], chain.nodes[-1])
        if len(chain.nodes) == 2 and may_start and self._span(upper, arrow)[0] <= end <= self._span(upper, arrow)[1]:
            return end, end
        if len(chain.nodes) == 2 and may_end and self._span(lower, arrow)[0] <= start <= self._span(lower, arrow)[1]:
            return start, start
        return start, end

    def _wanted(self, node: int, other: int, arrow: int) -> tuple[float, bool]:
        """Where a line between two nodes is straight, or nearly; and whether it is."""
        (low, high), (other_low, other_high) = self._span(node, arrow), self._span(other, arrow)
        if other_low <= high and low <= other_high:
            return (max(low, other_low) + min(high, other_high)) / 2, True
        return (high if other_low > high else low), False

    def _span(self, node: int, arrow: int) -> tuple[float, float]:
        """From where to where a node may be met: a box in its middle part."""
        centre = self.centres[node] + self.nodes[node].ports.get(arrow, 0.0)
        free = self.nodes[node].core * 0.3 if self.nodes[node].is_box else 0.0
        return centre - free, centre + free

    def _spread(self, node: int, met: Sequence[Meeting]) -> list[float]:
        """The places of lines that meet one side of a node, in the order of where they come from."""
        wanted = [place for _, _, place, _ in met]
        if not self.nodes[node].is_box or len(met) == 1:
            return wanted
        low = self.centres[node] - max(self.nodes[node].core / 2 - 7, 0)
        high = 2 * self.centres[node] - low
        gap = min(PORTS, (high - low) / (len(met) - 1))
        weights = [3.0 if is_straight else 1.0 for _, _, _, is_straight in met]
        places = fit(wanted, weights, [gap] * (len(met) - 1))
        return [min(max(place, low + i * gap), high - (len(met) - 1 - i) * gap) for i, place in enumerate(places)]

    def _ranks(self, title: Title | None) -> tuple[list[float], list[float], float]:
        """The beginning and the extent of each rank along, and the extent of all; a rank of ports alone is on the border."""
        heights = [0.0] * (1 + max(node.rank for node in self.nodes))
        for node in self.nodes:
            heights[node.rank] = max(heights[node.rank], node.along)
        shifts = [0.0] * len(heights)
        for chain, (start, end) in zip(self.chains, self.ends, strict=True):
            places = [start, *(self.centres[node] for node in chain.nodes[1:-1]), end]
            for number, (here, there) in zip(chain.nodes, pairwise(places), strict=False):
                rank = self.nodes[number].rank
                shifts[rank] = max(shifts[rank], abs(here - there))
        borders = self._borders(title)
        tops, along = [], _inset(0 in borders, title, "first")
        for rank, (height, shift) in enumerate(zip(heights, shifts, strict=True)):
            tops.append(along)
            near = rank in borders or rank + 1 in borders
            along += height + (NARROW if near else GAP) + min(56.0, 0.13 * shift)
        along = tops[-1] + heights[-1] + _inset(len(heights) - 1 in borders, title, "last")
        return tops, heights, along

    def _borders(self, title: Title | None) -> set[int]:
        """The ranks of ports and titles: the first, the last, both or none."""
        found = {self.nodes[chain.nodes[0]].rank for chain in self.chains if chain.link.enters_first}
        found |= {self.nodes[chain.nodes[-1]].rank for chain in self.chains if chain.link.leaves_last}
        return found | ({self.nodes[-1].rank} if title is not None and title.place != "beside" else set())

    def _way(self, index: int, tops: Sequence[float], heights: Sequence[float], along: float) -> list[Point]:
        chain, (start, end) = self.chains[index], self.ends[index]
        places = [start, *(self.centres[node] for node in chain.nodes[1:-1]), end]
        points = []
        for place, number in zip(places, chain.nodes, strict=True):
            node = self.nodes[number]
            points += [(place, tops[node.rank]), (place, tops[node.rank] + heights[node.rank])]
        first, last = self.nodes[chain.nodes[0]], self.nodes[chain.nodes[-1]]
        points[0] = (start, 0.0 if chain.link.enters_first else tops[first.rank] + (heights[first.rank] + first.along) / 2)
        points[-1] = (end, along if chain.link.leaves_last else tops[last.rank] + (heights[last.rank] - last.along) / 2)
        return points[::-1] if chain.link.up else points


def _inset(is_border: bool, title: Title | None, place: str) -> float:
    if title is not None and title.place == place:
        return 8.0
    return 0.0 if is_border else PAD
