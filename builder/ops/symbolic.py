"""Symbolic tensors and variables, and the nodes that are made of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol, cast

import numpy as np

from builder.errors import NetworkError, SymbolicError
from builder.graph import Array, Attribute, Constant, Dim, Node, Parameter, Result, Spec, Value, current_scope
from builder.ops.operators import OPERATIONS, Operators
from builder.proto import DTYPES, UNSUPPORTED, infer, is_float
from builder.structure import flatten, map_structure

__all__ = [
    "OPERATIONS",
    "Call",
    "History",
    "KerasTensor",
    "Operation",
    "Operators",
    "Shape",
    "TensorLike",
    "Variable",
    "computing_in",
    "converted",
    "emit",
    "emit_all",
    "emit_as",
    "masks_of",
    "shape_of",
    "symbolic_leaves",
    "unsupported",
    "value_of",
]

Shape = tuple[int | None, ...]


class KerasTensor(Operators):
    """A tensor of a network that is being built: a shape and a dtype, and where it came from, but no numbers.

    `mask` is a tensor of booleans over its leading axes, False where there is only padding; it goes along with it from
    layer to layer, and is nowhere in a saved config.
    """

    __slots__ = ("history", "mask", "name", "value")

    def __init__(self, value: Value, name: str | None = None, history: History | None = None, mask: KerasTensor | None = None) -> None:
        self.value = value
        self.name = name or "keras_tensor"
        self.history = history
        self.mask = mask

    @property
    def shape(self) -> Shape:
        """The shape as Keras shows it: a free dimension is None, whatever its name."""
        return tuple(dim if isinstance(dim, int) else None for dim in self.value.spec.shape)

    @property
    def dtype(self) -> str:
        return self.value.spec.dtype

    @property
    def ndim(self) -> int:
        return self.value.spec.rank

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"

    def __bool__(self) -> NoReturn:
        raise SymbolicError("A symbolic KerasTensor cannot be used as a boolean.")

    def __iter__(self) -> Iterator[NoReturn]:
        raise SymbolicError("Iterating over a symbolic KerasTensor is not supported.")

    def __len__(self) -> NoReturn:
        raise SymbolicError("A symbolic KerasTensor has no length; its shape is in `.shape`.")

    def __float__(self) -> NoReturn:
        raise SymbolicError("A symbolic KerasTensor holds no number; run the model on arrays to get one.")

    __int__ = __float__

    def __array__(self, *args: object, **kwargs: object) -> NoReturn:
        raise SymbolicError(
            "A KerasTensor is symbolic: it's a placeholder for a shape and a dtype. You cannot convert it to a NumPy array, "
            "nor pass it to NumPy functions; use `builder.ops` instead."
        )


class Variable(Operators):
    """A weight as users see it. Reading and assigning go to the graph's own parameter."""

    __slots__ = ("parameter", "path", "trainable")

    def __init__(self, parameter: Parameter, path: str, trainable: bool) -> None:
        self.parameter = parameter
        self.path = path
        self.trainable = trainable

    @property
    def name(self) -> str:
        return self.parameter.name

    @property
    def shape(self) -> tuple[int, ...]:
        return cast(tuple[int, ...], self.parameter.spec.shape)

    @property
    def dtype(self) -> str:
        return self.parameter.spec.dtype

    @property
    def ndim(self) -> int:
        return self.parameter.spec.rank

    def numpy(self) -> Array:
        return self.parameter.array.copy()

    def assign(self, value: Any) -> None:
        """Takes new numbers of the same shape. Raises NetworkError for another shape."""
        array = np.asarray(value)
        if array.shape != self.shape:
            raise NetworkError(
                f"The shape of the target variable and the shape of the target value must match. "
                f"variable.shape={self.shape}, Received: value.shape={array.shape}. Target variable: {self.path}"
            )
        self.parameter.assign(np.array(array, dtype=self.dtype))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.asarray(self.parameter.array, dtype=dtype)

    def __repr__(self) -> str:
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}>"


Number = bool | int | float
TensorLike = Operators | Array | np.generic | Number | Sequence[Any]


class Operation(Protocol):
    """What a call in a network is of: a layer, or a function of `ops`. Two implementations, in rooms apart."""

    name: str
    calls: list[Call]

    @property
    def class_name(self) -> str: ...

    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...


@dataclass(eq=False, slots=True)
class Call:
    """One call of an operation on symbolic tensors: Keras's Node. A layer that is shared has several."""

    operation: Operation
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outputs: Any  # a structure of KerasTensor

    @property
    def inputs(self) -> list[KerasTensor]:
        return symbolic_leaves((self.args, self.kwargs))


