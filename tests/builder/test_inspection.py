"""What is in a file and how two differ, as `hornbeam inspect` and `hornbeam diff` tell it."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import pytest
from click.testing import CliRunner

from builder import Input, Sequential, layers
from builder.cli import main
from builder.errors import ModelFileError
from builder.inspection import describe_file, difference_between, largest_gap, model_file
from tests.builder.networks import scatter_weights
from tests.conftest import DIGITS


def network(units: int = 10, name: str = "net") -> Any:
    model = Sequential([Input((64,), name="x"), layers.Dense(32, "relu", name="hidden"), layers.Dense(units, name="y")], name=name)
    return scatter_weights(model)


def printed(*arguments: str | Path) -> str:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


# What is in a file.


def test_a_file_is_described(tmp_path: Path) -> None:
    found = describe_file(network().export(tmp_path / "net.onnx", dims={"batch": "rows"}).path)
    assert (found.producer.split()[0], found.ir_version, found.opsets) == ("hornbeam", 9, {"ai.onnx": 20})
    assert [str(tensor) for tensor in (*found.inputs, *found.outputs)] == ["x  float32 (rows, 64)", "y  float32 (rows, 10)"]
    assert found.operators == {"Gemm": 2, "Relu": 1}
    assert (found.weights, found.numbers, found.weight_bytes) == (4, 64 * 32 + 32 + 320 + 10, {"float32": 4 * (64 * 32 + 32 + 320 + 10)})
    assert (found.data, found.quantized) == ({}, None)
    assert found.samples == "net.samples.npz, those that were written with the model"
    assert found.metadata["hornbeam.source"] == "net"


def test_weights_elsewhere_are_counted_and_missed_when_gone(tmp_path: Path) -> None:
    exported = network().export(tmp_path / "net.onnx", external_data=True)
    assert exported.data is not None
    assert describe_file(exported.path).data == {"net.onnx.data": exported.data.stat().st_size}
    exported.data.unlink()
    assert describe_file(exported.path).data == {"net.onnx.data": None}
    assert "net.onnx.data (missing)" in printed("inspect", exported.path)


def test_samples_of_another_model_are_told_from_its_own(tmp_path: Path) -> None:
    exported = network().export(tmp_path / "net.onnx")
    assert exported.samples is not None
    exported.samples.write_bytes(b"others")
    assert describe_file(exported.path).samples == "net.samples.npz, not those that were written with the model"
    exported.samples.unlink()
    assert describe_file(exported.path).samples == "net.samples.npz, which is not there"


@pytest.mark.parametrize(
    "options", [{"quantize": "int8"}, {"quantize": "int8-static", "calibration": {"x": np.ones((4, 64), np.float32)}}], ids=str
)
def test_quantization_is_recognized(options: dict[str, Any], tmp_path: Path) -> None:
    found = describe_file(network().export(tmp_path / "net.onnx", **options).path)
    assert found.quantized == {"int8": "dynamic", "int8-static": "static"}[options["quantize"]]
    assert found.weight_bytes["int8"] >= 64 * 32


def test_an_entry_of_a_repository_is_its_latest_version(tmp_path: Path) -> None:
    for version in (2, 10, 9):
        network().export(tmp_path, version=version)
    assert model_file(tmp_path / "net") == tmp_path / "net" / "10" / "model.onnx"
    assert model_file(tmp_path / "net" / "9") == tmp_path / "net" / "9" / "model.onnx"
    with pytest.raises(ModelFileError, match=r"is neither an \.onnx file nor an entry of a model repository"):
        model_file(tmp_path)


def test_inspect_prints_it(tmp_path: Path) -> None:
    network().export(tmp_path / "models", opset=17)
    lines = printed("inspect", tmp_path / "models" / "net").splitlines()
    kinds = ["file", "made", "input", "output", "weights", "nodes", "samples", *["metadata"] * 5]
    assert [line.split()[0] for line in lines] == kinds
    assert "opset 17, IR 8" in lines[1]
    assert lines[5] == "nodes    3: Gemm 2, Relu 1"


def test_a_keras_file_is_told_whether_it_can_be_exported(tmp_path: Path) -> None:
    assert printed("inspect", DIGITS).splitlines()[-1] == "refused  nothing: it can be exported"
    refused = [keras.layers.Lambda(lambda x: x, name="first"), keras.layers.Lambda(lambda x: x, name="second")]
    keras.Sequential([keras.Input((4,)), *refused]).save(tmp_path / "lambda.keras")
    found = printed("inspect", tmp_path / "lambda.keras")
    assert found.startswith(f"refused  {tmp_path / 'lambda.keras'} cannot be opened, 2 problems:")
    assert found.count("is a Lambda layer") == 2


def test_what_has_no_form_in_onnx_is_told_before_a_conversion(tmp_path: Path) -> None:
    x = keras.Input((4,))
    keras.Model(x, keras.layers.Dropout(0.5, name="drop")(x, training=True)).save(tmp_path / "net.keras")
    found = printed("inspect", tmp_path / "net.keras").splitlines()
    assert [line.split()[0] for line in found] == ["source", "input", "output", "refused"]
    assert "'drop': Dropout is called with training=True" in found[-1]


@pytest.mark.parametrize("command", ["inspect", "diff"])
@pytest.mark.parametrize("content", [b"", b"no model", b"\x08\x09"], ids=["nothing", "a text", "half a model"])
def test_what_is_no_onnx_file_is_told_in_a_sentence(command: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    result = CliRunner().invoke(main, [command, str(path), *[str(path)] * (command == "diff")])
    assert result.exit_code == 2
    assert result.stderr == f"Error: {path} is no ONNX file, or is damaged\n"


# How two differ.


def test_a_file_does_not_differ_from_itself(tmp_path: Path) -> None:
    path = network().export(tmp_path / "net.onnx").path
    assert difference_between(path, path).is_none
    assert printed("diff", path, path, "--run").splitlines() == [
        "same     signature, operators and weights",
        "answers  y differs by 0 of its largest number",
    ]


def test_where_the_weights_lie_is_no_difference(tmp_path: Path) -> None:
    one = network().export(tmp_path / "one.onnx").path
    assert difference_between(one, network().export(tmp_path / "pair.onnx", external_data=True).path).is_none


def test_a_weight_that_changed_is_told_by_how_much(tmp_path: Path) -> None:
    model = network()
    one = model.export(tmp_path / "one.onnx").path
    kernel, *rest = model.get_weights()
    kernel[0, 0] += 0.5 * np.abs(kernel).max()
    model.set_weights([kernel, *rest])
    found = difference_between(one, model.export(tmp_path / "other.onnx").path)
    assert [(change.name, round(change.gap or 0, 3)) for change in found.changed] == [("hidden/kernel", 0.5)]
    assert (found.signature, found.operators, found.gone, found.novel) == ((), {}, (), ())


def test_signature_operators_and_shapes_are_compared(tmp_path: Path) -> None:
    one = network().export(tmp_path / "one.onnx").path
    other = network(units=7).export(tmp_path / "other.onnx", dims={"batch": "rows"}, without=("bias",)).path
    found = difference_between(one, other)
    assert found.signature == (
        "input x  float32 (batch, 64) is now x  float32 (rows, 64)",
        "output y  float32 (batch, 10) is now y  float32 (rows, 7)",
    )
    assert found.operators == {"Add": (0, 2), "Gemm": (2, 0), "MatMul": (0, 2)}
    assert [(change.name, change.what) for change in found.changed] == [
        ("y/kernel", "float32 (32, 10) is now float32 (32, 7)"),
        ("y/bias", "float32 (10,) is now float32 (7,)"),
    ]


def test_answers_are_compared_where_both_can_be_asked(tmp_path: Path) -> None:
    whole, half = (network().export(tmp_path / f"{dtype}.onnx", dtype=dtype).path for dtype in (None, "float16"))
    assert 0 < largest_gap(whole, half)["y"] < 1e-2
    other = Sequential([Input((3,), name="x"), layers.Dense(10, name="y")]).export(tmp_path / "other.onnx").path
    with pytest.raises(ModelFileError, match=r"cannot be asked the same: input x  float32 \(batch, 64\) is now"):
        largest_gap(whole, other)


def test_a_source_is_compared_with_what_was_exported_of_it(tmp_path: Path) -> None:
    CliRunner().invoke(main, ["export", str(DIGITS), str(tmp_path), "--quantize", "int8"])
    lines = printed("diff", DIGITS, tmp_path / "digits", "--run").splitlines()
    assert "nodes    MatMulInteger 0 -> 1" in lines
    assert "gone     weight probabilities/kernel" in lines
    assert lines[-1].startswith("answers  probabilities differs by ")


def test_a_weight_whose_file_is_gone_is_told_in_a_sentence(tmp_path: Path) -> None:
    exported = network().export(tmp_path / "net.onnx", external_data=True)
    assert exported.data is not None
    exported.data.unlink()
    with pytest.raises(ModelFileError, match="weight 'hidden/kernel' cannot be read"):
        difference_between(exported.path, exported.path)


def test_operators_inside_of_loops_are_counted(tmp_path: Path) -> None:
    model = Sequential([Input((20, 2)), layers.RNN(layers.SimpleRNNCell(3, activation="gelu"))])
    path = model.export(tmp_path / "net.onnx").path
    assert describe_file(path).operators["Gelu"] == 1
    assert "Gelu" not in {node.op_type for node in onnx.load(path).graph.node}
