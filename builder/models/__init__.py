"""Networks: a stack of layers or a graph of them, and those that Keras saved."""

from builder.models.functional import Functional
from builder.models.loading import load_model
from builder.models.model import Model
from builder.models.picture import plot_model
from builder.models.sequential import Sequential

__all__ = ["Functional", "Model", "Sequential", "load_model", "plot_model"]
