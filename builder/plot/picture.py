"""What a picture of a network shows, as plain data: boxes, frames around boxes, and arrows between boxes."""

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Arrow", "Box", "Frame", "Key", "Look", "Picture"]

Key = tuple[int, ...]  # the number of the outermost frame, of the one in it, and so on to the box: unique, and in order


@dataclass(frozen=True, slots=True)
class Box:
    """A layer, a function of `ops`, or one of the network's outputs. `family` is what colours go by, `trainable` None without weights."""

    key: Key
    name: str
    class_name: str
    family: str = "layer"
    activation: str = ""
    inputs: tuple[str, ...] = ()  # shapes
    outputs: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = ()
    trainable: bool | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """A nested model that is shown with what is inside it."""

    key: Key
    name: str
    class_name: str
    parts: tuple["Box | Frame", ...]


@dataclass(frozen=True, slots=True)
class Arrow:
    """A tensor from box to box. `leaves` and `enters` are the numbers of the calls, where what is called has several.

    They are numbers from the outermost frame to the box: (2, 1) is the first call of a layer in the second call of its model.
    """

    source: Key
    target: Key
    leaves: tuple[int, ...] = ()
    enters: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """The parts in the order of the network, inputs first: an arrow to an earlier part is one that goes back to a shared layer."""

    name: str
    parts: tuple[Box | Frame, ...]
    arrows: tuple[Arrow, ...]

    def boxes(self) -> Iterator[Box]:
        """All boxes, those in frames too."""
        stack = list(reversed(self.parts))
        while stack:
            match stack.pop():
                case Frame(parts=parts):
                    stack.extend(reversed(parts))
                case box:
                    yield box


@dataclass(frozen=True, slots=True)
class Look:
    """What of a picture is to be seen, and how."""

    shapes: bool = False
    dtype: bool = False
    names: bool = False
    activations: bool = False
    trainable: bool = False
    rankdir: str = "TB"
    dpi: int = 200
    splines: str | None = None
