"""The config of a network: its layers and their calls as plain data, in the form that Keras saves, and back."""

from __future__ import annotations

from types import FunctionType
from typing import Any

import numpy as np

from builder.errors import NetworkError, UnsupportedError
from builder.layer import Layer
from builder.models.network import Network, history_of
from builder.ops.operation import Function
from builder.ops.symbolic import Call, KerasTensor, Operation
from builder.saving import REGISTRY, deserialize, plain, serialize
from builder.structure import flatten, map_structure

__all__ = ["Rebuild", "network_config"]


def network_config(network: Network, inputs: Any, outputs: Any) -> dict[str, Any]:
    """The layers with their calls, and where the inputs and outputs are."""
    index = _CallIndex(network)
    return {
        "layers": [_operation_config(operation, index) for operation in network.operations],
        "input_layers": map_structure(index.end, inputs),
        "output_layers": map_structure(index.end, outputs),
    }


class _CallIndex:
    """How a saved config refers to tensors: by layer, by which of the layer's calls in this network, and by which output."""

    def __init__(self, network: Network) -> None:
        self._own = set(map(id, network.calls))

    def calls_of(self, operation: Operation) -> list[Call]:
        return [call for call in operation.calls if id(call) in self._own]

    def address(self, tensor: KerasTensor) -> list[Any]:
        history = history_of(tensor)
        operation = history.call.operation
        return [operation.name, self.calls_of(operation).index(history.call), history.index]

    def end(self, tensor: KerasTensor) -> list[Any]:
        """The address of an input or output of the network, where Keras counts calls otherwise."""
        name, call, output = self.address(tensor)
        return [name, call + _first_index(history_of(tensor).call.operation), output]


class Rebuild:
    """Calls the layers of a config in an order in which each call finds its inputs made."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.name = config.get("name")
        saved = config.get("layers")
        if not isinstance(saved, list) or not {"input_layers", "output_layers"} <= config.keys():
            raise NetworkError(f"the config of model '{self.name}' must have 'layers', 'input_layers' and 'output_layers'")
        self.layers: dict[str, Operation] = {}
        self.pending: dict[str, list[Any]] = {}
        self.made: dict[str, list[Call]] = {}  # a layer that is shared has calls of other networks too, and a config counts its own
        for item in saved:
            layer = deserialize(item)
            nodes = item.get("inbound_nodes") or []
            if not all(isinstance(node, dict) for node in nodes):
                raise UnsupportedError(
                    f"layer '{layer.name}' is connected in the form of Keras 2, which only its own files may have; load_model opens them"
                )
            self.layers[item.get("name", layer.name)] = layer
            self.pending[item.get("name", layer.name)] = list(nodes)
            self.made[item.get("name", layer.name)] = [call for call in layer.calls if not call.inputs]

    def ends(self) -> tuple[Any, Any]:
        """The inputs and outputs of the network, in their structures. Raises NetworkError when it does not connect."""
        while any(self.pending.values()):
            advanced = [self._advance(name) for name in self.layers]
            if not any(advanced):
                waiting = [f"'{name}'" for name, nodes in self.pending.items() if nodes]
                raise NetworkError(
                    f"the config of model '{self.name}' either has loops or disconnected nodes: {', '.join(waiting)} cannot be connected"
                )
        return self._resolve_all(self.config["input_layers"]), self._resolve_all(self.config["output_layers"])

    def _advance(self, name: str) -> bool:
        """Makes the layer's next calls, as far as their inputs exist; whether any was made."""
        nodes = self.pending[name]
        made = 0
        for node in nodes:
            try:
                args, kwargs = self._arguments(node.get("args", [])), self._arguments(node.get("kwargs", {}))
            except _NotYetError:
                break
            self.layers[name](*args, **kwargs)
            self.made[name].append(self.layers[name].calls[-1])
            made += 1
        del nodes[:made]
        return made > 0

    def _arguments(self, value: Any) -> Any:
        match value:
            case {"class_name": "__keras_tensor__", "config": {"keras_history": history}}:
                return self._tensor(history)
            case {"class_name": str()}:
                return plain(value)
            case dict():
                return {key: self._arguments(item) for key, item in value.items()}
            case list() | tuple():
                return [self._arguments(item) for item in value]
            case _:
                return value

    def _resolve_all(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._resolve_all(item) for key, item in value.items()}
        if isinstance(value, list | tuple) and len(value) == 3 and isinstance(value[0], str):
            return self._end(value)
        if isinstance(value, list | tuple):
            return type(value)(self._resolve_all(item) for item in value)
        raise NetworkError(f"the config of model '{self.name}' names an input or output as {value!r}, not as [layer, call, output]")

    def _end(self, address: Any) -> KerasTensor:
        name, call, output = address
        layer = self.layers.get(name)
        return self._tensor([name, call - _first_index(layer) if layer is not None and isinstance(call, int) else call, output])

    def _tensor(self, address: Any) -> KerasTensor:
        match address:
            case [str(name), int(index), int(output)] if name in self.layers:
                pass
            case _:
                missing = address[0] if isinstance(address, list | tuple) and address else address
                refers = f"refers to {address!r}, which is no output of its layers"
                raise NetworkError(f"the config of model '{self.name}' {refers}. Missing node: {missing}")
        calls = self.made[name]
        if not 0 <= index < len(calls):
            raise _NotYetError(name)
        outputs = flatten(calls[index].outputs)
        if not 0 <= output < len(outputs):
            raise NetworkError(f"the config of model '{self.name}' asks for output {output} of layer '{name}', which has {len(outputs)}")
        tensor: KerasTensor = outputs[output]
        return tensor


