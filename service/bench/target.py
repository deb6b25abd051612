"""The server that is measured, asked about itself over gRPC: its models, what they take, and what they have done.

Only the Open Inference Protocol is taken for granted; what Triton's extensions tell is used where a server has them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import grpc

from service.errors import StartupError
from service.request import DATATYPES, Datatype, Request, Tensor
from service.rpc import codec
from service.rpc._pb import inference_pb2 as pb
from service.rpc.servicer import SERVICE

__all__ = ["INFER", "PHASES", "Spent", "Target", "TargetInput", "TargetModel", "message"]

INFER = f"/{SERVICE}/ModelInfer"
PATIENCE = 10.0  # seconds for a question about the server


@dataclass(frozen=True, slots=True)
class TargetInput:
    """An input as the server describes it; axes of its shape that are free are -1."""

    name: str
    datatype: Datatype
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TargetModel:
    """A model as the server describes it. `batched` says that the first axis of its inputs counts rows."""

    name: str
    version: str
    server: str
    inputs: tuple[TargetInput, ...]
    batched: bool
    statistics: bool


@dataclass(frozen=True, slots=True)
class Spent:
    """What a model did between two looks at its statistics: `seconds` by phase, over all requests, and runs by their rows."""

    requests: int = 0
    rows: int = 0
    executions: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)
    runs: Mapping[int, int] = field(default_factory=dict)

    def since(self, before: Spent) -> Spent:
        """What was done since `before`."""
        runs = {rows: count - before.runs.get(rows, 0) for rows, count in self.runs.items()}
        return Spent(
            self.requests - before.requests,
            self.rows - before.rows,
            self.executions - before.executions,
            {phase: seconds - before.seconds.get(phase, 0.0) for phase, seconds in self.seconds.items()},
            {rows: count for rows, count in sorted(runs.items()) if count},
        )

    def each(self, phase: str) -> float:
        """Seconds of a phase that a request took on average; not a number without requests."""
        return self.seconds.get(phase, 0.0) / self.requests if self.requests else float("nan")


class Target:
    """A server at `address`, host:port. What it refuses is raised as StartupError, with its words."""

    def __init__(self, address: str) -> None:
        self.address = address
        unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        self._channel = grpc.insecure_channel(address, options=unlimited)

    def model(self, name: str, version: str) -> TargetModel:
        """The model of that name; `version` is empty for the server's choice."""
        server: pb.ServerMetadataResponse = self._ask("ServerMetadata", pb.ServerMetadataRequest(), pb.ServerMetadataResponse)
        described: pb.ModelMetadataResponse = self._ask(
            "ModelMetadata", pb.ModelMetadataRequest(name=name, version=version), pb.ModelMetadataResponse
        )
        inputs = tuple(TargetInput(given.name, _datatype(name, given), tuple(given.shape)) for given in described.inputs)
        return TargetModel(
            name,
            version,
            f"{server.name} {server.version}".strip(),
            inputs,
            self._batched(name, version, inputs),
            "statistics" in server.extensions,
        )

    def statistics(self, model: TargetModel) -> Spent:
        """What the model, in all its versions or the one that is meant, has done so far; nothing when the server does not tell."""
        if not model.statistics:
            return Spent()
        request = pb.ModelStatisticsRequest(name=model.name, version=model.version)
        return _spent(self._ask("ModelStatistics", request, pb.ModelStatisticsResponse).model_stats)

    def answer(self, message: bytes) -> int:
        """The bytes that a ModelInfer request is answered with."""
        return len(self._call("ModelInfer", message))

    def close(self) -> None:
        """Ends the connection."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _batched(self, name: str, version: str, inputs: Sequence[TargetInput]) -> bool:
        """As its configuration has it where there is one; otherwise when the first axis of all inputs is free."""
        try:
            answer: pb.ModelConfigResponse = self._ask(
                "ModelConfig", pb.ModelConfigRequest(name=name, version=version), pb.ModelConfigResponse
            )
        except StartupError:  # an extension that not every server has
            return all(given.shape[:1] == (-1,) for given in inputs)
        return answer.config.max_batch_size > 0

    def _ask(self, method: str, request: Any, kind: Any) -> Any:
        """The answer, a message of class `kind`."""
        return kind.FromString(self._call(method, request.SerializeToString()))

    def _call(self, method: str, message: bytes) -> bytes:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(f"/{SERVICE}/{method}")
        try:
            return call(message, timeout=PATIENCE)
        except grpc.RpcError as error:
            refused: Any = error  # a grpc.Call as well
            raise StartupError(f"the server at {self.address} refused {method}: {refused.code().name}, {refused.details()}") from error


def message(model: TargetModel, tensors: Sequence[Tensor]) -> bytes:
    """The ModelInfer request with those inputs."""
    return codec.encode_request(Request(model.name, model.version, "", tuple(tensors)))


def _datatype(model: str, given: pb.ModelMetadataResponse.TensorMetadata) -> Datatype:
    if given.datatype not in DATATYPES:
        raise StartupError(f"input '{given.name}' of model '{model}' is of datatype {given.datatype!r}, which is not known here")
    return DATATYPES[given.datatype]


def _spent(versions: Sequence[pb.ModelStatistics]) -> Spent:
    seconds: dict[str, float] = dict.fromkeys(PHASES, 0.0)
    runs: dict[int, int] = {}
    for one in versions:
        for phase, of in PHASES.items():
            seconds[phase] += getattr(one.inference_stats, of).ns / 1e9
        for batch in one.batch_stats:
            runs[batch.batch_size] = runs.get(batch.batch_size, 0) + batch.compute_infer.count
    return Spent(
        sum(one.inference_stats.success.count for one in versions),
        sum(one.inference_count for one in versions),
        sum(one.execution_count for one in versions),
        seconds,
        runs,
    )


# The phases of a request, and what Triton's statistics call them; "all" is from its arrival to its answer.
PHASES = {"all": "success", "queue": "queue", "assembly": "compute_input", "compute": "compute_infer", "output": "compute_output"}
