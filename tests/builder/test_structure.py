"""Nested structures: what is flattened can be packed again, in the order in which Keras flattens it."""

from typing import Any, NamedTuple

import keras
from hypothesis import given, settings
from hypothesis import strategies as st

from builder.structure import flatten, map_structure, pack

LEAVES = st.integers() | st.text(max_size=3)
STRUCTURES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=12,
)


class Pair(NamedTuple):
    left: Any
    right: Any


@given(structure=STRUCTURES)
@settings(deadline=None, derandomize=True)
def test_packing_undoes_flattening(structure: Any) -> None:
    assert pack(structure, flatten(structure)) == structure


@given(structure=STRUCTURES)
@settings(deadline=None, derandomize=True)
def test_leaves_come_in_keras_order(structure: Any) -> None:
    assert flatten(structure) == keras.tree.flatten(structure)


@given(structure=STRUCTURES)
@settings(deadline=None, derandomize=True)
def test_mapping_keeps_the_structure_and_meets_the_leaves_in_order(structure: Any) -> None:
    met: list[Any] = []
    assert map_structure(lambda leaf: met.append(leaf) or leaf, structure) == structure  # type: ignore[func-returns-value]
    assert met == flatten(structure)


def test_dicts_keep_the_order_of_their_keys() -> None:
    assert list(pack({"z": 0, "a": 0}, "az")) == ["z", "a"]
    assert pack({"z": 0, "a": 0}, "az") == {"z": "z", "a": "a"}


def test_a_named_tuple_stays_one() -> None:
    assert pack(Pair(1, [2]), "ab") == Pair("a", ["b"])
