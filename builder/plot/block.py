"""What one level of a picture is laid out from, and what comes of it: blocks, the links between them, and the places of both."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from builder.plot.geometry import Point

__all__ = ["FREE", "GAP", "LANE", "LOOP", "NARROW", "PAD", "PORTS", "Block", "Chain", "Laid", "Link", "Node", "Title"]

GAP = 46.0  # along, from rank to rank
NARROW = 24.0  # along, from a border to a rank
FREE = 13.0  # across, around a block
LANE = 9.0  # across, around a line
PORTS = 18.0  # across, from line to line at the same side of a block
LOOP = 32.0  # across, for each line from a block to itself
PAD = 14.0  # from a border to what is inside


@dataclass(frozen=True, slots=True)
class Block:
    """A box, or a frame with the `ports` of the arrows that cross its border, across from its centre. `loops` lead to itself."""

    across: float
    along: float
    ports: Mapping[int, float] = field(default_factory=dict)
    loops: int = 0


@dataclass(frozen=True, slots=True)
class Link:
    """An arrow between blocks, by their numbers; None is outside. One that goes `up` leads to what is before it, or outside to it."""

    arrow: int
    source: int | None
    target: int | None
    up: bool = False
    bundle: int = 0  # arrows of the same tensor to the same call of something share their way

    @property
    def enters_first(self) -> bool:
        """Whether it crosses the border before the first rank."""
        return (self.target if self.up else self.source) is None

    @property
    def leaves_last(self) -> bool:
        """Whether it crosses the border behind the last rank."""
        return (self.source if self.up else self.target) is None


@dataclass(frozen=True, slots=True)
class Title:
    """The room for a title in the corner: in the rank at the `first` or `last` border, or `beside` all ranks."""

    across: float
    along: float
    place: str


@dataclass(frozen=True, slots=True)
class Laid:
    """The size of it all; the corners of the blocks; the points of each arrow's way, from its source; the ports in the border."""

    across: float
    along: float
    corners: tuple[Point, ...]
    ways: Mapping[int, tuple[Point, ...]]
    ports: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Node:
    """A block, a port, a title, or a line's way past a rank."""

    across: float
    along: float
    rank: int
    room: float  # on each side of it, across
    core: float = 0.0  # what lines meet, across: it without its loops; 0 for what is a line's
    ports: Mapping[int, float] = field(default_factory=dict)
    is_box: bool = False
    is_lane: bool = False


@dataclass(frozen=True, slots=True)
class Chain:
    """The nodes of a link from rank to rank, down."""

    link: Link
    nodes: tuple[int, ...]

    @property
    def is_inside(self) -> bool:
        """Whether it crosses no border."""
        return not self.link.enters_first and not self.link.leaves_last
