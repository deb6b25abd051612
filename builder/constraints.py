"""Keras's constraints, which matter in training only: kept in a layer's config, and without effect here."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Constraint", "MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm", "max_norm", "min_max_norm", "non_neg", "unit_norm"]


@dataclass(frozen=True)
class Constraint:
    """What a constraint was given."""

    def get_config(self) -> dict[str, Any]:
        """The arguments, by name."""
        return asdict(self)


@dataclass(frozen=True)
class MaxNorm(Constraint):
    """A norm over `axis` of at most `max_value`."""

    max_value: float = 2
    axis: int = 0


@dataclass(frozen=True)
class MinMaxNorm(Constraint):
    """A norm over `axis` between two values."""

    min_value: float = 0.0
    max_value: float = 1.0
    rate: float = 1.0
    axis: int = 0


@dataclass(frozen=True)
class NonNeg(Constraint):
    """No number below zero."""


@dataclass(frozen=True)
class UnitNorm(Constraint):
    """A norm over `axis` of one."""

    axis: int = 0


max_norm, min_max_norm, non_neg, unit_norm = MaxNorm, MinMaxNorm, NonNeg, UnitNorm
