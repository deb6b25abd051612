"""A small client of the Open Inference Protocol, for scripts and for trying a server out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

import grpc
import numpy as np

from service.request import DATATYPES, Array, Datatype, Request, Tensor
from service.rpc import codec
from service.rpc.servicer import SERVICE

__all__ = ["Client"]


class Client:
    """A connection to a server at `address`, host:port. It may be used from several threads; use it in a `with`.

    What the server refuses is raised as grpc.RpcError, with the server's code and text.
    """

    def __init__(self, address: str, max_message_bytes: int = 64 * 2**20) -> None:
        limits = [("grpc.max_receive_message_length", max_message_bytes), ("grpc.max_send_message_length", max_message_bytes)]
        self._channel = grpc.insecure_channel(address, options=limits)
        self._infer: grpc.UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(f"/{SERVICE}/ModelInfer")

    def infer(
        self,
        model: str,
        inputs: Mapping[str, Array],
        outputs: Sequence[str] = (),
        *,
        version: str = "",
        id: str = "",
        priority: int = 0,
        timeout: float | None = None,
    ) -> dict[str, Array]:
        """The model's outputs by name, for arrays by input name; `timeout` in seconds, `priority` 1 for first and 0 for the model's own.

        `version` is a number, or a label where the model has any.
        """
        tensors = tuple(Tensor(name, _datatype(name, array), array) for name, array in inputs.items())
        request = Request(model, version, id, tensors, tuple(outputs), priority=priority)
        answer = codec.decode_response(self._infer(codec.encode_request(request), timeout=timeout))
        return {tensor.name: tensor.array for tensor in answer.outputs}

    def close(self) -> None:
        """Ends the connection."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _datatype(name: str, array: Array) -> Datatype:
    """The datatype of an array; strings and bytes are BYTES. Raises TypeError for what the protocol cannot carry."""
    if array.dtype.kind in "OUS":
        return DATATYPES["BYTES"]
    for datatype in DATATYPES.values():
        if datatype.numpy == np.dtype(array.dtype):
            return datatype
    raise TypeError(f"input '{name}' is of dtype {array.dtype}, which the protocol cannot carry")
