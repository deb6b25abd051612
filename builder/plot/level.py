"""What is on one level of a picture laid out: the blocks in ranks, and the lines between and past them.

A frame is laid out before what is around it; there it is a block with fixed places where lines go in and out.
"""

from collections.abc import Sequence
from itertools import pairwise

from builder.plot.across import spread
from builder.plot.block import FREE, LANE, LOOP, Block, Chain, Laid, Link, Node, Title
from builder.plot.crossings import untangle
from builder.plot.grid import Grid, Segment, ranked, reach
from builder.plot.lines import Lines

__all__ = ["lay"]


def lay(blocks: Sequence[Block], links: Sequence[Link], title: Title | None = None) -> Laid:
    """The blocks, which are in the order of the network, in as many ranks as it takes, and lines that run through no block."""
    nodes, chains = _nodes(blocks, links, title)
    ranks: list[list[int]] = [[] for _ in range(1 + max(node.rank for node in nodes))]
    named = len(nodes) - 1 if title and title.place != "beside" else None
    for index, node in enumerate(nodes):
        if index != named:
            ranks[node.rank].append(index)
    grid = Grid(ranks, [node.across + 2 * node.room for node in nodes], _segments(nodes, chains))
    untangle(grid)
    if named is not None:
        ranks[nodes[named].rank].insert(0, named)
    return Lines(nodes, chains, spread(grid)).laid(len(blocks), title)


def _nodes(blocks: Sequence[Block], links: Sequence[Link], title: Title | None) -> tuple[list[Node], list[Chain]]:
    edges = [_down(link, link.source, link.target) for link in links if link.source is not None and link.target is not None]
    has_first = any(link.enters_first for link in links) or (title is not None and title.place == "first")
    ranks = [rank + has_first for rank in _from_zero(ranked(len(blocks), edges))]
    last = max(ranks) + 1
    nodes = [
        Node(block.across + 2 * LOOP * block.loops, block.along, rank, FREE, block.across, block.ports, is_box=not block.ports)
        for block, rank in zip(blocks, ranks, strict=True)
    ]
    shared: dict[tuple[object, ...], int] = {}

    def node(rank: int, *what: object, is_lane: bool = False) -> int:
        """The port, or the way past a rank, of a bundle: a new one if there is none."""
        if (rank, *what) not in shared:
            shared[rank, *what] = len(nodes)
            nodes.append(Node(0.0, 0.0, rank, LANE, is_lane=is_lane))
        return shared[rank, *what]

    chains = []
    for link in links:
        source = link.source if link.source is not None else node(last if link.up else 0, link.bundle)
        target = link.target if link.target is not None else node(0 if link.up else last, link.bundle)
        upper, lower = _down(link, source, target)
        start = nodes[upper].ports.get(link.arrow, 0.0)
        passed = range(nodes[upper].rank + 1, nodes[lower].rank)
        chains.append(Chain(link, (upper, *(node(rank, link.bundle, upper, start, is_lane=True) for rank in passed), lower)))
    if title is not None and title.place != "beside":
        nodes.append(Node(title.across, title.along, 0 if title.place == "first" else last, LANE))
    return nodes, chains


def _down(link: Link, source: int, target: int) -> tuple[int, int]:
    return (target, source) if link.up else (source, target)


def _from_zero(ranks: Sequence[int]) -> list[int]:
    return [rank - min(ranks) for rank in ranks]


def _segments(nodes: Sequence[Node], chains: Sequence[Chain]) -> list[Segment]:
    """Lines past ranks are to be straight, then the longest way through the network, then other steps; a long line's ends may bend."""
    lengths = reach(len(nodes), [(chain.nodes[0], chain.nodes[-1]) for chain in chains if chain.is_inside])
    segments: dict[tuple[object, ...], Segment] = {}
    for chain in chains:
        is_main = all(lengths[node] == max(lengths) for node in chain.nodes)
        for upper, lower in pairwise(chain.nodes):
            lanes = nodes[upper].is_lane + nodes[lower].is_lane
            start, end = (nodes[node].ports.get(chain.link.arrow, 0.0) for node in (upper, lower))
            which = 0 if nodes[lower].is_lane else chain.link.arrow + 1  # what is shared counts once
            segments[upper, lower, which] = Segment(upper, lower, start, end, (3.0 if is_main else 2.0, 1.0, 8.0)[lanes])
    return list(segments.values())
