"""One model in ONNX Runtime: what it takes and gives, whether its rows may run together, and running it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import numpy as np
import onnxruntime

from service.engine import bfloat16
from service.engine.binding import Bindings, Shapes, can_bind, graph_ids
from service.engine.device import DeviceOptions, check, open_session, tolerance
from service.engine.trial import same, sample, zeros
from service.errors import ExecutionFailedError, InvalidRequestError, OutOfMemoryError, RequestCancelledError, ServiceError, StartupError
from service.request import DATATYPES, Array, Signature, TensorSpec

__all__ = ["DeviceOptions", "Session", "Stop", "Warmed"]

log = logging.getLogger("hornbeam.engine")
_BY_ONNX = {datatype.onnx: datatype for datatype in DATATYPES.values()}
_FREE_SIZES = (1, 16, 64, 256)  # tried in turn for the axes that are free besides the batch, until the model takes one
_OUT_OF_MEMORY = ("Failed to allocate memory", "Available memory of", "bad_alloc", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED")
_SHORT = 0.005  # seconds of a first run, after which a second is worth its while


class Warmed(NamedTuple):
    """A batch size that has been run: the shapes of a row of each input, its rows, and the seconds that the last run took."""

    shapes: tuple[tuple[int, ...], ...]
    rows: int
    seconds: float


class Stop:
    """Ends a run from another thread: given to `Session.run`, which raises RequestCancelledError soon after `stop`.

    ONNX Runtime looks for it between two operators, in loops too, so that one long operator still comes to its end.
    """

    __slots__ = ("options",)

    def __init__(self) -> None:
        self.options = onnxruntime.RunOptions()

    def stop(self) -> None:
        """The run that this was given to ends, and so does any that it is given to later."""
        self.options.terminate = True


class Session:
    """A loaded model. Raises StartupError when it cannot be loaded, or not on the device that was asked for.

    `sizes` are the numbers of rows that may run, ascending; none for any. `memory_bytes` are those of the files that hold
    the weights. `tolerance` is what the device's arithmetic loses, relative to an output's largest number. `serial` says
    that runs go one by one, whatever the number of callers.
    """

    def __init__(self, path: Path, options: DeviceOptions, threads: int, sizes: Sequence[int] = ()) -> None:
        check(options, sizes)
        self.path = path
        self.requested_device: str = options.device
        self._session = open_session(path, options, threads)
        self.provider: str = self._session.get_providers()[0]
        self.tolerance = tolerance(options)
        self.memory_bytes = _weight_bytes(path)
        self.metadata: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map
        inputs = {item.name: _spec(path, item) for item in self._session.get_inputs()}
        inputs |= {item.name: _spec(path, item, optional=True) for item in self._session.get_overridable_initializers()}
        outputs = {item.name: _spec(path, item) for item in self._session.get_outputs()}
        self._output_names = list(outputs)
        # What the session's own `run` calls once it has looked for what admission has seen to: a fifth of a small model's time.
        self._compute = getattr(self._session, "_sess", self._session).run
        self._of_bits = _has_bits(path, inputs, outputs)
        self.signature = Signature(inputs, outputs, False)
        self.serial = options.cuda_graphs
        self._bindings = self._bound(options, {})
        self.signature = Signature(inputs, outputs, self._may_batch(inputs, outputs))
        if options.cuda_graphs:
            self._bindings = self._bound(options, graph_ids(self.signature, sizes))

    def _bound(self, options: DeviceOptions, graphs: Mapping[Shapes, int]) -> Bindings | None:
        """Buffers on the device; None where ONNX Runtime is given arrays, which on a CPU it takes as they are."""
        if options.device == "cpu":
            return None
        if not can_bind(self.signature):
            if options.cuda_graphs:
                raise StartupError(f"{self.path}: CUDA graphs were asked for, and the model takes or gives strings or BF16; leave them out")
            return None
        return Bindings(self._session, self.signature, "cuda", options.device_id, graphs if options.cuda_graphs else None)

    def run(self, feeds: Mapping[str, Array], stop: Stop | None = None) -> list[Array]:
        """All outputs, in the model's order.

        Raises InvalidRequestError, OutOfMemoryError or ExecutionFailedError when the model fails, and
        RequestCancelledError when it was told to stop.
        """
        try:
            return self._run(feeds, None if stop is None else stop.options)
        except Exception as error:  # ONNX Runtime raises a class of its own for each of its codes
            if stop is not None and stop.options.terminate:
                raise RequestCancelledError("the request was cancelled while the model ran") from error
            raise _failure(error) from error

    def warm(self, rows: Iterable[int]) -> list[Warmed]:
        """Runs every one of these batch sizes, so that no request is its first, and tells what that took.

        The inputs are zeros; a model that does not run on them is not warmed, which is logged. Raises StartupError when
        there is no memory for a size.
        """
        warmed = []
        for count in sorted(set(rows)) if self.signature.batched else [1]:
            if (found := self._warm(count)) is None:
                log.warning("%s: not warmed up for %d rows, since it does not run on zeros", self.path, count)
            else:
                warmed.append(found)
        return warmed

    def _warm(self, rows: int) -> Warmed | None:
        for free in _FREE_SIZES:
            feeds = {spec.name: zeros(spec, rows if self.signature.batched else None, free) for spec in self._needed()}
            try:
                seconds = self._timed(feeds)
                if self.serial or seconds < _SHORT:  # the second run is the one that is captured, and the one that shows the cost
                    seconds = self._timed(feeds)
            except Exception as error:  # as in run
                if isinstance(_failure(error), OutOfMemoryError):
                    raise StartupError(f"{self.path}: there is no memory to run {rows} rows; allow fewer: {_reason(error)}") from error
                continue
            return Warmed(tuple([array.shape[1:] for array in feeds.values()]), rows, seconds)
        return None

    def _timed(self, feeds: Mapping[str, Array]) -> float:
        start = monotonic()
        self._run(feeds, None)
        return monotonic() - start

    def _needed(self) -> list[TensorSpec]:
        return [spec for spec in self.signature.inputs.values() if not spec.optional]

    def _run(self, feeds: Mapping[str, Array], options: Any) -> list[Array]:
        if self._bindings is not None:
            return self._bindings.run(feeds, options)
        if self._of_bits:
            return self._run_with_values(feeds, options)
        return list(self._compute(self._output_names, feeds, options))

    def _run_with_values(self, feeds: Mapping[str, Array], options: Any) -> list[Array]:
        """Where something is BF16, which is no array to ONNX Runtime."""
        signature = self.signature
        values = {name: bfloat16.value_of(array, signature.inputs[name].datatype) for name, array in feeds.items()}
        answers = self._session.run_with_ort_values(self._output_names, values, options)
        return [bfloat16.array_of(value, signature.outputs[name].datatype) for name, value in zip(self._output_names, answers, strict=True)]

    def _may_batch(self, inputs: Mapping[str, TensorSpec], outputs: Mapping[str, TensorSpec]) -> bool:
        """Whether requests may share a run: the exporter has shown it, or else it is tried here.

        A model from elsewhere qualifies when the first axis of all inputs and outputs is free under one name, and when
        two rows together answer as each does alone. An input that may be left out has no say.
        """
        needed = self._needed()
        if not needed:
            return False
        if "hornbeam.batch_axes" in self.metadata:
            axes = self._exported_batch_axes()
            return all(axes.get(name) == 0 for name in (*(spec.name for spec in needed), *outputs))
        batches = {spec.shape[0] if spec.shape else 0 for spec in (*needed, *outputs.values())}
        return len(batches) == 1 and isinstance(batches.pop(), str | None) and self._rows_are_independent(needed)

    def _exported_batch_axes(self) -> Mapping[str, Any]:
        """The batch axis by input and output, as the exporter wrote it."""
        try:
            return dict(json.loads(self.metadata["hornbeam.batch_axes"]))
        except (TypeError, ValueError):
            raise StartupError(f"{self.path}: its metadata 'hornbeam.batch_axes' is not as an exporter writes it") from None

    def _rows_are_independent(self, needed: Sequence[TensorSpec]) -> bool:
        generator = np.random.default_rng(0)
        feeds = {spec.name: sample(spec, generator) for spec in needed}
        try:
            alone = [self.run({name: array[row : row + 1] for name, array in feeds.items()}) for row in range(2)]
            both = self.run(feeds)
            swapped = self.run({name: array[::-1] for name, array in feeds.items()})  # a row of zeros tells only what precedes it
        except ServiceError:
            return False  # it runs with its own number of rows only
        tried = [*zip(*alone, both, strict=True), *zip(*alone[::-1], swapped, strict=True)]
        specs = [*self.signature.outputs.values()] * 2
        return all(same(rows, together, spec.datatype) for (*rows, together), spec in zip(tried, specs, strict=True))


def _spec(path: Path, item: Any, optional: bool = False) -> TensorSpec:
    datatype = _BY_ONNX.get(item.type)
    if datatype is None:
        raise StartupError(f"{path}: '{item.name}' is a {item.type}, which the protocol cannot carry")
    return TensorSpec(item.name, datatype, tuple(item.shape), optional)


def _has_bits(path: Path, inputs: Mapping[str, TensorSpec], outputs: Mapping[str, TensorSpec]) -> bool:
    """Whether anything is BF16. Raises StartupError where there are strings to take besides: ONNX Runtime takes one or the other."""
    if not any(bfloat16.is_bfloat16(spec.datatype) for spec in (*inputs.values(), *outputs.values())):
        return False
    if strings := [spec.name for spec in inputs.values() if spec.datatype.name == "BYTES"]:
        raise StartupError(f"{path}: input '{strings[0]}' is of strings, and others are BF16, which cannot be run together")
    return True


def _weight_bytes(path: Path) -> int:
    """Bytes of the model's file and of the one that an exporter puts its weights into."""
    return sum(file.stat().st_size for file in (path, path.with_name(path.name + ".data")) if file.is_file())


def _failure(error: Exception) -> ServiceError:
    """What an exception of ONNX Runtime's is to callers; its own words may hold paths, and are for the log."""
    if type(error).__name__ == "InvalidArgument":
        return InvalidRequestError(f"the model rejects the input: {_reason(error)}", "inputs")
    if any(text in str(error) for text in _OUT_OF_MEMORY):
        return OutOfMemoryError("there is not enough memory for the model to run on this input")
    return ExecutionFailedError("the model failed on this input; the server's log says how")


def _reason(error: Exception) -> str:
    """What an operator said, without ONNX Runtime's own words around it."""
    return _first_line(error).rsplit("Status Message: ", 1)[-1]


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
