"""The network as a picture: as SVG by a layout of our own, as text for Mermaid and Graphviz, and as PNG by Graphviz."""

from builder.plot.arrangement import RANKDIRS
from builder.plot.drawing import draw
from builder.plot.picture import Arrow, Box, Frame, Key, Look, Picture

__all__ = ["RANKDIRS", "Arrow", "Box", "Frame", "Key", "Look", "Picture", "draw"]
