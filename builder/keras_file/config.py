"""The config of a saved network in one form, whatever version wrote it."""

from __future__ import annotations

from typing import Any

from builder.errors import ModelFileError
from builder.keras_file import keras2, keras3
from builder.keras_file.archive import SavedModel
from builder.keras_file.extent import check_extent
from builder.keras_file.hdf5 import opened
from builder.keras_file.weights import group_shapes

__all__ = ["modern"]


def modern(saved: SavedModel) -> tuple[dict[str, Any], list[str]]:
    """The config in the form of Keras 3, and a sentence for each part that has no such form.

    Raises ModelFileError for one that is damaged.
    """
    config: Any = saved.config
    problems: list[str] = []
    try:
        if keras2.is_keras2(config, saved.keras_version):
            config, problems = keras2.converted(config, _shapes(saved))
        config = keras3.converted(config)
        check_extent(config, str(saved.path))
        return config, problems
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        raise ModelFileError(f"{saved.path} has a config that is damaged: {error}") from error


def _shapes(saved: SavedModel) -> dict[str, list[tuple[int, ...]]]:
    """The shapes of the weights of each layer of a legacy file; none for another, whose config says all."""
    if not saved.is_legacy:
        return {}
    with opened(saved.weights, f"the weights in {saved.path}") as file:
        return group_shapes(file.follow("model_weights"))
