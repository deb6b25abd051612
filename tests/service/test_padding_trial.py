"""Padding that a model does not ignore is found when it is loaded, and that which it does ignore is let through."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from service.engine.device import DeviceOptions
from service.engine.padding import PaddedAxis, Padding
from service.engine.padding_trial import check
from service.engine.runners import Runners
from service.engine.session import Session
from service.errors import StartupError
from service.loader import ModelLoader
from service.repository.layout import find_folders
from service.repository.model_config import Defaults
from tests.service import models
from tests.service.models import build, save

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
ROWS: tuple[int, Sequence[int | str | None]] = (FLOAT, ["batch", "length"])
AXIS = helper.make_tensor("axis", INT64, [1], [1])
BY_EXPORTER = {"hornbeam.batch_axes": '{"ids": 0, "y": 0}'}
X = PaddedAxis("x", 1, (4, 8))


def reduced(operator: str) -> onnx.ModelProto:
    """What an operator makes of each row."""
    node = helper.make_node(operator, ["x", "axis"], ["y"], keepdims=0)
    return build([node], {"x": ROWS}, {"y": (FLOAT, ["batch"])}, [AXIS])


def masked_mean() -> onnx.ModelProto:
    """The mean of what is real."""
    nodes = [
        helper.make_node("Mul", ["x", "mask"], ["real"]),
        helper.make_node("ReduceSum", ["real", "axis"], ["sum"], keepdims=0),
        helper.make_node("ReduceSum", ["mask", "axis"], ["count"], keepdims=0),
        helper.make_node("Div", ["sum", "count"], ["y"]),
    ]
    return build(nodes, {"x": ROWS, "mask": ROWS}, {"y": (FLOAT, ["batch"])}, [AXIS])


def mean_beside_a_mask() -> onnx.ModelProto:
    """The mean of all, and of the mask nothing."""
    nodes = [helper.make_node("ReduceMean", ["x", "axis"], ["y"], keepdims=0), helper.make_node("Identity", ["mask"], ["z"])]
    return build(nodes, {"x": ROWS, "mask": ROWS}, {"y": (FLOAT, ["batch"]), "z": ROWS}, [AXIS])


def bag(ids: int = 4) -> onnx.ModelProto:
    """The mean of the vectors of a row's ids, of which there are so many."""
    table = helper.make_tensor("table", FLOAT, [ids, 2], [float(value) for value in range(2 * ids)])
    nodes = [helper.make_node("Gather", ["table", "ids"], ["each"]), helper.make_node("ReduceMean", ["each", "axis"], ["y"], keepdims=0)]
    return build(nodes, {"ids": (INT64, ["batch", "length"])}, {"y": (FLOAT, ["batch", 2])}, [AXIS, table], BY_EXPORTER)


def positions() -> onnx.ModelProto:
    """Each element and one of six numbers by its place: there is no room for a seventh."""
    table = helper.make_tensor("table", FLOAT, [6], [1.0] * 6)
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Gather", ["shape", "one"], ["length"]),
        helper.make_node("Range", ["zero", "length", "step"], ["places"]),
        helper.make_node("Gather", ["table", "places"], ["numbers"]),
        helper.make_node("Add", ["x", "numbers"], ["y"]),
    ]
    numbers = [helper.make_tensor(name, INT64, [], [value]) for name, value in (("one", 1), ("zero", 0), ("step", 1))]
    return build(nodes, {"x": ROWS}, {"y": ROWS}, [table, *numbers])


def optional() -> onnx.ModelProto:
    """Each element times a number that may be left out."""
    nodes = [helper.make_node("Mul", ["x", "scale"], ["y"])]
    return build(nodes, {"x": ROWS, "scale": (FLOAT, [1])}, {"y": ROWS}, [helper.make_tensor("scale", FLOAT, [1], [2.0])])


