"""Options: each is declared once, as an annotated field of a dataclass next to what uses it.

A field `grpc_port: Annotated[int, "Port for gRPC.", (0, 65535)] = 8001` is `--grpc-port`, `HORNBEAM_GRPC_PORT`, `grpc_port`
in a file, its help and its bounds, either of which may be None. A Literal is a choice, a bool a switch, a tuple several
values of one type. A field that is itself such a group contributes its own fields.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from difflib import get_close_matches
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from service.errors import StartupError

__all__ = ["Option", "build", "nearest", "options", "read"]

T = TypeVar("T")
Bounds = tuple[float | None, float | None]


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its field's name, type, choices where they are closed, the least and the most where there are, default and help.

    `many` says that it takes several values, each of `type`.
    """

    name: str
    type: type
    choices: tuple[str, ...]
    bounds: Bounds
    default: Any
    help: str
    many: bool = False

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def environment(self) -> str:
        return "HORNBEAM_" + self.name.upper()

    def check(self, value: Any, where: str) -> Any:
        """`value` as this option holds it. Raises StartupError when it cannot; `where` says where it was found."""
        if not self.many:
            return self._check_one(value, where)
        if not isinstance(value, list | tuple):
            raise StartupError(f"{where}: {self.name} takes a list of values, and was given {value!r}")
        return tuple(self._check_one(item, where) for item in value)

    def _check_one(self, given: Any, where: str) -> Any:
        value: Any = float(given) if self.type is float and type(given) is int else given
        if type(value) is not self.type:
            raise StartupError(f"{where}: {self.name} is a {_NAMES[self.type]}, and was given {value!r}")
        if self.choices and value not in self.choices:
            raise StartupError(f"{where}: {self.name} is one of {', '.join(self.choices)}, and was given {value!r}")
        if not _within(value, self.bounds):
            raise StartupError(f"{where}: {self.name} is {_range(*self.bounds)}, and was given {value!r}")
        return value


_NAMES = {int: "whole number", float: "number", str: "text", bool: "true or false"}


def options(group: type) -> Iterator[Option]:
    """Every option of a group, and of the groups in it."""
    hints = get_type_hints(group, include_extras=True)
    for field in fields(group):
        hint = hints[field.name]
        if is_dataclass(hint):
            yield from options(hint if isinstance(hint, type) else type(hint))
            continue
        base, help_text, bounds = (*get_args(hint), (None, None))[:3]
        many = get_origin(base) is tuple
        one = get_args(base)[0] if many else base
        choices = get_args(one) if get_origin(one) is Literal else ()
        yield Option(field.name, str if choices else one, choices, bounds, field.default, help_text, many)


def build(group: type[T], values: Mapping[str, Any]) -> T:
    """The group with `values` by field name, and as declared where there is none."""
    hints = get_type_hints(group)
    given: dict[str, Any] = {}
    for field in fields(group):  # type: ignore[arg-type]  # a dataclass, as every group is
        if is_dataclass(hints[field.name]):
            given[field.name] = build(hints[field.name], values)
        elif field.name in values:
            given[field.name] = values[field.name]
    return group(**given)


def read(group: type, table: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The values of a file's table by option name, checked. Raises StartupError, naming the nearest option for an unknown one."""
    known = {option.name: option for option in options(group)}
    for name in table:
        if name not in known:
            raise StartupError(f"{where}: there is no option {name!r}{nearest(name, known)}")
    return {name: known[name].check(value, where) for name, value in table.items()}


def nearest(name: str, known: Mapping[str, Any]) -> str:
    """What to say of a name that is not known: the one that was meant, or all there are."""
    if close := get_close_matches(name, known, 1):
        return f"; did you mean {close[0]!r}?"
    return f"; there are {', '.join(known)}"


def _within(value: Any, bounds: Bounds) -> bool:
    low, high = bounds
    return (low is None or value >= low) and (high is None or value <= high)


def _range(low: float | None, high: float | None) -> str:
    if low is None:
        return f"at most {high}"
    return f"at least {low}" if high is None else f"between {low} and {high}"
