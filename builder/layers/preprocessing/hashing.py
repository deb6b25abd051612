"""Hashing: categories of any number as a fixed number of bins. Needs no TensorFlow, which Keras's own do."""

from __future__ import annotations

from typing import Any

from builder import ops
from builder.errors import NetworkError
from builder.layer import Layer
from builder.layers.preprocessing.encoding import MODES, checked_mode, encoded, refuse_sparse
from builder.ops.fingerprint import buckets, fingerprint, joined
from builder.ops.sizes import spec_dims
from builder.ops.symbolic import KerasTensor, TensorLike, converted, emit, unsupported

__all__ = ["HashedCrossing", "Hashing"]


class Hashing(Layer):
    """Integers as numbers below `num_bins` by TensorFlow's hash of their digits (ONNX BitShift, BitwiseXor, Mul, Mod).

    With `mask_value`, that value has bin 0 for itself. Strings, and hashes with a `salt`, have no form in plain ONNX: the
    network builds, and its export is refused.
    """

    def __init__(
        self,
        num_bins: int,
        mask_value: Any = None,
        salt: Any = None,
        output_mode: str = "int",
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        kwargs["dtype"] = kwargs.get("dtype") or ("int64" if output_mode == "int" else "float32")
        super().__init__(**kwargs)
        if num_bins is None or num_bins <= 0:
            raise NetworkError(f"The `num_bins` for `Hashing` cannot be `None` or non-positive values. Received: num_bins={num_bins}.")
        self.output_mode = checked_mode(output_mode, MODES)
        if output_mode == "int" and self.dtype not in ("int32", "int64"):
            raise NetworkError(f"When `output_mode=\"int\"`, `dtype` should be an integer type, 'int32' or 'int64'. Received: {self.dtype}")
        refuse_sparse(self, sparse)
        self.num_bins = num_bins
        self.mask_value = mask_value
        self.salt = checked_salt(salt)
        self.sparse = sparse
        self.autocast = False

    def call(self, inputs: KerasTensor) -> KerasTensor:
        x: Any = inputs
        if self.output_mode == "one_hot" and inputs.shape[-1:] == (1,):
            x = ops.squeeze(inputs, -1)
        return encoded(self._bins(x), self.output_mode, self.num_bins, self.dtype)

    def _bins(self, x: KerasTensor) -> TensorLike:
        masks = self.mask_value is not None and self.num_bins > 1
        count = self.num_bins - 1 if masks else self.num_bins
        if (reason := unhashable(x, self.salt)) is not None:
            return unsupported(reason, spec_dims(x), "int64", x)
        bins = buckets(fingerprint(x), count)
        if not masks:
            return bins
        shifted = emit("Add", bins, converted(1, "int64"))
        return emit("Where", emit("Equal", x, converted(self.mask_value, x.dtype)), converted(0, "int64"), shifted)


class HashedCrossing(Layer):
    """Integers at the same place in several tensors as one number below `num_bins`, by TensorFlow's hash of all of them.

    Called on a list of tensors `(batch,)` or `(batch, 1)`. Strings have no form in plain ONNX: the network builds, and its
    export is refused.
    """

    def __init__(
        self, num_bins: int, output_mode: str = "int", sparse: bool = False, name: str | None = None, dtype: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(name=name, dtype=dtype or ("int64" if output_mode == "int" else None), **kwargs)
        refuse_sparse(self, sparse)
        self.num_bins = num_bins
        self.output_mode = checked_mode(output_mode, ("int", "one_hot"))
        self.sparse = sparse
        self.autocast = False

    def call(self, inputs: Any) -> KerasTensor:
        if not isinstance(inputs, list | tuple) or len(inputs) < 2:
            raise NetworkError(f"`HashedCrossing` should be called on a list of at least two inputs. Received: inputs={inputs}")
        first = inputs[0]
        if any(tensor.shape != first.shape for tensor in inputs) or not (first.ndim < 2 or first.shape[1:] == (1,)):
            raise NetworkError(
                "All `HashedCrossing` inputs should have equal shape, and that should be `()`, `(batch_size)` or `(batch_size, 1)`. "
                f"Received: {[tensor.shape for tensor in inputs]}"
            )
        if wrong := next((tensor for tensor in inputs if "int" not in tensor.dtype and tensor.dtype != "string"), None):
            raise NetworkError(f"All `HashedCrossing` inputs should have an integer or string dtype. Received: {wrong.dtype}")
        reason = next((reason for tensor in inputs if (reason := unhashable(tensor)) is not None), None)
        if reason is not None:
            return encoded(unsupported(reason, spec_dims(first), "int64", *inputs), self.output_mode, self.num_bins, self.compute_dtype)
        return encoded(buckets(joined(inputs), self.num_bins), self.output_mode, self.num_bins, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; Keras's own take no `trainable`."""
        return {key: value for key, value in super().get_config().items() if key != "trainable"}


def unhashable(x: KerasTensor, salt: Any = None) -> str | None:
    """Why plain ONNX cannot hash a tensor; None when it can."""
    if salt is not None:
        return "a hash with a `salt` is SipHash, which has no form in plain ONNX; leave the salt out"
    if x.dtype == "string":
        return "strings are hashed byte by byte, which has no form in plain ONNX; give a StringLookup their vocabulary, or hash before"
    return None


def checked_salt(salt: Any) -> list[int] | None:
    """A salt as two integers. Raises NetworkError for anything else."""
    if salt is None:
        return None
    if isinstance(salt, int):
        return [salt, salt]
    if isinstance(salt, list | tuple) and len(salt) == 2:
        return list(salt)
    raise NetworkError(f"The `salt` argument can only be a tuple of size 2 integers, or a single integer. Received: salt={salt}.")
