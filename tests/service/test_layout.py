"""Where models are looked for, and what is known of their files."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from service.errors import StartupError
from service.repository.layout import ModelFile, ModelFolder, find_folder, find_folders, find_models

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


# What is done to a repository, and whether the model in it has then changed.
CHANGES: dict[str, tuple[Callable[[Path], object], bool]] = {
    "nothing": (lambda root: None, False),
    "a version more": (lambda root: touch(root, ["a/2/model.onnx"]), True),
    "a version less": (lambda root: shutil.rmtree(root / "a" / "1"), True),
    "the model written over": (lambda root: (root / "a/1/model.onnx").write_bytes(b"longer"), True),
    "the model replaced by one of the same size": (lambda root: (touch(root, ["new"]) / "new").replace(root / "a/1/model.onnx"), True),
    "weights beside it": (lambda root: touch(root, ["a/1/weights.data"]), True),
    "a file below it": (lambda root: touch(root, ["a/1/more/weights.data"]), True),
    "a configuration": (lambda root: touch(root, ["a/config.toml"]), True),
    "another model": (lambda root: touch(root, ["b/1/model.onnx"]), False),
    "something hidden beside the model": (lambda root: touch(root, [".cache/x"]), False),
}


@pytest.mark.parametrize(("change", "expected"), CHANGES.values(), ids=CHANGES.keys())
def test_what_is_a_change_of_a_model(tmp_path: Path, change: Callable[[Path], object], expected: bool) -> None:
    before = find_folders(touch(tmp_path, ["a/1/model.onnx"]))["a"]
    change(tmp_path)
    assert (find_folders(tmp_path).get("a") != before) is expected


def test_a_model_is_found_by_its_name(tmp_path: Path) -> None:
    touch(tmp_path, ["a/1/model.onnx", "a/config.toml"])
    folder = find_folder(tmp_path, "a")
    assert folder is not None
    assert folder == find_folders(tmp_path)["a"]
    assert folder.configuration("config.toml") == tmp_path / "a" / "config.toml"
    assert folder.configuration("config.pbtxt") is None
    assert find_folder(tmp_path, "b") is None


@pytest.mark.parametrize("name", ["../a", "a/1", ".", "..", ""])
def test_a_name_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    root = touch(tmp_path, ["a/1/model.onnx", "models/b/1/model.onnx"]) / "models"
    assert find_folder(root, name) is None


def test_a_version_may_have_its_model_under_another_name(tmp_path: Path) -> None:
    touch(tmp_path, ["a/1/net.onnx", "a/2/model.onnx"])
    folder: ModelFolder = find_folders(tmp_path)["a"]
    assert list(folder.files("net.onnx")) == [1]
    assert list(folder.files()) == [2]


@contextmanager
def unprivileged() -> Iterator[None]:
    """As a user whom permissions bind."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """A directory that every user may read: pytest's own are its user's."""
    with TemporaryDirectory() as directory:
        path = Path(directory)
        path.chmod(0o755)
        yield path


def test_what_can_be_no_model_need_not_be_read(open_to_all: Path) -> None:
    (touch(open_to_all, ["a/1/model.onnx"]) / "lost+found").mkdir(mode=0)
    with unprivileged():
        assert list(find_folders(open_to_all)) == ["a"]


def test_a_model_that_may_not_be_read_is_said(open_to_all: Path) -> None:
    (touch(open_to_all, ["a/1/model.onnx"]) / "b").mkdir(mode=0)
    for find in (find_folders, lambda path: find_folder(path, "b")):
        with unprivileged(), pytest.raises(StartupError, match=r".*/b cannot be read: Permission denied"):
            find(open_to_all)
