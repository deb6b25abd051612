"""Files that Keras saved, of every version: their config in one form, that of Keras 3, and their weights; and those that it opens.

A file may come from anyone. Nothing in it is imported, executed or unpacked to disk, and nothing outside of it is read. Opening
one takes memory for twice its size, its bytes and the arrays made of them, and besides that at most 512 MiB, whatever it claims:
for its config (`json`), its calls (`extent`), and what functions make out of sizes alone (`ops.allowance`).
"""

from builder.keras_file.archive import SavedModel, read
from builder.keras_file.assignment import assign_weights, load_weights
from builder.keras_file.classes import unknown_layers
from builder.keras_file.config import modern
from builder.keras_file.weights import unsaid_quantized
from builder.keras_file.writing import saved_config, write_archive, write_directory, write_shards, write_weights

__all__ = [
    "SavedModel",
    "assign_weights",
    "load_weights",
    "modern",
    "read",
    "saved_config",
    "unknown_layers",
    "unsaid_quantized",
    "write_archive",
    "write_directory",
    "write_shards",
    "write_weights",
]
