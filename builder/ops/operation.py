"""What becomes of a call of a function of `ops`.

Inside a layer's `call` it adds its nodes to the graph. Outside, on symbolic tensors, it is an operation of the network in
its own right and is remembered in its outputs' history; on arrays it computes.
"""

from __future__ import annotations

import functools
import inspect
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

import numpy as np

from builder.errors import NetworkError
from builder.graph import Graph, current_scope, scope
from builder.naming import auto_name, snake_case
from builder.ops.symbolic import OPERATIONS, Call, History, KerasTensor, Operation, symbolic_leaves, value_of
from builder.runtime import evaluate
from builder.structure import flatten, map_structure, pack

__all__ = ["Function", "applied", "bare", "function_of_class", "operation", "record"]


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
        if self.function.__module__ == _ACTIVATIONS and self.function.__name__ in _ACTIVATION_CLASSES:
            return _ACTIVATION_CLASSES[self.function.__name__]
        return KERAS_CLASSES.get(self.function.__name__) or "".join(part.capitalize() for part in self.function.__name__.split("_"))

    @property
    def module(self) -> str:
        """Where Keras has that class."""
        if self.function.__module__ == _ACTIVATIONS:
            return "keras.src.activations.activations"
        return f"keras.src.ops.{self.function.__module__.split('.')[2]}"

    def arguments(self, call: Call) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """A call's tensors, by position, and apart from them what Keras keeps in the config: all else that is not the default."""
        bound = self._bound(call.args, call.kwargs)
        parameters = bound.signature.parameters
        tensors: list[Any] = []
        for name, value in bound.arguments.items():
            if self._is_tensor(name):
                tensors.extend(value if parameters[name].kind is inspect.Parameter.VAR_POSITIONAL else (value,))
        defaults = {name: parameter.default for name, parameter in parameters.items()}
        kept = {name: value for name, value in bound.arguments.items() if not self._is_tensor(name) and value is not defaults[name]}
        return tuple(tensors), kept

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with scope(self.name):
            bound = self._bound(bare(args), bare(kwargs))
            outputs = self.function(*bound.args, **bound.kwargs)
        if all(tensor.history is None for tensor in symbolic_leaves((args, kwargs))):
            return outputs
        return record(self, args, kwargs, outputs)

    def _is_tensor(self, parameter: str) -> bool:
        return parameter in TENSORS and parameter not in KEPT.get(self.function.__name__, ())

    def _bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> inspect.BoundArguments:
        """A call's arguments and the fixed ones: those by position go to the parameters that are not fixed, in order."""
        signature = inspect.signature(self.function)
        if not self.fixed:
            return signature.bind(*args, **kwargs)
        free = [parameter for name, parameter in signature.parameters.items() if name not in self.fixed]
        bound = signature.replace(parameters=free).bind(*args, **kwargs)
        given = {**bound.arguments, **self.fixed}
        return inspect.BoundArguments(signature, OrderedDict((name, given[name]) for name in signature.parameters if name in given))


# The parameters that Keras passes when it calls such a class; it takes the others when it makes one.
TENSORS = frozenset(
    (
        *("a", "abs_", "angle", "array", "atol", "b", "beta", "bias", "bins", "branches", "choicelist", "condition"),
        *("condlist", "constant_values", "coordinates", "data", "default", "depthwise_kernel", "elements", "elems"),
        *("end_points", "f", "false_fn", "fill_value", "gamma", "image1", "image2", "images", "index", "indices", "init"),
        *("init_val", "inputs", "kernel", "key", "loop_vars", "mask", "mean", "offset", "operands", "output", "output_length"),
        *("output_shape", "pattern", "pointwise_kernel", "pred", "predictions", "q", "query", "rtol", "scale", "segment_ids"),
        *("sequence_lengths", "sorted_sequence", "start", "start_indices", "start_points", "step", "stop", "target"),
        *("target_length", "targets", "tensor", "transform", "translation", "true_fn", "updates", "value", "values"),
        *("variable", "variance", "weights", "x", "x1", "x2", "xs", "y"),
    )
)
# The parameters of such a name that Keras takes when it makes the class nevertheless.
KEPT = {
    "affine_transform": ("fill_value",),
    "allclose": ("rtol", "atol"),
    "bincount": ("weights",),
    "diagonal": ("offset",),
    "histogram": ("bins",),
    "map_coordinates": ("fill_value",),
    "perspective_transform": ("fill_value",),
    "resize": ("fill_value",),
    "squareplus": ("b",),
    "trace": ("offset",),
    "trapezoid": ("x",),
    "unique": ("fill_value",),
}
# Where Keras's class for a function is not its name in capitals.
KERAS_CLASSES = {
    "allclose": "AllClose",
    "batch_normalization": "BatchNorm",
    "cdist": "CDist",
    "ctc_decode": "CTCDecode",
    "ctc_loss": "CTCLoss",
    "fft": "FFT",
    "fft2": "FFT2",
    "ifft2": "IFFT2",
    "irfft": "IRFFT",
    "isin": "IsIn",
    "layer_normalization": "LayerNorm",
    "rgb_to_grayscale": "RGBToGrayscale",
    "rgb_to_hsv": "RGBToHSV",
    "hsv_to_rgb": "HSVToRGB",
    "psnr": "PSNR",
    "rfft": "RFFT",
    "rms_normalization": "RMSNorm",
    "searchsorted": "SearchSorted",
    "ssim": "SSIM",
    "stft": "STFT",
    "istft": "ISTFT",
}
# The classes that Keras has for activations beside those for `ops`, and the room in which ours are.
_ACTIVATION_CLASSES = {"mish": "Mish", "relu": "ReLU"}
_ACTIVATIONS = "builder.activations"
_FUNCTIONS = {keras: f"activations.{name}" for name, keras in _ACTIVATION_CLASSES.items()} | {
    keras: name for name, keras in KERAS_CLASSES.items()
}
P = ParamSpec("P")
R = TypeVar("R")


