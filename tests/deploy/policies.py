"""What every rendering of the chart has to hold, and no schema says: what an API server refuses, and what hurts later.

Each policy yields a sentence for what it finds wrong. Where a rule is Kubernetes's own, its name stands beside it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, get_type_hints

from service import options as declared
from service.errors import StartupError
from service.server import Options
from tests.deploy.chart import Object, matches, of_kind

__all__ = ["POLICIES", "Rendered", "violations"]

Findings = Iterator[str]
POLICIES: list[Callable[[Rendered], Findings]] = []
BUFFER = 15  # seconds between the end of the server's grace and the kubelet's patience
TABLES = get_type_hints(Options)
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret", "image"}


@dataclass(frozen=True)
class Rendered:
    """A rendering, and its parts."""

    objects: list[Object]

    @cached_property
    def deployment(self) -> Object:
        (found,) = of_kind(self.objects, "Deployment")
        return found

    @cached_property
    def pod(self) -> Object:
        """The Deployment's template."""
        template: Object = self.deployment["spec"]["template"]
        return template

    @cached_property
    def pods(self) -> dict[str, Object]:
        """Every pod's metadata and spec by who makes it."""
        return {"Deployment": self.pod, **{f"Pod {one['metadata']['name']}": one for one in of_kind(self.objects, "Pod")}}

    @cached_property
    def server(self) -> Object:
        (found,) = (one for one in self.pod["spec"]["containers"] if one["name"] == "server")
        return dict(found)

    @cached_property
    def tables(self) -> dict[str, dict[str, Any]]:
        """What the server reads from its file."""
        name = next(volume["configMap"]["name"] for volume in self.pod["spec"]["volumes"] if volume["name"] == "config")
        (found,) = (one for one in of_kind(self.objects, "ConfigMap") if one["metadata"]["name"] == name)
        return tomllib.loads(found["data"]["server.toml"])

    @cached_property
    def config(self) -> dict[str, Any]:
        """The options in that file by name."""
        return {name: value for table in self.tables.values() for name, value in table.items()}

    @property
    def gpu(self) -> bool:
        return bool(self.config["device"] == "cuda")

    def containers(self, pod: Object) -> list[Object]:
        return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]

    def volume(self, name: str) -> Object:
        (found,) = (volume for volume in self.pod["spec"]["volumes"] if volume["name"] == name)
        return dict(found)

    def seconds(self, probe: str) -> int:
        """How long a probe may fail before it has its effect."""
        wanted = self.server.get(probe, {})
        return int(wanted.get("periodSeconds", 0) * wanted.get("failureThreshold", 0))


def policy(check: Callable[[Rendered], Findings]) -> Callable[[Rendered], Findings]:
    """Registers a policy."""
    POLICIES.append(check)
    return check


def violations(objects: list[Object]) -> list[str]:
    """All that is wrong with a rendering, each with the policy that says so."""
    rendered = Rendered(objects)
    return [f"{check.__name__}: {found}" for check in POLICIES for found in check(rendered)]


@policy
def pod_security_restricted(rendered: Rendered) -> Findings:
    """Pod Security Standards, level restricted, of every pod."""
    for owner, pod in rendered.pods.items():
        spec = pod["spec"]
        security = spec.get("securityContext", {})
        if security.get("runAsNonRoot") is not True or security.get("runAsUser", 0) == 0:
            yield f"{owner} may run as root"
        if security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield f"{owner} has no seccomp profile"
        if any(spec.get(name) for name in ("hostNetwork", "hostPID", "hostIPC")):
            yield f"{owner} shares the host's namespaces"
        for volume in spec.get("volumes", []):
            if kinds := set(volume) - {"name"} - VOLUMES:
                yield f"{owner} has a volume of {kinds}"
        for container in rendered.containers(pod):
            yield from (f"{owner}/{container['name']} {found}" for found in _not_restricted(container))


def _not_restricted(container: Object) -> Findings:
    security = container.get("securityContext", {})
    if security.get("allowPrivilegeEscalation") is not False:
        yield "may gain privileges"
    if security.get("capabilities") != {"drop": ["ALL"]}:
        yield "keeps capabilities"
    if security.get("privileged"):
        yield "is privileged"
    if any("hostPort" in port for port in container.get("ports", [])):
        yield "takes a port of the host"


