"""Keras's regularizers, which matter in training only: kept in a layer's config, and without effect here."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["L1", "L1L2", "L2", "OrthogonalRegularizer", "Regularizer", "l1", "l1_l2", "l2", "orthogonal_regularizer"]


@dataclass(frozen=True)
class Regularizer:
    """What a regularizer was given."""

    def get_config(self) -> dict[str, Any]:
        """The arguments, by name."""
        return asdict(self)


@dataclass(frozen=True)
class L1(Regularizer):
    """`l1 * sum(abs(weight))`."""

    l1: float = 0.01


@dataclass(frozen=True)
class L2(Regularizer):
    """`l2 * sum(weight ** 2)`."""

    l2: float = 0.01


@dataclass(frozen=True)
class L1L2(Regularizer):
    """The sum of both."""

    l1: float = 0.0
    l2: float = 0.0


@dataclass(frozen=True)
class OrthogonalRegularizer(Regularizer):
    """Rows or columns that are at right angles."""

    factor: float = 0.01
    mode: str = "rows"


l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer
