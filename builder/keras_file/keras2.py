"""Configs of Keras 2, and of tf.keras, in the form of Keras 3: plain data in, plain data out.

What differs in form: how calls are written, and the names of classes and of arguments. What differs in meaning is written
out, so that the network answers as it did in Keras 2: `hard_sigmoid` was another function, and the default of a GRU's
`reset_after` was not always the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from builder.errors import UnsupportedError
from builder.keras_file.tensorflow import Axis, Op, operation

__all__ = ["converted", "is_keras2"]

Config = dict[str, Any]
Shapes = Mapping[str, Sequence[tuple[int, ...]]]

CLASSES = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "SyncBatchNormalization": "BatchNormalization",
    "GRUV2": "GRU",
    "LSTMV2": "LSTM",
    "Model": "Functional",
}
NETWORKS = ("Functional", "Sequential")
RECURRENT = ("Bidirectional", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "GRU", "LSTM", "RNN", "SimpleRNN")
MERGING = ("Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply")
TENSORFLOW = ("SlicingOpLambda", "TFOpLambda")
KERAS = ("keras", "tensorflow", "tf_keras")
ARGUMENTS = {
    "InputLayer": {"batch_input_shape": "batch_shape"},
    "LeakyReLU": {"alpha": "negative_slope"},
}
# What Keras 2 saved and Keras 3 does not take, with the value at which it changes nothing; None, False and the like never do.
WITHOUT_EFFECT: dict[str, dict[str, Any]] = {
    **{f"Conv{rank}DTranspose": {"groups": 1} for rank in (1, 2, 3)},
    "BatchNormalization": {"fused": True, "virtual_batch_size": None, "adjustment": None},
    "MultiHeadAttention": {"query_shape": ..., "key_shape": ..., "value_shape": ...},
}
SET = ("activation", "recurrent_activation")
INSIDE = ("layer", "backward_layer", "cell")
_CONSTANT = "_CONSTANT_VALUE"


def is_keras2(config: Mapping[str, Any], version: str | None) -> bool:
    """Whether a config is in the form of Keras 2: by the version that wrote it, or else by how it is written."""
    if version is not None:
        return version.startswith("2.")
    inner = config.get("config")
    layers = inner.get("layers") if isinstance(inner, dict) else inner
    return any(_is_of_keras2(layer) for layer in layers if isinstance(layer, dict)) if isinstance(layers, list) else False


def converted(config: Config, shapes: Shapes) -> tuple[Config, list[str]]:
    """The config in the form of Keras 3, and a sentence for each part that has none.

    `shapes` are those of the weights of each layer of the outermost network, by its name, where the file tells them.
    """
    config = _plain(config)
    conversion = _Conversion(shapes, _lost_identities(config))
    return conversion.layer(config, ()), conversion.problems


@dataclass(slots=True)
class _Conversion:
    """One config on its way: what is known of its weights, and what was found to have no form in Keras 3."""

    shapes: Shapes
    identities: Mapping[int, int]
    problems: list[str] = field(default_factory=list)

    def layer(self, saved: Any, path: tuple[str, ...]) -> Any:
        """A layer, or a network, with its class and arguments in the form of Keras 3."""
        old = saved.get("class_name") if isinstance(saved, dict) else None
        if not isinstance(old, str):
            return saved
        name = CLASSES.get(old, old)
        inner = saved.get("config")
        if name == "Sequential" and isinstance(inner, list):  # before Keras 2.2.3
            inner = {"name": saved.get("name", "sequential"), "layers": inner}
        if not isinstance(inner, dict):
            return saved
        here = (*path, str(inner.get("name", name)))
        arguments = self.network(inner, here) if name in NETWORKS else self.arguments(name, inner, here)
        if isinstance(arguments.get("name"), str):
            arguments["name"] = _name(arguments["name"])
        identity = {"shared_object_id": self.identities[id(saved)]} if id(saved) in self.identities else {}
        return {**saved, "class_name": name, "config": arguments, **_origin(saved), **identity}

    def network(self, config: Config, path: tuple[str, ...]) -> Config:
        """A network's config, with its layers and their calls."""
        layers = config.get("layers")
        if not isinstance(layers, list):
            return config
        saved = [self.layer(layer, path) for layer in layers]
        if not {"input_layers", "output_layers"} <= config.keys():
            return {**config, "layers": saved}
        return _Wiring(self, saved, path).network(config)

    def arguments(self, name: str, config: Config, path: tuple[str, ...]) -> Config:
        """A layer's arguments under the names that they have in Keras 3."""
        renamed = ARGUMENTS.get(name, {})
        dropped = WITHOUT_EFFECT.get(name, {})
        found = {renamed.get(key, key): value for key, value in config.items() if key not in dropped or dropped[key] not in (value, ...)}
        for key in SET:
            if key in found:
                found[key] = _activation(found[key])
        for key in INSIDE:
            if isinstance(found.get(key), dict):
                found[key] = self.layer(found[key], path)
        if isinstance(found.get("cells"), list):
            found["cells"] = [self.layer(cell, path) for cell in found["cells"]]
        if name in ("GRU", "GRUCell") and "reset_after" not in found:
            found["reset_after"] = self._has_two_biases(found.get("units"), path)
        return {key: _initializer(value) if key.endswith("_initializer") else value for key, value in found.items()}

    def _has_two_biases(self, units: Any, path: tuple[str, ...]) -> bool:
        """Whether the file has the weights of a GRU that resets after the product: it has a bias more."""
        owner = path[1] if len(path) > 1 else ""
        return isinstance(units, int) and (2, 3 * units) in self.shapes.get(_name(owner), ())


