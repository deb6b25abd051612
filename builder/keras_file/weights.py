"""Which arrays of a file are the weights of which layer.

Keras has found weights in three ways. By *path* (`.keras`, `.weights.h5`): attribute by attribute, and in a list by class and
count, as in `layers/dense_1/vars/0`. By *layer* (legacy `.h5`): a group for each layer of the model, by name or in order, with
the weights inside of it in one row. And, in files of other tools (`.npz`, `.safetensors`), by the *name* of the array: the path
above, or the names of the layers and of the weight, as in `encoder/dense/kernel`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from builder.errors import ModelFileError
from builder.keras_file.archive import SavedModel
from builder.keras_file.hdf5 import Hdf5, opened
from builder.keras_file.paths import layers_by_path
from builder.keras_file.stored import Found, Stored
from builder.layer import Layer
from builder.ops.symbolic import Variable

__all__ = ["by_layer", "by_name", "by_path", "group_shapes", "in_groups", "in_tables", "unsaid_quantized"]

OLD_NAMES = {"layers": ("_layer_checkpoint_dependencies", "_layers")}  # of Keras 2.12 to 3.0

Find = Callable[["Owner"], Sequence[Stored]]


@dataclass(frozen=True, slots=True)
class Owner:
    """A layer with weights of its own: its path in a file, and the names of the layers that it is in, its own last."""

    path: str
    names: tuple[str, ...]
    layer: Layer

    @property
    def variables(self) -> dict[str, Variable]:
        return self.layer.saved_variables()


def by_path(model: Layer, find: Find, skipped: frozenset[int] = frozenset()) -> Found:
    """The arrays that `find` has for each layer with weights; `skipped` are the identities of layers to leave out."""
    found = Found()
    for owner in _owners(model, skipped):
        found.add(owner.layer.name, list(owner.variables.values()), lambda owner=owner: find(owner))  # type: ignore[misc]
    return found


def in_groups(files: Sequence[Hdf5]) -> Find:
    """Looks into groups of HDF5 files: datasets 0, 1, ... at `<path>/vars`, which may be spread over several files."""

    def find(owner: Owner) -> list[Stored]:
        parts: dict[str, Stored] = {}
        groups = [group for file in files if (group := _old_or_new(file, f"{owner.path}/vars", required=len(files) == 1))]
        for group in groups:
            if not group.is_group:
                raise ModelFileError(f"{group.path} is no group of arrays")
            names = [name for name in owner.variables if name in group]
            parts |= {name: group.follow(name).array() for name in names}
        size = sum(len(group) for group in groups)
        if size != len(owner.variables) or len(parts) != size:
            raise ModelFileError(f"needs {len(owner.variables)} arrays at {owner.path}/vars, and the file has {size}")
        return [parts[name] for name in owner.variables]

    return find


def in_tables(arrays: Mapping[str, Stored]) -> Find:
    """Looks for the arrays by their names: `<path>/vars/0`, or the layers' names and the weight's."""

    def find(owner: Owner) -> list[Stored]:
        found = []
        for key, variable in owner.variables.items():
            names = (f"{owner.path}/vars/{key}".strip("/"), "/".join((*owner.names, variable.name)))
            known = [name for name in names if name in arrays]
            if not known:
                raise ModelFileError(f"the file has neither {names[0]!r} nor {names[1]!r}")
            found.append(arrays[known[0]])
        return found

    return find


def by_layer(layers: Sequence[Layer], group: Hdf5) -> Found:
    """The arrays of a legacy file for each layer: of the groups that have any, the first is the first layer's and so on."""
    found = Found()
    _check_origin(layers, group)
    own = [layer for layer in layers if layer.weights]
    groups = _groups(group)
    if len(own) != len(groups):
        found.problems.append(f"the network has {len(own)} layers with weights, and the file has {len(groups)}: {', '.join(groups)}")
        return found
    for layer, stored in zip(own, groups.values(), strict=True):
        _add(found, layer, stored)
    return found


