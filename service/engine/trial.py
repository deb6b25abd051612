"""What a model is tried with when it is loaded, and whether rows answer together as they do alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from service.engine.bfloat16 import from_float, is_bfloat16, to_float
from service.request import Array, Datatype, TensorSpec

__all__ = ["close", "same", "sample", "zeros"]

_FREE = 2  # elements on a free axis of a sample
_FINE, _COARSE = 1e-4, 1e-2  # tolerances of 32 and more bits, and of 16


def sample(spec: TensorSpec, generator: np.random.Generator) -> Array:
    """Two rows that differ: normal for floats, the row's number for integers, which may be indices, and for strings."""
    shape = [dim if isinstance(dim, int) else _FREE for dim in spec.shape]
    if is_bfloat16(spec.datatype):
        return from_float(generator.normal(size=shape))
    if spec.datatype.numpy.kind == "f":
        return generator.normal(size=shape).astype(spec.datatype.numpy)
    numbers: Array = np.indices(shape)[0]
    return numbers.astype(str).astype(object) if spec.datatype.name == "BYTES" else numbers.astype(spec.datatype.numpy)


def zeros(spec: TensorSpec, rows: int | None, free: int) -> Array:
    """Zeros, or empty strings, of so many rows if any, with `free` elements on the other axes that are free."""
    shape = [dim if isinstance(dim, int) else free for dim in spec.shape]
    if rows is not None:
        shape[0] = rows
    return np.full(shape, "", object) if spec.datatype.name == "BYTES" else np.zeros(shape, spec.datatype.numpy)


def same(rows: Sequence[Array], together: Array, datatype: Datatype) -> bool:
    """Whether rows computed alone are those computed together, up to rounding; an output without elements shows nothing."""
    if not together.size or any(row.shape != (1, *together.shape[1:]) for row in rows) or len(together) != len(rows):
        return False
    alone = np.concatenate(rows)
    if is_bfloat16(datatype):
        return bool(np.allclose(to_float(alone), to_float(together), rtol=_COARSE, atol=_COARSE, equal_nan=True))
    if alone.dtype.kind != "f":
        return bool(np.all(alone == together))
    tolerance = _FINE if alone.dtype.itemsize > 2 else _COARSE
    return bool(np.allclose(alone, together, rtol=tolerance, atol=tolerance, equal_nan=True))


def close(expected: Array, found: Array, datatype: Datatype, tolerance: float = 0.0) -> bool:
    """Whether two answers are one up to rounding, relative to the largest number: `tolerance` at least, or that of the datatype."""
    if expected.shape != found.shape:
        return False
    if is_bfloat16(datatype):
        expected, found = to_float(expected), to_float(found)
    if expected.dtype.kind != "f":
        return bool(np.all(expected == found))
    bound = max(tolerance, _FINE if datatype.numpy.itemsize > 2 else _COARSE)
    scale = float(np.max(np.abs(expected), initial=0.0, where=np.isfinite(expected)))
    return bool(np.allclose(found, expected, rtol=bound, atol=bound * scale, equal_nan=True))
