"""Inputs for a model, made up from its description or taken from a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from service.bench.target import TargetInput, TargetModel
from service.errors import StartupError
from service.request import Array, Tensor

__all__ = ["make_inputs", "parse_shapes"]

SEED = 0


def parse_shapes(texts: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Sizes of axes by input, out of `input:1,2,3`. Raises StartupError for what is not so written."""
    shapes = {}
    for text in texts:
        name, _, sizes = text.rpartition(":")
        parts = [size.strip() for size in sizes.split(",")]
        if not name or not all(size.isdecimal() for size in parts):
            raise StartupError(f"--shape is written input:1,2,3, and was given {text!r}")
        shapes[name] = tuple(int(size) for size in parts)
    return shapes


def make_inputs(model: TargetModel, rows: int, shapes: Mapping[str, tuple[int, ...]], data: str) -> list[Tensor]:
    """An array for each input, of `rows` rows where the model is batched.

    `data` is random, zeros, or an .npz file with an array for each input, whose rows are repeated until there are enough.
    Raises StartupError when a size is not known, or does not fit the model.
    """
    if unknown := [name for name in shapes if name not in {given.name for given in model.inputs}]:
        names = ", ".join(given.name for given in model.inputs)
        raise StartupError(f"--shape: model '{model.name}' has no input '{unknown[0]}'; it has {names}")
    if data not in ("random", "zeros"):
        return _stored(model, rows, Path(data))
    generator = np.random.default_rng(SEED)
    tensors = []
    for given in model.inputs:
        shape = _shape(model, given, rows, shapes.get(given.name))
        tensors.append(Tensor(given.name, given.datatype, _values(given, shape, generator if data == "random" else None)))
    return tensors


def _shape(model: TargetModel, given: TargetInput, rows: int, sizes: tuple[int, ...] | None) -> tuple[int, ...]:
    """The whole shape of an input; `sizes` are of its axes, but for the one that counts rows."""
    inner = given.shape[1:] if model.batched else given.shape
    if sizes is None:
        sizes = inner
    if len(sizes) != len(inner) or any(axis not in (-1, size) for axis, size in zip(inner, sizes, strict=True)):
        raise StartupError(
            f"--shape: input '{given.name}' of model '{model.name}' is {_written(inner)}{_besides(model)}, not {_written(sizes)}"
        )
    if -1 in sizes:
        example = ",".join(str(size if size > 0 else 8) for size in sizes)
        raise StartupError(
            f"input '{given.name}' of model '{model.name}' has free axes, {_written(inner)}{_besides(model)}; "
            f"say how long they are, as in --shape {given.name}:{example}"
        )
    return (rows, *sizes) if model.batched else sizes


def _values(given: TargetInput, shape: tuple[int, ...], generator: np.random.Generator | None) -> Array:
    """Zeros without a generator; otherwise floats around 0, and 0 or 1 of whatever may be an index."""
    dtype = given.datatype.numpy
    if generator is None:
        return np.full(shape, "0", object) if given.datatype.name == "BYTES" else np.zeros(shape, dtype)
    if given.datatype.name in ("FP16", "FP32", "FP64"):
        return generator.standard_normal(shape).astype(dtype)
    numbers = generator.integers(0, 2, prod(shape)).reshape(shape)
    return numbers.astype(str).astype(object) if given.datatype.name == "BYTES" else numbers.astype(dtype)


def _stored(model: TargetModel, rows: int, path: Path) -> list[Tensor]:
    try:
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, AttributeError, TypeError, BadZipFile) as error:
        raise StartupError(f"--data is random, zeros or an .npz file, and {path} cannot be read as one: {error}") from error
    if missing := [given.name for given in model.inputs if given.name not in arrays]:
        raise StartupError(f"{path} has no array '{missing[0]}', which model '{model.name}' takes; it has {', '.join(arrays) or 'none'}")
    return [Tensor(given.name, given.datatype, _fitted(model, given, arrays[given.name], rows, path)) for given in model.inputs]


def _fitted(model: TargetModel, given: TargetInput, array: Array, rows: int, path: Path) -> Array:
    if given.datatype.name == "BYTES":
        array = array.astype(str).astype(object)
    if model.batched and array.ndim and len(array):
        array = array[np.arange(rows) % len(array)]
    expected = (rows, *given.shape[1:]) if model.batched else given.shape
    fits = array.ndim == len(expected) and all(axis in (-1, size) for axis, size in zip(expected, array.shape, strict=True))
    if not fits:
        raise StartupError(f"{path}: '{given.name}' is {_written(array.shape)}, and model '{model.name}' takes {_written(expected)}")
    if array.dtype.kind not in "O" and not np.can_cast(array.dtype, given.datatype.numpy, "same_kind"):
        raise StartupError(f"{path}: '{given.name}' is {array.dtype}, and model '{model.name}' takes {given.datatype.name}")
    return array.astype(given.datatype.numpy)


def _written(shape: Sequence[int]) -> str:
    return "[" + ",".join(str(size) for size in shape) + "]"


def _besides(model: TargetModel) -> str:
    return " in each row" if model.batched else ""
