"""`Model`: what Sequential and Functional models have in common, and the name under which users make the latter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from os import PathLike
from typing import Any

import numpy as np

from builder.errors import NetworkError, NotBuiltError, UnsupportedError
from builder.execution import Executable
from builder.export import Export, Source, export
from builder.graph import Array, Graph
from builder.layer import Layer
from builder.layers.core.quantized import Quantizable
from builder.ops.symbolic import KerasTensor, Operation
from builder.saving import REGISTRY
from builder.structure import flatten, map_structure
from builder.summary import Row, Totals, between, render

__all__ = ["Model"]


class Model(Layer):
    """A network that runs, exports and is a layer itself. `Model(inputs, outputs)` makes a Functional one."""

    source: Source | None = None  # the file that it was loaded from

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls is Model and (len(args) >= 2 or "outputs" in kwargs):
            return super().__new__(REGISTRY["Functional"], *args, **kwargs)
        return super().__new__(cls, *args, **kwargs)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if type(self) is Model:
            raise NetworkError("Model() takes `inputs` and `outputs`: Model(inputs=x, outputs=y), x from Input() and y computed from it")
        super().__init__(*args, **kwargs)
        self._executable: Executable | None = None

    @property
    def layers(self) -> list[Layer]:
        """The layers in order."""
        return list(self.sublayers())

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic inputs, in one list."""
        raise NotBuiltError(f"Model '{self.name}' has no defined inputs yet.")

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic outputs, in one list."""
        raise NotBuiltError(f"Model '{self.name}' has no defined outputs yet.")

    @property
    def input_shape(self) -> Any:
        """The input's shape, a list of them where there are several."""
        return _one_or_all([tensor.shape for tensor in self.inputs])

    @property
    def output_shape(self) -> Any:
        """The output's shape, a list of them where there are several."""
        return _one_or_all([tensor.shape for tensor in self.outputs])

    def graph(self) -> Graph:
        """The whole network in ONNX operators, before any pass."""
        raise NotBuiltError(f"Model '{self.name}' has no graph yet.")

    def structured(self, outputs: Sequence[Any]) -> Any:
        """The flat outputs in the structure in which the model gives them."""
        return _one_or_all(list(outputs))

    def standardize(self, inputs: Any) -> list[Any]:
        """The inputs in a flat list, in the order of `inputs`. Raises NetworkError when they do not fit."""
        return flatten(inputs)

    @property
    def is_linear(self) -> bool:
        """Whether a list of the layers tells how they are connected."""
        return True

    def rows(self) -> list[Row]:
        """A row of the summary for each layer."""
        return [self.row(layer) for layer in self.layers]

    def row(self, operation: Operation, connected_to: str = "") -> Row:
        """The row of one layer, or function of `ops`, with those of the layers inside it."""
        weights = operation.weights if isinstance(operation, Layer) else []
        return Row(
            name=operation.name,
            class_name=operation.class_name,
            shape=_shape_text(operation),
            parameters=sum(prod(variable.shape) for variable in weights),
            built=not isinstance(operation, Layer) or operation.built,
            trainable=operation.trainable if isinstance(operation, Layer) and weights else None,
            connected_to=connected_to,
            inside=tuple(self.row(inner) for inner in operation.layers) if isinstance(operation, Model) else (),
        )

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of that name or index. Raises NetworkError when there is none."""
        if (name is None) == (index is None):
            raise NetworkError("Provide either a layer name or layer index at `get_layer`, and not both.")
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise NetworkError(f"Was asked to retrieve layer at index {index} but model only has {len(self.layers)} layers.")
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise NetworkError(f"No such layer: {name}. Existing layers are: {[layer.name for layer in self.layers]}.")

    def predict(self, x: Any, batch_size: int | None = None, verbose: Any = "auto", steps: int | None = None) -> Any:
        """The outputs for all of `x`, computed `batch_size` rows (32 unless given) at a time.

        `verbose` is taken and has no effect.
        """
        arrays = self._arrays(x)
        rows = {len(array) if array.ndim else 1 for array in arrays}
        if len(rows) != 1:
            raise NetworkError(
                f"Data cardinality is ambiguous. Make sure all arrays contain the same number of samples. Found: {sorted(rows)}"
            )
        size = batch_size or 32
        starts = range(0, max(rows.pop(), 1), size)[:steps]
        batches = [self._run([array[start : start + size] for array in arrays]) for start in starts]
        return self.structured([np.concatenate(parts) for parts in zip(*batches, strict=True)])

    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
    ) -> None:
        """Prints the network as a table, as Keras does."""
        layers = between(self.rows(), layer_range)
        rows = [row for row in layers for row in (row.nested() if expand_nested else [row])]
        totals = Totals.of(self.trainable_weights, self.non_trainable_weights)
        text = render(self.name, rows, totals, self.is_linear, show_trainable, line_length, positions)
        (print_fn or print)(text)

    def export(self, filepath: str | PathLike[str], *, name: str | None = None, version: int = 1) -> Export:
        """Writes the model as ONNX, checked: a file where `filepath` ends in .onnx, else an entry of a model repository.

        Returns where it is and what was found out about it. Raises ExportError, with nothing written, when a check fails.
        """
        graph = self.graph()
        source = self.source or Source.built(self.name, graph)
        return export(graph, filepath, name=name or self.name, version=version, source=source)

    def quantize(self, mode: str) -> None:
        """Keeps the weights of dense layers and embeddings, also of those in other layers, in 8 bits ("int8") or 4 ("int4").

        They are rounded as Keras rounds them. Raises NetworkError for another mode, or where the model is not built or has been
        quantized. A layer of a user's own class stays as it is.
        """
        if not self.built:
            raise NotBuiltError(f"Model '{self.name}' must be built before it is quantized: call it once, or start it with Input(shape).")
        for layer in self.flattened():
            if isinstance(layer, Quantizable) and REGISTRY.get(type(layer).__name__) is type(layer):
                layer.quantize(mode)
        self.retrace()

    def retrace(self) -> None:
        """Has the network made again by the layers as they are now."""
        for layer in self.flattened():
            layer.forget()
            if layer is not self and isinstance(layer, Model):
                layer.retrace()
        self._executable = None

    def flattened(self) -> list[Layer]:
        """This model, and all layers in it at any depth, each once."""
        found: dict[Layer, None] = {}
        stack: list[Layer] = [self]
        while stack:
            layer = stack.pop()
            if layer not in found:
                found[layer] = None
                stack.extend(layer.sublayers())
        return list(found)

    def _compute(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if kwargs.get("training"):
            raise UnsupportedError(f"model '{self.name}' was called with training=True; this package only does inference")
        if not args:
            raise NetworkError(f"model '{self.name}' was called without inputs")
        return self.structured(self._run(self._arrays(args[0])))

    def _arrays(self, inputs: Any) -> list[Array]:
        """The inputs as arrays of the model's own dtypes."""
        given = self.standardize(map_structure(_as_array, _merged(inputs)))
        return [np.asarray(array, tensor.dtype) for array, tensor in zip(given, self.inputs, strict=True)]

    def _run(self, arrays: Sequence[Array]) -> list[Array]:
        if self._executable is None:
            self._executable = Executable(self.graph(), self.all_memories())
        return self._executable.run(arrays)


def _one_or_all(items: list[Any]) -> Any:
    return items[0] if len(items) == 1 else items


def _shape_text(operation: Operation) -> str:
    """The shape of the latest call's output, as Keras shows it; ? for a layer that was never called."""
    if not operation.calls:
        return str(operation.output_shape) if isinstance(operation, Model) and operation.built else "?"
    shapes = map_structure(lambda tensor: str(tensor.shape), operation.calls[-1].outputs)
    return str(flatten(shapes)[0]) if len(flatten(shapes)) == 1 else str(shapes).replace("'", "")


def _merged(inputs: Any) -> Any:
    """A nested list of numbers is one array, not a structure of them."""
    leaves = flatten(inputs)
    return np.asarray(inputs) if leaves and all(isinstance(leaf, bool | int | float) for leaf in leaves) else inputs


def _as_array(leaf: Any) -> Any:
    return leaf if isinstance(leaf, KerasTensor) else np.asarray(leaf)
