"""Asks a server for its health, and each of its models for one inference on zeros: ADDRESS [CA]."""

import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from service.rpc._pb import inference_pb2 as pb

SERVICE = "inference.GRPCInferenceService"
SIZES = {"BOOL": 1, "INT8": 1, "UINT8": 1, "INT16": 2, "UINT16": 2, "FP16": 2, "BF16": 2, "BYTES": 4}
SIZES |= {"INT32": 4, "UINT32": 4, "FP32": 4, "INT64": 8, "UINT64": 8, "FP64": 8}


def connect(address, ca):
    """A channel, encrypted where a CA is given."""
    if ca is None:
        return grpc.insecure_channel(address)
    with open(ca, "rb") as file:  # noqa: PTH123
        return grpc.secure_channel(address, grpc.ssl_channel_credentials(file.read()))


def ask(channel, method, request, answer):
    """One call of the protocol."""
    call = channel.unary_unary(f"/{SERVICE}/{method}", type(request).SerializeToString, answer.FromString)
    return call(request, timeout=60, wait_for_ready=True)


def zeros(tensor):
    """An input of one row, and its bytes; an empty string is four bytes of zero, too."""
    shape = [1 if dim < 0 else dim for dim in tensor.shape]
    count = SIZES[tensor.datatype]
    for dim in shape:
        count *= dim
    return pb.ModelInferRequest.InferInputTensor(name=tensor.name, datatype=tensor.datatype, shape=shape), bytes(count)


def main(address, ca=None):
    """Says what each model answered; raises where anything fails."""
    with connect(address, ca) as channel:
        health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=60, wait_for_ready=True)
        if health.status != health_pb2.HealthCheckResponse.SERVING:
            sys.exit(f"{address} is not serving")
        index = ask(channel, "RepositoryIndex", pb.RepositoryIndexRequest(ready=True), pb.RepositoryIndexResponse)
        for model in index.models:
            request = pb.ModelMetadataRequest(name=model.name, version=model.version)
            metadata = ask(channel, "ModelMetadata", request, pb.ModelMetadataResponse)
            inputs, contents = zip(*map(zeros, metadata.inputs), strict=True)
            request = pb.ModelInferRequest(model_name=model.name, model_version=model.version, inputs=inputs, raw_input_contents=contents)
            answer = ask(channel, "ModelInfer", request, pb.ModelInferResponse)
            print(model.name, model.version, *(f"{output.name}{list(output.shape)}" for output in answer.outputs))
        if not index.models:
            sys.exit(f"{address} has no model that is ready")


if __name__ == "__main__":
    main(*sys.argv[1:])
