"""SOURCE: a file that Keras saved, or a model in Python."""

from __future__ import annotations

import importlib
import sys
import traceback
from pathlib import Path

from builder.errors import HornbeamError, SourceError
from builder.models import Model, load_model

__all__ = ["default_name", "described", "is_there", "opened"]

FILES = (".keras", ".h5", ".hdf5")


def opened(source: str) -> Model:
    """The model that a SOURCE names. Raises SourceError when it names none, and what opening it raises."""
    if ":" in source and not is_there(source):
        return _from_python(*source.split(":", 1))
    if not source.endswith(FILES) and not is_there(source):
        raise SourceError(f"SOURCE {source!r} is neither a file that Keras saved ({', '.join(FILES)}) nor package.module:object")
    return load_model(source)


def is_there(source: str) -> bool:
    """Whether a SOURCE is a path of something."""
    try:
        return Path(source).exists()
    except OSError:  # too long for a name
        return False


def default_name(source: str, model: Model) -> str:
    """The name in a repository: the file's, or the model's."""
    if not model.source:
        return model.name
    name = Path(source).resolve().name
    return next((name.removesuffix(ending) for ending in FILES if name.endswith(ending)), name)


def described(model: Model) -> str:
    """A model in a line."""
    saved = f", saved by Keras {model.source.keras_version}" if model.source and model.source.keras_version else ""
    return f"{type(model).__name__} '{model.name}', {len(model.layers)} layers, {model.count_params():,} parameters{saved}"


def _from_python(module: str, name: str) -> Model:
    """The model that `name` in `module` is or returns; modules in the working directory count."""
    sys.path.insert(0, "")
    try:
        found = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
        model = found() if callable(found) and not isinstance(found, Model) else found
    except HornbeamError:
        raise
    except Exception as error:  # the user's own code: say where it failed, in one sentence
        raise SourceError(f"SOURCE {module}:{name} failed: {type(error).__name__}: {error}{_place(error)}") from error
    finally:
        sys.path.remove("")
    if not isinstance(model, Model):
        raise SourceError(f"SOURCE {module}:{name} is a {type(model).__name__}, not a model of builder.models or a function returning one")
    return model


def _place(error: Exception) -> str:
    """Where in the user's own code an error arose, if it did."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename != __file__ and "importlib" not in frame.filename]
    return f" ({own[-1].filename}:{own[-1].lineno})" if own else ""
