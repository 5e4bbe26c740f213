"""Approximate inverses against the dense Hessian."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skmlp.nn import preconditioners
from skmlp.nn.linear import LinearObjective
from skmlp.nn.losses import LogisticCrossEntropy, SoftmaxCrossEntropy
from skmlp.nn.preconditioners import (
    FULL_SAMPLE,
    GRAM_SAMPLE,
    choose_preconditioners,
    diagonal,
    full_hessian,
    sample_stride,
    sampled_blocks,
    shared_gram,
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
    assert len(list(sampled_blocks(point.objective, 15, GRAM_SAMPLE))) > 1
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
    stride = sample_stride(n_samples, size, sample)
    assert 1 <= stride <= n_samples
    assert len(range(0, n_samples, stride)) >= min(n_samples, sample * size)


@each_intercept
@each_container
def test_sampled_blocks_are_evenly_spaced_rows_with_a_column_of_ones(
    container, fit_intercept, monkeypatch
):
    monkeypatch.setattr(preconditioners, "BLOCK", 1)
    X = random_rows(1000, 3)
    point = point_at(SOFTMAX, 3, X, container=container, alpha=0, fit_intercept=fit_intercept)
    stride = sample_stride(1000, 40, GRAM_SAMPLE)
    assert stride == 2
    slices, blocks, scales = zip(*sampled_blocks(point.objective, 40, GRAM_SAMPLE), strict=True)
    assert len(slices) > 1
    assert set(scales) == {stride}
    assert_array_equal(np.concatenate([np.arange(1000)[s] for s in slices]), np.arange(0, 1000, 2))
    sample = np.vstack(blocks)
    assert_array_equal(sample[:, :3], X[::2])
    assert sample.shape[1] == 3 + fit_intercept
    assert (sample[:, 3:] == 1).all()


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
    assert sample_stride(n_samples, n_features * n_outputs, sample) > 2
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