def by_name(layers: Sequence[Layer], group: Hdf5, required: bool) -> Found:
    """The arrays of a legacy file for each layer that has a group of its name; with `required`, all of both must have one."""
    found = Found()
    _check_origin(layers, group)
    groups = _groups(group)
    own = {layer.name: layer for layer in layers if layer.weights}
    for name, layer in own.items():
        if name in groups:
            _add(found, layer, groups[name])
        elif required:
            found.problems.append(f"layer '{name}': the file has no weights for it")
    if required:
        found.problems += [f"the file has weights for a layer '{name}', which has none" for name in groups.keys() - own.keys()]
    return found


def group_shapes(group: Hdf5) -> dict[str, list[tuple[int, ...]]]:
    """The shapes of the arrays of each layer in a legacy file."""
    return {name: [stored().shape for stored in row] for name, row in _groups(group).items()}


def _check_origin(layers: Sequence[Layer], group: Hdf5) -> None:
    """Raises ModelFileError for weights that are laid out otherwise than any of ours."""
    version = group.text("keras_version")
    if version is None or version.startswith("1."):
        raise ModelFileError("they are of Keras 1, which laid weights out otherwise; load them in Keras 2 up to 2.3 and save them again")
    if group.text("backend") == "theano" and any("Conv" in type(layer).__name__ for layer in layers):
        raise ModelFileError("they are of Theano, whose convolutions are mirrored; load them in Keras on TensorFlow and save them again")


def _groups(group: Hdf5) -> dict[str, list[Callable[[], Stored]]]:
    """The arrays of each layer's group, by the layer's name; groups without any are left out."""
    found: dict[str, list[Callable[[], Stored]]] = {}
    for name in [*group.names("layer_names"), "top_level_model_weights"]:
        if name not in group and name == "top_level_model_weights":
            continue
        inner = group.follow(name)
        if weights := inner.names("weight_names"):
            found[name.replace("/", "_")] = [lambda inner=inner, weight=weight: inner.follow(weight).array() for weight in weights]  # type: ignore[misc]
    return found


def _add(found: Found, layer: Layer, row: Sequence[Callable[[], Stored]]) -> None:
    variables = _in_legacy_order(layer)

    def find() -> list[Stored]:
        if len(row) != len(variables):
            raise ModelFileError(f"needs {len(variables)} arrays, and the file has {len(row)}")
        return [stored() for stored in row]

    found.add(layer.name, variables, find)


def _in_legacy_order(layer: Layer) -> list[Variable]:
    """The weights in the order of a legacy file: all that training changes, in nested layers too, and then all others."""
    return list({id(variable): variable for variable in [*_trained(layer), *_frozen(layer)]}.values())


def _trained(layer: Layer) -> Iterator[Variable]:
    if layer.trainable:
        yield from (variable for variable in layer.own_variables if variable.trainable)
        for inner in layer.sublayers():
            yield from _trained(inner)


def _frozen(layer: Layer) -> Iterator[Variable]:
    yield from (variable for variable in layer.own_variables if not (layer.trainable and variable.trainable))
    for inner in layer.sublayers():
        if not layer.trainable:
            yield from _trained(inner)
        yield from _frozen(inner)


def _old_or_new(file: Hdf5, path: str, required: bool) -> Hdf5 | None:
    """What is at `path`, of which a part may have a name that older versions gave it."""
    here = file
    for name in path.strip("/").split("/"):
        names = (name, f"_{name}", *OLD_NAMES.get(name, ()))
        known = next((old for old in names if old in here), None)
        if known is None and not required:
            return None
        here = here.follow(known or name)
    return here


def _owners(model: Layer, skipped: frozenset[int]) -> Iterator[Owner]:
    """Each layer that has weights of its own; the names leave the model's out."""
    for path, names, layer in layers_by_path(model, skipped):
        if layer.saved_variables():
            yield Owner(path, names[1:], layer)


def unsaid_quantized(model: Layer, saved: SavedModel) -> list[Layer]:
    """The layers whose weights the file has in few bits though the config says nothing of it, as Keras's does of some."""
    asked = [(path, layer) for path, _, layer in layers_by_path(model) if layer.quantizations and layer.own_policy.quantization is None]
    if not asked or not saved.weights or saved.is_legacy:
        return []
    with opened(saved.weights, f"the weights in {saved.path}") as file:
        return [layer for path, layer in asked if file.is_of_bytes(f"{path}/vars/0")]
