"""Attention over sequences without heads: by a dot product, or by a network of one layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from builder import ops
from builder.errors import NetworkError
from builder.layer import Layer
from builder.ops.axes import integers
from builder.ops.nn.attention import both, visible
from builder.ops.symbolic import KerasTensor, Variable, converted, emit, unsupported

__all__ = ["AdditiveAttention", "Attention"]


class Attention(Layer):
    """A mean of the values for each query: of `[query, value]` or `[query, value, key]`, `(batch, time, dim)` each.

    The weights are the softmax of a dot product, or with `score_mode="concat"` of a sum of tangents. Masked values have no
    weight; the outputs of masked queries are zeros (ONNX MatMul, Softmax).
    """

    training_only: ClassVar[tuple[str, ...]] = ("seed",)

    def __init__(self, use_scale: bool = False, score_mode: str = "dot", dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if score_mode not in ("dot", "concat"):
            raise NetworkError(
                f"Invalid value for argument score_mode. Expected one of {{'dot', 'concat'}}. Received: score_mode={score_mode}"
            )
        self.supports_masking = True
        self.use_scale = use_scale
        self.score_mode = score_mode
        self.dropout = dropout
        self.scale: Variable | None = None

    def build(self, input_shape: Any) -> None:
        self._check(input_shape)
        self.scale = self.add_weight((), "ones", name="scale") if self.use_scale else None
        concat = self.score_mode == "concat"
        self.concat_score_weight = self.add_weight((), "ones", name="concat_score_weight") if concat else None

    def call(
        self,
        inputs: Sequence[KerasTensor],
        mask: Any = None,
        training: bool | None = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        self._check(inputs)
        query, value, key = inputs[0], inputs[1], inputs[-1] if len(inputs) > 2 else inputs[1]
        query_mask, value_mask = (mask[0], mask[1]) if mask else (None, None)
        scores = self.scores(query, key)
        if training and self.dropout:
            reason = f"{type(self).__name__} is called with training=True, so its answers would be random; call it without"
            scores = unsupported(reason, scores.value.spec.shape, scores.dtype, scores)
        weights = ops.softmax(self._masked(scores, value_mask, visible(query, key, causal=True) if use_causal_mask else None))
        outputs: Any = ops.matmul(weights, value)
        if query_mask is not None:
            kept = emit("Unsqueeze", converted(query_mask, "bool"), integers((-1,)))
            outputs = emit("Where", kept, outputs, converted(0, outputs.dtype))
        return (outputs, weights) if return_attention_scores else outputs

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return mask[0] if mask else None

    def scores(self, query: KerasTensor, key: KerasTensor) -> Any:
        """How alike each query and key are: `(batch, time, steps)`."""
        if self.score_mode == "dot":
            scores = ops.matmul(query, emit("Transpose", key, perm=(*range(key.ndim - 2), key.ndim - 1, key.ndim - 2)))
            return scores if self.scale is None else ops.multiply(scores, self.scale)
        assert self.concat_score_weight is not None
        pairs = _pairs(query, key)
        sums = ops.sum(ops.tanh(pairs if self.scale is None else ops.multiply(self.scale, pairs)), -1)
        return ops.multiply(self.concat_score_weight, sums)

    def _masked(self, scores: KerasTensor, value_mask: Any, seen: Any) -> KerasTensor:
        """The scores, less by so much where they are masked that the softmax is zero."""
        hidden = None if value_mask is None else emit("Unsqueeze", converted(value_mask, "bool"), integers((-2,)))
        kept = both(hidden, seen)
        if kept is None:
            return scores
        least = np.asarray(65504.0 if scores.dtype == "float16" else 1e9)
        return emit("Where", kept, scores, ops.subtract(scores, converted(least, scores.dtype)))

    def _check(self, inputs: Any) -> None:
        name = type(self).__name__
        if not isinstance(inputs, list) or len(inputs) not in (2, 3):
            raise NetworkError(
                f"{name} layer must be called on a list of inputs, namely [query, value] or [query, value, key]. Received: inputs={inputs}."
            )


class AdditiveAttention(Attention):
    """`Attention` whose weights are the softmax of the sum of `scale * tanh(query + key)` over the features."""

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape: Any) -> None:
        self._check(input_shape)
        self.scale = self.add_weight((input_shape[0][-1],), "glorot_uniform", name="scale") if self.use_scale else None

    def scores(self, query: KerasTensor, key: KerasTensor) -> Any:
        pairs = ops.tanh(_pairs(query, key))
        return ops.sum(pairs if self.scale is None else ops.multiply(self.scale, pairs), -1)


def _pairs(query: KerasTensor, key: KerasTensor) -> KerasTensor:
    """Each query plus each key: `(batch, time, steps, dim)`."""
    return ops.add(emit("Unsqueeze", query, integers((-2,))), emit("Unsqueeze", key, integers((-3,))))
