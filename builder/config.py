"""What holds for every layer that is not told otherwise: Keras's `keras.config`."""

from typing import Any

from builder.dtype_policy import DTypePolicy, dtype_policy, set_dtype_policy
from builder.errors import NetworkError

__all__ = ["DTypePolicy", "dtype_policy", "epsilon", "floatx", "image_data_format", "set_dtype_policy", "set_image_data_format"]

_image_data_format = ["channels_last"]


def image_data_format() -> str:
    """ "channels_last" or "channels_first": that of layers that are given none."""
    return _image_data_format[0]


def set_image_data_format(data_format: Any) -> None:
    """Makes `data_format` that of layers that are given none from now on. Raises NetworkError when it is none."""
    if data_format not in ("channels_last", "channels_first"):
        raise NetworkError(f"The `data_format` argument must be 'channels_first' or 'channels_last'. Received: {data_format}")
    _image_data_format[0] = data_format


def floatx() -> str:
    """The dtype of an Input that is given none."""
    return "float32"


def epsilon() -> float:
    """The small number that functions add where they would divide by zero."""
    return 1e-7
