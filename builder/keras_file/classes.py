"""Which classes a file may name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from builder.custom import custom_object
from builder.ops.operation import function_of_class
from builder.ops.refused import reason_of_class
from builder.saving import REGISTRY, is_function

__all__ = ["REFUSED", "unknown_layers"]

# Keras's layers that are not to be had here, with the reason.
REFUSED: Mapping[str, str] = {
    "FlaxLayer": "it runs a module of Flax, which comes as Python code; write it with builder.ops, or build it of layers",
    "JaxLayer": "it runs a function of JAX, which comes as Python code; write it with builder.ops, or build it of layers",
    "TFSMLayer": "it runs a SavedModel of TensorFlow, which is a program; save the Keras model that it was made of",
    "TorchModuleWrapper": "it runs a module of PyTorch, which comes as a pickle; export that to ONNX with PyTorch",
}


def unknown_layers(config: Mapping[str, Any]) -> list[str]:
    """A sentence for each layer of a saved config, nested ones too, whose class this package does not have."""
    problems = []
    stack: list[tuple[str, Any]] = [("", config)]
    while stack:
        path, saved = stack.pop()
        if not isinstance(saved, dict):
            continue
        inner = saved.get("config")
        name = str((inner or {}).get("name", saved.get("name", "?"))) if isinstance(inner, dict | None) else "?"
        here = f"{path}/{name}" if path else name
        if problem := _unknown(saved):
            problems.append(f"'{here}' {problem}")
        elif isinstance(inner, dict):
            stack.extend((here, layer) for layer in reversed(_inside(inner)))
    return problems


def _inside(config: Mapping[str, Any]) -> list[Any]:
    """The layers among the arguments of a layer: those of a network, the one in a wrapper, the cells of a recurrent layer."""
    rows = [config[key] for key in ("layers", "cells") if isinstance(config.get(key), list)]
    single = [config[key] for key in ("layer", "backward_layer", "cell") if isinstance(config.get(key), dict)]
    return [*(layer for row in rows for layer in row), *single]


def _unknown(saved: Mapping[str, Any]) -> str | None:
    """Why a saved object is not one of this package's classes; None when it is one."""
    name, module, registered = saved.get("class_name"), saved.get("module"), saved.get("registered_name")
    if name == "Lambda" and not _is_named(saved.get("config")):
        return "is a Lambda layer: its Python code comes with the file and is never run; replace it by layers, in Keras, and save again"
    if not isinstance(name, str):
        return "names no class"
    if is_function(saved):
        if function_of_class(name):
            return None
        return f"is a call of keras.ops ({name}), which is not supported: {reason_of_class(name) or 'it is not known to this version'}"
    if isinstance(custom_object(name, registered), type):
        return None
    if not (module is None or str(module).split(".")[0] == "keras") or registered not in (None, name):
        return f"is a custom class ({registered or name}): give it as custom_objects={{{name!r}: ...}}, or register it before"
    if name in REFUSED:
        return f"is a {name}, which is not supported: {REFUSED[name]}"
    if name not in REGISTRY:
        own = f"; if it is a class of your own, give it as custom_objects={{{name!r}: ...}}" if module is None else ""
        return f"is a {name}, which is not supported yet{own}"
    return None


def _is_named(config: Any) -> bool:
    """Whether a Lambda layer's function goes by a name, and its code does not come with the file."""
    function = config.get("function") if isinstance(config, dict) else None
    return isinstance(function, str) or (isinstance(function, dict) and function.get("class_name") == "function")
