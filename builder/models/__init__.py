"""Networks: a stack of layers, a graph of them or a class of a user's own, and those that Keras saved."""

from builder.models.cloning import clone_model
from builder.models.functional import Functional
from builder.models.loading import load_model, model_from_json
from builder.models.model import Model
from builder.models.plotting import plot_model
from builder.models.saving import save_model, save_weights
from builder.models.sequential import Sequential

__all__ = [
    "Functional",
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_json",
    "plot_model",
    "save_model",
    "save_weights",
]
