"""TensorFlow's functions that Keras 2 saved as layers, in terms of `builder.ops`: a closed table.

Each row takes the function's arguments under TensorFlow's own names and gives the operations that come to the same. What is
not in the table, or has an argument that a row does not take, has no counterpart here and is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from builder.errors import UnsupportedError

__all__ = ["FUNCTIONS", "Axis", "Op", "operation"]


@dataclass(frozen=True, slots=True)
class Op:
    """A call of a function of `ops`, by Keras's class for it; arguments may be such calls themselves."""

    class_name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Axis:
    """The size of an axis of some tensor, as `tf.shape(x)[index]` gives it."""

    index: int


def operation(function: str, args: Sequence[Any], kwargs: dict[str, Any]) -> Op:
    """The operations for a call of a TensorFlow function. Raises UnsupportedError when there are none."""
    row = FUNCTIONS.get(function)
    if row is None:
        raise UnsupportedError(f"is a call of TensorFlow's {function}, which has no counterpart here")
    given = {key: value for key, value in kwargs.items() if key != "name"}
    try:
        return row(*args, **given)
    except (TypeError, ValueError, AttributeError, LookupError) as error:
        raise UnsupportedError(f"is a call of TensorFlow's {function} with arguments that are not supported: {error}") from None


def _op(class_name: str, *args: Any, **kwargs: Any) -> Op:
    return Op(class_name, args, kwargs)


def _one(class_name: str) -> Callable[..., Op]:
    """A function of one tensor."""
    return lambda x: _op(class_name, x)


def _two(class_name: str) -> Callable[..., Op]:
    """A function of two tensors."""
    return lambda x, y: _op(class_name, x, y)


def _reduced(class_name: str) -> Callable[..., Op]:
    """A function that takes axes away."""
    return lambda input_tensor, axis=None, keepdims=False: _op(class_name, input_tensor, axis=axis, keepdims=bool(keepdims))


def _off(**flags: Any) -> None:
    """Raises ValueError for an argument that must be as it is by default."""
    if given := [name for name, value in flags.items() if value]:
        raise ValueError(f"{', '.join(given)}")


def _place_of_extreme(class_name: str) -> Callable[..., Op]:
    def row(input: Any, axis: int | None = None, output_type: str = "int64") -> Op:
        return _op("Cast", _op(class_name, input, axis=axis or 0), dtype=output_type)

    return row


def _concat(values: Any, axis: int) -> Op:
    return _op("Concatenate", values, axis=axis)


def _stack(values: Any, axis: int = 0) -> Op:
    return _op("Stack", values, axis=axis)


def _unstack(value: Any, num: int | None = None, axis: int = 0) -> Op:
    return _op("Unstack", value, num=num, axis=axis)


def _split(value: Any, num_or_size_splits: Any, axis: int = 0, num: int | None = None) -> Op:
    if isinstance(num_or_size_splits, list):
        if not all(isinstance(size, int) and size >= 0 for size in num_or_size_splits):
            raise ValueError(f"sizes {num_or_size_splits}")
        return _op("Split", value, indices_or_sections=list(accumulate(num_or_size_splits))[:-1], axis=axis)
    return _op("Split", value, indices_or_sections=num_or_size_splits, axis=axis)


def _reshape(tensor: Any, shape: Any) -> Op:
    if not isinstance(shape, list) or not all(isinstance(size, int | Axis) for size in shape):
        raise ValueError("a shape that is computed")
    if any(isinstance(size, Axis) and (size.index != 0 or at != 0) for at, size in enumerate(shape)):
        raise ValueError("a shape that is computed from another axis than the batch")
    sizes = [-1 if isinstance(size, Axis) and -1 not in shape else 0 if isinstance(size, Axis) else size for size in shape]
    return _op("Reshape", tensor, newshape=sizes)


def _transpose(a: Any, perm: Any = None, conjugate: bool = False) -> Op:
    return _op("Transpose", a, axes=perm)


def _expand_dims(input: Any, axis: Any) -> Op:
    return _op("ExpandDims", input, axis=axis)


def _squeeze(input: Any, axis: Any = None, squeeze_dims: Any = None) -> Op:
    axis = axis if axis is not None else squeeze_dims
    return _op("Squeeze", input, axis=tuple(axis) if isinstance(axis, list) and axis else axis or None)


def _cast(x: Any, dtype: str) -> Op:
    return _op("Cast", x, dtype=dtype)


def _where(condition: Any, x: Any, y: Any) -> Op:
    return _op("Where", condition, x, y)


def _matmul(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    output_type: Any = None,
    grad_a: bool = False,
    grad_b: bool = False,
) -> Op:
    _off(output_type=output_type)
    first = _op("Swapaxes", a, axis1=-1, axis2=-2) if transpose_a or adjoint_a else a
    second = _op("Swapaxes", b, axis1=-1, axis2=-2) if transpose_b or adjoint_b else b
    return _op("Matmul", first, second)


