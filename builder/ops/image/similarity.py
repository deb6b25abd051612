"""How alike images are."""

import numpy as np

from builder.errors import NetworkError
from builder.ops.image.filters import filtered, gaussian
from builder.ops.image.layout import batched_first
from builder.ops.numpy.arithmetic import add, divide, multiply, subtract
from builder.ops.numpy.reduction import mean
from builder.ops.numpy.shaping import squeeze
from builder.ops.operation import operation
from builder.ops.promotion import dtype_of, floating
from builder.ops.symbolic import KerasTensor, TensorLike, converted, shape_of

__all__ = ["ssim"]


@operation
def ssim(
    image1: TensorLike,
    image2: TensorLike,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    data_format: str | None = None,
) -> TensorLike:
    """The structural similarity of each pair of images, from -1 to 1 (Wang and others, 2004): `(batch,)`, or a scalar of one pair.

    Means, variances and what they have in common are of windows of `filter_size`, weighed by a bell.
    """
    if len(shape_of(image1)) != len(shape_of(image2)):
        raise NetworkError(f"The images must be of one shape. Received: {shape_of(image1)} and {shape_of(image2)}")
    dtype = dtype_of(image1)
    (one, rank), (other, _) = (batched_first(floating(image), data_format) for image in (image1, image2))
    bell = np.outer(gaussian(filter_size, filter_sigma), gaussian(filter_size, filter_sigma))

    def over_windows(x: TensorLike) -> KerasTensor:
        return filtered(x, bell, same=False)

    mean1, mean2 = over_windows(one), over_windows(other)
    squares, both = add(multiply(mean1, mean1), multiply(mean2, mean2)), multiply(mean1, mean2)
    spread = subtract(add(over_windows(multiply(one, one)), over_windows(multiply(other, other))), squares)
    together = subtract(over_windows(multiply(one, other)), both)
    first, second = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    found = multiply(add(multiply(both, 2.0), first), add(multiply(together, 2.0), second))
    alike = divide(found, multiply(add(squares, first), add(spread, second)))
    each = mean(mean(alike, (2, 3)), 1)
    return converted(each if rank == 4 else squeeze(each, 0), dtype)
