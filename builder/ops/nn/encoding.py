"""Numbers as vectors of zeros and ones."""

from typing import Any

import numpy as np

from builder.errors import NetworkError
from builder.ops.allowance import spend
from builder.ops.numpy.reduction import max
from builder.ops.numpy.shaping import expand_dims
from builder.ops.operation import operation
from builder.ops.promotion import dtype_of, promoted
from builder.ops.symbolic import KerasTensor, TensorLike, converted, emit, shape_of
from builder.proto import standardize_dtype

__all__ = ["multi_hot", "one_hot"]


@operation
def one_hot(x: TensorLike, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> KerasTensor:
    """A 1 at each number, on a new axis of size `num_classes`; all zeros for a number that is not among them.

    Equal and not ONNX OneHot, for which -1 is the last class.
    """
    if sparse:
        raise NetworkError("Sparse tensors have no form in plain ONNX; leave `sparse` out")
    rank = len(shape_of(x)) + 1
    place = axis % rank
    spend(num_classes)
    classes = np.arange(num_classes).reshape([-1 if one == place else 1 for one in range(rank)])
    numbers, wanted = promoted(x, classes.astype(dtype_of(x)) if dtype_of(x) != "bool" else classes)
    here = converted(emit("Equal", expand_dims(numbers, place), wanted), standardize_dtype(dtype))
    assert isinstance(here, KerasTensor)
    return here


@operation
def multi_hot(
    inputs: TensorLike,
    num_classes: int | None = None,
    axis: int = -1,
    dtype: Any = None,
    sparse: bool = False,
    num_tokens: int | None = None,
) -> KerasTensor:
    """A 1 at each number of a row, zeros elsewhere: `(batch, numbers)` to `(batch, num_classes)`."""
    classes = num_classes if num_classes is not None else num_tokens
    if classes is None:
        raise NetworkError("Argument `num_classes` must be specified.")
    hot = one_hot(converted(inputs, "int32"), classes, axis, dtype, sparse)
    return max(hot, axis=1 if len(shape_of(inputs)) > 1 else 0)
