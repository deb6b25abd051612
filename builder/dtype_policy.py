"""The dtype that a layer keeps its weights in and computes in: Keras's dtype policies, of which the plain ones are here."""

from typing import Any

from builder.errors import UnsupportedError
from builder.ops.symbolic import standardize_dtype

__all__ = ["policy_config", "standardize_policy"]


def standardize_policy(dtype: Any) -> str:
    """The dtype of a policy as Keras takes and saves it: None, a name, or a DTypePolicy's config."""
    name = (dtype.get("config") or {}).get("name") if isinstance(dtype, dict) else dtype
    if isinstance(name, str) and name.startswith("mixed_"):
        raise UnsupportedError(f"dtype policy '{name}' is not supported yet; use 'float32', 'float16' or 'bfloat16'")
    if isinstance(dtype, dict) and dtype.get("class_name") != "DTypePolicy":
        raise UnsupportedError(f"dtype policy {dtype.get('class_name')} is not supported yet; use a plain dtype such as 'float32'")
    return standardize_dtype(name)


def policy_config(dtype: str) -> dict[str, Any]:
    """A policy in the form that Keras saves."""
    return {"module": "keras", "class_name": "DTypePolicy", "config": {"name": dtype}, "registered_name": None}
