"""Messages to and from requests, responses and tensors; nothing else looks into a message.

What is checked here is whether a message is consistent in itself. Whether it fits the model is the model's to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import Any, TypeVar

import numpy as np
from google.protobuf.message import DecodeError, Message

from service.errors import InvalidRequestError, ModelNotFoundError, NotSupportedError, quoted
from service.request import DATATYPES, Array, Datatype, Request, Response, Tensor
from service.rpc._pb import inference_pb2 as pb

__all__ = ["decode_request", "decode_response", "encode_request", "encode_response", "parse", "parse_version"]

M = TypeVar("M", bound=Message)
_LENGTH = 4  # bytes of the length before each element of a BYTES tensor
_MAX_DIGITS = 64  # of a version; int() takes long over very many
_MAX_AXES = 64  # of an array in NumPy


def parse(kind: type[M], data: bytes) -> M:
    """The message in `data`. Raises InvalidRequestError when it is none."""
    try:
        return kind.FromString(data)
    except DecodeError:
        raise InvalidRequestError(f"Unable to parse {kind.DESCRIPTOR.name}") from None


def parse_version(text: str) -> int | None:
    """A version as the protocol writes it, None for the empty one. Raises InvalidRequestError for what is none."""
    if not text:
        return None
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


def decode_request(message: pb.ModelInferRequest, received: float) -> Request:
    """The request in a message that arrived at `received` seconds. Raises InvalidRequestError or NotSupportedError."""
    timeout = _check_parameters(message.parameters)
    if (repeated := _repeated(given.name for given in message.inputs)) is not None:
        raise InvalidRequestError(f"input '{quoted(repeated)}' already exists in request", "inputs")
    tensors = _raw_tensors(message) if message.raw_input_contents else _typed_tensors(message)
    return Request(
        model=message.model_name,
        version=message.model_version,
        id=message.id,
        inputs=tuple(tensors),
        outputs=tuple(_requested_outputs(message.outputs)),
        deadline=None if timeout is None else received + timeout,
    )


def encode_response(response: Response) -> bytes:
    """The message for a response; tensors are raw, one entry an output."""
    message = pb.ModelInferResponse(model_name=response.model, model_version=response.version, id=response.id)
    for tensor in response.outputs:
        message.outputs.add(name=tensor.name, datatype=tensor.datatype.name, shape=tensor.array.shape)
        message.raw_output_contents.append(_to_raw(tensor.array, tensor.datatype))
    return message.SerializeToString()


def encode_request(request: Request) -> bytes:
    """The message for a request, tensors raw: a client's side."""
    message = pb.ModelInferRequest(model_name=request.model, model_version=request.version, id=request.id)
    for tensor in request.inputs:
        message.inputs.add(name=tensor.name, datatype=tensor.datatype.name, shape=tensor.array.shape)
        message.raw_input_contents.append(_to_raw(tensor.array, tensor.datatype))
    for name in request.outputs:
        message.outputs.add(name=name)
    return message.SerializeToString()


def decode_response(data: bytes) -> Response:
    """The response in a message: a client's side."""
    message = parse(pb.ModelInferResponse, data)
    outputs = tuple(
        Tensor(
            given.name, DATATYPES[given.datatype], _from_raw(raw, DATATYPES[given.datatype], given.shape, given.name, message.model_name)
        )
        for given, raw in zip(message.outputs, message.raw_output_contents, strict=True)
    )
    return Response(message.model_name, message.model_version, message.id, outputs)


def _check_parameters(parameters: Mapping[str, Any]) -> float | None:
    """The request's own timeout in seconds, None without one. Raises for parameters that mean something not served here."""
    for name, parameter in parameters.items():
        kind = parameter.WhichOneof("parameter_choice")
        if name in ("priority", "timeout") and kind not in ("int64_param", "uint64_param"):
            raise InvalidRequestError(
                f"invalid value type for '{name}' parameter, expected int64_param or uint64_param.", f"parameters['{name}']"
            )
        if name in ("sequence_id", "sequence_start", "sequence_end") and getattr(parameter, kind or "bool_param"):
            raise NotSupportedError(f"parameter '{name}' belongs to the sequence extension, which this server does not have")
        if name.startswith("triton_") and name != "triton_enable_empty_final_response":
            raise InvalidRequestError(
                f"parameter keys starting with 'triton_' are reserved for the server; found '{quoted(name)}'",
                f"parameters['{quoted(name)}']",
            )
    if "timeout" not in parameters:
        return None
    timeout = parameters["timeout"]
    microseconds = int(getattr(timeout, timeout.WhichOneof("parameter_choice")))
    return microseconds / 1e6 if microseconds > 0 else None


def _requested_outputs(outputs: Sequence[pb.ModelInferRequest.InferRequestedOutputTensor]) -> list[str]:
    names = [output.name for output in outputs]
    for index, output in enumerate(outputs):
        try:
            _check_shared_memory(output)
        except InvalidRequestError as error:
            raise error.within(f"outputs[{index}]") from None
        if "classification" in output.parameters:
            raise NotSupportedError("the classification extension is not part of this server; ask for the output without it")
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


def _check_shared_memory(tensor: pb.ModelInferRequest.InferInputTensor | pb.ModelInferRequest.InferRequestedOutputTensor) -> None:
    """No region is ever registered, so whichever is named is unknown."""
    if "shared_memory_region" not in tensor.parameters:
        return
    if "shared_memory_byte_size" not in tensor.parameters:
        raise InvalidRequestError(
            f"'shared_memory_byte_size' must be specified along with 'shared_memory_region' parameter for tensor '{quoted(tensor.name)}'",
            "parameters['shared_memory_byte_size']",
        )
    region = quoted(tensor.parameters["shared_memory_region"].string_param)
    raise ModelNotFoundError(f"Unable to find shared memory region: '{region}'")


