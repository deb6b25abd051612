"""One model in ONNX Runtime: the device it runs on, what it takes and gives, and whether its rows may run together."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import onnxruntime

from service.errors import ExecutionFailedError, InvalidRequestError, ServiceError, StartupError
from service.request import DATATYPES, Array, Signature, TensorSpec

__all__ = ["DeviceOptions", "Session"]

log = logging.getLogger("hornbeam.engine")
PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
_BY_ONNX = {datatype.onnx: datatype for datatype in DATATYPES.values()}
_FREE = 2  # elements on a free axis of the inputs that a model is tried with


@dataclass(frozen=True, slots=True)
class DeviceOptions:
    """Where models run."""

    device: Annotated[Literal["cpu", "cuda"], "Where models run; what is asked for and not there is refused."] = "cpu"


class Session:
    """A loaded model. Raises StartupError when it cannot be loaded, or not on the device that was asked for."""

    def __init__(self, path: Path, options: DeviceOptions, threads: int) -> None:
        self.path = path
        self._session = _open(path, options.device, threads)
        self.provider: str = self._session.get_providers()[0]
        if self.provider != PROVIDERS[options.device]:
            raise StartupError(
                f"{path}: {options.device} was asked for, and ONNX Runtime could not use it; it fell back to {self.provider}"
            )
        self.metadata: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map
        inputs = {item.name: _spec(path, item) for item in self._session.get_inputs()}
        outputs = {item.name: _spec(path, item) for item in self._session.get_outputs()}
        self._output_names = list(outputs)
        self.signature = Signature(inputs, outputs, self._may_batch(inputs, outputs))

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """All outputs, in the model's order. Raises InvalidRequestError or ExecutionFailedError when the model fails."""
        try:
            return list(self._session.run(self._output_names, feeds))
        except Exception as error:  # ONNX Runtime raises a class of its own for each of its codes
            log.warning("%s failed: %s", self.path, error)
            if type(error).__name__ == "InvalidArgument":
                raise InvalidRequestError(f"the model rejects the input: {_reason(error)}", "inputs") from error
            raise ExecutionFailedError("the model failed on this input; the server's log says how") from error

    def _may_batch(self, inputs: Mapping[str, TensorSpec], outputs: Mapping[str, TensorSpec]) -> bool:
        """Whether requests may share a run: the exporter has shown it, or else it is tried here.

        A model from elsewhere qualifies when the first axis of all inputs and outputs is free under one name, and when
        two rows together answer as each does alone.
        """
        if "hornbeam.batch_axes" in self.metadata:
            axes = self._exported_batch_axes()
            return all(axes.get(name) == 0 for name in (*inputs, *outputs))
        batches = {spec.shape[0] if spec.shape else 0 for spec in (*inputs.values(), *outputs.values())}
        return len(batches) == 1 and isinstance(batches.pop(), str | None) and self._rows_are_independent(inputs)

    def _exported_batch_axes(self) -> Mapping[str, Any]:
        """The batch axis by input and output, as the exporter wrote it."""
        try:
            return dict(json.loads(self.metadata["hornbeam.batch_axes"]))
        except (TypeError, ValueError):
            raise StartupError(f"{self.path}: its metadata 'hornbeam.batch_axes' is not as an exporter writes it") from None

    def _rows_are_independent(self, inputs: Mapping[str, TensorSpec]) -> bool:
        generator = np.random.default_rng(0)
        feeds = {name: _sample(spec, generator) for name, spec in inputs.items()}
        try:
            alone = [self.run({name: array[row : row + 1] for name, array in feeds.items()}) for row in range(2)]
            both = self.run(feeds)
            swapped = self.run({name: array[::-1] for name, array in feeds.items()})  # a row of zeros tells only what precedes it
        except ServiceError:
            return False  # it runs with its own number of rows only
        tried = [*zip(*alone, both, strict=True), *zip(*alone[::-1], swapped, strict=True)]
        return all(_same(rows, together) for *rows, together in tried)


def _open(path: Path, device: str, threads: int) -> Any:
    available = onnxruntime.get_available_providers()
    if PROVIDERS[device] not in available:
        raise StartupError(
            f"--device {device} was asked for, and this ONNX Runtime has only {', '.join(available)}; "
            "install onnxruntime-gpu in place of onnxruntime, or use --device cpu"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Threads that spin between runs take the cores from those that receive requests.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=[PROVIDERS[device]])
    except Exception as error:  # as in run
        raise StartupError(f"{path} cannot be loaded: {_first_line(error)}") from error


def _spec(path: Path, item: Any) -> TensorSpec:
    datatype = _BY_ONNX.get(item.type)
    if datatype is None:
        raise StartupError(f"{path}: '{item.name}' is a {item.type}, which the protocol cannot carry")
    return TensorSpec(item.name, datatype, tuple(item.shape))


def _sample(spec: TensorSpec, generator: np.random.Generator) -> Array:
    """Two rows that differ: normal for floats, the row's number for integers, which may be indices, and for strings."""
    shape = [dim if isinstance(dim, int) else _FREE for dim in spec.shape]
    if spec.datatype.numpy.kind == "f":
        return generator.normal(size=shape).astype(spec.datatype.numpy)
    numbers: Array = np.indices(shape)[0]
    return numbers.astype(str).astype(object) if spec.datatype.name == "BYTES" else numbers.astype(spec.datatype.numpy)


def _same(rows: Sequence[Array], together: Array) -> bool:
    """Whether rows computed alone are those computed together, up to rounding; an output without elements shows nothing."""
    if not together.size or any(row.shape != (1, *together.shape[1:]) for row in rows) or len(together) != len(rows):
        return False
    alone = np.concatenate(rows)
    if alone.dtype.kind != "f":
        return bool(np.all(alone == together))
    tolerance = 1e-4 if alone.dtype.itemsize > 2 else 1e-2
    return bool(np.allclose(alone, together, rtol=tolerance, atol=tolerance, equal_nan=True))


def _reason(error: Exception) -> str:
    """What an operator said, without ONNX Runtime's own words around it."""
    return _first_line(error).rsplit("Status Message: ", 1)[-1]


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
