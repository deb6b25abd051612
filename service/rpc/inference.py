"""One inference, from its message to its answer in two steps: what is queued now may be waited for later, or its end be told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from types import MappingProxyType
from typing import NamedTuple

from service.engine.batcher import Job
from service.engine.promise import Promise
from service.errors import DrainingError, RequestCancelledError, ServiceError, quoted
from service.repository.registry import Served
from service.request import Array, Response, Tensor
from service.rpc import classification, codec
from service.rpc._pb import inference_pb2 as pb
from service.rpc.answers import Answer, Answers
from service.rpc.boundary import Trace
from service.rpc.shared_memory import Regions
from service.rpc.templates import Template, Templates
from service.rpc.wire import Split

__all__ = ["Asked", "Inference", "Pending", "outputs_of"]

Find = Callable[[str, str, Trace], Served]
WHOLE: codec.Deliveries = MappingProxyType({})  # every output comes whole


class Asked(NamedTuple):
    """What a request wants: of which model, under which id, which outputs, none for all, and how those come that do not come whole.

    `answer` writes what comes whole.
    """

    served: Served
    id: str
    outputs: tuple[str, ...]
    answer: Answer
    deliveries: codec.Deliveries = WHOLE

    def fill(self, message: pb.ModelInferResponse, outputs: Sequence[Array]) -> None:
        """Puts what was asked for of the model's outputs into `message`. Raises ServiceError when it cannot come as it should."""
        windows = {name: delivery.window for name, delivery in self.deliveries.items() if delivery.window is not None}
        codec.fill_response(message, self._response(outputs), windows)

    def encode(self, outputs: Sequence[Array]) -> bytes:
        """The message with what was asked for of the model's outputs. Raises ServiceError when it cannot come as it should."""
        if not self.deliveries and (encoded := self.answer.encode(self.id, outputs)) is not None:
            return encoded
        message = pb.ModelInferResponse()
        self.fill(message, outputs)
        return message.SerializeToString()

    def _response(self, outputs: Sequence[Array]) -> Response:
        specs = self.served.session.signature.outputs
        computed = dict(zip(specs, outputs, strict=True))
        tensors = [self._delivered(Tensor(name, specs[name].datatype, computed[name])) for name in self.outputs or computed]
        return Response(self.served.name, str(self.served.version), self.id, tuple(tensors))

    def _delivered(self, tensor: Tensor) -> Tensor:
        delivery = self.deliveries.get(tensor.name)
        if delivery is None or not delivery.classes:
            return tensor
        labels = self.served.settings.classes.get(tensor.name, ())
        return classification.classified(tensor, delivery.classes, self.served.session.signature.batched, labels)


class Pending(NamedTuple):
    """A request in the queue; `here` says that it was left to the calling thread, which will run it soon."""

    asked: Asked
    job: Job
    here: bool = False

    def fill(self, message: pb.ModelInferResponse) -> None:
        """Waits for the outputs, and puts those that were asked for into `message`. Raises ServiceError when there are none."""
        self.asked.fill(message, outputs_of(self.job.future))

    def encode(self) -> bytes:
        """Waits for the outputs, and gives the message with those that were asked for. Raises ServiceError when there are none."""
        return self.asked.encode(outputs_of(self.job.future))


def outputs_of(future: Promise) -> Sequence[Array]:
    """What a job's future gives, waiting for it. Raises ServiceError, RequestCancelledError for one that was cancelled."""
    try:
        return future.result()
    except CancelledError:
        raise RequestCancelledError("the caller cancelled the request") from None


class Inference:
    """The way of a request into the queue of its model; `find` gives the model that a request names."""

    def __init__(self, find: Find, regions: Regions) -> None:
        self._find = find
        self._regions = regions
        self._templates = Templates()
        self._answers = Answers()

    def read(self, data: bytes, deadline: float | None, trace: Trace, here: bool = False) -> Pending:
        """Queues the request in these bytes. Raises ServiceError as `begin` does. `here` is `Batcher.submit`'s."""
        found, template = self._templates.match(data)
        if found and template and (pending := self._alike(template, data, found, deadline, trace, here)):
            return pending
        return self.begin(codec.parse(pb.ModelInferRequest, data), deadline, trace, here, found, data)

    def begin(
        self,
        message: pb.ModelInferRequest,
        deadline: float | None,
        trace: Trace,
        here: bool = False,
        found: Split | None = None,
        data: bytes = b"",
    ) -> Pending:
        """Queues a request, and remembers it by what was `found` in its `data`.

        Raises ServiceError when it is wrong, or there is no place for it.
        """
        trace.request_id = quoted(message.id)
        served = self._find(message.model_name, message.model_version, trace)
        request = codec.decode_request(message, trace.timeline.received, self._regions)
        deliveries = codec.decode_deliveries(message, self._regions)
        trace.timeline.deadline = _earlier(request.deadline, deadline)
        while True:
            job = served.job(request, trace.timeline.deadline, trace.timeline)
            for name, delivery in deliveries.items():
                if delivery.classes:
                    classification.check(served.session.signature.outputs[name])
            answer = self._answers.of(served, request.outputs)
            if found and not deliveries:
                timeout = None if request.deadline is None else request.deadline - trace.timeline.received
                self._templates.learn(data, found, message.model_version, served, request, job, timeout, answer)
            try:
                left = served.batcher.submit(job, here)
            except DrainingError:  # taken out of service since it was found: another version may have come in its place
                again = self._find(message.model_name, message.model_version, trace)
                if again is served:
                    raise
                served = again
            else:
                return Pending(Asked(served, request.id, request.outputs, answer, deliveries), job, left)

    def _alike(self, template: Template, data: bytes, found: Split, deadline: float | None, trace: Trace, here: bool) -> Pending | None:
        """Queues a request that differs from one before in its id and numbers only; None when there is more to it."""
        served = template.served()
        if served is None:
            return None
        try:
            id = found.id.decode()
            if self._find(served.name, template.version, trace) is not served:
                return None
        except (UnicodeDecodeError, ServiceError):
            return None
        if (feeds := template.feeds(data, found)) is None:
            return None
        if id:
            trace.request_id = quoted(id)
        timeout = template.timeout
        timeline = trace.timeline
        timeline.deadline = deadline if timeout is None else _earlier(timeline.received + timeout, deadline)
        job = Job(feeds, template.rows, timeline.deadline, timeline, template.priority, template.shapes, nbytes=template.nbytes)
        try:
            left = served.batcher.submit(job, here)
        except DrainingError:
            return None
        return Pending(Asked(served, id, template.outputs, template.answer), job, left)


def _earlier(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)