@dataclass(frozen=True, slots=True)
class History:
    """That a tensor is output `index` of `call`."""

    call: Call
    index: int


_compute_dtype: ContextVar[str | None] = ContextVar("compute_dtype", default=None)


def symbolic_leaves(structure: Any) -> list[KerasTensor]:
    """The symbolic tensors in a structure."""
    return [leaf for leaf in flatten(structure) if isinstance(leaf, KerasTensor)]


def masks_of(structure: Any) -> Any:
    """The structure's masks in its place; None for a leaf that has none."""
    return map_structure(lambda leaf: leaf.mask if isinstance(leaf, KerasTensor) else None, structure)


def emit(op: str, *inputs: TensorLike | None, **attributes: Attribute) -> KerasTensor:
    """The first output of a new node of the ONNX operator `op`. Raises NetworkError when ONNX refuses the inputs."""
    values = tuple(None if given is None else value_of(given) for given in inputs)
    node = Node(op, values, infer(op, values, attributes), attributes, current_scope())
    return KerasTensor(Result(node))


def emit_all(
    op: str, *inputs: TensorLike | None, outputs: int, of_shape: Sequence[Dim] | None = None, **attributes: Attribute
) -> list[KerasTensor]:
    """All `outputs` outputs of a new node of an operator that has several. Raises NetworkError when ONNX refuses the inputs.

    `of_shape` is that of every output, where the caller knows it and ONNX cannot tell.
    """
    values = tuple(None if given is None else value_of(given) for given in inputs)
    specs = infer(op, values, attributes, outputs)
    if of_shape is not None:
        specs = tuple(Spec(tuple(of_shape), spec.dtype) for spec in specs)
    node = Node(op, values, specs, attributes, current_scope())
    return [KerasTensor(result) for result in node.results]


def emit_as(shape: Sequence[Dim], dtype: str, op: str, *inputs: TensorLike | None, **attributes: Attribute) -> KerasTensor:
    """The output of a new node whose shape the caller knows and ONNX cannot tell: it depends on sizes that are free."""
    values = tuple(None if given is None else value_of(given) for given in inputs)
    return KerasTensor(Result(Node(op, values, (Spec(tuple(shape), dtype),), attributes, current_scope())))


def unsupported(reason: str, shape: Sequence[Dim], dtype: str, *inputs: TensorLike) -> KerasTensor:
    """A tensor that plain ONNX cannot compute. Building goes on; exporting names the layer and gives `reason`."""
    node = Node(UNSUPPORTED, tuple(map(value_of, inputs)), (Spec(tuple(shape), dtype),), {"reason": reason}, current_scope())
    return KerasTensor(Result(node))


def value_of(given: TensorLike) -> Value:
    """The graph's value for anything that can be an operand; Python's numbers become float32, int32 or bool."""
    match given:
        case KerasTensor():
            return given.value
        case Variable():
            return _as_computed(given.parameter)
        case bool():
            return Constant(np.asarray(given))
        case int():
            return Constant(np.asarray(given, np.int32))
        case float():
            return Constant(np.asarray(given, np.float32))
        case list() | tuple():
            return Constant(_narrow(np.asarray(given)))
        case _:
            return Constant(np.asarray(given))


def _narrow(array: Array) -> Array:
    """Python's numbers in a list, which NumPy makes 64 bits wide."""
    return array.astype({"int64": "int32", "float64": "float32"}.get(array.dtype.name, array.dtype))


def _as_computed(parameter: Parameter) -> Value:
    """A weight in the dtype that the layer around computes in."""
    dtype = _compute_dtype.get()
    if dtype is None or not is_float(parameter.spec.dtype) or parameter.spec.dtype == dtype:
        return parameter
    spec = Spec(parameter.spec.shape, dtype)
    return Result(Node("Cast", (parameter,), (spec,), {"to": DTYPES[dtype]}, current_scope()))


@contextmanager
def computing_in(dtype: str | None) -> Iterator[None]:
    """Float weights that are read inside are cast to `dtype`; None leaves them as they are."""
    token = _compute_dtype.set(dtype)
    try:
        yield
    finally:
        _compute_dtype.reset(token)


def shape_of(given: TensorLike) -> Shape:
    """The shape of any operand, None for what is free."""
    return tuple(dim if isinstance(dim, int) else None for dim in value_of(given).spec.shape)


def converted(given: TensorLike, dtype: str) -> TensorLike:
    """The operand in another dtype; the same one when it has that already."""
    if not isinstance(given, Operators):
        return np.asarray(given, dtype)
    if value_of(given).spec.dtype == dtype:
        return given
    return emit("Cast", given, to=DTYPES[dtype])
