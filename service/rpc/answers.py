"""Encoding answers: what stands around the tensors repeats from answer to answer, and is put together once.

The bytes are those that protobuf would write of a ModelInferResponse, field by field in the order of its numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from service.request import Array, Response
from service.rpc._pb import inference_pb2 as pb
from service.rpc.wire import field

__all__ = ["Answers"]

ID, RAW = (number << 3 | 2 for number in (3, 6))  # tags of a ModelInferResponse: length-delimited
_MOST = 4096  # shapes that are remembered; whoever asks for more of them pays for it

Key = tuple[str, str, tuple[tuple[str, str, tuple[int, ...]], ...]]
Frame = tuple[bytes, bytes, tuple[bytes, ...]]  # before the id, after it, and before each tensor's bytes


class Answers:
    """Writes answers, and remembers what surrounds their tensors by model, version, and the outputs' names, datatypes and shapes."""

    def __init__(self) -> None:
        self._frames: dict[Key, Frame] = {}

    def encode(self, response: Response) -> bytes | None:
        """The message of a response whose tensors are numbers; None for one with strings, which is protobuf's to write."""
        arrays: list[Array] = []
        for tensor in response.outputs:
            if tensor.array.dtype != tensor.datatype.numpy or tensor.datatype.name == "BYTES":
                return None
            arrays.append(tensor.array)
        key = (
            response.model,
            response.version,
            tuple((tensor.name, tensor.datatype.name, tensor.array.shape) for tensor in response.outputs),
        )
        frame = self._frames.get(key) or self._remember(key, response)
        parts: list[Any] = [frame[0]]  # bytes and arrays, which are buffers
        if response.id:
            encoded = response.id.encode()
            parts += (field(ID, len(encoded)), encoded)
        parts.append(frame[1])
        for before, array in zip(frame[2], arrays, strict=True):
            parts.append(before)
            parts.append(array if array.flags.c_contiguous else np.ascontiguousarray(array))
        return b"".join(parts)

    def _remember(self, key: Key, response: Response) -> Frame:
        if len(self._frames) >= _MOST:
            self._frames.clear()
        frame = self._frames[key] = _frame(response)
        return frame


def _frame(response: Response) -> Frame:
    outputs: Sequence[pb.ModelInferResponse.InferOutputTensor] = [
        pb.ModelInferResponse.InferOutputTensor(name=tensor.name, datatype=tensor.datatype.name, shape=tensor.array.shape)
        for tensor in response.outputs
    ]
    return (
        pb.ModelInferResponse(model_name=response.model, model_version=response.version).SerializeToString(),
        pb.ModelInferResponse(outputs=outputs).SerializeToString(),
        tuple(field(RAW, tensor.array.nbytes) for tensor in response.outputs),
    )
