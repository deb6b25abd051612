"""The cells of recurrent layers: one step, from inputs `(batch, in)` and states to outputs `(batch, units)` and states.

A cell says, where it can, which ONNX operator takes all steps at once (`operator`); where none does, a recurrent layer takes
its steps one by one, on what `project` has made of the inputs of all steps together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from builder import activations, initializers, ops
from builder.errors import NetworkError
from builder.graph import Array
from builder.layer import Layer
from builder.ops.axes import integers
from builder.ops.nn.recurrent import Operator
from builder.ops.symbolic import KerasTensor, Shape, TensorLike, Variable, emit, emit_all, unsupported

__all__ = ["GRUCell", "LSTMCell", "SimpleRNNCell"]

# What ONNX Runtime's recurrent operators call an activation, with its alphas and betas.
_NATIVE: dict[Callable[..., Any], tuple[str, tuple[float, ...], tuple[float, ...]]] = {
    activations.ACTIVATIONS["tanh"]: ("Tanh", (), ()),
    activations.ACTIVATIONS["sigmoid"]: ("Sigmoid", (), ()),
    activations.ACTIVATIONS["relu"]: ("Relu", (), ()),
    activations.ACTIVATIONS["hard_sigmoid"]: ("HardSigmoid", (1 / 6,), (0.5,)),
    activations.old_hard_sigmoid: ("HardSigmoid", (0.2,), (0.5,)),
    activations.ACTIVATIONS["softsign"]: ("Softsign", (), ()),
    activations.ACTIVATIONS["softplus"]: ("Softplus", (), ()),
    activations.ACTIVATIONS["elu"]: ("Elu", (1.0,), ()),
    activations.ACTIVATIONS["leaky_relu"]: ("LeakyRelu", (0.2,), ()),
    activations.ACTIVATIONS["linear"]: ("Affine", (1.0,), (0.0,)),
    ops.tanh: ("Tanh", (), ()),
    ops.sigmoid: ("Sigmoid", (), ()),
    ops.relu: ("Relu", (), ()),
}


class _Stepped(Layer):
    """A cell whose step is in two parts, of which the first can be taken for all steps at once."""

    dropout: float
    recurrent_dropout: float

    def call(self, inputs: KerasTensor, states: Any, training: bool | None = None) -> Any:
        return self.step(self.project(self.checked(inputs, training)), states)

    def project(self, inputs: KerasTensor) -> KerasTensor:
        """What the kernel makes of the inputs of one step."""
        raise NotImplementedError

    def project_all(self, sequences: KerasTensor) -> KerasTensor:
        """What the kernel makes of the inputs of all steps, on axis 1."""
        return self.project(sequences)

    def step(self, projected: KerasTensor, states: Any) -> tuple[KerasTensor, Any]:
        """The output and the states after one step, from what `project` gave for it."""
        raise NotImplementedError

    def operator(self) -> Operator | None:
        """The operator that takes all steps at once; None where ONNX Runtime has none."""
        return None

    def checked(self, inputs: KerasTensor, training: bool | None) -> KerasTensor:
        """The inputs; as what ONNX cannot compute where they would be dropped at random."""
        if not training or not (self.dropout or self.recurrent_dropout):
            return inputs
        reason = f"{type(self).__name__} is called with training=True, so its answers would be random; call it without"
        return unsupported(reason, inputs.value.spec.shape, inputs.dtype, inputs)


class _Cell(_Stepped):
    """A cell of `gates` products of the inputs with a kernel and of the last output with another."""

    gates: ClassVar[int]
    training_only = (
        *("kernel_regularizer", "recurrent_regularizer", "bias_regularizer"),
        *("kernel_constraint", "recurrent_constraint", "bias_constraint"),
        *("seed", "implementation"),
    )

    def _keep(
        self,
        units: int,
        use_bias: bool,
        kernel_initializer: Any,
        recurrent_initializer: Any,
        bias_initializer: Any,
        dropout: float,
        recurrent_dropout: float,
    ) -> None:
        """Sets the fields that all cells have. Raises NetworkError for units that are none."""
        if not isinstance(units, int) or units <= 0:
            raise NetworkError(f"Received an invalid value for argument `units`, expected a positive integer, got {units}.")
        self.units = units
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.dropout = min(1.0, max(0.0, dropout))
        self.recurrent_dropout = min(1.0, max(0.0, recurrent_dropout))
        self.output_size = units

    def build(self, input_shape: Shape) -> None:
        features = input_shape[-1]
        if features is None:
            raise NetworkError(f"the last dimension of the inputs must be known. Full shape received: {input_shape}")
        width = self.gates * self.units
        self.kernel = self.add_weight((features, width), self.kernel_initializer, name="kernel")
        self.recurrent_kernel = self.add_weight((self.units, width), self.recurrent_initializer, name="recurrent_kernel")
        self.bias = self.add_weight(self._bias_shape(width), self._first_bias(), name="bias") if self.use_bias else None

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        """Zeros `(batch, units)` for each state."""
        sizes = self.state_size if isinstance(self.state_size, list) else [self.state_size]
        return [ops.zeros((batch_size, size), dtype=self.compute_dtype) for size in sizes]

    @property
    def state_size(self) -> int | list[int]:
        """How long each state is: a number, or a list of them where there are several."""
        return self.units

    def project(self, inputs: KerasTensor) -> Any:
        """What the kernel makes of the inputs `(..., in)` of one step or many: `(..., gates * units)`."""
        product = ops.matmul(inputs, self.kernel)
        bias = self._input_bias()
        return product if bias is None else ops.add(product, bias)

    def _bias_shape(self, width: int) -> tuple[int, ...]:
        return (width,)

    def _first_bias(self) -> Any:
        return self.bias_initializer

    def _input_bias(self) -> TensorLike | None:
        return self.bias

    def _operator(self, op: str, functions: Sequence[Callable[..., Any]], order: Sequence[int], **attributes: int) -> Operator | None:
        """The operator with the weights in its own order of gates."""
        native = [_NATIVE.get(function) for function in functions]
        known = [each for each in native if each is not None]
        if len(known) < len(native):
            return None
        return Operator(
            op=op,
            units=self.units,
            kernel=self._transposed(self.kernel, order),
            recurrent_kernel=self._transposed(self.recurrent_kernel, order),
            bias=None if self.bias is None else self._doubled(self.bias, order),
            activations=tuple(name for name, _, _ in known),
            alphas=tuple(alpha for _, alphas, _ in known for alpha in alphas),
            betas=tuple(beta for _, _, betas in known for beta in betas),
            attributes=tuple(attributes.items()),
        )

    def _transposed(self, kernel: Variable, order: Sequence[int]) -> KerasTensor:
        """A kernel `(in, gates * units)` as ONNX has it: `(1, gates * units, in)`."""
        across = emit("Transpose", kernel, perm=(1, 0))
        return emit("Unsqueeze", self._ordered(across, order, 0), integers((0,)))

    def _doubled(self, bias: Variable, order: Sequence[int]) -> KerasTensor:
        """A bias as ONNX has it: `(1, 2 * gates * units)`, for the inputs and for the last output, which often has none."""
        if bias.ndim == 2:
            return emit("Reshape", self._ordered(bias, order, 1), integers((1, -1)))
        zeros = emit("Sub", bias, bias)  # and no array of as many, which a file may merely claim to have
        return emit("Unsqueeze", emit("Concat", self._ordered(bias, order, 0), zeros, axis=0), integers((0,)))

    def _ordered(self, weights: TensorLike, order: Sequence[int], axis: int) -> Any:
        if tuple(order) == tuple(range(self.gates)):
            return weights
        return emit("Concat", *(self._gate(weights, index, axis) for index in order), axis=axis)

    def _gate(self, weights: TensorLike, index: int, axis: int) -> KerasTensor:
        start, end = (integers((self.units * place,)) for place in (index, index + 1))
        return emit("Slice", weights, start, end, integers((axis,)))

    def _split(self, x: TensorLike) -> list[KerasTensor]:
        return emit_all("Split", x, outputs=self.gates, axis=-1, num_outputs=self.gates)


class LSTMCell(_Cell):
    """One step of a long short-term memory; the states are the output and the carry, `(batch, units)` each."""

    gates = 4

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._keep(units, use_bias, kernel_initializer, recurrent_initializer, bias_initializer, dropout, recurrent_dropout)
        self.activation = activations.get(activation)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = unit_forget_bias

    @property
    def state_size(self) -> list[int]:
        return [self.units, self.units]

    def step(self, projected: KerasTensor, states: Any) -> tuple[KerasTensor, Any]:
        hidden, carry = states
        i, f, c, o = self._split(ops.add(projected, ops.matmul(hidden, self.recurrent_kernel)))
        kept = ops.multiply(self.recurrent_activation(f), carry)
        carry = ops.add(kept, ops.multiply(self.recurrent_activation(i), self.activation(c)))
        output = ops.multiply(self.recurrent_activation(o), self.activation(carry))
        return output, [output, carry]

    def operator(self) -> Operator | None:
        return self._operator("LSTM", (self.recurrent_activation, self.activation, self.activation), (0, 3, 1, 2))

    def _first_bias(self) -> Any:
        assert self.bias_initializer is not None
        return _UnitForgetBias(self.bias_initializer) if self.unit_forget_bias else self.bias_initializer


@dataclass(frozen=True)
class _UnitForgetBias(initializers.Initializer):
    """Ones for the gate that forgets, the second of four, so that at first nothing is forgotten; `rest` for the others."""

    rest: initializers.Initializer

    def numbers(self, shape: tuple[int, ...]) -> Array:
        numbers = np.array(self.rest(shape))
        units = shape[-1] // 4
        numbers[..., units : 2 * units] = 1
        return numbers


class GRUCell(_Cell):
    """One step of a gated recurrent unit; the state is the output, `(batch, units)`.

    With `reset_after` the reset gate acts behind the product with the last output, which then has a bias of its own.
    """

    gates = 3

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        reset_after: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._keep(units, use_bias, kernel_initializer, recurrent_initializer, bias_initializer, dropout, recurrent_dropout)
        self.activation = activations.get(activation)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.reset_after = reset_after

    def step(self, projected: KerasTensor, states: Any) -> tuple[KerasTensor, Any]:
        hidden = states[0] if isinstance(states, list | tuple) else states
        x_z, x_r, x_h = self._split(projected)
        gates = self._gates_after if self.reset_after else self._gates_before
        z, candidate = gates(x_z, x_r, x_h, hidden)
        kept = ops.multiply(z, hidden)
        output = ops.add(kept, ops.multiply(ops.subtract(1.0, z), self.activation(candidate)))
        return output, [output] if isinstance(states, list | tuple) else output

    def operator(self) -> Operator | None:
        order = (0, 1, 2)
        return self._operator("GRU", (self.recurrent_activation, self.activation), order, linear_before_reset=int(self.reset_after))

    def _gates_after(self, x_z: KerasTensor, x_r: KerasTensor, x_h: KerasTensor, hidden: KerasTensor) -> tuple[Any, Any]:
        product = ops.matmul(hidden, self.recurrent_kernel)
        inner = product if self.bias is None else ops.add(product, self._bias_row(1))
        h_z, h_r, h_h = self._split(inner)
        z, r = self.recurrent_activation(ops.add(x_z, h_z)), self.recurrent_activation(ops.add(x_r, h_r))
        return z, ops.add(x_h, ops.multiply(r, h_h))

    def _gates_before(self, x_z: KerasTensor, x_r: KerasTensor, x_h: KerasTensor, hidden: KerasTensor) -> tuple[Any, Any]:
        z_kernel, r_kernel, h_kernel = (self._gate(self.recurrent_kernel, index, 1) for index in range(3))
        z = self.recurrent_activation(ops.add(x_z, ops.matmul(hidden, z_kernel)))
        r = self.recurrent_activation(ops.add(x_r, ops.matmul(hidden, r_kernel)))
        return z, ops.add(x_h, ops.matmul(ops.multiply(r, hidden), h_kernel))

    def _bias_shape(self, width: int) -> tuple[int, ...]:
        return (2, width) if self.reset_after else (width,)

    def _input_bias(self) -> TensorLike | None:
        return self._bias_row(0) if self.reset_after and self.bias is not None else self.bias

    def _bias_row(self, index: int) -> KerasTensor:
        assert self.bias is not None
        return emit("Gather", self.bias, integers((index,)).reshape(()), axis=0)


class SimpleRNNCell(_Cell):
    """One step of `activation(inputs @ kernel + output @ recurrent_kernel + bias)`; the state is the output, `(batch, units)`."""

    gates = 1

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._keep(units, use_bias, kernel_initializer, recurrent_initializer, bias_initializer, dropout, recurrent_dropout)
        self.activation = activations.get(activation)

    def step(self, projected: KerasTensor, states: Any) -> tuple[KerasTensor, Any]:
        hidden = states[0] if isinstance(states, list | tuple) else states
        output = self.activation(ops.add(projected, ops.matmul(hidden, self.recurrent_kernel)))
        return output, [output] if isinstance(states, list | tuple) else output

    def operator(self) -> Operator | None:
        return self._operator("RNN", (self.activation,), (0,))
