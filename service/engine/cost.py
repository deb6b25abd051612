"""What a run costs: seconds as a fixed part and a part for each row, learned from the runs themselves.

An exponentially weighted least-squares fit. It is never negative, it ignores what is no duration, and what is far beyond
it counts as no more than twice of it, so that one hiccup changes little and a lasting change is learned in some ten runs.
"""

from collections.abc import Hashable

__all__ = ["MAX_SHAPES", "Cost", "Costs"]

MEMORY = 0.95  # how much of its weight a run keeps when the next one is seen: the last twenty or so count
MAX_SHAPES = 64  # shapes that have a fit of their own; the oldest gives way


class Cost:
    """seconds ~ fixed_seconds + per_row_seconds * rows; both are 0.0 before the first run.

    `deviation_seconds` is the mean distance of the runs from that line.
    """

    __slots__ = ("_weight", "_x", "_xx", "_xy", "_y", "deviation_seconds", "fixed_seconds", "per_row_seconds")

    def __init__(self) -> None:
        self._weight = self._x = self._y = self._xx = self._xy = 0.0
        self.fixed_seconds = 0.0
        self.per_row_seconds = 0.0
        self.deviation_seconds = 0.0

    def seconds(self, rows: int) -> float:
        """What a run of that many rows is expected to take."""
        return self.fixed_seconds + self.per_row_seconds * rows

    def bound(self, rows: int) -> float:
        """What a run of that many rows rarely goes beyond."""
        return self.fixed_seconds + self.per_row_seconds * rows + 2 * self.deviation_seconds

    def observe(self, rows: int, seconds: float) -> None:
        """Learns from a run. Anything that is no duration of a run of rows is ignored."""
        if rows < 1 or not 0.0 <= seconds < float("inf"):
            return
        if self._weight:
            expected = self.seconds(rows)
            seconds = min(seconds, 2 * expected + 4 * self.deviation_seconds + 1e-5)
            self.deviation_seconds += (1 - MEMORY) * (abs(seconds - expected) - self.deviation_seconds)
        self._weight = MEMORY * self._weight + 1
        self._x = MEMORY * self._x + rows
        self._y = MEMORY * self._y + seconds
        self._xx = MEMORY * self._xx + rows * rows
        self._xy = MEMORY * self._xy + rows * seconds
        self._fit()

    def _fit(self) -> None:
        rows, seconds = self._x / self._weight, self._y / self._weight
        variance = self._xx / self._weight - rows * rows
        if variance <= 1e-6 * rows * rows:  # all of one size: as if each row cost its share, which is careful with larger batches
            self.fixed_seconds, self.per_row_seconds = 0.0, seconds / rows
            return
        slope = (self._xy / self._weight - rows * seconds) / variance
        fixed = seconds - slope * rows
        if slope < 0:
            slope, fixed = 0.0, seconds
        elif fixed < 0:
            slope, fixed = self._xy / self._xx, 0.0
        self.fixed_seconds, self.per_row_seconds = fixed, slope


class Costs:
    """The cost of one model: a fit for each shape of its rows, of which there may be many."""

    def __init__(self) -> None:
        self._last = Cost()
        self._shapes: dict[Hashable, Cost] = {}

    @property
    def fixed_seconds(self) -> float:
        """What a run costs whatever its rows, in the shape that ran last."""
        return self._last.fixed_seconds

    @property
    def per_row_seconds(self) -> float:
        """What each row adds, in the shape that ran last."""
        return self._last.per_row_seconds

    def of(self, shape: Hashable) -> Cost:
        """The fit of a shape; for one that has not been seen, that of the shape that ran last."""
        return self._shapes.get(shape, self._last)

    def observe(self, shape: Hashable, rows: int, seconds: float) -> None:
        """Learns from a run."""
        cost = self._shapes.get(shape)
        if cost is None:
            if len(self._shapes) == MAX_SHAPES:
                del self._shapes[next(iter(self._shapes))]
            cost = self._shapes[shape] = Cost()
        self._last = cost
        cost.observe(rows, seconds)
