"""What user code asks of `keras.backend` when it builds a model."""

from typing import Any

from builder import naming
from builder.config import epsilon, floatx, image_data_format, set_image_data_format
from builder.ops.symbolic import KerasTensor

__all__ = ["clear_session", "epsilon", "floatx", "image_data_format", "is_keras_tensor", "set_image_data_format"]


def clear_session(free_memory: bool = True) -> None:
    """Counts names from the start again: dense, dense_1. Models that exist are what they are, and nothing else is kept."""
    naming.reset()


def is_keras_tensor(x: Any) -> bool:
    """Whether it is a symbolic tensor."""
    return isinstance(x, KerasTensor)
