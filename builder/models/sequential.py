"""Sequential models: a stack of layers, which becomes a Functional model once the shape of the input is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from builder.errors import NetworkError, NotBuiltError, several
from builder.graph import Graph
from builder.layer import Layer
from builder.layers import InputLayer
from builder.models.functional import Functional
from builder.models.model import Model
from builder.models.network import history_of
from builder.ops.symbolic import KerasTensor
from builder.saving import deserialize, serialize
from builder.structure import flatten

__all__ = ["Sequential"]


class Sequential(Model):
    """`layers` one after another. Without an `Input` first, or `input_shape=` on the first layer, it is built when called."""

    def __init__(self, layers: Sequence[Any] | None = None, trainable: bool = True, name: str | None = None) -> None:
        super().__init__(name=name, trainable=trainable)
        self.autocast = False
        self._stack: list[Layer] = []
        self._functional: Functional | None = None
        for layer in layers or ():
            self.add(layer, rebuild=False)
        self._rebuild()

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Puts a layer, or an Input, on top. Raises NetworkError when it is neither, or its name is taken."""
        if isinstance(layer, KerasTensor) and isinstance(history_of(layer).call.operation, InputLayer):
            layer = history_of(layer).call.operation
        if not isinstance(layer, Layer):
            raise NetworkError(
                f"Only instances of `keras.Layer` can be added to a Sequential model. Received: {layer} (of type {type(layer)})"
            )
        if not self._stack and not isinstance(layer, InputLayer) and layer.given_input_shape is not None:
            self._stack.append(InputLayer(batch_shape=layer.given_input_shape, dtype=layer.compute_dtype))
        if any(other.name == layer.name for other in self._stack):
            raise NetworkError(
                f"All layers added to a Sequential model should have unique names. Name '{layer.name}' is already the name of a "
                "layer in this model. Update the `name` argument to pass a unique name."
            )
        if isinstance(layer, InputLayer) and self._input is not None:
            raise NetworkError(
                f"Sequential model '{self.name}' has already been configured to use input shape {self._input.batch_shape}. You cannot "
                "add a different Input layer to it. For several inputs, make a Functional model: Model(inputs=[a, b], outputs=y)."
            )
        self._stack.append(layer)
        self._unbuild()
        if rebuild:
            self._rebuild()

    def pop(self, rebuild: bool = True) -> Layer:
        """Takes the last layer off and returns it."""
        layer = self._stack.pop()
        self._unbuild()
        if rebuild:
            self._rebuild()
        return layer

    def build(self, input_shape: Any = None) -> None:
        """Makes the weights for inputs of `input_shape`, which counts the batch."""
        if not self._stack:
            raise NetworkError(f"Sequential model {self.name} cannot be built because it has no layers. Call `model.add(layer)`.")
        shape = self._input.batch_shape if input_shape is None and self._input is not None else input_shape
        if not isinstance(shape, list | tuple) or any(isinstance(size, list | tuple) for size in shape):
            raise NetworkError(
                f"Sequential model '{self.name}' takes one input; its shape was given as {input_shape}. For several inputs, make a "
                "Functional model: Model(inputs=[a, b], outputs=y)."
            )
        if self._input is None:
            self._stack.insert(0, InputLayer(batch_shape=tuple(shape), dtype=self._stack[0].compute_dtype))
        elif self._input.batch_shape != tuple(shape):
            raise NetworkError(
                f"Sequential model '{self.name}' has already been configured to use input shape {self._input.batch_shape}. You cannot "
                f"build it with input_shape {tuple(shape)}"
            )
        self._connect()

    @property
    def layers(self) -> list[Layer]:
        return [layer for layer in self._stack if not isinstance(layer, InputLayer)]

    @property
    def inputs(self) -> list[KerasTensor]:
        return self._built("inputs").inputs

    @property
    def outputs(self) -> list[KerasTensor]:
        return self._built("outputs").outputs

    @property
    def input(self) -> Any:
        return self._built("input").input

    @property
    def output(self) -> Any:
        return self._built("output").output

    @property
    def functional(self) -> Functional:
        """The same network as a Functional model. Raises NotBuiltError while the shape of the input is not known."""
        return self._built("inputs")

    def sublayers(self) -> Iterator[Layer]:
        return iter(self.layers)

    def children(self) -> Iterator[tuple[str, Any]]:
        yield "layers", self.layers

    def graph(self) -> Graph:
        return self._built("inputs").graph()

    def retrace(self) -> None:
        super().retrace()
        self._built("inputs").retrace()

    def standardize(self, inputs: Any) -> list[Any]:
        if self._functional is None:
            (first, *others) = flatten(inputs)
            if others:
                raise NetworkError(f"Sequential model '{self.name}' takes one input; it was called with {1 + len(others)}.")
            self.build((None, *first.shape[1:]))
        return self._built("inputs").standardize(inputs)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        return self._built("inputs").call(inputs, training=training)

    def get_config(self) -> dict[str, Any]:
        config: dict[str, Any] = {"name": self.name, "trainable": self.trainable, "layers": [serialize(layer) for layer in self._stack]}
        if self._functional is not None and self._input is not None:
            config["build_input_shape"] = self._input.batch_shape
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Sequential:
        if not isinstance(config, dict) or not {"name", "layers"} <= config.keys():
            raise NetworkError(
                f"A Sequential model configuration must be a dictionary containing the 'name' and 'layers' keys. Received: {config!r:.200}"
            )
        model = cls(name=config["name"], trainable=bool(config.get("trainable", True)))
        for layer in config["layers"]:
            model.add(deserialize(layer))
        shape = config.get("build_input_shape")
        if model._functional is None and shape and model._stack:
            model.build(tuple(shape))
        return model

    @property
    def _input(self) -> InputLayer | None:
        first = self._stack[0] if self._stack else None
        return first if isinstance(first, InputLayer) else None

    def _built(self, what: str) -> Functional:
        if self._functional is None:
            raise NotBuiltError(
                f"Sequential model '{self.name}' has no defined {what} yet. Start it with Input(shape), or call it on data once."
            )
        return self._functional

    def _unbuild(self) -> None:
        self.built = False
        self._functional = None
        self._executable = None

    def _rebuild(self) -> None:
        """Builds where the shape of the input is known: from an Input, or from a model that comes first."""
        if len(self._stack) < 2:
            return
        if self._input is not None:
            self.build(self._input.batch_shape)
        elif isinstance(self._stack[0], Model) and self._stack[0].built:
            self.build(self._stack[0].input_shape)

    def _connect(self) -> None:
        assert self._input is not None
        tensor: Any = self._input.tensor
        for layer in self.layers:
            tensor = layer(tensor)
            if len(flatten(tensor)) != 1:
                raise NetworkError(
                    several(
                        f"layer '{layer.name}' has {len(flatten(tensor))} outputs, and a Sequential model passes one on",
                        ["make a Functional model: Model(inputs=x, outputs=[a, b])"],
                    )
                )
        self._functional = Functional(self._input.tensor, tensor, name=self.name)
        self.built = True

    def _trace(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._functional is None and args:
            self.standardize(args[0])
        return super()._trace(args, kwargs)
