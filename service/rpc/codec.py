"""Messages to and from requests, responses and tensors; beside `parameters`, nothing else looks into an inference message.

What is checked here is whether a message is consistent in itself. Whether it fits the model is the model's to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import prod
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from service.errors import InvalidRequestError, quoted
from service.request import DATATYPES, Datatype, Request, Response, Tensor
from service.rpc import parameters
from service.rpc._pb import inference_pb2 as pb
from service.rpc.parameters import Delivery
from service.rpc.shared_memory import Regions, Window
from service.rpc.tensors import from_raw, from_values, reshaped, to_raw

__all__ = [
    "Deliveries",
    "decode_deliveries",
    "decode_request",
    "decode_response",
    "encode_request",
    "fill_response",
    "parse",
    "parse_version",
]

M = TypeVar("M", bound=Message)
Deliveries = Mapping[str, Delivery]
_MAX_DIGITS = 64  # of a version; int() takes long over very many
_MAX_AXES = 64  # of an array in NumPy


def parse(kind: type[M], data: bytes) -> M:
    """The message in `data`. Raises InvalidRequestError when it is none."""
    try:
        return kind.FromString(data)
    except DecodeError:
        raise InvalidRequestError(f"Unable to parse {kind.DESCRIPTOR.name}") from None


def parse_version(text: str) -> int | str | None:
    """A version as the protocol writes it: a number, a label, or None for the empty one. Raises InvalidRequestError for what is none."""
    if not text:
        return None
    if re.fullmatch("[A-Za-z][A-Za-z0-9_-]{0,62}", text):
        return text
    if not re.fullmatch("-?[0-9]+", text):  # int() takes more: spaces, underscores, digits of other scripts
        raise InvalidRequestError(
            f"failed to get model version from specified version string '{quoted(text)}', version should be an integral value > 0",
            "model_version",
        )
    version = int(text) if len(text) <= _MAX_DIGITS else 0
    if version < 1:
        raise InvalidRequestError(
            f"invalid model version specified '{quoted(text)}', version should be an integral value > 0", "model_version"
        )
    return version


def decode_request(message: pb.ModelInferRequest, received: float, regions: Regions) -> Request:
    """The request in a message that arrived at `received` seconds; what is in shared memory is copied.

    Raises InvalidRequestError, RegionNotFoundError, or NotSupportedError.
    """
    timeout, priority = parameters.of_request(message.parameters)
    if (repeated := _repeated(given.name for given in message.inputs)) is not None:
        raise InvalidRequestError(f"input '{quoted(repeated)}' already exists in request", "inputs")
    return Request(
        model=message.model_name,
        version=message.model_version,
        id=message.id,
        inputs=tuple(_tensors(message, regions)),
        outputs=tuple(_requested_outputs(message.outputs)),
        deadline=None if timeout is None else received + timeout,
        priority=priority,
    )


def decode_deliveries(message: pb.ModelInferRequest, regions: Regions) -> Deliveries:
    """How those outputs are to come that are not to come whole and in the message. Raises InvalidRequestError or RegionNotFoundError."""
    deliveries = {}
    for index, output in enumerate(message.outputs):
        if not output.parameters:
            continue
        try:
            deliveries[output.name] = parameters.delivery(output, regions)
        except InvalidRequestError as error:
            raise error.within(f"outputs[{index}]") from None
    return deliveries


def fill_response(message: pb.ModelInferResponse, response: Response, windows: Mapping[str, Window]) -> None:
    """Puts a response into a message: tensors are raw, one entry an output, and empty for one that goes to a window.

    Raises InvalidRequestError when one does not fit into its window; then none has been written.
    """
    message.model_name, message.model_version, message.id = response.model, response.version, response.id
    raws = [to_raw(tensor.array, tensor.datatype) for tensor in response.outputs]
    written = _written({tensor.name: raw for tensor, raw in zip(response.outputs, raws, strict=True) if tensor.name in windows}, windows)
    for tensor, raw in zip(response.outputs, raws, strict=True):
        message.outputs.add(name=tensor.name, datatype=tensor.datatype.name, shape=tensor.array.shape)
        message.raw_output_contents.append(b"" if tensor.name in written else raw)


def encode_request(request: Request) -> bytes:
    """The message for a request, tensors raw: a client's side."""
    message = pb.ModelInferRequest(model_name=request.model, model_version=request.version, id=request.id)
    if request.priority:
        message.parameters["priority"].uint64_param = request.priority
    for tensor in request.inputs:
        message.inputs.add(name=tensor.name, datatype=tensor.datatype.name, shape=tensor.array.shape)
        message.raw_input_contents.append(to_raw(tensor.array, tensor.datatype))
    for name in request.outputs:
        message.outputs.add(name=name)
    return message.SerializeToString()


def decode_response(data: bytes) -> Response:
    """The response in a message: a client's side."""
    message = parse(pb.ModelInferResponse, data)
    outputs = tuple(
        Tensor(given.name, DATATYPES[given.datatype], from_raw(raw, DATATYPES[given.datatype], given.shape, given.name, message.model_name))
        for given, raw in zip(message.outputs, message.raw_output_contents, strict=True)
    )
    return Response(message.model_name, message.model_version, message.id, outputs)


