"""Golden samples: a model answers what it was exported with as it did then, or is not loaded."""

import hashlib
import io
import logging
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from builder import Input, Model, layers
from service.engine.device import DeviceOptions
from service.engine.samples import LoadOptions, replay
from service.engine.session import Session
from service.errors import StartupError
from service.options import options
from service.request import Array
from tests.service import models
from tests.service.models import build, save


def loaded(path: Path) -> Session:
    return Session(path, DeviceOptions(), 1)


def network() -> Model:
    a, b = Input((4,), name="a"), Input((3,), dtype="int32", name="b")
    x = layers.Concatenate()([layers.Dense(3)(a), layers.Flatten()(layers.Embedding(5, 2)(b))])
    return Model([a, b], {"x": x, "y": layers.Dense(2)(x)}, name="net")


@pytest.mark.parametrize("destination", ["models", "net.onnx"], ids=["a repository", "a file"])
@pytest.mark.parametrize("dtype", [None, "float16"], ids=["in full", "of 16 bits"])
def test_an_exported_model_answers_its_samples(destination: str, dtype: str | None, tmp_path: Path) -> None:
    exported = network().export(tmp_path / destination, dtype=dtype)
    assert exported.samples is not None
    assert replay(loaded(exported.path))
    exported.samples.write_bytes(exported.samples.read_bytes() + b"\0")
    with pytest.raises(StartupError, match="holds other samples than those that"):
        replay(loaded(exported.path))


def test_a_model_that_was_exported_without_has_none(tmp_path: Path) -> None:
    assert not replay(loaded(network().export(tmp_path / "net.onnx", samples=False).path))


def test_samples_that_are_gone_are_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    exported = network().export(tmp_path / "net.onnx")
    assert exported.samples is not None
    exported.samples.unlink()
    assert not replay(loaded(exported.path))
    assert f"the samples that were exported with it are not there, so that it could not be tried: {exported.samples}" in caplog.text


def test_a_model_whose_weights_were_changed_is_found_out(tmp_path: Path) -> None:
    exported = network().export(tmp_path / "models")
    model = onnx.load(exported.path)
    weights = next(tensor for tensor in model.graph.initializer if list(tensor.dims) == [9, 2])
    weights.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weights) * np.float32(1.1), weights.name))
    onnx.save(model, exported.path)
    with pytest.raises(StartupError) as caught:
        replay(loaded(exported.path))
    assert str(caught.value).startswith(f"{exported.path} answers the samples that were exported with it otherwise on CPUExecutionProvider")
    assert "output 'y' is off by up to " in str(caught.value)
    assert str(caught.value).endswith("export the model again, or load it without with replay_samples = false")


# Samples that no exporter wrote.


def encoded(arrays: Mapping[str, Array], compression: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, array, allow_pickle=True)
            archive.writestr(f"{name}.npy", member.getvalue())
    return file.getvalue()


def doubling(directory: Path, data: bytes, tolerance: str = "0.001") -> Session:
    """A model that doubles, with these samples beside it."""
    metadata = {"hornbeam.samples_sha256": hashlib.sha256(data).hexdigest(), "hornbeam.samples_tolerance": tolerance}
    spec: tuple[int, models.Shape] = (TensorProto.FLOAT, ["batch"])
    model = build([helper.make_node("Add", ["x", "x"], ["y"])], {"x": spec}, {"y": spec}, metadata=metadata)
    (directory / "samples.npz").write_bytes(data)
    return loaded(save(model, directory / "model.onnx"))


X = np.array([1.0, -2.0, np.nan, np.inf], np.float32)


def answer(*added: float) -> bytes:
    """What the model answers to X, give or take."""
    return encoded({"input/x": X, "output/y": 2 * X + np.array([*added, *[0] * (4 - len(added))], np.float32)})


def test_answers_may_be_off_by_the_tolerance_of_the_largest_number(tmp_path: Path) -> None:
    assert replay(doubling(tmp_path, answer(0.005)))  # 0.001 of 2, and of 4
    with pytest.raises(StartupError, match=r"output 'y' is off by up to 0\.0[67]\d*, and may be by 0.004, 0.001 of its largest number"):
        replay(doubling(tmp_path, answer(0.07)))