MASKED = PaddedAxis("x", 1, (4, 8), mask="mask")
IGNORED: Mapping[str, tuple[onnx.ModelProto, PaddedAxis]] = {
    "a sum, filled with 0": (reduced("ReduceSum"), X),
    "a largest, filled with what is less than all": (reduced("ReduceMax"), PaddedAxis("x", 1, (4, 8), value=-1e9)),
    "a mean under a mask": (masked_mean(), MASKED),
    "each element by itself": (models.ident("FP32", ["batch", "length"]), X),
    "each element by itself, in 16 bits": (models.ident("BF16", ["batch", "length"]), X),
    "strings": (models.ident("BYTES", ["batch", "length"]), X),
    "small whole numbers": (models.ident("INT8", ["batch", "n"]), X),
    "an input that may be left out": (optional(), X),
    "one bucket that nothing is filled up to": (reduced("ReduceMean"), PaddedAxis("x", 1, (1,))),
}
NOT_IGNORED: Mapping[str, tuple[onnx.ModelProto, PaddedAxis, str]] = {
    "a mean": (reduced("ReduceMean"), X, r"padding of 'length' from 1 up to the next bucket changes what it answers in 'y'"),
    "a mean beside a mask": (mean_beside_a_mask(), MASKED, "from 1 up to the next bucket changes what it answers in 'y'"),
    "a largest, filled with 0": (reduced("ReduceMax"), X, "changes what it answers in 'y'"),
    "a mean of what ids stand for": (bag(), PaddedAxis("ids", 1, (2, 4)), "from 1 up to the next bucket changes what it answers in 'y'"),
    "only the second bucket": (reduced("ReduceMean"), PaddedAxis("x", 1, (1, 2, 4)), "padding of 'length' from 3 up to the next bucket"),
    "a bucket that there is no room for": (positions(), X, "padding of 'length' from 5 up to the next bucket the model does not run"),
}


def load(model: onnx.ModelProto, directory: Path) -> Session:
    return Session(save(model, directory / "model.onnx"), DeviceOptions(), 1)


@pytest.mark.parametrize(("model", "axis"), IGNORED.values(), ids=IGNORED.keys())
def test_padding_that_the_model_ignores_is_let_through(tmp_path: Path, model: onnx.ModelProto, axis: PaddedAxis) -> None:
    session = load(model, tmp_path)
    padding = Padding([axis], session.signature)
    check(session, padding)
    assert bool(padding)


@pytest.mark.parametrize(("model", "axis", "text"), NOT_IGNORED.values(), ids=NOT_IGNORED.keys())
def test_padding_that_changes_an_answer_is_refused(tmp_path: Path, model: onnx.ModelProto, axis: PaddedAxis, text: str) -> None:
    session = load(model, tmp_path)
    with pytest.raises(StartupError, match=text):
        check(session, Padding([axis], session.signature))


def test_what_the_model_does_not_run_on_is_no_trial_and_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    session = load(bag(ids=1), tmp_path)  # its only id is 0, and the trial's second row is of ones
    with caplog.at_level(logging.WARNING):
        check(session, Padding([PaddedAxis("ids", 1, (4,))], session.signature))
    assert "padding of 'length' to 4 was not tried, since the model does not run on samples" in caplog.text


@pytest.mark.parametrize("checked", [True, False], ids=["checked", "not checked"])
def test_a_model_is_not_loaded_with_padding_that_it_does_not_ignore(tmp_path: Path, checked: bool) -> None:
    save(reduced("ReduceMean"), tmp_path / "m" / "1" / "model.onnx")
    padding = f'[load]\ncheck_padding = {str(checked).lower()}\n[[padding]]\ninput = "x"\naxis = 1\nbuckets = [4]\n'
    (tmp_path / "m" / "config.toml").write_text(padding)
    runners = Runners(1)
    loader = ModelLoader(Defaults(), 1, runners, lambda run: None)
    folder = find_folders(tmp_path)["m"]
    try:
        if checked:
            with pytest.raises(StartupError, match="changes what it answers in 'y'; name the input that masks it"):
                loader.load(folder.files()[1], loader.configure(folder, None))
            return
        served, _ = loader.load(folder.files()[1], loader.configure(folder, None))
        assert served.batcher.padding.buckets == {"length": (4,)}
        served.batcher.drain()
    finally:
        runners.close()
