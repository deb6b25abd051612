"""Models that come, change and go while a server runs: what is loaded when, and what serves meanwhile."""

import gc
import logging
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from service.engine.batcher import BatchOptions
from service.engine.runners import Runners
from service.errors import ControlNotAllowedError, InvalidRequestError, LoadFailedError, ModelNotFoundError, StartupError
from service.loader import ModelLoader
from service.repository.control import Control, RepositoryOptions
from service.repository.layout import find_folders
from service.repository.model_config import Defaults, ModelOptions
from service.repository.registry import Registry, State
from service.request import DATATYPES, Load, Request, Tensor, Timeline
from tests.service.conftest import PATIENCE, until
from tests.service.models import add_constant, save

EXPLICIT = RepositoryOptions(model_control="explicit", load_model=("*",))
POLL = RepositoryOptions(model_control="poll", poll_seconds=3600.0)  # the tests look by themselves


class Bench:
    """A repository with version 1 of model `m`, which adds 1, and what is made of it."""

    def __init__(self, root: Path, options: RepositoryOptions = EXPLICIT, observe: Callable[[Load], None] | None = None) -> None:
        self.root = root
        self.loads: list[Load] = []
        self.registry = Registry()
        defaults = Defaults(ModelOptions())
        self.runners = Runners(1)
        loader = ModelLoader(defaults, 1, self.runners, lambda run: None)
        self.control = Control(root, self.registry, options, loader, observe or self.loads.append)
        self.write(1, 1.0)

    def write(self, version: int, constant: float, name: str = "m") -> Path:
        """Version `version` of a model, which adds `constant`."""
        return save(add_constant(constant), self.path(version, name))

    def path(self, version: int, name: str = "m") -> Path:
        return self.root / name / str(version) / "model.onnx"

    def spoil(self, version: int, name: str = "m") -> None:
        """A version that cannot be loaded."""
        self.path(version, name).parent.mkdir(parents=True, exist_ok=True)
        self.path(version, name).write_bytes(b"junk")

    def answer(self, name: str = "m", version: int | str | None = None) -> float:
        """What the model makes of 0."""
        served = self.registry.get(name, version)
        tensor = Tensor("x", DATATYPES["FP32"], np.zeros((1, 4), np.float32))
        job = served.job(Request(name, "", "", (tensor,)), None, Timeline(0.0))
        served.batcher.submit(job)
        return float(job.future.result(PATIENCE)[0][0, 0])

    @property
    def states(self) -> dict[tuple[str, str], State]:
        return {(status.model, status.version): status.state for status in self.registry.statuses()}


Starting = Callable[..., Bench]


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Starting]:
    """Makes a bench and starts it; `prepare` is done to it before."""
    benches = []

    def start(options: RepositoryOptions = EXPLICIT, prepare: Callable[[Bench], object] = lambda bench: None) -> Bench:
        bench = Bench(tmp_path, options)
        prepare(bench)
        bench.control.start()
        benches.append(bench)
        return bench

    yield start
    for bench in benches:
        bench.control.stop()
        bench.registry.drain()
        bench.runners.close()


# At the start.


def test_without_control_the_latest_version_of_each_model_serves(started: Starting) -> None:
    bench = started(RepositoryOptions(), lambda bench: [bench.write(2, 2.0), bench.write(1, 5.0, "n")])
    assert bench.states == {("m", "2"): State.READY, ("n", "1"): State.READY}
    assert (bench.answer("m"), bench.answer("n")) == (2.0, 5.0)
    assert sorted((load.model, load.version, load.result) for load in bench.loads) == [("m", "2", "success"), ("n", "1", "success")]


def test_with_explicit_control_only_what_is_named_serves_and_the_rest_is_known(started: Starting) -> None:
    options = RepositoryOptions(model_control="explicit", load_model=("m",))
    bench = started(options, lambda bench: bench.write(1, 5.0, "n"))
    assert bench.states == {("m", "1"): State.READY, ("n", "1"): State.UNLOADED}
    bench.control.load("n")
    assert bench.answer("n") == 5.0


def test_a_model_to_load_that_is_not_there_is_refused_with_the_nearest(tmp_path: Path) -> None:
    bench = Bench(tmp_path, RepositoryOptions(model_control="explicit", load_model=("mm",)))
    with pytest.raises(StartupError, match=r"--load-model mm: .* has no such model; did you mean 'm'\?"):
        bench.control.start()


