"""`plot_model`: a network into a file that shows it. What draws is imported when something is drawn: it is a tenth of the package."""

from __future__ import annotations

from os import PathLike, fspath
from pathlib import Path

from builder.errors import NetworkError
from builder.models.model import Model

__all__ = ["plot_model"]


def plot_model(
    model: Model,
    to_file: str | PathLike[str] = "model.svg",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str | None = None,
) -> Path:
    """Draws the network into a file, whose name's ending says how: .svg, .mmd (Mermaid), .dot, or .png, which takes Graphviz.

    `rankdir` is the way from inputs to outputs: TB, LR, BT or RL. `expand_nested` shows what is inside nested models; `dpi`
    is the resolution of a .png. `splines` is Graphviz's word for the form of lines in a .dot and .png: ortho, curved, polyline,
    spline (which it takes unless told) or line; those of an .svg are at right angles. Returns where the file is. Raises
    UnsupportedError when the ending is another or Graphviz is not there, NetworkError when the model is not built or
    an option makes no sense, ExportError when nothing can be written.
    """
    from builder.models.picture import picture_of
    from builder.plot import Look, draw

    if not isinstance(model, Model):
        raise NetworkError(f"plot_model takes a model; it was given a {type(model).__name__}")
    look = Look(show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable, rankdir, dpi, splines)
    return draw(picture_of(model, expand_nested), Path(fspath(to_file)), look)
