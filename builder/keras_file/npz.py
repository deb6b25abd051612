"""Reading `.npz`: a zip file of arrays, as NumPy writes them, each a short header and its numbers.

An array of Python objects is a pickle, which can run code: it is refused unread. That is what Keras 3 writes as
`model.weights.npz` where h5py is not installed, and what it does not read back itself.
"""

from __future__ import annotations

import io
import tokenize
import zipfile
from math import prod

import numpy as np
from numpy.lib import format as npy

from builder.errors import ModelFileError
from builder.graph import Array
from builder.keras_file.stored import Stored
from builder.keras_file.zip import check_members

__all__ = ["arrays"]


def arrays(data: bytes) -> dict[str, Stored]:
    """The arrays by name. Raises ModelFileError where any is not plain."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            check_members(archive, len(data))
            return {name.removesuffix(".npy"): _stored(name.removesuffix(".npy"), archive.read(name)) for name in archive.namelist()}
    except (zipfile.BadZipFile, tokenize.TokenError, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        raise ModelFileError(f"it is no .npz file, or is damaged: {error}") from None


def _stored(name: str, data: bytes) -> Stored:
    stream = io.BytesIO(data)
    version = npy.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise ModelFileError(f"{name!r} is written in version {version} of NumPy's format, which is not known")
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, in_columns, dtype = read_header(stream)
    numbers = memoryview(data)[stream.tell() :]
    if dtype.kind == "O":
        raise ModelFileError(f"{name!r} is a pickle, which can run code and is never opened; save the model with h5py installed")
    if dtype.kind not in "fiub":
        raise ModelFileError(f"{name!r} holds {dtype}, not numbers")
    if any(size < 0 for size in shape) or prod(shape) * dtype.itemsize != len(numbers):
        raise ModelFileError(f"{name!r} claims shape {shape} of {dtype}, and the file holds {len(numbers)} bytes")

    def read() -> Array:
        return np.frombuffer(numbers, dtype).reshape(shape, order="F" if in_columns else "C")

    return Stored(repr(name), shape, dtype.name, read)
