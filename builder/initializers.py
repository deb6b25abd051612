"""Keras's initializers: what a weight holds before anything is learned or loaded.

An initializer is a frozen record that is called with a shape and a dtype. Random ones draw from NumPy's generator: the
distributions are Keras's, the numbers are not.
"""

from __future__ import annotations

import math
import random
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, cast

import numpy as np

from builder.errors import NetworkError
from builder.graph import Array
from builder.naming import snake_case
from builder.ops.windows import window_of

__all__ = [
    "INITIALIZERS",
    "STFT",
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "get",
    "serialize",
    "set_random_seed",
]

INITIALIZERS: dict[str, type[Initializer]] = {}


@dataclass(frozen=True)
class Initializer:
    """Makes the first numbers of a weight."""

    def __init_subclass__(cls) -> None:
        if not cls.__name__.startswith("_"):
            INITIALIZERS[cls.__name__] = cls

    def __call__(self, shape: tuple[int, ...], dtype: str = "float32") -> Array:
        """An array of `shape` and `dtype`."""
        return np.asarray(self.numbers(shape)).astype(dtype)

    def numbers(self, shape: tuple[int, ...]) -> Array:
        raise NotImplementedError


@dataclass(frozen=True)
class Zeros(Initializer):
    """All 0."""

    def numbers(self, shape: tuple[int, ...]) -> Array:
        return np.zeros(shape)


@dataclass(frozen=True)
class Ones(Initializer):
    """All 1."""

    def numbers(self, shape: tuple[int, ...]) -> Array:
        return np.ones(shape)


@dataclass(frozen=True)
class Constant(Initializer):
    """All `value`."""

    value: float = 0.0

    def numbers(self, shape: tuple[int, ...]) -> Array:
        return np.full(shape, self.value)


@dataclass(frozen=True)
class Identity(Initializer):
    """The identity matrix times `gain`; for two dimensions only."""

    gain: float = 1.0

    def numbers(self, shape: tuple[int, ...]) -> Array:
        if len(shape) != 2:
            raise NetworkError(f"Identity matrix initializer can only be used for 2D matrices. Received: shape={shape}")
        return self.gain * np.eye(*shape)


@dataclass(frozen=True)
class RandomNormal(Initializer):
    """Drawn from a normal distribution."""

    mean: float = 0.0
    stddev: float = 0.05
    seed: int | None = None

    def numbers(self, shape: tuple[int, ...]) -> Array:
        return _generator(self.seed).normal(self.mean, self.stddev, shape)


@dataclass(frozen=True)
class RandomUniform(Initializer):
    """Drawn evenly from `minval` to `maxval`."""

    minval: float = -0.05
    maxval: float = 0.05
    seed: int | None = None

    def numbers(self, shape: tuple[int, ...]) -> Array:
        return _generator(self.seed).uniform(self.minval, self.maxval, shape)


@dataclass(frozen=True)
class TruncatedNormal(Initializer):
    """Drawn from a normal distribution, again where it is more than two deviations from the mean."""

    mean: float = 0.0
    stddev: float = 0.05
    seed: int | None = None

    def numbers(self, shape: tuple[int, ...]) -> Array:
        return self.mean + self.stddev * _truncated(_generator(self.seed), shape)


@dataclass(frozen=True)
class Orthogonal(Initializer):
    """A random matrix with orthonormal rows or columns, times `gain`; the last axis is the columns."""

    gain: float = 1.0
    seed: int | None = None

    def numbers(self, shape: tuple[int, ...]) -> Array:
        rows, columns = math.prod(shape[:-1]), shape[-1]
        drawn = _generator(self.seed).normal(size=(max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(drawn)
        q = q * np.sign(np.diag(r))
        return self.gain * (q if rows >= columns else q.T).reshape(shape)


@dataclass(frozen=True)
class VarianceScaling(Initializer):
    """Drawn so that the variance is `scale` over the fan: the number of inputs, of outputs or their mean."""

    scale: float = 1.0
    mode: str = "fan_in"
    distribution: str = "truncated_normal"
    seed: int | None = None

    def numbers(self, shape: tuple[int, ...]) -> Array:
        return _scaled(shape, self.scale, self.mode, self.distribution, self.seed)


@dataclass(frozen=True)
class _Scaled(Initializer):
    """A variance scaling with everything but the seed decided."""

    seed: int | None = None
    rule: ClassVar[tuple[float, str, str]]

    def numbers(self, shape: tuple[int, ...]) -> Array:
        return _scaled(shape, *self.rule, self.seed)


class GlorotUniform(_Scaled):
    """Evenly within `sqrt(6 / (fan_in + fan_out))` (Glorot and Bengio, 2010)."""

    rule = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Scaled):
    """Truncated normal of variance `2 / (fan_in + fan_out)` (Glorot and Bengio, 2010)."""

    rule = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_Scaled):
    """Evenly within `sqrt(6 / fan_in)` (He et al., 2015)."""

    rule = (2.0, "fan_in", "uniform")


