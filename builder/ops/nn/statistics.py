"""What numbers are like as a whole."""

from collections.abc import Sequence

from builder.errors import NetworkError
from builder.ops.numpy.reduction import mean, var
from builder.ops.operation import operation
from builder.ops.symbolic import KerasTensor, TensorLike

__all__ = ["moments"]


@operation
def moments(
    x: TensorLike, axes: int | Sequence[int], keepdims: bool = False, synchronized: bool = False
) -> tuple[KerasTensor, KerasTensor]:
    """The mean and the variance over `axes`, of halves as of floats."""
    if synchronized:
        raise NetworkError("Argument synchronized=True is not supported: a network runs on one machine")
    return mean(x, axes, keepdims), var(x, axes, keepdims)
