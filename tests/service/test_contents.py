"""The hash of a model's files: remembered while they stay as they are, computed again whenever they might not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from service.engine.contents import fingerprint
from tests.service.test_external_data import WEIGHTS, initializer, tensor

ALWAYS, NEVER = 0.0, 3600.0  # seconds since the last change, after which a file may be believed


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(initializer(tensor("weights")))
    (tmp_path / "weights").write_bytes(WEIGHTS.tobytes())
    return path


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    return tmp_path / "memory"


def claim(memory: Path, digest: str) -> None:
    """Makes the one note say something else: whoever believes it has not computed anything."""
    (note,) = memory.iterdir()
    note.write_text(json.dumps({**json.loads(note.read_text()), "digest": digest}))


def test_it_is_computed_once_while_the_files_stay(model: Path, memory: Path) -> None:
    assert len(fingerprint(model, memory, ALWAYS)) == 40
    claim(memory, "as noted")
    assert fingerprint(model, memory, ALWAYS) == "as noted"


@pytest.mark.parametrize("name", ["model.onnx", "weights"])
def test_a_change_that_keeps_size_and_time_is_seen(model: Path, memory: Path, name: str) -> None:
    changed, before = model.with_name(name), fingerprint(model, memory, ALWAYS)
    claim(memory, "as noted")
    data, times = changed.read_bytes(), changed.stat()
    while changed.stat().st_ctime_ns == times.st_ctime_ns:  # within one tick of the kernel's clock, which is why files have to settle
        changed.write_bytes(bytes([data[0] ^ 1, *data[1:]]))
        os.utime(changed, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert fingerprint(model, memory, ALWAYS) not in ("as noted", before)


def test_one_that_takes_the_place_of_another_is_seen(model: Path, memory: Path) -> None:
    before = fingerprint(model, memory, ALWAYS)
    other = model.with_name("other")
    other.write_bytes(initializer(tensor("weights", offset=4)))
    other.replace(model)
    assert fingerprint(model, memory, ALWAYS) != before


def test_files_that_have_just_changed_are_not_believed(model: Path, memory: Path) -> None:
    assert fingerprint(model, memory, NEVER) == fingerprint(model, memory, ALWAYS)
    (note,) = memory.iterdir()
    note.unlink()
    fingerprint(model, memory, NEVER)
    assert list(memory.iterdir()) == []


def test_a_model_without_its_weights_is_not_remembered(model: Path, memory: Path) -> None:
    whole = fingerprint(model, memory, NEVER)
    model.with_name("weights").unlink()
    assert fingerprint(model, memory, ALWAYS) != whole
    assert not memory.exists()


@pytest.mark.parametrize(
    "damaged",
    [
        *("", "{", "[]", "3", '{"digest": 3, "files": {}}', '{"digest": "x", "files": {}}', '{"other": 1}'),
        *('{"digest": "x", "files": {"gone": []}}', '{"digest": "x", "files": {"\\u0000": [], "model.onnx": []}}'),
    ],
)
def test_a_note_that_is_damaged_is_written_again(model: Path, memory: Path, damaged: str) -> None:
    expected = fingerprint(model, memory, ALWAYS)
    (note,) = memory.iterdir()
    whole = note.read_text()
    note.write_text(damaged)
    assert fingerprint(model, memory, ALWAYS) == expected
    assert note.read_text() == whole


def test_a_memory_that_cannot_be_written_costs_only_time(model: Path, memory: Path) -> None:
    expected = fingerprint(model, memory, ALWAYS)
    assert fingerprint(model, model / "no directory", ALWAYS) == expected
