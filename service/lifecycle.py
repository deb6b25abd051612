"""Where a server is in its life, and what that makes of the three questions that a supervisor asks.

    STARTING ── every model is ready ──> SERVING ── told to stop ──> DRAINING ── nothing is in progress ──> STOPPED

*Started* (has it ever been ready: a start-up probe stops asking) is true from SERVING on. *Ready* (shall it get new calls) is true in
SERVING only. *Live* (is it worth keeping) depends on no model: whoever answers is alive. A stage never goes back.
"""

from __future__ import annotations

from enum import Enum
from threading import Lock

__all__ = ["Lifecycle", "Stage"]


class Stage(Enum):
    """A part of a server's life."""

    STARTING = "starting"
    SERVING = "serving"
    DRAINING = "draining"
    STOPPED = "stopped"


_ORDER = list(Stage)


class Lifecycle:
    """The stage of one server, and the only place where it is kept."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.stage = Stage.STARTING
        self.started = False

    def enter(self, stage: Stage) -> bool:
        """Goes on to `stage`; False when the server is there already, or further."""
        with self._lock:
            if _ORDER.index(stage) <= _ORDER.index(self.stage):
                return False
            self.stage = stage
            self.started = self.started or stage is Stage.SERVING
            return True

    @property
    def ready(self) -> bool:
        """Whether new calls are welcome."""
        return self.stage is Stage.SERVING
