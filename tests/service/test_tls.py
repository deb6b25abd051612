"""TLS on the gRPC port, with certificates made by openssl and real channels."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import Any

import grpc
import pytest

from service import options
from service.errors import StartupError
from service.rpc._pb import inference_pb2 as pb
from service.rpc.certificate import expiry
from service.rpc.servicer import SERVICE
from service.rpc.tls import from_files
from service.server import Options, Server
from tests.conftest import check
from tests.service.conftest import PATIENCE, add2_request, arrays, scrape
from tests.service.models import save_repository

DAY = 86400


@dataclass(frozen=True)
class Pair:
    """A certificate and its key."""

    cert: Path
    key: Path


class Authority:
    """A certificate authority in a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir()
        self.own = Pair(directory / "ca.pem", directory / "ca.key")
        openssl("req", "-x509", *EC, "-subj", "/CN=test", "-keyout", self.own.key, "-out", self.own.cert, "-days", "30")

    def issue(self, name: str, days: int = 10) -> Pair:
        """A certificate for 127.0.0.1 and a caller of that name."""
        pair, request = Pair(self.directory / f"{name}.pem", self.directory / f"{name}.key"), self.directory / f"{name}.csr"
        openssl("req", *EC, "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", pair.key, "-out", request)
        signer = ("-CA", self.own.cert, "-CAkey", self.own.key, "-CAcreateserial", "-copy_extensions", "copy")
        openssl("x509", "-req", "-in", request, *signer, "-days", str(days), "-out", pair.cert)
        return pair


EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def openssl(*arguments: str | Path) -> None:
    check("openssl", *arguments)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls") / "ca")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls") / "stranger")


@pytest.fixture(scope="module")
def pair(authority: Authority) -> Pair:
    return authority.issue("server")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_repository(tmp_path_factory.mktemp("models"), "add2")


@pytest.fixture
def serve(models: Path) -> Iterator[Callable[..., Server]]:
    """Starts servers with TLS options, on free ports."""
    servers: list[Server] = []

    def start(**values: Any) -> Server:
        given = {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}
        server = Server(models, options.build(Options, {"grpc_port": 0, "admin_port": 0, **given}))
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.stop()


