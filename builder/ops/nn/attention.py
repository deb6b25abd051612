"""Attention: each step of one sequence as a mean of the steps of another, weighted by how alike they are."""

from __future__ import annotations

from math import sqrt

import numpy as np

from builder.graph import Array
from builder.ops.axes import integers
from builder.ops.operation import operation
from builder.ops.promotion import floating, promoted
from builder.ops.sizes import spec_dims
from builder.ops.symbolic import KerasTensor, TensorLike, converted, emit, emit_as, shape_of, unsupported, value_of

__all__ = ["attend", "both", "dot_product_attention", "visible"]

_LARGEST = 2**18  # elements of a mask that is written down; a larger one is made when the network runs


@operation
def dot_product_attention(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    bias: TensorLike | None = None,
    mask: TensorLike | None = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> KerasTensor:
    """Attention of `(batch, time, heads, depth)` over `(batch, steps, heads, depth)`, two products of matrices (ONNX MatMul, Softmax).

    `bias` and `mask` broadcast to `(batch, heads, time, steps)`. Where a row of the mask is all False, the result is the mean
    of all values. Fewer heads of keys and values serve several of the queries' each. How it is computed
    (`flash_attention`) is ONNX Runtime's choice.
    """
    queries, keys, values = promoted(floating(query), floating(key), floating(value))
    if attn_logits_soft_cap is not None:
        reason = "attn_logits_soft_cap, which Keras's backends do not agree on; cap the logits in layers of your own"
        return unsupported(reason, (*spec_dims(queries)[:3], spec_dims(values)[3]), value_of(queries).spec.dtype, queries)
    seen = visible(queries, keys, causal=True) if is_causal else None
    depth = shape_of(queries)[3] or 1
    return attend(queries, keys, values, both(mask, seen), 1 / sqrt(depth) if scale is None else scale, bias)[0]


def attend(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    mask: TensorLike | None,
    scale: float,
    bias: TensorLike | None = None,
    *,
    zero_masked: bool = False,
) -> tuple[KerasTensor, KerasTensor]:
    """The outputs `(batch, time, heads, depth)` and the weights `(batch, heads, time, steps)`, in 32 bits until they sum to one.

    Where all is masked the weights are equal, or all zero with `zero_masked`.
    """
    dtype = value_of(query).spec.dtype
    heads = shape_of(query)[2]
    queries = _scaled(emit("Transpose", _wide(query), perm=(0, 2, 1, 3)), scale)
    keys, values = (_repeated(tensor, heads) for tensor in (key, value))
    logits = emit("MatMul", queries, emit("Transpose", _wide(keys), perm=(0, 2, 3, 1)))
    if bias is not None:
        logits = emit("Add", logits, _wide(bias))
    weights = converted(_weights(logits, mask, zero_masked), dtype)
    mixed = emit("MatMul", weights, emit("Transpose", values, perm=(0, 2, 1, 3)))
    assert isinstance(weights, KerasTensor)
    return emit("Transpose", mixed, perm=(0, 2, 1, 3)), weights


def visible(query: TensorLike, key: TensorLike, *, causal: bool = False, window: int | None = None) -> TensorLike:
    """Which steps of `key` each of `query` may look at, `(time, steps)`: none after it, none `window` or more away.

    A constant where the sizes are known and not large.
    """
    time, steps = shape_of(query)[1], shape_of(key)[1]
    if time is not None and steps is not None and time * steps <= _LARGEST:
        rows, columns = np.arange(time)[:, None], np.arange(steps)[None, :]
        seen: Array = rows >= columns if causal else np.ones((time, steps), bool)
        return seen if window is None else seen & (np.abs(rows - columns) < window)
    dims = (spec_dims(query)[1], spec_dims(key)[1])
    row, column = emit("Unsqueeze", _places(query), integers((1,))), emit("Unsqueeze", _places(key), integers((0,)))
    found = [emit_as(dims, "bool", "GreaterOrEqual", row, column)] if causal else []
    if window is not None:
        distance = emit("Abs", emit_as(dims, "int64", "Sub", row, column))
        found.append(emit("Less", distance, integers((window,)).reshape(())))
    return found[0] if len(found) == 1 else emit("And", *found)


def both(mask: TensorLike | None, other: TensorLike | None) -> TensorLike | None:
    """Where both masks are true, broadcast; a mask that is None is true everywhere."""
    given = [converted(one, "bool") for one in (mask, other) if one is not None]
    return emit("And", *given) if len(given) == 2 else given[0] if given else None


def _weights(logits: KerasTensor, mask: TensorLike | None, zero_masked: bool) -> KerasTensor:
    if mask is None:
        return emit("Softmax", logits, axis=-1)
    kept = converted(mask, "bool")
    weights = emit("Softmax", emit("Where", kept, logits, np.float32(-1e9)), axis=-1)
    return emit("Where", kept, weights, np.float32(0)) if zero_masked else weights


def _places(x: TensorLike) -> KerasTensor:
    """0, 1, 2 and so on along axis 1."""
    size = emit("Squeeze", emit("Shape", x, start=1, end=2), integers((0,)))
    return emit_as((spec_dims(x)[1],), "int64", "Range", np.int64(0), size, np.int64(1))


def _scaled(x: KerasTensor, scale: float) -> KerasTensor:
    return x if scale == 1 else emit("Mul", x, np.float32(scale))


def _repeated(x: TensorLike, heads: int | None) -> TensorLike:
    """`(batch, steps, heads, depth)` with each head as often as makes `heads` of them."""
    own = shape_of(x)[2]
    if own == heads or own is None or heads is None:
        return x
    several = emit("Expand", emit("Unsqueeze", x, integers((3,))), integers((1, 1, 1, heads // own, 1)))
    return emit("Reshape", several, integers((0, 0, heads, shape_of(x)[3] or 0)))


def _wide(x: TensorLike) -> TensorLike:
    return converted(x, "float32")
