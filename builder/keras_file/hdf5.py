"""Reading HDF5 files that anyone may have made.

Only the exact paths that are asked for are looked at, each after every link on the way to it: a link by name or to another
file is refused without being followed. An array must be stored plainly, in the file and in full; an attribute must not
claim more than the file can hold.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from itertools import count, takewhile
from math import prod
from typing import Any

import numpy as np

from builder.errors import ModelFileError
from builder.graph import Array
from builder.keras_file.stored import Stored

__all__ = ["MAGIC", "Hdf5", "opened"]

MAGIC = b"\x89HDF\r\n\x1a\n"
_UNDEFINED = 2**64 - 1
_REFERENCE = 16  # bytes of a reference to a text of free length: its length, the address of its heap, its index


@contextmanager
def opened(data: bytes, what: str) -> Iterator[Hdf5]:
    """The HDF5 file in `data`. Raises ModelFileError, which begins with `what`, where it is damaged, inside of the block too."""
    import h5py  # 0.1 s that a network built in Python does not need

    try:
        _check_superblock(data)
        with h5py.File(io.BytesIO(data), "r") as file:
            yield Hdf5(data, file, cache(partial(_check_lists, data)))
    except ModelFileError as error:
        raise error if str(error).startswith(what) else ModelFileError(f"{what} cannot be read: {error}") from None
    except (OSError, RuntimeError, LookupError, ValueError, TypeError, ArithmeticError, MemoryError) as error:  # h5py's, for a damaged file
        raise ModelFileError(f"{what} cannot be read: {error}") from None


@dataclass(frozen=True, slots=True)
class Hdf5:
    """An open file, or what is at a path in it, with the bytes that it is read from."""

    data: bytes
    node: Any
    check_lists: Callable[[], None]  # that the texts of all lists of names fit into the file: it is searched once, and only for those
    path: str = ""

    def __contains__(self, name: str) -> bool:
        """Whether the group has something of that name, whatever it is: no link is followed."""
        return self.is_group and bool(self.node.id.links.exists(name.encode()))

    def __len__(self) -> int:
        """How many things a group has; none where this is no group."""
        return len(self.node) if self.is_group else 0

    @property
    def is_group(self) -> bool:
        import h5py

        return isinstance(self.node, h5py.Group)

    def follow(self, path: str) -> Hdf5:
        """What is at `path`, by hard links only: others could lead out of the file. Raises ModelFileError for nothing."""
        import h5py

        here = self
        for name in path.strip("/").split("/"):
            where = f"{here.path}/{name}"
            if name in ("", ".") or "\0" in name or name not in here:
                raise ModelFileError(f"the file has nothing at {where}")
            if here.node.id.links.get_info(name.encode()).type != h5py.h5l.TYPE_HARD:
                raise ModelFileError(f"{where} is a link that may lead out of the file, which Keras never writes")
            here = Hdf5(self.data, here.node[name], self.check_lists, where)
        return here

    def is_of_bytes(self, path: str) -> bool:
        """Whether there is an array of 8-bit numbers at `path`."""
        import h5py

        try:
            dataset = self.follow(path).node
        except ModelFileError:
            return False
        return isinstance(dataset, h5py.Dataset) and dataset.dtype.name in ("int8", "uint8")

    def array(self) -> Stored:
        """The array that this is. Raises ModelFileError unless it is one of numbers, stored plainly and in full."""
        import h5py

        dataset = self.node
        if not isinstance(dataset, h5py.Dataset):
            raise ModelFileError(f"{self.path} is not an array")
        layout = dataset.id.get_create_plist()
        plain = layout.get_layout() in (h5py.h5d.CONTIGUOUS, h5py.h5d.COMPACT)
        if not plain or layout.get_external_count() or layout.get_nfilters():
            raise ModelFileError(f"{self.path} is stored outside of the file, in pieces or compressed, which Keras never does")
        shape, dtype = dataset.shape, dataset.dtype
        is_bfloat16 = dtype == np.dtype("V2") and self.text("dtype") == "bfloat16"
        if shape is None or (dtype.kind not in "fiub" and not is_bfloat16):
            raise ModelFileError(f"{self.path} holds {dtype}, not numbers")
        offset = dataset.id.get_offset() if layout.get_layout() == h5py.h5d.CONTIGUOUS else 0
        held = min(dataset.id.get_storage_size(), len(self.data) - (offset or 0))
        if held < dataset.nbytes:
            raise ModelFileError(f"{self.path} claims {dataset.nbytes} bytes and the file holds {max(held, 0)}")

        def read() -> Array:
            numbers = self._in_place(shape, dtype, offset) if offset else dataset[()]
            return np.asarray(numbers.view("bfloat16") if is_bfloat16 else numbers)

        return Stored(self.path, shape, "bfloat16" if is_bfloat16 else dtype.name, read)

    def _in_place(self, shape: tuple[int, ...], dtype: np.dtype[Any], offset: int) -> Array:
        """The numbers of an array that lies in the file as in memory, as a view of the file's bytes; else a copy."""
        import h5py

        if dtype.kind not in "fiu" or self.node.id.get_type() != h5py.h5t.py_create(dtype):
            return np.asarray(self.node[()])
        return np.frombuffer(self.data, dtype, prod(shape), offset).reshape(shape)

    def text(self, name: str) -> str | None:
        """An attribute that is a text; None where there is none."""
        value = self._attribute(name) if self._has(name) else None
        return _text(value) if isinstance(value, bytes | str) else None

    def names(self, name: str) -> list[str]:
        """An attribute that is a list of texts. Keras writes a long one in parts: `name0`, `name1` and so on."""
        parts = [name] if self._has(name) else list(takewhile(self._has, (f"{name}{index}" for index in count())))
        found = [item for part in parts for item in np.atleast_1d(self._attribute(part)).tolist()]
        if not all(isinstance(item, bytes | str) for item in found):
            raise ModelFileError(f"attribute {name} of {self.path or '/'} is no list of texts")
        return [_text(item) for item in found]

    def _has(self, name: str) -> bool:
        import h5py

        return bool(h5py.h5a.exists(self.node.id, name.encode()))

    def _attribute(self, name: str) -> Any:
        """An attribute's value. Raises ModelFileError where it claims more than the file can hold."""
        import h5py

        attribute = h5py.h5a.open(self.node.id, name.encode())
        kind, entries = attribute.get_type(), attribute.get_space().get_simple_extent_npoints()
        if kind.get_class() not in (h5py.h5t.STRING, h5py.h5t.INTEGER, h5py.h5t.FLOAT):
            raise ModelFileError(f"attribute {name} of {self.path or '/'} is neither a text nor a number")
        if entries * kind.get_size() > len(self.data):
            raise ModelFileError(f"attribute {name} of {self.path or '/'} claims more than the file holds")
        is_free = kind.get_class() == h5py.h5t.STRING and kind.is_variable_str()
        # A list of references to one long text is short in the file and long in memory: those that lie plainly in the file
        # are counted, and in a header of this version they do.
        if is_free and entries > 1:
            if h5py.h5o.get_info(self.node.id).hdr.version != 1 or "_names" not in name:
                raise ModelFileError(f"attribute {name} of {self.path or '/'} is a list in a form that Keras never writes")
            self.check_lists()
        return self.node.attrs[name]


