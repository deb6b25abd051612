"""The chart as Helm renders it."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.conftest import ROOT, run
from tests.deploy.tools import tool

__all__ = ["BRANCHES", "CHART", "Object", "branch", "documents", "matches", "of_kind", "render", "template"]

CHART = ROOT / "deploy" / "helm" / "hornbeam"
BRANCHES = {path.name.removesuffix("-values.yaml"): path for path in sorted((CHART / "ci").glob("*-values.yaml"))}
Object = dict[str, Any]


@cache
def template(*arguments: str | Path, chart: Path = CHART, version: str = "1.36") -> subprocess.CompletedProcess[str]:
    """`helm template` of a release `demo` in the namespace `models`; a chart that is asked for again is taken not to have changed."""
    return run(tool("helm"), "template", "demo", chart, "--namespace", "models", "--kube-version", version, *arguments)


def render(*arguments: str | Path, chart: Path = CHART, version: str = "1.36") -> list[Object]:
    """The objects. Raises ValueError with what Helm says."""
    done = template(*arguments, chart=chart, version=version)
    if done.returncode:
        raise ValueError(done.stderr)
    return documents(done.stdout)


def branch(name: str, *arguments: str | Path, chart: Path = CHART) -> list[Object]:
    """The objects of one of the chart's ci values."""
    return render("--values", BRANCHES[name], *arguments, chart=chart)


def documents(text: str) -> list[Object]:
    """The objects of a stream of YAML."""
    return [document for document in yaml.safe_load_all(text) if document]


def of_kind(objects: Sequence[Object], kind: str) -> list[Object]:
    """Those of a kind."""
    return [one for one in objects if one["kind"] == kind]


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a selector of labels alone picks an object with these."""
    wanted: Mapping[str, str] = selector.get("matchLabels", {})
    return labels.items() >= wanted.items()
