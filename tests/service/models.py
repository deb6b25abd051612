"""The models that the tests serve: real ONNX files, each small and there for one property."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from service.request import DATATYPES

__all__ = ["MODELS", "save", "save_repository"]

Shape = Sequence[int | str | None]
Tensors = Mapping[str, tuple[int, Shape]]
ELEMENTS = {
    "BOOL": TensorProto.BOOL,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64,
    "FP16": TensorProto.FLOAT16,
    "BF16": TensorProto.BFLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BYTES": TensorProto.STRING,
}
FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def build(
    nodes: Sequence[onnx.NodeProto],
    inputs: Tensors,
    outputs: Tensors,
    initializers: Sequence[onnx.TensorProto] = (),
    metadata: Mapping[str, str] | None = None,
) -> onnx.ModelProto:
    """A checked model of `nodes`; `metadata` is what an exporter would have written."""
    taken, given = ([helper.make_tensor_value_info(name, *spec) for name, spec in side.items()] for side in (inputs, outputs))
    graph = helper.make_graph(list(nodes), "graph", taken, given, list(initializers))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, dict(metadata or {}))
    onnx.checker.check_model(model, full_check=True)
    return model


def save(model: onnx.ModelProto, path: Path) -> Path:
    """Writes `model` to `path`, making its directories."""
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path


def add2() -> onnx.ModelProto:
    """Two outputs of two inputs, row by row."""
    nodes = [helper.make_node("Add", ["a", "b"], ["sum"]), helper.make_node("Sub", ["a", "b"], ["difference"])]
    rows: tuple[int, Shape] = (FLOAT, ["batch", 4])
    return build(nodes, {"a": rows, "b": rows}, {"sum": rows, "difference": rows})


def add_constant(constant: float, weights: int = 0) -> onnx.ModelProto:
    """x + constant; of `weights` more floats, all 0, it looks one up, so that they must stay in memory."""
    values = [helper.make_tensor("constant", FLOAT, [1], [constant])]
    nodes = [helper.make_node("Add", ["x", "constant"], ["y"])]
    spec: tuple[int, Shape] = (FLOAT, ["batch", 4])
    if weights:
        values += [
            helper.make_tensor("weights", FLOAT, [weights], bytes(4 * weights), raw=True),
            helper.make_tensor("no", FLOAT, [1], [0.0]),
        ]
        nodes = [
            helper.make_node("Mul", ["x", "no"], ["zeros"]),
            helper.make_node("Cast", ["zeros"], ["which"], to=INT64),
            helper.make_node("Gather", ["weights", "which"], ["nothing"]),
            helper.make_node("Add", ["x", "constant"], ["sum"]),
            helper.make_node("Add", ["sum", "nothing"], ["y"]),
        ]
    return build(nodes, {"x": spec}, {"y": spec}, values)


def ident(datatype: str, shape: Shape) -> onnx.ModelProto:
    """Gives back what it gets."""
    spec: tuple[int, Shape] = (ELEMENTS[datatype], shape)
    return build([helper.make_node("Identity", ["x"], ["y"])], {"x": spec}, {"y": spec})


def centre(datatype: str = "FP32", metadata: Mapping[str, str] | None = None) -> onnx.ModelProto:
    """x - mean of the rows: what a row becomes depends on the rows beside it."""
    axis = helper.make_tensor("axis", INT64, [1], [0])
    nodes = [helper.make_node("ReduceMean", ["x", "axis"], ["mean"]), helper.make_node("Sub", ["x", "mean"], ["y"])]
    spec: tuple[int, Shape] = (ELEMENTS[datatype], ["batch", 4])
    return build(nodes, {"x": spec}, {"y": spec}, [axis], metadata)


def total() -> onnx.ModelProto:
    """The sum of each row, of whatever length."""
    axis = helper.make_tensor("axis", INT64, [1], [1])
    nodes = [helper.make_node("ReduceSum", ["x", "axis"], ["y"], keepdims=0)]
    return build(nodes, {"x": (FLOAT, ["batch", "length"])}, {"y": (FLOAT, ["batch"])}, [axis])


def windows(metadata: Mapping[str, str] | None = None) -> onnx.ModelProto:
    """The mean of each three neighbours in a row of free length: it cannot run on rows of fewer."""
    nodes = [helper.make_node("AveragePool", ["x"], ["y"], kernel_shape=[3])]
    return build(nodes, {"x": (FLOAT, ["batch", 1, "n"])}, {"y": (FLOAT, ["batch", 1, "m"])}, metadata=metadata)


def embedding() -> onnx.ModelProto:
    """A table of four rows: ONNX Runtime calls an id beyond it an invalid argument."""
    table = helper.make_tensor("table", FLOAT, [4, 3], [float(value) for value in range(12)])
    return build(
        [helper.make_node("Gather", ["table", "ids"], ["y"])], {"ids": (INT64, ["batch", 2])}, {"y": (FLOAT, ["batch", 2, 3])}, [table]
    )


def to_float() -> onnx.ModelProto:
    """BF16 as FP32, and as it is."""
    nodes = [helper.make_node("Cast", ["x"], ["y"], to=FLOAT), helper.make_node("Identity", ["x"], ["z"])]
    shape: Shape = ["batch", "n"]
    return build(nodes, {"x": (TensorProto.BFLOAT16, shape)}, {"y": (FLOAT, shape), "z": (TensorProto.BFLOAT16, shape)})


def scaled() -> onnx.ModelProto:
    """Each row times `scale`, an input that is 2 everywhere when it is left out."""
    nodes = [helper.make_node("Mul", ["x", "scale"], ["y"])]
    rows: tuple[int, Shape] = (FLOAT, ["batch", 3])
    return build(nodes, {"x": rows, "scale": (FLOAT, [3])}, {"y": rows}, [helper.make_tensor("scale", FLOAT, [3], [2.0] * 3)])


def reshape() -> onnx.ModelProto:
    """Any shape that is asked for; ONNX Runtime fails, with a path of its own in the text, where the elements do not fit."""
    nodes = [helper.make_node("Reshape", ["x", "shape"], ["y"])]
    return build(nodes, {"x": (FLOAT, ["n"]), "shape": (INT64, [2])}, {"y": (FLOAT, ["p", "q"])})


def slow() -> onnx.ModelProto:
    """As many steps of a loop as it is told, about a microsecond each."""
    anything = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Neg", ["before"], ["after"])],
        "body",
        [anything("step", INT64, []), anything("go", TensorProto.BOOL, []), anything("before", FLOAT, [1])],
        [anything("on", TensorProto.BOOL, []), anything("after", FLOAT, [1])],
    )
    nodes = [helper.make_node("Loop", ["steps", "", "x"], ["y"], body=body)]
    return build(nodes, {"steps": (INT64, []), "x": (FLOAT, [1])}, {"y": (FLOAT, [1])})


def _by_exporter(axes: Mapping[str, int]) -> Mapping[str, str]:
    return {"hornbeam.batch_axes": json.dumps(axes), "hornbeam.source_sha256": "0" * 64}


MODELS: Mapping[str, Callable[[], onnx.ModelProto]] = {
    "add2": add2,
    **{f"ident_{name.lower()}": lambda name=name: ident(name, ["batch", "n"]) for name in DATATYPES},  # type: ignore[misc]
    "scalar": lambda: ident("FP32", []),
    "fixed": lambda: ident("FP32", [2, 3]),
    "unnamed": lambda: ident("FP32", [None, None, None]),
    "centre": centre,
    "centre_int64": lambda: centre("INT64"),
    "total": total,
    "windows": lambda: windows(_by_exporter({"x": 0, "y": 0})),
    "apart": lambda: windows(_by_exporter({})),
    "embedding": embedding,
    "to_float": to_float,
    "scaled": scaled,
    "reshape": reshape,
    "slow": slow,
}


def save_repository(root: Path, *names: str) -> Path:
    """A repository with version 1 of the models of those names, or of all."""
    for name in names or MODELS:
        save(MODELS[name](), root / name / "1" / "model.onnx")
    return root
