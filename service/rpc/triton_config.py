"""Triton's ModelConfig out of its texts: a config.pbtxt, which is protobuf's text format, or the JSON that clients send.

What comes out is plain: nested dicts with the fields' names as config.pbtxt has them. What the fields mean here is the
repository's to say.
"""

from __future__ import annotations

import json
from collections.abc import MutableSequence
from typing import Any

from google.protobuf import text_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from service.errors import InvalidRequestError
from service.rpc._pb import inference_pb2 as pb

__all__ = ["from_json", "from_text"]

_MAX_REASON = 200  # characters of what the parser says


def from_text(text: str) -> dict[str, Any]:
    """The fields that a config.pbtxt sets, enumerations by name. Raises InvalidRequestError with the line and the reason.

    A number that is set to 0, or a string to "", counts as not set: protobuf cannot tell the difference.
    """
    config = pb.ModelConfig()
    try:
        text_format.Parse(text, config)
    except text_format.ParseError as error:
        raise InvalidRequestError(f"model config: {_place(error)}{_reason(error)}", "config") from None
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError(f"model config: {_reason(error)}", "config") from None
    return _fields(config)


def from_json(text: str) -> dict[str, Any]:
    """The fields that a config in JSON sets, as `from_text` gives them. Raises InvalidRequestError with the place and the reason."""
    from google.protobuf import json_format  # which takes a while to import, and few servers are ever sent one

    config = pb.ModelConfig()
    try:
        if not isinstance(json.loads(text), dict):
            raise InvalidRequestError("model config: it is JSON, and no object", "config")
        json_format.Parse(text, config)
    except (json_format.ParseError, ValueError, RecursionError) as error:
        raise InvalidRequestError(f"model config: {_reason(error)}", "config") from None
    return _fields(config)


def _place(error: text_format.ParseError) -> str:
    line, column = error.GetLine(), error.GetColumn()
    return "" if line is None else f"line {line}, column {column}: "


def _reason(error: Exception) -> str:
    """What a parser says, printable and short; it begins with the place, which has been said."""
    said = str(error)
    if isinstance(error, text_format.ParseError) and error.GetLine() is not None:
        said = said.removeprefix(f"{error.GetLine()}:{error.GetColumn()} : ")
    if isinstance(error, RecursionError):
        said = "it is nested too deep"
    printable = "".join(char if char.isprintable() else "?" for char in said)
    return printable if len(printable) <= _MAX_REASON else printable[:_MAX_REASON] + "..."


def _fields(message: Message) -> dict[str, Any]:
    return {field.name: _value(field, value) for field, value in message.ListFields()}


def _value(field: FieldDescriptor, value: Any) -> Any:
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        of = entry.fields_by_name["value"]
        return {key: _single(of, value[key]) for key in sorted(value)}
    if isinstance(value, MutableSequence):
        return [_single(field, item) for item in value]
    return _single(field, value)


def _single(field: FieldDescriptor, value: Any) -> Any:
    if field.message_type is not None:
        return _fields(value)
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return value if known is None else known.name
    return value