def ask(server: Server, trusted: Path, own: Pair | None = None) -> float:
    """The answer that a new connection gets; a caller that trusts `trusted` and shows `own`."""
    key, cert = (own.key.read_bytes(), own.cert.read_bytes()) if own else (None, None)
    credentials = grpc.ssl_channel_credentials(trusted.read_bytes(), key, cert)
    with grpc.secure_channel(f"127.0.0.1:{server.grpc_port}", credentials, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        infer: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/{SERVICE}/ModelInfer")
        answer = infer(add2_request().SerializeToString(), timeout=PATIENCE)
    return float(arrays(pb.ModelInferResponse.FromString(answer))["sum"][0, 0])


def refused(ask: Callable[[], object]) -> bool:
    with pytest.raises(grpc.RpcError) as caught:
        ask()
    error: Any = caught.value
    return bool(error.code() is grpc.StatusCode.UNAVAILABLE)


def replace(pair: Pair, by: Pair) -> None:
    """Puts other contents in the files' places, each at once, as a secret is renewed."""
    for old, new in ((pair.cert, by.cert), (pair.key, by.key)):
        copy = old.with_suffix(".new")
        copy.write_bytes(new.read_bytes())
        copy.replace(old)


def value(server: Server, name: str, **labels: str) -> float:
    return scrape(server.admin_port)[name, frozenset(labels.items())]


# Who gets in.


def test_a_caller_who_trusts_the_authority_is_answered(serve: Callable[..., Server], authority: Authority, pair: Pair) -> None:
    server = serve(tls_cert=pair.cert, tls_key=pair.key)
    assert ask(server, authority.own.cert) == 2.0


def test_a_caller_who_does_not_trust_it_is_not(serve: Callable[..., Server], stranger: Authority, pair: Pair) -> None:
    server = serve(tls_cert=pair.cert, tls_key=pair.key)
    assert refused(lambda: ask(server, stranger.own.cert))


def test_in_the_clear_nobody_is(serve: Callable[..., Server], pair: Pair) -> None:
    server = serve(tls_cert=pair.cert, tls_key=pair.key)
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        live: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/{SERVICE}/ServerLive")
        assert refused(lambda: live(b"", timeout=PATIENCE))


def test_mutual_tls_takes_whom_its_authority_vouches_for(
    serve: Callable[..., Server], authority: Authority, stranger: Authority, pair: Pair
) -> None:
    server = serve(tls_cert=pair.cert, tls_key=pair.key, tls_client_ca=authority.own.cert)
    assert ask(server, authority.own.cert, authority.issue("caller")) == 2.0
    assert refused(lambda: ask(server, authority.own.cert))
    assert refused(lambda: ask(server, authority.own.cert, stranger.issue("caller")))


# Renewal.


def test_a_renewed_certificate_is_used_for_new_connections(
    serve: Callable[..., Server], authority: Authority, stranger: Authority, tmp_path: Path
) -> None:
    live = Pair(tmp_path / "tls.crt", tmp_path / "tls.key")
    replace(live, authority.issue("before", days=5))
    server = serve(tls_cert=live.cert, tls_key=live.key)
    assert ask(server, authority.own.cert) == 2.0
    name = "hornbeam_tls_certificate_expiry_timestamp_seconds"
    assert value(server, name) == pytest.approx(time() + 5 * DAY, abs=600)
    replace(live, stranger.issue("after", days=9))
    assert ask(server, stranger.own.cert) == 2.0
    assert refused(lambda: ask(server, authority.own.cert))
    assert value(server, name) == pytest.approx(time() + 9 * DAY, abs=600)
    assert value(server, "hornbeam_tls_reloads_total", result="success") == 1


def test_a_bad_file_leaves_the_certificate_before_it_and_is_said(
    serve: Callable[..., Server], authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    live = Pair(tmp_path / "tls.crt", tmp_path / "tls.key")
    replace(live, authority.issue("good"))
    server = serve(tls_cert=live.cert, tls_key=live.key)
    live.key.write_text("no key")
    for _ in range(2):
        assert ask(server, authority.own.cert) == 2.0
    said = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(said) == 1
    assert "the one before it stays" in said[0]
    assert "tls.key holds no key" in said[0]
    assert value(server, "hornbeam_tls_reloads_total", result="failure") == 1
    replace(live, authority.issue("better"))
    assert ask(server, authority.own.cert) == 2.0
    assert value(server, "hornbeam_tls_reloads_total", result="success") == 1


# What an operator can get wrong.


@dataclass(frozen=True)
class Files:
    """What a mistake is made with."""

    good: Pair
    other: Pair
    junk: Path
    absent: Path
    locked: Path


@pytest.fixture(scope="module")
def files(authority: Authority, pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Files:
    directory = tmp_path_factory.mktemp("files")
    (directory / "junk.pem").write_text("-----BEGIN NOTHING-----\n")
    openssl("ec", "-in", pair.key, "-aes128", "-passout", "pass:secret", "-out", directory / "locked.key")
    return Files(pair, authority.issue("other"), directory / "junk.pem", directory / "absent.pem", directory / "locked.key")


Mistake = Callable[[Files], tuple[object, object, object]]
MISTAKES: Mapping[str, tuple[Mistake, str]] = {
    "a certificate without a key": (lambda at: (at.good.cert, "", ""), "--tls-cert was given without --tls-key"),
    "a key without a certificate": (lambda at: ("", at.good.key, ""), "--tls-key was given without --tls-cert"),
    "an authority without TLS": (lambda at: ("", "", at.good.cert), "--tls-client-ca needs --tls-cert and --tls-key"),
    "no such certificate": (lambda at: (at.absent, at.good.key, ""), "absent.pem cannot be read: No such file"),
    "no such key": (lambda at: (at.good.cert, at.absent, ""), "absent.pem cannot be read: No such file"),
    "no such authority": (lambda at: (at.good.cert, at.good.key, at.absent), "absent.pem cannot be read: No such file"),
    "a certificate that is none": (lambda at: (at.junk, at.good.key, ""), "junk.pem holds no certificate in PEM"),
    "a key that is none": (lambda at: (at.good.cert, at.junk, ""), "junk.pem holds no key in PEM"),
    "an authority that is none": (lambda at: (at.good.cert, at.good.key, at.junk), "junk.pem holds no certificate in PEM"),
    "a key with a password": (lambda at: (at.good.cert, at.locked, ""), "locked.key holds no key in PEM that opens without a password"),
    "the key of another certificate": (lambda at: (at.good.cert, at.other.key, ""), "is not that of the certificate"),
}


@pytest.mark.parametrize(("mistake", "said"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_said_before_the_server_starts(files: Files, mistake: Mistake, said: str) -> None:
    with pytest.raises(StartupError) as caught:
        from_files(*map(str, mistake(files)))
    assert said in str(caught.value)


def test_without_files_there_is_no_tls() -> None:
    assert from_files("", "", "") is None


@pytest.mark.parametrize("days", [1, 9000, 20000], ids=["tomorrow", "2051", "2081"])
def test_the_end_of_a_certificate_is_read_out_of_it(tmp_path: Path, days: int) -> None:
    cert = tmp_path / "cert.pem"
    openssl("req", "-x509", *EC, "-subj", "/CN=x", "-days", str(days), "-keyout", tmp_path / "key.pem", "-out", cert)
    said = subprocess.run(["openssl", "x509", "-enddate", "-noout", "-in", cert], capture_output=True, text=True, check=True)
    date = check("date", "-u", "+%s", "-d", said.stdout.strip().removeprefix("notAfter="), env=os.environ | {"TZ": "UTC"})
    assert expiry(cert.read_bytes()) == float(date)


@pytest.mark.parametrize("cut", [0, 40, 300], ids=["nothing", "its head", "a part"])
def test_a_certificate_that_is_cut_off_has_no_end(pair: Pair, cut: int) -> None:
    with pytest.raises(ValueError, match=r".+"):
        expiry(pair.cert.read_bytes()[:cut])
