"""Files that Keras saved, and those that it opens: the archive, its config, and its weights.

A file may come from anyone. Nothing in it is imported, executed or unpacked to disk, and nothing takes more memory than
the file itself.
"""

from builder.keras_file.archive import SavedModel, read
from builder.keras_file.classes import unknown_layers
from builder.keras_file.weights import assign_weights
from builder.keras_file.writing import saved_config, write_archive, write_directory, write_shards, write_weights

__all__ = [
    "SavedModel",
    "assign_weights",
    "read",
    "saved_config",
    "unknown_layers",
    "write_archive",
    "write_directory",
    "write_shards",
    "write_weights",
]
