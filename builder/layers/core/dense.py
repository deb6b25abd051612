"""The dense layer."""

from collections.abc import Iterator, Mapping
from typing import Any

from builder import activations, initializers, ops
from builder.errors import NetworkError
from builder.graph import Array
from builder.input_spec import InputSpec
from builder.layers.core.quantized import KERNELS, Quantizable, own_config, quantized_kernel, rounded_kernel
from builder.ops.symbolic import KerasTensor, Shape, Variable

__all__ = ["Dense"]


class Dense(Quantizable):
    """`activation(inputs @ kernel + bias)` over the last axis: `(batch, ..., in)` to `(batch, ..., units)`."""

    quantizations = KERNELS
    training_only = (
        "kernel_regularizer",
        "bias_regularizer",
        "kernel_constraint",
        "bias_constraint",
        "lora_rank",  # Keras merges the low-rank update into the kernel when it saves
        "lora_alpha",
    )

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        quantization_config: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(units, int) or units <= 0:
            raise NetworkError(f"Received an invalid value for `units`, expected a positive integer. Received: units={units}")
        self.supports_masking = True
        self.units = units
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.quantization_config = own_config(quantization_config)
        self.input_spec = InputSpec(min_ndim=2)

    def build(self, input_shape: Shape) -> None:
        features = input_shape[-1]
        if features is None:
            raise NetworkError(f"the last dimension of the inputs to Dense must be known. Full shape received: {input_shape}")
        shape = (features, self.units)
        self.quantized = quantized_kernel(self, shape, shape, (self.units,)) if self.mode else None
        self.kernel = self.quantized.variable if self.quantized else self.add_weight(shape, self.kernel_initializer, name="kernel")
        self.bias = self.add_weight((self.units,), self.bias_initializer, name="bias") if self.use_bias else None
        self.input_spec = InputSpec(min_ndim=2, axes=((-1, features),))

    def rounded(self, before: Mapping[str, Array]) -> Iterator[tuple[Variable, Array]]:
        assert self.quantized is not None
        return rounded_kernel(self.quantized, before["kernel"], (0,))

    def call(self, inputs: KerasTensor) -> Any:
        outputs = self.quantized.product(inputs, (-1,), ops.matmul) if self.quantized else ops.matmul(inputs, self.kernel)
        if self.bias is not None:
            outputs = ops.add(outputs, self.bias)
        return self.activation(outputs)
