"""Several real servers behind Envoy, behind nginx, and before clients that balance: who gets what, and what a restart costs."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import Any
from urllib.request import urlopen

import grpc
import numpy as np
import pytest
import yaml

from service.rpc._pb import inference_pb2 as pb
from tests.conftest import READY, ROOT, run
from tests.deploy.processes import free_port, running, until
from tests.deploy.tools import tool

LB = ROOT / "deploy" / "lb"
CLIENT = json.dumps(json.loads((LB / "client.json").read_text()))
METHOD = "/inference.GRPCInferenceService/ModelInfer"
IMAGE = np.zeros((1, 8, 8, 1), np.float32)
REQUEST = pb.ModelInferRequest(
    model_name="digits",
    inputs=[pb.ModelInferRequest.InferInputTensor(name="image", datatype="FP32", shape=IMAGE.shape)],
    raw_input_contents=[IMAGE.tobytes()],
).SerializeToString()
DELAY = 3  # seconds of drain delay, and more than Envoy's interval


@dataclass
class Server:
    """A server on a port of its own, which can be started again there."""

    models: Path
    port: int = field(default_factory=free_port)
    admin: int = field(default_factory=free_port)
    host: str = "127.0.0.1"
    options: tuple[str, ...] = ()
    process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Returns when it is ready."""
        ports = ("--grpc-port", str(self.port), "--admin-port", str(self.admin), "--drain-delay-seconds", str(DELAY))
        command = [sys.executable, "-m", "service", "run", str(self.models), "--host", self.host, *ports, *self.options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout is not None
        assert READY.match(self.process.stdout.readline())

    def stop(self) -> None:
        """SIGTERM, and its end."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=60)
        assert self.process.returncode == 0

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.communicate(timeout=60)

    def answered(self) -> int:
        """Inferences that it has answered."""
        with urlopen(f"http://{self.host}:{self.admin}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        found = re.findall(r'^hornbeam_requests_total\{[^}]*code="OK"[^}]*method="ModelInfer"[^}]*\} (\S+)', text, re.M)
        found += re.findall(r'^hornbeam_requests_total\{[^}]*method="ModelInfer"[^}]*code="OK"[^}]*\} (\S+)', text, re.M)
        return int(sum(map(float, found)))


@pytest.fixture
def fleet(models: Path) -> Iterator[list[Server]]:
    """Three servers; the third is not started."""
    servers = [Server(models) for _ in range(3)]
    try:
        for server in servers[:2]:
            server.start()
        yield servers
    finally:
        for server in servers:
            server.kill()


@contextmanager
def envoy(servers: list[Server], place: Path) -> Iterator[int]:
    """The port of an Envoy of the example's configuration, with these servers in it."""
    config = yaml.safe_load((LB / "envoy.yaml").read_text())
    port, admin = free_port(), free_port()
    config["admin"]["address"]["socket_address"]["port_value"] = admin
    config["static_resources"]["listeners"][0]["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": port}
    endpoints = [{"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": one.port}}}} for one in servers]
    config["static_resources"]["clusters"][0]["load_assignment"]["endpoints"] = [{"lb_endpoints": endpoints}]
    (place / "envoy.yaml").write_text(yaml.safe_dump(config))
    command = (tool("envoy"), "--config-path", place / "envoy.yaml", "--concurrency", "1", "--base-id", str(port), "--log-level", "warn")
    with running(*command, listens_on=port):
        yield port


@contextmanager
def nginx(servers: list[Server], place: Path) -> Iterator[int]:
    """The port of an nginx of the example's configuration, with these servers in it."""
    port = free_port()
    text = (LB / "nginx.conf").read_text().replace("listen 8000", f"listen 127.0.0.1:{port}").replace("/tmp/", f"{place}/")
    for number, server in enumerate(servers, 1):
        text = text.replace(f"server-{number}:8001", f"127.0.0.1:{server.port}")
    (place / "nginx.conf").write_text(text)
    with running(tool("nginx"), "-p", place, "-c", place / "nginx.conf", "-g", "daemon off;", listens_on=port):
        yield port


class Load:
    """Callers that ask until they are told to stop, by one channel; what became of their calls, by code."""

    def __init__(self, target: str, service_config: str = "", callers: int = 4) -> None:
        options = [("grpc.service_config", service_config)] if service_config else []
        self.codes: Counter[str] = Counter()
        self._channel = grpc.insecure_channel(target, options=options)
        self._call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(METHOD)
        self._stop = Event()
        self._threads = [Thread(target=self._ask) for _ in range(callers)]

    def _ask(self) -> None:
        while not self._stop.wait(0.01):
            try:
                self._call(REQUEST, timeout=30)
                self.codes["OK"] += 1
            except grpc.RpcError as error:
                self.codes[error.code().name] += 1

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._channel.close()

    def more(self, calls: int) -> None:
        """Returns when so many more calls have ended."""
        wanted = self.codes.total() + calls
        until(lambda: self.codes.total() >= wanted, f"{calls} more calls")


def restart_all(servers: list[Server], load: Load) -> None:
    """One after the other, each while the load goes on, and with a pause in which calls come."""
    for server in servers:
        server.stop()
        server.start()
        load.more(100)


@pytest.mark.deploy
def test_a_connection_without_a_balancer_stays_at_one_server(fleet: list[Server]) -> None:
    with Load(f"ipv4:127.0.0.1:{fleet[0].port},127.0.0.1:{fleet[1].port}") as load:
        load.more(200)
    assert min(server.answered() for server in fleet[:2]) == 0


