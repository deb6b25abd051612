"""KServe and Compose: held to their schemas where these are there, and to the server that they start."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click
import kubernetes_validate
import pytest
import yaml

from service.cli import main
from tests.conftest import ROOT, check
from tests.deploy.chart import Object, documents
from tests.deploy.definitions import check_custom, needs_definitions
from tests.deploy.prometheus import RULES
from tests.deploy.test_monitoring import EXPORTED
from tests.deploy.tools import tool

DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text())
KSERVE = {path.stem: documents(path.read_text()) for path in sorted((DEPLOY / "kserve").glob("*.yaml"))}
RUNTIMES = {name: objects[0] for name, objects in KSERVE.items() if name.startswith("clusterservingruntime")}
PROBES = {"startupProbe": "/startupz", "readinessProbe": "/readyz", "livenessProbe": "/livez"}


def parsed(arguments: list[str]) -> dict[str, Any]:
    """What the server's own command makes of arguments; it exits where they are wrong."""
    command = main.get_command(click.Context(main), arguments[0])
    assert command is not None
    return command.make_context("run", arguments[1:]).params


@needs_definitions
@pytest.mark.parametrize("name", KSERVE)
def test_kserve_takes_the_objects(name: str) -> None:
    for one in KSERVE[name]:
        if one["apiVersion"].startswith(("policy/", "networking.k8s.io/")):
            kubernetes_validate.validate(one, "1.36", strict=True)
        else:
            check_custom(one)


@pytest.mark.parametrize("name", RUNTIMES)
def test_a_runtime_is_what_kserve_and_restricted_namespaces_ask_for(name: str) -> None:
    spec = RUNTIMES[name]["spec"]
    assert spec["protocolVersions"] == ["grpc-v2"]
    (container,) = spec["containers"]
    assert container["name"] == "kserve-container"
    assert "h2c" in container["ports"][0]["name"] or "grpc" in container["ports"][0]["name"]
    assert {probe: container[probe]["httpGet"]["path"] for probe in PROBES} == PROBES
    security = container["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["allowPrivilegeEscalation"] is False
    assert security["readOnlyRootFilesystem"] is True
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["resources"]["requests"] == container["resources"]["limits"]
    given = parsed(container["args"])
    assert (given["path"], given["host"]) == (Path("/mnt/models"), "0.0.0.0")
    assert (given["grpc_port"], given["admin_port"]) == tuple(port["containerPort"] for port in container["ports"])
    assert (given["device"] == "cuda") == ("nvidia.com/gpu" in container["resources"]["limits"]) == name.endswith("cuda")
    assert given["drain_delay_seconds"] + given["grace_seconds"] + 5 <= 30


def test_the_example_is_for_the_runtime_and_asks_for_what_is_exported() -> None:
    (service,) = KSERVE["inferenceservice"]
    predictor = service["spec"]["predictor"]
    assert predictor["model"]["runtime"] == RUNTIMES["clusterservingruntime"]["metadata"]["name"]
    query = predictor["autoScaling"]["metrics"][0]["external"]["metric"]["query"]
    assert set(re.findall(r"hornbeam_\w+", query)) <= set(EXPORTED)
    selectors = [one["spec"].get("selector") or one["spec"]["podSelector"] for one in KSERVE["extras"]]
    assert selectors == [{"matchLabels": {"serving.kserve.io/inferenceservice": service["metadata"]["name"]}}] * 3


def services(*profiles: str) -> dict[str, Object]:
    return {name: one for name, one in COMPOSE["services"].items() if not one.get("profiles") or set(one["profiles"]) & set(profiles)}


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_a_service_of_compose_has_no_more_than_it_needs(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["user"].split(":")[0] not in ("", "0", "root")
    assert re.search(r":v?\d+\.\d+\.\d+(-cuda)?$", service["image"]), "a version, not latest"
    for volume in service["volumes"]:
        source, _, mode = volume.partition(":")
        assert not source.startswith((".", "/")) or mode.endswith(":ro")
        if source.startswith("../"):
            assert (DEPLOY / "compose" / source).exists()
        if source.startswith("./") and source != "./models":
            assert (DEPLOY / "compose" / source).exists()
    if not name.startswith("server"):
        assert all(port.startswith("127.0.0.1:") for port in service["ports"]), "only this machine may look"


@pytest.mark.parametrize("profile", ["cpu", "gpu"])
def test_compose_runs_one_server_that_prometheus_finds(profile: str) -> None:
    running = services(profile)
    assert len(running) == 3
    (server,) = (one for name, one in running.items() if name.startswith("server"))
    given = parsed(server["command"])
    assert int(re.sub(r"\D", "", server["stop_grace_period"])) >= given["drain_delay_seconds"] + given["grace_seconds"] + 10
    scraped = yaml.safe_load((DEPLOY / "compose" / "prometheus.yml").read_text())["scrape_configs"][0]
    assert scraped["job_name"] == "hornbeam"
    discovered = scraped["dns_sd_configs"][0]
    assert discovered["names"] == server["networks"]["default"]["aliases"]
    assert discovered["port"] == given["admin_port"]
    assert f"127.0.0.1:{given['admin_port']}/readyz" in json.dumps(server["healthcheck"])


def test_prometheus_takes_its_configuration(tmp_path: Path) -> None:
    (tmp_path / "hornbeam.rules.yaml").write_text(RULES.read_text())
    (tmp_path / "prometheus.yml").write_text((DEPLOY / "compose" / "prometheus.yml").read_text())
    assert "24 rules found" in check(tool("promtool"), "check", "config", tmp_path / "prometheus.yml")
    mounted = [volume for volume in COMPOSE["services"]["prometheus"]["volumes"] if volume.startswith(".")]
    assert mounted == [
        "./prometheus.yml:/etc/prometheus/prometheus.yml:ro",
        "../helm/hornbeam/files/hornbeam.rules.yaml:/etc/prometheus/hornbeam.rules.yaml:ro",
    ]


def test_grafana_reads_the_dashboards_where_compose_mounts_them() -> None:
    provisioning = DEPLOY / "compose" / "grafana" / "provisioning"
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "hornbeam.yaml").read_text())["providers"]
    assert f"../helm/hornbeam/files/dashboards:{provider['options']['path']}:ro" in COMPOSE["services"]["grafana"]["volumes"]
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
