"""Stub."""

from typing import Any

from google.protobuf import json_format, text_format

from service.errors import InvalidRequestError
from service.rpc._pb import inference_pb2 as pb


def from_text(text: str) -> dict[str, Any]:
    try:
        return json_format.MessageToDict(text_format.Parse(text, pb.ModelConfig()), preserving_proto_field_name=True)
    except text_format.ParseError as error:
        raise InvalidRequestError(str(error)) from error


def from_json(text: str) -> dict[str, Any]:
    try:
        return json_format.MessageToDict(json_format.Parse(text, pb.ModelConfig()), preserving_proto_field_name=True)
    except json_format.ParseError as error:
        raise InvalidRequestError(str(error)) from error
