"""Opening what Keras saved."""

import json
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

from builder import keras_file
from builder.custom import custom_object_scope
from builder.errors import HornbeamError, ModelFileError, UnsupportedError, several
from builder.layers.core.quantized import QUANTIZED_HERE, Quantizable
from builder.models.model import Model
from builder.ops.allowance import allowing
from builder.saving import deserialize, sharing

__all__ = ["load_model", "model_from_json"]

NUMBERS = 2**24  # that a file's layers may make out of sizes alone; a MelSpectrogram makes 2**22, and most make some thousands


def load_model(
    filepath: str | PathLike[str], custom_objects: dict[str, Any] | None = None, compile: bool = True, safe_mode: bool = True
) -> Model:
    """The model in a `.keras` file or directory, or in a legacy `.h5` file, of any version of Keras since 2.0, with its weights.

    `custom_objects` are classes and functions of the user's own by the names that the file has for them. Nothing in the
    file is imported or executed, whatever `safe_mode` says; the optimizer and losses are left where they are. Raises
    ModelFileError when the file cannot be opened, UnsupportedError naming every layer that is not known.
    """
    from builder.export import Source  # as in Model.export

    with custom_object_scope(custom_objects):
        saved = keras_file.read(Path(filepath))
        model = _network(saved)
    _quantize_unsaid(model, saved)
    keras_file.assign_weights(model, saved)
    model.source = Source(saved.path.name, saved.sha256, saved.keras_version, str(saved.path))
    return model


def model_from_json(json_string: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """The model that `to_json` describes, without its weights.

    Raises ModelFileError when the text is no JSON of a model, UnsupportedError naming every layer that is not known.
    """
    try:
        config = json.loads(json_string)
    except (ValueError, TypeError, RecursionError) as error:
        raise ModelFileError(f"this is no JSON of a model: {error}") from None
    if not isinstance(config, dict):
        raise ModelFileError(f"this is no JSON of a model: it holds a {type(config).__name__}")
    with custom_object_scope(custom_objects):
        return _described(lambda: (config, []), "the JSON")


def _quantize_unsaid(model: Model, saved: keras_file.SavedModel) -> None:
    """Quantizes the layers that Keras's config does not say it of: those in a MultiHeadAttention, which Keras itself cannot open.

    They were quantized as the others in the model were, and where there are no others, to int8 with Keras's default config.
    """
    layers = model.flattened()
    listed = {layer for part in layers if isinstance(part, Model) for layer in part.layers}  # whose configs say it
    if not any(isinstance(layer, Quantizable) and layer.mode is None and layer not in listed for layer in layers):
        return
    if not (unsaid := keras_file.unsaid_quantized(model, saved)):
        return
    others = [layer for layer in layers if isinstance(layer, Quantizable) and layer.mode]
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
    model = _described(lambda: keras_file.modern(saved), str(saved.path))
    if not model.built:
        raise ModelFileError(
            f"{saved.path}: model '{model.name}' was saved before the shape of its input was known; call it once and save again"
        )
    return model


def _described(convert: Callable[[], tuple[dict[str, Any], list[str]]], where: str) -> Model:
    """The model of a config that is from `where`, built if the config says for what; `convert` gives it in Keras 3's form."""
    try:
        config, problems = convert()
        if problems := [*problems, *keras_file.unknown_layers(config)]:
            raise UnsupportedError(several(f"{where} cannot be opened", problems))
        with sharing(), allowing(NUMBERS):
            model = deserialize(config)
            if isinstance(model, Model) and not model.built:
                model.build_from_config(config.get("build_config") or {})
    except MemoryError:
        raise ModelFileError(f"{where} asks for more memory than there is") from None
    except RecursionError:
        raise ModelFileError(f"{where}: its models are nested too deeply") from None
    except HornbeamError as error:
        kind = UnsupportedError if isinstance(error, UnsupportedError) else ModelFileError
        text = str(error) if str(error).startswith(where) else f"{where} cannot be opened: {error}"
        raise kind(text) from error
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, AssertionError) as error:
        raise ModelFileError(f"{where} has a config that does not fit: {type(error).__name__}: {error}") from error
    if not isinstance(model, Model):
        raise ModelFileError(f"{where} holds a {type(model).__name__}, not a model")
    return model
