"""Build networks as in Keras, open those that Keras saved, and export them to ONNX; no framework needed.

`import builder as keras` is the idea: names that Keras has are Keras's.
"""

from builder import activations, errors, initializers, layers, models, ops
from builder.custom import custom_object_scope, register_keras_serializable
from builder.layers import Input, Layer
from builder.models import Functional, Model, Sequential, load_model, plot_model

__all__ = [
    "Functional",
    "Input",
    "Layer",
    "Model",
    "Sequential",
    "activations",
    "custom_object_scope",
    "errors",
    "initializers",
    "layers",
    "load_model",
    "models",
    "ops",
    "plot_model",
    "register_keras_serializable",
]
