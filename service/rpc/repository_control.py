"""Triton's model_repository extension: what a request to load or unload a model says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from service.errors import ControlNotAllowedError, InvalidRequestError, NotSupportedError, quoted
from service.rpc._pb import inference_pb2 as pb

__all__ = ["Control", "NoControl", "check_repository", "load", "unload"]

CONFIG, FILE, DEPENDENTS = "config", "file:", "unload_dependents"


class Control(Protocol):
    """Whoever loads and unloads models when callers ask."""

    def load(self, name: str, config: str | None = None, files: Mapping[str, bytes] | None = None) -> None:
        """Loads a model, or loads it anew; `config` is JSON, `files` are by their paths in the model's directory. Raises ServiceError."""

    def unload(self, name: str) -> None:
        """Takes a model out of service. Raises ServiceError."""


class NoControl:
    """Refuses: the repository is not under the callers' control."""

    def load(self, name: str, config: str | None = None, files: Mapping[str, bytes] | None = None) -> None:
        """Raises ControlNotAllowedError."""
        raise ControlNotAllowedError

    def unload(self, name: str) -> None:
        """Raises ControlNotAllowedError."""
        self.load(name)


def load(control: Control, request: pb.RepositoryModelLoadRequest) -> None:
    """Has a model loaded. Raises ServiceError; InvalidRequestError for a parameter that is none."""
    check_repository(request.repository_name)
    config, files = None, {}
    for name, parameter in request.parameters.items():
        if name == CONFIG:
            _check_kind("load parameter 'config'", name, parameter, "string_param")
            config = parameter.string_param
        elif name.startswith(FILE):
            _check_kind(f"load parameter '{quoted(name)}'", quoted(name), parameter, "bytes_param")
            files[name.removeprefix(FILE)] = parameter.bytes_param
        else:
            raise InvalidRequestError(f"unrecognized load parameter '{quoted(name)}'.", f"parameters['{quoted(name)}']")
    control.load(_model(request.model_name), config, files)


def unload(control: Control, request: pb.RepositoryModelUnloadRequest) -> None:
    """Has a model unloaded; nothing here depends on a model, so that with its dependents or without is the same. Raises ServiceError."""
    check_repository(request.repository_name)
    for name, parameter in request.parameters.items():
        if name != DEPENDENTS:
            raise InvalidRequestError(f"unrecognized unload parameter '{quoted(name)}'.", f"parameters['{quoted(name)}']")
        _check_kind(f"'{DEPENDENTS}' parameter", name, parameter, "bool_param")
    control.unload(_model(request.model_name))


def check_repository(name: str) -> None:
    """Raises NotSupportedError for a repository by name: there is one."""
    if name:
        raise NotSupportedError("'repository_name' specification is not supported; this server has one repository")


def _model(name: str) -> str:
    if not name:
        raise InvalidRequestError("the request names no model", "model_name")
    return name


def _check_kind(what: str, name: str, parameter: pb.ModelRepositoryParameter, kind: str) -> None:
    if parameter.WhichOneof("parameter_choice") != kind:
        raise InvalidRequestError(f"invalid value type for {what}, expected {kind}.", f"parameters['{name}']")
