"""The plain manifests and the kustomize overlay: the same as the chart, and held to the same policies."""

from __future__ import annotations

import kubernetes_validate
import pytest

from tests.conftest import check
from tests.deploy.chart import documents, of_kind
from tests.deploy.manifests import MANIFESTS, PLACES, text
from tests.deploy.policies import violations
from tests.deploy.tools import tool


@pytest.mark.parametrize("place", PLACES)
def test_the_manifests_are_what_the_chart_renders(place: str) -> None:
    assert PLACES[place].read_text() == text(place, tool("helm")), "`make manifests` writes them anew"


@pytest.mark.parametrize("place", PLACES)
def test_kustomize_gives_the_manifests_as_they_are(place: str) -> None:
    def by_name(objects: list[dict[str, object]]) -> list[dict[str, object]]:
        return sorted(objects, key=lambda one: (one["kind"], one["metadata"]["name"]))  # type: ignore[index]

    built = documents(check(tool("kubectl"), "kustomize", MANIFESTS / place))
    assert by_name(built) == by_name(documents(PLACES[place].read_text()))
    assert violations(built) == []


def test_the_overlay_changes_what_it_says_and_holds_the_policies() -> None:
    built = documents(check(tool("kubectl"), "kustomize", MANIFESTS / "overlays" / "example"))
    (namespace,) = of_kind(built, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    rest = [one for one in built if one["kind"] != "Namespace"]
    assert {one["metadata"].pop("namespace") for one in rest} == {"vision"}
    assert violations(rest) == []
    (deployment,) = of_kind(rest, "Deployment")
    assert deployment["spec"]["replicas"] == 4
    (server,) = deployment["spec"]["template"]["spec"]["containers"]
    assert server["image"].startswith("registry.example/hornbeam@sha256:")
    assert server["resources"]["limits"]["cpu"] == "4"
    for one in built:
        kubernetes_validate.validate(one, "1.36", strict=True)