def test_naming_models_to_load_is_refused_where_all_are(tmp_path: Path) -> None:
    bench = Bench(tmp_path, RepositoryOptions(model_control="poll", load_model=("m",)))
    with pytest.raises(StartupError, match="--load-model needs --model-control explicit; with poll every model is loaded"):
        bench.control.start()


def test_all_models_that_fail_to_load_are_named_at_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.spoil(1)
    bench.spoil(2, "n")
    with pytest.raises(StartupError, match=r"model 'm' version 1: .*; model 'n' version 2: "):
        bench.control.start()
    assert not bench.registry.ready


def test_a_model_that_fails_need_not_keep_the_others_from_serving(started: Starting) -> None:
    options = RepositoryOptions(exit_on_error=False)
    bench = started(options, lambda bench: bench.spoil(1, "n"))
    assert bench.registry.ready
    assert bench.states == {("m", "1"): State.READY, ("n", "1"): State.FAILED}


# On request.


def test_a_new_version_takes_the_place_of_the_old_one_which_is_freed(started: Starting) -> None:
    bench = started()
    old = weakref.ref(bench.registry.get("m", None).session)
    bench.write(2, 2.0)
    bench.control.load("m")
    assert bench.answer() == 2.0
    assert bench.states == {("m", "2"): State.READY}
    gc.collect()
    assert old() is None


def test_a_version_that_was_written_over_takes_its_own_place(started: Starting) -> None:
    bench = started()
    bench.write(1, 7.0)
    assert bench.answer() == 1.0
    bench.control.load("m")
    assert bench.answer() == 7.0


@pytest.mark.parametrize("version", [1, 2], ids=["in place", "as a new version"])
def test_a_load_that_fails_leaves_the_old_version_serving_and_says_why(started: Starting, version: int) -> None:
    bench = started()
    bench.spoil(version)
    with pytest.raises(
        LoadFailedError, match=f"failed to load 'm', model 'm' version {version}: {version}/model.onnx cannot be loaded"
    ) as caught:
        bench.control.load("m")
    assert str(bench.root) not in str(caught.value)
    assert bench.answer() == 1.0
    (reason,) = [status.reason for status in bench.registry.statuses() if status.version == str(version)]
    assert f"{version}/model.onnx cannot be loaded" in reason
    assert str(bench.root) not in reason
    assert bench.loads[-1].result == "failure"
    bench.write(version, 3.0)
    bench.control.load("m")
    assert bench.answer() == 3.0
    assert bench.states == {("m", str(version)): State.READY}


def test_an_unloaded_model_is_known_and_freed_and_can_be_loaded_again(started: Starting) -> None:
    bench = started()
    old = weakref.ref(bench.registry.get("m", None).session)
    bench.control.unload("m")
    assert bench.states == {("m", "1"): State.UNLOADED}
    gc.collect()
    assert old() is None
    bench.control.load("m")
    assert bench.answer() == 1.0


def test_what_an_unloaded_model_was_given_is_finished(started: Starting) -> None:
    bench = started()
    served = bench.registry.get("m", None)
    rows = np.zeros((1, 4), np.float32)
    jobs = [served.job(Request("m", "", "", (Tensor("x", DATATYPES["FP32"], rows + index),)), None, Timeline(0.0)) for index in range(50)]
    for job in jobs:
        served.batcher.submit(job)
    unload = Thread(target=bench.control.unload, args=("m",))
    unload.start()
    assert [float(job.future.result(PATIENCE)[0][0, 0]) for job in jobs] == [1.0 + index for index in range(50)]
    unload.join(PATIENCE)
    assert not unload.is_alive()


@pytest.mark.parametrize("name", ["nope", "../m", "m/1", ""])
def test_a_model_that_is_not_there_is_neither_loaded_nor_unloaded(started: Starting, name: str) -> None:
    bench = started()
    for command in (bench.control.load, bench.control.unload):
        with pytest.raises(ModelNotFoundError, match=r"failed to (un)?load"):
            command(name)


@pytest.mark.parametrize("options", [RepositoryOptions(), POLL], ids=["none", "poll"])
def test_without_explicit_control_nothing_is_loaded_or_unloaded_on_request(started: Starting, options: RepositoryOptions) -> None:
    bench = started(options)
    for command in (bench.control.load, bench.control.unload):
        with pytest.raises(ControlNotAllowedError, match="explicit model load / unload is not allowed"):
            command("m")
    assert bench.answer() == 1.0


