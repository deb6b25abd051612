"""Dense layers between any axes: a product written as an equation, which becomes one product of matrices."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from string import ascii_letters
from typing import Any, cast

from builder import activations, initializers, ops
from builder.errors import NetworkError
from builder.graph import Array
from builder.input_spec import InputSpec
from builder.layers.core.quantized import KERNELS, Kernel, Quantizable, own_config, quantized_kernel, rounded_kernel
from builder.ops.axes import integers
from builder.ops.symbolic import KerasTensor, Shape, TensorLike, Variable, emit, shape_of

__all__ = ["EinsumDense"]


class EinsumDense(Quantizable):
    """`activation(einsum(equation, inputs, kernel) + bias)` (ONNX MatMul, between Reshape and Transpose where axes need it).

    `output_shape` is without the batch; None is a size of the inputs'. `bias_axes` are the labels of the outputs' axes that
    the bias varies along. Raises NetworkError for an equation that is not of the form `ab,bc->ac`, `...b,bc->...c` or
    `ab...,bc->ac...`.
    """

    quantizations = KERNELS
    training_only = (
        "kernel_regularizer",
        "bias_regularizer",
        "kernel_constraint",
        "bias_constraint",
        "lora_rank",  # Keras merges the low-rank update into the kernel when it saves
        "lora_alpha",
        "gptq_unpacked_column_size",
    )

    def __init__(
        self,
        equation: str,
        output_shape: int | Sequence[int | None],
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        quantization_config: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.equation = equation
        self.output_shape = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        self.activation = activations.get(activation)
        self.bias_axes = bias_axes
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.quantization_config = own_config(quantization_config)

    def build(self, input_shape: Shape) -> None:
        equation = Equation.of(self.equation, len(input_shape))
        sizes = equation.sizes(input_shape, self.output_shape)
        kernel = equation.kernel_shape(sizes)
        self.quantized = self._quantized(equation, kernel) if self.mode else None
        self.kernel = self.quantized.variable if self.quantized else self.add_weight(kernel, self.kernel_initializer, name="kernel")
        shape = None if self.bias_axes is None else equation.bias_shape(self.bias_axes, sizes)
        self.bias = None if shape is None else self.add_weight(shape, self.bias_initializer, name="bias")  # type: ignore[arg-type]
        self.input_spec = InputSpec(ndim=len(input_shape))

    def rounded(self, before: Mapping[str, Array]) -> Iterator[tuple[Variable, Array]]:
        assert self.quantized is not None
        assert self.input_spec is not None
        equation = Equation.of(self.equation, self.input_spec.ndim or 0)
        summed = tuple(axis for axis, label in enumerate(equation.kernel) if label not in equation.outputs)
        kept = [label for label in equation.kernel if label in equation.outputs]
        order = sorted(range(len(kept)), key=lambda place: equation.outputs.index(kept[place]))
        return rounded_kernel(self.quantized, before["kernel"], summed, order)

    def call(self, inputs: KerasTensor) -> Any:
        equation = Equation.of(self.equation, inputs.ndim)
        if self.quantized is not None:
            outputs = self.quantized.product(inputs, equation.summed_axes, equation.applied, equation.aligned)
            return self.activation(outputs if self.bias is None else ops.add(outputs, self.bias))
        outputs = equation.product(inputs, self.kernel)
        if self.bias is not None and self.bias_axes == equation.new:
            # All that is new has a bias of its own: next to the product, where it becomes part of one operator.
            outputs = ops.add(outputs, ops.reshape(self.bias, (-1,)))
            return self.activation(equation.unfolded(outputs, self.kernel))
        outputs = equation.unfolded(outputs, self.kernel)
        return self.activation(outputs if self.bias is None else ops.add(outputs, self.bias))

    def _quantized(self, equation: Equation, shape: tuple[int, ...]) -> Kernel:
        """The kernel in few bits, as the matrix that Keras makes of it."""
        sizes = dict(zip(equation.kernel, shape, strict=True))
        mode = self.mode
        if mode is not None and mode.family in ("gptq", "awq"):
            if len(shape) not in (2, 3):
                raise NetworkError(f"a kernel of shape {shape} cannot be quantized to {mode.family}, which is for two axes or three")
            # Of three axes the largest is taken for the width of the model: before the heads, or behind them.
            split = 1 if len(shape) == 2 or shape.index(max(shape)) == 0 else 2
            matrix = prod(shape[:split]), prod(shape[split:])
        else:
            summed = prod(size for label, size in sizes.items() if label not in equation.outputs)
            matrix = summed, prod(shape) // summed
        return quantized_kernel(self, shape, matrix, [sizes.get(label, 1) for label in equation.outputs])


@dataclass(frozen=True, slots=True)
class Equation:
    """`inputs,kernel->outputs`, a letter for each axis."""

    inputs: str
    kernel: str
    outputs: str
    elided: str = ""  # the letters that stand for an ellipsis
    written: str = ""

    @classmethod
    def of(cls, equation: str, rank: int) -> Equation:
        """The equation for inputs of `rank`. Raises NetworkError when it is not in one of Keras's forms."""
        parts = re.fullmatch(r"(\.\.\.)?([a-zA-Z]+)(\.\.\.)?,([a-zA-Z]+)->(\.\.\.)?([a-zA-Z]+)(\.\.\.)?", equation)
        ellipses = parts and (parts[1], parts[3]) == (parts[5], parts[7]) and not (parts[1] and parts[3])
        if not parts or not ellipses:
            raise NetworkError(
                f"Invalid einsum equation '{equation}'. Equations must be in the form [X],[Y]->[Z], ...[X],[Y]->...[Z], or "
                "[X]...,[Y]->[Z]...."
            )
        missing = rank - len(parts[2])
        if missing < 0 or (missing and not (parts[1] or parts[3])):
            raise NetworkError(f"einsum equation '{equation}' does not fit inputs of rank {rank}")
        elided = "".join(letter for letter in ascii_letters if letter not in equation)[:missing]
        before, after = (elided, "") if parts[1] else ("", elided)
        made = cls(before + parts[2] + after, parts[4], before + parts[6] + after, elided, equation)
        made.check()
        return made

    def check(self) -> None:
        """Raises NetworkError when a letter of one side has none on the other to go with."""
        for label in self.outputs:
            if label not in self.inputs and label not in self.kernel:
                raise NetworkError(
                    f"Dimension '{label}' was specified in the output '{self.outputs}' but has no corresponding dim in the input spec "
                    f"'{self.inputs}' or weight spec '{self.kernel}'"
                )
        for label in self.kernel:
            if label not in self.inputs and label not in self.outputs:
                raise NetworkError(
                    f"Weight dimension '{label}' did not have a match in either the input spec '{self.inputs}' or the output spec "
                    f"'{self.outputs}'. For this layer, the weight must be fully specified."
                )

    @property
    def shared(self) -> str:
        """Axes that the kernel has for each of the inputs', one by one."""
        return "".join(label for label in self.outputs if label in self.inputs and label in self.kernel)

    @property
    def kept(self) -> str:
        """Axes that the kernel does not know."""
        return "".join(label for label in self.outputs if label in self.inputs and label not in self.kernel)

    @property
    def summed(self) -> str:
        """Axes that are multiplied and summed over, in the order of the inputs."""
        return "".join(label for label in self.inputs if label in self.kernel and label not in self.outputs)

    @property
    def new(self) -> str:
        """Axes that only the kernel has."""
        return "".join(label for label in self.outputs if label not in self.inputs)

    @property
    def summed_axes(self) -> tuple[int, ...]:
        """Axes of the inputs that the outputs do not have."""
        return tuple(axis for axis, label in enumerate(self.inputs) if label not in self.outputs)

    def kernel_shape(self, sizes: dict[str, int | None]) -> tuple[int, ...]:
        """The kernel's shape. Raises NetworkError for a size that is not known."""
        shape = tuple(sizes[label] for label in self.kernel)
        if None in shape:
            raise NetworkError(
                f"Shapes used to initialize variables must be fully-defined (no `None` dimensions). The kernel of einsum equation "
                f"'{self.written}' has shape {shape}"
            )
        return cast("tuple[int, ...]", shape)

    def sizes(self, input_shape: Shape, output_shape: Sequence[int | None]) -> dict[str, int | None]:
        """The size of each axis by its letter. Raises NetworkError when inputs and outputs do not agree."""
        given = [input_shape[0], *output_shape]
        elided = [input_shape[self.inputs.index(label)] for label in self.elided]
        if self.elided and self.outputs.startswith(self.elided):
            given[1:1] = elided[1:]
        else:
            given += elided
        if len(given) != len(self.outputs):
            raise NetworkError(
                f"output_shape={tuple(output_shape)} does not fit einsum equation '{self.written}' on inputs of shape {input_shape}"
            )
        inputs, outputs = dict(zip(self.inputs, input_shape, strict=True)), dict(zip(self.outputs, given, strict=True))
        for label, size in inputs.items():
            if outputs.get(label) not in (None, size):
                raise NetworkError(
                    f"Input shape and output shape do not match at shared dimension '{label}'. Input shape is {size}, and output "
                    f"shape is {outputs[label]}."
                )
        return outputs | {label: size for label, size in inputs.items() if size is not None}

    def bias_shape(self, axes: str, sizes: dict[str, int | None]) -> list[int | None]:
        """The bias's shape: from the first of `axes` on, 1 for an axis that is not among them."""
        for label in axes:
            if label not in self.outputs or label in self.elided:
                raise NetworkError(
                    f"Bias dimension '{label}' was requested, but is not part of the output spec '{self.outputs}' of '{self.written}'"
                )
        first = min(map(self.outputs.index, axes))
        return [sizes[label] if label in axes else 1 for label in self.outputs[first:]]

    def applied(self, inputs: TensorLike, kernel: TensorLike) -> Any:
        """The outputs, without a bias."""
        return self.unfolded(self.product(inputs, kernel), kernel)

    def aligned(self, scale: KerasTensor) -> Any:
        """A number for each row of the inputs, of size 1 along `summed_axes`, in the order of the outputs' axes."""
        kept = "".join(label for label in self.inputs if label in self.outputs)
        scale = emit("Squeeze", scale, integers(self.summed_axes))
        arranged = _arranged(scale, kept, "".join(label for label in self.outputs if label in kept))
        new = tuple(axis for axis, label in enumerate(self.outputs) if label not in kept)
        return ops.expand_dims(arranged, new) if new else arranged

    def product(self, inputs: TensorLike, kernel: TensorLike) -> Any:
        """The product, its axes `shared`, `kept`, and one for all that is `new`."""
        only = [axis for axis, label in enumerate(self.inputs) if label not in self.kernel + self.outputs]
        if only:
            summed = replace(self, inputs="".join(label for axis, label in enumerate(self.inputs) if axis not in only))
            return summed.product(ops.sum(inputs, tuple(only)), kernel)
        sizes = dict(zip(self.kernel, shape_of(kernel), strict=True))
        rows = _arranged(inputs, self.inputs, self.shared + self.kept + self.summed)
        columns = _arranged(kernel, self.kernel, self.shared + self.summed + self.new)
        depth, width = (prod(sizes[label] or 0 for label in labels) for labels in (self.summed, self.new))
        if len(self.summed) != 1:
            rows = ops.reshape(rows, (*[0] * len(self.shared + self.kept), depth))
        if len(self.summed + self.new) != 2 or len(self.summed) != 1:
            columns = ops.reshape(columns, (*(sizes[label] or 0 for label in self.shared), depth, width))
        if not self.kept:
            return ops.squeeze(ops.matmul(ops.expand_dims(rows, -2), columns), -2)
        if self.shared and len(self.kept) > 1:
            columns = ops.expand_dims(columns, tuple(range(len(self.shared), len(self.shared + self.kept) - 1)))
        return ops.matmul(rows, columns)

    def unfolded(self, product: KerasTensor, kernel: TensorLike) -> Any:
        """The outputs from the product: each new axis by itself, in the order of the equation."""
        sizes = dict(zip(self.kernel, shape_of(kernel), strict=True))
        if len(self.new) != 1:
            product = ops.reshape(product, (*[0] * len(self.shared + self.kept), *(sizes[label] or 0 for label in self.new)))
        return _arranged(product, self.shared + self.kept + self.new, self.outputs)


def _arranged(x: Any, labels: str, wanted: str) -> Any:
    """The tensor with its axes, called `labels`, in the order `wanted`."""
    return x if labels == wanted else ops.transpose(x, tuple(labels.index(label) for label in wanted))
