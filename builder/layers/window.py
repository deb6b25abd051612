"""What convolution and pooling share: the window's arguments, in the forms that Keras takes."""

from collections.abc import Sequence
from typing import Any

from builder.config import image_data_format
from builder.errors import NetworkError

__all__ = ["standardize_borders", "standardize_data_format", "standardize_padding", "standardize_sizes"]


def standardize_sizes(value: Any, rank: int, name: str, least: int = 1) -> tuple[int, ...]:
    """One size for each spatial axis, from one for all or one for each. Raises NetworkError for anything else."""
    sizes = (value,) * rank if isinstance(value, int) else value
    if not isinstance(sizes, Sequence) or len(sizes) != rank or not all(isinstance(size, int) and size >= least for size in sizes):
        raise NetworkError(
            f"The `{name}` argument must be an integer or a tuple of {rank} integers, each {least} or more. Received: {name}={value}"
        )
    return tuple(sizes)


def standardize_borders(value: Any, rank: int, name: str) -> tuple[tuple[int, int], ...]:
    """How much at the beginning and the end of each spatial axis: one number for all, one for each, or a pair for each."""
    if isinstance(value, int):
        value = (value,) * rank
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise NetworkError(
            f"`{name}` should be either an int, a tuple of {rank} ints, or a tuple of {rank} tuples of 2 ints. Received: {name}={value}"
        )
    if len(value) != rank:
        raise NetworkError(f"`{name}` should have {rank} elements. Received: {name}={value}")
    pairs = [standardize_sizes(entry, 2, f"entry {index + 1} of {name}", least=0) for index, entry in enumerate(value)]
    return tuple((first, last) for first, last in pairs)


def standardize_padding(value: Any, causal: bool = False) -> str:
    """ "valid", "same" or, where it is allowed, "causal", in any case. Raises NetworkError for anything else."""
    padding = value.lower() if isinstance(value, str) else value
    allowed = ("valid", "same", "causal") if causal else ("valid", "same")
    if padding not in allowed:
        raise NetworkError(f"The `padding` argument must be one of {', '.join(map(repr, allowed))}. Received: {value}")
    return str(padding)


def standardize_data_format(value: Any) -> str:
    """ "channels_last" or "channels_first"; for None, the one that is set for all. Raises NetworkError for anything else."""
    if value is None:
        return image_data_format()
    if value not in ("channels_last", "channels_first"):
        raise NetworkError(f"The `data_format` argument must be 'channels_first' or 'channels_last'. Received: {value}")
    return str(value)
