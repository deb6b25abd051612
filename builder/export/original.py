"""The network as it was, before any pass: what a file is compared with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property

import numpy as np

from builder.graph import Array, Constant, Graph, Parameter
from builder.runtime import Program

__all__ = ["Original", "is_large", "opening"]

BESIDE = 2**29  # bytes of weights, up to which two sessions may be in memory at a time

Feeds = Mapping[str, Array]  # by the names of inputs


class Original:
    """A network before any pass, opened when it is first asked; a large one has its weights in memory once."""

    def __init__(self, graph: Graph, threads: int = 0) -> None:
        self._graph, self._threads = graph, threads
        self._known: tuple[Feeds, Future[list[Array]]] | None = None

    @cached_property
    def program(self) -> Program:
        """What runs it."""
        return Program(self._graph, lean=is_large(self._graph), as_it_is=True, threads=self._threads)

    def ask(self, feeds: Feeds, beside: ThreadPoolExecutor) -> None:
        """Begins to answer what is likely to be asked."""
        self._known = feeds, beside.submit(self.program.run, list(feeds.values()))

    def answer(self, feeds: Feeds) -> list[Array]:
        """The outputs. Raises what ONNX Runtime raises."""
        if self._known is not None:
            known, answers = self._known
            answers.exception()  # it is over
            if _are_equal(known, feeds):
                return answers.result()
        return self.program.run(list(feeds.values()))


@contextmanager
def opening(graph: Graph, likely: Feeds | None) -> Iterator[Original]:
    """The network, which answers what is `likely` to be asked beside all else that is done, in one thread; a large one waits."""
    if likely is None or is_large(graph):
        yield Original(graph)
        return
    with ThreadPoolExecutor(1) as beside:
        original = Original(graph, threads=1)
        original.ask(likely, beside)
        yield original


def is_large(graph: Graph) -> bool:
    """Whether a second copy of a network's weights is too much."""
    read = {value for node in graph.all_nodes() for value in node.inputs if isinstance(value, Constant | Parameter)}
    return sum(value.array.nbytes for value in read) > BESIDE


def _are_equal(one: Feeds, other: Feeds) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)
