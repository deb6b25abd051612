"""Graphs that are kept between starts: used while nothing changes, made again when something does, and never in the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from service.engine.device import DeviceOptions
from service.engine.graph_cache import cached_session
from service.engine.session import Session
from service.errors import StartupError
from tests.service import models
from tests.service.models import save
from tests.service.test_external_data import WEIGHTS, initializer, tensor

X = np.zeros((1, 4), np.float32)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def load(path: Path, cache: Path, level: str = "all") -> Session:
    return Session(path, DeviceOptions(graph_cache=str(cache), graph_optimization=level), threads=1)  # type: ignore[arg-type]


def answer(session: Session) -> list[float]:
    name = next(iter(session.signature.inputs))
    return [float(value) for value in session.run({name: X})[0].ravel()]


def kept(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir() if path.name != "files")  # what is known of files has a test of its own


def test_a_graph_is_kept_once_and_answers_alike(tmp_path: Path, cache: Path) -> None:
    path = save(models.add_constant(2, weights=4000), tmp_path / "model.onnx")
    plain = Session(path, DeviceOptions(), threads=1)
    first, (entry,) = load(path, cache), kept(cache)
    assert sorted(file.name for file in (cache / entry).iterdir()) == ["model.onnx", "model.weights"]
    second = load(path, cache)
    assert kept(cache) == [entry]
    assert answer(first) == answer(second) == answer(plain)
    assert first.signature == second.signature == plain.signature
    assert second.metadata == plain.metadata
    assert second.memory_bytes == plain.memory_bytes


def test_it_is_what_is_loaded_the_next_time(tmp_path: Path, cache: Path) -> None:
    one, other = (save(models.add_constant(number), tmp_path / f"{number}.onnx") for number in (2, 3))
    load(one, cache)
    (cache / kept(cache)[0] / "model.onnx").write_bytes(other.read_bytes())
    assert answer(load(one, cache)) == answer(Session(other, DeviceOptions(), threads=1))


def test_each_model_and_each_level_has_its_own(tmp_path: Path, cache: Path) -> None:
    one, other = (save(models.add_constant(number), tmp_path / f"{number}.onnx") for number in (2, 3))
    answers = [answer(load(path, cache, level)) for path in (one, other) for level in ("all", "basic")]
    assert len(kept(cache)) == 4
    assert answers[0] == answers[1] != answers[2] == answers[3]


@pytest.mark.parametrize("location", ["model.onnx.data", "any name", "part/weights.bin", "w" * 200])
def test_weights_in_another_file_belong_to_the_model(tmp_path: Path, cache: Path, location: str) -> None:
    path, weights = tmp_path / "model.onnx", tmp_path / location
    weights.parent.mkdir(exist_ok=True)
    path.write_bytes(initializer(tensor(location)))
    weights.write_bytes(WEIGHTS.tobytes())
    assert answer(load(path, cache)) == WEIGHTS.tolist()
    weights.write_bytes((WEIGHTS + 1).tobytes())
    assert answer(load(path, cache)) == (WEIGHTS + 1).tolist()
    assert len(kept(cache)) == 2


def test_one_that_is_damaged_is_made_again(tmp_path: Path, cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = save(models.add_constant(2), tmp_path / "model.onnx")
    expected, (entry,) = answer(load(path, cache)), kept(cache)
    (cache / entry / "model.onnx").write_bytes(b"damaged")
    assert answer(load(path, cache)) == expected
    assert f"the graph kept in {cache / entry} cannot be used, and is made again" in caplog.text
    assert kept(cache) == [entry]
    assert (cache / entry / "model.onnx").read_bytes() != b"damaged"


def test_a_directory_that_cannot_be_written_is_only_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = save(models.add_constant(2), tmp_path / "model.onnx")
    (tmp_path / "file").write_text("")
    assert answer(load(path, tmp_path / "file" / "cache")) == answer(Session(path, DeviceOptions(), threads=1))
    assert "its graph is not kept" in caplog.text


def test_a_model_that_cannot_be_loaded_is_refused_as_without_a_cache(tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"no model")
    with pytest.raises(StartupError) as plain:
        Session(path, DeviceOptions(), threads=1)
    with pytest.raises(StartupError) as cached:
        load(path, cache)
    assert str(cached.value) == str(plain.value)
    assert kept(cache) == []


def test_two_that_keep_the_same_do_not_disturb_each_other(tmp_path: Path, cache: Path) -> None:
    path = save(models.add_constant(2), tmp_path / "model.onnx")
    expected = answer(load(path, cache))
    (entry,) = kept(cache)
    # Another process that has looked before this one wrote: what it keeps is there already.
    (cache / entry / "model.onnx").rename(cache / entry / "aside")
    assert answer(load(path, cache)) == expected
    assert kept(cache) == [entry]


def test_a_model_that_changes_while_it_is_loaded_is_not_kept_under_its_old_name(tmp_path: Path, cache: Path) -> None:
    path = save(models.add_constant(2), tmp_path / "model.onnx")
    other = models.add_constant(3).SerializeToString()

    def replaced(model: Path, options: Any) -> Any:
        path.write_bytes(other)
        return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])

    cached_session(cache, path, onnxruntime.SessionOptions, "all", replaced)
    assert kept(cache) == []
