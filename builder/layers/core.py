"""Core layers: the input, the dense layer, and those that change little or nothing."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from builder import activations, initializers, ops
from builder.dtype_policy import DTypePolicy
from builder.errors import NetworkError, UnsupportedError
from builder.input_spec import InputSpec
from builder.layer import Layer
from builder.ops.axes import integers
from builder.ops.operation import record
from builder.ops.placeholder import placeholder
from builder.ops.promotion import promoted
from builder.ops.symbolic import KerasTensor, Shape, emit
from builder.proto import standardize_dtype
from builder.saving import plain

__all__ = ["Dense", "Identity", "Input", "InputLayer", "Masking"]


class InputLayer(Layer):
    """Where a network begins: `shape` without the batch's size, or `batch_shape` with it; None is free.

    Raises NetworkError when the shape is missing or given twice, UnsupportedError for sparse, ragged and optional inputs,
    which plain ONNX does not have.
    """

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Sequence[int | None] | None = None,
        optional: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        given_name = name
        super().__init__(name=name, **kwargs)
        self.dtype_policy = DTypePolicy.of(standardize_dtype(dtype))
        for kind, asked in (("sparse", sparse), ("ragged", ragged), ("optional", optional)):
            if asked:
                raise UnsupportedError(f"input '{self.name}' is {kind}, which plain ONNX is not; make it a dense, required input")
        self.batch_shape = _batch_shape(shape, batch_size, batch_shape or self.given_input_shape)
        self.built = True
        (tensor,) = record(self, (), {}, [placeholder(self.name, self.batch_shape, self.dtype)])
        tensor.name = given_name or tensor.name
        self.calls[0].outputs = tensor

    def call(self) -> None:
        """Nothing: an input is not computed."""

    @property
    def tensor(self) -> KerasTensor:
        """The symbolic tensor that stands for what a caller will supply."""
        tensor = self.calls[0].outputs
        assert isinstance(tensor, KerasTensor)
        return tensor

    def get_config(self) -> dict[str, Any]:
        return {
            "batch_shape": self.batch_shape,
            "dtype": self.dtype,
            "sparse": False,
            "ragged": False,
            "name": self.name,
            "optional": False,
        }


def Input(  # noqa: N802  Keras's name
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
    ragged: bool | None = None,
    optional: bool = False,
) -> KerasTensor:
    """A symbolic tensor to build a network from; see `InputLayer`."""
    return InputLayer(shape, batch_size, dtype, sparse, ragged, batch_shape, optional, name).tensor


class Dense(Layer):
    """`activation(inputs @ kernel + bias)` over the last axis: `(batch, ..., in)` to `(batch, ..., units)`."""

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
        if quantization_config is not None:
            raise UnsupportedError(f"layer '{self.name}' is quantized, which is not supported yet; save the model before `quantize`")
        self.supports_masking = True
        self.units = units
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.quantization_config = None
        self.input_spec = InputSpec(min_ndim=2)

    def build(self, input_shape: Shape) -> None:
        features = input_shape[-1]
        if features is None:
            raise NetworkError(f"the last dimension of the inputs to Dense must be known. Full shape received: {input_shape}")
        self.kernel = self.add_weight((features, self.units), self.kernel_initializer, name="kernel")
        self.bias = self.add_weight((self.units,), self.bias_initializer, name="bias") if self.use_bias else None
        self.input_spec = InputSpec(min_ndim=2, axes=((-1, features),))

    def call(self, inputs: KerasTensor) -> Any:
        outputs = ops.matmul(inputs, self.kernel)
        if self.bias is not None:
            outputs = ops.add(outputs, self.bias)
        return self.activation(outputs)


class Identity(Layer):
    """`inputs`, one tensor or a structure of them."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        return inputs


class Masking(Layer):
    """`inputs` `(batch, time, ..., features)`, zero and masked where all features of a step are exactly `mask_value` (ONNX Where)."""

    def __init__(self, mask_value: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mask_value = plain(mask_value)
        self.supports_masking = True

    def call(self, inputs: KerasTensor) -> KerasTensor:
        differs = emit("Not", emit("Equal", *promoted(inputs, self.mask_value)))
        kept = emit("ReduceMax", differs, integers((-1,)), keepdims=1)
        outputs = emit("Where", kept, inputs, np.zeros((), inputs.dtype))
        outputs.mask = emit("Squeeze", kept, integers((-1,)))
        return outputs


def _batch_shape(shape: Sequence[int | None] | None, batch_size: int | None, batch_shape: Sequence[int | None] | None) -> Shape:
    if shape is not None and batch_shape is not None:
        raise NetworkError("You cannot pass both `shape` and `batch_shape` at the same time.")
    if batch_size is not None and batch_shape is not None:
        raise NetworkError("You cannot pass both `batch_size` and `batch_shape` at the same time.")
    if shape is None and batch_shape is None:
        raise NetworkError("You must pass a `shape` argument.")
    dims = tuple(batch_shape) if batch_shape is not None else (batch_size, *((shape,) if isinstance(shape, int) else shape or ()))
    for dim in dims:
        if dim is not None and (not isinstance(dim, int) or isinstance(dim, bool) or dim < 0):
            raise NetworkError(f"Cannot convert {dims!r} to a shape. Every dimension is None or an integer that is not negative.")
    return dims
