"""What an object of a user's own class holds: its constructor's arguments, and what is in its attributes."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from builder.ops.symbolic import Shape

__all__ = ["accepted", "attributes", "each_once", "given_input_shape", "held", "may_hold", "named_arguments", "properties", "unpacked"]

T = TypeVar("T")
_signature = lru_cache(512)(inspect.signature)  # of constructors: a network has many layers of few classes
BASE = ("name", "trainable", "dtype", "autocast")  # what every layer takes


def named_arguments(cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """A constructor's arguments by name, defaults filled in, without those that every layer takes."""
    signature = _signature(cls.__init__)  # type: ignore[misc]
    try:
        bound = signature.bind(None, *args, **kwargs)
    except TypeError:
        return {}  # __init__ itself is about to say what is wrong
    bound.apply_defaults()
    fields = [p.name for p in list(signature.parameters.values())[1:] if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    return {field: bound.arguments[field] for field in fields if field not in BASE}


def given_input_shape(kwargs: dict[str, Any]) -> Shape | None:
    """The shape, with the batch, from the keywords that Keras has taken on a first layer since its first version."""
    batch_size = kwargs.pop("batch_size", None)
    if (whole := kwargs.pop("batch_input_shape", None) or kwargs.pop("batch_shape", None)) is not None:
        return tuple(whole)
    if (dim := kwargs.pop("input_dim", None)) is not None:
        return (batch_size, dim)
    if (shape := kwargs.pop("input_shape", None)) is not None:
        return (batch_size, *((shape,) if isinstance(shape, int) else shape))
    return None


def accepted(cls: type, config: dict[str, Any]) -> dict[str, Any]:
    """The config less what every layer takes where the class's own constructor does not."""
    parameters = _signature(cls.__init__).parameters  # type: ignore[misc]
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return config
    return {name: value for name, value in config.items() if name in parameters or name not in BASE}


def attributes(item: Any, without: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """The attributes in the order of assignment, less those named."""
    return ((name, value) for name, value in vars(item).items() if name not in without)


def properties(item: Any) -> Iterator[tuple[str, Any]]:
    """The properties that a user's own class adds, with their values; one that raises is left out, as Keras does."""
    for cls in type(item).__mro__:
        if cls.__module__.startswith("builder.") or cls is object:
            continue
        for name in (name for name, member in vars(cls).items() if isinstance(member, property)):
            try:
                yield name, getattr(item, name)
            except Exception:
                continue


def held(value: Any) -> Iterator[Any]:
    """What is in lists, tuples, sets and dicts, however deep and in their own order; any other value itself."""
    match value:
        case dict():
            for item in value.values():
                yield from held(item)
        case list() | tuple() | set():
            for item in value:
                yield from held(item)
        case _:
            yield value


def may_hold(value: Any, kind: type) -> bool:
    """Whether something of a kind can be in a value, which `held` tells: most attributes are plain, and are passed over quickly."""
    return isinstance(value, (kind, dict, list, tuple, set))


def each_once(items: Iterable[T]) -> list[T]:
    """The items without repetitions; two are one only where they are the same object."""
    return list({id(item): item for item in items}.values())


def unpacked(structure: Any) -> Any:
    """What is alone in a list, instead of the list."""
    return structure[0] if isinstance(structure, list) and len(structure) == 1 else structure