@policy
def hardened(rendered: Rendered) -> Findings:
    """Beyond restricted: what the server does not need, it does not have."""
    for owner, pod in rendered.pods.items():
        spec = pod["spec"]
        if spec.get("automountServiceAccountToken") is not False:
            yield f"{owner} has a token of the API server"
        if spec.get("enableServiceLinks") is not False:
            yield f"{owner} gets a variable for every Service of its namespace"
        if spec["securityContext"].get("runAsUser") != 65532:
            yield f"{owner} does not run as the image's user"
        if spec["securityContext"].get("fsGroupChangePolicy") != "OnRootMismatch":
            yield f"{owner} changes the owner of every file of a volume at each start"
    if any(account.get("automountServiceAccountToken") is not False for account in of_kind(rendered.objects, "ServiceAccount")):
        yield "the ServiceAccount gives out its token"


@policy
def bounded(rendered: Rendered) -> Findings:
    """No container writes to its image, and each has limits."""
    for owner, pod in rendered.pods.items():
        for container in rendered.containers(pod):
            if container.get("securityContext", {}).get("readOnlyRootFilesystem") is not True:
                yield f"{owner}/{container['name']} can write to its image"
            if {"cpu", "memory"} - set(container.get("resources", {}).get("limits", {})):
                yield f"{owner}/{container['name']} has no limits"


@policy
def ends_in_time(rendered: Rendered) -> Findings:
    """The kubelet waits for the drain delay, the grace and a little more; a rollout waits for the slowest start."""
    given = rendered.pod["spec"].get("terminationGracePeriodSeconds", 30)
    needed = sum(rendered.config.get(name, 0) for name in ("drain_delay_seconds", "grace_seconds")) + BUFFER
    if given < needed:
        yield f"the pod is killed after {given} s, and the server needs up to {needed} s"
    if given > needed:
        yield f"a pod that hangs is killed after {given} s instead of {needed} s"
    if rendered.deployment["spec"].get("progressDeadlineSeconds", 600) <= rendered.seconds("startupProbe"):
        yield "a rollout is called failed while a pod may still be starting"


@policy
def probed(rendered: Rendered) -> Findings:
    """Three questions, three answers, none through the threads that serve requests."""
    paths = {"startupProbe": "/startupz", "readinessProbe": "/readyz", "livenessProbe": "/livez"}
    for probe, path in paths.items():
        if rendered.server.get(probe, {}).get("httpGet") != {"path": path, "port": "admin"}:
            yield f"the {probe} does not ask {path} on the admin port"
            return
    if rendered.server["livenessProbe"].get("successThreshold", 1) != 1:
        yield "Kubernetes refuses a liveness probe with a successThreshold other than 1"
    if rendered.seconds("livenessProbe") < 60:
        yield "a server that stalls for less than a minute is killed, and loads its models again"
    if rendered.seconds("readinessProbe") > 15:
        yield "a pod that is not ready gets calls for more than 15 s"


@policy
def selects(rendered: Rendered) -> Findings:
    """Every selector picks the servers, and only them."""
    labels = rendered.pod["metadata"]["labels"]
    if not matches(rendered.deployment["spec"]["selector"], labels):
        yield "Kubernetes refuses a Deployment whose selector does not match its pods"
    for name, selector in _selectors(rendered):
        if not selector.get("matchLabels"):
            yield f"{name} selects everything"
        if not matches(selector, labels):
            yield f"{name} does not select the servers"
        for pod in of_kind(rendered.objects, "Pod"):
            if matches(selector, pod["metadata"]["labels"]):
                yield f"{name} selects the test's pod"


def _selectors(rendered: Rendered) -> Iterator[tuple[str, Object]]:
    yield "the Deployment", rendered.deployment["spec"]["selector"]
    for one in of_kind(rendered.objects, "Service"):
        yield f"Service {one['metadata']['name']}", {"matchLabels": one["spec"].get("selector", {})}
    for kind, field in (("PodDisruptionBudget", "selector"), ("NetworkPolicy", "podSelector"), ("PodMonitor", "selector")):
        for one in of_kind(rendered.objects, kind):
            yield kind, one["spec"][field]
    for constraint in rendered.pod["spec"].get("topologySpreadConstraints", []):
        yield f"the spread over {constraint['topologyKey']}", constraint["labelSelector"]


