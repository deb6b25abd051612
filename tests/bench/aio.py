"""An echo as grpcio's manual has servers written: grpc.aio, and messages by protobuf's own classes; for large tensors.

`python -m tests.bench.aio` serves ModelInfer until it is told to stop, after a line with its port.
"""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import grpc

from service.rpc._pb import inference_pb2 as pb


async def infer(request: pb.ModelInferRequest, context: Any) -> pb.ModelInferResponse:
    given = request.inputs[0]
    answer = pb.ModelInferResponse(model_name=request.model_name, model_version="1", id=request.id)
    answer.outputs.add(name="y", datatype=given.datatype, shape=given.shape)
    answer.raw_output_contents.append(request.raw_input_contents[0])
    return answer


async def main() -> None:
    handler = grpc.unary_unary_rpc_method_handler(
        infer, request_deserializer=pb.ModelInferRequest.FromString, response_serializer=pb.ModelInferResponse.SerializeToString
    )
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("inference.GRPCInferenceService", {"ModelInfer": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    print(f"ready: gRPC on 127.0.0.1:{port}", flush=True)
    await stopped.wait()
    await server.stop(1)


if __name__ == "__main__":
    asyncio.run(main())
