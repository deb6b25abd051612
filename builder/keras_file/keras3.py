"""Configs of every version of Keras 3 in the form that the layers here take: plain data in, plain data out.

A file may be of a later version, whose classes take more than ours. An argument that is not known here and is off, which is
what None and False mean, is left out; one that is on stays, and the layer refuses it by name.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import cache
from typing import Any

from builder.custom import custom_object
from builder.ops.operation import function_of_class
from builder.saving import REGISTRY, is_function

__all__ = ["converted"]

EVERY = ("name", "trainable", "dtype", "autocast", "activity_regularizer", "batch_shape", "batch_input_shape", "input_shape", "layers")

RENAMED = {"IdentityInitializer": "Identity", "OrthogonalInitializer": "Orthogonal"}  # initializers, since Keras 3.6


def converted(config: Any) -> Any:
    """The config, and those of all layers in it, without what is off and not known here."""
    if isinstance(config, list):
        return [converted(item) for item in config]
    if not isinstance(config, dict):
        return config
    inside = _counted_here({key: converted(item) for key, item in config.items()})
    name, arguments = inside.get("class_name"), inside.get("config")
    if not isinstance(name, str) or not isinstance(arguments, dict):
        return inside
    if _is_bare_function(inside, name, arguments):
        return {**inside, "module": "keras.src.ops.numpy"}
    if name in RENAMED:
        return {**inside, "class_name": RENAMED[name]}
    if is_function(inside) or custom_object(name, inside.get("registered_name")) is not None or name not in REGISTRY:
        return inside
    known = _taken(name)
    kept = {key: value for key, value in arguments.items() if key in known or (value is not None and value is not False)}
    return {**inside, "config": kept}


def _counted_here(network: dict[str, Any]) -> dict[str, Any]:
    """A network's config in which the calls of a layer that is in other networks too are counted in this one only.

    Keras 3.0 counted them all. Each call is referred to, or it would not be in the network; so their order tells which is which.
    """
    layers = network.get("layers")
    if not isinstance(layers, list) or not {"input_layers", "output_layers"} <= network.keys():
        return network
    used: dict[str, set[int]] = {}
    for name, index in _references([layers, network["output_layers"]]):
        used.setdefault(name, set()).add(index)
    moved: dict[str, dict[int, int]] = {}
    for layer in layers:
        nodes = layer.get("inbound_nodes") if isinstance(layer, dict) else None
        if not isinstance(nodes, list) or "shared_object_id" not in layer or layer.get("class_name") == "Functional":
            continue
        known = used.get(str(layer.get("name")), set())
        if len(known) == len(nodes) and max(known, default=-1) >= len(nodes):
            moved[str(layer["name"])] = {index: place for place, index in enumerate(sorted(known))}
    return {**network, **{key: _moved(network[key], moved) for key in ("layers", "output_layers")}} if moved else network


def _references(structure: Any) -> Iterator[tuple[str, int]]:
    """The layer and the call of every tensor that a config of one network refers to."""
    stack = [structure]
    while stack:
        match stack.pop():
            case [str(name), int(index), int()]:
                yield name, index
            case {"layers": list()}:
                pass  # a network of its own
            case list() as items:
                stack.extend(items)
            case dict() as items:
                stack.extend(items.values())


def _moved(structure: Any, moved: dict[str, dict[int, int]]) -> Any:
    match structure:
        case [str(name), int(index), int(output)] if name in moved:
            return [name, moved[name][index], output]
        case {"layers": list()}:
            return structure
        case list():
            return [_moved(item, moved) for item in structure]
        case dict():
            return {key: _moved(item, moved) for key, item in structure.items()}
        case _:
            return structure


def _is_bare_function(saved: dict[str, Any], name: str, arguments: dict[str, Any]) -> bool:
    """Whether a function of `keras.ops` was saved without saying so, as in an .h5 file: a layer always says if it is trainable."""
    is_bare = "module" not in saved and "inbound_nodes" in saved and "trainable" not in arguments
    return is_bare and name != "InputLayer" and function_of_class(name) is not None


@cache
def _taken(name: str) -> frozenset[str]:
    """The names of the arguments that a layer's class takes."""
    cls = REGISTRY[name]
    own = (given for base in cls.__mro__ if "__init__" in vars(base) for given in inspect.signature(vars(base)["__init__"]).parameters)
    return frozenset((*own, *getattr(cls, "training_only", ()), *EVERY))
