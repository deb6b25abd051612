"""Running a graph in ONNX Runtime: there are no other kernels here, so what is computed now is what will be served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING

import numpy as np

from builder.graph import Array, Graph, Value
from builder.memory import all_contiguous
from builder.proto import DTYPES, split_proto

if TYPE_CHECKING:
    import onnxruntime

__all__ = ["Program", "evaluate", "open_session"]

LARGE = 2**20  # bytes: weights from here on are lent to ONNX Runtime and not copied; a message holds 2 GiB at most


class Program:
    """A graph, ready to run on the CPU, with the weights as they are now; `lean` and `threads` are those of `open_session`.

    One that is run `as_it_is` has been through no pass, may have what ONNX Runtime crashes on if it rewrites it, and is run once
    or twice: it is rewritten by nobody.
    """

    def __init__(self, graph: Graph, lean: bool = False, as_it_is: bool = False, threads: int = 0) -> None:
        self._inputs = [value.name for value in graph.inputs]
        self._lean, self._as_it_is, self._threads = lean, as_it_is, threads
        proto, apart = split_proto(graph, LARGE)
        self._proto, self._lent = proto.SerializeToString(), all_contiguous(apart)

    @cached_property
    def session(self) -> onnxruntime.InferenceSession:
        """The session, opened when it is first asked for: no Python has to run for that, so that it can be beside others'."""
        once = self._as_it_is
        return open_session(self._proto, self._lent, lean=self._lean, as_it_is=once, is_brief=once, threads=self._threads)

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        """The outputs for `arrays`, which are in the order of the graph's inputs."""
        feeds: Mapping[str, Array] = dict(zip(self._inputs, arrays, strict=True))
        return list(self.session.run(None, feeds))


def evaluate(values: Sequence[Value]) -> list[Array]:
    """The numbers of values that depend on no input."""
    if not values:
        return []
    return Program(Graph((), tuple(values), tuple(f"value_{index}" for index in range(len(values)))), as_it_is=True).run([])


def open_session(
    model: bytes | str | PathLike[str],
    lent: Mapping[str, Array] | None = None,
    *,
    lean: bool = False,
    as_it_is: bool = False,
    is_brief: bool = False,
    threads: int = 0,
) -> onnxruntime.InferenceSession:
    """A session on the CPU, which logs errors only: what concerns the user is raised.

    `model` is the bytes or the path of one; `lent` are the weights that it names and does not hold, which must outlive
    the session. A lean one keeps no second copy of the weights in another order, and is slower for it. One `as_it_is` is not
    rewritten. One that is brief is run a few times, beside other work: its threads do not spin while they wait. Without
    `threads` there are as many as ONNX Runtime likes.
    """
    import onnxruntime  # 0.1 s and 80 MB that building a network does not need

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    if as_it_is:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    if is_brief:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if lean:
        options.add_session_config_entry("session.disable_prepacking", "1")
    if lent:
        values = [_lent(array) for array in lent.values()]
        options.add_external_initializers(list(lent), values)
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _lent(array: Array) -> onnxruntime.OrtValue:
    """An array as ONNX Runtime takes it, without a copy."""
    import onnxruntime

    if array.dtype.name != "bfloat16":
        return onnxruntime.OrtValue.ortvalue_from_numpy(array)
    return onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(array.view(np.uint16), DTYPES["bfloat16"])
