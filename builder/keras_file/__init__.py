"""Files that Keras saved: the archive, its config, and its weights.

A file may come from anyone. Nothing in it is imported, executed or unpacked to disk, and nothing takes more memory than
the file itself.
"""

from builder.keras_file.archive import SavedModel, read
from builder.keras_file.classes import unknown_layers
from builder.keras_file.weights import assign_weights, unsaid_quantized

__all__ = ["SavedModel", "assign_weights", "read", "unknown_layers", "unsaid_quantized"]
