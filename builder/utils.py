"""Keras's `keras.utils`, as far as it builds models: a name that user code imports, and no room of this house.

Everything here is from the place where it belongs; nothing is to be defined in this file.
"""

from builder.backend import clear_session
from builder.custom import CustomObjectScope, custom_object_scope, get_custom_objects, get_registered_name, register_keras_serializable
from builder.initializers import set_random_seed
from builder.models.plotting import plot_model
from builder.saving import deserialize_keras_object, serialize_keras_object

__all__ = [
    "CustomObjectScope",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "plot_model",
    "register_keras_serializable",
    "serialize_keras_object",
    "set_random_seed",
]
