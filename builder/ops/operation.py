"""What becomes of a call of a function of `ops`.

Inside a layer's `call` it adds its nodes to the graph. Outside, on symbolic tensors, it is an operation of the network in
its own right and is remembered in its outputs' history; on arrays it computes.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from builder.graph import current_scope, scope
from builder.naming import auto_name, snake_case
from builder.ops.symbolic import OPERATIONS, Call, History, KerasTensor, Operation, symbolic_leaves, value_of
from builder.runtime import evaluate
from builder.structure import flatten, map_structure, pack

__all__ = ["Function", "bare", "function_of_class", "operation", "record"]


class Function:
    """A function of `ops` that is part of a network in its own right, as in `ops.relu(x)` or `x + y`.

    `fixed` are arguments that a saved config keeps apart from the call's own.
    """

    def __init__(self, function: Callable[..., Any], name: str | None = None, **fixed: Any) -> None:
        self.function = function
        self.name = name or auto_name(function.__name__)
        self.fixed = fixed
        self.calls: list[Call] = []

    @property
    def class_name(self) -> str:
        """Keras's class for the function: add -> Add, expand_dims -> ExpandDims."""
        return KERAS_CLASSES.get(self.function.__name__) or "".join(part.capitalize() for part in self.function.__name__.split("_"))

    @property
    def module(self) -> str:
        """Where Keras has that class."""
        return f"keras.src.ops.{self.function.__module__.split('.')[2]}"

    def arguments(self, call: Call) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """A call's tensors, by position, and apart from them what Keras keeps in the config: all else that is not the default."""
        signature = inspect.signature(self.function)
        bound = signature.bind(*call.args, **call.kwargs, **self.fixed)
        tensors = tuple(value for name, value in bound.arguments.items() if name in TENSORS)
        defaults = {name: parameter.default for name, parameter in signature.parameters.items()}
        fixed = {name: value for name, value in bound.arguments.items() if name not in TENSORS and value is not defaults[name]}
        return tensors, fixed

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with scope(self.name):
            outputs = self.function(*bare(args), **bare(kwargs), **self.fixed)
        if all(tensor.history is None for tensor in symbolic_leaves((args, kwargs))):
            return outputs
        return record(self, args, kwargs, outputs)


# The parameters that Keras passes when it calls such a class; it takes the others when it makes one.
TENSORS = frozenset(
    (
        *("a", "array", "bias", "bins", "condition", "constant_values", "fill_value", "gamma", "beta"),
        *("indices", "inputs", "kernel", "depthwise_kernel", "pointwise_kernel", "key", "mask", "mean", "offset"),
        *("operands", "output", "q", "query", "scale", "start", "start_indices", "step", "stop"),
        *("target", "updates", "value", "values", "variance", "weights", "x", "x1", "x2"),
        *("xs", "y"),
    )
)
# Where Keras's class for a function is not its name in capitals.
KERAS_CLASSES = {
    "batch_normalization": "BatchNorm",
    "layer_normalization": "LayerNorm",
    "rms_normalization": "RMSNorm",
    "rgb_to_grayscale": "RGBToGrayscale",
}
_FUNCTIONS = {keras: name for name, keras in KERAS_CLASSES.items()}
P = ParamSpec("P")
R = TypeVar("R")


def function_of_class(class_name: str) -> Callable[..., Any] | None:
    """The function of `ops` that Keras saves as a class of that name; None when it is not here."""
    found = OPERATIONS.get(_FUNCTIONS.get(class_name) or snake_case(class_name))
    return None if found is None else found.__wrapped__  # type: ignore[attr-defined]


def operation(function: Callable[P, R]) -> Callable[P, R]:
    """Makes a function that emits nodes a function of `ops`; see the head of this module for what that means."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if current_scope():
            return function(*args, **kwargs)
        if not symbolic_leaves((args, kwargs)):
            return cast(R, _computed(function, args, kwargs))
        return cast(R, Function(function)(*args, **kwargs))

    if function.__module__.startswith("builder.ops."):  # activations has namesakes with other defaults
        OPERATIONS[function.__name__] = call
    return call


def record(operation: Operation, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: Any) -> Any:
    """The same outputs, remembering that this call of `operation` made them."""
    call = Call(operation, args, kwargs, None)
    leaves = [KerasTensor(tensor.value, None, History(call, index), tensor.mask) for index, tensor in enumerate(flatten(outputs))]
    call.outputs = pack(outputs, leaves)
    operation.calls.append(call)
    return call.outputs


def bare(structure: Any) -> Any:
    """The same structure, its tensors without history, so that what is done with them is not part of the network."""
    return map_structure(_bare, structure)


def _bare(leaf: Any) -> Any:
    return KerasTensor(leaf.value, leaf.name, mask=leaf.mask) if isinstance(leaf, KerasTensor) else leaf


def _computed(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    with scope(function.__name__):
        outputs = function(*args, **kwargs)
    leaves = flatten(outputs)
    return pack(outputs, evaluate([value_of(leaf) for leaf in leaves]))
