"""What a parent and its workers say to each other; each goes through a pipe as it is.

From a worker: it has loaded and asks to be let in (`Loaded`), takes calls (`Listening`), or cannot start (`Failed`); a caller of its own
wants a change of the models (`Load`, `Unload`) or to know what all have counted (`ReadStatistics`).
From the parent: do that change (`Load`, `Unload`, `Follow`), tell what you count (`ReadMetrics`, `ReadStatistics`) and serve (`ReadReady`),
say that you are not ready (`Withdraw`), finish (`Stop`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from service.metrics.samples import Family
from service.repository.layout import ModelFolder
from service.request import Statistics

__all__ = [
    "Answer",
    "Ask",
    "Failed",
    "Follow",
    "Listening",
    "Load",
    "Loaded",
    "Message",
    "ReadMetrics",
    "ReadReady",
    "ReadStatistics",
    "Report",
    "Stop",
    "Unload",
    "Withdraw",
]


@dataclass(frozen=True, slots=True)
class Loaded:
    """The models that the server begins with are there; the answer is the leave to take calls."""


@dataclass(frozen=True, slots=True)
class Listening:
    """Calls are taken."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The worker cannot start, and why."""

    text: str


@dataclass(frozen=True, slots=True)
class Load:
    """Load a model; of a worker, have all load it. The answer comes when it is done."""

    name: str
    config: str | None
    files: Mapping[str, bytes] | None


@dataclass(frozen=True, slots=True)
class Unload:
    """Take a model out of service; of a worker, have all do so."""

    name: str


@dataclass(frozen=True, slots=True)
class Follow:
    """What there is in the repository by now."""

    folders: Mapping[str, ModelFolder]


@dataclass(frozen=True, slots=True)
class ReadMetrics:
    """Tell all that you count; the answer is a `Report`."""


@dataclass(frozen=True, slots=True)
class ReadStatistics:
    """Tell the statistics of a model version; of a worker, those of all."""

    model: str
    version: str


@dataclass(frozen=True, slots=True)
class ReadReady:
    """Tell which versions of which models can be asked, each with whether its last load failed."""


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Say everywhere that you are not ready, and serve on."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Take no more calls, finish those in progress, and end."""


Message = Loaded | Listening | Failed | Load | Unload | Follow | ReadMetrics | ReadStatistics | ReadReady | Withdraw | Stop


@dataclass(frozen=True, slots=True)
class Report:
    """All that a worker has counted: the families of its metrics, and the statistics by model and version."""

    families: tuple[Family, ...] = ()
    statistics: Mapping[tuple[str, str], Statistics] | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """A message that waits for an answer, by a number that its sender gave it."""

    number: int
    message: Message


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of the message of that number: a value, or what was raised."""

    number: int
    value: object = None
    error: Exception | None = None
