"""Tensors in POSIX shared memory: what may be registered, what is read and written, and what a client may do meanwhile."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from service.errors import InvalidRequestError, ServiceError
from service.request import Array
from service.rpc._pb import inference_pb2 as pb
from service.rpc.shared_memory import MAX_REGIONS, Regions, SharedMemoryOptions
from service.server import Server
from tests.service.conftest import FREE_PORTS, Refused, Stub, raw, refusal, request
from tests.service.models import save_repository

ROWS = np.arange(8, dtype=np.float32).reshape(2, 4)
SIZE = ROWS.nbytes
MOST = 4096  # bytes of a request's inputs in shared memory, on the server of these tests


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stub]:
    """A server that takes shared memory."""
    options = replace(FREE_PORTS, shared_memory=SharedMemoryOptions(shared_memory=True, max_shared_bytes=MOST))
    server = Server(save_repository(tmp_path_factory.mktemp("repository"), "add2", "ident_bytes", "ident_bool", "ident_fp32"), options)
    server.start()
    with Stub(server.grpc_port) as stub:
        yield stub
    server.stop()


@pytest.fixture
def memory(stub: Stub) -> Iterator[SharedMemory]:
    """An object of 4 KiB and more that holds `ROWS`, registered whole as "r"; every region is forgotten afterwards."""
    memory = SharedMemory(create=True, size=8192)
    view(memory)[:SIZE] = ROWS.tobytes()
    register(stub, "r", memory.name, 0, 8192)
    yield memory
    unregister(stub)
    memory.close()
    memory.unlink()


def view(memory: SharedMemory) -> memoryview:
    """The bytes of an object that is open."""
    assert memory.buf is not None
    return memory.buf


def register(stub: Stub, name: str, key: str, offset: int, byte_size: int) -> None:
    message = pb.SystemSharedMemoryRegisterRequest(name=name, key=key, offset=offset, byte_size=byte_size)
    stub.call("SystemSharedMemoryRegister", message.SerializeToString())


def unregister(stub: Stub, name: str = "") -> None:
    stub.call("SystemSharedMemoryUnregister", pb.SystemSharedMemoryUnregisterRequest(name=name).SerializeToString())


def status(stub: Stub, name: str = "") -> dict[str, tuple[str, int, int]]:
    data = stub.call("SystemSharedMemoryStatus", pb.SystemSharedMemoryStatusRequest(name=name).SerializeToString())
    found = pb.SystemSharedMemoryStatusResponse.FromString(data).regions
    assert all(name == region.name for name, region in found.items())
    return {name: (region.key, region.offset, region.byte_size) for name, region in found.items()}


def place(tensor: Any, byte_size: int, offset: int | None = None, region: str = "r") -> None:
    """Says of a tensor that it is in a region."""
    tensor.parameters["shared_memory_region"].string_param = region
    tensor.parameters["shared_memory_byte_size"].int64_param = byte_size
    if offset is not None:
        tensor.parameters["shared_memory_offset"].int64_param = offset


def in_region(
    model: str = "ident_fp32", array: Array = ROWS, byte_size: int | None = None, offset: int | None = None
) -> pb.ModelInferRequest:
    """A request to a model of one input, which is in the region "r"."""
    message = request(model, {"x": array})
    del message.raw_input_contents[:]
    place(message.inputs[0], len(raw(array)) if byte_size is None else byte_size, offset)
    return message


def to_region(byte_size: int, offset: int | None = None, model: str = "ident_fp32", array: Array = ROWS) -> pb.ModelInferRequest:
    """A request to a model of one output, which is to go to the region "r"."""
    message = request(model, {"x": array}, "y")
    place(message.outputs[0], byte_size, offset)
    return message


# What works.


def test_an_input_is_read_from_its_region(stub: Stub, memory: SharedMemory) -> None:
    assert list(stub.infer(in_region()).raw_output_contents) == [ROWS.tobytes()]


def test_an_offset_counts_from_the_start_of_the_region(stub: Stub, memory: SharedMemory) -> None:
    register(stub, "second row", memory.name, 16, 16)
    message = request("ident_fp32", {"x": ROWS[1:, 2:]})
    del message.raw_input_contents[:]
    place(message.inputs[0], 8, 8, "second row")
    assert list(stub.infer(message).raw_output_contents) == [ROWS[1:, 2:].tobytes()]


def test_an_output_is_written_to_its_region_and_leaves_an_empty_entry(stub: Stub, memory: SharedMemory) -> None:
    found = stub.infer(to_region(100, 4096, array=-ROWS))
    assert list(found.raw_output_contents) == [b""]
    assert (found.outputs[0].datatype, list(found.outputs[0].shape)) == ("FP32", [2, 4])
    assert bytes(view(memory)[4096 : 4096 + SIZE]) == (-ROWS).tobytes()
    assert bytes(view(memory)[4096 + SIZE : 4096 + 100]) == bytes(100 - SIZE)


def test_tensors_in_a_region_stand_beside_tensors_in_the_message(stub: Stub, memory: SharedMemory) -> None:
    message = request("add2", {"a": ROWS, "b": 2 * ROWS}, "difference", "sum")
    del message.raw_input_contents[0]
    place(message.inputs[0], SIZE)
    place(message.outputs[1], SIZE, 512)
    found = stub.infer(message)
    assert list(found.raw_output_contents) == [(ROWS - 2 * ROWS).tobytes(), b""]
    assert bytes(view(memory)[512 : 512 + SIZE]) == (3 * ROWS).tobytes()


@pytest.mark.parametrize(
    "array", [np.array([["a", "", "ünï"]], object), np.array([["b\0c"]], object)], ids=["strings", "a string with NUL"]
)
def test_strings_are_in_a_region_as_they_are_in_a_message(stub: Stub, memory: SharedMemory, array: Array) -> None:
    view(memory)[: len(raw(array))] = raw(array)
    message = in_region("ident_bytes", array)
    place(message.outputs.add(name="y"), 1000, 1000)
    assert list(stub.infer(message).raw_output_contents) == [b""]
    assert bytes(view(memory)[1000 : 1000 + len(raw(array))]) == raw(array)


def test_an_input_is_copied_before_it_is_used(stub: Stub, memory: SharedMemory) -> None:
    message = in_region("ident_bool", np.zeros((1, 4), bool))
    view(memory)[:4] = b"\0\1\2\xff"
    found = stub.infer(message)
    view(memory)[:4] = bytes(4)
    assert list(found.raw_output_contents) == [b"\0\1\1\1"]


def test_status_tells_of_one_or_all_and_unregistering_forgets_one_or_all(stub: Stub, memory: SharedMemory) -> None:
    register(stub, "part", f"/{memory.name}", 8, 16)
    assert status(stub) == {"r": (memory.name, 0, 8192), "part": (f"/{memory.name}", 8, 16)}
    assert status(stub, "part") == {"part": (f"/{memory.name}", 8, 16)}
    unregister(stub, "part")
    assert set(status(stub)) == {"r"}
    unregister(stub, "part")
    unregister(stub)
    assert status(stub) == {}


def test_the_extension_is_announced_only_where_it_is_on(stub: Stub) -> None:
    found = pb.ServerMetadataResponse.FromString(stub.call("ServerMetadata", b""))
    assert "system_shared_memory" in found.extensions
    assert "cuda_shared_memory" not in found.extensions


# What is refused.

WRONG_REQUESTS: dict[str, tuple[Callable[[], pb.ModelInferRequest], str]] = {
    "an offset beyond the region": (
        lambda: in_region(offset=8192),
        "Invalid offset for shared memory region: 'r': 8192, and it has 8192 bytes",
    ),
    "an offset below it": (lambda: in_region(offset=-1), "Invalid offset for shared memory region: 'r': -1"),
    "an offset of 2^63 - 1": (lambda: in_region(offset=2**63 - 1), "Invalid offset for shared memory region"),
    "a size beyond the region": (lambda: in_region(byte_size=8193), "Invalid offset + byte size for shared memory region: 'r': 0 + 8193"),
    "an offset and a size beyond it": (lambda: in_region(byte_size=SIZE, offset=8192 - SIZE + 1), "Invalid offset + byte size for shared"),
    "a size of 2^63 - 1": (lambda: in_region(byte_size=2**63 - 1, offset=8), "Invalid offset + byte size for shared memory region"),
    "a negative size": (lambda: in_region(byte_size=-1), "Invalid offset + byte size for shared memory region: 'r': 0 + -1"),
    "a size that is not the tensor's": (
        lambda: in_region(byte_size=28),
        "input byte size mismatch for input 'x' for model 'ident_fp32'. Expected 32, got 28",
    ),
    "more than a request may have": (
        lambda: in_region(array=np.zeros((25, 50), np.float32)),
        f"have 5000 bytes in shared memory up to 'x', and may have {MOST}",
    ),
    "an output that does not fit": (lambda: to_region(31), "for output 'y' (31 bytes) should be at least 32 bytes to hold the results"),
    "contents beside the region": (
        lambda: _with_contents(in_region()),
        "contents field must not be specified when using shared memory for 'x' for model 'ident_fp32'",
    ),
    "raw contents beside the region": (
        lambda: _with_raw(in_region()),
        "the number of inputs (0) does not match the expected number of raw input contents (1)",
    ),
    "a region by number": (
        lambda: _with(in_region(), "shared_memory_region", int64_param=1),
        "invalid value type for 'shared_memory_region' parameter for tensor 'x', expected string_param.",
    ),
    "a size by name": (
        lambda: _with(in_region(), "shared_memory_byte_size", string_param="1"),
        "invalid value type for 'shared_memory_byte_size' parameter for tensor 'x', expected int64_param.",
    ),
    "a size without a region": (
        lambda: _with(request("ident_fp32", {"x": ROWS}), "shared_memory_byte_size", int64_param=1),
        "'shared_memory_byte_size' can not be specified without 'shared_memory_region' parameter for tensor 'x'",
    ),
    "an offset without a region": (
        lambda: _with(request("ident_fp32", {"x": ROWS}), "shared_memory_offset", int64_param=1),
        "'shared_memory_offset' can not be specified without 'shared_memory_region' parameter for tensor 'x'",
    ),
    "classes in a region": (lambda: _classes(to_region(100)), "output 'y' can't set both 'shared_memory_region' and 'classification'"),
}


def _with(message: pb.ModelInferRequest, name: str, **choice: Any) -> pb.ModelInferRequest:
    message.inputs[0].parameters[name].CopyFrom(pb.InferParameter(**choice))
    return message


def _with_contents(message: pb.ModelInferRequest) -> pb.ModelInferRequest:
    message.inputs[0].contents.fp32_contents.append(1)
    return message


def _with_raw(message: pb.ModelInferRequest) -> pb.ModelInferRequest:
    message.raw_input_contents.append(b"")
    return message


def _classes(message: pb.ModelInferRequest) -> pb.ModelInferRequest:
    message.outputs[0].parameters["classification"].int64_param = 1
    return message


@pytest.mark.parametrize(("make", "text"), WRONG_REQUESTS.values(), ids=WRONG_REQUESTS.keys())
def test_a_request_that_leaves_its_region_is_refused(
    stub: Stub, memory: SharedMemory, make: Callable[[], pb.ModelInferRequest], text: str
) -> None:
    found = refusal(lambda: stub.infer(make()))
    assert text in found.text
    assert found.code is grpc.StatusCode.INVALID_ARGUMENT


def test_nothing_is_written_when_one_of_the_outputs_does_not_fit(stub: Stub, memory: SharedMemory) -> None:
    message = request("add2", {"a": ROWS, "b": ROWS}, "sum", "difference")
    place(message.outputs[0], SIZE, 1000)
    place(message.outputs[1], 8, 2000)
    assert "(8 bytes) should be at least 32 bytes" in refusal(lambda: stub.infer(message)).text
    assert bytes(view(memory)[1000:3000]) == bytes(2000)


WRONG_REGIONS: dict[str, tuple[str, int, int, str]] = {
    "a key with a slash": ("../etc/passwd", 0, 1, "invalid shm key '../etc/passwd'"),
    "a key with a slash inside": ("a/b", 0, 1, "invalid shm key 'a/b'"),
    "two slashes before the key": ("//a", 0, 1, "invalid shm key '//a'"),
    "a slash for a key": ("/", 0, 1, "invalid shm key '/'"),
    "no key": ("", 0, 1, "invalid shm key ''"),
    "the directory itself": ("/.", 0, 1, "invalid shm key '/.'"),
    "the directory above": ("..", 0, 1, "invalid shm key '..'"),
    "a key with NUL": ("a\0b", 0, 1, "invalid shm key 'a?b'"),
    "a key longer than any name": ("a" * 256, 0, 1, "invalid shm key 'aaa"),
    "an object that is not there": ("hornbeam_nothing", 0, 1, "Unable to open shared memory region: 'hornbeam_nothing'"),
    "an object of Triton's own": (
        "/triton_python_backend_shm_region_1",
        0,
        1,
        "contains the reserved prefix 'triton_python_backend_shm_region_'",
    ),
    "a byte more than there are": (
        "OBJECT",
        0,
        8193,
        "failed to register shared memory region 'new': invalid args: 8193 bytes at offset 0",
    ),
    "an offset beyond the object": ("OBJECT", 8192, 1, "invalid args: 1 bytes at offset 8192 of an object of 8192"),
    "a sum beyond 64 bits": ("OBJECT", 2**64 - 1, 2**64 - 1, "invalid args"),
    "no bytes": ("OBJECT", 0, 0, "invalid args: 0 bytes"),
}


@pytest.mark.parametrize(("key", "offset", "byte_size", "text"), WRONG_REGIONS.values(), ids=WRONG_REGIONS.keys())
def test_what_is_no_region_is_not_registered(stub: Stub, memory: SharedMemory, key: str, offset: int, byte_size: int, text: str) -> None:
    found = refusal(lambda: register(stub, "new", memory.name if key == "OBJECT" else key, offset, byte_size))
    assert text in found.text
    assert found.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(status(stub)) == {"r"}


def test_a_name_that_is_taken_is_not_given_twice(stub: Stub, memory: SharedMemory) -> None:
    found = refusal(lambda: register(stub, "r", memory.name, 0, 1))
    assert found == Refused(grpc.StatusCode.ALREADY_EXISTS, "shared memory region 'r' already in manager")


def test_a_region_has_a_name(stub: Stub, memory: SharedMemory) -> None:
    assert refusal(lambda: register(stub, "", memory.name, 0, 1)).text == "the request names no region"


def test_there_is_no_status_of_an_unknown_region(stub: Stub) -> None:
    found = refusal(lambda: status(stub, "nope"))
    assert found == Refused(grpc.StatusCode.NOT_FOUND, "Unable to find system shared memory region: 'nope'")


@pytest.mark.parametrize("method", ["SystemSharedMemoryRegister", "SystemSharedMemoryUnregister"])
def test_shared_memory_is_off_unless_it_is_asked_for(server: Server, method: str) -> None:
    with Stub(server.grpc_port) as plain:
        found = refusal(lambda: plain.call(method, b""))
    assert found.code is grpc.StatusCode.UNIMPLEMENTED
    assert found.text == "Client shared memory is disabled. Start the server with '--shared-memory' to enable it."


@pytest.mark.parametrize("rpc", ["Status", "Register", "Unregister"])
def test_there_is_no_shared_memory_of_cuda(stub: Stub, rpc: str) -> None:
    named = pb.CudaSharedMemoryUnregisterRequest(name="mine").SerializeToString()  # the name is the first field of all three
    found = refusal(lambda: stub.call(f"CudaSharedMemory{rpc}", named))
    assert found.code is grpc.StatusCode.UNIMPLEMENTED
    assert found.text == f"CudaSharedMemory{rpc} belongs to the extension cuda_shared_memory, which this server does not have"


def test_every_region_of_cuda_may_be_forgotten_for_there_is_none(stub: Stub) -> None:
    assert stub.call("CudaSharedMemoryUnregister", b"") == b""


# What a client may do meanwhile.


def test_a_region_that_has_shrunk_refuses_and_the_server_lives(stub: Stub, memory: SharedMemory) -> None:
    os.truncate(f"/dev/shm/{memory.name}", 16)
    found = refusal(lambda: stub.infer(in_region()))
    assert found.text == "shared memory region 'r' has lost 16 of its bytes since it was registered"
    assert "'r' has shrunk since it was registered" in refusal(lambda: stub.infer(to_region(SIZE))).text
    assert Path(f"/dev/shm/{memory.name}").stat().st_size == 16
    assert stub.infer(request("ident_fp32", {"x": ROWS}))


def test_a_window_outlives_its_region_and_its_object(memory: SharedMemory) -> None:
    regions = Regions(SharedMemoryOptions(shared_memory=True))
    regions.register("mine", memory.name, 0, 64)
    window = regions.window("mine", 0, SIZE)
    regions.unregister("mine")
    assert window.read() == ROWS.tobytes()
    window.write(b"new")
    assert bytes(view(memory)[:3]) == b"new"
    with pytest.raises(ServiceError, match="Unable to find shared memory region: 'mine'"):
        regions.window("mine", 0, 1)


def test_an_object_is_closed_when_nothing_refers_to_it(memory: SharedMemory) -> None:
    before = _open_files(memory.name)
    regions = Regions(SharedMemoryOptions(shared_memory=True))
    regions.register("mine", memory.name, 0, 64)
    window = regions.window("mine", 0, 1)
    regions.unregister("mine")
    assert _open_files(memory.name) == before + 1
    del window
    assert _open_files(memory.name) == before


def test_what_cannot_be_registered_leaves_nothing_open(memory: SharedMemory) -> None:
    before = _open_files(memory.name)
    with pytest.raises(InvalidRequestError):
        Regions(SharedMemoryOptions(shared_memory=True)).register("mine", memory.name, 0, 2**40)
    assert _open_files(memory.name) == before


def test_there_may_be_so_many_regions_and_no_more(memory: SharedMemory) -> None:
    regions = Regions(SharedMemoryOptions(shared_memory=True))
    for number in range(MAX_REGIONS):
        regions.register(str(number), memory.name, 0, 1)
    with pytest.raises(InvalidRequestError, match=f"there are {MAX_REGIONS} shared memory regions, and may be no more"):
        regions.register("another", memory.name, 0, 1)


KINDS: dict[str, tuple[Callable[[Path], None], Callable[[Path], None]]] = {
    "a link": (lambda path: path.symlink_to("/etc/hostname"), Path.unlink),
    "a pipe": (os.mkfifo, Path.unlink),
    "a directory": (Path.mkdir, Path.rmdir),
}


@pytest.mark.parametrize(("make", "remove"), KINDS.values(), ids=KINDS.keys())
def test_only_a_shared_memory_object_is_one(make: Callable[[Path], None], remove: Callable[[Path], None]) -> None:
    path = Path("/dev/shm", f"hornbeam-{os.getpid()}")
    make(path)
    try:
        with pytest.raises(InvalidRequestError, match=f"Unable to open shared memory region: '{path.name}'"):
            Regions(SharedMemoryOptions(shared_memory=True)).register("mine", path.name, 0, 1)
    finally:
        remove(path)


def _open_files(name: str) -> int:
    """How often this process has the object open."""
    links = list(Path("/proc/self/fd").iterdir())
    return sum(link.is_symlink() and str(link.readlink()) == f"/dev/shm/{name}" for link in links)