class _Wiring:
    """The calls between the layers of one network."""

    def __init__(self, conversion: _Conversion, layers: list[Any], path: tuple[str, ...]) -> None:
        self.conversion = conversion
        self.path = path
        self.layers = [layer for layer in layers if isinstance(layer, dict)]
        self.classes = {self._name_of(layer): layer.get("class_name") for layer in self.layers}
        self.sizes: dict[str, Any] = {}  # what `tf.shape` and what is made of it stand for
        self.first: dict[str, int] = {}

    def network(self, config: Config) -> Config:
        ends = {key: config[key] for key in ("input_layers", "output_layers")}
        self._count_from([ends, *(layer.get("inbound_nodes") for layer in self.layers)])
        made = [entry for layer in self.layers for entry in self._entries(layer)]
        return {**config, "layers": made, **{key: self._end(value) for key, value in ends.items()}}

    def _count_from(self, structure: Any) -> None:
        """Notes what each layer's calls are counted from: those of a nested model from 1 where it has an input of its own."""
        for name, index in _addresses(structure):
            if self.classes.get(name) in NETWORKS:
                self.first[name] = min(index, self.first.get(name, 1))

    def _entries(self, layer: Config) -> list[Config]:
        """What stands for a layer: itself, its calls in the form of Keras 3, or the operations of a TensorFlow function."""
        nodes = layer.get("inbound_nodes")
        if not isinstance(nodes, list) or all(isinstance(node, dict) and "args" in node for node in nodes):
            return [{**layer, "name": self._name_of(layer)}]
        if layer["class_name"] in TENSORFLOW:
            return self._operations(layer, nodes)
        calls = [self._call(layer["class_name"], node) for node in nodes]
        return [{**layer, "name": self._name_of(layer), "inbound_nodes": calls}]

    def _call(self, class_name: str, node: Any) -> Config:
        first, kwargs = self._first(node), self._keywords(node)
        if isinstance(first, list) and len(first) == 1 and class_name not in MERGING:
            first = first[0]
        if class_name in RECURRENT and isinstance(first, list):
            first, kwargs = first[0], {**kwargs, "initial_state": first[1:]}
        return {"args": [first], "kwargs": {key: value for key, value in kwargs.items() if value is not None}}

    def _operations(self, layer: Config, nodes: list[Any]) -> list[Config]:
        """The entries for a TensorFlow function; none, and a problem, where it is not in the table."""
        name, function = self._name_of(layer), str(layer["config"].get("function"))
        entries: list[Config] = []
        calls = []
        try:
            for index, node in enumerate(nodes):
                first, kwargs = self._first(node), self._keywords(node)
                if self._is_size(name, function, first, kwargs):
                    return []
                op = operation(function, [first], kwargs)
                calls.append((op.class_name, self._inner(op, f"{name}_{index}", entries)))
        except UnsupportedError as error:
            self.conversion.problems.append(f"'{'/'.join((*self.path, name))}' {error}")
            return []
        (class_name,) = {class_name for class_name, _ in calls} or {"Copy"}
        return [*entries, _entry(name, class_name, [call for _, call in calls])]

    def _inner(self, op: Op, name: str, entries: list[Config]) -> Config:
        """A call, after entries of their own for the calls among its arguments."""

        def argument(value: Any) -> Any:
            if isinstance(value, list):
                return [argument(item) for item in value]
            if isinstance(value, Axis):
                raise UnsupportedError("takes the size of an axis that is known only when it runs, which is not supported here")
            if not isinstance(value, Op):
                return value
            inner = f"{name}_{len(entries)}"
            call = self._inner(value, inner, entries)
            entries.append(_entry(inner, value.class_name, [call]))
            return _tensor(inner, 0, 0)

        return {"args": [argument(value) for value in op.args], "kwargs": {key: argument(value) for key, value in op.kwargs.items()}}

    def _is_size(self, name: str, function: str, first: Any, kwargs: Config) -> bool:
        """Whether a call only asks for sizes, of which the batch's has a form of its own where a shape is given."""
        if function in ("shape", "compat.v1.shape"):
            self.sizes[name] = ...
        elif first is ... and function == "__operators__.getitem" and isinstance(kwargs.get("slice_spec"), int):
            self.sizes[name] = Axis(kwargs["slice_spec"])
        elif function == "stack" and isinstance(first, list) and any(isinstance(item, Axis) for item in first):
            self.sizes[name] = first
        return name in self.sizes

    def _first(self, node: Any) -> Any:
        """The first argument of a call: a tensor, a constant, or a structure of them."""
        if _is_address(node):
            return node[2] if node[0] == _CONSTANT else self._reference(node)
        if isinstance(node, list):
            return [self._first(item) for item in node]
        return {key: self._first(item) for key, item in node.items()} if isinstance(node, dict) else node

    def _keywords(self, node: Any) -> Config:
        """The other arguments of a call, which are written at each of its tensors."""
        address = next(_of_calls(node), None)
        given = address[3] if address is not None and len(address) > 3 and isinstance(address[3], dict) else {}
        return {key: self._argument(value) for key, value in given.items()}

    def _argument(self, value: Any) -> Any:
        match value:
            case [str(name), int(), int()] if _name(name) in self.classes:
                return self._reference(value)
            case {"start": start, "stop": stop, "step": step}:
                return {"class_name": "__slice__", "config": {"start": start, "stop": stop, "step": step}}
            case {"class_name": "__ellipsis__"}:
                return {"class_name": "__ellipsis__", "config": {}}
            case list():
                return [self._argument(item) for item in value]
            case dict():
                return {key: self._argument(item) for key, item in value.items()}
            case _:
                return value

    def _reference(self, address: Sequence[Any]) -> Any:
        name = _name(address[0])
        return self.sizes[name] if name in self.sizes else _tensor(name, address[1] - self.first.get(name, 0), address[2])

    def _end(self, value: Any) -> Any:
        """An input or output of the network; of a nested Functional model, Keras 3 counts the calls from 1 there."""
        if _is_address(value):
            name = _name(value[0])
            return [name, value[1] - self.first.get(name, 0) + (self.classes.get(name) == "Functional"), value[2]]
        if isinstance(value, list):
            return [self._end(item) for item in value]
        return {key: self._end(item) for key, item in value.items()} if isinstance(value, dict) else value

    def _name_of(self, layer: Config) -> str:
        inner = layer.get("config")
        return _name(str(layer.get("name") or (inner.get("name") if isinstance(inner, dict) else None) or "?"))


