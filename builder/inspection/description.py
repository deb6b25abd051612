"""What is in an ONNX file: who made it, what it takes and gives, operators, weights, and what lies beside it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper

from builder.errors import ModelFileError
from builder.export.place import MODEL, Place
from builder.graph import Dim

__all__ = ["Description", "Tensor", "describe_file", "model_file", "proto_of", "tensors_of"]

INTEGERS = {"DynamicQuantizeLinear": "dynamic", "QuantizeLinear": "static", "DequantizeLinear": "weights only"}  # the first that occurs


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output as the file declares it; a dimension is a size, a name, or None."""

    name: str
    dtype: str
    shape: tuple[Dim, ...]

    def __str__(self) -> str:
        return f"{self.name}  {self.dtype} ({', '.join('?' if dim is None else str(dim) for dim in self.shape)})"


@dataclass(frozen=True, slots=True)
class Description:
    """An ONNX file. Sizes are in bytes; `data` are the files that weights are in, with theirs, None where one is missing."""

    path: Path
    size: int
    producer: str
    ir_version: int
    opsets: Mapping[str, int]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    operators: Counter[str]
    weights: int
    numbers: int
    weight_bytes: Mapping[str, int]  # by dtype
    data: Mapping[str, int | None]
    quantized: str | None
    samples: str | None  # None where the file says nothing of any
    metadata: Mapping[str, str]


def model_file(path: Path) -> Path:
    """The ONNX file that `path` means: itself, that of a version, or that of a model's latest version in a repository.

    Raises ModelFileError when there is none.
    """
    if path.is_file():
        return path
    versions = sorted((int(entry.name), entry) for entry in path.iterdir() if entry.name.isdecimal()) if path.is_dir() else []
    for directory in (path, *(entry for _, entry in reversed(versions))):
        if (directory / MODEL).is_file():
            return directory / MODEL
    raise ModelFileError(f"{path} is neither an .onnx file nor an entry of a model repository, MODEL/VERSION or MODEL")


def proto_of(path: Path) -> onnx.ModelProto:
    """The file's model without weights that are elsewhere. Raises ModelFileError when it is none."""
    try:
        proto = onnx.load(path, load_external_data=False)
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read: {error.strerror}") from error
    except DecodeError as error:
        raise ModelFileError(f"{path} is no ONNX file, or is damaged") from error
    if not proto.HasField("graph") or not proto.opset_import:
        raise ModelFileError(f"{path} is no ONNX file, or is damaged")
    return proto


def describe_file(path: Path) -> Description:
    """What is in the file. Raises ModelFileError when it is no ONNX file."""
    proto = proto_of(path)
    graphs = list(_graphs(proto.graph))
    weights = [tensor for graph in graphs for tensor in graph.initializer]
    sizes: Counter[str] = Counter()
    for tensor in weights:
        sizes[_dtype(tensor.data_type)] += _bytes(tensor)
    operators = Counter(node.op_type for graph in graphs for node in graph.node)
    metadata = {entry.key: entry.value for entry in proto.metadata_props}
    return Description(
        path=path,
        size=path.stat().st_size,
        producer=f"{proto.producer_name or 'unknown'} {proto.producer_version}".strip(),
        ir_version=proto.ir_version,
        opsets={entry.domain or "ai.onnx": entry.version for entry in proto.opset_import},
        inputs=tensors_of(proto.graph.input),
        outputs=tensors_of(proto.graph.output),
        operators=operators,
        weights=len(weights),
        numbers=sum(prod(tensor.dims) for tensor in weights),
        weight_bytes=sizes,
        data=_data_files(path, weights),
        quantized=next((kind for op, kind in INTEGERS.items() if op in operators), None),
        samples=_samples(path, metadata.get("hornbeam.samples_sha256")),
        metadata=metadata,
    )


def tensors_of(declared: Iterable[onnx.ValueInfoProto]) -> tuple[Tensor, ...]:
    """Inputs or outputs."""
    return tuple(Tensor(value.name, _dtype(value.type.tensor_type.elem_type), _shape(value)) for value in declared)


def _shape(value: onnx.ValueInfoProto) -> tuple[Dim, ...]:
    dims = value.type.tensor_type.shape.dim
    return tuple(dim.dim_value if dim.HasField("dim_value") else dim.dim_param or None for dim in dims)


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _graphs(attribute.g)


def _dtype(code: int) -> str:
    if code == TensorProto.STRING:
        return "string"
    return str(helper.tensor_dtype_to_np_dtype(code).name) if code in TensorProto.DataType.values() and code else "unknown"


def _bytes(tensor: TensorProto) -> int:
    if tensor.data_type == TensorProto.STRING:
        return sum(map(len, tensor.string_data))
    return prod(tensor.dims) * helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize


def _data_files(path: Path, weights: list[TensorProto]) -> dict[str, int | None]:
    entries = (entry for tensor in weights if tensor.data_location == TensorProto.EXTERNAL for entry in tensor.external_data)
    names = dict.fromkeys(entry.value for entry in entries if entry.key == "location")
    files = ((name, path.parent / name) for name in names)
    return {name: file.stat().st_size if file.is_file() else None for name, file in files}


def _samples(path: Path, sha256: str | None) -> str | None:
    if sha256 is None:
        return None
    file = Place(path).samples
    if not file.is_file():
        return f"{file.name}, which is not there"
    same = hashlib.sha256(file.read_bytes()).hexdigest() == sha256
    return f"{file.name}, {'those' if same else 'not those'} that were written with the model"
