"""ONNX files as they lie on a disk: what is in one, and how two differ."""

from builder.inspection.description import Description, Tensor, describe_file, model_file
from builder.inspection.difference import Difference, WeightChange, difference_between, largest_gap

__all__ = [
    "Description",
    "Difference",
    "Tensor",
    "WeightChange",
    "describe_file",
    "difference_between",
    "largest_gap",
    "model_file",
]