# Files and configuration that come with a request.


def test_files_of_a_request_take_the_place_of_the_repository(started: Starting, tmp_path_factory: pytest.TempPathFactory) -> None:
    bench = started()
    content = save(add_constant(9.0), tmp_path_factory.mktemp("sent") / "x.onnx").read_bytes()
    bench.control.load("m", "{}", {"3/model.onnx": content})
    assert bench.states == {("m", "3"): State.READY}
    assert bench.answer() == 9.0
    sent = bench.registry.get("m", None).session.path
    assert bench.root not in sent.parents
    bench.control.load("m")
    assert bench.answer() == 1.0
    assert not sent.exists()


def test_a_model_may_come_with_a_request_alone(started: Starting, tmp_path_factory: pytest.TempPathFactory) -> None:
    bench = started()
    content = save(add_constant(9.0), tmp_path_factory.mktemp("sent") / "x.onnx").read_bytes()
    bench.control.load("new", "{}", {"1/model.onnx": content})
    assert bench.answer("new") == 9.0
    with pytest.raises(ModelNotFoundError, match="there is no such model"):
        bench.control.load("new")


ESCAPES = ["../1/model.onnx", "/1/model.onnx", "1/../../x", ".hidden/model.onnx", "", "1/\0"]


@pytest.mark.parametrize("path", ESCAPES)
def test_a_file_of_a_request_leads_nowhere_else(started: Starting, path: str) -> None:
    bench = started()
    with pytest.raises(InvalidRequestError, match="is no path within a model's directory"):
        bench.control.load("m", "{}", {path: b"x"})
    assert bench.answer() == 1.0


def test_files_of_a_request_need_its_configuration(started: Starting) -> None:
    with pytest.raises(InvalidRequestError, match="send `config` as well"):
        started().control.load("m", None, {"1/model.onnx": b"x"})


def test_files_that_fail_to_load_are_removed_and_leave_the_model_serving(started: Starting) -> None:
    bench = started()
    with pytest.raises(LoadFailedError, match=r"model 'm' version 1: 1/model\.onnx cannot be loaded"):
        bench.control.load("m", "{}", {"1/model.onnx": b"junk"})
    assert bench.answer() == 1.0


def test_the_configuration_of_a_request_is_that_of_the_model(started: Starting) -> None:
    bench = started()
    bench.control.load("m", '{"max_batch_size": 3}')
    assert bench.registry.get("m", None).batcher.max_batch_rows == 3
    bench.control.load("m")
    assert bench.registry.get("m", None).batcher.max_batch_rows == BatchOptions().max_batch_rows


WRONG_CONFIGURATIONS = {
    "no JSON": ("{", "the load request's config: "),
    "another model's": ('{"name": "n"}', "it is of a model called 'n'"),
    "another backend's": ('{"backend": "python"}', "it is for python, and this server runs ONNX"),
    "no version left": ('{"version_policy": {"specific": {"versions": [7]}}}', "none of its versions"),
    "a value out of bounds": ('{"instance_group": [{"count": -1}]}', "the load request's config: runners is at least 0, and was given -1"),
}


@pytest.mark.parametrize(("config", "text"), WRONG_CONFIGURATIONS.values(), ids=WRONG_CONFIGURATIONS.keys())
def test_a_configuration_that_is_wrong_changes_nothing(started: Starting, config: str, text: str) -> None:
    bench = started()
    with pytest.raises(LoadFailedError, match=text):
        bench.control.load("m", config)
    assert bench.answer() == 1.0


# Following the files.


def test_a_change_is_followed_once_it_has_kept_still(started: Starting) -> None:
    bench = started(POLL)
    bench.write(2, 2.0)
    bench.control.refresh()
    assert bench.answer() == 1.0
    bench.control.refresh()
    assert bench.answer() == 2.0
    loads = len(bench.loads)
    bench.control.refresh()
    assert len(bench.loads) == loads


