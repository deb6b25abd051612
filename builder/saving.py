"""Plain data from layers and back: Keras's object form, and the closed registry of the classes that it may name.

A class gets in by being defined in this package. A config can name one of them and nothing else: no module is imported
and no code is executed for it, whatever it says.
"""

from __future__ import annotations

import inspect
import types
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np

from builder import activations, initializers
from builder.custom import custom_object, registered_name
from builder.errors import HornbeamError, NetworkError, UnsupportedError
from builder.initializers import Initializer
from builder.ops.operation import Function, function_of_class
from builder.proto import is_dtype

__all__ = ["REGISTRY", "Configured", "class_of", "deserialize", "is_function", "plain", "register", "serialize"]


@runtime_checkable
class Configured(Protocol):
    """What has a config: a layer. A protocol, because layers are made of this room and not it of them."""

    name: str

    def get_config(self) -> dict[str, Any]: ...

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self: ...


REGISTRY: dict[str, type[Any]] = {}


def register(cls: type[Configured]) -> None:
    """Makes a class of this package's known by its name; private ones are bases, and a user's are not for files."""
    if cls.__module__.startswith("builder.") and not cls.__name__.startswith("_"):
        REGISTRY[cls.__name__] = cls


def serialize(value: Any) -> Any:
    """A constructor's argument as plain data, in the form that Keras saves."""
    match value:
        case Initializer():
            return initializers.serialize(value)
        case dict():
            return {key: serialize(item) for key, item in value.items()}
        case list() | tuple():
            return type(value)(serialize(item) for item in value)
        case np.ndarray() | np.generic():
            return value.tolist()
        case slice():
            return {"class_name": "__slice__", "config": {"start": value.start, "stop": value.stop, "step": value.step}}
        case types.EllipsisType():
            return {"class_name": "__ellipsis__", "config": {}}
        case Configured() if not isinstance(value, type):
            cls = type(value)
            return {
                "module": _module(cls),
                "class_name": cls.__name__,
                "config": value.get_config(),
                "registered_name": registered_name(cls),
            }
        case _ if callable(value) and not isinstance(value, type):
            return activations.serialize(value)
        case _:
            return value


def deserialize(config: Any) -> Any:
    """The layer for a config that `serialize` or Keras made.

    Raises UnsupportedError when the class is not known here, NetworkError when its arguments do not fit.
    """
    if is_function(config):
        return _function(config)
    name = config.get("class_name") if isinstance(config, dict) else None
    registered = config.get("registered_name") if isinstance(config, dict) else None
    arguments = config.get("config") if isinstance(config, dict) else None
    if not isinstance(name, str) or not isinstance(arguments, dict):
        raise NetworkError(f"Improper config format for a layer: expected 'class_name' and 'config', found {config!r:.200}")
    cls = class_of(name, registered)
    if cls is None:
        raise UnsupportedError(f"layer '{arguments.get('name', '?')}' is a {name}, which is not known here")
    try:
        return cls.from_config(dict(arguments))
    except HornbeamError:
        raise
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
        raise NetworkError(f"layer '{arguments.get('name', '?')}' ({name}) has a config that does not fit: {error}") from error


def class_of(name: str, registered: Any = None) -> type[Any] | None:
    """The class that a config means: one that the user gave, or else one of this package; None when it is neither."""
    given = custom_object(name, registered)
    if isinstance(given, type):
        return given
    is_custom = isinstance(registered, str) and ">" in registered
    return None if is_custom else REGISTRY.get(name)


def is_function(config: Any) -> bool:
    """Whether a saved object is a call of `keras.ops`, or of an activation, and not a layer."""
    module = str(config.get("module")) if isinstance(config, dict) else ""
    return ".ops." in module or module == "keras.src.activations.activations"


def plain(value: Any) -> Any:
    """An argument of a saved call as Python has it: slices and arrays come in an object form of their own.

    Raises UnsupportedError for an object of any other class.
    """
    match value:
        case {"class_name": "__slice__", "config": {"start": start, "stop": stop, "step": step}}:
            return slice(start, stop, step)
        case {"class_name": "__ellipsis__"}:
            return Ellipsis
        case {"class_name": "__numpy__" | "__tensor__", "config": {"value": array, "dtype": str(dtype)}} if is_dtype(dtype):
            return np.asarray(array, dtype)
        case {"class_name": str(name)}:
            raise UnsupportedError(f"an argument of class {name} is not known here")
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case list():
            return [plain(item) for item in value]
        case _:
            return value


def _function(config: dict[str, Any]) -> Function:
    arguments = config.get("config")
    name, function = str(config.get("class_name")), function_of_class(str(config.get("class_name")))
    if function is None:
        raise UnsupportedError(f"keras.ops' {name} is not known here")
    if not isinstance(arguments, dict):
        raise NetworkError(f"Improper config format for keras.ops' {name}: found {config!r:.200}")
    fixed = {key: plain(value) for key, value in arguments.items() if key != "name"}
    if unknown := fixed.keys() - inspect.signature(function).parameters.keys():
        raise NetworkError(f"keras.ops' {name} has arguments that are not known here: {sorted(unknown)}")
    return Function(function, arguments.get("name"), **fixed)


def _module(cls: type) -> str:
    """Where Keras has the class."""
    if not cls.__module__.startswith("builder."):
        return cls.__module__
    if cls.__name__ == "Functional":
        return "keras.src.models.functional"  # Keras has no public name for it
    if module := getattr(cls, "keras_module", None):
        return str(module)  # nor for this
    return "keras.layers" if ".layers" in cls.__module__ else "keras"
