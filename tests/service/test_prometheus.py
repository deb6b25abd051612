"""What Prometheus itself makes of the metrics: promtool's rules, and a real one that scrapes a server and is asked."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

from service.metrics import METRICS
from service.server import Server
from tests.service.conftest import FREE_PORTS, Stub, add2_request, http, refusal, request, until
from tests.service.models import save_repository
from tests.service.test_metrics import ELSEWHERE

TOOLS = os.pathsep.join((os.environ.get("PATH", ""), str(Path(sys.prefix) / "prometheus" / "usr" / "bin")))  # where make test puts them
LISTENING = re.compile(r"Listening on\W+address=127\.0\.0\.1:(\d+)")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: hornbeam
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


def tool(name: str) -> str:
    """The path of a program of Prometheus's."""
    found = shutil.which(name, path=TOOLS)
    if found is None:
        pytest.skip(f"{name} is not installed; on Debian and Ubuntu `make test` unpacks it")
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server every one of whose metrics has a sample."""
    server = Server(save_repository(tmp_path_factory.mktemp("scraped"), "add2", "windows"), FREE_PORTS)
    server.start()
    with Stub(server.grpc_port) as stub:
        traced = (("traceparent", f"00-{TRACE}-00f067aa0ba902b7-01"),)
        stub.method("ModelInfer")(add2_request().SerializeToString(), metadata=traced)
        stub.begin(request("windows", {"x": np.ones((1, 1, 4), np.float32)}), timeout=30.0).result()
        refusal(lambda: stub.infer(add2_request(0)))
    yield server
    server.stop()


def test_promtool_has_nothing_to_say_of_the_metrics(server: Server) -> None:
    _, _, text = http(server.admin_port, "/metrics")
    done = subprocess.run([tool("promtool"), "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


class Prometheus:
    """A Prometheus that runs, and its answers."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, path: str) -> list[dict[str, object]]:
        """The results of its API; none before it is ready."""
        status, _, text = http(self.port, f"/api/v1/{path}")
        data: Any = json.loads(text).get("data") or [] if status == 200 else []
        return list(data["result"]) if "result" in data else list(data)


@contextmanager
def prometheus(directory: Path, scraped: int) -> Iterator[Prometheus]:
    """A Prometheus on a free port that scrapes `scraped` each second."""
    config = directory / "prometheus.yml"
    config.write_text(CONFIG.format(port=scraped))
    command = [
        tool("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={directory / 'data'}",
        "--web.listen-address=127.0.0.1:0",
        "--enable-feature=exemplar-storage",
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            said = ""
            while (found := LISTENING.search(said)) is None:
                line = process.stderr.readline()
                assert line, f"prometheus ended: {said}"
                said += line
            yield Prometheus(int(found[1]))
        finally:
            process.terminate()
            process.communicate(timeout=60)


def samples() -> Iterator[str]:
    """The names that a scrape of this server has, by the table."""
    suffixes = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
    for metric in METRICS:
        if metric.name not in ELSEWHERE:
            yield from (metric.name + suffix for suffix in suffixes[metric.kind])


def test_a_real_prometheus_scrapes_the_server_and_knows_every_metric(server: Server, tmp_path: Path) -> None:
    with prometheus(tmp_path, server.admin_port) as found:
        until(lambda: bool(found.ask(f"query?query={quote('up == 1')}")))
        missing = [name for name in samples() if not found.ask(f"query?query={name}")]
        until(lambda: bool(found.ask("query_exemplars?query=hornbeam_request_duration_seconds_bucket&start=0&end=9999999999")))
        examples = found.ask("query_exemplars?query=hornbeam_request_duration_seconds_bucket&start=0&end=9999999999")
        answered = found.ask("query?query=" + quote('sum by (code) (hornbeam_requests_total{model="add2",method="ModelInfer"})'))
    assert missing == []
    assert TRACE in json.dumps(examples)
    values = {json.dumps(one["metric"]): one["value"] for one in answered}
    assert {labels: value[1] for labels, value in values.items() if isinstance(value, list)} == {
        '{"code": "OK"}': "1",
        '{"code": "INTERNAL"}': "0",
        '{"code": "INVALID_ARGUMENT"}': "1",
    }
