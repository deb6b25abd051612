"""Where everything in a picture is: a rectangle for each box and frame, a line for each arrow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from builder.plot.block import LOOP, PORTS, Block, Link, Title
from builder.plot.geometry import Line, Point, Rectangle, threaded
from builder.plot.level import lay
from builder.plot.picture import Arrow, Box, Frame, Key, Picture

__all__ = ["RANKDIRS", "Arrangement", "arrange"]

RANKDIRS = ("TB", "LR", "BT", "RL")
Size = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Arrangement:
    """The size of the picture, its rectangles by key, and its lines in the order of its arrows."""

    width: float
    height: float
    places: Mapping[Key, Rectangle]
    lines: tuple[Line, ...]


def arrange(picture: Picture, rankdir: str, box_size: Callable[[Box], Size], title_size: Callable[[Frame], Size]) -> Arrangement:
    """The network from the top down, or as `rankdir` says; boxes and titles get the width and height they ask for."""
    turn = _Turn(rankdir)
    arranger = _Arranger(picture.arrows, turn, box_size, title_size)
    inside = arranger.inside((), picture.parts, None)
    width, height = turn.size(inside.across, inside.along)
    places = {key: turn.rectangle(inside.along, *place) for key, place in inside.places.items()}
    lines = tuple(
        tuple(turn.point(inside.along, point) for point in inside.line(number, arrow, arranger))
        for number, arrow in enumerate(picture.arrows)
    )
    return Arrangement(round(width, 1), round(height, 1), places, lines)


@dataclass(frozen=True, slots=True)
class _Turn:
    """From across and along to x and y, and back."""

    rankdir: str

    @property
    def is_sideways(self) -> bool:
        return self.rankdir in ("LR", "RL")

    @property
    def title_place(self) -> str:
        return "beside" if self.is_sideways else "first" if self.rankdir == "TB" else "last"

    def size(self, one: float, other: float) -> Size:
        """Width and height as across and along, or the other way round."""
        return (other, one) if self.is_sideways else (one, other)

    def point(self, whole: float, point: Point) -> Point:
        """A point where it is seen, in a picture that is `whole` long."""
        across, along = point[0], whole - point[1] if self.rankdir in ("BT", "RL") else point[1]
        x, y = self.size(across, along)
        return round(x, 1), round(y, 1)

    def rectangle(self, whole: float, corner: Point, size: Size) -> Rectangle:
        """A rectangle where it is seen."""
        ends = [self.point(whole, corner), self.point(whole, (corner[0] + size[0], corner[1] + size[1]))]
        (x, far_x), (y, far_y) = (sorted(values) for values in zip(*ends, strict=True))
        return Rectangle(x, y, round(far_x - x, 1), round(far_y - y, 1))


@dataclass(frozen=True, slots=True)
class _Inside:
    """What is inside a frame, or all, by corners and sizes across and along."""

    across: float
    along: float
    places: Mapping[Key, tuple[Point, Size]]
    ways: Mapping[int, tuple[Point, ...]]
    ports: Mapping[int, float] = field(default_factory=dict)

    def line(self, number: int, arrow: Arrow, arranger: _Arranger) -> Line:
        """The arrow's way as a line; one from a box to itself is a bow at its side."""
        if arrow.source != arrow.target:
            return threaded([(round(x, 1), round(y, 1)) for x, y in self.ways[number]])
        loops = arranger.loops(arrow.source)
        (x, y), (across, along) = self.places[arrow.source]
        nth = loops.index(number)
        out, away = x + across, LOOP * (nth + 1) * 4 / 3 - 8  # a curve goes three quarters of the way to its points
        high, low = (y + along / 2 + side * PORTS * (nth + 0.5) for side in (-1, 1))
        return (out, low), (out + away, low), (out + away, high), (out, high)


@dataclass(frozen=True, slots=True)
class _Arranger:
    """Levels inside levels: what the parts of a frame are is known only once it has been laid out."""

    arrows: Sequence[Arrow]
    turn: _Turn
    box_size: Callable[[Box], Size]
    title_size: Callable[[Frame], Size]

    def inside(self, outer: Key, parts: Sequence[Box | Frame], frame: Frame | None) -> _Inside:
        """The parts of the frame `outer` laid out, and what is in them at its place."""
        contents = [self.inside(part.key, part.parts, part) if isinstance(part, Frame) else self._box(part) for part in parts]
        blocks = [
            Block(content.across, content.along, content.ports, len(self.loops(part.key)) if isinstance(part, Box) else 0)
            for content, part in zip(contents, parts, strict=True)
        ]
        links = self._links(outer, {part.key: number for number, part in enumerate(parts)})
        laid = lay(blocks, links, self._title(frame))
        places: dict[Key, tuple[Point, Size]] = {}
        ways = {number: list(points) for number, points in laid.ways.items()}
        ends = {link.arrow: link for link in links}
        for number, (part, content, block, corner) in enumerate(zip(parts, contents, blocks, laid.corners, strict=True)):
            corner = (corner[0] + LOOP * block.loops, corner[1])
            places[part.key] = (corner, (content.across, content.along))
            places.update((key, (_plus(start, corner), size)) for key, (start, size) in content.places.items())
            for arrow, points in content.ways.items():
                shifted = [_plus(point, corner) for point in points]
                leaves = arrow in ends and ends[arrow].source == number
                ways[arrow] = [*shifted, *ways.get(arrow, [])] if leaves else [*ways.get(arrow, []), *shifted]
        return _Inside(laid.across, laid.along, places, {number: tuple(points) for number, points in ways.items()}, laid.ports)

    def loops(self, key: Key) -> list[int]:
        """The arrows from a box to itself."""
        return [number for number, arrow in enumerate(self.arrows) if arrow.source == arrow.target == key]

    def _box(self, box: Box) -> _Inside:
        across, along = self.turn.size(*self.box_size(box))
        return _Inside(across, max(along, 2 * PORTS * len(self.loops(box.key))), {}, {})

    def _title(self, frame: Frame | None) -> Title | None:
        return None if frame is None else Title(*self.turn.size(*self.title_size(frame)), self.turn.title_place)

    def _links(self, outer: Key, numbers: Mapping[Key, int]) -> list[Link]:
        """The arrows that are to be seen on this level: between its parts, and across its border."""
        depth = len(outer) + 1
        links = []
        bundles: dict[object, int] = {}
        for index, arrow in enumerate(self.arrows):
            source, target = numbers.get(arrow.source[:depth]), numbers.get(arrow.target[:depth])
            if source != target:
                bundle = bundles.setdefault((arrow.source, arrow.leaves, arrow.enters), len(bundles))
                links.append(Link(index, source, target, arrow.target < arrow.source, bundle))
        return links


def _plus(point: Point, other: Point) -> Point:
    return point[0] + other[0], point[1] + other[1]
