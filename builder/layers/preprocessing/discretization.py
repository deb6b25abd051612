"""Discretization: numbers as the range that they are in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Self

import numpy as np

from builder import ops
from builder.errors import NetworkError
from builder.graph import Array
from builder.layer import Layer
from builder.layers.preprocessing.encoding import MODES, checked_mode, encoded, refuse_sparse
from builder.ops.symbolic import KerasTensor

__all__ = ["Discretization"]


class Discretization(Layer):
    """How many of the sorted `bin_boundaries` are not above each number, as int32 or in another `output_mode`.

    The boundaries are given, or are `num_bins` quantiles that `adapt` finds with a tolerance of `epsilon`.
    """

    def __init__(
        self,
        bin_boundaries: Sequence[float] | None = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        dtype: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        if num_bins is not None and num_bins < 0:
            raise NetworkError(f"`num_bins` must be greater than or equal to 0. Received: `num_bins={num_bins}`")
        if num_bins is not None and bin_boundaries is not None:
            raise NetworkError(
                "Both `num_bins` and `bin_boundaries` should not be set. "
                f"Received: `num_bins={num_bins}` and `bin_boundaries={bin_boundaries}`"
            )
        if num_bins is None and bin_boundaries is None:
            raise NetworkError("You need to set either `num_bins` or `bin_boundaries`.")
        refuse_sparse(self, sparse)
        self.bin_boundaries = bin_boundaries
        self.num_bins = num_bins
        self.epsilon = epsilon
        self.output_mode = checked_mode(output_mode, MODES)
        self.sparse = sparse

    def adapt(self, data: Array | Iterable[Array], steps: int | None = None) -> None:
        """Sets the boundaries to quantiles of `data`: an array, or an iterable of batches, `steps` of them at most.

        Raises NetworkError when the boundaries were given.
        """
        if self.num_bins is None:
            raise NetworkError(
                "Cannot adapt a Discretization layer that has been initialized with `bin_boundaries`, use `num_bins` instead."
            )
        summary = np.zeros((2, 0), np.float32)
        for batch in [data] if isinstance(data, np.ndarray) else islice(data, steps):
            both = np.concatenate([_summary(np.asarray(batch, np.float32), self.epsilon), summary], axis=1)
            summary = _compressed(both[:, np.argsort(both[0])], self.epsilon)
        self.bin_boundaries = _compressed(summary, 1.0 / self.num_bins)[0, :-1].tolist()

    def call(self, inputs: KerasTensor) -> KerasTensor:
        if self.bin_boundaries is None:
            raise NetworkError(
                "You need to either pass the `bin_boundaries` argument at construction time or call `adapt(dataset)` before you can "
                "start using the `Discretization` layer."
            )
        indices = ops.digitize(inputs, np.asarray(self.bin_boundaries, np.float32))
        return encoded(
            indices, self.output_mode, len(self.bin_boundaries) + 1, "int32" if self.output_mode == "int" else self.compute_dtype
        )

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; Keras's own take no `trainable`."""
        return {key: value for key, value in super().get_config().items() if key != "trainable"}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A layer with the arguments in `config`, which after `adapt` has boundaries beside the number of bins."""
        boundaries = config.get("bin_boundaries")
        if boundaries is None or config.get("num_bins") is None:
            return cls(**config)
        layer = cls(**{**config, "bin_boundaries": None})
        layer.bin_boundaries = boundaries
        return layer


def _summary(values: Array, epsilon: float) -> Array:
    """Values at even steps through the sorted ones, and for how many each stands: `(2, values)`."""
    step = max(values.size * epsilon, 1)
    kept = np.sort(values.reshape(-1))[int(step - 1) :: int(step)]
    return np.stack([kept, np.full_like(kept, step)])


def _compressed(summary: Array, epsilon: float) -> Array:
    """A summary with as many values as there are steps of `epsilon` through it; itself where it has fewer."""
    if summary.shape[1] * epsilon < 1:
        return summary
    counts = summary[1].cumsum()
    shares = epsilon + np.arange(0.0, 1.0, epsilon)
    values = np.interp(shares, counts / counts[-1], summary[0])
    weights = np.diff(np.interp(shares, counts / counts[-1], counts), prepend=0)
    return np.stack([values, weights]).astype(np.float32)
