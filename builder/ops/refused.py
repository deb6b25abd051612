"""The functions of `keras.ops` that are not to be had here, each with the reason, which calling it gives.

The one place for them: `REFUSED` tells all, for whoever lists what there is.
"""

from collections.abc import Callable
from typing import Any, NoReturn

from builder.errors import UnsupportedError

__all__ = [
    "REFUSED",
    "eig",
    "eigh",
    "elastic_transform",
    "jvp",
    "lstsq",
    "matrix_rank",
    "nextafter",
    "pinv",
    "polar",
    "qr",
    "reason_of_class",
    "svd",
    "view_as_complex",
    "view_as_real",
]

REFUSED: dict[str, str] = {}


def _refused(name: str, reason: str) -> Callable[..., NoReturn]:
    """A function that takes any arguments and raises UnsupportedError, and its entry in `REFUSED`."""
    REFUSED[name] = reason

    def function(*args: Any, **kwargs: Any) -> NoReturn:
        raise UnsupportedError(f"`ops.{name}` is not supported: {reason}")

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Refused: {reason}."
    return function


def reason_of_class(class_name: str) -> str | None:
    """The reason for the function that Keras saves as a class of that name; None where there is no such refusal."""
    return next((reason for name, reason in REFUSED.items() if name.replace("_", "") == class_name.lower()), None)


_ITERATED = "ONNX has no decomposition of matrices, and how many steps one takes depends on the numbers; work it out before the network"
_COMPLEX = "ONNX Runtime computes no complex numbers; keep the real and the imaginary parts as two tensors"

svd = _refused("svd", _ITERATED)
eig = _refused("eig", _ITERATED)
eigh = _refused("eigh", _ITERATED)
qr = _refused("qr", f"{_ITERATED}, or solve with `ops.solve` or `ops.cholesky`")
pinv = _refused("pinv", f"it needs singular values: {_ITERATED}; `ops.inv` inverts square matrices")
lstsq = _refused("lstsq", f"it needs singular values: {_ITERATED}; `ops.solve` solves the normal equations")
matrix_rank = _refused("matrix_rank", f"it needs singular values: {_ITERATED}")
polar = _refused("polar", f"{_COMPLEX}: `abs_ * ops.cos(angle)` and `abs_ * ops.sin(angle)`")
view_as_complex = _refused("view_as_complex", _COMPLEX)
view_as_real = _refused("view_as_real", _COMPLEX)
nextafter = _refused("nextafter", "ONNX cannot read the bits of a float; add a small number instead")
jvp = _refused("jvp", "a network here is run, not trained, and has no derivatives; take them in Keras")
elastic_transform = _refused(
    "elastic_transform", "it draws random numbers, which a network that is served must not; warp with `ops.image.map_coordinates`"
)
