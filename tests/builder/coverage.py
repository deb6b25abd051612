"""The coverage table of `builder/README.md`: every layer, function and argument of Keras's, and what becomes of it here.

    python -m tests.builder.coverage

writes it anew, out of Keras's own signatures and this package's registries; a test fails when that has not been done.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras

import builder
from builder import Input, layers, ops
from builder.keras_file.classes import REFUSED
from builder.layer import Layer
from builder.ops.refused import REFUSED as REFUSED_FUNCTIONS
from builder.saving import REGISTRY
from tests.builder.rows import ROWS, Row

__all__ = ["PARTLY", "README", "Refusal", "between_marks", "table"]

README = Path(__file__).parents[2] / "builder" / "README.md"
BEGIN, END = "<!-- coverage: begin -->\n", "<!-- coverage: end -->\n"
OF_EVERY_LAYER = {"self", "args", "kwargs", "name", "dtype", "trainable", "autocast", "activity_regularizer"}
MOVES_NOTHING = {"Cast", "Identity"}


@dataclass(frozen=True)
class Refusal:
    """A use of a layer that is refused, in words, and the call that shows it: it raises when the network is made or written."""

    layer: str
    words: str
    call: Callable[[], Any]


def _texts(**arguments: Any) -> Any:
    return layers.TextVectorization(vocabulary=["a"], **arguments)(Input((1,), dtype="string"))


PARTLY = (
    Refusal("Hashing", "strings, whose hash has no form in plain ONNX", lambda: layers.Hashing(4)(Input((1,), dtype="string"))),
    Refusal(
        "HashedCrossing",
        "strings, likewise",
        lambda: layers.HashedCrossing(4)([Input((1,), dtype="string"), Input((1,), dtype="string")]),
    ),
    Refusal(
        "StringLookup",
        "`num_oov_indices` above 1, which hashes strings",
        lambda: layers.StringLookup(vocabulary=["a"], num_oov_indices=2)(Input((1,), dtype="string")),
    ),
    Refusal("TextVectorization", "`ngrams`", lambda: _texts(ngrams=2)),
    Refusal("TextVectorization", "`split` into characters", lambda: _texts(split="character")),
    Refusal(
        "UpSampling2D",
        "lanczos at a free size",
        lambda: layers.UpSampling2D(2, interpolation="lanczos3")(Input((None, None, 3))),
    ),
    Refusal("BatchNormalization", "a call with `training=True`", lambda: layers.BatchNormalization()(Input((4,)), training=True)),
    Refusal(
        "Dropout",
        "a call with `training=True`, as for every layer that would be random",
        lambda: layers.Dropout(0.5)(Input((4,)), training=True),
    ),
)


def table() -> str:
    """The whole table, as Markdown."""
    return "\n".join([*_layers(), *_functions(), ""])


def between_marks(text: str) -> str:
    """The part of a text that is the table."""
    return text.split(BEGIN)[1].split(END)[0]


def _layers() -> Iterator[str]:
    for family, names in groupby(sorted(_keras_layers(), key=_family), key=_family):
        yield f"\n**{family}**\n"
        yield "| layer | here | arguments that act | arguments of training |"
        yield "|---|---|---|---|"
        yield from (_layer_row(name) for name in sorted(names))


def _layer_row(name: str) -> str:
    ours = getattr(layers, name, None)
    if ours is None:
        return f"| `{name}` | refused: {REFUSED[name]} | | |"
    arguments = [
        argument for argument in inspect.signature(getattr(keras.layers, name).__init__).parameters if argument not in OF_EVERY_LAYER
    ]
    idle = [argument for argument in arguments if argument in ours.training_only]
    acting = [argument for argument in arguments if argument not in idle]
    refused = [refusal.words for refusal in PARTLY if refusal.layer == name]
    state = f"{_state(ours)}; refused: {'; '.join(refused)}" if refused else _state(ours)
    return f"| `{name}` | {state} | {_codes(acting)} | {_codes(idle)} |"


def _state(cls: type[Layer]) -> str:
    """What the layer becomes: an identity where its rows in the layer table make no node but one that changes the dtype."""
    rows = [row for row in ROWS.values() if row.layer == cls.__name__]
    return "identity" if rows and not any(_operators(row) - MOVES_NOTHING for row in rows) else "exact"


def _operators(row: Row) -> set[str]:
    return {node.op for node in row.network(builder, row.make(builder)).graph().nodes()}


def _keras_layers() -> list[str]:
    """The public names of Keras's layers: of several for one class, those that we have it under."""
    named = {name: item for name, item in vars(keras.layers).items() if isinstance(item, type) and issubclass(item, keras.layers.Layer)}
    return [name for name, item in named.items() if item is not keras.layers.Layer and not _is_alias(name, item)]


def _is_alias(name: str, cls: type[Any]) -> bool:
    return name != cls.__name__ and hasattr(layers, cls.__name__) and cls.__name__ in REGISTRY and hasattr(keras.layers, cls.__name__)


def _family(name: str) -> str:
    return str(getattr(keras.layers, name).__module__.split(".")[3])


def _functions() -> Iterator[str]:
    yield "\n**keras.ops**\n"
    yield "Every argument of Keras's is taken, under its name and in its place."
    for title, theirs, ours in (("`ops`", keras.ops, ops), ("`ops.image`", keras.ops.image, ops.image)):
        names = sorted(name for name, item in vars(theirs).items() if callable(item) and not name.startswith("_"))
        exact = [name for name in names if name not in REFUSED_FUNCTIONS]
        missing = [name for name in exact if not hasattr(ours, name)]
        assert not missing, missing
        yield f"\n{title}, exact ({len(exact)}): {_codes(exact)}."
    yield "\n| function | refused, because |"
    yield "|---|---|"
    yield from (f"| `{name}` | {reason} |" for name, reason in sorted(REFUSED_FUNCTIONS.items()))


def _codes(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    before, after = README.read_text().split(BEGIN)[0], README.read_text().split(END)[1]
    README.write_text(before + BEGIN + table() + END + after)
