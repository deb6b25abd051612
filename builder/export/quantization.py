"""Eight bits: ONNX Runtime's own quantization of a model, and the typical inputs that the static kind is measured on.

`int8` has weights in int8 and measures the activations while it runs, for MatMul, Gemm and Gather; `int8-static` measures
them once, on the calibration, and quantizes convolutions too (QDQ, a scale for each output channel).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from builder.errors import ExportError, UnsupportedError, several
from builder.export.options import DYNAMIC
from builder.export.samples import load_arrays
from builder.graph import Array, Graph, Spec

__all__ = ["calibration_of", "quantize"]

DYNAMIC_OPERATORS = ("Gather", "Gemm", "MatMul")  # plain ONNX has an integer form of these
PREPARED = "onnx.quant.pre_process"  # else ONNX Runtime advises to run a preparation, which needs sympy and finds nothing here
ROWS = 32  # that are run together while measuring


def calibration_of(given: str | PathLike[str] | Mapping[str, Array], graph: Graph) -> dict[str, Array]:
    """Typical inputs by the inputs' names. Raises ExportError, with all that is wrong, for arrays that the network does not take."""
    if isinstance(given, Mapping):
        arrays: Mapping[str, Array] = {name: np.asarray(array) for name, array in given.items()}
    else:
        try:
            arrays = load_arrays(Path(given))
        except (OSError, ValueError) as error:
            raise ExportError(f"--calibration {given} is no .npz of arrays that can be read: {error}") from error
    names = [value.name for value in graph.inputs]
    problems = [f"there is no input '{name}'; there are {', '.join(map(repr, names))}" for name in arrays if name not in names]
    problems += [problem for value in graph.inputs if (problem := _misfit(value.name, value.spec, arrays.get(value.name)))]
    if not problems and len(rows := {len(array) for array in arrays.values()}) > 1:
        problems.append(f"the inputs have different numbers of rows: {sorted(rows)}")
    if problems:
        raise ExportError(several("the calibration does not fit, and nothing was written", problems))
    return {value.name: arrays[value.name].astype(value.spec.dtype) for value in graph.inputs}


def _misfit(name: str, spec: Spec, array: Array | None) -> str | None:
    if array is None:
        return f"'{name}' is missing"
    if array.ndim != spec.rank or not len(array):
        return f"'{name}' has shape {array.shape}, and the input has {spec.rank} axes, rows first"
    wrong = [axis for axis, dim in enumerate(spec.shape) if axis and isinstance(dim, int) and array.shape[axis] != dim]
    if wrong:
        return f"'{name}' has shape {array.shape}, and axis {wrong[0]} of the input is {spec.shape[wrong[0]]}"
    return None if np.can_cast(array.dtype, spec.dtype, "same_kind") else f"'{name}' holds {array.dtype}, and the input takes {spec.dtype}"


def quantize(proto: onnx.ModelProto, kind: str, calibration: Mapping[str, Array] | None) -> onnx.ModelProto:
    """The model in int8. Raises UnsupportedError when there is nothing in it that can be."""
    proto.metadata_props.add(key=PREPARED, value="onnxruntime.quant")
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "quantized.onnx"
        if kind == DYNAMIC:
            _dynamic(proto, path)
        else:
            assert calibration is not None
            _static(proto, path, calibration)
        quantized = onnx.load(path)
    if not any(node.op_type in ("QuantizeLinear", "DynamicQuantizeLinear", "DequantizeLinear") for node in quantized.graph.node):
        hint = "; --quantize int8-static does so for convolutions" if kind == DYNAMIC else ""
        raise UnsupportedError(f"--quantize {kind} finds nothing in this network to quantize, and nothing was written{hint}")
    for entry in [entry for entry in quantized.metadata_props if entry.key == PREPARED]:
        quantized.metadata_props.remove(entry)
    quantized.ir_version = proto.ir_version
    return quantized


def _dynamic(proto: onnx.ModelProto, path: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(proto, path, op_types_to_quantize=list(DYNAMIC_OPERATORS), weight_type=QuantType.QInt8, per_channel=True)


def _static(proto: onnx.ModelProto, path: Path, calibration: Mapping[str, Array]) -> None:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # it has no types
        def __init__(self) -> None:
            self._batches = _batches(proto, calibration)

        def get_next(self) -> Any:
            with suppress(StopIteration):
                return next(self._batches)
            return None

    quantize_static(
        proto,
        path,
        Reader(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QInt8,
        weight_type=QuantType.QInt8,
    )


def _batches(proto: onnx.ModelProto, calibration: Mapping[str, Array]) -> Iterator[dict[str, Array]]:
    """The calibration in batches that the model takes."""
    first = proto.graph.input[0].type.tensor_type.shape.dim[0]
    size = first.dim_value or ROWS
    rows = len(next(iter(calibration.values())))
    for start in range(0, rows - (size - 1 if first.dim_value else 0), size):
        yield {name: array[start : start + size] for name, array in calibration.items()}
