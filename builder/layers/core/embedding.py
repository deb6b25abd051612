"""Embeddings: integers become rows of a table, and back."""

from collections.abc import Iterator, Mapping
from typing import Any

from builder import initializers, ops
from builder.errors import NetworkError
from builder.graph import Array
from builder.layers.core.quantized import EMBEDDED, Inputs, Kernel, Quantizable, own_config, quantized_table, rounded_kernel, rounded_table
from builder.ops.symbolic import KerasTensor, Shape, TensorLike, Variable, converted, emit

__all__ = ["Embedding", "ReversibleEmbedding"]


class Embedding(Quantizable):
    """Rows of a table of `(input_dim, output_dim)`: `(batch, ...)` to `(batch, ..., output_dim)` (ONNX Gather).

    Inputs that are no integers of 32 or 64 bits are cast to int32, floats too. With `mask_zero`, 0 is padding: the outputs
    have a mask. An index outside of the table, for which Keras has NaN or garbage, is an error of ONNX Runtime's.
    """

    quantizations = EMBEDDED
    training_only = (
        "embeddings_regularizer",
        "embeddings_constraint",
        "lora_rank",  # Keras merges the low-rank update into the table when it saves
        "lora_alpha",
        "input_length",  # of Keras 2; without effect since
    )

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        mask_zero: bool = False,
        quantization_config: Any = None,
        **kwargs: Any,
    ) -> None:
        for argument, size in (("input_dim", input_dim), ("output_dim", output_dim)):
            if not isinstance(size, int) or isinstance(size, bool) or size <= 0:
                kind = type(size).__name__
                raise NetworkError(f"`{argument}` must be a positive integer. Received: {argument}={size} (of type {kind}).")
        weights = kwargs.pop("weights", None)
        super().__init__(**kwargs)
        self.input_dim = input_dim
        self.output_dim = output_dim
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.mask_zero = mask_zero
        self.quantization_config = own_config(quantization_config)
        self.supports_masking = mask_zero
        self.autocast = False
        if weights is not None:
            self.build()
            self.set_weights(weights if isinstance(weights, list) and len(weights) == 1 else [weights])

    def build(self, input_shape: Shape | None = None) -> None:
        if self.built:
            return
        shape = (self.input_dim, self.output_dim)
        self.quantized = quantized_table(self, *shape) if self.mode else None
        self.embeddings = (
            self.quantized.numbers if self.quantized else self.add_weight(shape, self.embeddings_initializer, name="embeddings")
        )

    def rounded(self, before: Mapping[str, Array]) -> Iterator[tuple[Variable, Array]]:
        assert self.quantized is not None
        return rounded_table(self.quantized, before["embeddings"])

    def call(self, inputs: KerasTensor) -> Any:
        ids = inputs if inputs.dtype in ("int32", "int64") else converted(inputs, "int32")
        if self.quantized is not None:
            return self.quantized.rows(ids, self.compute_dtype)
        return converted(emit("Gather", self.embeddings, ids, axis=0), self.compute_dtype)

    def compute_mask(self, inputs: KerasTensor, mask: Any = None) -> Any:
        if not self.mask_zero:
            return None
        return emit("Not", emit("Equal", inputs, converted(0, inputs.dtype)))


class ReversibleEmbedding(Embedding):
    """An `Embedding` that, called with `reverse=True`, projects `(batch, ..., output_dim)` to `(batch, ..., input_dim)`.

    The projection is the same table, or one of its own without `tie_weights`; its outputs are kept within
    `logit_soft_cap` by a tangent (ONNX MatMul).
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        tie_weights: bool = True,
        embeddings_initializer: Any = "uniform",
        mask_zero: bool = False,
        reverse_dtype: Any = None,
        logit_soft_cap: float | None = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ) -> None:
        self.tie_weights = tie_weights
        self.reverse_dtype = reverse_dtype
        self.logit_soft_cap = logit_soft_cap
        super().__init__(input_dim, output_dim, embeddings_initializer, mask_zero, quantization_config, **kwargs)

    def build(self, input_shape: Shape | None = None) -> None:
        super().build(input_shape)
        self.inputs = Inputs.of(self.name, self.quantization_config, Inputs())
        self.reverse: Kernel | None = None
        if self.tie_weights:
            return
        if self.quantized is not None:
            self.reverse = self.quantized.separate(self, self.inputs)
            self.reverse_embeddings = self.reverse.variable
            return
        shape = (self.output_dim, self.input_dim)
        self.reverse_embeddings = self.add_weight(shape, self.embeddings_initializer, name="reverse_embeddings")

    def rounded(self, before: Mapping[str, Array]) -> Iterator[tuple[Variable, Array]]:
        yield from super().rounded(before)
        if self.reverse is not None:
            yield from rounded_kernel(self.reverse, before["reverse_embeddings"], (0,))

    def call(self, inputs: KerasTensor, reverse: bool = False) -> Any:
        if not reverse:
            outputs = super().call(inputs)
            outputs.mask = super().compute_mask(inputs)
            return outputs
        logits = self._logits(inputs)
        if self.logit_soft_cap is None:
            return logits
        return ops.multiply(ops.tanh(ops.divide(logits, self.logit_soft_cap)), self.logit_soft_cap)

    def compute_mask(self, inputs: KerasTensor, mask: Any = None) -> None:
        """None: `call` knows which way it goes, and gives the outputs their mask itself."""

    def _logits(self, inputs: KerasTensor) -> Any:
        if self.quantized is not None:
            projection = self.reverse or self.quantized.transposed(self.inputs)
            return projection.product(inputs, (-1,) if self.inputs is None else self.inputs.axes, ops.matmul)
        kernel: TensorLike = ops.transpose(self.embeddings) if self.tie_weights else self.reverse_embeddings
        if self.reverse_dtype is not None:
            inputs, kernel = (converted(tensor, self.reverse_dtype) for tensor in (inputs, kernel))  # type: ignore[assignment]
        return ops.matmul(inputs, kernel)