def _is_of_keras2(layer: Config) -> bool:
    arguments, nodes = layer.get("config"), layer.get("inbound_nodes")
    has_old_shape = isinstance(arguments, dict) and "batch_input_shape" in arguments
    return has_old_shape or (isinstance(nodes, list) and any(isinstance(node, list) for node in nodes))


def _tensor(name: str, call: int, output: int) -> Config:
    return {"class_name": "__keras_tensor__", "config": {"keras_history": [name, call, output]}}


def _entry(name: str, class_name: str, calls: list[Config]) -> Config:
    made = {"module": "keras.src.ops.numpy", "class_name": class_name, "config": {"name": name}, "registered_name": class_name}
    return {**made, "name": name, "inbound_nodes": calls}


def _is_address(value: Any) -> bool:
    """Whether a value is `[layer, call, output]`, or the same with the call's other arguments."""
    match value:
        case [str(name), int(), output, *rest] if len(rest) <= 1 and (name == _CONSTANT or isinstance(output, int)):
            return True
        case _:
            return False


def _of_calls(structure: Any) -> Iterator[Any]:
    """The addresses in a structure, those in the arguments of a call left out."""
    stack = [structure]
    while stack:
        item = stack.pop()
        if _is_address(item):
            yield item
        elif isinstance(item, list | dict):
            stack.extend(reversed(list(item.values() if isinstance(item, dict) else item)))


