"""The file with the picture: which format by the ending of its name, and what is refused."""

from collections.abc import Callable
from pathlib import Path

from builder.errors import ExportError, NetworkError, UnsupportedError
from builder.plot.arrangement import RANKDIRS
from builder.plot.dot import dot, png
from builder.plot.mermaid import mermaid
from builder.plot.picture import Look, Picture
from builder.plot.svg import svg

__all__ = ["FORMATS", "draw"]

FORMATS: dict[str, Callable[[Picture, Look], str | bytes]] = {".svg": svg, ".mmd": mermaid, ".dot": dot, ".png": png}
SPLINES = ("ortho", "curved", "polyline", "spline", "line")


def draw(picture: Picture, path: Path, look: Look) -> Path:
    """Writes the picture and returns where. Raises UnsupportedError, NetworkError or ExportError, with nothing written."""
    if look.rankdir not in RANKDIRS:
        raise NetworkError(f"rankdir is one of {', '.join(RANKDIRS)}; found {look.rankdir!r}")
    if isinstance(look.dpi, bool) or not isinstance(look.dpi, int) or look.dpi < 1:
        raise NetworkError(f"dpi is a whole number of dots per inch, at least 1; found {look.dpi!r}")
    if look.splines is not None and look.splines not in SPLINES:
        raise NetworkError(f"splines is one of {', '.join(SPLINES)}; found {look.splines!r}")
    form = FORMATS.get(path.suffix.lower())
    if form is None:
        raise UnsupportedError(f"{path} cannot be drawn: the name of a picture ends in {', '.join(FORMATS)}")
    drawn = form(picture, look)
    try:
        path.write_bytes(drawn.encode() if isinstance(drawn, str) else drawn)
    except OSError as error:
        raise ExportError(f"{path} cannot be written: {error.strerror}") from error
    return path
