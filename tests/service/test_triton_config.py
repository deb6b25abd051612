"""Triton's model configs out of their texts: what real ones say, and how wrong ones are told."""

import json
from typing import Any

import pytest

from service.errors import InvalidRequestError
from service.rpc import triton_config
from service.rpc._pb import inference_pb2 as pb

TEXTS: dict[str, tuple[str, dict[str, Any]]] = {
    "nothing": ("", {}),
    "an image classifier": (
        """
        name: "densenet_onnx"  # the directory's name
        platform: "onnxruntime_onnx"
        max_batch_size : 0
        input [
          {
            name: "data_0"
            data_type: TYPE_FP32
            format: FORMAT_NCHW
            dims: [ 3, 224, 224 ]
            reshape { shape: [ 1, 3, 224, 224 ] }
          }
        ]
        output [
          {
            name: "fc6_1"
            data_type: TYPE_FP32
            dims: [ 1000 ]
            reshape { shape: [ 1, 1000, 1, 1 ] }
            label_filename: "densenet_labels.txt"
          }
        ]
        """,
        {
            "name": "densenet_onnx",
            "platform": "onnxruntime_onnx",
            "input": [
                {
                    "name": "data_0",
                    "data_type": "TYPE_FP32",
                    "format": "FORMAT_NCHW",
                    "dims": [3, 224, 224],
                    "reshape": {"shape": [1, 3, 224, 224]},
                }
            ],
            "output": [
                {
                    "name": "fc6_1",
                    "data_type": "TYPE_FP32",
                    "dims": [1000],
                    "reshape": {"shape": [1, 1000, 1, 1]},
                    "label_filename": "densenet_labels.txt",
                }
            ],
        },
    ),
    "batching with priorities": (
        """
        backend: "onnxruntime"
        max_batch_size: 64
        input { name: "ids" data_type: TYPE_INT64 dims: [ -1 ] }
        input { name: "mask" data_type: TYPE_INT64 dims: -1 optional: true }
        dynamic_batching {
          preferred_batch_size: [ 16, 32 ]
          max_queue_delay_microseconds: 500
          priority_levels: 3
          default_priority_level: 2
          default_queue_policy {
            timeout_action: REJECT default_timeout_microseconds: 100000 allow_timeout_override: true max_queue_size: 256
          }
          priority_queue_policy [ { key: 3 value { max_queue_size: 8 timeout_action: DELAY } } ]
        }
        instance_group [ { kind: KIND_GPU count: 2 gpus: [ 0, 1 ] }, { kind: KIND_CPU } ]
        version_policy: { specific: { versions: [ 1, 3 ] } }
        """,
        {
            "backend": "onnxruntime",
            "max_batch_size": 64,
            "input": [
                {"name": "ids", "data_type": "TYPE_INT64", "dims": [-1]},
                {"name": "mask", "data_type": "TYPE_INT64", "dims": [-1], "optional": True},
            ],
            "dynamic_batching": {
                "preferred_batch_size": [16, 32],
                "max_queue_delay_microseconds": 500,
                "priority_levels": 3,
                "default_priority_level": 2,
                "default_queue_policy": {"default_timeout_microseconds": 100000, "allow_timeout_override": True, "max_queue_size": 256},
                "priority_queue_policy": {3: {"timeout_action": "DELAY", "max_queue_size": 8}},
            },
            "instance_group": [{"kind": "KIND_GPU", "count": 2, "gpus": [0, 1]}, {"kind": "KIND_CPU"}],
            "version_policy": {"specific": {"versions": [1, 3]}},
        },
    ),
    "what has no meaning here, and must still be read": (
        """
        optimization {
          graph { level: 1 }
          execution_accelerators {
            gpu_execution_accelerator : [ { name : "tensorrt" parameters { key: "precision_mode" value: "FP16" } } ]
          }
        }
        parameters { key: "intra_op_thread_count" value: { string_value: "4" } }
        parameters { key: "execution_mode" value: { string_value: "0" } }
        model_warmup [ { name: "zeros" batch_size: 8 inputs { key: "x" value { data_type: TYPE_FP32 dims: 4 zero_data: true } } } ]
        response_cache { enable: true }
        model_transaction_policy { decoupled: False }
        metric_tags { key: "team" value: "vision" }
        model_metrics { metric_control: [ { metric_identifier: { family: "f" } histogram_options: { buckets: [ 0.1, 1 ] } } ] }
        version_policy { all { } }
        """,
        {
            "optimization": {
                "graph": {"level": 1},
                "execution_accelerators": {"gpu_execution_accelerator": [{"name": "tensorrt", "parameters": {"precision_mode": "FP16"}}]},
            },
            "parameters": {"execution_mode": {"string_value": "0"}, "intra_op_thread_count": {"string_value": "4"}},
            "model_warmup": [
                {"name": "zeros", "batch_size": 8, "inputs": {"x": {"data_type": "TYPE_FP32", "dims": [4], "zero_data": True}}}
            ],
            "response_cache": {"enable": True},
            "model_transaction_policy": {},
            "metric_tags": {"team": "vision"},
            "model_metrics": {
                "metric_control": [{"metric_identifier": {"family": "f"}, "histogram_options": {"buckets": [0.1, 1.0]}}],
            },
            "version_policy": {"all": {}},
        },
    ),
    "a sequence and its states": (
        """
        sequence_batching {
          max_sequence_idle_microseconds: 5000000
          control_input [ { name: "START" control [ { kind: CONTROL_SEQUENCE_START fp32_false_true: [ 0, 1 ] } ] } ]
          state [ { input_name: "in" output_name: "out" data_type: TYPE_FP32 dims: [ 4 ] initial_state: { zero_data: true name: "z" } } ]
          oldest { max_candidate_sequences: 4 }
        }
        """,
        {
            "sequence_batching": {
                "max_sequence_idle_microseconds": 5000000,
                "control_input": [{"name": "START", "control": [{"fp32_false_true": [0.0, 1.0]}]}],
                "state": [
                    {
                        "input_name": "in",
                        "output_name": "out",
                        "data_type": "TYPE_FP32",
                        "dims": [4],
                        "initial_state": [{"zero_data": True, "name": "z"}],
                    }
                ],
                "oldest": {"max_candidate_sequences": 4},
            }
        },
    ),
}


