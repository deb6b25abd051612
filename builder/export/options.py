"""What can be asked of an export, each once: the keywords of `Model.export` and the flags of the command are these fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from os import PathLike
from typing import Any

from builder.errors import ExportError, several
from builder.graph import Array
from builder.passes import PASSES
from builder.passes.opset import OPSETS
from builder.proto import OPSET

__all__ = ["DYNAMIC", "STATIC", "Flag", "Options", "flag_of"]

Calibration = str | PathLike[str] | Mapping[str, Array] | None
DYNAMIC, STATIC = "int8", "int8-static"


@dataclass(frozen=True, slots=True)
class Flag:
    """How an option is written in a shell. The kind follows from the default where this does not say."""

    name: str
    help: str
    choices: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None
    metavar: str | None = None


def _as(name: str, help: str, **more: Any) -> dict[str, Flag]:
    """The metadata of a field that is an option."""
    return {"flag": Flag(name, help, **more)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to export. Raises ExportError, with all that is wrong, for values that cannot be or do not go together.

    `dims` maps `batch` or `<input>.<axis>` to a name or a size; `calibration` is the path of an .npz, or arrays by the
    inputs' names; sizes are in bytes.
    """

    opset: int = field(
        default=OPSET,
        metadata=_as("--opset", "Version of ONNX's operators, for runtimes of another age.", least=OPSETS[0], most=OPSETS[-1]),
    )
    dims: Mapping[str, str | int] = field(
        default_factory=dict,
        metadata=_as("--dim", "A free dimension's name or size: batch=8, image.1=height, image.1=224.", metavar="DIM=VALUE"),
    )
    dtype: str | None = field(
        default=None, metadata=_as("--dtype", "What to compute in; inputs and outputs stay as they are.", choices=("float16", "bfloat16"))
    )
    quantize: str | None = field(
        default=None,
        metadata=_as(
            "--quantize", "Weights in int8; activations measured while running, or from --calibration.", choices=(DYNAMIC, STATIC)
        ),
    )
    calibration: Calibration = field(
        default=None, metadata=_as("--calibration", f"Typical inputs for {STATIC}, an array by each input's name.", metavar="FILE.npz")
    )
    external_data: bool = field(
        default=False, metadata=_as("--external-data", "Weights in a file beside the model, as beyond 2 GB anyway.")
    )
    external_threshold: int = field(default=1024, metadata=_as("--external-threshold", "Bytes from which a weight goes there.", least=0))
    samples: bool = field(default=True, metadata=_as("--samples/--no-samples", "Write sample inputs and answers beside the model."))
    check_against: str | None = field(
        default=None, metadata=_as("--check-against", "Compare with what Keras, which must be installed, answers.", choices=("keras",))
    )
    without: tuple[str, ...] = field(default=(), metadata=_as("--without", "Leave out a pass.", choices=tuple(PASSES)))

    def __post_init__(self) -> None:
        problems = [problem for option in fields(self) if (problem := _problem(flag_of(option), getattr(self, option.name)))]
        if self.quantize and self.dtype:
            problems.append(f"--quantize {self.quantize} and --dtype {self.dtype} do not go together; choose one")
        if self.quantize == STATIC and self.calibration is None:
            problems.append(f"--quantize {STATIC} needs --calibration with typical inputs; {DYNAMIC} does without")
        if self.calibration is not None and self.quantize is None:
            problems.append("--calibration is for --quantize, which is not asked for")
        if problems:
            raise ExportError(several("the options cannot be so, and nothing was written", problems))

    @property
    def precision(self) -> str | None:
        """What the network is in where that is not what it was built in."""
        return self.dtype or self.quantize


def flag_of(option: Any) -> Flag:
    """The flag of a field of `Options`."""
    flag: Flag = option.metadata["flag"]
    return flag


def _problem(flag: Flag, value: Any) -> str | None:
    """What is wrong with one option; None where nothing is."""
    given = value if isinstance(value, tuple) else () if value is None else (value,)
    if flag.choices and (unknown := [item for item in given if item not in flag.choices]):
        return f"{flag.name} is one of {', '.join(flag.choices)}; found {unknown[0]!r}"
    if flag.least is None:
        return None
    if not isinstance(value, int) or value < flag.least or (flag.most is not None and value > flag.most):
        return f"{flag.name} is an integer from {flag.least}{f' to {flag.most}' if flag.most is not None else ''}; found {value!r}"
    return None
