"""Regions of POSIX shared memory that clients have registered: tensors come from them and go to them without a message.

A client may change a region, and even shrink the object behind it, at any moment. So nothing here maps memory: inputs are
copied out by reads and outputs copied in by writes, which end short where the object does, and never with a signal.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Annotated
from weakref import finalize

from service.errors import AlreadyExistsError, InvalidRequestError, NotSupportedError, RegionNotFoundError, quoted

__all__ = ["Region", "Regions", "SharedMemoryOptions", "Window"]

OBJECTS = Path("/dev/shm")  # where Linux keeps the objects of shm_open
RESERVED = "triton_python_backend_shm_region_"  # Triton's own objects: clients know that these names are refused
MAX_REGIONS = 256  # each holds a file open


@dataclass(frozen=True, slots=True)
class SharedMemoryOptions:
    """Whether clients may pass tensors in shared memory."""

    shared_memory: Annotated[
        bool, "Let clients register POSIX shared memory: any object under /dev/shm that the server may open. For clients that are trusted."
    ] = False
    max_shared_bytes: Annotated[int, "Most bytes that the inputs of one request may have in shared memory.", (1, None)] = 2**30


class _Object:
    """An open shared memory object, closed when nobody refers to it any more: a request in progress outlives its region."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        finalize(self, os.close, descriptor)


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a shared memory object, by the name that a client gave it; `offset` and `byte_size` are in bytes."""

    name: str
    key: str
    offset: int
    byte_size: int
    object: _Object


@dataclass(frozen=True, slots=True)
class Window:
    """Where in a region a tensor is, or is to be: `offset` is from the region's start."""

    region: Region
    offset: int
    byte_size: int

    def read(self) -> bytes:
        """A copy of the bytes there. Raises InvalidRequestError when the object has shrunk."""
        at, left, pieces = self.region.offset + self.offset, self.byte_size, []
        while left and (piece := os.pread(self.region.object.descriptor, left, at)):
            pieces.append(piece)
            at, left = at + len(piece), left - len(piece)
        if left:
            raise InvalidRequestError(
                f"shared memory region '{quoted(self.region.name)}' has lost {left} of its bytes since it was registered"
            )
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def write(self, data: bytes) -> None:
        """Puts the bytes there, which must fit. Raises InvalidRequestError when the object has shrunk or cannot be written to."""
        descriptor, at = self.region.object.descriptor, self.region.offset + self.offset
        if os.fstat(descriptor).st_size < at + len(data):  # a write would make it grow
            raise InvalidRequestError(f"shared memory region '{quoted(self.region.name)}' has shrunk since it was registered")
        view = memoryview(data)
        try:
            while view:
                written = os.pwrite(descriptor, view, at)
                view, at = view[written:], at + written
        except OSError:
            raise InvalidRequestError(f"shared memory region '{quoted(self.region.name)}' cannot be written to") from None


class Regions:
    """The registered regions by name. The table is replaced, never changed in place: who looks a region up takes no lock."""

    def __init__(self, options: SharedMemoryOptions) -> None:
        self.enabled = options.shared_memory
        self.max_bytes = options.max_shared_bytes
        self._regions: Mapping[str, Region] = MappingProxyType({})
        self._changing = Lock()

    def register(self, name: str, key: str, offset: int, byte_size: int) -> None:
        """Gives a name to `byte_size` bytes at `offset` of the object `key`.

        Raises NotSupportedError when shared memory is off, AlreadyExistsError for a name that is taken, and
        InvalidRequestError for a key that is none, an object that cannot be opened, or bytes that it does not have.
        """
        self._check_enabled()
        if not name:
            raise InvalidRequestError("the request names no region", "name")
        path = _path(name, key)
        with self._changing:
            if name in self._regions:
                raise AlreadyExistsError(f"shared memory region '{quoted(name)}' already in manager")
            if len(self._regions) >= MAX_REGIONS:
                raise InvalidRequestError(f"there are {MAX_REGIONS} shared memory regions, and may be no more; unregister some")
            region = Region(name, key, offset, byte_size, _opened(path, key))
            size = os.fstat(region.object.descriptor).st_size
            if byte_size == 0 or offset + byte_size > size:
                raise InvalidRequestError(
                    f"failed to register shared memory region '{quoted(name)}': invalid args: {byte_size} bytes at offset {offset} of an "
                    f"object of {size}",
                    "byte_size",
                )
            self._regions = MappingProxyType({**self._regions, name: region})

    def unregister(self, name: str) -> None:
        """Forgets a region, or all for an empty name; requests that have found it keep it. Forgetting one that is not there is fine."""
        self._check_enabled()
        with self._changing:
            left = {other: region for other, region in self._regions.items() if name not in ("", other)}
            self._regions = MappingProxyType(left)

    def status(self, name: str) -> list[Region]:
        """The region of that name, or all for an empty one. Raises RegionNotFoundError."""
        if not name:
            return list(self._regions.values())
        if name not in self._regions:
            raise RegionNotFoundError(f"Unable to find system shared memory region: '{quoted(name)}'")
        return [self._regions[name]]

    def window(self, name: str, offset: int, byte_size: int) -> Window:
        """A part of a region. Raises RegionNotFoundError, or InvalidRequestError when the region has not so many bytes."""
        region = self._regions.get(name)
        if region is None:
            raise RegionNotFoundError(f"Unable to find shared memory region: '{quoted(name)}'")
        if not 0 <= offset < region.byte_size:
            raise InvalidRequestError(
                f"Invalid offset for shared memory region: '{quoted(name)}': {offset}, and it has {region.byte_size} bytes",
                "parameters['shared_memory_offset']",
            )
        if not 0 <= byte_size <= region.byte_size - offset:
            raise InvalidRequestError(
                f"Invalid offset + byte size for shared memory region: '{quoted(name)}': {offset} + {byte_size}, and it has "
                f"{region.byte_size} bytes",
                "parameters['shared_memory_byte_size']",
            )
        return Window(region, offset, byte_size)

    def _check_enabled(self) -> None:
        if not self.enabled:
            raise NotSupportedError("Client shared memory is disabled. Start the server with '--shared-memory' to enable it.")


def _path(name: str, key: str) -> Path:
    """The file of an object. Raises InvalidRequestError for what shm_open would not take, and for reserved names."""
    if not re.fullmatch(r"/?[^/\0]{1,255}", key) or key.removeprefix("/") in (".", ".."):
        raise InvalidRequestError(
            f"cannot register shared memory region '{quoted(name)}' - invalid shm key '{quoted(key)}': a name without slashes, save one "
            "at its start",
            "key",
        )
    if key.removeprefix("/").startswith(RESERVED):
        raise InvalidRequestError(
            f"cannot register shared memory region '{quoted(name)}' with key '{quoted(key)}' as the key contains the reserved prefix "
            f"'{RESERVED}'",
            "key",
        )
    return OBJECTS / key.removeprefix("/")


def _opened(path: Path, key: str) -> _Object:
    """The object; a link, a device or a pipe is none. Raises InvalidRequestError when there is no object to be had."""
    refusal = InvalidRequestError(f"Unable to open shared memory region: '{quoted(key)}'", "key")
    try:
        opened = _Object(os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC))
    except (OSError, ValueError):  # the name of no file at all is a ValueError
        raise refusal from None
    if not stat.S_ISREG(os.fstat(opened.descriptor).st_mode):
        raise refusal
    return opened
