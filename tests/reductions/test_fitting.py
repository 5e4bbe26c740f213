"""How the problems of a reduction are handed to workers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from skmlp.reductions._fitting import cut

sizes_of_problems = st.lists(st.integers(0, 10_000), min_size=1, max_size=60).map(np.array)


@given(sizes=sizes_of_problems, n_workers=st.integers(1, 5))
def test_every_problem_is_in_one_piece(sizes, n_workers):
    pieces = cut(sizes, n_workers)
    assert all(len(piece) for piece in pieces)
    assert_array_equal(np.sort(np.concatenate(pieces)), np.arange(len(sizes)))


@given(sizes=sizes_of_problems, n_workers=st.integers(2, 5))
def test_large_problems_come_first_and_the_last_piece_is_small(sizes, n_workers):
    pieces = cut(sizes, n_workers)
    assert (np.diff(sizes[np.concatenate(pieces)]) <= 0).all()
    left = np.sum(sizes + 1.0)
    for piece in pieces:
        work = np.sum(sizes[piece] + 1.0)
        # What is left to the other workers is at least as much, if it can be divided.
        assert len(piece) == 1 or work <= left / n_workers
        left -= work


@pytest.mark.parametrize(("n_problems", "n_workers"), [(325, 2), (26, 4)])
def test_there_are_few_pieces(n_problems, n_workers):
    pieces = cut(np.full(n_problems, 100), n_workers)
    assert len(pieces) < n_problems
    assert len(pieces[-1]) == 1


def test_one_worker_gets_the_problems_in_their_order():
    assert_array_equal(np.concatenate(cut(np.array([1, 5, 3]), 1)), [0, 1, 2])