@pytest.mark.deploy
@pytest.mark.parametrize("balancer", [envoy, nginx], ids=["Envoy", "nginx"])
def test_a_balancer_shares_the_calls_of_one_connection(balancer: Callable[..., Any], fleet: list[Server], tmp_path: Path) -> None:
    fleet[2].start()
    with balancer(fleet, tmp_path) as port:
        with Load(f"127.0.0.1:{port}") as load:
            until(lambda: all(server.answered() for server in fleet), "all servers found healthy")
            before = [server.answered() for server in fleet]
            load.more(600)
        assert load.codes.keys() == {"OK"}
        gained = [server.answered() - answers for server, answers in zip(fleet, before, strict=True)]
    shares = [gain / sum(gained) for gain in gained]
    assert all(0.2 < share < 0.5 for share in shares), shares


@pytest.mark.deploy
def test_clients_that_balance_share_their_calls(fleet: list[Server]) -> None:
    fleet[2].start()
    with Load("ipv4:" + ",".join(f"127.0.0.1:{server.port}" for server in fleet), CLIENT) as load:
        load.more(600)
    shares = [server.answered() / load.codes.total() for server in fleet]
    assert all(0.2 < share < 0.5 for share in shares), shares


@pytest.mark.deploy
def test_a_rolling_restart_behind_envoy_fails_no_call(fleet: list[Server], tmp_path: Path) -> None:
    fleet[2].start()
    with envoy(fleet, tmp_path) as port, Load(f"127.0.0.1:{port}") as load:
        load.more(100)
        restart_all(fleet, load)
    assert load.codes.keys() == {"OK"}, load.codes
    assert load.codes.total() >= 400


@pytest.mark.deploy
def test_a_rolling_restart_fails_no_call_of_clients_that_balance(fleet: list[Server]) -> None:
    fleet[2].start()
    target = "ipv4:" + ",".join(f"127.0.0.1:{server.port}" for server in fleet)
    with Load(target, CLIENT) as load:
        load.more(100)
        restart_all(fleet, load)
    assert load.codes.keys() == {"OK"}, load.codes
    assert load.codes.total() >= 400


@pytest.mark.deploy
def test_a_server_that_is_added_gets_its_share_behind_envoy(fleet: list[Server], tmp_path: Path) -> None:
    with envoy(fleet, tmp_path) as port, Load(f"127.0.0.1:{port}") as load:
        load.more(100)
        fleet[2].start()
        begin = monotonic()
        until(lambda: fleet[2].answered() > 0, "the new server is asked", patience=5)
        assert monotonic() - begin < 5
        before = [server.answered() for server in fleet]
        load.more(600)
        gained = [server.answered() - old for server, old in zip(fleet, before, strict=True)]
    assert load.codes.keys() == {"OK"}
    assert 0.2 < gained[2] / sum(gained) < 0.5, gained


CALLERS = """
import sys, threading
import grpc
config, method, request = sys.argv[2], sys.argv[3], bytes.fromhex(sys.argv[4])
options = [("grpc.service_config", config), ("grpc.dns_min_time_between_resolutions_ms", 1000)]
call = grpc.insecure_channel(sys.argv[1], options=options).unary_unary(method)
done = threading.Event()
failed = []
def ask():
    while not done.wait(0.01):
        try:
            call(request, timeout=30)
        except grpc.RpcError as error:
            failed.append(error.code().name)
threads = [threading.Thread(target=ask) for _ in range(4)]
[thread.start() for thread in threads]
sys.stdin.read()
done.set()
[thread.join() for thread in threads]
print(failed)
"""


@pytest.mark.deploy
def test_a_server_that_a_name_gains_gets_its_share_of_clients_that_balance(models: Path, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives a process an /etc/hosts of its own")
    port, often = free_port(), ("--max-connection-age-seconds", "2")
    servers = [Server(models, port, host=f"127.0.0.{last}", options=often) for last in (2, 3, 4)]
    hosts = tmp_path / "hosts"
    hosts.write_text("".join(f"{server.host} fleet\n" for server in servers[:2]))
    place = ["unshare", "--mount", "sh", "-c", f'mount --bind {hosts} /etc/hosts && exec "$@"', "sh"]
    client = [*place, sys.executable, "-c", CALLERS, f"dns:///fleet:{port}", CLIENT, METHOD, REQUEST.hex()]
    try:
        for server in servers:
            server.start()
        environment = {**os.environ, "GRPC_DNS_RESOLVER": "native"}
        with subprocess.Popen(client, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as callers:
            until(lambda: all(server.answered() > 50 for server in servers[:2]), "both are asked", patience=30)
            assert servers[2].answered() == 0
            with hosts.open("a") as file:
                file.write(f"{servers[2].host} fleet\n")
            until(lambda: servers[2].answered() > 0, "the new server is asked", patience=15)
            before = [server.answered() for server in servers]
            until(lambda: sum(server.answered() for server in servers) - sum(before) > 400, "more calls")
            gained = [server.answered() - old for server, old in zip(servers, before, strict=True)]
            failed, _ = callers.communicate("")
        assert failed == "[]\n"
        assert 0.2 < gained[2] / sum(gained) < 0.5, gained
    finally:
        for server in servers:
            server.kill()


def test_envoy_and_nginx_take_the_examples(tmp_path: Path) -> None:
    assert run(tool("envoy"), "--mode", "validate", "--config-path", LB / "envoy.yaml").returncode == 0
    text = (LB / "nginx.conf").read_text().replace("/tmp/", f"{tmp_path}/")
    (tmp_path / "nginx.conf").write_text(re.sub(r"server-\d", "127.0.0.1", text))
    done = run(tool("nginx"), "-p", tmp_path, "-t", "-c", tmp_path / "nginx.conf")
    assert "test is successful" in done.stderr
