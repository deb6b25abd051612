"""The errors that a user of the builder can cause, and nothing else.

    HornbeamError
    ├── NetworkError        (ValueError)      the network is put together wrongly
    │   └── NotBuiltError   (AttributeError)  asked for what exists only after building
    ├── SymbolicError       (TypeError, ...)  a symbolic tensor was used as if it held numbers
    ├── UnsupportedError                      it has no form in plain ONNX, or is not known here
    │   └── UnknownClassError   (TypeError)   a config names a class that nobody gave
    ├── ModelFileError                        a file cannot be opened, or not safely
    ├── ExportError                           nothing was written, and why
    ├── PackError                             no image was written, and why
    └── SourceError                           a command's SOURCE names no model

Where Keras raises a built-in class, ours is also of that class, so that a user's `except` keeps working.
"""

from collections.abc import Sequence

__all__ = [
    "ExportError",
    "HornbeamError",
    "ModelFileError",
    "NetworkError",
    "NotBuiltError",
    "PackError",
    "SourceError",
    "SymbolicError",
    "UnknownClassError",
    "UnsupportedError",
    "several",
]


class HornbeamError(Exception):
    """Something that the user can put right; its text says how."""


class NetworkError(HornbeamError, ValueError):
    """The network is put together wrongly: a shape, a name, a connection or an argument does not fit."""


class NotBuiltError(NetworkError, AttributeError):
    """Something was asked for that exists only once the layer or model has been built."""


class SymbolicError(HornbeamError, TypeError, ValueError, NotImplementedError):
    """A symbolic tensor was used where numbers are needed; for which Keras has one class a use."""


class UnsupportedError(HornbeamError):
    """Something has no form in plain ONNX, or is not known to this version."""


class UnknownClassError(UnsupportedError, TypeError):
    """A config names a class that is neither of this package nor given by the user."""


class ModelFileError(HornbeamError):
    """A saved model cannot be opened, or not without risk."""


class ExportError(HornbeamError):
    """An export was refused; nothing was written."""


class PackError(HornbeamError):
    """A repository cannot be made an image of; nothing was written."""


class SourceError(HornbeamError):
    """What was given as a model to export is not one."""


def several(title: str, problems: Sequence[str]) -> str:
    """One sentence for one problem; a title and a line each for more."""
    if len(problems) == 1:
        return f"{title}: {problems[0]}"
    return "\n  - ".join([f"{title}, {len(problems)} problems:", *problems])
