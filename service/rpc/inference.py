"""One inference, from its message to its answer in two steps: what is queued now may be waited for later."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass
from time import monotonic

from service.engine.batcher import Job
from service.errors import DrainingError, RequestCancelledError
from service.repository.registry import Served
from service.request import Request, Response, Tensor
from service.rpc import classification, codec
from service.rpc._pb import inference_pb2 as pb
from service.rpc.boundary import Call, Trace
from service.rpc.shared_memory import Regions

__all__ = ["Inference", "Pending"]

Find = Callable[[str, str, Trace], Served]


@dataclass(frozen=True, slots=True)
class Pending:
    """A request in the queue."""

    served: Served
    request: Request
    deliveries: codec.Deliveries
    job: Job

    def answer(self, message: pb.ModelInferResponse) -> None:
        """Waits for the outputs, and puts those that were asked for into `message`. Raises ServiceError when there are none."""
        try:
            outputs = self.job.future.result()
        except CancelledError:
            raise RequestCancelledError("the caller cancelled the request") from None
        signature = self.served.session.signature
        computed = dict(zip(signature.outputs, outputs, strict=True))
        names = self.request.outputs or tuple(signature.outputs)
        tensors = tuple(self._delivered(Tensor(name, signature.outputs[name].datatype, computed[name])) for name in names)
        windows = {name: delivery.window for name, delivery in self.deliveries.items() if delivery.window is not None}
        codec.fill_response(message, Response(self.served.name, str(self.served.version), self.request.id, tensors), windows)

    def _delivered(self, tensor: Tensor) -> Tensor:
        delivery = self.deliveries.get(tensor.name)
        if delivery is None or not delivery.classes:
            return tensor
        labels = self.served.settings.classes.get(tensor.name, ())
        return classification.classified(tensor, delivery.classes, self.served.session.signature.batched, labels)


@dataclass(frozen=True, slots=True)
class Inference:
    """The way of a request into the queue of its model; `find` gives the model that a request names."""

    find: Find
    regions: Regions

    def begin(self, message: pb.ModelInferRequest, call: Call, trace: Trace) -> Pending:
        """Queues a request. Raises ServiceError when it is wrong, or there is no place for it."""
        served = self.find(message.model_name, message.model_version, trace)
        request = codec.decode_request(message, trace.timeline.received, self.regions)
        deliveries = codec.decode_deliveries(message, self.regions)
        trace.timeline.deadline = _deadline(request, call)
        while True:
            job = served.job(request, trace.timeline.deadline, trace.timeline)
            for name, delivery in deliveries.items():
                if delivery.classes:
                    classification.check(served.session.signature.outputs[name])
            try:
                served.batcher.submit(job)
            except DrainingError:  # taken out of service since it was found: another version may have come in its place
                again = self.find(message.model_name, message.model_version, trace)
                if again is served:
                    raise
                served = again
            else:
                return Pending(served, request, deliveries, job)


def _deadline(request: Request, call: Call) -> float | None:
    """The earlier of the call's deadline and the request's own, on the monotonic clock."""
    remaining = call.time_remaining()
    given = [request.deadline, None if remaining is None else monotonic() + remaining]
    return min((deadline for deadline in given if deadline is not None), default=None)
