"""What the parameters of a request say: its timeout and priority, and where its tensors are and how its outputs are to come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.errors import InvalidRequestError, NotSupportedError, quoted
from service.rpc._pb import inference_pb2 as pb
from service.rpc.shared_memory import Regions, Window

__all__ = ["Delivery", "OnTensor", "delivery", "of_request", "window"]

OnTensor = pb.ModelInferRequest.InferInputTensor | pb.ModelInferRequest.InferRequestedOutputTensor
INTEGERS = ("int64_param", "uint64_param")
SEQUENCES = ("sequence_id", "sequence_start", "sequence_end")
EMPTY_FINAL = "triton_enable_empty_final_response"  # C++ clients always send it; one answer to a request is always the last
REGION, OFFSET, SIZE = "shared_memory_region", "shared_memory_offset", "shared_memory_byte_size"
CLASSES = "classification"


@dataclass(frozen=True, slots=True)
class Delivery:
    """How one output is to come, where that is not whole and in the message: as its `classes` largest values, or in `window`."""

    classes: int = 0
    window: Window | None = None


def of_request(parameters: Mapping[str, Any]) -> tuple[float | None, int]:
    """The request's own timeout in seconds, None without one, and its priority, 0 without one.

    Parameters that nobody here knows may be anything. Raises InvalidRequestError, or NotSupportedError for what belongs to
    an extension that is not here.
    """
    timeout, priority = None, 0
    for name, parameter in parameters.items():
        if name == "timeout":
            microseconds = _integer(name, parameter)
            timeout = microseconds / 1e6 if microseconds > 0 else None
        elif name == "priority":
            priority = _integer(name, parameter)
            if priority < 0:
                raise InvalidRequestError("invalid value for 'priority', expected value >= 0.", f"parameters['{name}']")
        elif name in SEQUENCES and getattr(parameter, parameter.WhichOneof("parameter_choice") or "bool_param"):
            raise NotSupportedError(f"parameter '{name}' belongs to the sequence extension, which this server does not have")
        elif name.startswith("triton_") and name != EMPTY_FINAL:
            raise InvalidRequestError(
                f"parameter keys starting with 'triton_' are reserved for the server; found '{quoted(name)}'",
                f"parameters['{quoted(name)}']",
            )
    return timeout, priority


def delivery(output: pb.ModelInferRequest.InferRequestedOutputTensor, regions: Regions) -> Delivery:
    """How a requested output is to come. Raises InvalidRequestError or RegionNotFoundError."""
    place = window(output, regions)
    if CLASSES not in output.parameters:
        return Delivery(window=place)
    if place is not None:
        raise InvalidRequestError(f"output '{quoted(output.name)}' can't set both '{REGION}' and '{CLASSES}'", f"parameters['{CLASSES}']")
    parameter = output.parameters[CLASSES]
    if parameter.WhichOneof("parameter_choice") != "int64_param":
        raise InvalidRequestError(f"invalid value type for '{CLASSES}' parameter, expected int64_param", f"parameters['{CLASSES}']")
    if parameter.int64_param <= 0:
        raise InvalidRequestError(
            f"invalid value for '{CLASSES}' parameter, expected > 0, got {parameter.int64_param}", f"parameters['{CLASSES}']"
        )
    return Delivery(classes=parameter.int64_param)


def window(tensor: OnTensor, regions: Regions) -> Window | None:
    """Where in shared memory a tensor is, None for one in the message. Raises InvalidRequestError or RegionNotFoundError."""
    parameters = tensor.parameters
    if REGION not in parameters:
        if stray := next((name for name in (OFFSET, SIZE) if name in parameters), None):
            raise InvalidRequestError(
                f"'{stray}' can not be specified without '{REGION}' parameter for tensor '{quoted(tensor.name)}'", f"parameters['{stray}']"
            )
        return None
    if SIZE not in parameters:
        raise InvalidRequestError(
            f"'{SIZE}' must be specified along with '{REGION}' parameter for tensor '{quoted(tensor.name)}'", f"parameters['{SIZE}']"
        )
    name = _on_tensor(tensor, REGION, "string_param").string_param
    offset = _on_tensor(tensor, OFFSET, "int64_param").int64_param if OFFSET in parameters else 0
    return regions.window(name, offset, _on_tensor(tensor, SIZE, "int64_param").int64_param)


def _on_tensor(tensor: OnTensor, name: str, kind: str) -> pb.InferParameter:
    parameter = tensor.parameters[name]
    if parameter.WhichOneof("parameter_choice") != kind:
        raise InvalidRequestError(
            f"invalid value type for '{name}' parameter for tensor '{quoted(tensor.name)}', expected {kind}.", f"parameters['{name}']"
        )
    return parameter


def _integer(name: str, parameter: Any) -> int:
    kind = parameter.WhichOneof("parameter_choice")
    if kind not in INTEGERS:
        raise InvalidRequestError(
            f"invalid value type for '{name}' parameter, expected int64_param or uint64_param.", f"parameters['{name}']"
        )
    return int(getattr(parameter, kind))