def test_what_is_half_written_is_never_loaded(started: Starting) -> None:
    bench = started(POLL)
    whole = save(add_constant(2.0), bench.root / "whole.onnx").read_bytes()
    target = bench.path(2)
    target.parent.mkdir()
    for end in range(10, len(whole), 40):
        target.write_bytes(whole[:end])
        bench.control.refresh()
        assert bench.answer() == 1.0
    target.write_bytes(whole)
    bench.control.refresh()
    bench.control.refresh()
    assert bench.answer() == 2.0
    assert [load.result for load in bench.loads] == ["success", "success"]


def test_what_fails_is_tried_again_only_when_it_has_changed(started: Starting) -> None:
    bench = started(POLL)
    bench.spoil(2)
    for _ in range(4):
        bench.control.refresh()
    assert [load.result for load in bench.loads] == ["success", "failure"]
    assert bench.answer() == 1.0
    bench.write(2, 2.0)
    bench.control.refresh()
    bench.control.refresh()
    assert bench.answer() == 2.0


def test_models_come_and_go_with_their_directories(started: Starting) -> None:
    bench = started(POLL, lambda bench: bench.write(1, 4.0, "n"))
    bench.write(1, 5.0, "o")
    bench.path(1, "n").unlink()
    bench.control.refresh()
    assert bench.answer("n") == 4.0
    bench.control.refresh()
    assert bench.states == {("m", "1"): State.READY, ("o", "1"): State.READY}
    assert bench.answer("o") == 5.0


def test_a_repository_that_cannot_be_read_changes_nothing(started: Starting, caplog: pytest.LogCaptureFixture) -> None:
    bench = started(POLL)
    bench.root.rename(bench.root.with_name("away"))
    with caplog.at_level(logging.WARNING, "hornbeam.repository"):
        for _ in range(3):
            bench.control.refresh()
    assert bench.answer() == 1.0
    assert "the repository cannot be read, and what serves stays" in caplog.text


def test_where_no_file_can_be_written_a_load_with_files_says_so_and_tells_no_path(
    started: Starting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = started()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with pytest.raises(LoadFailedError) as caught:
        bench.control.load("n", "{}", {"1/model.onnx": b""})
    assert str(caught.value) == (
        "failed to load 'n': the server has no place for the files of a request; give it a writable temporary directory"
    )


def test_one_for_whom_somebody_else_looks_begins_with_what_it_is_told_and_follows(tmp_path: Path) -> None:
    save(add_constant(1.0), tmp_path / "m" / "1" / "model.onnx")
    first = find_folders(tmp_path)
    save(add_constant(2.0), tmp_path / "m" / "2" / "model.onnx")
    second = find_folders(tmp_path)
    registry = Registry()
    loader = ModelLoader(Defaults(ModelOptions()), 1, Runners(1), lambda run: None)
    control = Control(tmp_path, registry, POLL, loader, lambda load: None, first)
    control.start()
    assert registry.versions("m") == ["1"]
    control.follow(second)
    assert registry.versions("m") == ["1"]  # it may be half-written
    control.follow(second)
    assert registry.versions("m") == ["2"]
    control.stop()
    registry.drain()


def test_a_configuration_that_cannot_be_read_fails_that_model_alone(started: Starting) -> None:
    bench = started(POLL)
    (bench.root / "m" / "config.toml").symlink_to("/proc/self/mem")  # it can be opened, and not be read
    bench.write(1, 5.0, "n")
    for _ in range(2):
        bench.control.refresh()
    assert (bench.answer("m"), bench.answer("n")) == (1.0, 5.0)
    assert [(load.model, load.result) for load in bench.loads] == [("m", "success"), ("m", "failure"), ("n", "success")]
    (status,) = bench.registry.of("m").values()
    assert status.reason == "model 'm': config.toml cannot be read: Input/output error"


def test_changes_are_looked_for_after_a_look_that_failed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def observe(load: Load) -> None:
        if load.model == "bug":
            raise ZeroDivisionError

    options = RepositoryOptions(model_control="poll", poll_seconds=0.01)
    bench = Bench(tmp_path, options, observe=observe)
    bench.control.start()
    try:
        bench.write(1, 2.0, "bug")
        until(lambda: "could not be followed" in caplog.text)
        bench.write(1, 5.0, "n")
        until(lambda: ("n", "1") in bench.states and bench.states["n", "1"] is State.READY)
        assert bench.answer("n") == 5.0
    finally:
        bench.control.stop()
        bench.registry.drain()
        bench.runners.close()
