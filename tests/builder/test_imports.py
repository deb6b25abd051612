"""What `import builder` costs, and that its rooms offer what is in them."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import builder
from builder.layers import applications

PACKAGE = Path(builder.__file__).parent
PROBE = """
import sys, time
start = time.perf_counter()
import {module}
print(round(time.perf_counter() - start, 3), *sorted({{name.split(".")[0] for name in sys.modules}}))
"""


def loaded(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after importing one."""
    code = PROBE.format(module=statement)
    seconds, *modules = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    print(f"import {statement}: {seconds} s")
    return set(modules)


def test_building_loads_neither_runtime_nor_file_formats_nor_frameworks() -> None:
    modules = loaded("builder")
    assert {"numpy", "onnx"} <= modules
    assert not modules & {"h5py", "onnxruntime", "grpc", "keras", "jax", "click", "prometheus_client", "service"}


def test_building_loads_no_room_that_only_exports_or_draws() -> None:
    code = "import sys, builder; print(*(name for name in sys.modules if name.startswith('builder.')))"
    rooms = {name.split(".")[1] for name in subprocess.check_output([sys.executable, "-c", code], text=True).split()}
    assert "layers" in rooms
    assert not rooms & {"cli", "export", "inspection", "passes", "plot"}


def test_the_command_loads_no_framework() -> None:
    assert not loaded("builder.cli") & {"h5py", "onnxruntime", "grpc", "keras", "jax", "service"}


@pytest.mark.parametrize(
    "package", ["builder.layers", "builder.models", *(f"builder.ops.{room}" for room in ("core", "image", "linalg", "math", "nn", "numpy"))]
)
def test_a_package_offers_all_that_its_modules_do(package: str) -> None:
    room = importlib.import_module(package)
    directory = Path(str(room.__file__)).parent
    imported = {
        alias.name
        for node in ast.parse((directory / "__init__.py").read_text()).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported == set(room.__all__)
    assert len(room.__all__) == len(set(room.__all__))  # their order is the linter's


def test_the_functions_of_all_rooms_are_offered_once() -> None:
    rooms = [importlib.import_module(f"builder.ops.{room}") for room in ("core", "einops", "linalg", "math", "nn", "numpy")]
    names = [name for room in rooms for name in room.__all__]
    assert sorted([*names, "image", "linalg", "nn", "numpy"]) == sorted(builder.ops.__all__)
    assert len(names) == len(set(names))


def test_every_layer_of_every_family_is_offered() -> None:
    for path in (PACKAGE / "layers").glob("[!_]*.py"):
        if path.stem not in ("recurrence", "window"):  # what families share
            assert set(importlib.import_module(f"builder.layers.{path.stem}").__all__) <= set(builder.layers.__all__)


def test_every_name_offered_is_there() -> None:
    for path in PACKAGE.rglob("*.py"):
        if path.name != "__main__.py":
            name = ".".join(("builder", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
            module = importlib.import_module(name)
            assert [offered for offered in getattr(module, "__all__", ()) if not hasattr(module, offered)] == [], name


def test_names_are_those_of_keras() -> None:
    import keras

    private = set(applications.__all__)  # Keras has no public name for them
    assert [name for name in builder.layers.__all__ if not hasattr(keras.layers, name) and name not in private] == []
    assert [name for name in builder.ops.__all__ if not hasattr(keras.ops, name)] == []
    assert [name for name in builder.activations.ACTIVATIONS if not callable(keras.activations.get(name))] == []
    ours = {"INITIALIZERS", "get", "serialize", "set_random_seed"}
    assert [name for name in builder.initializers.__all__ if name not in ours and not hasattr(keras.initializers, name)] == []
