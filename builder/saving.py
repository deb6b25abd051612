"""Plain data from layers and back: Keras's object form, and the closed registry of the classes that it may name.

A class gets in by being defined in this package. A config can name one of them and nothing else: no module is imported
and no code is executed for it, whatever it says.
"""

from __future__ import annotations

from typing import Any, Protocol, Self, runtime_checkable

import numpy as np

from builder import activations, initializers
from builder.errors import HornbeamError, NetworkError, UnsupportedError
from builder.initializers import Initializer

__all__ = ["REGISTRY", "Configured", "deserialize", "register", "serialize"]


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
        case Configured() if not isinstance(value, type):
            cls = type(value)
            return {"module": _module(cls), "class_name": cls.__name__, "config": value.get_config(), "registered_name": None}
        case _ if callable(value) and not isinstance(value, type):
            return activations.serialize(value)
        case _:
            return value


def deserialize(config: Any) -> Any:
    """The layer for a config that `serialize` or Keras made.

    Raises UnsupportedError when the class is not known here, NetworkError when its arguments do not fit.
    """
    name = config.get("class_name") if isinstance(config, dict) else None
    arguments = config.get("config") if isinstance(config, dict) else None
    if not isinstance(name, str) or not isinstance(arguments, dict):
        raise NetworkError(f"Improper config format for a layer: expected 'class_name' and 'config', found {config!r:.200}")
    if name not in REGISTRY:
        raise UnsupportedError(f"layer '{arguments.get('name', '?')}' is a {name}, which is not known here")
    try:
        return REGISTRY[name].from_config(dict(arguments))
    except HornbeamError:
        raise
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
        raise NetworkError(f"layer '{arguments.get('name', '?')}' ({name}) has a config that does not fit: {error}") from error


def _module(cls: type) -> str:
    """Where Keras has the class."""
    if not cls.__module__.startswith("builder."):
        return cls.__module__
    if cls.__name__ == "Functional":
        return "keras.src.models.functional"  # Keras has no public name for it
    return "keras.layers" if ".layers" in cls.__module__ else "keras"
