"""The house rules that no linter knows."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

import service
from tests.conftest import ROOT

TRACKED = [Path(name) for name in subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines()]
MODULES = [path for path in TRACKED if path.suffix == ".py" and path.parts[0] in ("builder", "service") and "_pb" not in path.parts]


def test_the_top_level_holds_what_it_should() -> None:
    assert {path.parts[0] for path in TRACKED} == {
        *("builder", "deploy", "proto", "service", "tests"),
        *(".ci", ".gitignore", "CHANGELOG.md", "LICENSE", "Makefile", "README.md", "pyproject.toml"),
    }


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_module_says_what_it_owns_and_offers_and_stays_readable(module: Path) -> None:
    text = (ROOT / module).read_text()
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "a module's first line says what it owns"
    assert module.name == "__main__.py" or "__all__" in _names(tree) or not _public(tree), "public names are listed in __all__"
    assert module.name == "__init__.py" or text.count("\n") <= 400, "a module this long is two; a list of names may be longer"


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_what_is_offered_is_documented(module: Path) -> None:
    tree = ast.parse((ROOT / module).read_text())
    offered = _offered(tree)
    undocumented = [node.name for node in _definitions(tree) if node.name in offered and not ast.get_docstring(node)]
    assert undocumented == []


def test_the_changelog_knows_the_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert "## [Unreleased]" in changelog or f"## [{service.__version__}]" in changelog


def test_ci_runs_what_the_readme_tells_a_newcomer() -> None:
    script, readme = (ROOT / ".ci" / "run").read_text(), (ROOT / "README.md").read_text()
    for command in ("make demo", "make test"):
        assert f"\n{command}" in script
        assert f"\n{command} " in readme


def test_links_in_the_manuals_lead_somewhere() -> None:
    for manual in (path for path in TRACKED if path.suffix == ".md"):
        for target in _links((ROOT / manual).read_text()):
            assert (ROOT / manual.parent / target).exists(), f"{manual} links to {target}"


def _links(text: str) -> list[str]:
    targets = [part.split(")", 1)[0] for part in text.split("](")[1:]]
    return [target for target in targets if not target.startswith(("http:", "https:", "#"))]


def _definitions(tree: ast.Module) -> list[ast.FunctionDef | ast.ClassDef]:
    return [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]


def _public(tree: ast.Module) -> list[str]:
    return [node.name for node in _definitions(tree) if not node.name.startswith("_")]


def _names(tree: ast.Module) -> set[str]:
    return {target.id for node in tree.body if isinstance(node, ast.Assign) for target in node.targets if isinstance(target, ast.Name)}


def _offered(tree: ast.Module) -> set[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "__all__":
            return set(ast.literal_eval(node.value))
    return set()
