"""Saving models for Keras and for here, and what a model is without its weights."""

from __future__ import annotations

import warnings
from datetime import datetime
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from builder.errors import ExportError, NetworkError
from builder.keras_file import write_archive, write_directory, write_shards, write_weights
from builder.layer import Layer

__all__ = ["save_model", "save_weights"]

GIB = 2**30


def save_model(
    model: Layer,
    filepath: str | PathLike[str],
    overwrite: bool = True,
    zipped: bool | None = None,
    date: datetime | None = None,
    **kwargs: Any,
) -> None:
    """Writes the model as a `.keras` file, or with `zipped=False` as a directory of the same members, which Keras opens.

    The same model gives the same bytes: the file says that it was saved in 1980 unless `date` is given. Raises NetworkError
    for a path with another ending, ExportError when something is there and `overwrite` is False, or when the disk refuses.
    """
    kwargs.pop("include_optimizer", None)  # there is none
    if kwargs:
        raise NetworkError(f"The following argument(s) are not supported: {sorted(kwargs)}")
    if not isinstance(model, Layer):
        raise NetworkError(f"save_model takes a model; it was given a {type(model).__name__}")
    path = Path(fspath(filepath))
    ends = path.suffix == ".keras"
    if zipped is not False and not ends:
        raise NetworkError(
            f"Invalid `filepath` argument: expected a `.keras` extension. Received: filepath={path}. To write a directory instead, "
            "pass zipped=False."
        )
    if zipped is False and ends:
        raise NetworkError(f"When using `zipped=False`, the `filepath` argument should not end in `.keras`. Received: filepath={path}")
    _check_free(path, overwrite)
    if not model.built:
        warnings.warn(
            f"model '{model.name}' is saved before it was built, and so without weights: build it with the shape of its input first",
            stacklevel=3,
        )
    (write_archive if ends else write_directory)(model, path, date)


def save_weights(model: Layer, filepath: str | PathLike[str], overwrite: bool = True, max_shard_size: float | None = None) -> None:
    """Writes the weights to a `.weights.h5` file, or with `max_shard_size`, in GiB, to several and a `.weights.json` that names them.

    Raises NetworkError for a path with another ending and for a model that is not built.
    """
    path = Path(fspath(filepath))
    if not model.built:
        raise NetworkError(f"model '{model.name}' has no weights yet: build it with the shape of its input, or call it once")
    if max_shard_size is None and not path.name.endswith(".weights.h5"):
        raise NetworkError(f"The filename must end in `.weights.h5`. Received: filepath={path}")
    if max_shard_size is None:
        _check_free(path, overwrite)
        write_weights(model, path)
        return
    if not path.name.endswith((".weights.h5", ".weights.json")):
        raise NetworkError(f"The filename must end in `.weights.json` when `max_shard_size` is specified. Received: filepath={path}")
    path = path.with_suffix(".json")
    _check_free(path, overwrite)
    write_shards(model, path, max_shard_size * GIB)


def _check_free(path: Path, overwrite: bool) -> None:
    if not overwrite and path.exists():
        raise ExportError(f"{path} is there already; pass overwrite=True to replace it")
