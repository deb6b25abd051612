"""Functional models: a graph of layer calls between inputs and outputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from inspect import Parameter, signature
from typing import Any

from builder import ops
from builder.custom import custom_object_scope
from builder.errors import NetworkError
from builder.execution import Executable, remembering
from builder.graph import Array, Graph
from builder.input_spec import InputSpec, check_inputs
from builder.layer import Layer
from builder.layers import InputLayer
from builder.models.configuration import Rebuild, network_config
from builder.models.ends import Inputs, check_ends, with_own_inputs
from builder.models.model import Model
from builder.models.network import Network, history_of, replay
from builder.ops.operation import bare
from builder.ops.placeholder import graph_input
from builder.ops.symbolic import Call, KerasTensor, Operation
from builder.structure import flatten, pack, paths
from builder.summary import Row

__all__ = ["Functional"]


class Functional(Model):
    """The network from `inputs` to `outputs`, each a tensor or a structure of lists, tuples and dicts of tensors.

    Raises NetworkError when either is empty or no tensor, when the outputs need another input, or when names clash.
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None, trainable: bool | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, trainable=True if trainable is None else trainable, **kwargs)
        check_ends(inputs, outputs)
        inputs, outputs = with_own_inputs(inputs, outputs)
        self._inputs_struct = inputs
        self._outputs_struct = outputs
        self._manual_input_spec: Any = None
        self.network = Network.between(self.inputs, self.outputs, [".".join(path) for path in paths(outputs)])
        self.built = True
        self.autocast = False  # inputs take the dtype of their own Input

    def build(self, input_shape: Any = None, **shapes: Any) -> None:
        """Nothing: the weights came with the calls."""

    @property
    def inputs(self) -> list[KerasTensor]:
        return flatten(self._inputs_struct)

    @property
    def outputs(self) -> list[KerasTensor]:
        return flatten(self._outputs_struct)

    @property
    def input(self) -> Any:
        """The symbolic inputs in the structure in which they were given."""
        return self._inputs_struct

    @property
    def output(self) -> Any:
        """The symbolic outputs in the structure in which they were given."""
        return self._outputs_struct

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The layers, and the functions of `ops` between them."""
        return self.network.operations

    def own_layers(self) -> list[Layer]:
        return [operation for operation in self.operations if isinstance(operation, Layer)]

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs: those of their `Input`."""
        return Inputs(self.name, self._inputs_struct).names

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs: the keys where they are a dict, else the layers that give them; each once."""
        if isinstance(self._outputs_struct, dict):
            wanted = sorted(self._outputs_struct)
            wanted = wanted if len(wanted) == len(self.outputs) else [_producer(tensor).name for tensor in self.outputs]
        else:
            wanted = [_producer(tensor).name for tensor in self.outputs]
        return _unique(wanted, taken=self.input_names)

    @property
    def is_linear(self) -> bool:
        return self.network.is_linear

    def rows(self) -> list[Row]:
        own = set(map(id, self.network.calls))
        return [self.row(operation, _connections(call for call in operation.calls if id(call) in own)) for operation in self.operations]

    def sublayers(self) -> Iterator[Layer]:
        yield from dict.fromkeys((*self.layers, *super().sublayers()))

    def children(self) -> list[tuple[str, Any]]:
        others = [child for child in super().children() if child[0] != "layers"]
        return [("layers", self.layers), *others]  # first, so that attributes of a user's own do not take a layer's place

    @property
    def input_spec(self) -> Any:
        """What the inputs must be like: as their Inputs say, or as a user has set it."""
        return self._manual_input_spec if self._manual_input_spec is not None else [_spec(tensor) for tensor in self.inputs]

    @input_spec.setter
    def input_spec(self, spec: Any) -> None:
        self._manual_input_spec = spec

    def graph(self) -> Graph:
        inputs = tuple(graph_input(tensor) for tensor in self.inputs)
        plain = Graph(inputs, tuple(tensor.value for tensor in self.outputs), tuple(self.output_names))
        return remembering(plain, self.all_memories())

    def retrace(self) -> None:
        super().retrace()
        for call in self.network.calls:
            if call.inputs:
                outputs = call.operation(*bare(call.args), **bare(call.kwargs))
                for tensor, again in zip(flatten(call.outputs), flatten(outputs), strict=True):
                    tensor.value, tensor.mask = again.value, again.mask

    def structured(self, outputs: Sequence[Any]) -> Any:
        packed = pack(self._outputs_struct, outputs)
        return packed[0] if isinstance(packed, list | tuple) and len(packed) == 1 else packed

    def standardize(self, inputs: Any) -> list[Any]:
        own = Inputs(self.name, self._inputs_struct)
        flat = flatten(own.in_order(inputs))
        own.check(flat)
        if self._manual_input_spec is not None:
            check_inputs(self._manual_input_spec, flat, self.name)
        return [_with_rank(value, tensor) for value, tensor in zip(flat, self.inputs, strict=True)]

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """The network again, on other symbolic tensors."""
        given = self._of_own_dtype(self.standardize(inputs))
        values = replay(self.network.calls, dict(zip(map(id, self.inputs), given, strict=True)), training)
        return self.structured([values[id(tensor)] for tensor in self.outputs])

    def get_config(self) -> dict[str, Any]:
        """The network as plain data, in the form that Keras saves; for a class with a constructor of its own, the arguments of that."""
        if not _takes_ends(type(self)):
            return super().get_config()
        config = network_config(self.network, self._inputs_struct, self._outputs_struct)
        return {"name": self.name, "trainable": self.trainable, **config}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """A network like that of `get_config`, or of Keras's, without the weights."""
        if not _takes_ends(cls):
            return super().from_config(config, custom_objects)
        with custom_object_scope(custom_objects):
            inputs, outputs = Rebuild(config).ends()
        others = {key: value for key, value in config.items() if key not in ("layers", "input_layers", "output_layers")}
        return cls(inputs=inputs, outputs=outputs, **others)

    def _trace(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return Layer._trace(self, args, kwargs)

    def _check_inputs(self, inputs: Any) -> None:
        """Nothing here: `standardize` says all that is wrong with them."""

    def _compute(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        inputs = args[0] if args else kwargs.get("inputs")
        if inputs is None:
            raise NetworkError(f"model '{self.name}' was called without inputs")
        if kwargs.get("training") or any(leaf is None for leaf in flatten(inputs)):
            return super()._compute(args, kwargs)  # a network of its own, without the inputs that are not there
        return self.structured(self._run(self._arrays(inputs)))

    def _run(self, arrays: Sequence[Array]) -> list[Array]:
        if self._executable is None:
            self._executable = Executable(self.graph(), self.all_memories())
        return self._executable.run(arrays)

    def _of_own_dtype(self, tensors: Sequence[Any]) -> list[Any]:
        pairs = zip(tensors, self.inputs, strict=True)
        return [given if given is None or given.dtype == own.dtype else ops.cast(given, own.dtype) for given, own in pairs]


def _takes_ends(cls: type) -> bool:
    """Whether a class is made of inputs and outputs: Functional itself, and one of a user's whose constructor takes the same."""
    parameters = list(signature(cls.__init__).parameters.values())[1:]  # type: ignore[misc]
    takes_all = {parameter.kind for parameter in parameters} >= {Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD}
    return takes_all or [parameter.name for parameter in parameters[:2]] == ["inputs", "outputs"]


def _spec(tensor: KerasTensor) -> InputSpec:
    layer = _producer(tensor)
    optional = isinstance(layer, InputLayer) and layer.optional
    return InputSpec(shape=(None, *tensor.shape[1:])[: tensor.ndim], allow_last_axis_squeeze=True, name=layer.name, optional=optional)


def _with_rank(value: Any, expected: KerasTensor) -> Any:
    """An input with a last axis of size 1 too few or too many, put right."""
    if value is None or len(value.shape) == expected.ndim:
        return value
    return ops.squeeze(value, -1) if len(value.shape) > expected.ndim else ops.expand_dims(value, -1)


def _connections(calls: Iterable[Call]) -> str:
    histories = [history_of(tensor) for call in calls for tensor in call.inputs]
    texts = [f"{h.call.operation.name}[{h.call.operation.calls.index(h.call)}][{h.index}]" for h in histories]
    return ", ".join(texts) or "-"


def _producer(tensor: KerasTensor) -> Operation:
    return history_of(tensor).call.operation


def _unique(names: Sequence[str], taken: Sequence[str]) -> list[str]:
    seen = set(taken)
    unique = []
    for name in names:
        candidate, count = name, 0
        while candidate in seen:
            count += 1
            candidate = f"{name}_{count}"
        seen.add(candidate)
        unique.append(candidate)
    return unique
