"""Every row takes part in exactly its problems, whatever blocks it is put in."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from skmlp.nn import blocks as module
from skmlp.nn.blocks import make_blocks
from skmlp.nn.coordinates import Coordinates

N_SAMPLES, N_FEATURES = 60, 3

# Two classes that take part in the same problems, one of its own, one that takes part in nothing.
M = np.array([[1, -1, 0], [-1, -1, 0], [0, 1, -1], [1, 1, 1], [0, 0, 0]], dtype=np.int8)
CONTAINERS = {"dense": np.asarray, "CSR": sp.csr_array}
each_container = pytest.mark.parametrize("container", CONTAINERS)


def rows_and_classes():
    rng = np.random.default_rng(0)
    return rng.normal(size=(N_SAMPLES, N_FEATURES)), rng.integers(len(M), size=N_SAMPLES)


def blocks_of(container="dense", weight=None, share=None):
    X, y = rows_and_classes()
    weight = np.ones(N_SAMPLES) if weight is None else weight
    share = np.ones(M.shape) if share is None else share
    X = CONTAINERS[container](X)
    return list(make_blocks(X, y, M, weight, share, Coordinates(False)))


def dense(X_T):
    return X_T.toarray() if sp.issparse(X_T) else X_T


def tally(blocks, entry):
    """Return a matrix over rows and problems, of what a block says of each of its cells."""
    X, _ = rows_and_classes()
    table = np.zeros((N_SAMPLES, M.shape[1]))
    for block in blocks:
        row_of = [np.flatnonzero((x == X).all(axis=1))[0] for x in dense(block.X_T).T]
        table[np.ix_(row_of, block.columns)] += np.broadcast_to(entry(block), block.shape).T
    return table


@each_container
@pytest.mark.parametrize("most_rows", [1, 5, 1000])
@pytest.mark.parametrize(("most", "least"), [(1 << 15, 1 << 13), (8, 2), (1, 1), (40, 20)])
def test_every_cell_is_in_one_block(monkeypatch, container, most, least, most_rows):
    monkeypatch.setattr(module, "MOST", most)
    monkeypatch.setattr(module, "LEAST", least)
    monkeypatch.setattr(module, "MOST_ROWS", most_rows)
    _, y = rows_and_classes()
    rng = np.random.default_rng(1)
    weight, share = rng.exponential(size=N_SAMPLES), rng.exponential(size=M.shape)
    blocks = blocks_of(container, weight, share)
    takes_part = M[y] != 0
    assert_array_equal(tally(blocks, lambda block: 1.0), takes_part)
    assert_array_equal(tally(blocks, lambda block: block.sign), -M[y])
    expected = weight[:, None] * share[y] * takes_part
    assert_allclose(tally(blocks, lambda block: block.weight), expected, rtol=1e-14)
    if container == "dense":
        shapes = [block.shape for block in blocks]
        assert all(n <= most_rows and (n == 1 or k * n <= most) for k, n in shapes)


def test_what_is_the_same_for_all_rows_is_stored_once(monkeypatch):
    monkeypatch.setattr(module, "LEAST", 1)
    for block in blocks_of():
        assert block.sign.shape == block.weight.shape == (len(block.columns), 1)


def test_sparse_rows_with_the_same_problems_stay_together():
    assert sorted(block.shape[0] for block in blocks_of("CSR")) == [2, 2, 3]


@each_container
@pytest.mark.parametrize("weighted", [True, False])
def test_products_are_sums_over_the_rows(container, weighted):
    rng = np.random.default_rng(1)
    weight = rng.exponential(size=N_SAMPLES) if weighted else None
    theta = rng.normal(size=(M.shape[1], N_FEATURES))
    for block in blocks_of(container, weight):
        k, n = block.shape
        X_T = dense(block.X_T)
        sign, w = (np.broadcast_to(A, (k, n)) for A in (block.sign, block.weight))
        A = rng.normal(size=(k, n))
        out = np.empty((k, n))
        block.signed_scores(theta, out)
        assert_allclose(out, sign * (theta[block.columns] @ X_T), rtol=1e-12)
        assert_allclose(block.total(A), (w * A).sum(axis=1), rtol=1e-12, atol=1e-13)
        assert_allclose(block.total(A[:1], [0]), (w * A).sum(axis=1)[:1], rtol=1e-12, atol=1e-13)
        assert_allclose(block.pull_back(A), (w * sign * A) @ X_T.T, rtol=1e-12, atol=1e-13)
        assert_allclose(block.squares(A), (w * A) @ (X_T**2).T, rtol=1e-12, atol=1e-13)
        if container == "dense":
            pairs = np.array([X_T[i] * X_T[j] for i in range(3) for j in range(i, 3)])
            moments = block.second_moments(A, pairs)
            assert_allclose(moments, (w * A) @ pairs.T, rtol=1e-12, atol=1e-13)


def test_some_problems_of_a_block():
    numbers = np.array([7, 5, 9])
    block = next(block for block in blocks_of() if len(block.columns) == 3)
    some = block.take(np.array([0, 2]), numbers)
    assert_array_equal(some.columns, [7, 9])
    assert_array_equal(some.sign, block.sign[[0, 2]])
    assert_array_equal(some.weight, block.weight[[0, 2]])
    assert some.X_T is block.X_T
