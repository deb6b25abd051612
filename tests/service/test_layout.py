"""Where models are looked for, which of them serve, and what the registry makes of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from service.errors import ModelNotFoundError, ModelNotReadyError, StartupError
from service.repository.layout import ModelFile, find_models, latest
from service.repository.registry import Registry, State

# Files in a repository, and the models that are found there.
FOUND: dict[str, tuple[Sequence[str], Sequence[tuple[str, int]]]] = {
    "one model": (["digits/1/model.onnx"], [("digits", 1)]),
    "sorted by name, and by version as a number": (
        ["b/2/model.onnx", "b/10/model.onnx", "b/9/model.onnx", "a/1/model.onnx"],
        [("a", 1), ("b", 2), ("b", 9), ("b", 10)],
    ),
    "hidden directories are not models": ([".git/1/model.onnx", "a/1/model.onnx"], [("a", 1)]),
    "hidden versions are not versions": (["a/.1/model.onnx", "a/2/model.onnx"], [("a", 2)]),
    "a version starts with no zero": (["a/01/model.onnx", "a/0/model.onnx", "a/1/model.onnx"], [("a", 1)]),
    "a version is a number": (
        ["a/v1/model.onnx", "a/1.0/model.onnx", "a/-1/model.onnx", "a/latest/model.onnx", "a/3/model.onnx"],
        [("a", 3)],
    ),
    "a version is in plain digits": (["a/²/model.onnx", "a/٣/model.onnx", "a/1_0/model.onnx", "a/4/model.onnx"], [("a", 4)]),
    "a version without its file": (["a/1/other.onnx", "a/2/model.onnx", "a/3/README"], [("a", 2)]),
    "a version whose file is a directory": (["a/1/model.onnx/weights", "a/2/model.onnx"], [("a", 2)]),
    "files between the directories": (["README.md", "a/labels.txt", "a/1/model.onnx", "a/1/weights.data"], [("a", 1)]),
    "every sign that a name may have": (["A-b_c.9/1/model.onnx"], [("A-b_c.9", 1)]),
}


def touch(root: Path, files: Sequence[str]) -> Path:
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


@pytest.mark.parametrize(("files", "expected"), FOUND.values(), ids=FOUND.keys())
def test_what_is_found_in_a_repository(tmp_path: Path, files: Sequence[str], expected: Sequence[tuple[str, int]]) -> None:
    found = find_models(touch(tmp_path, files))
    assert [(model.name, model.version) for model in found] == expected
    assert all(model.path == tmp_path / model.name / str(model.version) / "model.onnx" for model in found)


# A lone file, and the name and version that it is served under.
LONE = {
    "by its own name": ("mine.onnx", "mine", 1),
    "a name with dots": ("mine.v2.onnx", "mine.v2", 1),
    "by its place in a repository": ("digits/7/model.onnx", "digits", 7),
    "not by a directory that is no version": ("digits/07/model.onnx", "model", 1),
    "not by its place when it is another file": ("digits/7/other.onnx", "other", 1),
}


@pytest.mark.parametrize(("file", "name", "version"), LONE.values(), ids=LONE.keys())
def test_what_a_lone_file_is_called(tmp_path: Path, file: str, name: str, version: int) -> None:
    path = touch(tmp_path, [file]) / file
    assert find_models(path) == [ModelFile(name, version, path)]


def test_a_lone_file_is_called_by_its_place_from_within_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(touch(tmp_path, ["digits/7/model.onnx"]) / "digits" / "7")
    assert find_models(Path("model.onnx")) == [ModelFile("digits", 7, Path("model.onnx"))]


# Files, where in them is asked, and what the operator is told.
REFUSED = {
    "nothing there": ([], "nope", "there is no .*nope; give a model repository or an .onnx file"),
    "an empty directory": ([], ".", "holds no model: expected .*/<model>/<version>/model.onnx, as `hornbeam export SOURCE"),
    "only bad versions": (["a/01/model.onnx"], ".", "holds no model"),
    "a version's directory": (["a/1/model.onnx"], "a/1", "holds no model"),
    "another kind of file": (["a.keras"], "a.keras", "a.keras is no .onnx file; `hornbeam export .*a.keras DEST` may make one of it"),
    "a file without a suffix": (["model"], "model", "model is no .onnx file"),
    "a space in a name": (["my model/1/model.onnx"], ".", "'my model' cannot be the name of a model"),
    "a control character in a name": (["a\nb/1/model.onnx"], ".", r"'a\\nb' cannot be the name of a model"),
    "a name that starts with a dash": (["-a/1/model.onnx"], ".", "'-a' cannot be the name of a model"),
    "a name that is too long": ([f"{'a' * 129}/1/model.onnx"], ".", "cannot be the name of a model: .* at most 128"),
    "a lone file with a bad name": (["my model.onnx"], "my model.onnx", "'my model' cannot be the name of a model"),
}


@pytest.mark.parametrize(("files", "asked", "text"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_served_is_said(tmp_path: Path, files: Sequence[str], asked: str, text: str) -> None:
    with pytest.raises(StartupError, match=text) as caught:
        find_models(touch(tmp_path, files) / asked)
    assert "\n" not in str(caught.value)


def file(name: str, version: int) -> ModelFile:
    return ModelFile(name, version, Path("somewhere"))


ALL = [file("a", 1), file("b", 2), file("a", 10), file("a", 9)]
LATEST = {
    "the latest": (1, [("a", 10), ("b", 2)]),
    "the latest two": (2, [("a", 9), ("a", 10), ("b", 2)]),
    "more than there are": (9, [("a", 1), ("a", 9), ("a", 10), ("b", 2)]),
}


@pytest.mark.parametrize(("versions", "expected"), LATEST.values(), ids=LATEST.keys())
def test_which_versions_are_the_latest(versions: int, expected: Sequence[tuple[str, int]]) -> None:
    assert [(model.name, model.version) for model in latest(ALL, versions)] == expected


def test_of_none_there_is_no_latest() -> None:
    assert latest([]) == []


# The registry.


def refuse(file: ModelFile) -> Any:
    raise StartupError(f"{file.name} is broken")


def test_all_models_that_fail_to_load_are_named_at_once() -> None:
    registry = Registry([file("a", 1), file("b", 2)], refuse)
    with pytest.raises(StartupError, match="model 'a' version 1: a is broken; model 'b' version 2: b is broken"):
        registry.load_all()
    assert [status.state for status in registry.statuses()] == [State.FAILED, State.FAILED]
    assert not registry.ready


def test_before_it_loads_a_registry_knows_its_models_and_gives_none() -> None:
    registry = Registry([file("a", 2), file("a", 10)], refuse)
    assert registry.knows("a")
    assert not registry.knows("b")
    assert not registry.ready
    assert registry.versions("a") == []
    with pytest.raises(ModelNotReadyError, match="'a' version 10 is not at ready state"):
        registry.get("a", None)
    with pytest.raises(ModelNotReadyError, match="'a' version 2 is not at ready state"):
        registry.get("a", 2)
    with pytest.raises(ModelNotFoundError, match="'a' version 3 is not found"):
        registry.get("a", 3)
    with pytest.raises(ModelNotFoundError, match="'b' is not found"):
        registry.get("b", None)
