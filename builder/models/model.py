"""`Model`: what Sequential and Functional models have in common, and the name under which users make the latter."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from inspect import signature
from math import prod
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import numpy as np

from builder import keras_file
from builder.call_arguments import known_keywords
from builder.custom import custom_object_scope
from builder.errors import NetworkError, NotBuiltError, UnsupportedError
from builder.execution import Executable
from builder.graph import Array, Graph
from builder.keras_file import saved_config
from builder.layer import Layer
from builder.layers.core.quantized import Quantizable
from builder.models.kinds import are_ends, make_functional
from builder.models.saving import save_model, save_weights
from builder.models.signature import Signature
from builder.ops.symbolic import KerasTensor, Operation, symbolic_leaves
from builder.saving import REGISTRY
from builder.shapes import placeholders
from builder.structure import flatten, map_structure, pack
from builder.summary import Row, Totals, between, render

if TYPE_CHECKING:
    from builder.export import Export, Source

__all__ = ["Model"]


class Model(Layer):
    """A network that runs, exports and is a layer itself.

    `Model(inputs, outputs)` makes a Functional one. A class of a user's own has layers in its attributes and a `call`; its inputs
    are known once it was called, on symbolic tensors or on arrays, or was built: `model.build((None, 4))`.
    """

    source: Source | None = None  # the file that it was loaded from
    is_built_by_a_call: ClassVar[bool] = False  # also where it has a `build` of its own

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls is Model and are_ends(args, kwargs):
            return super().__new__(REGISTRY["Functional"], *args, **kwargs)
        return super().__new__(cls, *args, **kwargs)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if are_ends(args, kwargs):
            make_functional(type(self), Model)
            REGISTRY["Functional"].__init__(self, *args, **kwargs)
            return
        if type(self) is Model:
            raise NetworkError("Model() takes `inputs` and `outputs`: Model(inputs=x, outputs=y), x from Input() and y computed from it")
        super().__init__(*args, **kwargs)
        self._executable: Executable | None = None
        self._signature: Signature | None = None
        self._traced: Any = None  # the outputs for the signature's own inputs

    def build(self, input_shape: Any = None, **shapes: Any) -> None:
        """Makes the weights, for inputs whose shapes are given, batch and all: one, or a list or dict of them.

        Where `call` has several arguments their shapes go by their names: `build(a_shape=..., b_shape=...)`.
        """
        if input_shape is not None:
            shapes = {f"{next(iter(signature(self.call).parameters))}_shape": input_shape, **shapes}
        if not shapes:
            raise NetworkError(f"model '{self.name}' is built for the shape of its input, batch and all: model.build((None, 4))")
        names = {name: name.removesuffix("_shape") for name in shapes}
        self._trace((), {names[name]: placeholders(names[name], shape, self.compute_dtype) for name, shape in shapes.items()})

    def get_build_config(self) -> dict[str, Any] | None:
        shapes = self._built_for if self._signature is None else self._signature.shapes
        if len(shapes) == 1:
            return {"input_shape": next(iter(shapes.values()))}
        return {"shapes_dict": shapes} if shapes else None

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """A model with the arguments in `config`, or the Functional one that `config` describes."""
        with custom_object_scope(custom_objects):
            if cls is Model and {"layers", "input_layers", "output_layers"} <= config.keys():
                return REGISTRY["Functional"].from_config(config)
            return super().from_config(config)

    @property
    def layers(self) -> list[Layer]:
        """The layers in order."""
        return self.own_layers()

    @layers.setter
    def layers(self, _: Any) -> None:
        raise AttributeError(
            "`Model.layers` attribute is reserved and should not be used. Please use another name, or in a Sequential model: "
            "Use `add()` and `pop()` to change the layers."
        )

    def own_layers(self) -> list[Layer]:
        """What `layers` is: those in the attributes, or where the model is a graph or a stack those of it."""
        return list(self.sublayers())

    def children(self) -> list[tuple[str, Any]]:
        named = [*super().children(), ("layers", self.layers)]  # which is an attribute like the others, in its place
        return sorted(named, key=lambda pair: (pair[0].startswith("_"), pair[0]))

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic inputs, in one list."""
        return self._called_on("inputs").inputs

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic outputs, in one list."""
        self._called_on("outputs")
        return symbolic_leaves(self._outputs())

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
        return self._called_on("inputs").graph(self._outputs())

    def structured(self, outputs: Sequence[Any]) -> Any:
        """The flat outputs in the structure in which the model gives them."""
        return pack(self._outputs(), outputs)

    def standardize(self, inputs: Any) -> list[Any]:
        """The inputs in a flat list, in the order of `inputs`. Raises NetworkError when they do not fit."""
        flat = flatten(inputs)
        if self._signature is None:
            self(map_structure(lambda leaf: leaf[:1] if leaf.ndim else leaf, inputs))
        expected = symbolic_leaves(self._called_on("inputs").first)
        if len(flat) != len(expected):
            raise NetworkError(f'Layer "{self.name}" expects {len(expected)} input(s), but it received {len(flat)} input tensors.')
        return flat

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
        if name is None and index is None:
            raise NetworkError("Provide either a layer name or layer index at `get_layer`.")
        if name is not None and index is not None:
            raise NetworkError(f"Provide only a layer name or a layer index. Received: index={index}, name={name}.")
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

    def load_weights(
        self, filepath: str | PathLike[str], skip_mismatch: bool = False, by_name: bool = False, objects_to_skip: Sequence[Any] = ()
    ) -> None:
        """Takes the numbers of all weights from a file: `.weights.h5`, `.weights.json` with the shards beside it, a legacy
        `.h5` or what else Keras saved, or from `.npz` and `.safetensors`.

        In the latter two an array is called by its path in a `.weights.h5`, as in `layers/dense/vars/0`, or by the names of
        the layers that it is in and its own, as in `encoder/dense/kernel`. With `by_name` a legacy file is matched by the
        names of layers, not by their order; layers that it does not have stay as they are. `objects_to_skip` are layers
        to leave out. Raises ModelFileError, with nothing assigned, unless all that is wanted fits; with `skip_mismatch` what
        does not fit stays as it is.
        """
        if not self.built:
            raise NetworkError(f"model '{self.name}' has no weights yet: build it, or call it once, before it loads any")
        keras_file.load_weights(self, Path(filepath), skip_mismatch=skip_mismatch, by_name=by_name, skipped=objects_to_skip)

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

    def export(
        self,
        filepath: str | PathLike[str],
        *,
        name: str | None = None,
        version: int = 1,
        progress: Callable[[str], Any] = lambda stage: None,
        **options: Any,
    ) -> Export:
        """Writes the model as ONNX, checked: a file where `filepath` ends in .onnx, else an entry of a model repository.

        `options` are the fields of `builder.export.Options`; `progress` is told what is being done. Returns where the file
        is and what was found out about it. Raises ExportError, with nothing written, when a check fails.
        """
        from builder.export import Options, Source, export  # with all passes, which a network that is only built does not need

        wanted = Options(**options)
        graph = self.graph()
        source = self.source or Source.built(self.name, graph)
        return export(graph, filepath, name=name or self.name, version=version, source=source, options=wanted, progress=progress)

    def save(
        self,
        filepath: str | PathLike[str],
        overwrite: bool = True,
        zipped: bool | None = None,
        date: datetime | None = None,
        **kwargs: Any,
    ) -> None:
        """Writes the model for Keras, and for `load_model`; see `save_model`."""
        save_model(self, filepath, overwrite, zipped, date, **kwargs)

    def save_weights(self, filepath: str | PathLike[str], overwrite: bool = True, max_shard_size: float | None = None) -> None:
        """Writes the weights alone; see `builder.models.saving`."""
        save_weights(self, filepath, overwrite, max_shard_size)

    def to_json(self, **kwargs: Any) -> str:
        """The model without its weights, as JSON for `model_from_json`; the keywords are those of `json.dumps`."""
        return json.dumps(saved_config(self), **kwargs)

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Takes what training would need, and has no effect but a warning."""
        warnings.warn(f"model '{self.name}': compile() has no effect, since this package only does inference", stacklevel=2)

    def fit(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raises UnsupportedError: this package does not train."""
        raise UnsupportedError(
            f"model '{self.name}' cannot be trained here, since this package only does inference; train it in Keras, save it as .keras "
            "and open it with load_model"
        )

    evaluate = train_on_batch = test_on_batch = fit

    def _trace(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        outputs = self._built_by(args, kwargs)
        if self._signature is None:
            self._signature = Signature.of(self.call, args, known_keywords(self.call, kwargs))
        return outputs

    def _built_by(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What a call gives, after which a model with no `build` of its own is built."""
        before = self.built
        self.built = before or self.is_built_by_a_call or type(self).build is Model.build
        try:
            return super()._trace(args, kwargs)
        except BaseException:
            self.built = before
            raise

    def _called_on(self, what: str) -> Signature:
        """What the model is called on. Raises NotBuiltError before that is known."""
        if self._signature is None and len(self._built_for) == 1:
            Model.build(self, *self._built_for.values())
        elif self._signature is None and self._built_for:
            Model.build(self, **self._built_for)
        if self._signature is None:
            raise NotBuiltError(
                f"Model '{self.name}' has no defined {what} yet. Say what it is called on, as in model.build((None, 4)), or call it on "
                "data once."
            )
        return self._signature

    def _outputs(self) -> Any:
        if self._traced is None:
            called = self._called_on("outputs")
            self._traced = self._trace(called.args, called.kwargs)
        return self._traced

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
        self._traced = None

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
        return super()._compute(args, kwargs)

    def _arrays(self, inputs: Any) -> list[Array]:
        """The inputs as arrays of the model's own dtypes."""
        given = self.standardize(map_structure(_as_array, _merged(inputs)))
        dtypes = (object if tensor.dtype == "string" else tensor.dtype for tensor in self.inputs)
        return [np.asarray(array, dtype) for array, dtype in zip(given, dtypes, strict=False)]

    def _run(self, arrays: Sequence[Array]) -> list[Array]:
        """The flat outputs for flat inputs."""
        return flatten(self._compute((pack(self._called_on("inputs").first, arrays),), {}))


def _one_or_all(items: list[Any]) -> Any:
    return items[0] if len(items) == 1 else items


def _shape_text(operation: Operation) -> str:
    """The shape of the latest call's output, as Keras shows it; ? for a layer that was never called."""
    if operation.calls:
        shapes = map_structure(lambda tensor: str(tensor.shape), operation.calls[-1].outputs)
        return str(flatten(shapes)[0]) if len(flatten(shapes)) == 1 else str(shapes).replace("'", "")
    if isinstance(operation, Model) and operation.built:
        return str(operation.output_shape)
    return str(operation.latest_shape or "?") if isinstance(operation, Layer) else "?"


def _merged(inputs: Any) -> Any:
    """A nested list of numbers, or of strings, is one array, not a structure of them."""
    leaves = flatten(inputs)
    return np.asarray(inputs) if leaves and all(isinstance(leaf, bool | int | float | str) for leaf in leaves) else inputs


def _as_array(leaf: Any) -> Any:
    return leaf if isinstance(leaf, KerasTensor) else np.asarray(leaf)