@pytest.mark.parametrize(("text", "expected"), TEXTS.values(), ids=TEXTS.keys())
def test_a_config_is_read_whole(text: str, expected: dict[str, Any]) -> None:
    assert triton_config.from_text(text) == expected


@pytest.mark.parametrize("expected", [expected for _, expected in TEXTS.values()], ids=TEXTS.keys())
def test_json_says_the_same(expected: dict[str, Any]) -> None:
    assert triton_config.from_json(json.dumps(expected)) == expected


def test_numbers_of_64_bits_may_be_strings_in_json_as_protobuf_writes_them() -> None:
    text = '{"dynamicBatching": {"max_queue_delay_microseconds": "100"}}'
    assert triton_config.from_json(text) == {"dynamic_batching": {"max_queue_delay_microseconds": 100}}


WRONG_TEXTS = {
    "a field that is none": ('name: "a"\nmax_batch_sizee: 8\n', 'line 2, column 1: .*has no field named "max_batch_sizee"'),
    "a datatype that is none": ("input [\n {\n  data_type: TYPE_FLOAT } ]", "line 3, column 14: .*no value named TYPE_FLOAT"),
    "a word for a number": ('max_batch_size: "eight"', "line 1, column 17: .*Couldn't parse integer"),
    "a number beyond 32 bits": ("\n\nmax_batch_size: 99999999999", "line 3, column 17: .*Value out of range: 99999999999"),
    "a field twice": ('name: "a"\nname: "b"', 'line 2, column 7: .*should not have multiple "name" fields'),
    "two ways to schedule": ("dynamic_batching { }\nsequence_batching { }", "line 2, column 1: .*another member of oneof"),
    "no end": ('input [ {\n name: "x"\n ', 'line 2, column .*Expected "}"'),
    "control characters": ("\x00\x1b[31m", r"line 1, column 1: '\?\?\[31m': Expected identifier"),
    "a string that is not UTF-8": ('name: "\\xff"', "line 1, column .*Couldn't parse string"),
}


@pytest.mark.parametrize(("text", "reason"), WRONG_TEXTS.values(), ids=WRONG_TEXTS.keys())
def test_a_wrong_config_is_told_by_line(text: str, reason: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"^model config: {reason}") as caught:
        triton_config.from_text(text)
    assert caught.value.field == "config"
    assert all(char.isprintable() for char in str(caught.value))


WRONG_JSON = {
    "no JSON": ("{", "line 1 column 2"),
    "a list": ("[]", "it is JSON, and no object"),
    "a field that is none": ('{"name": "a", "max_batch": 1}', 'no field named "max_batch"'),
    "a number for a string": ('{"name": 3}', "Failed to parse name field"),
    "a datatype that is none": ('{"input": [{"data_type": "FP32"}]}', r"input\[0\].data_type"),
    "a key twice": ('{"name": "a", "name": "b"}', "duplicate key name"),
    "a number beyond 32 bits": ('{"max_batch_size": 1e99}', "Value out of range"),
    "lists beyond any depth": ("[" * 100_000, "it is nested too deep"),
}


@pytest.mark.parametrize(("text", "reason"), WRONG_JSON.values(), ids=WRONG_JSON.keys())
def test_wrong_json_is_told_by_place_or_field(text: str, reason: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"^model config: .*{reason}") as caught:
        triton_config.from_json(text)
    assert len(str(caught.value)) < 300


# Triton's numbers of ModelConfig that a client on the wire relies on; a whole comparison needs Triton's own client.
NUMBERS = {"version_policy": 3, "max_batch_size": 4, "dynamic_batching": 11, "sequence_batching": 13, "backend": 17, "response_cache": 24}


def test_the_fields_have_triton_s_numbers() -> None:
    fields = pb.ModelConfig.DESCRIPTOR.fields_by_name
    assert {name: fields[name].number for name in NUMBERS} == NUMBERS
    assert sorted(field.number for field in fields.values()) == [*range(1, 22), 23, 24, 25, 26]
