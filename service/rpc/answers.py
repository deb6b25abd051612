"""Encoding answers: what stands around the tensors repeats from answer to answer, and is put together once.

The bytes are those that protobuf would write of a ModelInferResponse, field by field in the order of its numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from service.repository.registry import Served
from service.request import Array, TensorSpec
from service.rpc._pb import inference_pb2 as pb
from service.rpc.wire import field

__all__ = ["Answer", "Answers"]

ID, RAW = (number << 3 | 2 for number in (3, 6))  # tags of a ModelInferResponse: length-delimited
_MOST = 256  # shapes, or choices of outputs, that are remembered for a model version; whoever asks for more of them pays for it

Shapes = tuple[tuple[int, ...], ...]


class _Frame(NamedTuple):
    """What is around tensors of some shapes: before the id, after it, and of each tensor its place and what is before its bytes."""

    head: bytes
    outputs: bytes
    tensors: tuple[tuple[int, bytes], ...]


class Answer:
    """Writes the answers of a model version in which the outputs that are `wanted` are, in that order.

    `specs` are all the outputs of the model, in its order. What surrounds the tensors is remembered by their shapes.
    """

    def __init__(self, model: str, version: str, specs: Iterable[TensorSpec], wanted: Sequence[str]) -> None:
        specs = list(specs)
        places = {spec.name: place for place, spec in enumerate(specs)}
        self._head = pb.ModelInferResponse(model_name=model, model_version=version).SerializeToString()
        self._wanted = [(places[name], specs[places[name]]) for name in wanted or places]
        self._frames: dict[Shapes, _Frame | None] = {}

    def encode(self, id: str, outputs: Sequence[Array]) -> bytes | None:
        """The message under an id; None for outputs that are not plain numbers of the model's datatypes, which are protobuf's to write."""
        shapes = tuple([output.shape for output in outputs])
        frame = self._frames[shapes] if shapes in self._frames else self._remember(shapes, outputs)
        if frame is None:
            return None
        parts: list[Any] = [frame.head]  # bytes and arrays, which are buffers
        if id:
            encoded = id.encode()
            parts += (field(ID, len(encoded)), encoded)
        parts.append(frame.outputs)
        for place, before in frame.tensors:
            array = outputs[place]
            parts += (before, array if array.flags.c_contiguous else np.ascontiguousarray(array))
        return b"".join(parts)

    def _remember(self, shapes: Shapes, outputs: Sequence[Array]) -> _Frame | None:
        if len(self._frames) >= _MOST:
            self._frames.clear()
        frame = self._frames[shapes] = self._frame(outputs)
        return frame

    def _frame(self, outputs: Sequence[Array]) -> _Frame | None:
        if any(spec.datatype.name == "BYTES" or outputs[place].dtype != spec.datatype.numpy for place, spec in self._wanted):
            return None
        described = [
            pb.ModelInferResponse.InferOutputTensor(name=spec.name, datatype=spec.datatype.name, shape=outputs[place].shape)
            for place, spec in self._wanted
        ]
        return _Frame(
            self._head,
            pb.ModelInferResponse(outputs=described).SerializeToString(),
            tuple((place, field(RAW, outputs[place].nbytes)) for place, _ in self._wanted),
        )


class Answers:
    """The answers of each model version, for as long as it is in memory."""

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[Served, dict[tuple[str, ...], Answer]] = WeakKeyDictionary()

    def of(self, served: Served, wanted: tuple[str, ...]) -> Answer:
        """What writes the answers of a model version in which the outputs that are `wanted` are; all for none."""
        known = self._known.setdefault(served, {})
        if (found := known.get(wanted)) is not None:
            return found
        if len(known) >= _MOST:
            known.clear()
        made = known[wanted] = Answer(served.name, str(served.version), served.session.signature.outputs.values(), wanted)
        return made
