"""What a layer's `call` is given: floats in the layer's dtype, the masks that it asks for, and no keyword that it does not take.

And what its `build` is given: the shapes of those arguments.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any

import numpy as np

from builder.errors import NetworkError, UnsupportedError
from builder.graph import current_scope
from builder.ops.promotion import is_floating
from builder.ops.symbolic import KerasTensor, converted, masks_of, symbolic_leaves
from builder.structure import flatten, map_structure

__all__ = [
    "build_shapes",
    "cast_floats",
    "check_positional",
    "check_quantization",
    "known_keywords",
    "marking",
    "masks_in",
    "pass_masks_on",
    "with_masks",
]


def build_shapes(build: Callable[..., Any], call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """What `build` is given: the shape of the first argument, or `<argument>_shape` for each where it has several parameters.

    A structure of tensors has a structure of shapes; an argument without tensors has none.
    """
    names = list(_parameters(build))
    if len(names) == 1:
        return {names[0]: _shapes(args[0] if args else next(iter(kwargs.values())))}
    given = dict(zip(_parameters(call), args, strict=False)) | kwargs
    return {f"{name}_shape": _shapes(value) for name, value in given.items() if f"{name}_shape" in names and symbolic_leaves(value)}


def cast_floats(structure: Any, dtype: str) -> Any:
    """The structure, its float tensors in `dtype`; all else as it is, and all of it where `dtype` is no float."""

    def cast(leaf: Any) -> Any:
        if not isinstance(leaf, KerasTensor) or not is_floating(leaf.dtype) or leaf.dtype == dtype:
            return leaf
        after = converted(leaf, dtype)
        assert isinstance(after, KerasTensor)
        after.mask = leaf.mask
        return after

    return map_structure(cast, structure) if is_floating(dtype) else structure


def check_positional(args: tuple[Any, ...]) -> None:
    """Raises NetworkError, in Keras's words, for a number or text where a tensor belongs."""
    for leaf in flatten(args):
        if isinstance(leaf, bool | int | float | str):
            raise NetworkError(
                "Only input tensors may be passed as positional arguments. The following argument value should be passed as a keyword "
                f"argument: {leaf} (of type {type(leaf).__name__})"
            )


def known_keywords(call: Callable[..., Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The keywords less those that Keras lets every layer be given and `call` does not ask for."""
    optional = {"training"} | ({"mask"} if kwargs.get("mask") is None else set())
    if not (given := optional & kwargs.keys()):
        return kwargs
    unknown = given - _parameters(call).keys()
    return {key: value for key, value in kwargs.items() if key not in unknown}


def with_masks(call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The keywords with the masks that `call` has a parameter for and was not given.

    That is `mask` for a layer of one tensor argument, and `<argument>_mask` for each of several.
    """
    parameters = _parameters(call)
    if not any(name == "mask" or name.endswith("_mask") for name in parameters):
        return kwargs
    given = dict(zip(parameters, args, strict=False)) | kwargs
    tensors = {name: value for name, value in given.items() if symbolic_leaves(value)}
    alone = len(tensors) == 1
    wanted = {"mask" if alone else f"{name}_mask": value for name, value in tensors.items()}
    found = {name: masks_of(value) for name, value in wanted.items() if name in parameters and given.get(name) is None}
    return kwargs | {name: mask for name, mask in found.items() if symbolic_leaves(mask)}


def masks_in(kwargs: dict[str, Any], first: Any) -> Any:
    """The masks that the outputs' follow from: those that the caller gave, or else those of the first argument."""
    given = kwargs.get("mask")
    return masks_of(first) if given is None else given


def pass_masks_on(outputs: Any, masks: Any) -> None:
    """Gives the outputs `masks`, in the order of both; those that have one already, as a model's have, keep it."""
    for leaf, mask in zip(symbolic_leaves(outputs), flatten(masks), strict=False):
        if leaf.mask is None and isinstance(mask, KerasTensor):
            leaf.mask = mask


def _parameters(method: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """What a method takes, without the object itself: kept by its function, which many objects share."""
    function = getattr(method, "__func__", None)
    return dict(inspect.signature(method).parameters) if function is None else dict(_others(function))


@lru_cache(512)
def _others(function: Callable[..., Any]) -> tuple[tuple[str, inspect.Parameter], ...]:
    first, *others = inspect.signature(function).parameters.items()
    return (first, *others) if first[1].kind is inspect.Parameter.VAR_POSITIONAL else tuple(others)


def _shapes(argument: Any) -> Any:
    return map_structure(lambda leaf: leaf.shape if isinstance(leaf, KerasTensor) else np.shape(leaf), argument)


def check_quantization(layer: Any) -> None:
    """Raises UnsupportedError when the layer is to keep its weights in a way that its class does not have."""
    mode = layer.own_policy.quantization
    if mode is None or mode.partition("/")[0] in layer.quantizations:
        return
    name, modes = type(layer).__name__, ", ".join(layer.quantizations)
    known = f"a {name} may be {modes}" if modes else "its class has no such mode"
    raise UnsupportedError(f"layer '{layer.name}' is quantized to {mode}, and {known}; save the model before `quantize`")


def marking(build: Callable[..., None]) -> Callable[..., None]:
    """`build`, after which the layer is built, also when a user calls it and not the first call does, and knows for what."""

    signature = inspect.signature(build)

    @wraps(build)
    def mark(self: Any, *args: Any, **kwargs: Any) -> None:
        if self._path is None:
            around = current_scope()  # which ends with the layer itself where its first call builds it
            self._path = "/".join(around if around[-1:] == (self.name,) else (*around, self.name))
            check_quantization(self)
        build(self, *args, **kwargs)
        self._built_for = dict(list(signature.bind(self, *args, **kwargs).arguments.items())[1:])
        self.built = True

    return mark
