"""The dtypes that a layer keeps its weights in and computes in: Keras's dtype policies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from builder.errors import UnsupportedError
from builder.proto import standardize_dtype

__all__ = ["DTypePolicy", "dtype_policy", "set_dtype_policy"]


@dataclass(frozen=True, slots=True)
class DTypePolicy:
    """A plain dtype for both, or `mixed_float16` and `mixed_bfloat16`: weights in float32, arithmetic in 16 bits."""

    name: str
    compute_dtype: str
    variable_dtype: str

    @classmethod
    def of(cls, dtype: Any) -> DTypePolicy:
        """The policy for what Keras takes and saves: None (the global one), a name, a policy, or a policy's config.

        Raises UnsupportedError for policies of quantized layers, NetworkError for what is no dtype.
        """
        if dtype is None:
            return _global[0]
        if isinstance(dtype, DTypePolicy):
            return dtype
        if isinstance(dtype, dict):
            if dtype.get("class_name") not in ("DTypePolicy", "Policy"):
                raise UnsupportedError(f"dtype policy {dtype.get('class_name')} is not supported yet; use a plain dtype such as 'float32'")
            dtype = (dtype.get("config") or {}).get("name")
        if isinstance(dtype, str) and dtype in ("mixed_float16", "mixed_bfloat16"):
            return cls(dtype, dtype.removeprefix("mixed_"), "float32")
        name = standardize_dtype(dtype)
        return cls(name, name, name)

    def get_config(self) -> dict[str, Any]:
        """The policy in the form that Keras saves."""
        return {"module": "keras", "class_name": "DTypePolicy", "config": {"name": self.name}, "registered_name": None}


_global = [DTypePolicy("float32", "float32", "float32")]


def dtype_policy() -> DTypePolicy:
    """The policy of layers that are given none."""
    return _global[0]


def set_dtype_policy(policy: Any) -> None:
    """Makes `policy` that of layers that are given none from now on."""
    _global[0] = DTypePolicy.of(policy)
