"""Windows over the frames of a signal."""

from typing import Any

import numpy as np

from builder.errors import NetworkError
from builder.graph import Array

__all__ = ["window_of"]

# Sums of cosines: how much of each multiple of the window's own frequency.
_WINDOWS = {
    "boxcar": (1.0,),
    "hann": (0.5, 0.5),
    "hamming": (0.54, 0.46),
    "blackman": (0.42, 0.50, 0.08),
    "nuttall": (0.3635819, 0.4891775, 0.1365995, 0.0106411),
    "blackmanharris": (0.35875, 0.48829, 0.14128, 0.01168),
    "flattop": (0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368),
}


def window_of(window: Any, length: int, periodic: bool) -> Array:
    """How much each of `length` samples counts: by a window's name, symmetric or periodic, or as given.

    Raises NetworkError for a name that is not known, or numbers that are not as many.
    """
    if not isinstance(window, str):
        given = np.asarray(window, np.float64)
        if given.shape != (length,):
            raise NetworkError(f"The shape of `window` must be equal to [{length}]. Received: window shape={given.shape}")
        return given
    if window not in _WINDOWS:
        raise NetworkError(f"Unknown window: {window}. Expected one of {tuple(_WINDOWS)}, or the numbers themselves")
    if length == 1:
        return np.ones(1)
    angles = np.linspace(-np.pi, np.pi, length + periodic)[:length]
    found: Array = sum(part * np.cos(multiple * angles) for multiple, part in enumerate(_WINDOWS[window]))  # type: ignore[assignment]
    return found
