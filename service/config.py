"""From option fields to flags, environment names and help: an option is declared once, next to what uses it.

A field `grpc_port: Annotated[int, "Port for gRPC.", (0, 65535)] = 8001` is `--grpc-port`, `HORNBEAM_GRPC_PORT`, its help and
its bounds, either of which may be None; a Literal is a choice. A field that is itself such a group contributes its own fields.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

__all__ = ["Option", "build", "options"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its field's name, type (choices where they are closed, the least and the most where there are), default and help."""

    name: str
    type: type
    choices: tuple[str, ...]
    bounds: tuple[float | None, float | None]
    default: Any
    help: str

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def environment(self) -> str:
        return "HORNBEAM_" + self.name.upper()


def options(group: type) -> Iterator[Option]:
    """Every option of a group, and of the groups in it."""
    hints = get_type_hints(group, include_extras=True)
    for field in fields(group):
        hint = hints[field.name]
        if is_dataclass(hint):
            yield from options(hint if isinstance(hint, type) else type(hint))
            continue
        base, help_text, bounds = (*get_args(hint), (None, None))[:3]
        choices = get_args(base) if get_origin(base) is Literal else ()
        yield Option(field.name, str if choices else base, choices, bounds, field.default, help_text)


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