class HeNormal(_Scaled):
    """Truncated normal of variance `2 / fan_in` (He et al., 2015)."""

    rule = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_Scaled):
    """Evenly within `sqrt(3 / fan_in)`."""

    rule = (1.0, "fan_in", "uniform")


class LecunNormal(_Scaled):
    """Truncated normal of variance `1 / fan_in`."""

    rule = (1.0, "fan_in", "truncated_normal")


@dataclass(frozen=True)
class STFT(Initializer):
    """The "real" or "imag" waves of each frequency under a window: `(frame, 1, bins)`, in Keras's `scaling`."""

    side: str = "real"
    window: Any = "hann"
    scaling: str | None = "density"
    periodic: bool = False

    def numbers(self, shape: tuple[int, ...]) -> Array:
        frame, _, bins = shape
        angles = -np.pi * np.outer(np.arange(frame), np.arange(bins)) / max(bins - 1, 1)
        waves: Array = (np.cos(angles) if self.side == "real" else np.sin(angles))[:, None]
        if self.window is None:
            return waves
        window = window_of(self.window, frame, self.periodic)
        scale = {"density": np.sqrt(np.sum(window**2)), "spectrum": np.sum(np.abs(window))}.get(self.scaling or "", 1.0)
        scaled: Array = waves * window[:, None, None] / scale
        return scaled


def get(identifier: Any) -> Initializer | None:
    """The initializer for a name, a saved config, a class or an initializer; None for None. Else NetworkError."""
    match identifier:
        case None | Initializer():
            return identifier
        case type() if issubclass(identifier, Initializer):
            return identifier()
        case str() if found := _by_name(identifier):
            return found()
        case {"class_name": str(name)} if found := _by_name(name):
            config = cast("dict[str, Any]", identifier).get("config") or {}
            known = {key: value for key, value in config.items() if key in found.__dataclass_fields__}
            return found(**known)
    raise NetworkError(f"Could not interpret initializer identifier: {identifier}. Known here: {', '.join(sorted(INITIALIZERS))}")


def serialize(initializer: Initializer) -> dict[str, Any]:
    """The config from which `get` makes it again, in the form that Keras saves."""
    return {
        "module": "keras.initializers",
        "class_name": type(initializer).__name__,
        "config": asdict(initializer),
        "registered_name": None,
    }


def _by_name(name: str) -> type[Initializer] | None:
    """By class name or its snake case; the plurals and spellings that Keras 1 and 2 wrote count too."""
    named = {snake_case(key): found for key, found in INITIALIZERS.items()}
    aliases = {"normal": RandomNormal, "uniform": RandomUniform, "one": Ones, "zero": Zeros, "identity_initializer": Identity}
    return INITIALIZERS.get(name) or (named | aliases).get(snake_case(name))


_root: list[np.random.Generator] = []


def set_random_seed(seed: int) -> None:
    """Makes what random initializers draw from now on, and Python's and NumPy's own numbers, follow from `seed`."""
    random.seed(seed)
    np.random.seed(seed)
    _root[:] = [np.random.default_rng(seed)]


def _generator(seed: int | None) -> np.random.Generator:
    return np.random.default_rng(_root[0].integers(2**63) if seed is None and _root else seed)


def _truncated(generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
    drawn = generator.normal(size=shape)
    while np.any(far := np.abs(drawn) > 2):
        drawn = np.where(far, generator.normal(size=shape), drawn)
    return drawn


def _scaled(shape: tuple[int, ...], scale: float, mode: str, distribution: str, seed: int | None) -> Array:
    fan_in, fan_out = _fans(shape)
    fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[mode]
    variance = scale / max(1.0, fan)
    generator = _generator(seed)
    match distribution:
        case "uniform":
            limit = math.sqrt(3 * variance)
            return generator.uniform(-limit, limit, shape)
        case "untruncated_normal":
            return generator.normal(0, math.sqrt(variance), shape)
        case _:
            # Cutting a normal distribution at two deviations leaves it this deviation.
            return math.sqrt(variance) / 0.87962566103423978 * _truncated(generator, shape)


def _fans(shape: tuple[int, ...]) -> tuple[float, float]:
    match shape:
        case ():
            return 1, 1
        case (size,):
            return size, size
        case (*window, inputs, outputs):
            return math.prod(window) * inputs, math.prod(window) * outputs
    raise AssertionError(shape)