class _NotYetError(NetworkError):
    """A call that is referred to has not been made; at the end, it never will be."""

    def __init__(self, name: str) -> None:
        super().__init__(f"layer '{name}' is not called as often as the config refers to")


def _operation_config(operation: Operation, index: _CallIndex) -> dict[str, Any]:
    calls = [call for call in index.calls_of(operation) if call.inputs]
    if isinstance(operation, Layer):
        nodes = [_call_config(call.args, call.kwargs, index) for call in calls]
        saved: dict[str, Any] = serialize(operation)
        saved.update(name=operation.name, inbound_nodes=nodes)  # and no copy: it may be marked as shared later
        return saved
    assert isinstance(operation, Function)
    split = [operation.arguments(call) for call in calls]
    if given := [leaf.__name__ for leaf in flatten(split) if isinstance(leaf, FunctionType)]:
        raise UnsupportedError(
            f"'{operation.name}' calls the Python function {given[0]!r}, which a file cannot hold: call "
            f"ops.{operation.function.__name__} in the `call` of a Layer subclass, and register that"
        )
    fixed = {"name": operation.name, **{key: serialize(value) for key, value in split[0][1].items()}}
    function = {"module": operation.module, "class_name": operation.class_name, "config": fixed, "registered_name": operation.class_name}
    return {**function, "name": operation.name, "inbound_nodes": [_call_config(args, {}, index) for args, _ in split]}


def _call_config(args: Any, kwargs: Any, index: _CallIndex) -> dict[str, Any]:
    def saved(leaf: Any) -> Any:
        if isinstance(leaf, np.ndarray):
            return {"class_name": "__numpy__", "config": {"value": leaf.tolist(), "dtype": leaf.dtype.name}}
        if not isinstance(leaf, KerasTensor):
            return serialize(leaf)
        config = {"shape": list(leaf.shape), "dtype": leaf.dtype, "keras_history": index.address(leaf)}
        return {"class_name": "__keras_tensor__", "config": config}

    args, kwargs = map_structure(saved, (args, kwargs))
    return {"args": list(args), "kwargs": kwargs}


def _first_index(operation: Operation) -> int:
    """What Keras counts the calls of an operation from where it names a network's inputs and outputs.

    A Functional model has a call before any, its own construction; where a call names its arguments, that one is left out.
    """
    return 1 if isinstance(operation, REGISTRY["Functional"]) else 0
