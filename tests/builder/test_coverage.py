"""The coverage table in the manual is the one that the code gives, and what it says is refused is refused."""

import keras
import pytest

import builder
from builder import Model
from builder.errors import HornbeamError
from builder.keras_file.classes import REFUSED
from builder.ops.symbolic import symbolic_leaves
from builder.proto import model_proto
from tests.builder.coverage import PARTLY, README, Refusal, between_marks, table


def test_the_manual_has_the_table_of_today() -> None:
    assert between_marks(README.read_text()) == table(), "write it anew: python -m tests.builder.coverage"


@pytest.mark.parametrize("refusal", PARTLY, ids=lambda refusal: f"{refusal.layer}, {refusal.words}")
def test_what_is_said_to_be_refused_is_refused(refusal: Refusal) -> None:
    def written() -> None:
        outputs = refusal.call()
        ends = [tensor.history.call.inputs for tensor in symbolic_leaves(outputs) if tensor.history is not None]
        model_proto(Model(ends[0], outputs).graph())

    with pytest.raises(HornbeamError):
        written()


def test_a_layer_is_here_or_refused_with_a_reason() -> None:
    theirs = {name for name in dir(keras.layers) if isinstance(getattr(keras.layers, name), type)}
    ours = {name for name in theirs if hasattr(builder.layers, name)}
    assert theirs - ours == set(REFUSED)
