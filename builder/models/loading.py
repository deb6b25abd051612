"""Opening what Keras saved."""

import json
from os import PathLike
from pathlib import Path
from typing import Any

from builder import keras_file
from builder.custom import custom_object_scope
from builder.errors import HornbeamError, ModelFileError, UnsupportedError, several
from builder.export import Source
from builder.layers.core.quantized import QUANTIZED_HERE, Quantizable
from builder.models.model import Model
from builder.saving import deserialize

__all__ = ["load_model"]


def load_model(
    filepath: str | PathLike[str], custom_objects: dict[str, Any] | None = None, compile: bool = True, safe_mode: bool = True
) -> Model:
    """The model in a `.keras` file, with its weights.

    `custom_objects` are classes and functions of the user's own by the names that the file has for them. Nothing in the
    file is imported or executed, whatever `safe_mode` says; the optimizer and losses are left where they are. Raises
    ModelFileError when the file cannot be opened, UnsupportedError naming every layer that is not known.
    """
    with custom_object_scope(custom_objects):
        saved = keras_file.read(Path(filepath))
        model = _network(saved)
    _quantize_unsaid(model, saved)
    keras_file.assign_weights(model, saved)
    model.source = Source(saved.path.name, saved.sha256, saved.keras_version)
    return model


def _quantize_unsaid(model: Model, saved: keras_file.SavedModel) -> None:
    """Quantizes the layers that Keras's config does not say it of: those in a MultiHeadAttention, which Keras itself cannot open.

    They were quantized as the others in the model were, and where there are no others, to int8 with Keras's default config.
    """
    if not (unsaid := keras_file.unsaid_quantized(model, saved)):
        return
    others = [layer for layer in model.flattened() if isinstance(layer, Quantizable) and layer.mode]
    said = {json.dumps([layer.own_policy.quantization, layer.quantization_config]) for layer in others}
    if len(said) > 1:
        names = ", ".join(f"'{layer.name}'" for layer in unsaid)
        raise ModelFileError(f"{saved.path}: {names} are quantized, the file does not say how, and the other layers are in several ways")
    policy, config = json.loads(said.pop()) if said else QUANTIZED_HERE["int8"]
    for layer in unsaid:
        assert isinstance(layer, Quantizable)
        layer.rebuild(policy, config)
    model.retrace()


def _network(saved: keras_file.SavedModel) -> Model:
    """The model that a file describes, before its weights."""
    if unknown := keras_file.unknown_layers(saved.config):
        raise UnsupportedError(several(f"{saved.path} cannot be opened", unknown))
    try:
        model = deserialize(saved.config)
        if isinstance(model, Model) and not model.built:
            model.build_from_config(saved.config.get("build_config") or {})
    except RecursionError:
        raise ModelFileError(f"{saved.path}: its models are nested too deeply") from None
    except UnsupportedError as error:
        raise UnsupportedError(f"{saved.path} cannot be opened: {error}") from error
    except HornbeamError as error:
        raise ModelFileError(f"{saved.path} cannot be opened: {error}") from error
    if not isinstance(model, Model):
        raise ModelFileError(f"{saved.path} holds a {type(model).__name__}, not a model")
    if not model.built:
        raise ModelFileError(
            f"{saved.path}: model '{model.name}' was saved before the shape of its input was known; call it once and save again"
        )
    return model
