"""Runs on a GPU: inputs and outputs in buffers that are made once for each set of shapes and used again.

A run copies its inputs into pinned memory, from there into the device's, computes, and copies the outputs back. As many
runs as there are callers go on at once, each with buffers of its own. With CUDA graphs the second run of the known shapes
is captured and those behind it replay it, which ties them to their buffers and allows one run at a time.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from threading import Lock
from typing import Any

import numpy as np
import onnxruntime
from onnxruntime.capi import _pybind_state as native

from service.errors import StartupError
from service.request import Array, Signature, TensorSpec

__all__ = ["Bindings", "Shapes", "can_bind", "graph_ids", "graph_of", "has_known_shape", "shapes_of"]

log = logging.getLogger("hornbeam.engine")
Shapes = tuple[tuple[str, tuple[int, ...]], ...]

_MOST_IDLE = 32  # sets of buffers that are kept for the next run of their shapes
_NVIDIA = 0x10DE  # PCI vendor
_GRAPH = "gpu_graph_id"  # the run option by which ONNX Runtime knows a graph again
_NO_GRAPH = -1  # the number that captures nothing, where without any ONNX Runtime would


def can_bind(signature: Signature) -> bool:
    """Whether everything that the model takes and gives can lie in a device's memory and be read by NumPy."""
    specs = (*signature.inputs.values(), *signature.outputs.values())
    return not any(spec.datatype.name in ("BYTES", "BF16") for spec in specs)


def shapes_of(feeds: Mapping[str, Array]) -> Shapes:
    """What buffers must fit: the shape of each input."""
    return tuple(sorted((name, array.shape) for name, array in feeds.items()))


def graph_ids(signature: Signature, sizes: Sequence[int]) -> Mapping[Shapes, int]:
    """A number from 1 for each shape that is captured: those of the batch sizes, or the only one of a model that is not batched.

    Raises StartupError when an axis other than the batch is free, since a graph is of fixed shapes.
    """
    needed = [spec for spec in signature.inputs.values() if not spec.optional]
    for spec in needed:
        for axis, dim in enumerate(spec.shape):
            if not isinstance(dim, int) and not (signature.batched and axis == 0):
                raise StartupError(f"CUDA graphs need fixed shapes, and axis {axis} of input '{spec.name}' is free; leave them out")
    shapes: list[dict[str, tuple[Any, ...]]] = [{spec.name: spec.shape for spec in needed}]
    if signature.batched:
        shapes = [{spec.name: (rows, *spec.shape[1:]) for spec in needed} for rows in sorted(set(sizes))]
    return {tuple(sorted(shape.items())): number for number, shape in enumerate(shapes, 1)}


def has_known_shape(output: TensorSpec, inputs: Mapping[str, TensorSpec]) -> bool:
    """Whether an output's shape follows from the inputs', so that its buffer can be used again."""
    names = {dim for spec in inputs.values() if not spec.optional for dim in spec.shape if isinstance(dim, str)}
    return all(isinstance(dim, int) or dim in names for dim in output.shape)


def graph_of(number: int, settled: bool, varying: bool) -> int:
    """The graph that a run captures or replays, -1 for none: not while its buffers are not those of the runs to come."""
    return number if settled and not varying else _NO_GRAPH


class Bindings:
    """The buffers of one session on a device, "cuda" or, for what needs no GPU to be tried, "cpu". `run` may be called from any thread.

    `graphs` numbers the shapes that are captured, and is None for a session that captures nothing.
    """

    def __init__(self, session: Any, signature: Signature, device: str, device_id: int, graphs: Mapping[Shapes, int] | None) -> None:
        self._session = session
        self._signature = signature
        self._place = (device, device_id)
        self._capturing = graphs is not None
        self._graphs = graphs or {}
        self._idle: dict[Shapes, list[_Binding]] = {}
        self._lock = Lock()
        # ONNX Runtime: a session that captures graphs must not run on two threads at once.
        self._serial: AbstractContextManager[Any] = Lock() if self._capturing else nullcontext()

    @property
    def idle(self) -> int:
        """Sets of buffers that no run is using."""
        with self._lock:
            return sum(map(len, self._idle.values()))

    def run(self, feeds: Mapping[str, Array], options: Any = None) -> list[Array]:
        """The outputs in the model's order, as arrays of their own. Raises what ONNX Runtime does."""
        shapes = shapes_of(feeds)
        with self._serial:
            binding = self._take(shapes) or _Binding(self._session, self._signature, self._place, feeds, self._number(shapes))
            try:
                return binding.run(feeds, options)
            finally:
                self._put_back(shapes, binding)

    def _number(self, shapes: Shapes) -> int | None:
        return self._graphs.get(shapes, _NO_GRAPH) if self._capturing else None

    def _take(self, shapes: Shapes) -> _Binding | None:
        with self._lock:
            found = self._idle.get(shapes)
            return found.pop() if found else None

    def _put_back(self, shapes: Shapes, binding: _Binding) -> None:
        with self._lock:
            self._idle[shapes] = [*self._idle.pop(shapes, ()), binding]  # the shapes that were run last come last
            if sum(map(len, self._idle.values())) > _MOST_IDLE:
                self._drop_oldest()

    def _drop_oldest(self) -> None:
        for shapes in [shapes for shapes in self._idle if shapes not in self._graphs]:  # a graph writes to its buffers for ever
            if self._idle[shapes]:
                self._idle[shapes].pop(0)
                return
            del self._idle[shapes]