def bomb() -> bytes:
    return encoded({"input/x": np.zeros(10**6, np.float32), "output/y": X}, zipfile.ZIP_DEFLATED)


def giant() -> bytes:
    """A header that claims more numbers than there are."""
    member = io.BytesIO()
    np.lib.format.write_array_header_1_0(member, {"descr": "<f4", "fortran_order": False, "shape": (2**40,)})
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("input/x.npy", member.getvalue())
    return file.getvalue()


WRONG: Mapping[str, tuple[Callable[[], bytes], str]] = {
    "no archive": (lambda: b"nothing", "samples.npz cannot be read: "),
    "nothing": (lambda: b"", "samples.npz cannot be read: "),
    "cut short": (lambda: answer()[:-30], "samples.npz cannot be read: "),
    "compressed": (bomb, "samples.npz cannot be read: it is compressed"),
    "more than there is": (giant, r"samples.npz cannot be read: a member claims to be of shape \[1099511627776\]"),
    "pickled": (lambda: encoded({"input/x": np.array([{}], object)}), "samples.npz cannot be read: Object arrays cannot be loaded"),
    "without an input": (lambda: encoded({"output/y": X}), "has no 'input/x', which model.onnx has"),
    "without an output": (lambda: encoded({"input/x": X}), "has no 'output/y', which model.onnx has"),
    "of another dtype": (
        lambda: encoded({"input/x": X, "output/y": X.astype(np.float64)}),
        r"output 'y' is float32 of shape \[4\], expected float64 of shape \[4\]",
    ),
    "of another shape": (lambda: encoded({"input/x": X, "output/y": X[:3]}), r"is float32 of shape \[4\], expected float32 of shape \[3\]"),
    "an input that it does not take": (lambda: encoded({"input/x": np.ones(4, int), "output/y": X}), "does not run on samples.npz: "),
    "a number where there is none": (lambda: encoded({"input/x": X, "output/y": np.ones(4, np.float32)}), "output 'y' is off by up to 5"),
}  # fmt: skip


@pytest.mark.parametrize(("data", "text"), WRONG.values(), ids=WRONG.keys())
def test_samples_that_are_wrong_are_refused_in_a_sentence(data: Callable[[], bytes], text: str, tmp_path: Path) -> None:
    session = doubling(tmp_path, data())
    with pytest.raises(StartupError, match=text) as caught:
        replay(session)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("tolerance", ["", "much", "nan", "-1", "inf"])
def test_a_tolerance_that_is_none_is_refused(tolerance: str, tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=f"its metadata 'hornbeam.samples_tolerance' is '{tolerance}', which is no tolerance"):
        replay(doubling(tmp_path, answer(), tolerance))


def test_texts_and_whole_numbers_must_be_the_same(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    nodes = [helper.make_node("Identity", ["s"], ["t"]), helper.make_node("Identity", ["i"], ["j"])]
    texts: tuple[int, models.Shape] = (TensorProto.STRING, ["batch"])
    numbers: tuple[int, models.Shape] = (TensorProto.INT64, ["batch"])

    def session(expected: int) -> Session:
        words = np.array(["ä", "b"])
        arrays = {"input/s": words, "input/i": np.array([1, 2]), "output/t": words, "output/j": np.array([1, expected])}
        data = encoded(arrays)
        metadata = {"hornbeam.samples_sha256": hashlib.sha256(data).hexdigest(), "hornbeam.samples_tolerance": "0.5"}
        model = build(nodes, {"s": texts, "i": numbers}, {"t": texts, "j": numbers}, metadata=metadata)
        (tmp_path / "samples.npz").write_bytes(data)
        return loaded(save(model, tmp_path / "model.onnx"))

    with caplog.at_level(logging.WARNING):
        assert replay(session(2))
    assert caplog.text == ""
    with pytest.raises(StartupError, match="output 'j' is not the same in 1 of 2 elements"):
        replay(session(3))


def test_what_a_model_goes_through_can_be_left_out() -> None:
    assert {option.flag: option.default for option in options(LoadOptions)} == {
        "--replay-samples": True,
        "--check-padding": True,
        "--warm-up": True,
    }
