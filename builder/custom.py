"""What users add to the names that a file may use: classes and functions that they hand over in Python, never by a file.

Either for one piece of code, as `custom_objects=` and `with custom_object_scope({...})` do, or for the whole process with
the decorator `register_keras_serializable`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from builder.errors import NetworkError

__all__ = [
    "CustomObjectScope",
    "custom_object",
    "custom_object_scope",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "register_keras_serializable",
    "registered_name",
]

T = TypeVar("T", bound=Callable[..., Any])

_registered: dict[str, Any] = {}
_names: dict[Any, str] = {}
_scope: ContextVar[Mapping[str, Any]] = ContextVar("custom_objects", default={})  # noqa: B039  never written to


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[T], T]:
    """Makes a class or function known to files and configs as `package>name`, as Keras's decorator does."""

    def register(item: T) -> T:
        full = f"{package}>{name or item.__name__}"
        if isinstance(item, type) and not hasattr(item, "get_config"):
            raise NetworkError(f"Cannot register a class that does not have a get_config() method: {item.__name__}")
        _registered[full] = item
        _names[item] = full
        return item

    return register


@contextmanager
def custom_object_scope(objects: Mapping[str, Any] | None) -> Iterator[None]:
    """The names in `objects` mean these classes and functions inside, before those of this package."""
    token = _scope.set({**_scope.get(), **(objects or {})})
    try:
        yield
    finally:
        _scope.reset(token)


CustomObjectScope = custom_object_scope


def get_custom_objects() -> dict[str, Any]:
    """The classes and functions that files may name for the whole process; what is put into it may be named from then on."""
    return _registered


def get_registered_name(item: Any) -> str:
    """The name under which a class or function was registered, or else its own."""
    return registered_name(item) or str(item.__name__)


def get_registered_object(name: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """What is registered under a name, or in `custom_objects`; None for nothing."""
    return (custom_objects or {}).get(name, _registered.get(name))


def custom_object(name: Any, registered: Any = None) -> Any:
    """What a user has given for a name, or for the name that it was registered as; None for nothing.

    Something registered as `package>name` may also be given by its name alone.
    """
    known = [key for key in (registered, name) if isinstance(key, str)]
    for key in (*known, *(key.rsplit(">", 1)[-1] for key in known)):
        if key in _scope.get():
            return _scope.get()[key]
    return next((_registered[key] for key in known if key in _registered), None)


def registered_name(item: Any) -> str | None:
    """The name under which a class or function was registered."""
    return _names.get(item) if item.__hash__ else None