def _tensordot(a: Any, b: Any, axes: Any) -> Op:
    return _op("Tensordot", a, b, axes=axes)


def _gather(params: Any, indices: Any, validate_indices: Any = None, axis: int | None = None, batch_dims: int = 0) -> Op:
    _off(batch_dims=batch_dims)
    return _op("Take", params, indices, axis=axis or 0)


def _one_hot(indices: Any, depth: int, on_value: Any = None, off_value: Any = None, axis: Any = None, dtype: Any = None) -> Op:
    if on_value not in (None, 1) or off_value not in (None, 0):
        raise ValueError("on_value, off_value")
    return _op("OneHot", indices, num_classes=depth, axis=-1 if axis is None else axis, dtype=dtype or "float32")


def _tile(input: Any, multiples: Any) -> Op:
    if not isinstance(multiples, list) or not all(isinstance(times, int) for times in multiples):
        raise ValueError("multiples that are computed")
    return _op("Tile", input, repeats=multiples)


def _repeat(input: Any, repeats: int, axis: int | None = None) -> Op:
    return _op("Repeat", input, repeats=repeats, axis=axis)


def _pad(tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: Any = 0) -> Op:
    constant = {"constant_values": constant_values} if mode == "CONSTANT" else {}
    return _op("Pad", tensor, pad_width=paddings, mode=mode.lower(), **constant)


def _clip(t: Any, clip_value_min: Any, clip_value_max: Any) -> Op:
    return _op("Clip", t, x_min=clip_value_min, x_max=clip_value_max)


def _reverse(tensor: Any, axis: Any) -> Op:
    return _op("Flip", tensor, axis=axis)


def _roll(input: Any, shift: Any, axis: Any) -> Op:
    return _op("Roll", input, shift=shift, axis=axis)


