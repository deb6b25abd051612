"""Points, rectangles and lines of a picture, in pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import dist

__all__ = ["Line", "Point", "Rectangle", "flattened", "point_at", "threaded"]

Point = tuple[float, float]
Line = tuple[Point, ...]  # cubic Bézier curves, one after another: a start, and three points for each


@dataclass(frozen=True, slots=True)
class Rectangle:
    """The corner at the top left, and the size."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> Point:
        """The point in the middle."""
        return self.x + self.width / 2, self.y + self.height / 2

    def overlaps(self, other: "Rectangle") -> bool:
        """Whether they have more than a border in common."""
        across = self.x < other.x + other.width and other.x < self.x + self.width
        return across and self.y < other.y + other.height and other.y < self.y + self.height

    def contains(self, point: Point) -> bool:
        """Whether a point is inside, not on the border."""
        return self.x < point[0] < self.x + self.width and self.y < point[1] < self.y + self.height


def threaded(points: Sequence[Point]) -> Line:
    """The line through points: straight along the second axis, and from one side to another a curve that leaves and arrives along it."""
    line = [points[0]]
    for start, end in pairwise(_corners(points)):
        middle = (start[1] + end[1]) / 2
        line.extend([start, end, end] if start[0] == end[0] else [(start[0], middle), (end[0], middle), end])
    return tuple(line)


def flattened(line: Line, steps: int = 16) -> list[Point]:
    """Points along the line: the curves as polygons."""
    points = [line[0]]
    for index in range(0, len(line) - 1, 3):
        points.extend(_bezier(line[index : index + 4], step / steps) for step in range(1, steps + 1))
    return points


def point_at(line: Line, distance: float) -> Point:
    """The point that far along the line; its end if it is shorter."""
    for start, end in pairwise(flattened(line)):
        length = dist(start, end)
        if length >= distance > 0:
            part = distance / length
            return start[0] + part * (end[0] - start[0]), start[1] + part * (end[1] - start[1])
        distance -= length
    return line[-1]


def _corners(points: Sequence[Point]) -> list[Point]:
    """The points without those on a straight way from the one before to the one after."""
    kept: list[Point] = []
    for point in points:
        if kept and kept[-1] == point:
            continue
        if len(kept) > 1 and kept[-2][0] == kept[-1][0] == point[0]:
            kept.pop()
        kept.append(point)
    return kept


def _bezier(points: Sequence[Point], t: float) -> Point:
    weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
    x = sum(weight * point[0] for weight, point in zip(weights, points, strict=True))
    return x, sum(weight * point[1] for weight, point in zip(weights, points, strict=True))
