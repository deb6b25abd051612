"""Weights in few bits, as Keras's `quantize` leaves them, and what is computed with them: its numbers, by its formulas.

In the graph they stay in 8 bits. Products of int8 are ONNX's MatMulInteger, with inputs that are quantized row by row as they
come; in other modes the matrix is spread out first, which ONNX Runtime does once, when it loads the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from builder import ops
from builder.errors import NetworkError, UnsupportedError
from builder.graph import Array
from builder.initializers import Initializer
from builder.layer import Layer
from builder.layers.core.rounding import EPSILON, by_blocks, by_largest, packed
from builder.ops.axes import integers
from builder.ops.symbolic import KerasTensor, TensorLike, Variable, converted, emit

__all__ = [
    "EMBEDDED",
    "KERNELS",
    "QUANTIZED_HERE",
    "Inputs",
    "Kernel",
    "Mode",
    "Quantizable",
    "Table",
    "own_config",
    "quantized_kernel",
    "quantized_table",
    "rounded_kernel",
    "rounded_table",
]


def own_config(config: Any) -> Any:
    """A saved quantization config by itself, without the numbers by which Keras tells what is shared in a file."""
    return {key: own_config(value) for key, value in config.items() if key != "shared_object_id"} if isinstance(config, dict) else config


def _config(class_name: str, config: dict[str, Any]) -> dict[str, Any]:
    return {"module": "keras.quantizers", "class_name": class_name, "config": config, "registered_name": None}


EMBEDDED = ("int8", "int4")  # the modes of a table
KERNELS = (*EMBEDDED, "gptq", "awq")  # and of a dense layer's kernel
_ABS_MAX = {"value_range": [-127, 127], "epsilon": EPSILON, "output_dtype": "int8"}
_DEFAULT_INPUTS = {"module": "keras.quantizers", "class_name": "AbsMaxQuantizer", "config": _ABS_MAX, "registered_name": None}
# The modes that layers can be brought into here: the policy, and the config that Keras saves with it.
QUANTIZED_HERE = {
    "int8": ("int8", _config("Int8QuantizationConfig", {"weight_quantizer": None, "activation_quantizer": _DEFAULT_INPUTS})),
    "int4": (
        "int4/128",
        _config("Int4QuantizationConfig", {"weight_quantizer": None, "activation_quantizer": None, "block_size": 128}),
    ),
}
Product = Callable[[Any, Any], Any]  # of inputs and a kernel
Aligned = Callable[[KerasTensor], Any]  # a scale of the inputs, with size 1 where they are summed, to fit the outputs


@dataclass(frozen=True, slots=True)
class Mode:
    """Keras's mode and its parameters, out of a policy such as "int8", "int4/128" or "gptq/4/128"."""

    family: str
    bits: int
    block: int | None  # how many rows share a scale; None for all

    @classmethod
    def of(cls, policy: str) -> Mode:
        """Raises NetworkError when the parameters are not those of the mode."""
        family, *parameters = policy.split("/")
        counts = {"int8": (0,), "int4": (0, 1), "gptq": (2,), "awq": (2,)}[family]
        numbers = [int(number) if number.removeprefix("-").isdecimal() else 0 for number in parameters]
        bits = 8 if family == "int8" else 4 if family == "int4" else next(iter(numbers), 0)
        block = numbers[-1] if numbers else -1
        if len(numbers) not in counts or bits not in (2, 3, 4, 8) or block == 0 or block < -1:
            raise NetworkError(f"{policy!r} is no quantization mode: there are int8, int4/<block>, gptq/<bits>/<block>, awq/4/<block>")
        return cls(family, bits, None if block == -1 else block)

    def groups(self, rows: int) -> int:
        """How many scales a column of `rows` numbers has."""
        return 1 if self.block is None else -(-rows // self.block)


@dataclass(frozen=True, slots=True)
class Inputs:
    """How inputs are quantized as they come: by the largest of each row, within `low` and `high`."""

    low: int = -127
    high: int = 127
    epsilon: float = EPSILON
    axes: tuple[int, ...] = (-1,)

    @classmethod
    def of(cls, name: str, config: Any, default: Inputs | None) -> Inputs | None:
        """What the quantization config of layer `name` says; None where inputs stay floats.

        Raises UnsupportedError for a quantizer that is not Keras's AbsMaxQuantizer.
        """
        if config is None:
            return default
        quantizer = (config.get("config") or {}).get("activation_quantizer") if isinstance(config, dict) else config
        if quantizer is None:
            return None
        fields = quantizer.get("config") if isinstance(quantizer, dict) else None
        if not fields or quantizer.get("class_name") != "AbsMaxQuantizer" or fields.get("output_dtype", "int8") != "int8":
            raise UnsupportedError(
                f"layer '{name}' quantizes its inputs by {quantizer!r:.200}, and only an AbsMaxQuantizer to int8 is known here"
            )
        low, high = fields.get("value_range", (-127, 127))
        axes = fields.get("axis") or (-1,)
        return cls(int(low), int(high), float(fields.get("epsilon", EPSILON)), (axes,) if isinstance(axes, int) else tuple(axes))

    def quantized(self, x: KerasTensor, axes: Sequence[int]) -> tuple[KerasTensor, KerasTensor]:
        """The inputs in int8, and what they were multiplied by: one number for all along `axes`."""
        largest = emit("Abs", x)
        if axes:
            largest = emit("ReduceMax", largest, integers(tuple(axes)), keepdims=1)
        scale = emit("Div", converted(float(self.high), x.dtype), emit("Add", largest, converted(self.epsilon, x.dtype)))
        rounded = emit("Round", emit("Mul", x, scale))
        clipped = emit("Clip", rounded, converted(float(self.low), x.dtype), converted(float(self.high), x.dtype))
        return _converted(clipped, "int8"), scale


class Quantizable(Layer, is_abstract=True):
    """A layer whose matrix may be kept in few bits, in the mode of its dtype policy."""

    quantization_config: Any = None

    @property
    def mode(self) -> Mode | None:
        """The mode; None for a matrix of floats."""
        policy = self.own_policy.quantization
        return None if policy is None else Mode.of(policy)

    def saved_variables(self) -> dict[str, Variable]:
        """As Keras has them in a file: the matrix before the bias, where it is quantized to int8 or int4."""
        own = self.own_variables
        if self.mode is not None and self.mode.family in ("int8", "int4"):
            own = sorted(own, key=lambda variable: variable.name != "kernel")
        return {str(index): variable for index, variable in enumerate(own)}

    def quantize(self, mode: str) -> None:
        """Keeps the matrix in few bits from now on, rounded as Keras rounds it: "int8", or "int4" by blocks of 128 rows.

        Raises NetworkError for another mode, for a layer that is not built yet, and for one that is quantized already.
        """
        if mode not in QUANTIZED_HERE:
            raise NetworkError(f"Invalid quantization mode. Expected one of {tuple(QUANTIZED_HERE)}. Received: mode={mode}")
        if not self.built:
            raise NetworkError(f"Cannot quantize a layer that isn't yet built. Layer '{self.name}' must be built before it is quantized.")
        if self.mode is not None:
            raise NetworkError(
                f"Layer '{self.name}' is already quantized with dtype_policy='{self.own_policy.name}'. Received: mode={mode}"
            )
        policy, config = QUANTIZED_HERE[mode]
        before = {variable.name: variable.numpy() for variable in self.own_variables}
        self.rebuild(policy, config)
        for variable, array in self.rounded(before):
            variable.assign(array)

    def rounded(self, before: Mapping[str, Array]) -> Iterator[tuple[Variable, Array]]:
        """The numbers of the variables in few bits, from those of the floats that were `before`, by name."""
        raise NotImplementedError

    def rebuild(self, policy: str, config: Any) -> None:
        """Has the variables of another mode, as they are at first, in place of its own; those of both modes stay as they are."""
        shapes = self._built_for
        kept = {variable.name: variable for variable in self.own_variables}
        self.dtype_policy, self.quantization_config = self.own_policy.quantized(policy), config
        self._variables, self.built = [], False
        self.build(**shapes)
        now = {(variable.name, variable.shape, variable.dtype): variable for variable in self.own_variables}
        for name, variable in kept.items():
            if (name, variable.shape, variable.dtype) in now:
                now[name, variable.shape, variable.dtype].assign(variable.numpy())
            variable.parameter.retire(self._is_gone)

    def _is_gone(self) -> Array:
        raise NetworkError(f"layer '{self.name}' was quantized after this network was made of it; make the network again")


@dataclass(frozen=True)
class _Blocks(Initializer):
    """Which scale each row goes by: 0 for the first `block` rows, then 1."""

    block: int

    def numbers(self, shape: tuple[int, ...]) -> Array:
        return np.arange(*shape) // self.block


@dataclass(frozen=True, slots=True)
class Kernel:
    """A matrix in few bits, and how it is multiplied with.

    Where two numbers share a byte they are next to each other along axis `packed` of `numbers`, which has `size` of them.
    """

    mode: Mode
    inputs: Inputs | None
    shape: tuple[int, ...]
    packed: int
    size: int
    numbers: Variable | KerasTensor
    scale: TensorLike
    zero: TensorLike | None = None
    group: TensorLike | None = None
    importance: TensorLike | None = None  # what awq multiplied the rows by

    @property
    def variable(self) -> Variable:
        """The numbers, where they are the layer's own."""
        assert isinstance(self.numbers, Variable)
        return self.numbers

    def product(self, x: KerasTensor, axes: Sequence[int], multiply: Product, aligned: Aligned = lambda scale: scale) -> Any:
        """`multiply(x, kernel)`, where `axes` of `x` are summed over."""
        dtype, scale = x.dtype, None
        if self.inputs is not None:
            x, scale = self.inputs.quantized(x, axes)
        if self.mode.family == "int8":
            outputs = converted(multiply(x, self.numbers), dtype)
            return ops.divide(outputs, self.scale if scale is None else ops.multiply(self.scale, aligned(scale)))
        outputs = multiply(converted(x, dtype), converted(self.dequantized(dtype), dtype))
        return outputs if scale is None else ops.divide(outputs, aligned(scale))

    def dequantized(self, dtype: str) -> KerasTensor:
        """The matrix as floats, as it was before but for rounding."""
        numbers = _unpacked(self.numbers, self.size, self.packed) if self.mode.bits == 4 else self.numbers
        transposed = self.mode.family in ("gptq", "awq")
        kernel = _spread(_converted(numbers, dtype), self.scale, self.zero, self.group, -1 if transposed else 0)
        if transposed:
            kernel = emit("Transpose", kernel, perm=(1, 0))
        if self.importance is not None:
            kernel = ops.divide(kernel, ops.expand_dims(self.importance, -1))
        return emit("Reshape", kernel, integers(self.shape))


@dataclass(frozen=True, slots=True)
class Table:
    """The table of an embedding `(rows, columns)`, each row with scales of its own."""

    mode: Mode
    columns: int
    numbers: Variable
    scale: Variable
    zero: Variable | None = None
    group: Variable | None = None

    def rows(self, ids: TensorLike, dtype: str) -> KerasTensor:
        """The rows at `ids` as floats."""
        table = self.numbers if self.mode.bits == 8 else _unpacked(self.numbers, self.columns, 1)
        numbers, scale = (emit("Gather", given, ids, axis=0) for given in (table, self.scale))
        if self.zero is None:
            return _spread(_converted(numbers, dtype), emit("Unsqueeze", scale, integers((-1,))), None, None, -1)
        return _spread(_converted(numbers, dtype), scale, emit("Gather", self.zero, ids, axis=0), self.group, -1)

    def transposed(self, inputs: Inputs | None) -> Kernel:
        """The table as the kernel of a projection back to its rows."""
        numbers, scale = (emit("Transpose", given) for given in (self.numbers, self.scale))
        zero = None if self.zero is None else emit("Transpose", self.zero)
        return Kernel(self.mode, inputs, (self.columns, self.scale.shape[0]), 0, self.columns, numbers, scale, zero, self.group)

    def separate(self, layer: Quantizable, inputs: Inputs | None) -> Kernel:
        """New variables for a kernel of its own for that projection."""
        shape = rows, columns = self.columns, self.scale.shape[0]
        numbers = _numbers(layer, "reverse_embeddings", (rows if self.mode.bits == 8 else -(-rows // 2), columns))
        grouped = self.zero is not None
        scales = (self.mode.groups(rows), columns) if grouped else (columns,)
        scale = _scale(layer, "reverse_embeddings_scale", scales)
        zero = layer.add_weight(scales, "zeros", trainable=False, name="reverse_embeddings_zero") if grouped else None
        return Kernel(self.mode, inputs, shape, 0, rows, numbers, scale, zero, self.group)


def quantized_kernel(layer: Quantizable, shape: tuple[int, ...], matrix: tuple[int, int], scale_shape: Sequence[int]) -> Kernel:
    """New variables for the kernel of a dense layer, of `shape`, which Keras sees as `matrix` but in int8.

    `scale_shape` is that of the scales in int8, which go by the outputs.
    """
    mode = layer.mode
    assert mode is not None
    rows, columns = matrix
    inputs = Inputs.of(layer.name, layer.quantization_config, Inputs() if mode.family == "int8" else None)
    if mode.family == "int8":
        return Kernel(mode, inputs, shape, 1, columns, _numbers(layer, "kernel", shape), _scale(layer, "kernel_scale", scale_shape))
    if mode.family == "int4":
        numbers = _numbers(layer, "kernel", (rows, -(-columns // 2)))
        scales = (columns,) if mode.block is None else (mode.groups(rows), columns)
        scale = _scale(layer, "kernel_scale", scales)
        if mode.block is None:
            return Kernel(mode, inputs, shape, 1, columns, numbers, scale)
        zero = _numbers(layer, "kernel_zero", scales)
        return Kernel(mode, inputs, shape, 1, columns, numbers, scale, zero, _groups(layer, rows, mode.block))
    numbers = _numbers(layer, "kernel", (-(-columns // 2) if mode.bits == 4 else columns, rows), "uint8")
    scales = (columns, mode.groups(rows))
    scale, zero = _scale(layer, "kernel_scale", scales), _numbers(layer, "kernel_zero", scales, "uint8")
    importance = _scale(layer, "awq_scales", (rows,)) if mode.family == "awq" else None
    return Kernel(mode, None, shape, 0, columns, numbers, scale, zero, _groups(layer, rows, mode.block or rows), importance)


def quantized_table(layer: Quantizable, rows: int, columns: int) -> Table:
    """New variables for the table of an embedding."""
    mode = layer.mode
    assert mode is not None
    if mode.family == "int8":
        return Table(mode, columns, _numbers(layer, "embeddings", (rows, columns)), _scale(layer, "embeddings_scale", (rows,)))
    numbers = _numbers(layer, "embeddings", (rows, -(-columns // 2)))
    if mode.block is None:
        return Table(mode, columns, numbers, _scale(layer, "embeddings_scale", (rows,)))
    scales = (rows, mode.groups(columns))
    scale, zero = _scale(layer, "embeddings_scale", scales), _numbers(layer, "embeddings_zero", scales)
    return Table(mode, columns, numbers, scale, zero, _groups(layer, columns, mode.block))


def _numbers(layer: Layer, name: str, shape: Sequence[int], dtype: str = "int8") -> Variable:
    return layer.add_weight(shape, "zeros", dtype, trainable=False, name=name)


def _scale(layer: Layer, name: str, shape: Sequence[int]) -> Variable:
    return layer.add_weight(shape, "ones", trainable=False, name=name)


def _groups(layer: Layer, rows: int, block: int) -> Variable:
    return layer.add_weight((rows,), _Blocks(block), "float32", trainable=False, name="g_idx")


def _spread(numbers: KerasTensor, scale: TensorLike, zero: TensorLike | None, group: TensorLike | None, axis: int) -> KerasTensor:
    """Numbers as floats: over their scale or, with a zero, less it and times the scale, each of its group along `axis`."""
    if zero is None or group is None:
        return ops.divide(numbers, scale)
    places = converted(group, "int32")
    zeros, scales = (emit("Gather", given, places, axis=axis) for given in (zero, scale))
    return ops.multiply(ops.subtract(numbers, converted(zeros, numbers.dtype)), scales)


def _unpacked(numbers: Variable | KerasTensor, size: int, axis: int) -> KerasTensor:
    """Two numbers of four bits out of each byte, the lower bits first, along `axis`, where there are `size`; signed as the bytes."""
    wide, sixteen = _converted(numbers, "int32"), converted(16, "int32")
    low = emit("Mod", wide, sixteen)
    high = emit("Div", emit("Sub", wide, low), sixteen)
    if numbers.dtype == "int8":
        low = emit("Sub", emit("Mod", emit("Add", low, converted(8, "int32")), sixteen), converted(8, "int32"))
    pair = emit("Concat", *(emit("Unsqueeze", half, integers((axis + 1,))) for half in (low, high)), axis=axis + 1)
    shape = [2 * (length or 0) if place == axis else length or 0 for place, length in enumerate(numbers.shape)]
    both = emit("Reshape", pair, integers(shape))
    return _converted(emit("Slice", both, integers((0,)), integers((size,)), integers((axis,))), numbers.dtype)


def rounded_kernel(
    kernel: Kernel, floats: Array, axes: tuple[int, ...], order: Sequence[int] | None = None
) -> Iterator[tuple[Variable, Array]]:
    """The numbers of a kernel's variables for `floats`, of which `axes` are summed over; the others go by `order` in the outputs."""
    if kernel.mode.family == "int8":
        numbers, scale = by_largest(floats, axes)
        yield from _assigned((kernel.numbers, kernel.scale), (numbers, np.squeeze(scale, axes).transpose(order)))
        return
    assert kernel.mode.block is not None
    matrix = floats.reshape((-1, kernel.size) if kernel.packed else (kernel.size, -1))
    numbers, scale, zero = by_blocks(matrix, kernel.mode.block)
    yield from _assigned((kernel.numbers, kernel.scale, kernel.zero), (packed(numbers, kernel.packed), scale, zero))


def rounded_table(table: Table, floats: Array) -> Iterator[tuple[Variable, Array]]:
    """The numbers of a table's variables for `floats`."""
    if table.mode.family == "int8":
        numbers, scale = by_largest(floats, (1,))
        yield from _assigned((table.numbers, table.scale), (numbers, np.squeeze(scale, 1)))
        return
    assert table.mode.block is not None
    columns = by_blocks(floats.T, table.mode.block)
    numbers, scale, zero = (np.ascontiguousarray(array.T) for array in columns)
    yield from _assigned((table.numbers, table.scale, table.zero), (packed(numbers, 1), scale, zero))


def _assigned(variables: Sequence[Any], arrays: Sequence[Array]) -> Iterator[tuple[Variable, Array]]:
    """Each variable with its numbers, in its own shape: a scale goes by the outputs, whose other axes have size 1."""
    for variable, array in zip(variables, arrays, strict=True):
        assert isinstance(variable, Variable)
        yield variable, array.reshape(variable.shape)


def _converted(x: TensorLike, dtype: str) -> KerasTensor:
    after = converted(x, dtype)
    return after if isinstance(after, KerasTensor) else emit("Identity", after)
