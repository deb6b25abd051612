"""Everything that can go wrong, by who has to do something about it.

    ServiceError                  a caller asked for something and does not get it
    ├── InvalidRequestError           INVALID    the request is wrong, and will be wrong again
    ├── ModelNotFoundError            NOT_FOUND
    ├── RegionNotFoundError           NOT_FOUND  no shared memory is registered under that name
    ├── AlreadyExistsError            EXISTS
    ├── NotSupportedError             UNSUPPORTED
    ├── ModelNotReadyError            UNAVAILABLE
    ├── DrainingError                 UNAVAILABLE
    ├── ControlNotAllowedError        PRECONDITION   the repository is not under the caller's control
    ├── LoadFailedError               INTERNAL   a model that was to be loaded could not be
    ├── QueueFullError                EXHAUSTED
    ├── OutOfMemoryError              EXHAUSTED  the model found no memory to run on this input
    ├── RequestExpiredError           EXPIRED    its deadline passed before it was computed
    ├── RequestCancelledError         CANCELLED
    └── ExecutionFailedError          INTERNAL   the model itself failed
    StartupError                  the operator has to change something; the process does not start

A kind is what callers see, whatever the transport; `rpc.status` alone knows its gRPC code. A `reason` is what the
rejection counter says, and what a program compares.
"""

from enum import Enum, auto
from typing import ClassVar, Self

__all__ = [
    "AlreadyExistsError",
    "ControlNotAllowedError",
    "DrainingError",
    "ExecutionFailedError",
    "InvalidRequestError",
    "Kind",
    "LoadFailedError",
    "ModelNotFoundError",
    "ModelNotReadyError",
    "NotSupportedError",
    "OutOfMemoryError",
    "QueueFullError",
    "RegionNotFoundError",
    "RequestCancelledError",
    "RequestExpiredError",
    "ServiceError",
    "StartupError",
    "quoted",
]

_MAX_QUOTED = 64  # characters


class Kind(Enum):
    """What an error means to a caller."""

    INVALID = auto()
    NOT_FOUND = auto()
    EXISTS = auto()
    UNSUPPORTED = auto()
    PRECONDITION = auto()
    UNAVAILABLE = auto()
    EXHAUSTED = auto()
    EXPIRED = auto()
    CANCELLED = auto()
    INTERNAL = auto()


class ServiceError(Exception):
    """A request that is not answered; the text is for the caller and holds no path of the server's."""

    kind: ClassVar[Kind]
    reason: ClassVar[str]
    retry_after: float | None = None  # seconds after which it is worth asking again; None when it never is


class InvalidRequestError(ServiceError):
    """The request contradicts the protocol or the model's signature, in `field`: a path in the request, such as inputs[0].shape."""

    kind = Kind.INVALID
    reason = "invalid"

    def __init__(self, text: str, field: str = "") -> None:
        super().__init__(text)
        self.field = field

    def within(self, path: str) -> Self:
        """The same error, its field being a part of what is at `path`."""
        self.field = f"{path}.{self.field}" if self.field else path
        return self


class ModelNotFoundError(ServiceError):
    """There is no such model, or no such version of it."""

    kind = Kind.NOT_FOUND
    reason = "not_found"


class RegionNotFoundError(ServiceError):
    """No shared memory is registered under that name."""

    kind = Kind.NOT_FOUND
    reason = "region_not_found"


class AlreadyExistsError(ServiceError):
    """What a caller wanted to make is there already."""

    kind = Kind.EXISTS
    reason = "exists"


class NotSupportedError(ServiceError):
    """The request asks for a part of the protocol that this server does not have."""

    kind = Kind.UNSUPPORTED
    reason = "unsupported"


class ModelNotReadyError(ServiceError):
    """The model is there, and is not, or no longer, ready."""

    kind = Kind.UNAVAILABLE
    reason = "not_ready"
    retry_after = 1.0


class DrainingError(ServiceError):
    """The server is about to stop and takes no more requests."""

    kind = Kind.UNAVAILABLE
    reason = "draining"
    retry_after = 1.0


class ControlNotAllowedError(ServiceError):
    """Models are not loaded and unloaded by callers here."""

    kind = Kind.PRECONDITION
    reason = "control"

    def __init__(
        self, text: str = "explicit model load / unload is not allowed if polling is enabled; use --model-control explicit"
    ) -> None:
        super().__init__(text)


class LoadFailedError(ServiceError):
    """A model that a caller wanted loaded could not be; what served before still does."""

    kind = Kind.INTERNAL
    reason = "load"


class QueueFullError(ServiceError):
    """More is waiting than the model's queue may hold; `retry_after` is about how long that takes to run, where it is known."""

    kind = Kind.EXHAUSTED
    reason = "queue_full"
    retry_after = 0.1

    def __init__(self, text: str, retry_after: float | None = None) -> None:
        super().__init__(text)
        if retry_after is not None:
            self.retry_after = retry_after


class OutOfMemoryError(ServiceError):
    """The model found no memory to run on this input."""

    kind = Kind.EXHAUSTED
    reason = "memory"
    retry_after = 1.0


class RequestExpiredError(ServiceError):
    """The deadline passed while the request waited; it was not computed."""

    kind = Kind.EXPIRED
    reason = "deadline"


class RequestCancelledError(ServiceError):
    """The caller went away before the request was computed."""

    kind = Kind.CANCELLED
    reason = "cancelled"


class ExecutionFailedError(ServiceError):
    """The model failed on this input; what ONNX Runtime said is in the log."""

    kind = Kind.INTERNAL
    reason = "execution"


class StartupError(Exception):
    """The server cannot start as it was told to; the text says what to change."""


def quoted(text: str) -> str:
    """A caller's own text as it may appear in a message: short, and printable."""
    text = text[:_MAX_QUOTED]
    return text if text.isprintable() else "".join(char if char.isprintable() else "?" for char in text)
