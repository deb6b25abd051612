"""A real Prometheus that scrapes real servers, with the rules, and is asked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import urlopen

from tests.conftest import ROOT
from tests.deploy.processes import free_port, running, until
from tests.deploy.tools import tool

__all__ = ["RULES", "Prometheus", "hastened", "prometheus"]

RULES = ROOT / "deploy" / "helm" / "hornbeam" / "files" / "hornbeam.rules.yaml"
CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: [rules.yaml]
scrape_configs:
  - job_name: hornbeam
    static_configs: [{{targets: {targets}}}]
"""


@dataclass(frozen=True)
class Prometheus:
    """A Prometheus that runs on a port of loopback."""

    port: int

    def ready(self) -> bool:
        """Whether it takes queries yet."""
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=10):
                return True
        except HTTPError:
            return False

    def ask(self, query: str) -> list[dict[str, Any]]:
        """The series that a query gives now. Raises HTTPError where Prometheus does not take it."""
        with urlopen(f"http://127.0.0.1:{self.port}/api/v1/query?query={quote(query)}", timeout=10) as answer:
            return list(json.load(answer)["data"]["result"])

    def firing(self) -> set[str]:
        """The names of the alerts that fire."""
        return {series["metric"]["alertname"] for series in self.ask('ALERTS{alertstate="firing"}')}


@contextmanager
def prometheus(directory: Path, targets: Sequence[str], rules: str) -> Iterator[Prometheus]:
    """A Prometheus of `rules` that scrapes the targets each second, once it has scraped one of them."""
    (directory / "rules.yaml").write_text(rules)
    (directory / "prometheus.yml").write_text(
        CONFIG.format(targets=json.dumps([target.split("//")[-1].split("/")[0] for target in targets]))
    )
    port = free_port()
    command = (
        *(tool("prometheus"), f"--config.file={directory / 'prometheus.yml'}", f"--storage.tsdb.path={directory / 'data'}"),
        f"--web.listen-address=127.0.0.1:{port}",
    )
    with running(*command, listens_on=port) as process:
        found = Prometheus(port)
        until(found.ready, "Prometheus is ready", process)
        until(lambda: found.ask("up == 1"), "a server is scraped", process)
        yield found


def hastened(rules: str) -> str:
    """The rules with seconds for minutes, two for each, and a minute for an hour: so long does a test not wait."""
    minutes = re.sub(r"\b(\d+)m\b", lambda match: f"{2 * int(match[1])}s", rules)
    return re.sub(r"\b(\d+)h\b", lambda match: f"{int(match[1])}m", minutes)
