"""Golden samples: what the model was asked when it was checked, and what it answered, for whoever serves it to ask again.

An `.npz` with an array `input/<name>` for each input and `output/<name>` for each output; strings are of fixed width, so
that nothing in it needs pickle. Two equal sets of samples are equal bytes.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from builder.export.checks import Answers
from builder.graph import Array

__all__ = ["encode", "load_arrays"]

DATE = (1980, 1, 1, 0, 0, 0)  # the first that a zip archive can have
READABLE = 0o644 << 16


def encode(answers: Answers) -> tuple[bytes, str]:
    """The file's bytes, and their SHA-256 in hex."""
    arrays = {f"input/{name}": array for name, array in answers.feeds.items()}
    arrays |= {f"output/{name}": array for name, array in answers.outputs.items()}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", DATE)
            member.external_attr = READABLE
            archive.writestr(member, _encoded(array))
    data = file.getvalue()
    return data, hashlib.sha256(data).hexdigest()


def load_arrays(path: Path) -> Mapping[str, Array]:
    """The arrays of an `.npz` by their names. Raises OSError or ValueError when it is none, or would need pickle."""
    try:
        with np.load(path, allow_pickle=False) as saved:
            arrays = {name: saved[name] for name in saved.files}
    except (zipfile.BadZipFile, AttributeError, EOFError) as error:
        raise ValueError(str(error)) from error
    if strangers := [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]:
        raise ValueError(f"member '{strangers[0]}' is no array")
    return arrays


def _encoded(array: Array) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array.astype(np.str_) if array.dtype.kind == "O" else array, allow_pickle=False)
    return file.getvalue()
