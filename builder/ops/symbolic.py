"""Symbolic tensors and variables, and the nodes that are made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol, cast

import numpy as np

from builder.errors import NetworkError, SymbolicError
from builder.graph import Array, Attribute, Constant, Dim, Input, Node, Parameter, Result, Spec, Value, current_scope
from builder.proto import DTYPES, UNSUPPORTED, infer, is_dtype, is_float
from builder.structure import flatten, map_structure

__all__ = [
    "OPERATIONS",
    "Call",
    "History",
    "KerasTensor",
    "Operation",
    "Shape",
    "TensorLike",
    "Variable",
    "computing_in",
    "converted",
    "emit",
    "graph_input",
    "masks_of",
    "placeholder",
    "shape_of",
    "standardize_dtype",
    "symbolic_leaves",
    "unsupported",
    "value_of",
]

Shape = tuple[int | None, ...]


class Operators:
    """Python's operators on tensors and variables, each the function of `ops` of that meaning. `==` stays identity."""

    __slots__ = ()
    __array_priority__ = 100  # before NumPy's own operators

    def __add__(self, other: TensorLike) -> KerasTensor:
        return _apply("add", self, other)

    def __radd__(self, other: TensorLike) -> KerasTensor:
        return _apply("add", other, self)

    def __sub__(self, other: TensorLike) -> KerasTensor:
        return _apply("subtract", self, other)

    def __rsub__(self, other: TensorLike) -> KerasTensor:
        return _apply("subtract", other, self)

    def __mul__(self, other: TensorLike) -> KerasTensor:
        return _apply("multiply", self, other)

    def __rmul__(self, other: TensorLike) -> KerasTensor:
        return _apply("multiply", other, self)

    def __truediv__(self, other: TensorLike) -> KerasTensor:
        return _apply("divide", self, other)

    def __rtruediv__(self, other: TensorLike) -> KerasTensor:
        return _apply("divide", other, self)

    def __pow__(self, other: TensorLike) -> KerasTensor:
        return _apply("power", self, other)

    def __rpow__(self, other: TensorLike) -> KerasTensor:
        return _apply("power", other, self)

    def __matmul__(self, other: TensorLike) -> KerasTensor:
        return _apply("matmul", self, other)

    def __rmatmul__(self, other: TensorLike) -> KerasTensor:
        return _apply("matmul", other, self)

    def __neg__(self) -> KerasTensor:
        return _apply("negative", self)

    def __abs__(self) -> KerasTensor:
        return _apply("absolute", self)


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

# The functions of `ops` by name, filled by the decorator in ops.operation: Python's operators look theirs up here.
OPERATIONS: dict[str, Callable[..., Any]] = {}


def placeholder(name: str, shape: Shape, dtype: str) -> KerasTensor:
    """A tensor that the caller of the network supplies.

    What is free gets a name: `batch` on the first axis, `<input>_<axis>` on another, so that two inputs never share the
    name of another free axis, whose sizes merely may be equal.
    """
    free = ("batch", *(f"{name}_{axis}" for axis in range(1, len(shape))))
    dims = tuple(free[axis] if size is None else size for axis, size in enumerate(shape))
    return KerasTensor(Input(name, Spec(dims, dtype)), name)


def graph_input(tensor: KerasTensor) -> Input:
    """The graph's input that a placeholder stands for."""
    assert isinstance(tensor.value, Input), tensor
    return tensor.value


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
        case _:
            return Constant(np.asarray(given))


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


def standardize_dtype(dtype: Any) -> str:
    """The name of a dtype given as Keras allows: a string, a NumPy dtype, Python's int, float or bool, or None."""
    if dtype is None:
        return "float32"
    name = {int: "int32", float: "float32", bool: "bool", str: "string"}.get(dtype) if isinstance(dtype, type) else None
    name = name or (dtype if isinstance(dtype, str) else np.dtype(dtype).name)
    if not is_dtype(name):
        raise NetworkError(f"Invalid dtype: {dtype}")
    return name


def _apply(name: str, *operands: Any) -> KerasTensor:
    return cast(KerasTensor, OPERATIONS[name](*operands))
