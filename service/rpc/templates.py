"""Requests like those before: what all with one head have in common is worked out once.

The head of a request, all that stands before its tensors but the id, says of which model it is, and of what names, types
and shapes its tensors are. Once such a request has been decoded and accepted in full, the next with the same bytes in its
head, for the same version of the model, differs in its id and its numbers only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple
from weakref import ReferenceType, ref

import numpy as np

from service.engine.job import Job, Shapes
from service.repository.registry import Served
from service.request import Array, Request
from service.rpc.answers import Answer
from service.rpc.wire import Split, split

__all__ = ["Template", "Templates"]

_MOST = 1024  # heads that are remembered; whoever sends more kinds of requests pays for it
# Datatypes whose bytes are the array as they are.
_FIXED = frozenset(("FP16", "FP32", "FP64", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64"))


@dataclass(frozen=True, slots=True)
class Template:
    """What requests of one head are: `version` as it was asked for, `timeout` in seconds.

    `tensors` has for each input, in the model's order, the place of its bytes among the raw contents, its name, dtype and
    shape, and how many bytes it has; `nbytes` are those of all, and `shapes` those of a row of each.
    """

    served: ReferenceType[Served]  # which may be unloaded: nothing that is remembered keeps it in memory
    version: str
    outputs: tuple[str, ...]
    priority: int
    timeout: float | None
    rows: int
    shapes: Shapes
    nbytes: int
    answer: Answer
    tensors: tuple[tuple[int, str, np.dtype[Any], tuple[int, ...], int], ...]

    def feeds(self, message: bytes, found: Split) -> Mapping[str, Array] | None:
        """The arrays by input, as views of the message; None when their sizes are not what the head says."""
        raws = found.raws
        if len(raws) != len(self.tensors):
            return None
        feeds: dict[str, Array] = {}
        for index, name, dtype, shape, size in self.tensors:
            start, end = raws[index]
            if end - start != size:
                return None
            feeds[name] = np.ndarray(shape, dtype, message, start)
        return feeds


class _Layout(NamedTuple):
    """All of a message without an id but the bytes of its tensors: what it begins with, and what is from where to where between them."""

    start: bytes
    between: tuple[tuple[int, int, bytes], ...]
    found: Split
    template: Template


class Templates:
    """The templates of the heads that were seen."""

    def __init__(self) -> None:
        self._known: dict[bytes, Template] = {}
        self._layouts: dict[int, _Layout] = {}  # of the last message of each length

    def match(self, message: bytes) -> tuple[Split | None, Template | None]:
        """The parts of a message and the template of its head, where they are known; the version may have been replaced since.

        A message that is like the last of its length in all but its tensors is not even taken apart.
        """
        layout = self._layouts.get(len(message))
        if layout and message.startswith(layout.start) and _has(message, layout.between):
            return layout.found, layout.template
        found = split(message)
        return found, self._known.get(found.head) if found else None

    def learn(
        self, message: bytes, found: Split, version: str, served: Served, request: Request, job: Job, timeout: float | None, answer: Answer
    ) -> None:
        """Remembers a request that was accepted, if those like it can be told by their head."""
        if job.alone or served.batcher.padding or len(found.raws) != len(request.inputs):
            return
        if any(tensor.datatype.name not in _FIXED for tensor in request.inputs):
            return
        if len(self._known) >= _MOST:
            self._known.clear()
            self._layouts.clear()
        places = {tensor.name: index for index, tensor in enumerate(request.inputs)}
        tensors = tuple((places[name], name, array.dtype, array.shape, array.nbytes) for name, array in job.feeds.items())
        template = self._known[found.head] = Template(
            ref(served), version, request.outputs, request.priority, timeout, job.rows, job.shapes, job.nbytes, answer, tensors
        )
        if not found.id and found.raws and len(self._layouts) < _MOST:
            between = tuple((end, start, message[end:start]) for (_, end), (start, _) in pairwise(found.raws))
            self._layouts[len(message)] = _Layout(message[: found.raws[0][0]], between, found, template)


def _has(message: bytes, parts: tuple[tuple[int, int, bytes], ...]) -> bool:
    return all(message[start:end] == part for start, end, part in parts)
