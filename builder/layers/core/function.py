"""A function of a user's own as a layer."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Self

from builder import activations
from builder.errors import NetworkError, UnsupportedError
from builder.layer import Layer
from builder.ops.symbolic import KerasTensor

__all__ = ["Lambda"]


class Lambda(Layer):
    """`function(inputs, **arguments)`: a Python function that is written in `ops`, and traced when the layer is called.

    `mask` is a tensor, or a function of the inputs and their mask. What shape comes out follows from the function, whatever
    `output_shape` says. A config can name a function that is known here or registered; it never brings one.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if not callable(function):
            raise NetworkError(f"Argument `function` of Lambda must be a function. Received: {function}")
        super().__init__(**kwargs)
        self.function = function
        self.output_shape = output_shape
        self.mask = mask
        self.arguments = arguments or {}
        self.supports_masking = mask is not None

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A layer of a function that is known by its name. Raises UnsupportedError for code that comes with the config."""
        function = config["function"]
        if isinstance(function, dict) and function.get("class_name") == "__lambda__":
            raise UnsupportedError(
                f"layer '{config.get('name', '?')}' is a Lambda layer: its Python code comes with the file and is never run; "
                "replace it by layers, in Keras, and save again"
            )
        mask = config.get("mask")
        named = {"function": activations.get(function), "mask": activations.get(mask) if isinstance(mask, str | dict) else mask}
        return cls(**{**config, **named})

    def get_config(self) -> dict[str, Any]:
        functions = {"function": self.function, "mask": self.mask, "output_shape": self.output_shape}
        return super().get_config() | {name: _named(value) for name, value in functions.items() if callable(value)}

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        asked = inspect.signature(self.function).parameters
        context = {name: value for name, value in (("mask", mask), ("training", training)) if name in asked}
        return self.function(inputs, **self.arguments, **context)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return self.mask(inputs, mask) if callable(self.mask) and not isinstance(self.mask, KerasTensor) else self.mask


def _named(function: Callable[..., Any]) -> dict[str, Any]:
    """A function by its name, in the form that Keras saves."""
    return {"module": "builtins", "class_name": "function", "config": activations.serialize(function), "registered_name": "function"}