def _written(raws: Mapping[str, bytes], windows: Mapping[str, Window]) -> Mapping[str, bytes]:
    """Puts each into its window, once it is known that all fit."""
    for name, raw in raws.items():
        if len(raw) > windows[name].byte_size:
            raise InvalidRequestError(
                f"shared memory size specified with the request for output '{name}' ({windows[name].byte_size} bytes) should be at least "
                f"{len(raw)} bytes to hold the results",
                "outputs",
            )
    for name, raw in raws.items():
        windows[name].write(raw)
    return raws


def _requested_outputs(outputs: Sequence[pb.ModelInferRequest.InferRequestedOutputTensor]) -> list[str]:
    names = [output.name for output in outputs]
    if (repeated := _repeated(names)) is not None:
        raise InvalidRequestError(f"output '{quoted(repeated)}' already exists in request", "outputs")
    return names


def _repeated(names: Iterable[str]) -> str | None:
    """The first name that has been there before."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def _tensors(message: pb.ModelInferRequest, regions: Regions) -> Iterator[Tensor]:
    """The inputs: from shared memory where they name a region, else all of them raw or all of them typed."""
    raws = iter(message.raw_input_contents)
    with_raw, shared, in_message = len(message.raw_input_contents) > 0, 0, 0
    for index, given in enumerate(message.inputs):
        try:
            window = parameters.window(given, regions) if given.parameters else None
            if window is not None:
                shared += window.byte_size
                yield _shared_tensor(given, window, shared, regions.max_bytes, message.model_name)
                continue
            in_message += 1
            yield _raw_tensor(given, next(raws, None), message.model_name) if with_raw else _typed_tensor(given, message.model_name)
        except InvalidRequestError as error:
            raise error.within(f"inputs[{index}]") from None
    if next(raws, None) is not None:
        raise InvalidRequestError(
            f"the number of inputs ({in_message}) does not match the expected number of raw input contents "
            f"({len(message.raw_input_contents)})",
            "raw_input_contents",
        )


def _shared_tensor(tensor: pb.ModelInferRequest.InferInputTensor, window: Window, total: int, most: int, model: str) -> Tensor:
    datatype, shape = _datatype(tensor), _shape(tensor)
    if tensor.HasField("contents"):
        raise InvalidRequestError(
            f"contents field must not be specified when using shared memory for '{quoted(tensor.name)}' for model '{model}'", "contents"
        )
    if total > most:
        raise InvalidRequestError(
            f"the inputs have {total} bytes in shared memory up to '{quoted(tensor.name)}', and may have {most}; raise --max-shared-bytes",
            "parameters['shared_memory_byte_size']",
        )
    return Tensor(tensor.name, datatype, from_raw(window.read(), datatype, shape, tensor.name, model))


def _raw_tensor(tensor: pb.ModelInferRequest.InferInputTensor, raw: bytes | None, model: str) -> Tensor:
    datatype = _datatype(tensor)
    if tensor.HasField("contents"):
        raise InvalidRequestError(
            f"contents field must not be specified when using raw_input_contents for '{quoted(tensor.name)}' for model '{model}'",
            "contents",
        )
    if raw is None:
        raise _no_data(tensor, model)
    return Tensor(tensor.name, datatype, from_raw(raw, datatype, _shape(tensor), tensor.name, model))


def _typed_tensor(tensor: pb.ModelInferRequest.InferInputTensor, model: str) -> Tensor:
    datatype, shape = _datatype(tensor), _shape(tensor)
    filled = [field.name for field, _ in tensor.contents.ListFields()]
    elements = prod(shape)
    if not filled and elements:
        raise _no_data(tensor, model)
    for field in filled:
        if field != datatype.contents:
            found = next(name for name, known in DATATYPES.items() if known.contents == field)
            raise InvalidRequestError(
                f"unexpected explicit tensor data for input tensor '{quoted(tensor.name)}' for model '{model}' of type '{found}', "
                f"expected datatype '{datatype.name}'",
                f"contents.{field}",
            )
    values = getattr(tensor.contents, datatype.contents) if datatype.contents else ()
    if len(values) != elements:
        raise InvalidRequestError(
            f"unexpected number of elements for input '{quoted(tensor.name)}' for model '{model}'. Expected {elements}, got {len(values)}",
            "contents",
        )
    return Tensor(tensor.name, datatype, reshaped(from_values(values, datatype, tensor.name), shape, tensor.name))


def _datatype(tensor: pb.ModelInferRequest.InferInputTensor) -> Datatype:
    if tensor.datatype not in DATATYPES:
        raise InvalidRequestError(
            f"inference input '{quoted(tensor.name)}' data-type is '{quoted(tensor.datatype)}', which is none of {', '.join(DATATYPES)}",
            "datatype",
        )
    return DATATYPES[tensor.datatype]


def _shape(tensor: pb.ModelInferRequest.InferInputTensor) -> tuple[int, ...]:
    if len(tensor.shape) > _MAX_AXES:
        raise InvalidRequestError(f"input '{quoted(tensor.name)}' has {len(tensor.shape)} dimensions, and may have {_MAX_AXES}", "shape")
    if any(size < 0 for size in tensor.shape):
        raise InvalidRequestError(f"negative dimension in the shape {list(tensor.shape)} of input '{quoted(tensor.name)}'", "shape")
    return tuple(tensor.shape)


def _no_data(tensor: pb.ModelInferRequest.InferInputTensor, model: str) -> InvalidRequestError:
    return InvalidRequestError(f"unable to find data for input tensor '{quoted(tensor.name)}' for model '{model}' in request.")
