"""The client against a real server: arrays in, arrays out, and the server's refusals as gRPC's errors."""

from collections.abc import Iterator

import grpc
import numpy as np
import pytest

from service.client import Client
from service.request import DATATYPES, Array
from service.server import Server
from tests.service.conftest import PATIENCE, Gated, Refused, refusal

ROWS = np.arange(8, dtype=np.float32).reshape(2, 4)


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[Client]:
    with Client(f"127.0.0.1:{server.grpc_port}") as client:
        yield client


def test_all_outputs_come_by_name(client: Client) -> None:
    found = client.infer("add2", {"a": ROWS, "b": ROWS}, version="1", id="mine", priority=1, timeout=PATIENCE)
    assert list(found) == ["sum", "difference"]
    np.testing.assert_array_equal(found["sum"], 2 * ROWS)
    np.testing.assert_array_equal(found["difference"], 0 * ROWS)


def test_only_those_outputs_come_that_are_asked_for(client: Client) -> None:
    assert list(client.infer("add2", {"a": ROWS, "b": ROWS}, ["difference"], timeout=PATIENCE)) == ["difference"]


@pytest.mark.parametrize("name", [name for name in DATATYPES if name not in ("BYTES", "BF16")])
def test_every_datatype_comes_back_as_it_went(client: Client, name: str) -> None:
    sent = np.array([[0, 1, 1], [1, 0, 1]]).astype(DATATYPES[name].numpy)
    found = client.infer(f"ident_{name.lower()}", {"x": sent}, timeout=PATIENCE)["y"]
    assert found.dtype == sent.dtype
    np.testing.assert_array_equal(found, sent)


STRINGS: dict[str, Array] = {
    "of Python": np.array([["a", "é\0"]], object),
    "bytes of Python": np.array([[b"a", "é\0".encode()]], object),
    "of NumPy": np.array([["a", "é\0x"]]),
    "bytes of NumPy": np.array([[b"a", "é".encode()]]),
}


@pytest.mark.parametrize("sent", STRINGS.values(), ids=STRINGS.keys())
def test_strings_come_back_as_text(client: Client, sent: Array) -> None:
    found = client.infer("ident_bytes", {"x": sent}, timeout=PATIENCE)["y"]
    expected = [[value.decode() if isinstance(value, bytes) else value for value in row] for row in sent.tolist()]
    assert found.tolist() == expected


LAYOUTS: dict[str, Array] = {
    "columns first": np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
    "every other column": np.arange(12, dtype=np.float32).reshape(2, 6)[:, ::2],
    "backwards": np.arange(6, dtype=np.float32).reshape(2, 3)[::-1],
    "nothing in a row": np.empty((2, 0), np.float32),
}


@pytest.mark.parametrize("sent", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_an_array_may_lie_in_memory_as_it_likes(client: Client, sent: Array) -> None:
    np.testing.assert_array_equal(client.infer("ident_fp32", {"x": sent}, timeout=PATIENCE)["y"], sent)


def test_a_scalar_stays_one(client: Client) -> None:
    found = client.infer("scalar", {"x": np.array(2.5, np.float32)}, timeout=PATIENCE)["y"]
    assert (found.shape, found.item()) == ((), 2.5)


def test_what_the_server_refuses_is_raised_with_its_code_and_words(client: Client) -> None:
    found = refusal(lambda: client.infer("nope", {"x": ROWS}, timeout=PATIENCE))
    assert found == Refused(grpc.StatusCode.NOT_FOUND, "Request for unknown model: 'nope' is not found")


@pytest.mark.parametrize("dtype", [np.complex64, "datetime64[s]"], ids=["complex", "dates"])
def test_what_the_protocol_cannot_carry_is_not_sent(client: Client, dtype: str) -> None:
    with pytest.raises(TypeError, match=r"input 'x' is of dtype .*, which the protocol cannot carry"):
        client.infer("ident_fp32", {"x": np.zeros((1, 1), dtype)})


def test_a_call_ends_when_its_time_is_over(gated: Gated) -> None:
    with Client(f"127.0.0.1:{gated.transport.port}") as client:
        found = refusal(lambda: client.infer("add2", {"a": ROWS, "b": ROWS}, timeout=0.1))
    assert found.code is grpc.StatusCode.DEADLINE_EXCEEDED


def test_a_server_that_is_not_there() -> None:
    with Client("127.0.0.1:1") as client:
        assert refusal(lambda: client.infer("add2", {"a": ROWS}, timeout=PATIENCE)).code is grpc.StatusCode.UNAVAILABLE


def test_a_large_message_goes_through(client: Client) -> None:
    sent = np.ones((64, 100_000), np.float32)  # 25 MB, where gRPC by itself allows 4
    assert client.infer("total", {"x": sent}, timeout=PATIENCE)["y"].tolist() == [100_000.0] * 64


def test_a_closed_client_cannot_ask(server: Server) -> None:
    client = Client(f"127.0.0.1:{server.grpc_port}")
    client.close()
    with pytest.raises(ValueError, match="closed channel"):
        client.infer("add2", {"a": ROWS, "b": ROWS})
