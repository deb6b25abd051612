"""Server reflection, so that grpcurl needs no files: v1, and v1alpha, which has the same messages under another name."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf import descriptor_pool
from grpc_health.v1 import health
from grpc_reflection.v1alpha import reflection, reflection_pb2

from service.rpc._pb import inference_pb2 as pb
from service.rpc.servicer import SERVICE

__all__ = ["handlers"]

V1 = "grpc.reflection.v1.ServerReflection"


def handlers() -> tuple[grpc.GenericRpcHandler, ...]:
    """The handlers of both versions."""
    names = (SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME, V1)
    answer = grpc.stream_stream_rpc_method_handler(
        reflection.ReflectionServicer(names, pool=_Pools()).ServerReflectionInfo,
        reflection_pb2.ServerReflectionRequest.FromString,
        reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    return tuple(grpc.method_handlers_generic_handler(name, {"ServerReflectionInfo": answer}) for name in (V1, reflection.SERVICE_NAME))


class _Pools:
    """What names are looked up in: this server's own messages, then those that everybody shares."""

    def __init__(self) -> None:
        self._pools = (pb.POOL, descriptor_pool.Default())

    def __getattr__(self, name: str) -> Any:
        def look_up(*arguments: Any) -> Any:
            for pool in self._pools[:-1]:
                try:
                    return getattr(pool, name)(*arguments)
                except KeyError:
                    continue
            return getattr(self._pools[-1], name)(*arguments)

        return look_up
