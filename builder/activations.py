"""Keras's activation functions by name: a closed table, so that a file can name a function but never bring one."""

from collections.abc import Callable
from typing import Any

from builder import ops
from builder.custom import custom_object, register_keras_serializable, registered_name
from builder.errors import NetworkError, UnsupportedError
from builder.ops import (
    celu,
    elu,
    exp,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_tanh,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_shrink,
    softmax,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    tanh,
    tanh_shrink,
    threshold,
)
from builder.ops.operation import operation
from builder.ops.promotion import floating
from builder.ops.symbolic import KerasTensor, TensorLike, converted, emit, value_of

__all__ = ["ACTIVATIONS", "Activation", "deserialize", "gelu", "get", "linear", "mish", "old_hard_sigmoid", "relu", "serialize"]

Activation = Callable[..., Any]


def linear(x: TensorLike) -> TensorLike:
    """`x`."""
    return x


@operation
def relu(x: TensorLike, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> KerasTensor:
    """`x`, at most `max_value`; up to `threshold` it is `negative_slope * (x - threshold)`.

    Raises NetworkError for a negative `max_value` or `negative_slope`.
    """
    if max_value is not None and max_value < 0:
        raise NetworkError(f"max_value of a ReLU layer cannot be a negative value. Received: {max_value}")
    if negative_slope < 0:
        raise NetworkError(f"negative_slope of a ReLU layer cannot be a negative value. Received: {negative_slope}")
    most = None if max_value is None else converted(max_value, value_of(x).spec.dtype)
    if threshold == 0 and negative_slope == 0:
        return ops.relu(x) if most is None else ops.clip(x, 0, most)
    if threshold == 0:
        rectified = ops.leaky_relu(x, negative_slope)
    else:
        limit = converted(threshold, value_of(x).spec.dtype)
        below = ops.multiply(ops.subtract(x, limit), float(negative_slope)) if negative_slope else ops.zeros_like(x)
        rectified = emit("Where", emit("Greater", x, limit), converted(x, below.dtype), below)
    return rectified if most is None else ops.minimum(rectified, most)


def gelu(x: TensorLike, approximate: bool = False) -> KerasTensor:
    """`x` times the normal distribution's cumulative function; exact unless told otherwise, unlike `ops.gelu`."""
    return ops.gelu(x, approximate)


@operation
def mish(x: TensorLike) -> KerasTensor:
    """`x * tanh(softplus(x))` (ONNX Mish)."""
    return emit("Mish", floating(x))


@register_keras_serializable("keras2", "hard_sigmoid")
def old_hard_sigmoid(x: TensorLike) -> TensorLike:
    """`0.2 * x + 0.5` between 0 and 1: what hard_sigmoid was in Keras 2. Keras 3 has no name for it."""
    return ops.clip(ops.add(ops.multiply(x, 0.2), 0.5), 0.0, 1.0)


ACTIVATIONS: dict[str, Activation] = {
    "celu": celu,
    "elu": elu,
    "exponential": exp,
    "gelu": gelu,
    "glu": glu,
    "hard_shrink": hard_shrink,
    "hard_sigmoid": hard_sigmoid,
    "hard_silu": hard_silu,
    "hard_swish": hard_silu,
    "hard_tanh": hard_tanh,
    "leaky_relu": leaky_relu,
    "linear": linear,
    "log_sigmoid": log_sigmoid,
    "log_softmax": log_softmax,
    "mish": mish,
    "relu": relu,
    "relu6": relu6,
    "selu": selu,
    "sigmoid": sigmoid,
    "silu": silu,
    "soft_shrink": soft_shrink,
    "softmax": softmax,
    "softplus": softplus,
    "softsign": softsign,
    "sparse_plus": sparse_plus,
    "sparse_sigmoid": sparse_sigmoid,
    "sparsemax": sparsemax,
    "squareplus": squareplus,
    "swish": silu,
    "tanh": tanh,
    "tanh_shrink": tanh_shrink,
    "threshold": threshold,
}
_NAMES = {function: name for name, function in reversed(ACTIVATIONS.items())}


def get(identifier: Any) -> Activation:
    """The function for a name, None (linear), a saved config or a function. Raises NetworkError for any other."""
    if identifier is None:
        return linear
    if callable(identifier):
        return identifier  # type: ignore[no-any-return]
    if isinstance(identifier, dict):
        found = custom_object(identifier.get("config"), identifier.get("registered_name"))
        identifier = identifier.get("config")
    else:
        found = custom_object(identifier)
    if found is not None:
        return found  # type: ignore[no-any-return]
    if not isinstance(identifier, str) or identifier not in ACTIVATIONS:
        raise NetworkError(
            f"Could not interpret activation function identifier: {identifier}. Known here: {', '.join(sorted(ACTIVATIONS))}"
        )
    return ACTIVATIONS[identifier]


deserialize = get


def serialize(activation: Activation) -> str:
    """The name under which `get` finds the function again. Raises UnsupportedError for a lambda, which has none."""
    name = registered_name(activation) or _NAMES.get(activation) or activation.__name__
    if name == "<lambda>":
        raise UnsupportedError(
            "a lambda has no name that a config could hold: write it as a function with one, and register it with "
            "register_keras_serializable"
        )
    return name
