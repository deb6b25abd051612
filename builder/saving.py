"""Plain data from layers and back: Keras's object form, and the closed registry of the classes that it may name.

A class gets in by being defined in this package. A config can name one of them and nothing else: no module is imported
and no code is executed for it, whatever it says.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np

from builder import activations, initializers
from builder.constraints import Constraint
from builder.custom import (
    CustomObjectScope,
    custom_object,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    registered_name,
)
from builder.errors import HornbeamError, NetworkError, UnknownClassError, UnsupportedError
from builder.initializers import Initializer
from builder.ops.operation import Function, function_of_class
from builder.proto import is_dtype
from builder.regularizers import Regularizer

__all__ = [
    "REGISTRY",
    "Configured",
    "CustomObjectScope",
    "class_of",
    "custom_object_scope",
    "deserialize",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "is_function",
    "plain",
    "register",
    "register_keras_serializable",
    "serialize",
    "serialize_keras_object",
    "sharing",
]

# Keras's own room of this name also opens and saves whole models: see the head of the package, which puts those here.
load_model: Callable[..., Any]
save_model: Callable[..., None]


@runtime_checkable
class Configured(Protocol):
    """What has a config: a layer. A protocol, because layers are made of this room and not it of them."""

    name: str

    def get_config(self) -> dict[str, Any]: ...

    def get_build_config(self) -> dict[str, Any] | None: ...

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self: ...


REGISTRY: dict[str, type[Any]] = {}

# Inside `sharing`, the saved form of each layer by the layer's identity, and each layer by the number and class that a file has for it.
_saved: ContextVar[dict[int, tuple[Any, dict[str, Any]]] | None] = ContextVar("saved", default=None)
_opened: ContextVar[dict[tuple[int, str], Any] | None] = ContextVar("opened", default=None)


@contextmanager
def sharing() -> Iterator[None]:
    """Inside, a layer that is met in several places, as in two nested models, is marked when saved, and one layer when opened.

    And what a layer was built for is saved with it.
    """
    saved, opened = _saved.set({}), _opened.set({})
    try:
        yield
    finally:
        _saved.reset(saved)
        _opened.reset(opened)


def register(cls: type[Configured]) -> None:
    """Makes a class of this package's known by its name; private ones are bases, and a user's are not for files."""
    if cls.__module__.startswith("builder.") and not cls.__name__.startswith("_"):
        REGISTRY[cls.__name__] = cls


def serialize(value: Any) -> Any:
    """A constructor's argument as plain data, in the form that Keras saves."""
    match value:
        case Initializer():
            return initializers.serialize(value)
        case Regularizer() | Constraint():
            return _inert(value)
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
            return _saved_layer(value)
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
    shared, opened = config.get("shared_object_id"), _opened.get()
    if opened is None or not isinstance(shared, int):
        return _made(name, registered, arguments)
    if (shared, name) not in opened:
        opened[shared, name] = _made(name, registered, arguments)
    return opened[shared, name]


def _made(name: str, registered: Any, arguments: dict[str, Any]) -> Any:
    cls = class_of(name, registered)
    if cls is None:
        raise UnknownClassError(
            f"Could not locate class '{name}'. Make sure custom classes are registered with register_keras_serializable, or given as "
            f"custom_objects={{{name!r}: ...}}. It is the class of '{arguments.get('name', '?')}'."
        )
    try:
        return cls.from_config(dict(arguments))
    except HornbeamError:
        raise
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
        raise NetworkError(f"layer '{arguments.get('name', '?')}' ({name}) has a config that does not fit: {error}") from error


def serialize_keras_object(obj: Any) -> Any:
    """A layer, initializer or function, or a structure of them, as plain data."""
    return serialize(obj)


def deserialize_keras_object(config: Any, custom_objects: Mapping[str, Any] | None = None, safe_mode: bool = True) -> Any:
    """What `serialize_keras_object`, or Keras's, made plain data of; plain data itself stays.

    Nothing in it is imported or executed, whatever `safe_mode` says. Raises UnsupportedError for a class that is not known.
    """
    with custom_object_scope(custom_objects):
        return _revived(config)


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


def _revived(value: Any) -> Any:
    match value:
        case {"class_name": "function", "config": str()}:
            return activations.get(value)
        case {"class_name": str(), "module": "keras.initializers"}:
            return initializers.get(value)
        case {"class_name": str(name), "config": dict()} if not name.startswith("__"):
            return deserialize(value)
        case {"class_name": str()}:
            return plain(value)
        case dict():
            return {key: _revived(item) for key, item in value.items()}
        case list() | tuple():
            return type(value)(_revived(item) for item in value)
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


def _inert(item: Regularizer | Constraint) -> dict[str, Any]:
    module = "keras.regularizers" if isinstance(item, Regularizer) else "keras.constraints"
    return {"module": module, "class_name": type(item).__name__, "config": item.get_config(), "registered_name": None}


def _saved_layer(layer: Configured) -> dict[str, Any]:
    cls = type(layer)
    module, public = _module(cls)
    saved = {
        "module": module,
        "class_name": cls.__name__,
        "config": layer.get_config(),
        "registered_name": None if public else registered_name(cls) or cls.__name__,
    }
    if (seen := _saved.get()) is None:
        return saved  # a config alone is of a layer that is not built
    if (built := layer.get_build_config()) is not None:
        saved["build_config"] = built
    if id(layer) in seen:
        _, first = seen[id(layer)]
        number = first.setdefault("shared_object_id", 1 + sum("shared_object_id" in other for _, other in seen.values()))
        saved["shared_object_id"] = number
    else:
        seen[id(layer)] = layer, saved
    return saved


def _module(cls: type) -> tuple[str | None, bool]:
    """Where Keras has the class, and whether that is a public name; None for a class of a script."""
    if not cls.__module__.startswith("builder."):
        return None if cls.__module__ == "__main__" else cls.__module__, False
    if cls.__name__ == "Functional":
        return "keras.src.models.functional", False
    if module := getattr(cls, "keras_module", None):
        return str(module), False
    return "keras.layers" if ".layers" in cls.__module__ else "keras", True