def _raw_tensors(message: pb.ModelInferRequest) -> list[Tensor]:
    model, given, raws = message.model_name, message.inputs, message.raw_input_contents
    if len(raws) > len(given):
        raise InvalidRequestError(
            f"the number of inputs ({len(given)}) does not match the expected number of raw input contents ({len(raws)})",
            "raw_input_contents",
        )
    tensors = []
    for index, tensor in enumerate(given):
        try:
            tensors.append(_raw_tensor(tensor, raws[index] if index < len(raws) else None, model))
        except InvalidRequestError as error:
            raise error.within(f"inputs[{index}]") from None
    return tensors


def _raw_tensor(tensor: pb.ModelInferRequest.InferInputTensor, raw: bytes | None, model: str) -> Tensor:
    datatype = _datatype(tensor)
    _check_shared_memory(tensor)
    if tensor.HasField("contents"):
        raise InvalidRequestError(
            f"contents field must not be specified when using raw_input_contents for '{quoted(tensor.name)}' for model '{model}'",
            "contents",
        )
    if raw is None:
        raise _no_data(tensor, model)
    return Tensor(tensor.name, datatype, _from_raw(raw, datatype, _shape(tensor), tensor.name, model))


def _typed_tensors(message: pb.ModelInferRequest) -> list[Tensor]:
    tensors = []
    for index, tensor in enumerate(message.inputs):
        try:
            tensors.append(_typed_tensor(tensor, message.model_name))
        except InvalidRequestError as error:
            raise error.within(f"inputs[{index}]") from None
    return tensors


def _typed_tensor(tensor: pb.ModelInferRequest.InferInputTensor, model: str) -> Tensor:
    datatype, shape = _datatype(tensor), _shape(tensor)
    _check_shared_memory(tensor)
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
    return Tensor(tensor.name, datatype, _reshaped(_from_values(values, datatype, tensor.name), shape, tensor.name))


def _from_values(values: Sequence[Any], datatype: Datatype, name: str) -> Array:
    if datatype.name == "BYTES":
        return _strings(values, name)
    wide = np.asarray(values)  # of the field's own type, which NumPy narrows without a word
    if datatype.numpy.kind in "iu" and wide.size:
        limits = np.iinfo(datatype.numpy)
        if wide.min() < limits.min or wide.max() > limits.max:
            raise InvalidRequestError(f"a value of input '{quoted(name)}' is out of the range of {datatype.name}", "contents")
    return wide.astype(datatype.numpy, copy=False)


def _from_raw(raw: bytes, datatype: Datatype, shape: Sequence[int], name: str, model: str) -> Array:
    """The array over the bytes themselves. Raises InvalidRequestError when they are too few or too many."""
    elements = prod(shape)
    if datatype.name == "BYTES":
        return _reshaped(_strings(_elements(raw, elements, name), name), shape, name)
    expected = elements * datatype.numpy.itemsize
    if len(raw) != expected:
        raise InvalidRequestError(
            f"input byte size mismatch for input '{quoted(name)}' for model '{quoted(model)}'. Expected {expected}, got {len(raw)}"
        )
    if datatype.name == "BOOL":  # one that is neither 0 nor 1 is undefined in NumPy
        return _reshaped(np.not_equal(np.frombuffer(raw, np.uint8), 0), shape, name)
    return _reshaped(np.frombuffer(raw, datatype.numpy), shape, name)


def _reshaped(array: Array, shape: Sequence[int], name: str) -> Array:
    """The array in its shape. Raises InvalidRequestError for what no array can be, such as 0 times 2^62 times 2^62."""
    try:
        return array.reshape(shape)
    except ValueError:
        raise InvalidRequestError(f"the shape {list(shape)} of input '{quoted(name)}' is beyond any array", "shape") from None


def _elements(raw: bytes, count: int, name: str) -> list[bytes]:
    """The elements of a BYTES tensor: each after its length in four bytes, little-endian."""
    found: list[bytes] = []
    at = 0
    while at < len(raw):
        if len(raw) - at < _LENGTH:
            raise InvalidRequestError(
                f"incomplete string length indicator for inference input '{quoted(name)}', expecting {_LENGTH} bytes but only "
                f"{len(raw) - at} bytes available"
            )
        length = int.from_bytes(raw[at : at + _LENGTH], "little")
        at += _LENGTH
        if len(raw) - at < length:
            raise InvalidRequestError(
                f"incomplete string data for inference input '{quoted(name)}', expecting string of length {length} but only "
                f"{len(raw) - at} bytes available"
            )
        found.append(raw[at : at + length])
        at += length
    if len(found) != count:
        raise InvalidRequestError(
            f"unexpected number of string elements {len(found)} for inference input '{quoted(name)}', expecting {count}"
        )
    return found


def _strings(values: Sequence[bytes], name: str) -> Array:
    """ONNX Runtime's tensors of strings, which are text. Raises InvalidRequestError for bytes that are not UTF-8."""
    try:
        return np.array([value.decode() for value in values], dtype=object)
    except UnicodeDecodeError:
        raise InvalidRequestError(f"an element of input '{quoted(name)}' is not UTF-8, which models take strings as") from None


def _to_raw(array: Array, datatype: Datatype) -> bytes:
    if datatype.name != "BYTES":
        return np.ascontiguousarray(array, datatype.numpy).tobytes()
    encoded = [value if isinstance(value, bytes) else str(value).encode() for value in array.flat]
    return b"".join(len(value).to_bytes(_LENGTH, "little") + value for value in encoded)


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
