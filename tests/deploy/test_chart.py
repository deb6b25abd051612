"""The Helm chart: every branch rendered by the real Helm, held to the schemas of Kubernetes and to the policies."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from tests.conftest import check
from tests.deploy.chart import BRANCHES, CHART, Object, branch, of_kind, render, template
from tests.deploy.definitions import check_custom, needs_definitions
from tests.deploy.policies import violations
from tests.deploy.tools import tool

VERSIONS = ("1.32", "1.34", "1.36", "1.37")
CUSTOM = {"PodMonitor", "PrometheusRule", "ScaledObject", "GRPCRoute"}
PVC = ("--set", "models.source=pvc", "--set", "models.pvc.claimName=models")


@pytest.mark.parametrize("name", BRANCHES)
def test_a_branch_holds_every_policy(name: str) -> None:
    assert violations(branch(name)) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_knows_every_field_of_every_branch(version: str) -> None:
    distinct = {json.dumps(one): one for name in BRANCHES for one in branch(name) if one["kind"] not in CUSTOM}
    checked = [one for one in distinct.values() if one["kind"] != "ResourceClaimTemplate" or version >= "1.34"]
    assert len(checked) >= 30
    for one in checked:
        kubernetes_validate.validate(one, version, strict=True)


@needs_definitions
def test_the_custom_resources_are_as_their_definitions_say() -> None:
    seen = set()
    for one in (one for name in BRANCHES for one in branch(name) if one["kind"] in CUSTOM):
        check_custom(one)
        seen.add(one["kind"])
    assert seen == CUSTOM


def test_helm_lint_is_content() -> None:
    for values in BRANCHES.values():
        check(tool("helm"), "lint", "--strict", "--kube-version", "1.36", CHART, "--values", values)


def test_every_switch_of_the_chart_is_in_a_branch() -> None:
    kinds = {one["kind"] for name in BRANCHES for one in branch(name)}
    assert kinds >= CUSTOM | {"HorizontalPodAutoscaler", "NetworkPolicy", "ResourceClaimTemplate"}
    sources = {next(iter(set(_models(branch(name))) - {"name"})) for name in BRANCHES}
    assert sources == {"image", "persistentVolumeClaim", "emptyDir"}


REFUSED = {
    "no source of models": ((), "models.source must be chosen: image"),
    "an image volume on an old cluster": (
        ("--set", "models.source=image,models.image.reference=a", "--kube-version", "1.34"),
        "before Kubernetes 1.35",
    ),
    "an image without its name": (("--set", "models.source=image"), "models.image.reference must name"),
    "a claim without its name": (("--set", "models.source=pvc"), "models.pvc.claimName must name"),
    "an export of nothing": (("--set", "models.source=export"), "models.export.file must be given"),
    "an export from two places": (
        (
            "--set",
            "models.source=export,models.export.image=a,models.export.file=f,models.export.claimName=c,models.export.imageReference=i",
        ),
        "give one of",
    ),
    "a copy by nothing": (("--set", "models.source=copy"), "must say what fills $(MODELS)"),
    "an old cluster": ((*PVC, "--kube-version", "1.31"), "incompatible with Kubernetes v1.31"),
    "a value that is not there": ((*PVC, "--set", "replcaCount=3"), "additional properties 'replcaCount' not allowed"),
    "a misspelt switch": ((*PVC, "--set", "autoscaler.enabled=true"), "additional properties 'autoscaler' not allowed"),
    "a number as an annotation": ((*PVC, "--set", "podAnnotations.x=2"), "'/podAnnotations/x': got number, want string"),
    "a budget that forbids drains": ((*PVC, "--set", "podDisruptionBudget.maxUnavailable=0"), "/podDisruptionBudget/maxUnavailable"),
    "a digest that is none": ((*PVC, "--set", "image.digest=latest"), "/image/digest"),
    "a quantity that is none": ((*PVC, "--set", "resources.limits.memory=2GB"), "/resources/limits/memory"),
    "options without their table": ((*PVC, "--set", "options.max_batch_rows=3"), "/options/max_batch_rows"),
    "an option with a dash": ((*PVC, "--set", "options.batching.max-batch-rows=3"), "'max-batch-rows'"),
    "an option of the chart's": (
        (*PVC, "--set", "options.transport.grpc_port=80"),
        "options.transport.grpc_port is the chart's own to set",
    ),
    "client certificates without TLS": ((*PVC, "--set", "tls.requireClientCertificate=true"), "needs tls.secretName"),
    "DRA without a GPU": ((*PVC, "--set", "gpu.dra.enabled=true"), "gpu.dra.enabled needs gpu.enabled"),
    "DRA on an old cluster": (
        (*PVC, "--set", "gpu.enabled=true,gpu.dra.enabled=true", "--kube-version", "1.33"),
        "gpu.dra needs Kubernetes 1.34",
    ),
    "less at most than at least": ((*PVC, "--set", "autoscaling.enabled=true,autoscaling.minReplicas=11"), "minReplicas 11 is more than"),
    "an autoscaler of another kind": ((*PVC, "--set", "autoscaling.by=queue"), "/autoscaling/by"),
    "a route from nowhere": ((*PVC, "--set", "grpcRoute.enabled=true"), "needs grpcRoute.parentRefs"),
    "a label that selects": ((*PVC, "--set", "podLabels.app\\.kubernetes\\.io/name=x"), "what the Services select pods by"),
    "a resource without its vendor": ((*PVC, "--set", "gpu.resource=gpu"), "/gpu/resource"),
}


@pytest.mark.parametrize(("arguments", "sentence"), REFUSED.values(), ids=REFUSED)
def test_values_that_cannot_work_are_refused_with_a_sentence(arguments: tuple[str, ...], sentence: str) -> None:
    done = template(*arguments)
    assert done.returncode != 0
    assert sentence in done.stderr


def test_values_and_schema_name_the_same() -> None:
    assert _keys(yaml.safe_load((CHART / "values.yaml").read_text())) == _schema_keys(
        yaml.safe_load((CHART / "values.schema.json").read_text())
    ) - {"global"}


def test_a_change_of_an_option_restarts_the_pods() -> None:
    before, after = (branch("full", "--set", f"options.batching.max_batch_rows={rows}") for rows in (8, 16))
    annotations = [
        of_kind(one, "Deployment")[0]["spec"]["template"]["metadata"]["annotations"]["hornbeam/config"] for one in (before, after)
    ]
    assert annotations[0] != annotations[1]


def test_a_digest_wins_over_a_tag_and_cuda_has_an_image_of_its_own() -> None:
    assert _image(branch("tls", "--set", "image.tag=v1")).startswith("hornbeam@sha256:")
    assert _image(branch("gpu")) == "hornbeam:0.1.0-cuda"
    assert _image(branch("hpa")) == "hornbeam:0.1.0"


def test_the_chart_packs_and_its_notes_tell_the_next_command(tmp_path: Path) -> None:
    check(tool("helm"), "package", CHART, "--destination", tmp_path)
    packed = tmp_path / "hornbeam-0.1.0.tgz"
    assert violations(render("--values", BRANCHES["full"], chart=packed)) == []
    release = ("install", "demo", packed, "--dry-run=client", "--namespace", "models", "--values", BRANCHES["hpa"])
    notes = check(tool("helm"), *release, env={**os.environ, "HOME": str(tmp_path)}).split("NOTES:")[1]
    assert "kubectl --namespace models rollout status deployment/demo-hornbeam" in notes
    assert "dns:///demo-hornbeam-headless.models:8001" in notes


MUTANTS = {
    "the pods' user is root": ("_helpers.tpl", "runAsUser: 65532", "runAsUser: 0", "hpa"),
    "no seccomp profile": ("_helpers.tpl", "seccompProfile: {type: RuntimeDefault}", "supplementalGroups: []", "hpa"),
    "capabilities are kept": ("_helpers.tpl", "capabilities: {drop: [ALL]}", "capabilities: {drop: [NET_RAW]}", "hpa"),
    "a writable image": ("_helpers.tpl", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "hpa"),
    "privileges may be gained": ("_helpers.tpl", "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true", "hpa"),
    "a token of the API server": ("deployment.yaml", "automountServiceAccountToken: false", "automountServiceAccountToken: true", "hpa"),
    "models from the host's disk": (
        "deployment.yaml",
        "emptyDir:\n            sizeLimit: {{ $models.sizeLimit }}",
        "hostPath: {path: /srv}",
        "copy",
    ),
    "a grace that forgets the drain delay": (
        "deployment.yaml",
        "add .Values.termination.drainDelaySeconds .Values.termination.graceSeconds 15",
        "add .Values.termination.graceSeconds 5",
        "hpa",
    ),
    "no grace of its own": ("deployment.yaml", "terminationGracePeriodSeconds:", "activeDeadlineSeconds:", "hpa"),
    "a rollout that gives up early": (
        "deployment.yaml",
        "progressDeadlineSeconds: {{ add .Values.startup.maxSeconds 120 }}",
        "progressDeadlineSeconds: 60",
        "hpa",
    ),
    "liveness that asks for readiness": ("deployment.yaml", "path: /livez", "path: /readyz", "hpa"),
    "liveness without patience": ("deployment.yaml", "failureThreshold: 6", "failureThreshold: 1", "hpa"),
    "no start-up probe": ("deployment.yaml", "startupProbe:", "readinessProbe:", "hpa"),
    "a selector that misses": ("service.yaml", '{{- include "hornbeam.selector" . | nindent 4 }}', "app: hornbeam", "hpa"),
    "a budget for nobody": ("poddisruptionbudget.yaml", '{{- include "hornbeam.selector" . | nindent 6 }}', "{}", "hpa"),
    "a budget that broken pods use up": ("poddisruptionbudget.yaml", "AlwaysAllow", "IfHealthyBudget", "hpa"),
    "a selector that takes the test's pod too": ("_helpers.tpl", "app.kubernetes.io/component: server\n", "", "hpa"),
    "replicas beside an autoscaler": ("deployment.yaml", "{{- if not .Values.autoscaling.enabled }}", "{{- if true }}", "keda"),
    "an autoscaler that a dead Prometheus misleads": ("autoscaling.yaml", 'ignoreNullValues: "false"', 'ignoreNullValues: "true"', "keda"),
    "a fallback that scales down": ("autoscaling.yaml", "behavior: currentReplicasIfHigher", "behavior: static", "keda"),
    "an autoscaler of something else": (
        "autoscaling.yaml",
        "kind: Deployment\n    name: {{ $fullname }}",
        "kind: Deployment\n    name: hornbeam",
        "hpa",
    ),
    "one pod more where no GPU is spare": ("deployment.yaml", 'ternary "0" "1" .Values.gpu.enabled', '"1"', "gpu"),
    "one pod less before the next is ready": ("deployment.yaml", 'ternary "1" "0" .Values.gpu.enabled', '"1"', "hpa"),
    "CUDA without a GPU": ("deployment.yaml", "{{ .Values.gpu.resource }}: {{ .Values.gpu.count }}", "", "gpu"),
    "a GPU and the CPU provider": ("_helpers.tpl", 'ternary "cuda" "cpu" .Values.gpu.enabled', '"cpu"', "gpu"),
    "a GPU's taint is not tolerated": (
        "deployment.yaml",
        "- {key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}",
        "- {key: gpu, operator: Exists}",
        "gpu",
    ),
    "models that can be written": (
        "deployment.yaml",
        "mountPath: /mnt/models\n              readOnly: true",
        "mountPath: /mnt/models",
        "hpa",
    ),
    "the whole of a model image": ("deployment.yaml", "subPath: models", 'subPath: ""', "image"),
    "a server that only its pod reaches": ("_helpers.tpl", "host: 0.0.0.0", "host: 127.0.0.1", "hpa"),
    "another port than the server's": ("_helpers.tpl", "grpc_port: 8001", "grpc_port: 8000", "hpa"),
    "an option that the server has not": ("_helpers.tpl", "drain_delay_seconds:", "drain_delay:", "hpa"),
    "a name of a port that is too long": (
        "deployment.yaml",
        "{name: admin, containerPort",
        "{name: administration-port, containerPort",
        "hpa",
    ),
    "a Service that does not tell its protocol": ("service.yaml", "kubernetes.io/h2c", "http", "hpa"),
    "one Service only": ("service.yaml", "clusterIP: None", "sessionAffinity: None", "hpa"),
    "a route to the admin port": ("grpcroute.yaml", "port: 8001", "port: 8002", "full"),
    "a policy that lets everyone in": (
        "networkpolicy.yaml",
        'podSelector:\n    matchLabels:\n      {{- include "hornbeam.selector" . | nindent 6 }}',
        "podSelector: {}",
        "full",
    ),
    "a policy for one direction": ("networkpolicy.yaml", "[Ingress, Egress]", "[Ingress]", "full"),
    "a monitor of a port that is not there": ("podmonitor.yaml", "port: admin", "port: metrics", "full"),
    "a spread that blocks": ("deployment.yaml", "ScheduleAnyway", "DoNotSchedule", "hpa"),
    "a key that all may read": ("deployment.yaml", "defaultMode: 0440", "defaultMode: 0444", "tls"),
    "a certificate that is not mounted": ("deployment.yaml", "- {name: tls, mountPath: /etc/hornbeam-tls, readOnly: true}", "", "tls"),
    "requests below limits": ("deployment.yaml", "{{- toYaml .Values.resources.requests | nindent 14 }}", "cpu: 100m", "hpa"),
    "options that do not reach running pods": ("deployment.yaml", "hornbeam/config:", "hornbeam/other:", "hpa"),
}


@pytest.mark.parametrize(("file", "old", "new", "name"), MUTANTS.values(), ids=MUTANTS)
def test_the_policies_catch_a_fault_in_the_chart(file: str, old: str, new: str, name: str, tmp_path: Path) -> None:
    planted = shutil.copytree(CHART, tmp_path / "hornbeam")
    path = planted / "templates" / file
    text = path.read_text()
    assert old in text, "the fault can no longer be planted here"
    path.write_text(text.replace(old, new))
    assert violations(branch(name, chart=planted)) != []


def _models(objects: list[Object]) -> Object:
    volumes = of_kind(objects, "Deployment")[0]["spec"]["template"]["spec"]["volumes"]
    return next(dict(volume) for volume in volumes if volume["name"] == "models")


def _image(objects: list[Object]) -> str:
    return str(of_kind(objects, "Deployment")[0]["spec"]["template"]["spec"]["containers"][0]["image"])


def _keys(values: Object, prefix: str = "") -> set[str]:
    """Every value by its path; what users may name freely is a leaf."""
    found: set[str] = set()
    for name, value in values.items():
        deeper = isinstance(value, dict) and value and name not in ("requests", "limits", "labels", "options")
        found |= _keys(value, f"{prefix}{name}.") if deeper else {prefix + name}
    return found


def _schema_keys(schema: Object, prefix: str = "") -> set[str]:
    found: set[str] = set()
    for name, value in schema["properties"].items():
        found |= _schema_keys(value, f"{prefix}{name}.") if "properties" in value else {prefix + name}
    return found
