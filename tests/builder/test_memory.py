"""Arrays that are put in order: always the same numbers, whatever way they go."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from builder.memory import contiguous

SHAPES = st.sampled_from([(3, 3, 70, 140), (1, 1, 130, 300), (7, 5, 3, 1000), (200, 333), (2, 1, 40, 300, 1), (5, 5, 5), (70000,), ()])


@given(SHAPES, st.randoms(use_true_random=False), st.sampled_from(["float32", "int8", "float64"]))
def test_any_view_becomes_the_same_numbers_in_a_row(shape: tuple[int, ...], random: np.random.Generator, dtype: str) -> None:
    axes = list(range(len(shape)))
    random.shuffle(axes)
    view = np.arange(int(np.prod(shape))).astype(dtype).reshape(shape).transpose(axes)
    found = contiguous(view)
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found.reshape(view.shape), view)


def test_what_is_in_order_is_not_copied() -> None:
    array = np.zeros((64, 64, 3, 3), np.float32)
    assert np.shares_memory(contiguous(array), array)


def test_a_view_that_goes_backwards_is_put_in_order() -> None:
    view = np.arange(100000.0).reshape(250, 400)[::-1, ::-1].T
    np.testing.assert_array_equal(contiguous(view), view)
    assert contiguous(view).flags.c_contiguous
