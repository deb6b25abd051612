"""What an ONNX file holds: the model, and apart from it the weights that go into a second file, if any.

A model of up to 2 GB is one file unless asked otherwise; beyond that protobuf cannot hold it. The second file has each
weight at a multiple of 4096 bytes, so that it can be mapped into memory, and is written from the arrays themselves.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from builder.errors import UnsupportedError
from builder.graph import Array, Graph
from builder.proto import split_proto

__all__ = ["Content", "fingerprint", "is_small", "size_of"]

ALIGNMENT = 4096  # bytes: a page of memory
ONE_FILE = 2**31 - 2**26  # bytes of weights; protobuf ends at 2 GiB, and nodes and names need some of it
APART = 2**16  # bytes from which a weight is not copied into a message while it is only looked at


@dataclass(frozen=True, slots=True)
class Content:
    """A model, whose tensors refer by name to the weights in `apart`."""

    proto: onnx.ModelProto
    apart: dict[str, Array] = field(default_factory=dict)

    @classmethod
    def of(cls, graph: Graph, opset: int, external: int | None) -> Content:
        """A graph's, with the weights of at least `external` bytes apart; with None apart only when they must be."""
        if external is None:
            external = 1024 if not is_small(graph) else None
        return cls(*split_proto(graph, 2**63 if external is None else external, opset))

    @classmethod
    def of_proto(cls, proto: onnx.ModelProto, external: int | None) -> Content:
        """A model's that has all its weights, which are taken out of it."""
        if external is None:
            return cls(proto)
        apart: dict[str, Array] = {}
        for tensor in proto.graph.initializer:
            if len(tensor.raw_data) >= external:
                apart[tensor.name] = numpy_helper.to_array(tensor)
                tensor.ClearField("raw_data")
                tensor.data_location = TensorProto.EXTERNAL
        return cls(proto, apart)

    def write(self, model: Path, data: Path) -> None:
        """Writes the model, and its weights beside it where there are some apart. Raises UnsupportedError beyond 2 GB in the model."""
        if self.apart:
            self._refer(data.name)
            with data.open("wb") as file:
                for array in self.apart.values():
                    file.write(bytes(-file.tell() % ALIGNMENT))
                    file.write(_bytes(array))
        self.write_model(model)

    def write_model(self, model: Path) -> None:
        """Writes the model alone."""
        try:
            model.write_bytes(self.proto.SerializeToString(deterministic=True))
        except ValueError as error:  # of protobuf, beyond 2 GiB
            raise UnsupportedError("what is no plain weight takes more than 2 GiB, which one ONNX file cannot hold") from error

    def _refer(self, location: str) -> None:
        """Each tensor that is apart says where it is."""
        offset = 0
        for tensor in self.proto.graph.initializer:
            if tensor.name not in self.apart:
                continue
            size = self.apart[tensor.name].nbytes
            del tensor.external_data[:]
            for key, value in (("location", location), ("offset", str(offset)), ("length", str(size))):
                tensor.external_data.add(key=key, value=value)
            offset += size + -size % ALIGNMENT


def is_small(graph: Graph) -> bool:
    """Whether a network fits into one file."""
    return size_of(graph) <= ONE_FILE


def size_of(graph: Graph) -> int:
    """The bytes of a network in one file, within a few for each weight."""
    proto, apart = split_proto(graph, APART)
    return proto.ByteSize() + sum(array.nbytes for array in apart.values())


def fingerprint(graph: Graph) -> str:
    """The SHA-256 of a network as it is, in hex: its operators and its weights."""
    proto, apart = split_proto(graph, APART)
    digest = hashlib.sha256(proto.SerializeToString(deterministic=True))
    for part in map(_bytes, apart.values()):
        digest.update(part)
    return digest.hexdigest()


def _bytes(array: Array) -> memoryview:
    """The numbers as ONNX keeps them: little-endian, the last axis first."""
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return little.reshape(-1).view(np.uint8).data
