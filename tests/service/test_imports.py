"""What importing the service costs, and what its modules may know of each other."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import service

PACKAGE = Path(str(service.__file__)).parent
FILES = sorted(PACKAGE.rglob("*.py"))
WRITTEN = [path for path in FILES if path.parent.name != "_pb"]
FOREIGN = {"onnx", "h5py", "builder", "keras", "jax", "pytest", "hypothesis"}


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def loaded_by(statement: str) -> set[str]:
    """The packages that a fresh interpreter has loaded after `statement`."""
    code = f"import sys; {statement}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize("module", ["service", "service.server", "service.cli", "service.client", "service.rpc.transport"])
def test_a_fresh_interpreter_loads_no_part_of_the_builder(module: str) -> None:
    loaded = loaded_by(f"import {module}")
    assert "service" in loaded
    assert not loaded & FOREIGN


def test_the_package_by_itself_costs_next_to_nothing() -> None:
    assert not loaded_by("import service") & {"numpy", "onnxruntime", "grpc", "google", "prometheus_client", "click"}


@pytest.mark.parametrize("module", ["errors", "request", "engine.queue", "engine.merge", "engine.admission", "repository.layout"])
def test_what_decides_knows_neither_transport_nor_runtime(module: str) -> None:
    assert not loaded_by(f"import service.{module}") & {"onnxruntime", "grpc", "google", "prometheus_client", "click"}


@pytest.mark.parametrize("name", ["queue", "merge", "admission"])
def test_decisions_have_no_clock_and_no_thread(name: str) -> None:
    imported = imports(PACKAGE / "engine" / f"{name}.py")
    assert not imported & {"threading", "time", "datetime", "asyncio", "concurrent", "onnxruntime", "logging", "os"}
    assert imported


# Packages, and the only rooms that may import them.
OWNERS = {
    "grpc": {"rpc", "client", "bench"},
    "google": {"rpc"},
    "prometheus_client": {"metrics"},
    "onnxruntime": {"engine"},
    "opentelemetry": {"tracing"},
    "click": {"cli"},
}


@pytest.mark.parametrize(("package", "rooms"), OWNERS.items(), ids=OWNERS.keys())
def test_each_library_is_known_in_one_place(package: str, rooms: set[str]) -> None:
    found = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in FILES if package in imports(path)}
    assert found == rooms


def imports(path: Path) -> set[str]:
    """The packages that a file imports anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module).partition(".")[0])
    return found


@pytest.mark.parametrize("path", WRITTEN, ids=name_of)
def test_a_module_says_what_it_owns_and_what_it_offers(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert re.match(r"\S.*[.:]$", str(ast.get_docstring(tree)).splitlines()[0])
    assert len(path.read_text().splitlines()) <= 400
    if len(tree.body) > 1 and path.name != "__main__.py":
        module = importlib.import_module(name_of(path))
        assert module.__all__
        assert all(hasattr(module, name) for name in module.__all__)
        assert len(set(module.__all__)) == len(module.__all__)
