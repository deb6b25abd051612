"""When a process that has ended is started again, and when that is given up. Pure: time is an argument."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PAUSES", "Restarts"]

SETTLED = 10.0  # seconds after which a process has not died at once
PAUSES = (0.0, 0.1, 0.25, 0.5, 1.0)  # seconds before each start after a quick death in a row; after one more it is given up
LONGEST = 60.0  # seconds between attempts of a process that could not be let in, while others serve


@dataclass(slots=True)
class Restarts:
    """The ends of one process in a row."""

    quick: int = 0
    refused: int = 0

    def after_death(self, lived: float) -> float | None:
        """Seconds to wait before the next start of what has lived so many seconds; None to give up."""
        self.refused = 0
        self.quick = self.quick + 1 if lived < SETTLED else 1
        return PAUSES[self.quick - 1] if self.quick <= len(PAUSES) else None

    def after_refusal(self) -> float:
        """Seconds to wait before the next start of what could not load what the others serve."""
        self.refused += 1
        return min(LONGEST, 2.0 ** min(self.refused - 1, 10))
