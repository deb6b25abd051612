"""Golden samples: what an exporter asked the model and what it answered, asked again before the model serves.

They lie beside the model, `samples.npz` beside `model.onnx` and `x.samples.npz` beside `x.onnx`, with an array
`input/<name>` for each input and `output/<name>` for each output. The model's metadata has their SHA-256, and how far from
them an answer may be, relative to the output's largest number.
"""

from __future__ import annotations

import hashlib
import io
import logging
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, prod
from pathlib import Path
from typing import Annotated

import numpy as np

from service.engine.session import Session
from service.errors import ServiceError, StartupError
from service.request import Array, Datatype

__all__ = ["LoadOptions", "replay"]

log = logging.getLogger("hornbeam.engine")
_HOW_TO_GO_ON = "export the model again, or load it without with replay_samples = false"
_COARSE = 1e-2  # the least tolerance for 16 bits


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """What a model has to go through before it serves."""

    replay_samples: Annotated[bool, "Whether a model must answer the samples that were exported with it as it did then."] = True
    check_padding: Annotated[bool, "Whether a model that is padded must answer rows padded to each bucket as it does without."] = True
    warm_up: Annotated[bool, "Whether a model runs each batch size once before it is ready, so that no request is the first."] = True


def replay(session: Session) -> bool:
    """Whether the model has samples; if so, it has answered them as it should.

    Raises StartupError, with how far it is off, when it has not, or when the samples are not those of the model. Samples
    that the model names and that are not there are only warned of.
    """
    expected = session.metadata.get("hornbeam.samples_sha256")
    if not expected:
        return False
    path = _place(session.path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        log.warning("%s: the samples that were exported with it are not there, so that it could not be tried: %s", session.path, path)
        return False
    except OSError as error:
        raise StartupError(f"{path} cannot be read: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != expected:
        raise StartupError(f"{path} holds other samples than those that {session.path.name} was exported with; {_HOW_TO_GO_ON}")
    _compare(session, path, _arrays(path, data), max(_tolerance(session), session.tolerance))
    return True


def _place(model: Path) -> Path:
    return model.with_name("samples.npz" if model.name == "model.onnx" else f"{model.stem}.samples.npz")


def _tolerance(session: Session) -> float:
    text = session.metadata.get("hornbeam.samples_tolerance", "")
    try:
        tolerance = float(text)
    except ValueError:
        tolerance = -1.0
    if not isfinite(tolerance) or tolerance < 0:
        raise StartupError(f"{session.path}: its metadata 'hornbeam.samples_tolerance' is {text!r}, which is no tolerance")
    return tolerance


def _arrays(path: Path, data: bytes) -> Mapping[str, Array]:
    """The arrays by name. Nothing in it may need pickle, or more memory than the file is large."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(member.file_size for member in archive.infolist()) > len(data):
                raise ValueError("it is compressed")
            return {name.removesuffix(".npy"): _array(archive.read(name)) for name in archive.namelist()}
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, NotImplementedError, RuntimeError, zlib.error) as error:
        raise StartupError(f"{path} cannot be read: {error}; {_HOW_TO_GO_ON}") from error


def _array(member: bytes) -> Array:
    """One array in NumPy's format. Raises ValueError before there is room made for more than the file holds."""
    file = io.BytesIO(member)
    version = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(file)
    if prod(shape) * max(1, dtype.itemsize) > len(member) and not dtype.hasobject:
        raise ValueError(f"a member claims to be of shape {list(shape)}, which is more than there is")
    file.seek(0)
    array: Array = np.lib.format.read_array(file, allow_pickle=False)
    return array.astype(object) if array.dtype.kind == "U" else array


def _compare(session: Session, path: Path, arrays: Mapping[str, Array], tolerance: float) -> None:
    inputs, outputs = session.signature.inputs, session.signature.outputs
    needed = {f"input/{name}" for name, spec in inputs.items() if not spec.optional} | {f"output/{name}" for name in outputs}
    if missing := sorted(needed - arrays.keys()):
        raise StartupError(f"{path} has no {missing[0]!r}, which {session.path.name} has; {_HOW_TO_GO_ON}")
    feeds = {name: arrays[f"input/{name}"] for name in inputs if f"input/{name}" in arrays}
    try:
        found = session.run(feeds)
    except ServiceError as error:
        raise StartupError(f"{session.path} does not run on {path.name}: {error}; {_HOW_TO_GO_ON}") from error
    for (name, spec), answer in zip(outputs.items(), found, strict=True):
        if difference := _difference(answer, arrays[f"output/{name}"], spec.datatype, tolerance):
            raise StartupError(
                f"{session.path} answers the samples that were exported with it otherwise on {session.provider} than it should: "
                f"output '{name}' {difference}; {_HOW_TO_GO_ON}"
            )


def _difference(found: Array, expected: Array, datatype: Datatype, tolerance: float) -> str:
    """In what way an answer is another than expected; empty when it is not."""
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return f"is {found.dtype} of shape {list(found.shape)}, expected {expected.dtype} of shape {list(expected.shape)}"
    if datatype.numpy.kind != "f":
        wrong = int(np.count_nonzero(found != expected))
        return f"is not the same in {wrong} of {found.size} elements" if wrong else ""
    bound = max(tolerance, _COARSE if found.dtype.itemsize <= 2 else 0.0)
    scale = float(np.max(np.abs(expected), initial=0.0, where=np.isfinite(expected)))
    if np.allclose(found, expected, rtol=bound, atol=bound * scale, equal_nan=True):
        return ""
    with np.errstate(invalid="ignore"):
        gap = np.abs(np.subtract(found, expected, dtype=np.float64))
    largest = float(np.max(gap, initial=0.0, where=np.isfinite(gap)))
    return f"is off by up to {largest:.3g}, and may be by {bound * scale:.3g}, {bound:g} of its largest number"
