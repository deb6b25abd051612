"""What the service's tests share: real servers on free ports, and a gate to hold a model's runs at."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from pathlib import Path
from queue import SimpleQueue
from threading import Semaphore
from time import monotonic
from typing import Any, Literal

import grpc
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.admin import AdminOptions
from service.engine.batcher import Batcher, BatchOptions
from service.engine.padding import PaddedAxis, Padding
from service.engine.session import DeviceOptions, Session
from service.metrics import Metrics
from service.repository.layout import ModelFile, find_models
from service.repository.registry import ModelStatus, Registry, Served, State
from service.request import DATATYPES, Array, BatchRun, Outcome
from service.rpc import codec
from service.rpc._pb import inference_pb2 as pb
from service.rpc.direct import MOST_CALLS
from service.rpc.servicer import SERVICE, InferenceServicer
from service.rpc.transport import Transport, TransportOptions
from service.server import Options, Server
from tests.service.models import save_repository

PATIENCE = 30.0  # seconds after which something that should have happened did not
FREE_PORTS = Options(transport=TransportOptions(grpc_port=0), admin=AdminOptions(admin_port=0))

Feeds = Mapping[str, Array]
TransportKind = Literal["queue", "stock"]


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All the models of the table."""
    return save_repository(tmp_path_factory.mktemp("repository"))


@pytest.fixture(scope="session", params=["queue", "stock"])
def transport(request: pytest.FixtureRequest) -> TransportKind:
    """What takes inferences: everything that is promised of one is promised of the other."""
    kind: TransportKind = request.param
    return kind


@pytest.fixture(scope="session")
def server(repository: Path, transport: TransportKind) -> Iterator[Server]:
    """One server of all models on each transport, for tests that do not count or stop it."""
    server = Server(repository, replace(FREE_PORTS, transport=TransportOptions(grpc_port=0, transport=transport)))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def stub(server: Server) -> Iterator[Stub]:
    """The protocol's methods on that server."""
    with Stub(server.grpc_port) as stub:
        yield stub


@pytest.fixture
def gated(tmp_path: Path, transport: TransportKind) -> Iterator[Gated]:
    """A server of `add2` whose runs wait at a gate, and whose queue holds four rows."""
    gated = Gated(save_repository(tmp_path, "add2"), BatchOptions(max_batch_rows=8, max_queue_rows=4), transport=transport)
    yield gated
    gated.close()


class Stub:
    """A client of the protocol that sends the messages it is given, right or wrong."""

    def __init__(self, port: int) -> None:
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.use_local_subchannel_pool", 1)])

    def method(self, name: str) -> grpc.UnaryUnaryMultiCallable[bytes, bytes]:
        """A method that takes and gives bytes."""
        return self.channel.unary_unary(f"/{SERVICE}/{name}")

    @property
    def stream(self) -> grpc.StreamStreamMultiCallable[bytes, bytes]:
        """ModelStreamInfer, which takes and gives bytes."""
        return self.channel.stream_stream(f"/{SERVICE}/ModelStreamInfer")

    def call(self, name: str, request: bytes) -> bytes:
        return self.method(name)(request, timeout=PATIENCE)

    def infer(self, request: pb.ModelInferRequest) -> pb.ModelInferResponse:
        return pb.ModelInferResponse.FromString(self.call("ModelInfer", request.SerializeToString()))

    def begin(self, request: pb.ModelInferRequest, timeout: float = PATIENCE) -> Any:
        """The call in progress, which is a future of bytes."""
        return self.method("ModelInfer").future(request.SerializeToString(), timeout=timeout)

    def __enter__(self) -> Stub:
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()


class Gate:
    """Holds each run of a model until it is let through, and knows what was run."""

    def __init__(self, run: Callable[[Feeds], Sequence[Array]]) -> None:
        self._inner = run
        self._arrived: SimpleQueue[Feeds] = SimpleQueue()
        self._passes = Semaphore(0)
        self.runs: list[Feeds] = []

    def run(self, feeds: Feeds) -> Sequence[Array]:
        self.runs.append(feeds)
        self._arrived.put(feeds)
        assert self._passes.acquire(timeout=PATIENCE), "nobody opened the gate"
        return self._inner(feeds)

    def wait(self) -> Feeds:
        """What the next run is about; returns when it stands at the gate."""
        return self._arrived.get(timeout=PATIENCE)

    def let(self, runs: int = 1) -> None:
        """Lets that many runs through, those that have come or the next."""
        self._passes.release(runs)


