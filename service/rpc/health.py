"""grpc.health.v1: of the server as a whole, of the inference service, and of each model by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2

from service.rpc.servicer import SERVICE

__all__ = ["Health"]

States = health_pb2.HealthCheckResponse


class Health(health.HealthServicer):  # type: ignore[misc]  # untyped
    """Health whose watchers can be let go: each is a call in progress, and would hold up a stop for the whole grace."""

    def __init__(self) -> None:
        super().__init__()
        self._states: dict[str, int] = {}
        self._ends: set[Callable[[None], None]] = set()
        self._ended = False
        self._watching = Lock()
        self.tell(False)

    def tell(self, ready: bool, models: Mapping[str, bool] | None = None) -> None:
        """What checks answer and watchers are told from now on: of the server, and of each model; without models, `ready` is said of all.

        A model that is told of no more is unknown again.
        """
        of_models = dict.fromkeys(self._states, ready) if models is None else models
        states = {**of_models, "": ready, SERVICE: ready}
        gone = self._states.keys() - states.keys()
        self._states = {name: States.SERVING if can else States.NOT_SERVING for name, can in states.items()}
        for name, state in (*self._states.items(), *((name, States.SERVICE_UNKNOWN) for name in gone)):
            self.set(name, state)

    def List(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Every name with its state."""
        return health_pb2.HealthListResponse(statuses={name: States(status=state) for name, state in self._states.items()})

    def Watch(self, request: Any, context: grpc.ServicerContext, send_response_callback: Any = None) -> Any:  # noqa: N802
        with self._watching:
            self._ends.add(send_response_callback)
            ended = self._ended
        context.add_callback(lambda: self._ends.discard(send_response_callback))
        watcher = super().Watch(request, context, send_response_callback)
        if ended:
            send_response_callback(None)
        return watcher

    def end_watches(self) -> None:
        """Ends every watch there is, and those that are yet to begin."""
        with self._watching:
            self._ended = True
            ends = list(self._ends)
        for end in ends:
            end(None)
