"""Build networks as in Keras, open those that Keras saved, and export them to ONNX; no framework needed.

`import builder as keras` is the idea: names that Keras has are Keras's.
"""

from builder import (
    activations,
    backend,
    config,
    constraints,
    errors,
    initializers,
    layers,
    mixed_precision,
    models,
    ops,
    regularizers,
    saving,
    utils,
)
from builder.custom import custom_object_scope, register_keras_serializable
from builder.dtype_policy import DTypePolicy
from builder.initializers import Initializer
from builder.input_spec import InputSpec
from builder.layers import Input, Layer
from builder.models import Functional, Model, Sequential, load_model, plot_model, save_model
from builder.ops.symbolic import KerasTensor, Variable

# Keras opens and saves models in `keras.saving` too, and here that room is below the models: it gets them from here.
saving.load_model = load_model
saving.save_model = save_model

__all__ = [
    "DTypePolicy",
    "Functional",
    "Initializer",
    "Input",
    "InputSpec",
    "KerasTensor",
    "Layer",
    "Model",
    "Sequential",
    "Variable",
    "activations",
    "backend",
    "config",
    "constraints",
    "custom_object_scope",
    "errors",
    "initializers",
    "layers",
    "load_model",
    "mixed_precision",
    "models",
    "ops",
    "plot_model",
    "register_keras_serializable",
    "regularizers",
    "save_model",
    "saving",
    "utils",
]
