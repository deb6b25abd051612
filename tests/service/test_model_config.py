"""How a model is served: what its configuration files say, in whose favour, and what is said of those that are wrong."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from service.engine.batcher import BatchOptions
from service.engine.padding import PaddedAxis
from service.errors import StartupError
from service.repository.layout import find_folders
from service.repository.model_config import Defaults, ModelOptions, ModelSettings, TritonReader, configure
from service.repository.triton import Described, compare, translate
from service.request import DATATYPES, Signature, TensorSpec
from service.rpc import triton_config

READER = TritonReader(triton_config.from_text, triton_config.from_json)


def settings(root: Path, toml: str = "", pbtxt: str = "", defaults: Defaults | None = None, override: str | None = None) -> ModelSettings:
    """The settings of a model with these files in its directory."""
    directory = root / "m"
    (directory / "1").mkdir(parents=True, exist_ok=True)
    (directory / "1" / "model.onnx").touch()
    for name, text in (("config.toml", toml), ("config.pbtxt", pbtxt)):
        if text:
            (directory / name).write_text(text)
    return configure(find_folders(root)["m"], defaults or Defaults(), READER, override)


def test_a_model_without_a_configuration_is_served_as_the_server_was_told(tmp_path: Path) -> None:
    told = Defaults(ModelOptions(batching=BatchOptions(max_batch_rows=7)), {"max_batch_rows": "--max-batch-rows"})
    found = settings(tmp_path, defaults=told)
    assert found.options.batching.max_batch_rows == 7
    assert found.sources["max_batch_rows"] == "--max-batch-rows"
    assert found.sources["max_queue_rows"] == "default"
    assert (found.labels, found.file, found.warnings) == ({}, "model.onnx", ())


def test_what_is_nearest_to_the_model_wins(tmp_path: Path) -> None:
    told = Defaults(ModelOptions(batching=BatchOptions(max_batch_rows=7, max_queue_rows=70)), {"max_batch_rows": "--max-batch-rows"})
    pbtxt = "max_batch_size: 8 version_policy { latest { num_versions: 3 } }"
    found = settings(tmp_path, "[batching]\nmax_batch_rows = 9\n", pbtxt, told)
    assert found.options.batching.max_batch_rows == 9
    assert found.options.batching.max_queue_rows == 70
    assert found.options.versions.latest_versions == 3
    assert {found.sources[name] for name in ("max_batch_rows", "latest_versions")} == {"config.toml", "config.pbtxt"}
    assert found.sources["max_batch_rows"] == "config.toml"


def test_a_load_request_takes_the_place_of_the_config_pbtxt(tmp_path: Path) -> None:
    found = settings(tmp_path, pbtxt="max_batch_size: 8 version_policy { latest { num_versions: 3 } }", override='{"max_batch_size": 5}')
    assert found.options.batching.max_batch_rows == 5
    assert found.options.versions.latest_versions == 1
    assert found.sources["max_batch_rows"] == "load request"


def test_what_a_config_toml_may_say(tmp_path: Path) -> None:
    text = 'file = "net.onnx"\n[versions]\nversion_policy = "specific"\nspecific_versions = [1, 3]\n[labels]\nstable = 1\ncanary = 3\n'
    found = settings(tmp_path, text)
    assert found.file == "net.onnx"
    assert found.options.versions.specific_versions == (1, 3)
    assert found.labels == {"stable": 1, "canary": 3}


def test_axes_that_are_padded_are_tables_of_their_own(tmp_path: Path) -> None:
    ids = '[[padding]]\ninput = "ids"\naxis = 1\nbuckets = [16, 64]\nvalue = 2\nmask = "mask"\n'
    found = settings(tmp_path, ids + '[[padding]]\ninput = "x"\naxis = 2\nbuckets = [8]\n')
    assert found.padding == (PaddedAxis("ids", 1, (16, 64), 2.0, "mask"), PaddedAxis("x", 2, (8,)))


# A config.toml, and what is said of it.
WRONG_TOML: Mapping[str, tuple[str, str]] = {
    "no TOML": ("[batching", "config.toml: "),
    "an unknown table": ("[batchin]\n", "there is no table or key 'batchin'; did you mean 'batching'?"),
    "an unknown key": (
        "[batching]\nmax_batch_row = 1\n",
        r"\[batching\]: there is no option 'max_batch_row'; did you mean 'max_batch_rows'?",
    ),
    "a value in place of a table": ("batching = 3\n", "batching is a table, written [batching], and was given 3"),
    "a text for a number": ('[batching]\nmax_batch_rows = "8"\n', "max_batch_rows is a whole number, and was given '8'"),
    "true for a number": ("[batching]\nmax_batch_rows = true\n", "max_batch_rows is a whole number, and was given True"),
    "out of bounds": ("[batching]\nmax_batch_rows = 0\n", "max_batch_rows is at least 1, and was given 0"),
    "none of the choices": (
        '[versions]\nversion_policy = "first"\n',
        "version_policy is one of latest, all, specific, and was given 'first'",
    ),
    "a number for several": ("[versions]\nspecific_versions = 3\n", "specific_versions takes a list of values, and was given 3"),
    "one of several out of bounds": ("[versions]\nspecific_versions = [1, 0]\n", "specific_versions is at least 1, and was given 0"),
    "padding that is no list": ("padding = 3\n", "padding is a list of tables, each written [[padding]], and was given 3"),
    "padding of the batch": ('[[padding]]\ninput = "x"\naxis = 0\n', "[[padding]]: axis is at least 1, and was given 0"),
    "padding without buckets": ('[[padding]]\ninput = "x"\naxis = 1\n', "[[padding]]: it has no 'buckets'"),
    "padding with one bucket": ("[[padding]]\nbuckets = 8\n", "[[padding]]: buckets takes a list of values, and was given 8"),
    "padding with an unknown key": ("[[padding]]\nbucket = [8]\n", "[[padding]]: there is no option 'bucket'; did you mean 'buckets'?"),
    "a label of no version": ('[labels]\nstable = "1"\n', "stable is the number of a version, and was given '1'"),
    "a label that is a number": ("[labels]\n1 = 1\n", "'1' cannot be a label"),
    "a file elsewhere": ('file = "../model.onnx"\n', "file is the name of the model's file in its version's directory"),
}


@pytest.mark.parametrize(("text", "expected"), WRONG_TOML.values(), ids=WRONG_TOML.keys())
def test_a_config_toml_that_is_wrong_is_refused_by_name(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(StartupError) as caught:
        settings(tmp_path, text)
    assert expected.replace("\\", "") in str(caught.value)
    assert "config.toml" in str(caught.value)


def test_the_labels_of_classes_are_read_from_the_model_s_directory(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "labels.txt").write_text("cat\ndog\n")
    pbtxt = 'output [{ name: "y" data_type: TYPE_FP32 dims: [2] label_filename: "labels.txt" }]'
    assert settings(tmp_path, pbtxt=pbtxt).classes == {"y": ("cat", "dog")}


@pytest.mark.parametrize(
    ("name", "text"), [("../secret", "leads out of the model's directory"), ("nope.txt", "cannot be read")], ids=["elsewhere", "not there"]
)
def test_labels_that_cannot_be_had_are_refused(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "secret").write_text("x")
    with pytest.raises(StartupError, match=text):
        settings(tmp_path, pbtxt=f'output [{{ name: "y" label_filename: "{name}" }}]')


# A part of Triton's configuration, and the options that it becomes.
TRANSLATED: Mapping[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "nothing": ({}, {}),
    "a batch size": ({"max_batch_size": 8}, {"max_batch_rows": 8}),
    "a batch size of 0, which is its default": ({"max_batch_size": 0}, {}),
    "the latest versions": (
        {"version_policy": {"latest": {"num_versions": 2}}},
        {"version_policy": "latest", "latest_versions": 2},
    ),
    "all versions": ({"version_policy": {"all": {}}}, {"version_policy": "all"}),
    "some versions": (
        {"version_policy": {"specific": {"versions": [1, 3]}}},
        {"version_policy": "specific", "specific_versions": (1, 3)},
    ),
    "instances on a CPU": ({"instance_group": [{"kind": "KIND_CPU", "count": 2}]}, {"device": "cpu", "runners": 2}),
    "instances on a GPU": ({"instance_group": [{"kind": "KIND_GPU", "gpus": [1]}]}, {"device": "cuda", "device_id": 1}),
    "instances wherever": ({"instance_group": [{"count": 3}]}, {"runners": 3}),
    "dynamic batching as it is": ({"dynamic_batching": {}}, {}),
    "a delay": ({"dynamic_batching": {"max_queue_delay_microseconds": 500}}, {"max_delay_seconds": 0.0005}),
    "preferred sizes": ({"dynamic_batching": {"preferred_batch_size": [4, 8]}}, {"preferred_rows": (4, 8)}),
    "priorities": (
        {"dynamic_batching": {"priority_levels": 3, "default_priority_level": 2}},
        {"priority_levels": 3, "default_priority": 2},
    ),
    "a timeout": (
        {"dynamic_batching": {"default_queue_policy": {"default_timeout_microseconds": 2_000_000}}},
        {"default_timeout_seconds": 2.0},
    ),
    "no optimization of the graph": ({"optimization": {"graph": {"level": 2}}}, {"graph_optimization": "disabled"}),
    "CUDA graphs": ({"optimization": {"cuda": {"graphs": True}}}, {"cuda_graphs": True}),
    "TensorRT": (
        {"optimization": {"execution_accelerators": {"gpu_execution_accelerator": [{"name": "tensorrt"}]}}},
        {"device": "tensorrt"},
    ),
    "CUDA's own parameters": (
        {
            "optimization": {
                "execution_accelerators": {
                    "gpu_execution_accelerator": [
                        {"name": "cuda", "parameters": {"cudnn_conv_algo_search": "EXHAUSTIVE", "gpu_mem_limit": "1000"}}
                    ]
                }
            }
        },
        {"conv_search": "exhaustive", "gpu_memory_limit_bytes": 1000},
    ),
}


@pytest.mark.parametrize(("config", "expected"), TRANSLATED.values(), ids=TRANSLATED.keys())
def test_what_triton_s_configuration_means_here(config: dict[str, Any], expected: dict[str, Any]) -> None:
    found = translate(config, "m", "config.pbtxt")
    assert found.options == expected
    assert found.warnings == ()


WARNED: Mapping[str, tuple[dict[str, Any], str]] = {
    "a part that means nothing here": ({"response_cache": {"enable": True}}, "response_cache has no meaning here"),
    "a queue counted in requests": (
        {"dynamic_batching": {"default_queue_policy": {"max_queue_size": 10}}},
        "max_queue_size counts requests, and is taken as rows",
    ),
    "a part of a part": ({"dynamic_batching": {"preserve_ordering": True}}, "dynamic_batching.preserve_ordering has no meaning here"),
    "several groups": ({"instance_group": [{}, {}]}, "the first of 2 groups is taken"),
    "several GPUs": ({"instance_group": [{"gpus": [0, 1]}]}, "GPU 0 of [0, 1] is taken; run a server for each GPU"),
    "delayed timeouts": ({"dynamic_batching": {"default_queue_policy": {"timeout_action": "DELAY"}}}, "always rejected here"),
    "samples to warm up with": ({"model_warmup": [{"name": "x"}]}, "the samples that it describes are not run"),
    "a level that there is not": ({"optimization": {"graph": {"level": 7}}}, "optimization.graph.level 7 is none of"),
    "another accelerator": (
        {"optimization": {"execution_accelerators": {"gpu_execution_accelerator": [{"name": "migraphx"}]}}},
        "migraphx has no meaning here",
    ),
}


@pytest.mark.parametrize(("config", "text"), WARNED.values(), ids=WARNED.keys())
def test_what_has_no_meaning_here_is_said(config: dict[str, Any], text: str) -> None:
    (warning,) = translate(config, "m", "config.pbtxt").warnings
    assert warning.startswith("config.pbtxt: ")
    assert text in warning


REFUSED: Mapping[str, tuple[dict[str, Any], str]] = {
    "another model's": ({"name": "n"}, "it is of a model called 'n', and lies in the directory of 'm'"),
    "another backend's": ({"backend": "python"}, "it is for python, and this server runs ONNX"),
    "another platform's": ({"platform": "pytorch_libtorch"}, "it is for pytorch_libtorch, and this server runs ONNX"),
    "an ensemble": ({"ensemble_scheduling": {}}, "the model is an ensemble"),
    "for sequences": ({"sequence_batching": {}}, "the model is for sequences"),
    "a file elsewhere": ({"default_model_filename": "../x.onnx"}, "is a name in the version's directory"),
}


@pytest.mark.parametrize(("config", "text"), REFUSED.values(), ids=REFUSED.keys())
def test_what_this_server_cannot_be_is_refused(config: dict[str, Any], text: str) -> None:
    with pytest.raises(StartupError, match=text):
        translate(config, "m", "config.pbtxt")


SIGNATURE = Signature(
    {"x": TensorSpec("x", DATATYPES["FP32"], ("batch", 4, None)), "s": TensorSpec("s", DATATYPES["BYTES"], ("batch",))},
    {"y": TensorSpec("y", DATATYPES["INT64"], ("batch", 2))},
    batched=True,
)
# An input or output as a configuration has it, and what is said of it; nothing when it is the model's.
COMPARED: Mapping[str, tuple[Described, str]] = {
    "as it is": (Described("x", "FP32", (4, -1), True, True), ""),
    "a free axis fixed": (Described("x", "FP32", (4, 7), True, True), ""),
    "with the batch in the dims": (Described("x", "FP32", (-1, 4, -1), True, False), ""),
    "strings under Triton's name": (Described("s", "STRING", (), True, True), ""),
    "by name alone": (Described("y", "", (), False, True), ""),
    "an input that there is not": (Described("z", "FP32", (4,), True, True), "has an input 'z', and the model's are x, s"),
    "an input that is an output": (Described("y", "INT64", (2,), True, True), "has an input 'y'"),
    "another datatype": (Described("y", "FP32", (2,), False, True), "has output 'y' as FP32, and the model as INT64"),
    "another size": (Described("y", "INT64", (3,), False, True), r"has output 'y' with dims \[3\], and the model with \[2\]"),
    "another rank": (Described("x", "FP32", (4,), True, True), r"has input 'x' with dims \[4\], and the model with \[4, -1\]"),
}


@pytest.mark.parametrize(("tensor", "text"), COMPARED.values(), ids=COMPARED.keys())
def test_a_configuration_is_held_against_the_model(tensor: Described, text: str) -> None:
    if not text:
        compare([tensor], SIGNATURE)
        return
    with pytest.raises(StartupError, match=text):
        compare([tensor], SIGNATURE)
