"""The `hornbeam` command as a shell runs it: what it writes, what it prints, and how it fails."""

import os
import subprocess
import sys
import zipfile
from dataclasses import MISSING, fields
from pathlib import Path

import click
import keras
import numpy as np
import onnxruntime
import pytest
from click.testing import CliRunner, Result

from builder.cli import main
from builder.export import Options
from tests.builder.networks import assert_close
from tests.conftest import DIGITS, HeldOut

NETWORKS = '''
"""Networks of a user."""

import builder as keras
from builder import layers

model = keras.Sequential([keras.Input((4,), name="given"), layers.Dense(3, name="taken")], name="mine")


def make():
    return model


class Shelf:
    inner = model


number = 3
unbuilt = keras.Sequential([layers.Dense(3)])


def broken():
    raise ZeroDivisionError("oh no")


def wrong():
    return layers.Conv2D(2, 9)(keras.Input((4, 4, 1)))


class Mixing(layers.Layer):
    def call(self, inputs):
        return inputs - keras.ops.mean(inputs, axis=0, keepdims=True)


mixed = keras.Sequential([keras.Input((4,)), Mixing()])
'''


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a user's module in it."""
    (tmp_path / "networks.py").write_text(NETWORKS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "networks", raising=False)
    return tmp_path


def hornbeam(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def written(directory: Path) -> list[str]:
    files = (path.relative_to(directory) for path in directory.rglob("*") if path.suffix in (".onnx", ".part") or path.is_dir())
    return sorted(str(path) for path in files if "__pycache__" not in path.parts)


def test_the_digits_go_into_a_repository_and_answer_as_in_keras(here: Path, held_out: HeldOut) -> None:
    result = hornbeam("export", DIGITS, "models")
    assert result.exit_code == 0, result.output
    session = onnxruntime.InferenceSession(here / "models/digits/1/model.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(["probabilities"], {"image": held_out.images})
    assert_close([np.asarray(found)], [held_out.keras])


def test_an_export_prints_what_it_did(here: Path) -> None:
    lines = hornbeam("export", DIGITS, "models", "--name", "numbers", "--version", "3").output.splitlines()
    assert lines[0] == f"opened   {DIGITS}: Functional 'digits', 14 layers, 14,682 parameters, saved by Keras 3.15.1"
    assert [line.split()[0] for line in lines] == ["opened", "passes", "checked", "wrote", "input", "output", "serve"]
    assert "models/numbers/3/model.onnx" in lines[3]
    assert lines[4].split(maxsplit=2) == ["input", "image", "float32 (batch, 8, 8, 1)"]
    assert lines[5].split(maxsplit=2) == ["output", "probabilities", "float32 (batch, 10)"]
    assert lines[6] == "serve    hornbeam-serve run models"


def test_every_option_of_an_export_has_a_flag_and_a_help_text() -> None:
    parameters = {parameter.name: parameter for parameter in main.commands["export"].params}
    for option in fields(Options):
        parameter = parameters[option.name]
        assert isinstance(parameter, click.Option)
        assert parameter.help
        if option.default is not MISSING:
            assert parameter.default == option.default, option.name


def test_flags_reach_the_export(here: Path) -> None:
    flags = ["--opset", "17", "--dim", "batch=rows", "--dtype", "float16", "--external-data", "--external-threshold", "1", "--no-samples"]
    lines = hornbeam("export", "networks:model", "net.onnx", *flags, "--without", "bias").output.splitlines()
    assert [line.split()[0] for line in lines] == ["opened", "passes", "checked", "accuracy", "wrote", "input", "output", "serve"]
    assert lines[1].endswith("opset 17")
    assert "bytes; differs from float32 by " in lines[3]
    assert lines[4].startswith("wrote    net.onnx, net.onnx.data (")
    assert lines[5].split(maxsplit=2) == ["input", "given", "float32 (rows, 4)"]


def test_a_check_against_keras_says_how_far_it_is(here: Path) -> None:
    lines = hornbeam("export", DIGITS, "digits.onnx", "--check-against", "keras").output.splitlines()
    assert lines[3].startswith("Keras    answers the same, largest difference ")


def test_a_terminal_is_told_what_takes_long_and_a_pipe_is_not(here: Path) -> None:
    command = [sys.executable, "-m", "builder", "export", "networks:model", "net.onnx"]
    assert subprocess.run(command, capture_output=True, check=True, text=True).stderr == ""
    ours, theirs = os.openpty()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, text=True) as process:
        os.close(theirs)
        output, _ = process.communicate(timeout=60)
    shown = os.read(ours, 10_000).decode()
    os.close(ours)
    assert output.startswith("opened   networks:model")
    assert [line for line in shown.split("\r\x1b[K") if line] == [
        f"export: {stage} ..." for stage in ("opening networks:model", "passes", "model", "checks", "samples", "files")
    ]


def test_a_second_export_says_that_it_replaced_the_first(here: Path) -> None:
    assert "wrote    net.onnx" in hornbeam("export", "networks:model", "net.onnx").output
    assert "replaced net.onnx" in hornbeam("export", "networks:model", "net.onnx").output
    assert written(here) == ["net.onnx"]


@pytest.mark.parametrize(
    "source", ["networks:model", "networks:make", "networks:Shelf.inner"], ids=["a model", "a function", "an attribute"]
)
def test_a_model_in_python_is_found_by_its_name(here: Path, source: str) -> None:
    result = hornbeam("export", source, "models")
    assert result.exit_code == 0, result.output
    assert written(here)[-1] == "models/mine/1/model.onnx"


def test_a_summary_is_a_table(here: Path) -> None:
    result = hornbeam("summary", DIGITS)
    assert result.exit_code == 0
    assert result.output.startswith('Model: "digits"\n┏━')
    assert "│ stem (Conv2D) " in result.output
    assert " Total params: " in result.output


@pytest.fixture
def files(here: Path) -> Path:
    """Files that no user should get an ONNX of."""
    data = DIGITS.read_bytes()
    (here / "cut.keras").write_bytes(data[: len(data) // 2])
    (here / "changed.keras").write_bytes(data.replace(b'"Conv2D"', b'"Conv9D"', 1))
    (here / "text.keras").write_text("not a model")
    (here / "plain.txt").write_text("not a model")
    for name, layer in (("lambda", keras.layers.Lambda(lambda x: x + 1)), ("later", keras.layers.Identity())):
        keras.Sequential([keras.Input((4,)), layer]).save(here / f"{name}.keras")
    with zipfile.ZipFile(here / "later.keras") as later, zipfile.ZipFile(here / "unknown.keras", "w") as unknown:
        for name in later.namelist():
            unknown.writestr(name, later.read(name).replace(b'"Identity"', b'"Novelty"'))
    return here


MISTAKES = [
    pytest.param(["absent.keras", "out"], "there is no file absent.keras", id="a file that is not there"),
    pytest.param(["cut.keras", "out"], "is not a .keras file, or is damaged", id="a file cut in half"),
    pytest.param(["changed.keras", "out"], "is not a .keras file, or is damaged", id="a file with bytes changed"),
    pytest.param(["text.keras", "out"], "is not a .keras file, or is damaged", id="a text"),
    pytest.param(["plain.txt", "out"], "is not a .keras file, or is damaged", id="a text of another name"),
    pytest.param(["lambda.keras", "out"], "is a Lambda layer", id="a Lambda layer"),
    pytest.param(["unknown.keras", "out"], "is a Novelty, which is not supported yet", id="an unknown layer"),
    pytest.param(
        ["nothing", "out"],
        "is neither a file that Keras saved (.keras, .h5, .hdf5) nor package.module:object",
        id="neither file nor module",
    ),
    pytest.param(["nowhere:model", "out"], "No module named 'nowhere'", id="a module that is not there"),
    pytest.param(["networks:absent", "out"], "has no attribute 'absent'", id="an object that is not there"),
    pytest.param(["networks:number", "out"], "is a int, not a model", id="a number"),
    pytest.param(["networks:broken", "out"], "failed: ZeroDivisionError: oh no", id="a function that raises"),
    pytest.param(["networks:wrong", "out"], "Computed output size would be zero or negative", id="a network that does not fit"),
    pytest.param(["networks:unbuilt", "out"], "has no defined inputs yet", id="a model that is not built"),
    pytest.param(["networks:mixed", "out"], "a row's answer depends on the other rows", id="rows that depend on each other"),
    pytest.param(["networks:model", "out", "--name", "a/b"], "cannot be the name of a model", id="a name with a slash"),
    pytest.param(["networks:model", "plain.txt"], "is a file; give a directory", id="a file as the repository"),
    pytest.param(["networks:model", "plain.txt/net.onnx"], "cannot be written", id="a file as a directory"),
    pytest.param(["networks:model", "out", "--version", "0"], "0 is not in the range", id="a version below one"),
    pytest.param(["networks:model", "out", "--version", "x"], "'x' is not a valid integer", id="a version that is no number"),
    pytest.param(["networks:model", "out", "--opset", "16"], "16 is not in the range 17<=x<=23", id="an opset too old"),
    pytest.param(["networks:model", "out", "--dim", "given.1"], "'given.1' is not DIM=VALUE", id="a dimension without a value"),
    pytest.param(["networks:model", "out", "--dim", "batch=2", "--dim", "batch=3"], "'batch' is given twice", id="a dimension twice"),
    pytest.param(["networks:model", "out", "--dim", "given.1=5"], "'given.1' is not free, it is 4", id="a dimension that is fixed"),
    pytest.param(["networks:model", "out", "--dtype", "float8"], "'float8' is not one of", id="an unknown dtype"),
    pytest.param(["networks:model", "out", "--quantize", "int8-static"], "needs --calibration", id="no calibration"),
    pytest.param(["networks:model", "out", "--check-against", "keras"], "needs a file that Keras saved", id="nothing to check against"),
    pytest.param(["networks:model"], "Missing argument 'DEST'", id="no destination"),
    pytest.param(["a" * 300, "out"], "SOURCE", id="a name too long for a file"),
    pytest.param(["networks:", "out"], "SOURCE", id="a module and no object"),
    pytest.param([":model", "out"], "SOURCE", id="an object and no module"),
]


@pytest.mark.parametrize(("arguments", "words"), MISTAKES)
def test_a_users_mistake_is_a_sentence_and_writes_nothing(files: Path, arguments: list[str], words: str) -> None:
    before = written(files)
    result = hornbeam("export", *arguments)
    assert result.exit_code == 2, result.output
    assert words in result.stderr
    assert "Traceback" not in result.output
    last = result.stderr.splitlines()[-1]
    assert last.startswith("Error: ")
    assert written(files) == before


def test_a_summary_fails_as_an_export_does(files: Path) -> None:
    result = hornbeam("summary", "lambda.keras")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "is a Lambda layer" in result.stderr


@pytest.mark.parametrize("command", [["python", "-m", "builder"], ["hornbeam"]], ids=" ".join)
def test_a_mistake_in_a_shell_is_a_sentence(files: Path, command: list[str]) -> None:
    program = Path(sys.executable).parent / command[0]
    done = subprocess.run([program, *command[1:], "export", "lambda.keras", "out"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: lambda.keras cannot be opened: ")
    assert done.stderr.count("\n") == 1
