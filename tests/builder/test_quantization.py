"""Eight bits: what is quantized, on what, how far it is from float32, and what cannot be."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

import builder
from builder import Input, Model, Sequential, layers, ops
from builder.errors import ExportError, UnsupportedError
from builder.graph import Array
from tests.builder.networks import scatter_weights
from tests.conftest import DIGITS, HeldOut, run


def dense() -> Any:
    return scatter_weights(
        Sequential([Input((64,), name="x"), layers.Dense(128, "relu"), layers.Dense(10, "softmax", name="y")], name="dense")
    )


def operators(path: Path) -> set[str]:
    return {node.op_type for node in onnx.load(path).graph.node}


def answers(path: Path, feeds: dict[str, Array]) -> Array:
    return np.asarray(onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, feeds)[0])


def test_dynamic_quantization_makes_products_of_integers_and_a_quarter_of_the_size(tmp_path: Path) -> None:
    whole = dense().export(tmp_path / "whole.onnx")
    exported = dense().export(tmp_path / "net.onnx", quantize="int8")
    assert {"DynamicQuantizeLinear", "MatMulInteger"} <= operators(exported.path)
    assert not {"Gemm", "MatMul"} & operators(exported.path)
    assert exported.size < 0.4 * whole.size
    assert exported.accuracy is not None
    assert 0 < exported.accuracy.largest < 0.4
    assert exported.accuracy.agreement is not None
    assert exported.accuracy.agreement > 0.8
    assert exported.batched
    assert (exported.inputs, exported.outputs) == (whole.inputs, whole.outputs)


def test_an_embedding_is_quantized(tmp_path: Path) -> None:
    model = scatter_weights(Sequential([Input((6,), dtype="int32"), layers.Embedding(512, 32), layers.GlobalAveragePooling1D()]))
    exported = model.export(tmp_path / "net.onnx", quantize="int8")
    assert exported.size < 512 * 32 * 2
    assert exported.accuracy is not None
    assert exported.accuracy.largest < 0.05


def test_static_quantization_is_measured_on_the_calibration(tmp_path: Path, held_out: HeldOut) -> None:
    np.savez(tmp_path / "typical.npz", image=held_out.images[:120])
    model = builder.load_model(DIGITS)
    whole = model.export(tmp_path / "whole.onnx")
    exported = model.export(tmp_path / "net.onnx", quantize="int8-static", calibration=tmp_path / "typical.npz")
    assert {"QuantizeLinear", "DequantizeLinear", "Conv"} <= operators(exported.path)
    assert exported.accuracy is not None
    assert exported.accuracy.rows == 120
    assert exported.accuracy.agreement is not None
    assert exported.accuracy.agreement > 0.97
    assert exported.size < 0.5 * whole.size
    found = answers(exported.path, {"image": held_out.images})
    assert float(np.mean(found.argmax(-1) == held_out.keras.argmax(-1))) > 0.97


def test_weights_have_a_scale_for_each_output_channel(tmp_path: Path, held_out: HeldOut) -> None:
    exported = builder.load_model(DIGITS).export(tmp_path / "net.onnx", quantize="int8-static", calibration={"image": held_out.images[:40]})
    sizes = {tensor.name: list(tensor.dims) for tensor in onnx.load(exported.path).graph.initializer}
    assert sizes["stem/kernel_scale"] == [16]


def test_a_fixed_batch_is_calibrated_in_batches_of_its_own(tmp_path: Path) -> None:
    typical = np.random.default_rng(0).normal(size=(11, 64)).astype(np.float32)
    exported = dense().export(tmp_path / "net.onnx", quantize="int8-static", calibration={"x": typical}, dims={"batch": 4})
    assert exported.inputs[0][1].shape == (4, 64)
    assert exported.accuracy is not None
    assert exported.accuracy.rows == 8


def test_quantization_needs_no_sympy_and_leaves_no_trace_of_its_tools(tmp_path: Path) -> None:
    exported = dense().export(tmp_path / "net.onnx", quantize="int8")
    assert "sympy" not in sys.modules
    proto = onnx.load(exported.path)
    assert (proto.producer_name, proto.ir_version) == ("hornbeam", 9)
    assert all(entry.key.startswith("hornbeam.") for entry in proto.metadata_props)
    assert {entry.key: entry.value for entry in proto.metadata_props}["hornbeam.precision"] == "int8"


def test_int8_is_refused_where_there_is_nothing_for_it(tmp_path: Path) -> None:
    model = Sequential([Input((8, 8, 3)), layers.Conv2D(4, 3), layers.GlobalAveragePooling2D()])
    with pytest.raises(
        UnsupportedError, match="finds nothing in this network to quantize, and nothing was written; --quantize int8-static"
    ):
        model.export(tmp_path / "net.onnx", quantize="int8")
    assert list(tmp_path.iterdir()) == []


def two_inputs() -> Any:
    a, b = Input((4,), name="a"), Input((3,), dtype="int32", name="b")
    return Model([a, b], layers.Concatenate()([layers.Dense(3)(a), layers.Embedding(5, 2)(b)[:, 0]]))


ROWS = np.zeros((6, 4), np.float32)
MISFITS = [
    pytest.param({"a": ROWS}, "'b' is missing", id="an input that is missing"),
    pytest.param({"a": ROWS, "b": np.zeros((6, 3), np.int32), "c": ROWS}, "there is no input 'c'; there are 'a', 'b'", id="one too many"),
    pytest.param({"a": ROWS[:, :2], "b": np.zeros((6, 3), np.int32)}, "axis 1 of the input is 4", id="a size that does not fit"),
    pytest.param({"a": ROWS[0], "b": np.zeros((6, 3), np.int32)}, "the input has 2 axes, rows first", id="no rows"),
    pytest.param({"a": ROWS, "b": np.zeros((5, 3), np.int32)}, r"different numbers of rows: \[5, 6\]", id="other rows"),
    pytest.param({"a": ROWS, "b": np.zeros((6, 3), np.float32)}, "'b' holds float32, and the input takes int32", id="floats as indices"),
]


@pytest.mark.parametrize(("calibration", "words"), MISFITS)
def test_a_calibration_that_does_not_fit_is_refused(calibration: dict[str, Array], words: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=f"the calibration does not fit, and nothing was written.*{words}"):
        two_inputs().export(tmp_path / "net.onnx", quantize="int8-static", calibration=calibration)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param({"quantize": "int8-static"}, "int8-static needs --calibration", id="no calibration"),
        pytest.param({"calibration": "x.npz"}, "--calibration is for --quantize", id="a calibration for nothing"),
        pytest.param({"quantize": "int8", "dtype": "float16"}, "do not go together; choose one", id="both"),
        pytest.param({"quantize": "int4"}, "--quantize is one of int8, int8-static; found 'int4'", id="another kind"),
        pytest.param({"quantize": "int8-static", "calibration": "absent.npz"}, "--calibration absent.npz is no .npz", id="no file"),
        pytest.param({"quantize": "int8-static", "calibration": DIGITS}, "is no .npz of arrays that can be read", id="another file"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=words):
        dense().export(tmp_path / "net.onnx", **options)
    assert list(tmp_path.iterdir()) == []


def test_two_processes_write_the_same_bytes(tmp_path: Path, held_out: HeldOut) -> None:
    np.savez(tmp_path / "typical.npz", image=held_out.images[:40])
    for seed in ("1", "2"):
        command: list[str | Path] = [
            sys.executable,
            "-m",
            "builder",
            "export",
            DIGITS,
            tmp_path / f"{seed}.onnx",
            "--quantize",
            "int8-static",
        ]
        done = run(*command, "--calibration", tmp_path / "typical.npz", env={"PYTHONHASHSEED": seed, "PATH": ""})
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
    assert (tmp_path / "1.onnx").read_bytes() == (tmp_path / "2.onnx").read_bytes()


class Centered(layers.Layer):
    """Each row less the mean of all: rows depend on each other."""

    def call(self, inputs: Any) -> Any:
        return inputs - ops.mean(inputs, axis=0, keepdims=True)


def test_rows_that_depend_on_each_other_are_refused_in_eight_bits_too(tmp_path: Path) -> None:
    model = Sequential([Input((64,)), layers.Dense(64), Centered()])
    with pytest.raises(ExportError, match="a row's answer depends on the other rows in its batch"):
        model.export(tmp_path / "net.onnx", quantize="int8")
