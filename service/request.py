"""The values that cross rooms: tensors and their datatypes, requests and responses, and what is told of them afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "DATATYPES",
    "Array",
    "BatchRun",
    "BatchStatistics",
    "Datatype",
    "Dim",
    "Duration",
    "Load",
    "Outcome",
    "Request",
    "Response",
    "Signature",
    "Statistics",
    "Tensor",
    "TensorSpec",
    "Timeline",
]

Array = NDArray[Any]
Dim = int | str | None  # known, free under a name, or free


@dataclass(frozen=True, slots=True)
class Datatype:
    """One of the protocol's datatypes: ONNX Runtime's name for it, NumPy's, and the field for its typed contents.

    `contents` is None for what travels raw only. BYTES is a tensor of strings. NumPy has no BF16: its arrays hold the 16 bits.
    """

    name: str
    onnx: str
    numpy: np.dtype[Any]
    contents: str | None


DATATYPES: Mapping[str, Datatype] = {
    name: Datatype(name, f"tensor({onnx})", np.dtype(numpy), contents)
    for name, onnx, numpy, contents in (
        ("BOOL", "bool", "?", "bool_contents"),
        ("INT8", "int8", "<i1", "int_contents"),
        ("INT16", "int16", "<i2", "int_contents"),
        ("INT32", "int32", "<i4", "int_contents"),
        ("INT64", "int64", "<i8", "int64_contents"),
        ("UINT8", "uint8", "<u1", "uint_contents"),
        ("UINT16", "uint16", "<u2", "uint_contents"),
        ("UINT32", "uint32", "<u4", "uint_contents"),
        ("UINT64", "uint64", "<u8", "uint64_contents"),
        ("FP16", "float16", "<f2", None),
        ("FP32", "float", "<f4", "fp32_contents"),
        ("FP64", "double", "<f8", "fp64_contents"),
        ("BF16", "bfloat16", "<u2", None),  # behind UINT16, which is what an array of that dtype is when nothing else is said
        ("BYTES", "string", "O", "bytes_contents"),
    )
}


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """The name, datatype and shape of an input or output; the shape counts the batch.

    An `optional` input may be left out: the model then takes a value of its own.
    """

    name: str
    datatype: Datatype
    shape: tuple[Dim, ...]
    optional: bool = False

    @property
    def wire_shape(self) -> list[int]:
        """The shape as the protocol writes it: -1 for what is free."""
        return [dim if isinstance(dim, int) else -1 for dim in self.shape]


@dataclass(frozen=True, slots=True)
class Signature:
    """What a model takes and gives. `batched` says that axis 0 is a batch whose rows do not see each other."""

    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    batched: bool


@dataclass(frozen=True, slots=True)
class Tensor:
    """A named array, of the datatype that it was sent as."""

    name: str
    datatype: Datatype
    array: Array


@dataclass(frozen=True, slots=True)
class Request:
    """A decoded inference request. `outputs` is empty for all; `deadline` is on the monotonic clock, in seconds.

    `priority` is the caller's: 1 is served first, and 0 leaves it to the model.
    """

    model: str
    version: str
    id: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[str, ...] = ()
    deadline: float | None = None
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Response:
    """The outputs that were asked for, in the order in which they were."""

    model: str
    version: str
    id: str
    outputs: tuple[Tensor, ...]


@dataclass(slots=True)
class Timeline:
    """When a request got where, on the monotonic clock, in seconds; None for where it never got."""

    received: float
    queued: float | None = None
    started: float | None = None  # its batch was taken from the queue
    computed: float | None = None
    answered: float | None = None
    ended: float | None = None  # with an answer or without
    deadline: float | None = None
    batch_rows: int = 0  # that ran together with it, its own included
    span: object = None  # what traces the call, where calls are traced


class Outcome(NamedTuple):
    """What became of one call: told once, and turned into metrics by a table.

    `model` and `version` are empty unless they are those of a model that is there: callers must not make up labels.
    `trace` is the id of the trace that it belongs to, `sampled` whether anybody keeps that; `text` is what the caller was told,
    `cause` what ONNX Runtime said of it, which may hold paths and is for the log.
    """

    method: str
    code: str
    timeline: Timeline
    model: str = ""
    version: str = ""
    reason: str | None = None  # why it was rejected
    trace: str = ""
    sampled: bool = False
    request_id: str = ""
    text: str = ""
    cause: str = ""


class BatchRun(NamedTuple):
    """One execution of a model: how many requests and rows ran together, and the seconds to put them together and to run.

    `rows` are the callers'. `padding_rows` were added to them, and `padding_elements` to the elements of all inputs, those rows'
    included. `timelines` are the requests'. `inline` says that it was the thread that takes the calls that ran it.
    """

    model: str
    version: str
    requests: int
    rows: int
    assembly_seconds: float
    seconds: float
    padding_rows: int = 0
    padding_elements: int = 0
    timelines: tuple[Timeline, ...] = ()
    inline: bool = False


@dataclass(frozen=True, slots=True)
class Load:
    """One attempt to load a model version: "success" or "failure", and the seconds it took in all and to warm up."""

    model: str
    version: str
    result: str
    seconds: float
    warmup_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Duration:
    """How often something was done, and how many seconds that took in all."""

    count: int
    seconds: float


@dataclass(frozen=True, slots=True)
class BatchStatistics:
    """The runs of one number of rows."""

    rows: int
    assembly: Duration
    compute: Duration


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a model version has done so far. `last_answer` is in seconds since the epoch.

    `assembly` and `compute` count requests, each with all of the seconds of the batch that it was in.
    """

    last_answer: float | None
    rows: int
    executions: int
    success: Duration
    fail: Duration
    queue: Duration
    assembly: Duration
    compute: Duration
    output: Duration
    batches: tuple[BatchStatistics, ...]
