"""Graphs as ONNX Runtime has rewritten them, kept for the next start.

Loading one then skips the rewriting and maps the weights. What is kept depends on the model, on the release of ONNX Runtime and
on what the processor can do, and is named by a hash of all of them. It is looked for and written for the CPU only. Whoever may
write to the directory decides what is run.
"""

from __future__ import annotations

import hashlib
import logging
import platform
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime

from service.engine.contents import fingerprint

__all__ = ["cached_session"]

log = logging.getLogger("hornbeam.engine")
Open = Callable[[Path, Any], Any]  # a session of the model at a path, with ONNX Runtime's SessionOptions

_MODEL, _WEIGHTS, _FILES = "model.onnx", "model.weights", "files"
_FORM = b"1"  # what is kept, and how: one more with each change of it


def cached_session(directory: Path, path: Path, options: Callable[[], Any], level: str, opened: Open) -> Any:
    """A session of the model at `path`: from what is kept below `directory`, or else as `opened` makes it, which is then kept.

    `options` makes ONNX Runtime's SessionOptions, rewriting up to `level`. What cannot be kept or opened is logged, and the
    model is loaded as if there were no cache. Raises what `opened` raises for the model itself.
    """
    entry = directory / _key(directory, path, level)
    if (entry / _MODEL).is_file():
        try:
            return opened(entry / _MODEL, _as_it_is(options()))
        except Exception as error:  # ONNX Runtime raises a class of its own for each of its codes
            log.warning("%s: the graph kept in %s cannot be used, and is made again: %s", path, entry, error)
            shutil.rmtree(entry, ignore_errors=True)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(dir=directory, suffix=".part"))
    except OSError as error:
        log.warning("%s: its graph is not kept: %s cannot be written: %s", path, directory, error.strerror)
        return opened(path, options())
    try:
        session = opened(path, _kept_in(staged, options()))
        if _key(directory, path, level) == entry.name:
            _keep(staged, entry, path)
        else:
            log.info("%s: its graph is not kept: its files changed while it was loaded", path)
    except Exception as error:  # as above; the model's own mistake is told again by what follows
        log.warning("%s: its graph is not kept: %s", path, error)
        return opened(path, options())
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return session


def _kept_in(staged: Path, options: Any) -> Any:
    options.optimized_model_filepath = str(staged / _MODEL)
    options.add_session_config_entry("session.optimized_model_external_initializers_file_name", _WEIGHTS)
    options.add_session_config_entry("session.optimized_model_external_initializers_min_size_in_bytes", "1024")
    return options


def _keep(staged: Path, entry: Path, path: Path) -> None:
    try:
        staged.rename(entry)
        log.info("%s: its graph is kept in %s", path, entry)
    except OSError:
        log.debug("%s: another process has kept its graph in %s meanwhile", path, entry)


def _as_it_is(options: Any) -> Any:
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return options


def _key(directory: Path, path: Path, level: str) -> str:
    """The hash of all that the rewritten graph depends on, in hex."""
    digest = hashlib.blake2b(digest_size=20)
    parts = (_FORM, onnxruntime.__version__.encode(), platform.machine().encode(), _processor(), level.encode())
    for part in (*parts, fingerprint(path, directory / _FILES).encode()):
        digest.update(part + b"\0")
    return digest.hexdigest()


def _processor() -> bytes:
    """What the processor can do, as Linux tells it; its name elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_bytes().splitlines()
    except OSError:
        return platform.processor().encode()
    return next((line for line in lines if line.startswith((b"flags", b"Features"))), b"")