def _text(value: bytes | str) -> str:
    """The text, without what is no text in it, which h5py keeps as halves of characters."""
    data = value if isinstance(value, bytes) else value.encode(errors="surrogateescape")
    return data.decode(errors="replace")


def _check_superblock(data: bytes) -> None:
    """Raises ModelFileError for a file that is none, is cut off, or has parts of it elsewhere."""
    if not data.startswith(MAGIC) or len(data) < 96:
        raise ModelFileError("it is no HDF5 file")
    version = data[8]
    if version not in (0, 1, 2, 3):
        raise ModelFileError(f"its HDF5 superblock has version {version}, which is not known")
    sizes, start = (data[9:11], 12) if version >= 2 else (data[13:15], 24 + 4 * version)
    base, first, second, third = struct.unpack_from("<4Q", data, start)
    # Version 0 and 1: free space, end, driver; version 2 and 3: extension, end, root.
    end, elsewhere = (second, first) if version >= 2 else (second, third)
    if sizes != b"\x08\x08" or base or elsewhere != _UNDEFINED:
        raise ModelFileError("it is an HDF5 file of a form that Keras never writes")
    if end > len(data):
        raise ModelFileError(f"it is cut off: it says that it has {end} bytes, and has {len(data)}")


def _check_lists(data: bytes) -> None:
    """Raises ModelFileError where the texts that the lists of names refer to take more than the file has."""
    if (claimed := _bytes_of_lists(data)) > len(data):
        raise ModelFileError(f"its lists of names claim {claimed} bytes in a file of {len(data)}")


def _bytes_of_lists(data: bytes) -> int:
    """How many bytes the texts take that the lists of names refer to, each reference counted by itself."""
    total, at = 0, data.find(b"_names")
    while at >= 0:
        total += _bytes_of_list(data, at)
        at = data.find(b"_names", at + 1)
    return total


def _bytes_of_list(data: bytes, at: int) -> int:
    """The same for the attribute, if it is one, whose name has `_names` at `at`."""
    begin = max(data.rfind(b"layer", at - 5, at), data.rfind(b"weight", at - 6, at))
    end = data.find(b"\0", at, at + 32) + 1
    if begin < 9 or not end:
        return 0
    version = data[begin - 8] if data[begin - 8] in (1, 2) else data[begin - 9]
    fields = begin - (9 if version == 3 else 8)
    if version not in (1, 2, 3):
        return 0
    sizes = struct.unpack_from("<3H", data, fields + 2)
    if sizes[0] != end - begin:
        return 0
    name, kind, space = ((size + 7) // 8 * 8 for size in sizes) if version == 1 else sizes
    if kind and begin + name < len(data) and data[begin + name] & 15 != 9:
        return 0  # texts of one length, which lie in the list itself
    first = begin + name + kind + space
    entries = struct.unpack_from("<Q", data, begin + name + kind + (8 if data[begin + name + kind] == 1 else 4))[0]
    held = np.frombuffer(data, np.uint8, offset=min(first, len(data)))[: min(entries * _REFERENCE, 2**62)]
    lengths = held[: len(held) // _REFERENCE * _REFERENCE].reshape(-1, _REFERENCE)[:, :4].copy().view("<u4")
    return int(lengths.sum(dtype=np.uint64))
