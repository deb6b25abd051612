"""Weights beside the model: only out of its own directory, only whole, and what is wrong is said in a sentence."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from service.engine.device import DeviceOptions
from service.engine.session import Session
from service.errors import StartupError

WEIGHTS = np.arange(4, dtype=np.float32)
SECRET = np.full(4, 7, np.float32)


def tensor(location: str, **more: int | str) -> onnx.TensorProto:
    made = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, **more}.items():
        made.external_data.add(key=key, value=str(value))
    return made


def adding(nodes: list[onnx.NodeProto], initializers: list[onnx.TensorProto]) -> bytes:
    """y = x + w, without a look at the weights, which a checker would take."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 4]) for name in ("x", "y"))
    graph = helper.make_graph(nodes, "graph", [x], [y], initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9).SerializeToString()


def initializer(weights: onnx.TensorProto) -> bytes:
    return adding([helper.make_node("Add", ["x", "w"], ["y"])], [weights])


def constant(weights: onnx.TensorProto) -> bytes:
    return adding([helper.make_node("Constant", [], ["w"], value=weights), helper.make_node("Add", ["x", "w"], ["y"])], [])


def branch(weights: onnx.TensorProto) -> bytes:
    result = [helper.make_tensor_value_info("r", TensorProto.FLOAT, None)]
    graph = helper.make_graph([helper.make_node("Add", ["x", "w"], ["r"])], "branch", [], result, [weights])
    nodes = [helper.make_node("If", ["c"], ["y"], then_branch=graph, else_branch=graph)]
    return adding(nodes, [helper.make_tensor("c", TensorProto.BOOL, [], [True])])


PLACES: Mapping[str, Callable[[onnx.TensorProto], bytes]] = {
    "an initializer": initializer,
    "a constant": constant,
    "in a branch": branch,
}


@pytest.fixture
def version(tmp_path: Path) -> Path:
    """A version's directory, with weights in it, and in the repository above it a secret."""
    directory = tmp_path / "net" / "1"
    (directory / "part").mkdir(parents=True)
    for path in (directory / "weights.bin", directory / "part" / "weights.bin"):
        path.write_bytes(WEIGHTS.tobytes())
    (tmp_path / "secret.bin").write_bytes(SECRET.tobytes())
    (directory / "link.bin").symlink_to(tmp_path / "secret.bin")
    (directory / "inner.bin").symlink_to("weights.bin")
    (directory / "out").symlink_to(tmp_path)
    (directory / "short.bin").write_bytes(WEIGHTS.tobytes()[:7])
    os.mkfifo(directory / "pipe")
    return directory


def load(version: Path, model: bytes) -> Session:
    path = version / "model.onnx"
    path.write_bytes(model)
    return Session(path, DeviceOptions(), 1)


INSIDE: Mapping[str, tuple[Callable[[onnx.TensorProto], bytes], str]] = {
    **{f"of {name}": (place, "weights.bin") for name, place in PLACES.items()},
    "in a directory in it": (branch, "part/weights.bin"),
    "over a link that stays in it": (initializer, "inner.bin"),
}


@pytest.mark.parametrize(("place", "location"), INSIDE.values(), ids=INSIDE.keys())
def test_weights_in_the_versions_own_directory_are_taken(version: Path, place: Callable[[onnx.TensorProto], bytes], location: str) -> None:
    (found,) = load(version, place(tensor(location))).run({"x": np.zeros((1, 4), np.float32)})
    assert found.tolist() == [WEIGHTS.tolist()]


def test_links_within_the_directory_are_followed_as_kubernetes_makes_them(version: Path) -> None:
    real = version / "..2026_01_01"
    real.mkdir()
    (real / "model.onnx").write_bytes(initializer(tensor("mounted.bin")))
    (real / "mounted.bin").write_bytes(SECRET.tobytes())
    (version / "..data").symlink_to(real.name)
    for name in ("model.onnx", "mounted.bin"):
        (version / name).symlink_to(f"..data/{name}")
    session = Session(version / "model.onnx", DeviceOptions(), 1)
    assert session.run({"x": np.zeros((1, 4), np.float32)})[0].tolist() == [SECRET.tolist()]


