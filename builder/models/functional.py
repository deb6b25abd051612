"""Functional models: a graph of layer calls between inputs and outputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from builder import ops
from builder.errors import NetworkError, several
from builder.execution import remembering
from builder.graph import Graph
from builder.layer import Layer
from builder.models.configuration import Rebuild, network_config
from builder.models.model import Model
from builder.models.network import Network, history_of
from builder.ops.operation import bare
from builder.ops.placeholder import graph_input
from builder.ops.symbolic import Call, KerasTensor, Operation
from builder.structure import flatten, map_structure, pack
from builder.summary import Row

__all__ = ["Functional"]


class Functional(Model):
    """The network from `inputs` to `outputs`, each a tensor or a structure of lists, tuples and dicts of tensors.

    Raises NetworkError when either is empty or no tensor, when the outputs need another input, or when names clash.
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None, trainable: bool = True, **kwargs: Any) -> None:
        super().__init__(name=name, trainable=trainable, **kwargs)
        _check_tensors(inputs, "inputs")
        _check_tensors(outputs, "outputs")
        self._inputs_struct = inputs
        self._outputs_struct = outputs
        self.network = Network.between(self.inputs, self.outputs)
        self.built = True
        self.autocast = False  # inputs take the dtype of their own Input

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

    @property
    def layers(self) -> list[Layer]:
        return [operation for operation in self.operations if isinstance(operation, Layer)]

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs: those of their `Input`."""
        return [_producer(tensor).name for tensor in self.inputs]

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
        return iter(self.layers)

    def children(self) -> Iterator[tuple[str, Any]]:
        yield "layers", self.layers

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
        flat = flatten(self.by_position(inputs))
        if len(flat) != len(self.inputs):
            raise NetworkError(f'Layer "{self.name}" expects {len(self.inputs)} input(s), but it received {len(flat)} input tensors.')
        return [self._with_rank(index, value) for index, value in enumerate(flat)]

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """The network again, on other symbolic tensors."""
        values = dict(zip(map(id, self.inputs), self._of_own_dtype(self.standardize(inputs)), strict=True))
        for call in self.network.calls:
            if not call.inputs:
                continue
            args, kwargs = map_structure(lambda leaf: values.get(id(leaf), leaf), (call.args, call.kwargs))
            if training is not None and isinstance(call.operation, Layer):
                kwargs = {"training": training, **kwargs}
            outputs = call.operation(*args, **kwargs)
            values.update(zip(map(id, flatten(call.outputs)), flatten(outputs), strict=True))
        return self.structured([values[id(tensor)] for tensor in self.outputs])

    def get_config(self) -> dict[str, Any]:
        """The network as plain data, in the form that Keras saves."""
        config = network_config(self.network, self._inputs_struct, self._outputs_struct)
        return {"name": self.name, "trainable": self.trainable, **config}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Functional:
        """A network like that of `get_config`, or of Keras's, without the weights."""
        inputs, outputs = Rebuild(config).ends()
        return cls(inputs, outputs, name=config.get("name"), trainable=bool(config.get("trainable", True)))

    def by_position(self, inputs: Any) -> Any:
        """A dict of inputs as a list: by the keys of the model's own dict where it has one, else by the inputs' names."""
        if not isinstance(inputs, dict):
            return inputs
        names = sorted(self._inputs_struct) if isinstance(self._inputs_struct, dict) else self.input_names
        if missing := [name for name in names if name not in inputs]:
            problems = [f"'{name}' is missing from {sorted(inputs)}" for name in missing]
            raise NetworkError(several(f"model '{self.name}' takes inputs {names}", problems))
        return [inputs[name] for name in names]

    def _with_rank(self, index: int, value: Any) -> Any:
        """An input with a last axis of size 1 too few or too many, put right; then its shape is checked."""
        expected = self.inputs[index]
        rank = len(value.shape)
        if rank == expected.ndim + 1 and value.shape[-1] == 1:
            value = ops.squeeze(value, -1)
        elif rank == expected.ndim - 1 and expected.shape[-1] == 1:
            value = ops.expand_dims(value, -1)
        fits = len(value.shape) == expected.ndim and all(
            size in (wanted, None) or wanted is None for size, wanted in zip(value.shape, expected.shape, strict=True)
        )
        if not fits:
            raise NetworkError(
                f"Input {index} with name '{self.input_names[index]}' of layer '{self.name}' is incompatible with the layer: "
                f"expected shape={expected.shape}, found shape={tuple(value.shape)}"
            )
        return value

    def _of_own_dtype(self, tensors: Sequence[KerasTensor]) -> list[KerasTensor]:
        pairs = zip(tensors, self.inputs, strict=True)
        return [given if given.dtype == own.dtype else ops.cast(given, own.dtype) for given, own in pairs]  # type: ignore[misc]


def _connections(calls: Iterable[Call]) -> str:
    histories = [history_of(tensor) for call in calls for tensor in call.inputs]
    texts = [f"{h.call.operation.name}[{h.call.operation.calls.index(h.call)}][{h.index}]" for h in histories]
    return ", ".join(texts) or "-"


def _producer(tensor: KerasTensor) -> Operation:
    return history_of(tensor).call.operation


def _check_tensors(structure: Any, argument: str) -> None:
    """Raises NetworkError when the structure is empty or holds anything but tensors."""
    leaves = flatten(structure)
    if not leaves:
        raise NetworkError(f"`{argument}` argument cannot be empty. Received: {argument}={structure}")
    for leaf in leaves:
        if not isinstance(leaf, KerasTensor):
            raise NetworkError(
                f"All `{argument}` values must be KerasTensors. Received: {argument}={structure} including invalid value {leaf}"
            )


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