def _cumsum(x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Op:
    _off(exclusive=exclusive, reverse=reverse)
    return _op("Cumsum", x, axis=axis)


def _top_k(input: Any, k: int = 1, sorted: bool = True, index_type: str = "int32") -> Op:
    return _op("TopK", input, k=k, sorted=sorted)


def _square_of_difference(x: Any, y: Any) -> Op:
    return _op("Square", _op("Subtract", x, y))


def _divide_no_nan(x: Any, y: Any) -> Op:
    return _op("Where", _op("Equal", y, 0), 0.0, _op("Divide", x, y))


def _add_n(inputs: Any) -> Op:
    total, *others = inputs
    for other in others:
        total = _op("Add", total, other)
    return total if isinstance(total, Op) else _op("Copy", total)


def _unit(x: Any, axis: Any = None, epsilon: float = 1e-12, dim: Any = None) -> Op:
    squares = _op("Sum", _op("Square", x), axis=axis if axis is not None else dim, keepdims=True)
    return _op("Multiply", x, _op("Rsqrt", _op("Maximum", squares, epsilon)))


def _scaled(scalar: Any, x: Any) -> Op:
    return _op("Multiply", scalar, x)


def _features(class_name: str) -> Callable[..., Op]:
    """An activation, which TensorFlow gives its `features`."""
    return lambda features: _op(class_name, features)


def _leaky_relu(features: Any, alpha: float = 0.2) -> Op:
    return _op("LeakyRelu", features, negative_slope=alpha)


def _gelu(features: Any, approximate: bool = False) -> Op:
    return _op("Gelu", features, approximate=bool(approximate))


def _silu(features: Any, beta: float = 1.0) -> Op:
    return _op("Silu", features) if beta == 1 else _op("Multiply", features, _op("Sigmoid", _op("Multiply", features, beta)))


def _softmax(logits: Any, axis: int | None = -1, dim: Any = None) -> Op:
    return _op("Softmax", logits, axis=-1 if axis is None else axis)


def _log_softmax(logits: Any, axis: int | None = -1) -> Op:
    return _op("LogSoftmax", logits, axis=-1 if axis is None else axis)


def _bias_add(value: Any, bias: Any, data_format: str | None = None) -> Op:
    if data_format and data_format.startswith("NC"):
        raise ValueError(f"data_format {data_format}")
    return _op("Add", value, bias)


def _identity(input: Any) -> Op:
    return _op("Copy", input)


def _like(class_name: str) -> Callable[..., Op]:
    return lambda input, dtype=None, layout=None: _op(class_name, input, **({} if dtype is None else {"dtype": dtype}))


def _broadcast_to(input: Any, shape: Any) -> Op:
    if not isinstance(shape, list) or not all(isinstance(size, int) for size in shape):
        raise ValueError("a shape that is computed")
    return _op("BroadcastTo", input, shape=shape)


def _blocks(class_name: str) -> Callable[..., Op]:
    def row(input: Any, block_size: int, data_format: str = "NHWC") -> Op:
        _off(data_format=data_format != "NHWC")
        return _op(class_name, input, block_size=block_size)

    return row


def _get_item(input: Any, slice_spec: Any) -> Op:
    return _op("GetItem", input, slice_spec)


_MATHS: dict[str, Callable[..., Op]] = {
    **{name: _one(keras) for name, keras in {"abs": "Absolute", "negative": "Negative", "reciprocal": "Reciprocal"}.items()},
    **{name: _one(name.capitalize()) for name in ("sqrt", "rsqrt", "square", "exp", "expm1", "log", "log1p", "sin", "cos", "tan")},
    **{name: _one(name.capitalize()) for name in ("sinh", "cosh", "tanh", "sigmoid", "erf", "floor", "ceil", "round", "sign")},
    **{name: _one(keras) for name, keras in {"asin": "Arcsin", "acos": "Arccos", "atan": "Arctan", "is_nan": "Isnan"}.items()},
    **{name: _two(keras) for name, keras in {"add": "Add", "subtract": "Subtract", "multiply": "Multiply", "divide": "Divide"}.items()},
    **{name: _two(keras) for name, keras in {"truediv": "Divide", "floordiv": "FloorDivide", "floormod": "Mod", "pow": "Power"}.items()},
    **{
        name: _two(keras) for name, keras in {"maximum": "Maximum", "minimum": "Minimum", "equal": "Equal", "not_equal": "NotEqual"}.items()
    },
    **{name: _two(keras) for name, keras in {"greater": "Greater", "greater_equal": "GreaterEqual", "less": "Less"}.items()},
    **{name: _two(keras) for name, keras in {"less_equal": "LessEqual", "logical_and": "LogicalAnd", "logical_or": "LogicalOr"}.items()},
    **{f"reduce_{name}": _reduced(name.capitalize()) for name in ("mean", "sum", "max", "min", "prod", "any", "all", "std")},
    "reduce_variance": _reduced("Var"),
    "reduce_logsumexp": _reduced("Logsumexp"),
    "logical_not": _one("LogicalNot"),
    "argmax": _place_of_extreme("Argmax"),
    "argmin": _place_of_extreme("Argmin"),
    "cumsum": _cumsum,
    "squared_difference": _square_of_difference,
    "divide_no_nan": _divide_no_nan,
    "add_n": _add_n,
    "l2_normalize": _unit,
    "scalar_mul": _scaled,
    "softplus": _features("Softplus"),
    "log_sigmoid": _one("LogSigmoid"),
}
_NN: dict[str, Callable[..., Op]] = {
    **{name: _features(keras) for name, keras in {"relu": "Relu", "relu6": "Relu6", "elu": "Elu", "selu": "Selu"}.items()},
    **{name: _features(keras) for name, keras in {"softsign": "Softsign", "softplus": "Softplus"}.items()},
    "tanh": _one("Tanh"),
    "sigmoid": _one("Sigmoid"),
    "leaky_relu": _leaky_relu,
    "gelu": _gelu,
    "silu": _silu,
    "swish": _silu,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "bias_add": _bias_add,
    "l2_normalize": _unit,
    "top_k": _top_k,
}
FUNCTIONS: dict[str, Callable[..., Op]] = {
    **{f"math.{name}": row for name, row in _MATHS.items()},
    **{f"nn.{name}": row for name, row in _NN.items()},
    "math.top_k": _top_k,
    "__operators__.add": _two("Add"),
    "__operators__.getitem": _get_item,
    "concat": _concat,
    "stack": _stack,
    "unstack": _unstack,
    "split": _split,
    "reshape": _reshape,
    "transpose": _transpose,
    "compat.v1.floor_div": _two("FloorDivide"),
    "compat.v1.math.scalar_mul": _scaled,
    "compat.v1.transpose": _transpose,
    "expand_dims": _expand_dims,
    "squeeze": _squeeze,
    "compat.v1.squeeze": _squeeze,
    "cast": _cast,
    "where": _where,
    "linalg.matmul": _matmul,
    "linalg.l2_normalize": _unit,
    "tensordot": _tensordot,
    "gather": _gather,
    "compat.v1.gather": _gather,
    "one_hot": _one_hot,
    "tile": _tile,
    "repeat": _repeat,
    "pad": _pad,
    "compat.v1.pad": _pad,
    "clip_by_value": _clip,
    "reverse": _reverse,
    "roll": _roll,
    "identity": _identity,
    "stop_gradient": _identity,
    "zeros_like": _like("ZerosLike"),
    "ones_like": _like("OnesLike"),
    "broadcast_to": _broadcast_to,
    "nn.depth_to_space": _blocks("DepthToSpace"),
    "nn.space_to_depth": _blocks("SpaceToDepth"),
}
