"""What is written in a box: the same in every format."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from builder.plot.picture import Arrow, Box, Look

__all__ = ["CALLS", "FAMILIES", "Colour", "Label", "arrow_colour", "arrow_labels", "call_colour", "plain"]

LINE = 36  # characters of a name before it goes on in the next line


@dataclass(frozen=True, slots=True)
class Colour:
    """The two colours of a family of layers: inside, and around."""

    fill: str
    line: str


FAMILIES = {
    "input": Colour("#e3e7ec", "#4a5a6a"),
    "output": Colour("#e3e7ec", "#4a5a6a"),
    "function": Colour("#ffffff", "#6b7280"),
    "model": Colour("#dcdff7", "#4650a8"),
    "layer": Colour("#eceff3", "#66727f"),
    "core": Colour("#dbe8fb", "#2f6cc0"),
    "convolution": Colour("#dbe8fb", "#2f6cc0"),
    "recurrent": Colour("#d5ebf7", "#1a78a6"),
    "attention": Colour("#ece0f8", "#8047b8"),
    "activation": Colour("#fde2dc", "#c4512f"),
    "pooling": Colour("#dcf1dd", "#38873f"),
    "normalization": Colour("#d5f0ec", "#1d857a"),
    "regularization": Colour("#f3ead8", "#93703a"),
    "merging": Colour("#fbeebf", "#a37a00"),
    "reshaping": Colour("#f7e1ee", "#a8457f"),
}
# The first call of a shared layer, the second, and so on; around again after the last.
CALLS = ("#1565c0", "#d84315", "#2e7d32", "#7b1fa2", "#00838f", "#ad1457", "#6d4c41", "#9e7700")


@dataclass(frozen=True, slots=True)
class Label:
    """The class; the name in lines, if it is shown; rows of a word and its values; the mark that training leaves it alone, or not."""

    title: str
    name: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    mark: str

    @classmethod
    def of(cls, box: Box, look: Look) -> "Label":
        """What `look` shows of a box."""
        name = tuple(_wrapped(plain(box.name))) if look.names else ()
        is_marked = look.trainable and box.trainable is not None
        mark = "" if not is_marked else "trainable" if box.trainable else "non-trainable"
        return cls(plain(box.class_name), name, tuple(_rows(box, look)), mark)


def arrow_labels(arrow: Arrow) -> tuple[str, str]:
    """The numbers of the calls that an arrow leaves and enters, where there are several; the second alone where both are the same."""
    leaves, enters = (".".join(map(str, numbers)) for numbers in (arrow.leaves, arrow.enters))
    return ("" if leaves == enters else leaves), enters


def arrow_colour(arrow: Arrow) -> str:
    """The colour of an arrow: that of the call that it enters, or else leaves."""
    return call_colour((*arrow.enters, *arrow.leaves, 0)[0])


def call_colour(call: int) -> str:
    """The colour of a call, counted from one; 0 for what has only one."""
    return CALLS[(call - 1) % len(CALLS)] if call else "#59636e"


def plain(text: str) -> str:
    """The text with a mark in place of what cannot be printed: a file's names may hold anything."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def _rows(box: Box, look: Look) -> Iterator[tuple[str, tuple[str, ...]]]:
    if look.activations and box.activation:
        yield "activation", (plain(box.activation),)
    if look.shapes and box.inputs:
        yield "input", tuple(_counted(box.inputs))
    if look.shapes and box.outputs:
        yield "output", tuple(_counted(box.outputs))
    if look.dtype and box.dtypes:
        yield "dtype", tuple(_counted(box.dtypes))


def _counted(texts: Sequence[str]) -> Iterator[str]:
    """The texts; the same several times in a row as one with its count."""
    for text, group in groupby(texts):
        count = len(list(group))
        yield f"{count} × {text}" if count > 1 else text


def _wrapped(name: str) -> Iterator[str]:
    """Lines of at most LINE characters, broken behind a space or a sign if possible."""
    while len(name) > LINE:
        signs = [match.end() for match in re.finditer(r"[\W_]+", name[:LINE]) if match.end() > LINE // 3]
        end = signs[-1] if signs else LINE
        yield name[:end].rstrip()
        name = name[end:]
    yield name