def test_a_model_that_is_a_link_itself_has_its_weights_beside_what_it_leads_to(version: Path) -> None:
    """As downloads are cached: whoever made the link to the model has made the one to its weights."""
    blobs = version.parent.parent / "blobs"
    blobs.mkdir()
    (blobs / "1234").write_bytes(initializer(tensor("cached.bin")))
    (blobs / "5678").write_bytes(SECRET.tobytes())
    (version / "model.onnx").symlink_to(blobs / "1234")
    (version / "cached.bin").symlink_to(blobs / "5678")
    session = Session(version / "model.onnx", DeviceOptions(), 1)
    assert session.run({"x": np.zeros((1, 4), np.float32)})[0].tolist() == [SECRET.tolist()]
    (version / "cached.bin").unlink()
    (version / "cached.bin").symlink_to(version.parent.parent / "secret.bin")
    with pytest.raises(StartupError, match="External data path escapes"):
        Session(version / "model.onnx", DeviceOptions(), 1)


OUTSIDE = {
    "above it": "../../secret.bin",
    "by its whole path": "{root}/secret.bin",
    "over a link": "link.bin",
    "over a link to a directory": "out/secret.bin",
    "up out of a directory in it": "part/../../../secret.bin",
    "a device": "/dev/zero",
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
@pytest.mark.parametrize("location", OUTSIDE.values(), ids=OUTSIDE.keys())
def test_nothing_outside_of_it_is_read(version: Path, place: Callable[[onnx.TensorProto], bytes], location: str) -> None:
    with pytest.raises(StartupError) as caught:
        load(version, place(tensor(location.format(root=version.parent.parent))))
    assert str(caught.value).startswith(f"{version / 'model.onnx'} cannot be loaded: ")
    assert "\n" not in str(caught.value)


BROKEN: Mapping[str, tuple[onnx.TensorProto, str]] = {
    "that is not there": (tensor("none.bin"), r"External data path does not exist"),
    "that is cut short": (tensor("short.bin"), r"w offset: 0 size to read: 16 given file_length: 7 are out of bounds"),
    "from behind its end": (tensor("weights.bin", offset=2**40, length=16), "offset: 1099511627776 .* are out of bounds"),
    "from before its start": (tensor("weights.bin", offset=-8, length=16), "out of bounds|negative|offset"),
    "of another size": (tensor("weights.bin", offset=0, length=8), "w"),
    "of no name": (tensor(""), "External data location cannot be empty"),
    "that is a directory": (tensor("part"), "External|file"),
    "that is a pipe": (tensor("pipe"), "require a regular file"),
    "of a size that is no number": (tensor("weights.bin", length="abc"), "Failed to parse value"),
}


@pytest.mark.parametrize(("weights", "text"), BROKEN.values(), ids=BROKEN.keys())
def test_a_file_of_weights_that_is_wrong_is_refused_in_a_sentence(version: Path, weights: onnx.TensorProto, text: str) -> None:
    with pytest.raises(StartupError, match=text) as caught:
        load(version, initializer(weights))
    assert str(caught.value).startswith(f"{version / 'model.onnx'} cannot be loaded: ")
    assert "\n" not in str(caught.value)


def test_the_sentence_says_what_to_do(version: Path) -> None:
    with pytest.raises(StartupError) as caught:
        load(version, initializer(tensor("short.bin")))
    assert str(caught.value).endswith(f"Its weights must lie whole in {version}, in the files that were exported together")


def test_the_memory_of_weights_beside_the_model_counts(version: Path) -> None:
    (version / "model.onnx.data").write_bytes(WEIGHTS.tobytes())
    session = load(version, initializer(tensor("model.onnx.data")))
    assert session.memory_bytes == session.path.stat().st_size + WEIGHTS.nbytes