def _addresses(structure: Any) -> Iterator[tuple[str, int]]:
    """The layer and call of every address in a structure, those in the arguments of calls too."""
    stack = [structure]
    while stack:
        item = stack.pop()
        if _is_address(item):
            yield _name(item[0]), item[1]
            stack.extend(item[3:])
        elif isinstance(item, list | dict):
            stack.extend(item.values() if isinstance(item, dict) else item)


def _lost_identities(config: Config) -> dict[int, int]:
    """The `shared_object_id` of layers that share it with a later one and do not say so, by Python's identity of the object.

    Keras 2 wrote it at the second use, and at the first only where that was not in a nested model. There is one layer that it
    can be: an earlier one of the same class, name and arguments; where there are several, none is taken for it.
    """
    lost: dict[int, int] = {}
    earlier: list[Config] = []
    known: set[int] = set()
    for layer in _layers_in(config):
        identity = layer.get("shared_object_id")
        if isinstance(identity, int) and identity not in known:
            known.add(identity)
            same = [other for other in earlier if "shared_object_id" not in other and _same(other, layer)]
            if len(same) == 1:
                lost[id(same[0])] = identity
        earlier.append(layer)
    return lost


def _layers_in(config: Any) -> Iterator[Config]:
    """The layers of a network and of those in it, in the order in which they are written."""
    inner = config.get("config") if isinstance(config, dict) else None
    for layer in inner.get("layers", ()) if isinstance(inner, dict) and isinstance(inner.get("layers"), list) else ():
        if isinstance(layer, dict):
            yield layer
            yield from _layers_in(layer)


def _same(one: Config, other: Config) -> bool:
    return one.get("class_name") == other.get("class_name") and _without_identities(one) == _without_identities(other)


def _without_identities(layer: Config) -> Any:
    def bare(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: bare(item) for key, item in value.items() if key != "shared_object_id"}
        return [bare(item) for item in value] if isinstance(value, list) else value

    return bare(layer.get("config"))


def _name(name: str) -> str:
    """A layer's name, which in Keras 2 could have slashes."""
    return name.replace("/", "_")


def _origin(saved: Config) -> Config:
    """The module and registered name of one of Keras's own classes, which moved; those of any other are left."""
    module = saved.get("module")
    if not isinstance(module, str) or module.split(".")[0] not in KERAS:
        return {}
    registered = saved.get("registered_name")
    return {"module": "keras.layers", "registered_name": None if registered == saved["class_name"] else registered}


def _activation(value: Any) -> Any:
    """An activation; the old hard_sigmoid is another function than the one that has its name now."""
    name = value.get("config") if isinstance(value, dict) and value.get("class_name") == "function" else value
    return "keras2>hard_sigmoid" if name == "hard_sigmoid" else value


def _initializer(value: Any) -> Any:
    """An initializer without what Keras 3 does not take; what it made is in the file."""
    if not isinstance(value, dict) or not isinstance(value.get("config"), dict):
        return value
    config = {key: item for key, item in value["config"].items() if key != "dtype"}
    if config.get("distribution") == "normal":
        config["distribution"] = "truncated_normal"
    name = value.get("class_name")
    return {**value, "class_name": name.removesuffix("V2").removesuffix("V1") if isinstance(name, str) else name, "config": config}


def _plain(value: Any) -> Any:
    """A config without the forms in which Keras 2 wrote tuples, shapes and arrays."""
    match value:
        case {"class_name": "__tuple__" | "TensorShape", "items": list(items)}:
            return [_plain(item) for item in items]
        case {"type": "ndarray" | "numpy.ndarray", "value": item}:
            return item
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case _:
            return value
