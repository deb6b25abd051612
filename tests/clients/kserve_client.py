"""Asks a server with KServe's client, which nobody here wrote; run by an interpreter that has it.

    python tests/clients/kserve_client.py ADDRESS

Prints what it saw as JSON.
"""

import asyncio
import json
import sys
from typing import Any

import grpc
import numpy as np
from kserve import InferenceGRPCClient, InferInput, InferRequest


def pair(model: str) -> Any:
    inputs = [InferInput(name, [1, 4], "FP32") for name in "ab"]
    for tensor in inputs:
        tensor.set_data_from_numpy(np.ones((1, 4), np.float32))
    return InferRequest(model_name=model, infer_inputs=inputs, request_id="mine")


async def main(address: str) -> None:
    client = InferenceGRPCClient(address)
    answer = await client.infer(pair("add2"), timeout=30)
    outputs = {output.name: output.as_numpy().tolist() for output in answer.outputs}
    seen = {
        "live": await client.is_server_live(),
        "ready": await client.is_server_ready(),
        "model ready": await client.is_model_ready("add2"),
        **outputs,
        "id": answer.id,
    }
    try:
        await client.infer(pair("nope"), timeout=30)
    except grpc.RpcError as error:
        seen["refused"] = [str(error.code()), error.details()]
    await client.close()
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
