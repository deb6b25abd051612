"""The weights of a file given to a network: all of them, or none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from builder.errors import HornbeamError, ModelFileError, several
from builder.keras_file import npz, safetensors
from builder.keras_file.archive import ASSETS, SavedModel, file_bytes, read
from builder.keras_file.hdf5 import MAGIC, opened
from builder.keras_file.json import parsed
from builder.keras_file.paths import layers_by_path
from builder.keras_file.stored import Found, Stored
from builder.keras_file.weights import by_layer, by_name, by_path, in_groups, in_tables
from builder.layer import Layer

__all__ = ["assign_weights", "load_weights"]


def assign_weights(model: Layer, saved: SavedModel) -> None:
    """Gives every weight of `model` its numbers, and every layer what the file keeps for it beside them.

    Raises ModelFileError, with no weight assigned, unless all of them fit.
    """
    wanted = _Wanted(model, f"the weights in {saved.path}")
    if saved.is_legacy:
        with opened(saved.weights, wanted.what) as file:
            group = file.follow("model_weights")
            wanted.assign(by_name(list(model.sublayers()), group, required=True), len(saved.weights))
    elif saved.weights:
        with opened(saved.weights, wanted.what) as file:
            wanted.assign(by_path(model, in_groups([file])), len(saved.weights))
    else:
        wanted.from_tables(npz.arrays, saved.arrays)
    if problems := [problem for path, _, layer in layers_by_path(model) if (problem := _assets(saved, path, layer)) is not None]:
        raise ModelFileError(several(f"the assets in {saved.path} do not fit the network", problems))


def load_weights(model: Layer, path: Path, skip_mismatch: bool = False, by_name: bool = False, skipped: Sequence[Layer] = ()) -> None:
    """Gives the weights of `model` the numbers of a file of weights: `.weights.h5`, `.weights.json` with its shards, a legacy
    `.h5`, `.npz`, `.safetensors`, or those of a saved network.

    With `by_name`, of a legacy file only the layers that it has by name; `skipped` are layers to leave as they are. Raises
    ModelFileError, with nothing assigned, unless all fit; with `skip_mismatch` what does not fit is left as it is.
    """
    wanted = _Wanted(model, f"the weights in {path}", skip_mismatch, by_name, frozenset(map(id, skipped)))
    suffix = path.suffix.lower()
    if by_name and suffix not in (".h5", ".hdf5"):
        raise ModelFileError(f"{path} cannot be loaded by the names of layers; only a legacy .h5 file can")
    if suffix == ".safetensors":
        wanted.from_tables(safetensors.arrays, file_bytes(path))
    elif suffix == ".npz":
        wanted.from_tables(npz.arrays, file_bytes(path))
    elif suffix == ".json":
        wanted.from_shards(path)
    elif path.is_dir() or suffix == ".keras":
        saved = read(path)
        wanted.from_tables(npz.arrays, saved.arrays) if saved.arrays else wanted.from_hdf5(saved.weights)
    else:
        wanted.from_hdf5(file_bytes(path))


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which weights of which network are to be found, and what becomes of those that are not."""

    model: Layer
    what: str
    skip_mismatch: bool = False
    by_name: bool = False
    skipped: frozenset[int] = frozenset()

    def from_hdf5(self, data: bytes) -> None:
        if not data.startswith(MAGIC):
            raise ModelFileError(f"{self.what} are in no form that is known: .weights.h5, .weights.json, .h5, .npz or .safetensors")
        with opened(data, self.what) as file:
            group = file.follow("model_weights") if "model_weights" in file else file
            if not group.names("layer_names"):
                if self.by_name:
                    raise ModelFileError("it is not a legacy file, and its layers have no names to load by")
                self.assign(by_path(self.model, in_groups([file]), self.skipped), len(data))
            else:
                if self.skipped:
                    raise ModelFileError("it is a legacy file, of which all layers are loaded, or with by_name those that it has")
                find = partial(by_name, required=False) if self.by_name else by_layer
                self.assign(find(list(self.model.sublayers()), group), len(data))

    def from_shards(self, path: Path) -> None:
        """Weights in several HDF5 files beside a JSON file that says which ones."""
        index = parsed(file_bytes(path), str(path)).get("weight_map")
        rows = list(index.values()) if isinstance(index, dict) else [None]
        given = [name for row in rows for name in (row if isinstance(row, list) else [row])]  # one by itself up to Keras 3.10
        names = sorted({name for name in given if isinstance(name, str)})
        if not names or not all(isinstance(name, str) for name in given):
            raise ModelFileError(f"{path} does not say which files the weights are in")
        if outside := [name for name in names if not _is_beside(path, name)]:
            raise ModelFileError(f"{path} names {outside[0]!r}, which is not a file beside it")
        shards = [file_bytes(path.parent / name) for name in names]
        with ExitStack() as stack:
            files = [stack.enter_context(opened(data, f"{self.what}, {name}")) for name, data in zip(names, shards, strict=True)]
            self.assign(by_path(self.model, in_groups(files), self.skipped), sum(map(len, shards)))

    def from_tables(self, arrays: Callable[[bytes], dict[str, Stored]], data: bytes) -> None:
        """Weights that are found by their names."""
        try:
            found = by_path(self.model, in_tables(arrays(data)), self.skipped)
        except ModelFileError as error:
            raise ModelFileError(f"{self.what} cannot be read: {error}") from None
        self.assign(found, len(data))

    def assign(self, found: Found, size: int) -> None:
        if not self.skip_mismatch:
            found.raise_problems(f"{self.what} do not fit the network")
        found.assign(size)


def _assets(saved: SavedModel, path: str, layer: Layer) -> str | None:
    """Gives a layer the files that are in its directory. Why they do not fit; None when they do."""
    directory = f"{ASSETS}{path}/"
    files = {name.removeprefix(directory): content for name, content in saved.assets.items() if name.startswith(directory)}
    try:
        layer.load_own_assets(files)
    except HornbeamError as error:
        return f"layer '{layer.name}': {error}"
    return None


def _is_beside(path: Path, name: str) -> bool:
    """Whether `name` is that of a file in the same directory, and of no link out of it."""
    return Path(name).name == name and name not in ("", "..") and "\\" not in name and not (path.parent / name).is_symlink()