class Gated:
    """A server put together like the real one, of the real parts, with a gate before the session's run, or before `run`."""

    def __init__(
        self,
        repository: Path,
        options: BatchOptions,
        run: Callable[[Feeds], Sequence[Array]] | None = None,
        padding: Sequence[PaddedAxis] = (),
        transport: TransportKind = "queue",
        most_calls: int = MOST_CALLS,
    ) -> None:
        self.options = options
        self._padding = padding
        self._run = run
        self.outcomes: SimpleQueue[Outcome] = SimpleQueue()
        self.batches: SimpleQueue[BatchRun] = SimpleQueue()
        self.registry = registry_of(find_models(repository), self._load)
        self.metrics = Metrics()
        self.servicer = InferenceServicer(self.registry, self.outcomes.put, self.metrics.statistics)
        self.transport = Transport(
            "127.0.0.1",
            TransportOptions(grpc_port=0, transport=transport),
            self.servicer.handlers(),
            self.servicer.end_streams,
            self.servicer.direct(None, most_calls),
        )
        self.transport.start()
        self.stub = Stub(self.transport.port)

    def _load(self, file: ModelFile) -> Served:
        session = Session(file.path, DeviceOptions(), 1)
        self.gate = Gate(self._run or session.run)
        padding = Padding(self._padding, session.signature)
        self.batcher = Batcher(
            file.name, str(file.version), self.gate.run, self.options, session.signature.batched, 1, self.batches.put, padding
        )
        return Served(file.name, file.version, session, self.batcher)

    def until_waiting(self, rows: int) -> None:
        """Returns when that many rows are in the queue."""
        until(lambda: self.batcher.waiting_rows == rows)

    def close(self) -> None:
        self.gate.let(1000)
        self.transport.stop(PATIENCE)
        self.registry.drain()
        self.stub.__exit__()


def registry_of(files: Iterable[ModelFile], load: Callable[[ModelFile], Served] | None = None) -> Registry:
    """A registry of these versions: ready, loaded by `load`, or without it still loading."""
    registry = Registry()
    for file in files:
        status = ModelStatus(file, State.READY, load(file)) if load else ModelStatus(file)
        registry.put(file.name, {**registry.of(file.name), file.version: status})
    registry.started()
    return registry


@dataclass(frozen=True)
class Refused:
    """How a call ended that was not answered."""

    code: grpc.StatusCode
    text: str


def refusal(call: Callable[[], object]) -> Refused:
    """What `call` is refused with."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    error: Any = caught.value  # a grpc.Call as well
    return Refused(error.code(), error.details())


def until(condition: Callable[[], bool]) -> None:
    """Returns when `condition` holds, which no event tells of; fails when it does not come to."""
    end = monotonic() + PATIENCE
    while not condition():
        assert monotonic() < end, "it did not come to that"
        os.sched_yield()


def http(port: int, path: str, accept: str = "") -> tuple[int, str, str]:
    """Status, content type and body of what the admin port answers."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", path, headers={"Accept": accept})
        answer = connection.getresponse()
        return answer.status, answer.headers.get("Content-Type", ""), answer.read().decode()
    finally:
        connection.close()


def scrape(port: int) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """The value of each sample by its name and labels."""
    _, _, text = http(port, "/metrics")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def request(model: str, inputs: Mapping[str, Array], *outputs: str, id: str = "", version: str = "") -> pb.ModelInferRequest:
    """A request with raw tensors; strings are BYTES."""
    message = pb.ModelInferRequest(model_name=model, model_version=version, id=id)
    for name, array in inputs.items():
        message.inputs.add(name=name, datatype=datatype_of(array), shape=array.shape)
        message.raw_input_contents.append(raw(array))
    for output in outputs:
        message.outputs.add(name=output)
    return message


def add2_request(rows: int = 1, value: float = 1.0) -> pb.ModelInferRequest:
    """A request that `add2` answers with `value` + 1 everywhere."""
    return request("add2", {"a": np.full((rows, 4), value, np.float32), "b": np.ones((rows, 4), np.float32)})


def datatype_of(array: Array) -> str:
    return next(name for name, datatype in DATATYPES.items() if datatype.numpy == array.dtype)


def raw(array: Array) -> bytes:
    """The bytes of a tensor as the protocol has them, written here once more, and independently of the service."""
    if array.dtype != object:
        return array.astype(array.dtype.newbyteorder("<")).tobytes()
    return b"".join(len(text.encode()).to_bytes(4, "little") + text.encode() for text in array.flat)


def arrays(response: pb.ModelInferResponse) -> dict[str, Array]:
    """The outputs of a response by name."""
    return {tensor.name: tensor.array for tensor in codec.decode_response(response.SerializeToString()).outputs}
