"""Python's garbage collector in a process that serves.

What is there once the models are loaded stays: modules, sessions, tables. Requests make no cycles, and are freed as they end.
Looking through all of it after every seven hundred objects, which is some thirty requests, was a tenth of a small call.
"""

from __future__ import annotations

import gc

__all__ = ["spare"]

OBJECTS = 10_000  # made and not freed, after which the youngest are looked through


def spare() -> None:
    """Has the collector leave alone what is there now, and look less often at what comes. For a process of one's own only."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS, *gc.get_threshold()[1:])
