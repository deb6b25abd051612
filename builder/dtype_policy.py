"""The dtypes that a layer keeps its weights in and computes in: Keras's dtype policies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from builder.errors import NetworkError, UnsupportedError
from builder.proto import standardize_dtype

__all__ = ["DTypePolicy", "dtype_policy", "set_dtype_policy"]


@dataclass(frozen=True, slots=True)
class DTypePolicy:
    """A plain dtype for both, or `mixed_float16` and `mixed_bfloat16`: weights in float32, arithmetic in 16 bits.

    `quantization` is Keras's mode of a layer whose matrix is kept in few bits, with its parameters: "int8", "int4/128".
    `by_path` holds the policies of layers inside, by their paths or by patterns of them; the rest of this one is for others.
    """

    name: str
    compute_dtype: str
    variable_dtype: str
    quantization: str | None = None
    by_path: Mapping[str, DTypePolicy] = field(default_factory=dict)

    @classmethod
    def of(cls, dtype: Any) -> DTypePolicy:
        """The policy for what Keras takes and saves: None (the global one), a name, a policy, or a policy's config.

        Raises UnsupportedError for a policy of an unknown class, NetworkError for what is no dtype.
        """
        if dtype is None:
            return _global[0]
        if isinstance(dtype, DTypePolicy):
            return dtype
        if isinstance(dtype, dict):
            return cls._saved(str(dtype.get("class_name")), dtype.get("config") or {})
        if isinstance(dtype, str) and dtype in ("mixed_float16", "mixed_bfloat16"):
            return cls(dtype, dtype.removeprefix("mixed_"), "float32")
        if isinstance(dtype, str) and "_from_" in dtype:
            mode, source = dtype.split("_from_", 1)
            return cls.of(source).quantized(mode)
        name = standardize_dtype(dtype)
        return cls(name, name, name)

    def quantized(self, mode: str) -> DTypePolicy:
        """The same dtypes for a layer whose matrix is kept in few bits. Raises NetworkError for int8 in float16, as Keras does."""
        if mode == "int8" and self.compute_dtype == "float16":
            raise NetworkError("Quantization mode='int8' doesn't work well with compute_dtype='float16'.")
        return replace(self, name=f"{mode}_from_{self.name}", quantization=mode)

    def at(self, path: str) -> DTypePolicy:
        """The policy of the layer at `path`. Raises NetworkError when several patterns fit it, UnsupportedError for other ones.

        Of regular expressions only `.*` is known: a file's pattern must not be able to keep a matcher busy.
        """
        if path in self.by_path:
            return self.by_path[path]
        found = [pattern for pattern in self.by_path if _fits(pattern, path)]
        if len(found) > 1:
            raise NetworkError(
                f"Path '{path}' matches multiple dtype policy specification keys: {found}. Make each path match one at most."
            )
        return self.by_path[found[0]] if found else self

    def get_config(self) -> dict[str, Any]:
        """The policy in the form that Keras saves."""
        if self.by_path:
            policies = {path: policy.get_config() for path, policy in self.by_path.items()}
            return _config("DTypePolicyMap", {"default_policy": self.name, "policy_map": policies})
        if self.quantization is None:
            return {"module": "keras", "class_name": "DTypePolicy", "config": {"name": self.name}, "registered_name": None}
        family, _, parameters = self.quantization.partition("/")
        source = self.name.removeprefix(f"{self.quantization}_from_")
        name = _PARAMETRIZED.get(family, "QuantizedDTypePolicy") if parameters else "QuantizedDTypePolicy"
        return _config(name, {"mode": self.quantization, "source_name": source})

    @classmethod
    def _saved(cls, class_name: str, config: Mapping[str, Any]) -> DTypePolicy:
        """The policy for a class and a config of Keras's."""
        if class_name in ("DTypePolicy", "FloatDTypePolicy", "Policy"):
            return cls.of(config.get("name"))
        if class_name in (*_PARAMETRIZED.values(), "QuantizedDTypePolicy", "QuantizedFloat8DTypePolicy"):
            return cls.of(config.get("source_name")).quantized(str(config.get("mode")))
        if class_name == "DTypePolicyMap":
            policies = config.get("policy_map") or {}
            if not isinstance(policies, dict):
                raise NetworkError(f"the policy_map of a DTypePolicyMap is a dict of policies by path. Received: {policies!r:.200}")
            return replace(cls.of(config.get("default_policy")), by_path={path: cls.of(policy) for path, policy in policies.items()})
        raise UnsupportedError(f"dtype policy {class_name} is not known here; use a plain dtype such as 'float32'")


_PARAMETRIZED = {"int4": "Int4DTypePolicy", "gptq": "GPTQDTypePolicy", "awq": "AWQDTypePolicy"}
_global = [DTypePolicy("float32", "float32", "float32")]


def dtype_policy() -> DTypePolicy:
    """The policy of layers that are given none."""
    return _global[0]


def set_dtype_policy(policy: Any) -> None:
    """Makes `policy` that of layers that are given none from now on."""
    _global[0] = DTypePolicy.of(policy)


def _fits(pattern: str, path: str) -> bool:
    """Whether `path` is made of the pattern's parts in order, with anything where it has `.*`."""
    if any(sign in pattern.replace(".*", "") for sign in "\\[](){}?+*^$|"):
        raise UnsupportedError(f"the pattern {pattern!r} of a DTypePolicyMap is not supported: use whole paths, or `.*` in them")
    first, *others = pattern.split(".*")
    if not others:
        return path == first
    *inner, last = others
    if not path.startswith(first) or not path.endswith(last) or len(path) < len(first) + len(last):
        return False
    rest = path[len(first) : len(path) - len(last)]
    for part in inner:
        _, found, rest = rest.partition(part) if part else ("", "-", rest)
        if not found:
            return False
    return True


def _config(class_name: str, config: dict[str, Any]) -> dict[str, Any]:
    return {"module": "keras.dtype_policies", "class_name": class_name, "config": config, "registered_name": None}