def function_of_class(class_name: str) -> Callable[..., Any] | None:
    """The function of `ops` that Keras saves as a class of that name; None when it is not here."""
    found = OPERATIONS.get(_FUNCTIONS.get(class_name) or snake_case(class_name))
    return None if found is None else found.__wrapped__  # type: ignore[attr-defined]


def operation(function: Callable[P, R]) -> Callable[P, R]:
    """Makes a function that emits nodes a function of `ops`, which is known by its name; see the head of this module."""
    call = applied(function)
    if function.__module__.startswith("builder.ops."):
        OPERATIONS[function.__name__] = call
    elif function.__module__ == _ACTIVATIONS:  # which has namesakes with other defaults
        OPERATIONS[f"activations.{function.__name__}"] = call
    return call


def applied(function: Callable[P, R]) -> Callable[P, R]:
    """A function that emits nodes as one of networks and arrays too; see the head of this module for what that means."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if current_scope():
            return function(*args, **kwargs)
        if not symbolic_leaves((args, kwargs)):
            return cast(R, _computed(function, *map_structure(_narrow, (args, kwargs))))
        return cast(R, Function(function)(*args, **kwargs))

    return call


def record(operation: Operation, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: Any) -> Any:
    """The same outputs, remembering that this call of `operation` made them."""
    call = Call(operation, args, kwargs, None)
    call.outputs = pack(outputs, [_made(leaf, History(call, index)) for index, leaf in enumerate(flatten(outputs))])
    operation.calls.append(call)
    return call.outputs


def _made(leaf: Any, history: History) -> KerasTensor | None:
    return None if leaf is None else KerasTensor(value_of(leaf), None, history, leaf.mask if isinstance(leaf, KerasTensor) else None)


def bare(structure: Any) -> Any:
    """The same structure, its tensors without history, so that what is done with them is not part of the network."""
    return map_structure(_bare, structure)


def _bare(leaf: Any) -> Any:
    return KerasTensor(leaf.value, leaf.name, mask=leaf.mask) if isinstance(leaf, KerasTensor) else leaf


def _narrow(leaf: Any) -> Any:
    """An array as Keras takes it in: 32 bits wide where NumPy has 64."""
    if not isinstance(leaf, np.ndarray):
        return leaf
    return leaf.astype({"float64": "float32", "int64": "int32", "uint64": "uint32"}.get(leaf.dtype.name, leaf.dtype), copy=False)


def _computed(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    with scope(function.__name__):
        outputs = function(*args, **kwargs)
    values = [None if leaf is None else value_of(leaf) for leaf in flatten(outputs)]
    known = [value for value in values if value is not None]
    if strangers := Graph((), tuple(known), ("",) * len(known)).strangers():
        raise NetworkError(
            f"`{function.__name__}` was called with arrays, but reads the symbolic tensor '{strangers[0].name}'; call it on symbolic "
            "tensors, or in the `call` of a layer"
        )
    arrays = iter(evaluate(known))
    return pack(outputs, [None if value is None else next(arrays) for value in values])
