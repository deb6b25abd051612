"""The plain manifests in `deploy/kubernetes`, for those without Helm; `python -m tests.deploy.manifests` writes them."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import ROOT, check
from tests.deploy.chart import CHART
from tests.deploy.tools import TOOLS

__all__ = ["MANIFESTS", "PLACES", "text"]

MANIFESTS = ROOT / "deploy" / "kubernetes"
PLACES = {place: MANIFESTS / place / "hornbeam.yaml" for place in ("cpu", "gpu")}
HEAD = "# Rendered from ../../helm/hornbeam with values.yaml beside this file, by `make manifests`: change those, and not this.\n"


def text(place: str, helm: Path) -> str:
    """The manifests of a place, as the chart gives them now."""
    values = PLACES[place].parent / "values.yaml"
    return HEAD + check(helm, "template", "hornbeam", CHART, "--values", values, "--kube-version", "1.36", "--skip-tests")


if __name__ == "__main__":
    for name, path in PLACES.items():
        path.write_text(text(name, TOOLS / "helm"))