@policy
def ports_agree(rendered: Rendered) -> Findings:
    """The server listens where the container, the Services, the probes and the monitors think it does."""
    ports = {port["name"]: port["containerPort"] for port in rendered.server["ports"]}
    if ports != {"grpc": rendered.config["grpc_port"], "admin": rendered.config["admin_port"]}:
        yield f"the container's ports {ports} are not where the server listens"
    if rendered.config["host"] != "0.0.0.0":
        yield "the server cannot be reached from outside of its pod"
    if bad := [name for name in ports if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?", name)]:
        yield f"Kubernetes refuses the port name {bad[0]!r}"
    used = {port["targetPort"] for one in of_kind(rendered.objects, "Service") for port in one["spec"]["ports"]}
    used |= {endpoint["port"] for one in of_kind(rendered.objects, "PodMonitor") for endpoint in one["spec"]["podMetricsEndpoints"]}
    used |= {
        port["port"] for one in of_kind(rendered.objects, "NetworkPolicy") for rule in one["spec"]["ingress"] for port in rule["ports"]
    }
    if missing := used - set(ports):
        yield f"there is no port {missing}"
    for route in of_kind(rendered.objects, "GRPCRoute"):
        for backend in (backend for rule in route["spec"]["rules"] for backend in rule["backendRefs"]):
            services = {one["metadata"]["name"]: one["spec"]["ports"] for one in of_kind(rendered.objects, "Service")}
            if backend["port"] not in [port["port"] for port in services.get(backend["name"], [])]:
                yield "the GRPCRoute leads nowhere"


@policy
def balanced(rendered: Rendered) -> Findings:
    """One Service for those who balance for others, one for clients that do it themselves."""
    services = {one["metadata"]["name"]: one["spec"] for one in of_kind(rendered.objects, "Service")}
    headless = [name for name, spec in services.items() if spec.get("clusterIP") == "None"]
    if len(services) != 2 or len(headless) != 1:
        yield f"there are the Services {services.keys()}, headless {headless}"
    wanted = "https" if "tls_cert" in rendered.config else "kubernetes.io/h2c"
    for name, spec in services.items():
        if any(port.get("appProtocol") != wanted for port in spec["ports"]):
            yield f"Service {name} does not say that it speaks {wanted}"


@policy
def survives_drains(rendered: Rendered) -> Findings:
    """A budget that protects, and lets nodes be drained."""
    budgets = of_kind(rendered.objects, "PodDisruptionBudget")
    if len(budgets) != 1:
        yield f"there are {len(budgets)} budgets"
    for budget in budgets:
        if budget["spec"].get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
            yield "a broken pod holds up the drain of its node"
        if "minAvailable" in budget["spec"] or str(budget["spec"].get("maxUnavailable")) in ("0", "0%", "None"):
            yield "with one replica no node can be drained"


@policy
def one_owner_of_replicas(rendered: Rendered) -> Findings:
    """Either the chart or the autoscaler says how many."""
    scalers = [*of_kind(rendered.objects, "ScaledObject"), *of_kind(rendered.objects, "HorizontalPodAutoscaler")]
    if scalers and "replicas" in rendered.deployment["spec"]:
        yield "each upgrade sets the replicas back"
    if not scalers and "replicas" not in rendered.deployment["spec"]:
        yield "nobody says how many replicas there are"
    for scaler in scalers:
        if scaler["spec"]["scaleTargetRef"]["name"] != rendered.deployment["metadata"]["name"]:
            yield "the autoscaler scales something else"
        behavior = scaler["spec"].get("behavior") or scaler["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
        if behavior["scaleDown"]["stabilizationWindowSeconds"] < 300:
            yield "a short lull takes pods away"
    for scaled in of_kind(rendered.objects, "ScaledObject"):
        (trigger,) = scaled["spec"]["triggers"]
        if trigger["metadata"].get("ignoreNullValues") != "false":
            yield "a Prometheus that has nothing counts as no load"
        if scaled["spec"].get("fallback", {}).get("behavior") != "currentReplicasIfHigher":
            yield "a Prometheus that does not answer scales a larger fleet down"


@policy
def rolls_out_safely(rendered: Rendered) -> Findings:
    """Without GPUs one more pod comes first; with them one goes first, for no GPU is spare."""
    update = rendered.deployment["spec"]["strategy"].get("rollingUpdate", {})
    surge, unavailable = update.get("maxSurge", "25%"), update.get("maxUnavailable", "25%")
    if rendered.deployment["spec"]["strategy"]["type"] != "RollingUpdate":
        yield "an upgrade is an outage"
    if not rendered.gpu and (surge, unavailable) != (1, 0):
        yield f"a rollout takes pods away before others are ready: {surge}, {unavailable}"
    if rendered.gpu and (surge != 0 or unavailable == 0):
        yield "a rollout waits for a GPU that nobody has"


@policy
def gpu_is_asked_for(rendered: Rendered) -> Findings:
    """A GPU in the resources, and `device = cuda`, which does not fall back; or neither."""
    resources = rendered.server["resources"]
    extended = {name for name in resources["limits"] if "/" in name}
    claims = [claim["name"] for claim in resources.get("claims", [])]
    if rendered.gpu and not extended and not claims:
        yield "device is cuda, and the pod asks for no GPU"
    if not rendered.gpu and (extended or claims):
        yield "the pod holds a GPU that the server does not use"
    if any(resources["limits"][name] != resources["requests"].get(name) for name in extended):
        yield "Kubernetes refuses extended resources whose requests are not their limits"
    if set(claims) - {claim["name"] for claim in rendered.pod["spec"].get("resourceClaims", [])}:
        yield "the container claims what the pod has not"
    if rendered.gpu and "nvidia.com/gpu" not in {one.get("key") for one in rendered.pod["spec"].get("tolerations", [])}:
        yield "nodes with GPUs are tainted, and the pod does not tolerate it"


@policy
def guaranteed(rendered: Rendered) -> Findings:
    """Requests are limits, in whole cores: what the thread plan counts on is there."""
    resources = rendered.server["resources"]
    if any(resources["requests"].get(name) != resources["limits"].get(name) for name in ("cpu", "memory")):
        yield "the pod is not Guaranteed"
    if not re.fullmatch(r"[0-9]+", str(resources["limits"]["cpu"])):
        yield f"{resources['limits']['cpu']} is no whole number of cores"
    for container in (one for pod in rendered.pods.values() for one in rendered.containers(pod)):
        for amount in (*container["resources"]["requests"].values(), *container["resources"]["limits"].values()):
            if not re.fullmatch(r"[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?", str(amount)):
                yield f"Kubernetes refuses the quantity {amount!r}"


@policy
def serves_the_models(rendered: Rendered) -> Findings:
    """The server reads the models where they are put, and cannot write there."""
    if rendered.server["args"][:2] != ["run", "/mnt/models"] or "command" in rendered.server:
        yield f"the server is told {rendered.server['args']}"
    mounts = {mount["name"]: mount for mount in rendered.server["volumeMounts"]}
    if mounts.get("models", {}).get("mountPath") != "/mnt/models" or mounts["models"].get("readOnly") is not True:
        yield "the models are not mounted at /mnt/models for reading"
    volume = rendered.volume("models")
    if "image" in volume and mounts["models"].get("subPath") != "models":
        yield "a model image has its repository in /models"
    if "persistentVolumeClaim" in volume and volume["persistentVolumeClaim"].get("readOnly") is not True:
        yield "the claim is attached for writing"
    if "emptyDir" in volume and not rendered.pod["spec"].get("initContainers"):
        yield "nothing fills the models' directory"
    for each in rendered.pod["spec"]["volumes"]:
        if "emptyDir" in each and "sizeLimit" not in each["emptyDir"]:
            yield f"{each['name']} can fill the node's disk"


@policy
def configured(rendered: Rendered) -> Findings:
    """The server knows every option in its file, and takes the value; a change of the file restarts the pods."""
    if "--config=/etc/hornbeam/server.toml" not in rendered.server["args"]:
        yield "the server does not read its file"
    if not rendered.pod["metadata"].get("annotations", {}).get("hornbeam/config"):
        yield "a change of the options does not reach running pods"
    for table, given in rendered.tables.items():
        try:
            declared.read(TABLES[table], given, f"[{table}]")
        except (KeyError, StartupError) as error:
            yield f"the server refuses its file: {error}"


@policy
def encrypted_where_asked(rendered: Rendered) -> Findings:
    """The files that the options name are those of the Secret that is mounted."""
    files = [value for name, value in rendered.config.items() if name.startswith("tls_")]
    mounts = [mount["mountPath"] for mount in rendered.server["volumeMounts"] if mount["name"] == "tls"]
    if files and mounts != ["/etc/hornbeam-tls"]:
        yield "the certificate is not mounted"
    if mounts and not {"tls_cert", "tls_key"} <= rendered.config.keys():
        yield "the certificate is mounted and not used"
    if mounts and rendered.volume("tls")["secret"].get("defaultMode") != 0o440:
        yield "everyone in the pod may read the key"


@policy
def whole(rendered: Rendered) -> Findings:
    """Whatever is named is there."""
    there = {(one["kind"], one["metadata"]["name"]) for one in rendered.objects}
    if len(there) != len(rendered.objects):
        yield "two objects have one name"
    for owner, pod in rendered.pods.items():
        spec = pod["spec"]
        volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
        mounted = {mount["name"] for container in rendered.containers(pod) for mount in container.get("volumeMounts", [])}
        if mounted != set(volumes):
            yield f"{owner} has the volumes {sorted(volumes)}, and mounts {sorted(mounted)}"
        wanted = {("ServiceAccount", spec["serviceAccountName"])}
        wanted |= {("ConfigMap", volume["configMap"]["name"]) for volume in volumes.values() if "configMap" in volume}
        wanted |= {("ResourceClaimTemplate", claim["resourceClaimTemplateName"]) for claim in spec.get("resourceClaims", [])}
        if wanted - there:
            yield f"{owner} needs {sorted(wanted - there)}, which is not rendered"


@policy
def labelled(rendered: Rendered) -> Findings:
    """Names and labels that Kubernetes takes, and that its tools know."""
    for one in rendered.objects:
        name = f"{one['kind']} {one['metadata']['name']}"
        labels = {**one["metadata"].get("labels", {}), **one.get("spec", {}).get("template", {}).get("metadata", {}).get("labels", {})}
        if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", one["metadata"]["name"]):
            yield f"Kubernetes refuses the name of {name}"
        if "namespace" in one["metadata"]:
            yield f"{name} fixes its namespace"
        if missing := {"app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/part-of"} - set(labels):
            yield f"{name} lacks {sorted(missing)}"
        for key, value in labels.items():
            if not re.fullmatch(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?", value):
                yield f"Kubernetes refuses the label {key}: {value!r}"
    if rendered.pod["metadata"]["labels"].get("app.kubernetes.io/part-of") != "hornbeam":
        yield "the rules do not know the job"


@policy
def spread_out(rendered: Rendered) -> Findings:
    """Over zones and nodes, where that is possible, each revision for itself."""
    constraints = {one["topologyKey"]: one for one in rendered.pod["spec"].get("topologySpreadConstraints", [])}
    if set(constraints) != {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}:
        yield f"pods are spread over {sorted(constraints)}"
    for one in constraints.values():
        if one["whenUnsatisfiable"] != "ScheduleAnyway" or one.get("matchLabelKeys") != ["pod-template-hash"]:
            yield f"the spread over {one['topologyKey']} can block a rollout"


@policy
def closed(rendered: Rendered) -> Findings:
    """A NetworkPolicy that is asked for closes both directions, and lets calls and scrapes in."""
    for one in of_kind(rendered.objects, "NetworkPolicy"):
        spec = one["spec"]
        if sorted(spec.get("policyTypes", [])) != ["Egress", "Ingress"]:
            yield "a direction stays open"
        if any(not rule.get("from") or not rule.get("ports") for rule in spec["ingress"]):
            yield "a rule without peers or ports lets everyone in"
        if {port["port"] for rule in spec["ingress"] for port in rule["ports"]} != {"grpc", "admin"}:
            yield "calls or scrapes are kept out"
