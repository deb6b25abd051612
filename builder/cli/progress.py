"""What takes long says on a terminal what it is at: one line on stderr, which is gone in the end. Nothing where that is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["progress"]

CLEAR = "\r\x1b[K"


@contextmanager
def progress(command: str) -> Iterator[Callable[[str], None]]:
    """A function to call with each stage as it begins."""
    stream = sys.stderr
    if not stream.isatty():
        yield _silent
        return

    def show(stage: str) -> None:
        stream.write(f"{CLEAR}{command}: {stage} ...")
        stream.flush()

    try:
        yield show
    finally:
        stream.write(CLEAR)
        stream.flush()


def _silent(stage: str) -> None:
    """Says nothing."""
