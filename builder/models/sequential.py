"""Sequential models: a stack of layers, which becomes a Functional model once the shape of the input is known."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from builder.custom import custom_object_scope
from builder.errors import NetworkError, NotBuiltError
from builder.graph import Array, Graph
from builder.layer import Layer
from builder.layers import InputLayer
from builder.models.functional import Functional
from builder.models.model import Model
from builder.models.network import history_of
from builder.ops.symbolic import KerasTensor
from builder.saving import deserialize, serialize
from builder.shapes import is_shape
from builder.structure import flatten

__all__ = ["Sequential"]


class Sequential(Model):
    """`layers` one after another. Without an `Input` first, or `input_shape=` on the first layer, it is built when called.

    A first layer that takes a list or dict of tensors, as merging layers do, gets what the model is called on.
    """

    is_built_by_a_call: ClassVar[bool] = True
    untracked: ClassVar[tuple[str, ...]] = ("_arguments", "_stack", "_functional")

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

    def build(self, input_shape: Any = None, **shapes: Any) -> None:
        """Makes the weights for inputs of `input_shape`, batch and all; a list or dict of shapes where the first layer takes such."""
        if not self._stack:
            raise NetworkError(f"Sequential model {self.name} cannot be built because it has no layers. Call `model.add(layer)`.")
        shape = self._input.batch_shape if input_shape is None and self._input is not None else input_shape
        if not is_shape(shape):
            super().build(shape, **shapes)
            return
        if self._input is None:
            self._stack.insert(0, InputLayer(batch_shape=tuple(shape), dtype=self._stack[0].compute_dtype))
        elif self._input.batch_shape != tuple(shape):
            raise NetworkError(
                f"Sequential model '{self.name}' has already been configured to use input shape {self._input.batch_shape}. You cannot "
                f"build it with input_shape {tuple(shape)}"
            )
        self._connect()

    def own_layers(self) -> list[Layer]:
        return [layer for layer in self._stack if not isinstance(layer, InputLayer)]

    @property
    def inputs(self) -> list[KerasTensor]:
        return super().inputs if self._functional is None else self._functional.inputs

    @property
    def outputs(self) -> list[KerasTensor]:
        return super().outputs if self._functional is None else self._functional.outputs

    @property
    def input(self) -> Any:
        return self.functional.input

    @property
    def output(self) -> Any:
        return self.functional.output

    @property
    def functional(self) -> Functional:
        """The same network as a Functional model. Raises NotBuiltError while the shape of the input is not known."""
        if self._functional is None:
            raise NotBuiltError(
                f"Sequential model '{self.name}' has no defined inputs yet. Start it with Input(shape), or call it on data once."
            )
        return self._functional

    def sublayers(self) -> Iterator[Layer]:
        yield from dict.fromkeys((*self.layers, *super().sublayers()))

    def children(self) -> list[tuple[str, Any]]:
        others = [child for child in super().children() if child[0] != "layers"]
        return [("layers", self.layers), *others]

    def graph(self) -> Graph:
        return super().graph() if self._functional is None else self._functional.graph()

    def retrace(self) -> None:
        super().retrace()
        if self._functional is not None:
            self._functional.retrace()

    def standardize(self, inputs: Any) -> list[Any]:
        self._build_for(inputs)
        return super().standardize(inputs) if self._functional is None else self._functional.standardize(inputs)

    def structured(self, outputs: Sequence[Any]) -> Any:
        return super().structured(outputs) if self._functional is None else self._functional.structured(outputs)

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """The layers in turn."""
        if self._functional is not None:
            return self._functional.call(inputs, training=training)
        for layer in self.layers:
            inputs = layer(inputs, training=training)
        return inputs

    def get_config(self) -> dict[str, Any]:
        config: dict[str, Any] = {"name": self.name, "trainable": self.trainable, "layers": [serialize(layer) for layer in self._stack]}
        if self._functional is not None and self._input is not None:
            config["build_input_shape"] = self._input.batch_shape
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        if not isinstance(config, dict) or not {"name", "layers"} <= config.keys():
            raise NetworkError(
                f"A Sequential model configuration must be a dictionary containing the 'name' and 'layers' keys. Received: {config!r:.200}"
            )
        model = cls(name=config["name"], trainable=bool(config.get("trainable", True)))
        with custom_object_scope(custom_objects):
            for layer in config["layers"]:
                model.add(deserialize(layer), rebuild=False)
        model._rebuild()
        shape = config.get("build_input_shape")
        if model._functional is None and shape and model._stack:
            model.build(tuple(shape))
        return model

    @property
    def _input(self) -> InputLayer | None:
        first = self._stack[0] if self._stack else None
        return first if isinstance(first, InputLayer) else None

    def _unbuild(self) -> None:
        self.built = False
        self._functional = None
        self._signature = self._traced = None
        self._built_for = {}

    def _rebuild(self) -> None:
        """Builds where the shape of the input is known: from an Input, or from a model that comes first."""
        if len(self._stack) < 2:
            return
        if self._input is not None:
            self.build(self._input.batch_shape)
        elif isinstance(self._stack[0], Model) and self._stack[0].built:
            self.build(self._stack[0].input_shape)

    def _build_for(self, inputs: Any) -> None:
        """Builds for what the model is called on, if that is one tensor; a structure of several goes to the first layer as it is."""
        if not self._stack:
            raise NetworkError(f"Sequential model {self.name} cannot be built because it has no layers. Call `model.add(layer)`.")
        if self._functional is None and not isinstance(inputs, dict | list | tuple):
            self.build((None, *inputs.shape[1:]))

    def _connect(self) -> None:
        assert self._input is not None
        tensor: Any = self._input.tensor
        for layer in self.layers:
            _check_arity(layer)
            tensor = self._passed_on(tensor, layer)
        self._functional = Functional(self._input.tensor, tensor, name=self.name)
        self.built = True

    def _passed_on(self, tensor: Any, layer: Layer) -> Any:
        """What a layer gives for what the one before it gave. Raises NetworkError when it cannot take that many tensors."""
        count = len(flatten(tensor))
        try:
            return layer(tensor)
        except (NetworkError, TypeError, AttributeError) as error:
            if count == 1:
                raise
            raise NetworkError(
                f"Sequential model '{self.name}': layer '{layer.name}' ({type(layer).__name__}) is called on the {count} outputs of what "
                f"comes before it, and cannot be: {error}. Make a Functional model: Model(inputs=x, outputs=[a, b])."
            ) from error

    def _trace(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self._build_for(args[0] if args else next(iter(kwargs.values())))
        return super()._trace(args, kwargs)

    def _compute(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if args and hasattr(args[0], "shape"):
            self._build_for(args[0])
        return super()._compute(args, kwargs) if self._functional is None else self._functional._compute(args, kwargs)

    def _run(self, arrays: Sequence[Array]) -> list[Array]:
        return super()._run(arrays) if self._functional is None else self._functional._run(arrays)


def _check_arity(layer: Layer) -> None:
    """Raises NetworkError for a layer that cannot be called on one tensor."""
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    taken = [parameter for parameter in inspect.signature(layer.call).parameters.values() if parameter.kind in positional]
    required = [p.name for p in taken if p.default is p.empty and p.kind is not p.VAR_POSITIONAL]
    kind = f"layer '{layer.name}' ({type(layer).__name__})"
    if not taken:
        raise NetworkError(
            f"Layers added to a Sequential model should have a single positional argument; {kind} has no positional arguments."
        )
    if len(required) > 1:
        raise NetworkError(
            f"Layers added to a Sequential model can only have a single required positional argument, the input tensor; {kind} has "
            f"{', '.join(required)}. Call it in a Functional model: y = {layer.name}(a, b); Model(inputs=[a, b], outputs=y)."
        )
