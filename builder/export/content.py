"""What an ONNX file holds: the model, and apart from it the weights that go into a second file, if any.

A model of up to 2 GB is one file unless asked otherwise; beyond that protobuf cannot hold it. The second file has each
weight at a multiple of 4096 bytes, so that it can be mapped into memory. Weights go from the arrays themselves into
either file, and are never copied into a message: the model's file is put together of its parts, as protobuf encodes them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from builder.errors import UnsupportedError
from builder.graph import Array, Graph
from builder.memory import contiguous
from builder.proto import split_proto

__all__ = ["Content", "add_to", "fingerprint", "is_small", "size_of"]

ALIGNMENT = 4096  # bytes: a page of memory
ONE_FILE = 2**31 - 2**26  # bytes of weights; protobuf ends at 2 GiB, and nodes and names need some of it
LIMIT = 2**31 - 1  # bytes of a message
APART = 2**16  # bytes from which a weight is not copied into a message
GRAPH, INITIALIZER, RAW_DATA = 7, 5, 9  # fields of ModelProto, GraphProto and TensorProto in onnx.proto
Part = bytes | Array  # a weight is put in order only when it is its turn


@dataclass(frozen=True, slots=True)
class Content:
    """A model, whose tensors refer by name to the weights in `apart`, which go into a second file, and `inside`, which do not."""

    proto: onnx.ModelProto
    apart: dict[str, Array] = field(default_factory=dict)
    inside: dict[str, Array] = field(default_factory=dict)

    @classmethod
    def of(cls, graph: Graph, opset: int, external: int | None) -> Content:
        """A graph's, with the weights of at least `external` bytes apart; with None apart only when they must be."""
        if external is None and is_small(graph):
            proto, inside = split_proto(graph, APART, opset)
            return cls(proto, inside=inside)
        return cls(*split_proto(graph, 1024 if external is None else external, opset))

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
        """Writes the model, and its weights beside it where there are some apart.

        The same content is the same bytes. Raises UnsupportedError beyond 2 GB in the model.
        """
        if self.apart:
            self._refer(data.name, _aligned(self.apart))
            with data.open("wb") as file:
                for array in self.apart.values():
                    file.write(bytes(-file.tell() % ALIGNMENT))
                    file.write(_bytes(array))
        parts = list(self._parts())
        if sum(map(_length, parts)) > LIMIT:
            raise UnsupportedError("what is no plain weight takes more than 2 GiB, which one ONNX file cannot hold")
        with model.open("wb") as file:
            file.writelines(part if isinstance(part, bytes) else _bytes(part) for part in parts)

    def _parts(self) -> Iterator[Part]:
        """The model's file: what is around the graph, the graph without its tensors, and those, each with its numbers last."""
        around, graph = onnx.ModelProto(), onnx.GraphProto()
        graph.CopyFrom(self.proto.graph)
        around.CopyFrom(self.proto)
        around.ClearField("graph")
        graph.ClearField("initializer")
        inner: list[Part] = [graph.SerializeToString(deterministic=True)]
        for tensor in self.proto.graph.initializer:
            parts = list(self._tensor(tensor))
            inner += [_begin(INITIALIZER, sum(map(_length, parts))), *parts]
        yield around.SerializeToString(deterministic=True)
        yield _begin(GRAPH, sum(map(_length, inner)))
        yield from inner

    def _tensor(self, tensor: TensorProto) -> Iterator[Part]:
        if tensor.name not in self.inside:
            yield tensor.SerializeToString(deterministic=True)
            return
        array = self.inside[tensor.name]
        yield TensorProto(name=tensor.name, dims=tensor.dims, data_type=tensor.data_type).SerializeToString(deterministic=True)
        yield _begin(RAW_DATA, array.nbytes)
        yield array

    def write_outline(self, outline: Path, model: Path) -> None:
        """Writes the model that has been written to `model` as one whose weights are in another file, that one, at their places there.

        ONNX's checker looks at no numbers of weights in another file, and takes a hundredth of the time for it.
        """
        at, places = 0, {}
        for part in self._parts():
            if not isinstance(part, bytes):
                places[id(part)] = at
            at += _length(part)
        self._refer(model.name, {name: places[id(array)] for name, array in self.inside.items()})
        outline.write_bytes(self.proto.SerializeToString())

    def _refer(self, location: str, offsets: Mapping[str, int]) -> None:
        """Each tensor that has one of the `offsets` says where it is."""
        arrays = self.apart | self.inside
        for tensor in self.proto.graph.initializer:
            if tensor.name not in offsets:
                continue
            del tensor.external_data[:]
            where = {"location": location, "offset": str(offsets[tensor.name]), "length": str(arrays[tensor.name].nbytes)}
            for key, value in where.items():
                tensor.external_data.add(key=key, value=value)


def _aligned(arrays: Mapping[str, Array]) -> dict[str, int]:
    """Where each is in a file of its own."""
    offsets, at = {}, 0
    for name, array in arrays.items():
        offsets[name] = at
        at += array.nbytes + -array.nbytes % ALIGNMENT
    return offsets


def add_to(model: Path, properties: Mapping[str, str]) -> None:
    """Adds to what a written model says of itself: what follows a message in its file is one more part of it."""
    more = onnx.ModelProto()
    for key, value in properties.items():
        more.metadata_props.add(key=key, value=value)
    with model.open("ab") as file:
        file.write(more.SerializeToString(deterministic=True))


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


def _length(part: Part) -> int:
    return len(part) if isinstance(part, bytes) else part.nbytes


def _bytes(array: Array) -> memoryview:
    """The numbers as ONNX keeps them: little-endian, the last axis first."""
    little = contiguous(array).astype(array.dtype.newbyteorder("<"), copy=False)
    return little.reshape(-1).view(np.uint8).data


def _begin(field: int, length: int) -> bytes:
    """How protobuf announces a field of `length` bytes: a tag with wire type 2, and the length, each seven bits to a byte."""
    return _varint(field << 3 | 2) + _varint(length)


def _varint(number: int) -> bytes:
    groups = [number >> shift & 127 for shift in range(0, max(number.bit_length(), 1), 7)]
    return bytes([*(group | 128 for group in groups[:-1]), groups[-1]])
