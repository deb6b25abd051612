"""The whole path, as a user has it: the built package in an environment of its own, real Keras, and a client from elsewhere."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.conftest import DIGITS, ROOT, Floats, HeldOut, check, make_environment, run, serving

TOLERANCE = 1e-5


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    check(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", directory, ROOT)
    (built,) = directory.glob("hornbeam-*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that has the built package and what it declares."""
    return make_environment(tmp_path_factory.mktemp("installed") / "venv", [wheel])


@pytest.fixture(scope="session")
def repository(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """digits.keras, exported by the installed command from a directory that has none of the sources."""
    directory = tmp_path_factory.mktemp("models")
    check(installed.parent / "hornbeam", "export", DIGITS, directory, cwd=directory)
    return directory


@pytest.fixture(scope="session")
def keras_probabilities(held_out: HeldOut) -> Floats:
    """What real Keras answers now."""
    return np.asarray(keras.models.load_model(DIGITS).predict(held_out.images, verbose=0))


def test_the_package_brings_all_that_it_needs_and_no_framework(installed: Path) -> None:
    listed = json.loads(check(installed, "-m", "pip", "list", "--format", "json"))
    names = {package["name"].lower() for package in listed}
    assert {"hornbeam", "onnx", "onnxruntime", "grpcio", "h5py"} <= names
    assert not names & {"keras", "tensorflow", "jax", "torch", "grpcio-tools", "pytest"}
    assert "No broken requirements" in check(installed, "-m", "pip", "check")


@pytest.mark.parametrize("command", ["hornbeam", "hornbeam-serve"])
def test_the_commands_say_their_version(installed: Path, command: str) -> None:
    assert check(installed.parent / command, "--version").split() == [command, "0.1.0"]


@pytest.mark.parametrize("package", ["builder", "service"])
def test_the_packages_are_typed_and_runnable(installed: Path, package: str) -> None:
    assert "Usage: hornbeam" in check(installed, "-m", package, "--help", cwd=installed.parent)
    where = check(installed, "-c", f"import {package}; print({package}.__file__)", cwd=installed.parent).strip()
    assert (Path(where).parent / "py.typed").exists()


def test_triton_s_client_gets_keras_s_answers(
    repository: Path,
    installed: Path,
    triton: Path,
    held_out: HeldOut,
    keras_probabilities: Floats,
    tmp_path: Path,
) -> None:
    np.save(tmp_path / "images.npy", held_out.images)
    with serving(repository, python=installed) as server:
        script = ROOT / "tests" / "clients" / "triton.py"
        seen = json.loads(check(triton, script, server.address, tmp_path / "images.npy", tmp_path / "answers.npy"))
    answers = np.load(tmp_path / "answers.npy")
    assert np.abs(answers - keras_probabilities).max() <= TOLERANCE
    assert np.array_equal(answers.argmax(1), keras_probabilities.argmax(1))
    assert len(answers) == 360
    assert seen == {
        "live": True,
        "ready": True,
        "model_ready": True,
        "server": "hornbeam",
        "metadata": {
            "name": "digits",
            "versions": ["1"],
            "platform": "onnxruntime_onnx",
            "inputs": [{"name": "image", "datatype": "FP32", "shape": ["-1", "8", "8", "1"]}],
            "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": ["-1", "10"]}],
        },
        "config": {
            "name": "digits",
            "platform": "onnxruntime_onnx",
            "backend": "onnxruntime",
            "version_policy": {"latest": {"num_versions": 1}},
            "max_batch_size": 64,
            "input": [{"name": "image", "data_type": "TYPE_FP32", "dims": ["8", "8", "1"]}],
            "output": [{"name": "probabilities", "data_type": "TYPE_FP32", "dims": ["10"]}],
            "instance_group": [{"name": "digits", "count": 1, "kind": "KIND_CPU"}],
            "default_model_filename": "model.onnx",
            "dynamic_batching": {"default_queue_policy": {"allow_timeout_override": True, "max_queue_size": 4096}},
            "model_transaction_policy": {},
        },
        "answered": "360",
        "index": [{"name": "digits", "version": "1", "state": "READY"}],
        "wrong shape": [
            "StatusCode.INVALID_ARGUMENT",
            "unexpected shape for input 'image' for model 'digits'. Expected [-1,8,8,1], got [1,7,8,1]",
        ],
    }


def test_the_recorded_answers_are_still_keras_s(held_out: HeldOut, keras_probabilities: Floats) -> None:
    assert np.abs(held_out.keras - keras_probabilities).max() <= TOLERANCE


def test_a_client_and_this_server_s_messages_share_a_process(triton: Path, wheel: Path) -> None:
    """Both claim the names of the protocol's messages; protobuf's default pool would take only one of them."""
    check(triton, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", wheel)
    script = (
        "import tritonclient.grpc as t; from service.rpc._pb import inference_pb2 as pb; "
        "print(pb.ModelInferRequest(model_name='a').model_name, t.service_pb2.ModelInferRequest(model_name='b').model_name)"
    )
    assert check(triton, "-c", script).split() == ["a", "b"]


def test_the_demo_ends_well_and_shows_what_it_does(tmp_path: Path) -> None:
    done = run(sys.executable, ROOT / "tests" / "digits" / "demo.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for expected in ("hornbeam export", "hornbeam-serve run", "same labels  360 of 360", "requests/s", "rows in a run", "== Done"):
        assert expected in done.stdout
    assert "hornbeam_requests_total" in done.stdout
