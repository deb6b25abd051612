"""Attention by several heads at once."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from string import ascii_lowercase
from typing import Any

from builder import initializers, ops
from builder.errors import NetworkError
from builder.layer import Layer
from builder.layers.core.einsum_dense import EinsumDense
from builder.naming import auto_name
from builder.ops.axes import integers
from builder.ops.nn.attention import attend, both, visible
from builder.ops.symbolic import KerasTensor, Shape, TensorLike, converted, emit, unsupported

__all__ = ["GroupQueryAttention", "MultiHeadAttention"]


class _Heads(Layer):
    """What attention with heads has in common: projections before and after, and the masks between."""

    training_only = (
        *("kernel_regularizer", "bias_regularizer", "kernel_constraint", "bias_constraint"),
        *("flash_attention", "seed", "query_shape", "key_shape", "value_shape"),
    )
    dropout: float
    use_bias: bool
    sliding_window: int | None
    kernel_initializer: Any
    bias_initializer: Any

    def _keep(self, dropout: float, use_bias: bool, sliding_window: int | None, use_gate: bool, kernel: Any, bias: Any) -> None:
        """Sets the fields that both layers have. Raises NetworkError for a window that is none."""
        if sliding_window is not None and (not isinstance(sliding_window, int) or sliding_window <= 0):
            raise NetworkError(f"`sliding_window` must be `None` or a positive integer. Received: sliding_window={sliding_window}")
        self.supports_masking = True
        self.dropout = dropout
        self.use_bias = use_bias
        self.sliding_window = sliding_window
        self.use_gate = use_gate
        self.kernel_initializer = initializers.get(kernel)
        self.bias_initializer = initializers.get(bias)

    def _into_heads(self, shape: Shape, heads: int, depth: int, name: str, activation: Any = None) -> EinsumDense:
        """A projection `(..., in)` to `(..., heads, depth)`, built for inputs of `shape`."""
        return self._projection("...a,abc->...bc", (heads, depth), "bc", shape, name, activation)

    def _out_of_heads(self, shape: Shape, sizes: Sequence[int], name: str) -> EinsumDense:
        """A projection `(..., heads, depth)` to `(..., *sizes)`, built for inputs of `shape`."""
        letters = ascii_lowercase[2 : 2 + len(sizes)]
        return self._projection(f"...ab,ab{letters}->...{letters}", sizes, letters, shape, name)

    def _projection(
        self, equation: str, sizes: Sequence[int], letters: str, shape: Shape, name: str, activation: Any = None
    ) -> EinsumDense:
        dense = EinsumDense(
            equation,
            sizes,
            activation,
            letters if self.use_bias else None,
            self.kernel_initializer,
            self.bias_initializer,
            name=name,
            dtype=self.dtype_policy,
        )
        dense.build(shape)
        return dense

    def _mask(
        self, query: KerasTensor, value: KerasTensor, masks: Sequence[Any], attention_mask: Any, use_causal_mask: bool
    ) -> TensorLike | None:
        """Which steps each query may look at, `(batch, time, steps)`, from the masks of query, value and key."""
        mask: TensorLike | None = attention_mask if attention_mask is None else converted(attention_mask, "bool")
        for given, axis in zip(masks, (-1, -2, -2), strict=True):
            if given is not None:
                mask = both(mask, emit("Unsqueeze", converted(given, "bool"), integers((axis,))))
        if use_causal_mask or self.sliding_window is not None:
            mask = both(mask, visible(query, value, causal=use_causal_mask, window=self.sliding_window))
        return mask

    def _checked(self, query: KerasTensor, training: bool | None) -> KerasTensor:
        """The queries; as what ONNX cannot compute where weights would be dropped at random."""
        if not training or not self.dropout:
            return query
        reason = f"{type(self).__name__} is called with training=True, so its answers would be random; call it without"
        return unsupported(reason, query.value.spec.shape, query.dtype, query)


class MultiHeadAttention(_Heads):
    """Attention of `query` over `value`, compared by `key`, which is `value` unless given (ONNX MatMul, Softmax).

    `(batch, time, in)` becomes `(batch, time, in)`, or `(batch, time, *output_shape)`. `attention_axes` are those over which
    is attended where there are more than one. Where a query may look at nothing, Keras takes the mean of all values or, with
    `dropout` or when the scores are asked for, zeros; so does this layer. A mask that is given as `query_mask` has no effect,
    as in Keras: that of the tensor has.
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: int | Sequence[int] | None = None,
        attention_axes: int | Sequence[int] | None = None,
        sliding_window: int | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        use_gate: bool = False,
        **kwargs: Any,
    ) -> None:
        for name, size in (("num_heads", num_heads), ("key_dim", key_dim), ("value_dim", value_dim or 1)):
            if not isinstance(size, int) or size <= 0:
                raise NetworkError(f"Received an invalid value for argument `{name}`, expected a positive integer. Received: {name}={size}")
        super().__init__(**kwargs)
        self._keep(dropout, use_bias, sliding_window, use_gate, kernel_initializer, bias_initializer)
        self.num_heads = num_heads
        self.key_dim = key_dim
        self.value_dim = value_dim or key_dim
        self.output_shape = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape) if output_shape else None
        self.attention_axes = (attention_axes,) if isinstance(attention_axes, int) else attention_axes and tuple(attention_axes)

    def build(self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None) -> None:  # type: ignore[override]
        key_shape = value_shape if key_shape is None else key_shape
        if value_shape[1:-1] != key_shape[1:-1]:
            raise NetworkError(
                "All dimensions of `value` and `key`, except the last one, must be equal. Received: "
                f"value_shape={value_shape} and key_shape={key_shape}"
            )
        self.query_dense = self._into_heads(query_shape, self.num_heads, self.key_dim, "query")
        self.key_dense = self._into_heads(key_shape, self.num_heads, self.key_dim, "key")
        if self.use_gate:
            self._gate_dense = self._into_heads(query_shape, self.num_heads, self.value_dim, "gate", "sigmoid")
        self.value_dense = self._into_heads(value_shape, self.num_heads, self.value_dim, "value")
        features = query_shape[-1]
        assert features is not None  # the projection of the queries has said so
        inner = (*query_shape[:-1], self.num_heads, self.value_dim)
        self.output_dense = self._out_of_heads(inner, self.output_shape or (features,), "attention_output")

    def call(
        self,
        query: KerasTensor,
        value: KerasTensor,
        key: KerasTensor | None = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        mask = self._mask(query, value, (query.mask, value_mask, key_mask), attention_mask, use_causal_mask)
        query = self._checked(query, training)
        heads = self.query_dense(query), self.key_dense(value if key is None else key), self.value_dense(value)
        zero_masked = bool(self.dropout) or return_attention_scores or query.ndim != 3
        standard = query.ndim == 3 and self.attention_axes in (None, (1,), (-2,))
        mixed, scores = self._attend(*heads, mask, zero_masked) if standard else self._attend_over_axes(*heads, mask)
        if self.use_gate:
            mixed = ops.multiply(mixed, self._gate_dense(query))
        outputs = self.output_dense(mixed)
        return (outputs, scores) if return_attention_scores else outputs

    def _attend(self, query: Any, key: Any, value: Any, mask: Any, zero_masked: bool) -> tuple[KerasTensor, KerasTensor]:
        return attend(query, key, value, _for_heads(mask, 4, 1), 1 / sqrt(self.key_dim), zero_masked=zero_masked)

    def _attend_over_axes(self, query: Any, key: Any, value: Any, mask: Any) -> tuple[KerasTensor, KerasTensor]:
        """Attention over any axes: those that are not attended over are a batch of their own."""
        rank = query.ndim
        axes = self.attention_axes or tuple(range(1, rank - 2))
        axes = tuple(axis if axis >= 0 else rank - 1 + axis for axis in axes)
        target = ascii_lowercase[:rank]
        source = "".join(ascii_lowercase[rank + axis] if axis in axes else target[axis] for axis in range(rank))
        kept = "".join(target[axis] for axis in range(rank - 1) if axis not in axes)
        product = kept + "".join(target[axis] for axis in axes) + "".join(source[axis] for axis in axes)
        scaled = ops.multiply(query, 1 / sqrt(self.key_dim))
        scores = _masked_softmax(ops.einsum(f"{target},{source}->{product}", scaled, key), mask, len(axes))
        return ops.einsum(f"{product},{source}->{target}", scores, value), scores  # type: ignore[return-value]


class GroupQueryAttention(_Heads):
    """Attention with fewer heads of keys and values than of queries, each of which serves several (ONNX MatMul, Softmax)."""

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
        sliding_window: int | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        use_gate: bool = False,
        **kwargs: Any,
    ) -> None:
        kwargs["name"] = kwargs.get("name") or auto_name("GroupedQueryAttention")  # Keras's own name for the class
        super().__init__(**kwargs)
        if num_query_heads % num_key_value_heads:
            raise NetworkError("`num_query_heads` must be divisible by `num_key_value_heads`.")
        self._keep(dropout, use_bias, sliding_window, use_gate, kernel_initializer, bias_initializer)
        self.head_dim = head_dim
        self.num_query_heads = num_query_heads
        self.num_key_value_heads = num_key_value_heads

    def build(self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None) -> None:  # type: ignore[override]
        features = query_shape[-1]
        if features is None:
            raise NetworkError(f"the last dimension of the queries must be known. Full shape received: {query_shape}")
        self._query_dense = self._into_heads(query_shape, self.num_query_heads, self.head_dim, "query")
        self._key_dense = self._into_heads(key_shape or value_shape, self.num_key_value_heads, self.head_dim, "key")
        if self.use_gate:
            self._gate_dense = self._into_heads(query_shape, self.num_query_heads, self.head_dim, "gate", "sigmoid")
        self._value_dense = self._into_heads(value_shape, self.num_key_value_heads, self.head_dim, "value")
        self._output_dense = self._out_of_heads((*query_shape[:2], self.num_query_heads, self.head_dim), (features,), "attention_output")

    def call(
        self,
        query: KerasTensor,
        value: KerasTensor,
        key: KerasTensor | None = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        mask = self._mask(query, value, (query_mask, value_mask, key_mask), attention_mask, use_causal_mask)
        query = self._checked(query, training)
        heads = self._query_dense(query), self._key_dense(value if key is None else key), self._value_dense(value)
        zero_masked = bool(self.dropout) or return_attention_scores
        mixed, scores = attend(*heads, _for_heads(mask, 4, 1), 1 / sqrt(self.head_dim), zero_masked=zero_masked)
        outputs = self._output_dense(ops.multiply(mixed, self._gate_dense(query)) if self.use_gate else mixed)
        return (outputs, scores) if return_attention_scores else outputs


def _for_heads(mask: Any, rank: int, axes: int) -> Any:
    """The mask with axes of size 1 where the heads, and what else is before the axes that are attended over, are."""
    if mask is None:
        return None
    mask = mask if isinstance(mask, KerasTensor) else emit("Identity", mask)
    place = max(mask.ndim - 2 * axes, 0)
    missing = rank - mask.ndim
    return emit("Unsqueeze", mask, integers(tuple(range(place, place + missing)))) if missing > 0 else mask


def _masked_softmax(scores: Any, mask: Any, axes: int) -> Any:
    """The softmax over the last `axes` axes; zero where the mask is False, and where it is so for a whole row."""
    over = tuple(range(scores.ndim - axes, scores.ndim))
    if mask is None:
        return ops.softmax(scores, over)
    kept = _for_heads(mask, scores.ndim, axes)
    least = converted(-3e4 if scores.dtype == "float16" else -1e9, scores.dtype)
    return emit("Where", kept, ops.softmax(emit("Where", kept, scores, least), over), converted(0, scores.dtype))
