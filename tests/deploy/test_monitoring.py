"""Rules and dashboards: each alert fires and does not as its tests say, and all name what the server really exports."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from service.client import Client
from service.metrics import METRICS
from tests.conftest import ROOT, HeldOut, check, run, serving
from tests.deploy.processes import until
from tests.deploy.prometheus import RULES, prometheus
from tests.deploy.tools import tool

MONITORING = ROOT / "deploy" / "monitoring"
BOARDS = ROOT / "deploy" / "helm" / "hornbeam" / "files" / "dashboards"
UNITS = {path.stem: path for path in sorted((MONITORING / "tests").glob("*.yaml"))}
GROUPS = {group["name"]: group["rules"] for group in yaml.safe_load(RULES.read_text())["groups"]}
ALERTS = {rule["alert"]: rule for rule in GROUPS["hornbeam-alerts"]}
RECORDS = {rule["record"] for group in GROUPS.values() for rule in group if "record" in rule}
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
EXPORTED = {metric.name + suffix: metric.name for metric in METRICS for suffix in SUFFIXES[metric.kind]}
OTHERS = {"up", "process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"}
FOREIGN = re.compile(r"kube_\w+|DCGM_\w+")  # of other exporters, in panels that say so
# What this server does not have: a container's limits, a certificate, something that was refused.
ELSEWHERE = re.compile(r"hornbeam_(cpu_(throttled_)?(periods|seconds)|memory_limit|tls|rejection|deadline)|errors:ratio|FAILED|code=~")


def panels() -> dict[str, str]:
    """Every query of every dashboard by where it is."""
    found = {}
    for path in sorted(BOARDS.glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", []):
                found[f"{path.stem}/{panel['title']}/{target['refId']}"] = target["expr"]
    return found


def resolved(query: str) -> str:
    """A panel's query as Grafana sends it."""
    return query.replace("$__rate_interval", "10s").replace("$namespace", ".*").replace("$model", ".*")


def names(query: str) -> set[str]:
    """The metrics that a query names; the words of PromQL, labels and strings are none."""
    bare = re.sub(r'"[^"]*"|\[[^\]]*\]|\$\w+', " ", query)
    bare = re.sub(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", bare)
    bare = re.sub(r"\{[^}]*\}", " ", bare)
    words = re.findall(r"[a-zA-Z_][a-zA-Z0-9_:]*(?!\s*\()(?![a-zA-Z0-9_:])", bare)
    return {word for word in words if word not in {"and", "or", "unless", "offset", "m", "h", "s", "d", "bool", "x"} and not word.isdigit()}


QUERIES = {**{rule.get("alert") or rule["record"]: rule["expr"] for group in GROUPS.values() for rule in group}, **panels()}


def test_promtool_takes_the_rules() -> None:
    assert f"{len(ALERTS) + len(RECORDS)} rules found" in check(tool("promtool"), "check", "rules", RULES)


@pytest.mark.parametrize("alert", UNITS)
def test_an_alert_fires_and_does_not_as_its_cases_say(alert: str) -> None:
    cases = yaml.safe_load(UNITS[alert].read_text())["tests"]
    expected = [bool(test["alert_rule_test"][0]["exp_alerts"]) for test in cases]
    assert True in expected
    assert False in expected
    check(tool("promtool"), "test", "rules", UNITS[alert])


def test_every_alert_has_cases_a_severity_and_a_runbook() -> None:
    assert {f"Hornbeam{name}" for name in UNITS} == set(ALERTS)
    headings = set(re.findall(r"^## (\w+)$", (MONITORING / "runbooks.md").read_text(), re.M))
    assert headings == set(ALERTS)
    for name, rule in ALERTS.items():
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"]["runbook_url"].endswith(f"runbooks.md#{name.lower()}")


SPOILT = {
    "a lower threshold": ("ErrorBudgetBurnFast", "(14.4 * ", "(0.4 * "),
    "no patience": ("TargetDown", "for: 3m", "for: 0m"),
    "a code that is not counted": ("ErrorBudgetBurnSlow", "DEADLINE_EXCEEDED|", ""),
    "callers' mistakes": ("Rejecting", "queue_full|quota|memory", ".+"),
    "a first failure that is missed": ("ModelLoadFailing", "unless hornbeam_model_loads_total", "* 0 unless hornbeam_model_loads_total"),
}


@pytest.mark.parametrize(("alert", "old", "new"), SPOILT.values(), ids=SPOILT)
def test_the_cases_notice_a_rule_that_was_spoilt(alert: str, old: str, new: str, tmp_path: Path) -> None:
    assert old in RULES.read_text()
    (tmp_path / "rules.yaml").write_text(RULES.read_text().replace(old, new))
    text = re.sub(r"rule_files: .*", "rule_files: [rules.yaml]", UNITS[alert].read_text())
    (tmp_path / "tests.yaml").write_text(text)
    assert run(tool("promtool"), "test", "rules", tmp_path / "tests.yaml").returncode != 0


def test_the_dashboards_are_what_their_generator_writes(tmp_path: Path) -> None:
    generator = tmp_path / "deploy" / "monitoring" / "dashboards.py"
    generator.parent.mkdir(parents=True)
    generator.write_text((MONITORING / "dashboards.py").read_text())
    check(sys.executable, generator)
    written = {path.name: path.read_text() for path in (tmp_path / "deploy" / "helm" / "hornbeam" / "files" / "dashboards").iterdir()}
    assert {path.name: path.read_text() for path in BOARDS.iterdir()} == written, "`make manifests` writes them anew"


@pytest.mark.parametrize("place", QUERIES)
def test_a_query_names_only_what_the_server_exports(place: str) -> None:
    named = names(QUERIES[place])
    assert named or "vector(" in QUERIES[place]
    unknown = {name for name in named if name not in EXPORTED.keys() | OTHERS | RECORDS and not FOREIGN.fullmatch(name)}
    assert unknown == set()


def test_every_metric_of_the_server_is_looked_at_somewhere() -> None:
    seen = {EXPORTED[name] for query in QUERIES.values() for name in names(query) if name in EXPORTED}
    assert {metric.name for metric in METRICS} - seen == set()


def test_the_autoscalers_ask_for_what_the_server_exports() -> None:
    text = (ROOT / "deploy" / "helm" / "hornbeam" / "templates" / "autoscaling.yaml").read_text()
    assert set(re.findall(r"hornbeam_\w+", text)) <= set(EXPORTED)


def test_a_real_prometheus_answers_every_query_about_a_real_server(models: Path, held_out: HeldOut, tmp_path: Path) -> None:
    with serving(models) as server, prometheus(tmp_path, [server.metrics], RULES.read_text()) as asked, Client(server.address) as client:
        wanted = {place: resolved(query) for place, query in QUERIES.items() if not FOREIGN.search(query)}

        def empty() -> set[str]:
            client.infer("digits", {"image": held_out.images[:4].astype(np.float32)})
            return {
                place for place, query in wanted.items() if place not in ALERTS and not ELSEWHERE.search(query) and not asked.ask(query)
            }

        until(lambda: not empty(), f"every panel has something to show, but {sorted(empty())}", patience=45)
        for place, query in wanted.items():
            assert isinstance(asked.ask(query), list), place
        assert asked.firing() == set()
        recorded = {name for name in RECORDS if not ELSEWHERE.search(name)}
        until(
            lambda: recorded <= {series["metric"]["__name__"] for series in asked.ask('{__name__=~"hornbeam:.+"}')}, f"{recorded} are there"
        )
