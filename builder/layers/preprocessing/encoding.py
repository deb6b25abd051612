"""Categories as vectors: a place for each, with ones, counts or weights."""

from typing import Any

from builder import ops
from builder.errors import NetworkError, UnsupportedError
from builder.layer import Layer
from builder.ops.symbolic import KerasTensor, TensorLike, converted

__all__ = ["MODES", "CategoryEncoding", "checked_mode", "encoded", "refuse_sparse"]

MODES = ("int", "one_hot", "multi_hot", "count")


class CategoryEncoding(Layer):
    """Integers below `num_tokens` as vectors: `(batch, numbers)` to `(batch, num_tokens)` (ONNX Equal, ReduceMax, ReduceSum).

    `output_mode` "multi_hot" is a one for each number that is there, "count" how often, or the sum of its `count_weights`;
    "one_hot" is a vector for each number, `(batch, numbers, num_tokens)`, where there are several.
    """

    def __init__(self, num_tokens: int | None = None, output_mode: str = "multi_hot", sparse: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.output_mode = checked_mode(output_mode, MODES[1:])
        if num_tokens is None:
            raise NetworkError(
                "num_tokens must be set to use this layer. If the number of tokens is not known beforehand, use the IntegerLookup "
                "layer instead."
            )
        if num_tokens < 1:
            raise NetworkError(f"`num_tokens` must be >= 1. Received: num_tokens={num_tokens}.")
        refuse_sparse(self, sparse)
        self.num_tokens = num_tokens
        self.sparse = sparse
        self.autocast = False  # numbers are categories, whatever their dtype

    def call(self, inputs: KerasTensor, count_weights: TensorLike | None = None) -> KerasTensor:
        if count_weights is not None and self.output_mode != "count":
            raise NetworkError("`count_weights` is not used when `output_mode` is not `'count'`.")
        weights = None if count_weights is None else converted(count_weights, self.compute_dtype)
        return encoded(inputs, self.output_mode, self.num_tokens, self.dtype, weights)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; Keras's own have no `sparse`."""
        return {key: value for key, value in super().get_config().items() if key != "sparse"}


def encoded(indices: TensorLike, mode: str, depth: int, dtype: str, weights: TensorLike | None = None) -> KerasTensor:
    """The indices in an output mode; those that are not below `depth` leave no trace but in mode "int"."""
    if mode == "int":
        found = converted(indices, dtype)
        assert isinstance(found, KerasTensor)
        return found
    shape = ops.shape(indices)
    if not shape:
        indices, shape = ops.expand_dims(indices, -1), (1,)
    if mode == "one_hot" and len(shape) > 1 and isinstance(shape[-1], int) and shape[-1] == 1:
        indices = ops.squeeze(indices, -1)
    if mode == "multi_hot":
        hot = ops.multi_hot(indices, depth, dtype=dtype)
        assert isinstance(hot, KerasTensor)
        return hot
    hot = ops.one_hot(indices, depth, dtype=dtype if weights is None else ops.dtype(weights))
    if mode == "one_hot":
        return hot
    if weights is not None:
        hot = ops.multiply(hot, ops.expand_dims(weights, -1))
    return ops.sum(hot, axis=1 if len(shape) > 1 else 0)


def checked_mode(mode: Any, allowed: tuple[str, ...]) -> str:
    """The output mode by its present name. Raises NetworkError for one that is not allowed."""
    mode = {"binary": "multi_hot", "tf-idf": "tf_idf"}.get(mode, mode)
    if mode not in allowed:
        raise NetworkError(f"Unknown arg for output_mode: {mode}. Expected one of {allowed}")
    return str(mode)


def refuse_sparse(layer: Layer, sparse: bool) -> None:
    """Raises UnsupportedError for outputs that only TensorFlow has."""
    if sparse:
        raise UnsupportedError(f"layer '{layer.name}' has sparse=True, and sparse tensors have no form in plain ONNX; leave it out")
