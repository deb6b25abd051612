"""From a graph to a checked ONNX file, with whatever was asked of it: `export`."""

from builder.export.checks import Accuracy
from builder.export.exporting import Export, Progress, export
from builder.export.metadata import Source
from builder.export.options import Flag, Options, flag_of

__all__ = ["Accuracy", "Export", "Flag", "Options", "Progress", "Source", "export", "flag_of"]
