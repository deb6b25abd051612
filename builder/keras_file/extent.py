"""How large a network is before it is built: a config of a few lines can ask for more layers than there is memory.

A model that calls another twice, which calls another twice, and so on, doubles with each of them.
"""

from __future__ import annotations

from typing import Any

from builder.errors import ModelFileError
from builder.saving import is_function

__all__ = ["check_extent"]

CALLS = 20_000  # of layers and functions; the largest of Keras's own networks has some two thousand


def check_extent(config: Any, what: str) -> None:
    """Raises ModelFileError for a config that calls more layers than any network does, or functions on no tensor at all."""
    if (calls := _calls(config)) > CALLS:
        raise ModelFileError(
            f"{what} calls {calls if calls < 10**12 else 'countless'} layers; no network of Keras's has as many as {CALLS}"
        )


def _calls(saved: Any) -> int:
    """How many calls building a layer takes, those of the layers in it for each of its own."""
    arguments = saved.get("config") if isinstance(saved, dict) else None
    if not isinstance(arguments, dict):
        return 1
    if is_function(saved) and not all(_has_tensor(node) for node in saved.get("inbound_nodes") or ()):
        name = saved.get("name", arguments.get("name"))
        raise ModelFileError(f"'{name}' is a call of {saved.get('class_name')} without a tensor, which Keras never writes")
    inside = sum(_calls(item) for item in _inside(arguments))
    nodes = saved.get("inbound_nodes")
    return (1 + inside) * max(1, len(nodes) if isinstance(nodes, list) else 1)


def _inside(arguments: dict[str, Any]) -> list[Any]:
    """The layers among a layer's arguments, under whatever name."""
    values = [item for value in arguments.values() for item in (value if isinstance(value, list) else [value])]
    return [value for value in values if isinstance(value, dict) and "class_name" in value and "config" in value]


def _has_tensor(node: Any) -> bool:
    stack = [node]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            if item.get("class_name") == "__keras_tensor__":
                return True
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
    return False