class _Binding:
    """Buffers for one run at a time of inputs of certain shapes, with the number of its graph where graphs are captured."""

    def __init__(self, session: Any, signature: Signature, place: tuple[str, int], feeds: Mapping[str, Array], graph: int | None) -> None:
        self._session = session
        self._place = place
        self._binding = session.io_binding()
        self._graph = graph
        self._settled = False
        self._buffers: dict[str, Any] = {}
        self._staging: dict[str, tuple[Array, Any]] = {}
        for name, array in feeds.items():
            self._buffers[name] = _buffer(session, array, place)
            self._binding.bind_ortvalue_input(name, self._buffers[name])
            if (staging := _pinned(session, array, place)) is not None:
                self._staging[name] = staging
        self._outputs = list(signature.outputs)
        self._varying = [name for name, spec in signature.outputs.items() if not has_known_shape(spec, signature.inputs)]
        for name in self._outputs:
            self._binding.bind_output(name, *place)

    def run(self, feeds: Mapping[str, Array], options: Any) -> list[Array]:
        self._fill(feeds)
        for name in self._varying:  # or else it is written where that of the last run was
            self._binding.bind_output(name, *self._place)
        if self._graph is not None:
            options = options or onnxruntime.RunOptions()
            options.add_run_config_entry(_GRAPH, str(graph_of(self._graph, self._settled, bool(self._varying))))
        self._session.run_with_iobinding(self._binding, options)
        values = self._binding.get_outputs()
        if not self._settled:
            self._settle(values)
        return [_owned(value.numpy()) for value in values]

    def _fill(self, feeds: Mapping[str, Array]) -> None:
        for name, array in feeds.items():
            if name in self._staging:
                np.copyto(self._staging[name][0], array)
                array = self._staging[name][0]
            self._buffers[name].update_inplace(array)

    def _settle(self, values: Sequence[Any]) -> None:
        """The first run has shown how large the outputs are: those whose size stays are written to the same place from now on."""
        for name, value in zip(self._outputs, values, strict=True):
            if name not in self._varying:
                self._binding.bind_ortvalue_output(name, value)
        self._settled = True


def _buffer(session: Any, like: Array, place: tuple[str, int]) -> Any:
    """Memory of the device's, of an array's shape and dtype: out of the session's own, which has a limit, where ONNX Runtime can."""
    make = getattr(session, "create_ortvalue_from_shape_and_type", onnxruntime.OrtValue.ortvalue_from_shape_and_type)
    return make(list(like.shape), like.dtype.type, *place)


def _pinned(session: Any, like: Array, place: tuple[str, int]) -> tuple[Array, Any] | None:
    """Memory of the host's that the device reads by itself, of an array's shape and dtype, and its owner; None without a GPU."""
    if place[0] == "cpu":
        return None
    device = native.OrtDevice(native.OrtDevice.gpu(), int(native.OrtDeviceMemoryType.HOST_ACCESSIBLE), _NVIDIA, place[1])
    try:
        value = session._sess.create_ortvalue_from_shape_and_type(list(like.shape), like.dtype.type, device)
        array: Array = value.numpy()
    except (AttributeError, RuntimeError) as error:
        log.info("inputs are copied without pinned memory: %s", error)
        return None
    return (array, value) if array.ctypes.data == value.data_ptr() else None


def _owned(array: Array) -> Array:
    """The array, or a copy where it looks into a buffer."""
    return array if array.flags.owndata else array.copy()
