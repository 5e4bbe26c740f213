"""Approximate inverses against the dense Hessian."""

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skmlp.nn import preconditioners
from skmlp.nn.linear import LinearObjective, LinearPoint
from skmlp.nn.losses import LogisticCrossEntropy, SoftmaxCrossEntropy
from skmlp.nn.preconditioners import (
    FULL_SAMPLE,
    GRAM_SAMPLE,
    choose_preconditioners,
    diagonal,
    full_hessian,
    row_sizes,
    sample_size,
    sampled_rows,
    shared_gram,
    weighted_blocks,
)
from skmlp.nn.regression_losses import SquaredLoss

SOFTMAX, LOGISTIC, SQUARED = SoftmaxCrossEntropy(), LogisticCrossEntropy(), SquaredLoss()

each_kind = pytest.mark.parametrize("build", [full_hessian, shared_gram, diagonal])
each_container = pytest.mark.parametrize("container", [np.asarray, sp.csr_array, sp.csc_array])
each_intercept = pytest.mark.parametrize("fit_intercept", [True, False])
each_alpha = pytest.mark.parametrize("alpha", [0, 0.1])


def random_rows(n_samples, n_features, seed=0):
    """Return rows with columns of unlike scale, a third of the entries zero."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_features)) * (rng.random((n_samples, n_features)) < 0.67)
    return X * 10.0 ** np.linspace(-2, 2, n_features)


def point_at(loss, n_outputs, X, *, container=np.asarray, theta_scale=1.0, **options):
    """Return a random point of a problem with weighted rows."""
    rng = np.random.default_rng(1)
    n_samples = len(X)
    y = rng.integers(2, size=(n_samples, n_outputs))
    y = y.sum(axis=1) % n_outputs if loss is SOFTMAX else y
    weight = rng.exponential(size=n_samples)
    objective = LinearObjective(loss, container(X), y, weight, n_outputs=n_outputs, **options)
    theta = rng.normal(size=objective.n_params)
    W, _ = objective.split(theta)
    W /= np.maximum(abs(X).max(axis=0), 1e-9)[:, None]
    return objective.at(theta_scale * theta)


def dense_hessian(point):
    return np.array([point.hessian_product(e) for e in np.eye(point.objective.n_params)])


def averaged_blocks(point):
    """Return the mean over outputs of the diagonal blocks of the Hessian."""
    n_outputs = point.objective.n_outputs
    H = dense_hessian(point)
    return np.mean([H[k::n_outputs, k::n_outputs] for k in range(n_outputs)], axis=0)


# Each one is what it says


@each_alpha
@each_intercept
@each_container
def test_the_full_hessian_inverts_the_hessian(container, fit_intercept, alpha):
    point = point_at(
        SOFTMAX,
        3,
        random_rows(60, 4),
        container=container,
        alpha=alpha,
        fit_intercept=fit_intercept,
    )
    inverse = full_hessian(point)
    # What moves all outputs alike has no curvature in the loss; no gradient points there.
    V = np.random.default_rng(2).normal(size=(4 + fit_intercept, 3))
    V -= V.mean(axis=1, keepdims=True)
    result = inverse(point.hessian_product(V.ravel())).reshape(V.shape)
    assert_allclose(result - result.mean(axis=1, keepdims=True), V, rtol=1e-6, atol=1e-6)


@each_alpha
@each_intercept
@each_container
@pytest.mark.parametrize("loss", [LOGISTIC, SQUARED])
def test_the_shared_gram_matrix_is_exact_for_one_output(loss, container, fit_intercept, alpha):
    point = point_at(
        loss, 1, random_rows(40, 3), container=container, alpha=alpha, fit_intercept=fit_intercept
    )
    v = np.random.default_rng(2).normal(size=3 + fit_intercept)
    assert_allclose(shared_gram(point)(point.hessian_product(v)), v, rtol=1e-6, atol=1e-6)


@each_alpha
@each_intercept
@each_container
@pytest.mark.parametrize(("loss", "n_outputs"), [(SOFTMAX, 4), (LOGISTIC, 3), (SQUARED, 2)])
def test_the_shared_gram_matrix_and_the_diagonal_are_averages_over_the_outputs(
    loss, n_outputs, container, fit_intercept, alpha
):
    point = point_at(
        loss,
        n_outputs,
        random_rows(50, 3),
        container=container,
        alpha=alpha,
        fit_intercept=fit_intercept,
    )
    V = np.random.default_rng(2).normal(size=(3 + fit_intercept, n_outputs))
    gram = averaged_blocks(point)
    result = shared_gram(point)((gram @ V).ravel())
    assert_allclose(result.reshape(V.shape), V, rtol=1e-6, atol=1e-6)

    # T takes the intercept of centred features to that of the features as they are.
    T = np.eye(len(gram))
    if fit_intercept:
        T[3, :3] = -gram[3, :3] / gram[3, 3]
    H = np.diag(T.T @ gram @ T)[:, None].copy()
    assert_allclose(diagonal(point)(V.ravel()), (T @ (T.T @ V / H)).ravel(), rtol=1e-10)
    # The penalty, which is in H once, counts three times.
    H[:3] += 2 * (2 * alpha)
    expected = T @ (T.T @ V / H)
    assert_allclose(diagonal(point, ridge=3.0)(V.ravel()), expected.ravel(), rtol=1e-10)


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("offset", [1e2, 1e4])
def test_the_diagonal_does_not_mind_an_offset_of_the_features(offset, container):
    X = random_rows(50, 3)
    near, far = (
        point_at(SOFTMAX, 3, X + shift, container=container, theta_scale=0.0, alpha=0.01)
        for shift in (0.0, offset)
    )
    dF = np.random.default_rng(2).normal(size=(50, 3))
    steps = [diagonal(p)(p.objective.pull_back(dF)) for p in (near, far)]
    moves = [p.objective.scores(step) for p, step in zip((near, far), steps, strict=True)]
    assert_allclose(moves[1], moves[0], rtol=1e-4, atol=1e-4)


@each_kind
def test_blocks_of_rows_add_up(build, monkeypatch):
    point = point_at(SOFTMAX, 3, random_rows(300, 4), alpha=0.01)
    v = np.random.default_rng(2).normal(size=15)
    whole = build(point)(v)
    monkeypatch.setattr(preconditioners, "BLOCK", 1)
    assert len(list(weighted_blocks(point.objective, None, np.ones(300)))) > 1
    assert_allclose(build(point)(v), whole, rtol=1e-8)


@each_container
def test_the_squares_of_blocks_of_rows_add_up(container, monkeypatch):
    X, q = random_rows(50, 3), np.random.default_rng(1).random(50)
    expected = q @ (X * X)
    for size in (1, 30, 10**6):
        monkeypatch.setattr(preconditioners, "IN_CACHE", size)
        result = preconditioners.sum_of_squares(container(X), q)
        assert_allclose(result, expected, rtol=1e-12)


# A sample of the rows


@given(n_samples=st.integers(1, 10**7), size=st.integers(1, 5000), sample=st.integers(1, 20))
def test_a_sample_has_several_rows_for_each_row_of_the_matrix(n_samples, size, sample):
    n_sampled = sample_size(n_samples, size, sample)
    assert min(n_samples, sample * size) <= n_sampled <= n_samples


def sample_of(curvature, sizes, n_sampled):
    """Return `sampled_rows` of rows that weigh 2, and the curvature times the size of all."""
    curvature, sizes = np.asarray(curvature, float), np.asarray(sizes, float)
    objective = SimpleNamespace(row_sizes=sizes)
    weight = np.full(len(sizes), 2.0)
    rows, counts = sampled_rows(objective, curvature, weight, 10_000, n_sampled / 10_000)
    return rows, counts / 2, curvature * sizes


@given(seed=st.integers(0, 1000), n_samples=st.integers(50, 500), spread=st.sampled_from([0, 1, 5]))
def test_sampled_rows_stand_for_every_stretch(seed, n_samples, spread):
    rng = np.random.default_rng(seed)
    curvature, sizes = np.exp(spread * rng.normal(size=(2, n_samples)))
    curvature[rng.random(n_samples) < 0.2] = 0
    rows, count, part = sample_of(curvature, sizes, 20)
    share = part.sum() / (n_samples // (n_samples // 20))
    assert (np.diff(rows) > 0).all()
    assert set(np.flatnonzero(part >= share)) <= set(rows)
    assert (part[rows] > 0).all()
    stands_for = np.zeros(n_samples)
    stands_for[rows] = count * part[rows]
    assert_allclose(stands_for.sum(), part.sum())
    assert abs(np.cumsum(stands_for) - np.cumsum(part)).max() <= share * (1 + 1e-9)


def test_rows_that_count_the_same_are_evenly_spaced():
    for scale in (1, 1 + 1e-15, 1 / 3):
        rows, count, _ = sample_of(np.full(1000, scale), np.ones(1000), 250)
        assert_array_equal(np.diff(rows), 4)
        assert_allclose(count, 4)


def test_a_sample_that_is_large_enough_has_all_rows_once():
    rows, counts, _ = sample_of(np.arange(30), np.ones(30), 16)
    assert rows is None
    assert_array_equal(counts, 1)


@each_container
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sizes_of_rows_do_not_depend_on_scales(container, dtype, monkeypatch):
    monkeypatch.setattr(preconditioners, "IN_CACHE", 30)
    X = random_rows(50, 3)
    X[:, 2] = 0
    expected = 1 + (X**2 / np.maximum((X**2).mean(axis=0), 1e-9)).mean(axis=1)
    for scale in (1, 1e25, 1e-25):
        given = container((X * [1, scale, 1]).astype(dtype))
        assert_allclose(row_sizes(given), expected, rtol=1e-5)


@each_intercept
@each_container
def test_weighted_blocks_have_the_sampled_rows_with_a_column_of_ones(
    container, fit_intercept, monkeypatch
):
    monkeypatch.setattr(preconditioners, "BLOCK", 1)
    X = random_rows(1000, 3)
    point = point_at(SOFTMAX, 3, X, container=container, alpha=0, fit_intercept=fit_intercept)
    for rows in (None, np.arange(3, 1000, 7)):
        places = np.arange(1000) if rows is None else rows
        counts = np.linspace(1, 2, len(places))
        parts, blocks = zip(*weighted_blocks(point.objective, rows, counts), strict=True)
        assert len(parts) > 1
        assert_array_equal(np.concatenate([np.arange(1000)[part] for part in parts]), places)
        sample = np.vstack(blocks) / np.sqrt(counts)[:, None]
        assert_allclose(sample[:, :3], X[places], rtol=1e-14)
        assert sample.shape[1] == 3 + fit_intercept
        assert_allclose(sample[:, 3:], 1)


@pytest.mark.parametrize(
    ("build", "loss", "n_outputs", "shape", "sample"),
    [
        (shared_gram, LOGISTIC, 1, (3000, 80), GRAM_SAMPLE),
        (full_hessian, SOFTMAX, 3, (1500, 30), FULL_SAMPLE),
    ],
)
def test_a_sample_of_the_rows_nearly_inverts_the_whole_hessian(
    build, loss, n_outputs, shape, sample
):
    n_samples, n_features = shape
    X = np.random.default_rng(0).normal(size=shape)
    assert sample_size(n_samples, n_features * n_outputs, sample) < n_samples / 2
    point = point_at(loss, n_outputs, X[X[:, 0].argsort()], alpha=1e-3)
    inverse = build(point)
    H = dense_hessian(point)
    eigenvalues = np.linalg.eigvals([inverse(column) for column in H]).real
    moved = eigenvalues[abs(eigenvalues) > 0.05]
    # All but the moves of all outputs alike, which the Hessian hardly sees.
    assert len(moved) == len(H) - (n_features + 1) * (loss is SOFTMAX)
    assert moved.min() > 1 / 4
    assert moved.max() < 4


# Edges


def degenerate(X, kind):
    if kind == "duplicate columns":
        return np.hstack([X, X])
    if kind == "zero column":
        return np.hstack([X, np.zeros((len(X), 1))])
    if kind == "one row":
        return X[:1]
    raise ValueError(kind)


@each_kind
@each_intercept
@pytest.mark.parametrize("kind", ["duplicate columns", "zero column", "one row"])
def test_a_singular_hessian_still_has_an_approximate_inverse(kind, fit_intercept, build):
    X = degenerate(random_rows(20, 3), kind)
    point = point_at(SOFTMAX, 3, X, alpha=0, fit_intercept=fit_intercept)
    inverse = build(point)
    assert point.gradient @ inverse(point.gradient) > 0
    u, v = np.random.default_rng(3).normal(size=(2, point.objective.n_params))
    size = np.linalg.norm(inverse(u)) * np.linalg.norm(v)
    assert u @ inverse(v) == pytest.approx(v @ inverse(u), abs=1e-8 * size)


@each_kind
@each_intercept
@pytest.mark.parametrize("theta_scale", [1e2, 1e5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_where_curvature_vanishes_the_inverse_stays_finite(
    dtype, theta_scale, fit_intercept, build
):
    X = random_rows(20, 3).astype(dtype)
    point = point_at(SOFTMAX, 3, X, alpha=0, fit_intercept=fit_intercept, theta_scale=theta_scale)
    assert np.isfinite(build(point)(point.gradient)).all()


# The choice


@pytest.mark.parametrize(
    ("loss", "n_features", "n_outputs", "builds"),
    [
        (SOFTMAX, 100, 10, [shared_gram, full_hessian]),
        (SOFTMAX, 101, 10, [shared_gram]),
        (SOFTMAX, 4000, 10, [shared_gram]),
        (SOFTMAX, 4001, 10, [diagonal]),
        (LOGISTIC, 10, 1, [shared_gram]),
        (LOGISTIC, 10, 3, [shared_gram]),
        (SQUARED, 4001, 1, [diagonal]),
    ],
)
def test_the_size_of_the_problem_decides(loss, n_features, n_outputs, builds):
    for X in (np.zeros((10, n_features)), sp.csr_array((10, n_features))):
        ladder = choose_preconditioners(X, loss, n_outputs)
        assert [preconditioner.build for preconditioner in ladder] == builds


def test_the_ladder_goes_from_cheap_to_close():
    gram, full = choose_preconditioners(np.zeros((5000, 30)), SOFTMAX, 5)
    assert 0 < gram.cost < full.cost
    # A product with a sparse X is cheaper, so the same matrix is worth more products.
    X = sp.eye_array(5000, 30, format="csr")
    sparse_gram, sparse_full = choose_preconditioners(X, SOFTMAX, 5)
    assert sparse_gram.cost > gram.cost
    assert sparse_full.cost > full.cost


def test_a_sample_knows_the_few_rows_with_curvature():
    # All others are certain. Of evenly spaced rows a third, too few for the matrix, would be there.
    rng = np.random.default_rng(0)
    n_samples, n_outputs = 4000, 3
    X = rng.standard_t(3, size=(n_samples, 24))
    F = np.tile([50.0, 0.0, 0.0], (n_samples, 1))
    F[rng.choice(n_samples, 60, replace=False)] = 0
    y, weight = np.zeros(n_samples, int), np.ones(n_samples)
    objective = LinearObjective(SOFTMAX, X, y, weight, n_outputs=n_outputs, alpha=0)
    assert sample_size(n_samples, objective.n_params, FULL_SAMPLE) < n_samples / 2
    point = LinearPoint(objective, np.zeros(objective.n_params), F)
    inverse = full_hessian(point)
    eigenvalues = np.linalg.eigvals([inverse(column) for column in dense_hessian(point)]).real
    moved = eigenvalues[abs(eigenvalues) > 0.05]
    assert len(moved) == 25 * (n_outputs - 1)
    assert moved.min() > 0.7
    assert moved.max() < 1.4
