"""Windows to weigh the samples of a signal by; constants, since their sizes are known."""

import numpy as np

from builder.graph import Array
from builder.ops.operation import operation
from builder.ops.symbolic import KerasTensor, emit

__all__ = ["bartlett", "blackman", "hamming", "hanning", "kaiser"]


@operation
def bartlett(x: int) -> KerasTensor:
    """A triangle of `x` samples from 0 to 0 (a constant)."""
    return _constant(np.bartlett(x))


@operation
def blackman(x: int) -> KerasTensor:
    """The sum of three cosines over `x` samples (a constant)."""
    return _constant(np.blackman(x))


@operation
def hamming(x: int) -> KerasTensor:
    """A raised cosine of `x` samples from 0.08 to 0.08 (a constant)."""
    return _constant(np.hamming(x))


@operation
def hanning(x: int) -> KerasTensor:
    """A raised cosine of `x` samples from 0 to 0 (a constant)."""
    return _constant(np.hanning(x))


@operation
def kaiser(x: int, beta: float) -> KerasTensor:
    """Bessel's window of `x` samples, narrower for a larger `beta` (a constant)."""
    return _constant(np.kaiser(x, beta))


def _constant(window: Array) -> KerasTensor:
    return emit("Identity", window.astype(np.float32))
