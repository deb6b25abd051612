"""Strings: looked up, split and without some of their characters."""

import numpy as np

from builder.graph import Graph, Input, Late, Node, Spec, current_scope
from builder.ops.axes import integers
from builder.ops.sizes import spec_dims
from builder.ops.symbolic import KerasTensor, TensorLike, emit, emit_all, emit_as, value_of

__all__ = ["PUNCTUATION", "looked_up", "lowered", "without", "words"]

PUNCTUATION = "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'"
SPACES = "\t\n\v\f\r"  # what counts as whitespace beside the blank


def looked_up(x: TensorLike, table: Late, default: int | str) -> KerasTensor:
    """What `table` has for each element, strings or int64, or the default (ONNX-ML LabelEncoder)."""
    dtype, name = ("string", "default_string") if isinstance(default, str) else ("int64", "default_int64")
    return emit_as(spec_dims(x), dtype, "ai.onnx.ml.LabelEncoder", x, table=table, **{name: default})


def lowered(texts: TensorLike) -> KerasTensor:
    """Texts `(batch,)` with small letters for A to Z, others as they are (ONNX StringNormalizer).

    In the locale "C", which every machine has, that is what TensorFlow does.
    """
    return emit_as(spec_dims(texts), "string", "StringNormalizer", texts, case_change_action="LOWER", locale="C")


def without(texts: KerasTensor, characters: str) -> KerasTensor:
    """Texts `(batch,)` without the characters (ONNX StringSplit, and StringConcat of the parts in a Loop)."""
    for character in characters:
        texts = _rejoined(texts, character, "")
    return texts


def words(texts: KerasTensor, is_batch: bool = True) -> KerasTensor:
    """The words of texts `(batch,)`, "" where one has fewer: `(batch, words)` (ONNX StringSplit).

    Unless `is_batch`, the first axis of the outputs has no name: how many words there are depends on all texts.
    """
    for space in SPACES:
        texts = _rejoined(texts, space, " ")
    batch = texts.value.spec.shape[0]
    specs = (Spec((batch if is_batch else None, None), "string"), Spec((batch,), "int64"))
    return KerasTensor(Node("StringSplit", (texts.value,), specs, {"delimiter": ""}, current_scope()).results[0])


def _rejoined(texts: KerasTensor, character: str, before_each: str) -> KerasTensor:
    """Texts `(batch,)` split at a character and put together again, with something before each part, the first one too.

    By a Loop, since ONNX Runtime's Scan takes the first of the strings twice.
    """
    parts, _ = emit_all("StringSplit", texts, outputs=2, delimiter=character)
    text = Spec(texts.value.spec.shape, "string")
    step, going = Input("step", Spec((), "int64")), Input("going", Spec((), "bool"))
    before, given = Input("before", text), Input("parts", parts.value.spec)
    part: TensorLike = emit_as(text.shape, "string", "Gather", KerasTensor(given), KerasTensor(step), axis=1)
    if before_each:
        part = emit_as(text.shape, "string", "StringConcat", np.asarray(before_each, object), part)
    after = emit_as(text.shape, "string", "StringConcat", KerasTensor(before), part)
    body = Graph((step, going, before, given), (going, after.value, given), ("going_on", "after", "parts_again"))
    nothing = emit_as(text.shape, "string", "Expand", np.asarray("", object), emit("Shape", texts))
    count = emit("Squeeze", emit("Shape", parts, start=1, end=2), integers((0,)))
    start = (value_of(count), value_of(np.asarray(True)), nothing.value, parts.value)
    return KerasTensor(Node("Loop", start, (text, parts.value.spec), {"body": body}, current_scope()).results[0])
