"""Coordinates change what a model looks like, not what it says."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from skmlp.nn import coordinates as module
from skmlp.nn.coordinates import Coordinates

N_SAMPLES, N_FEATURES, N_MODELS = 50, 4, 3


def rows(offset=3.0):
    rng = np.random.default_rng(0)
    mixed = rng.normal(size=(N_SAMPLES, N_FEATURES)) @ rng.normal(size=(N_FEATURES, N_FEATURES))
    return offset + mixed


def weights():
    return np.random.default_rng(1).exponential(size=N_SAMPLES)


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("turn", [True, False])
def test_models_say_the_same_in_all_coordinates(container, fit_intercept, turn):
    X = container(rows())
    suited = Coordinates.suited_to(X, weights(), fit_intercept=fit_intercept, turn=turn)
    theta = np.random.default_rng(2).normal(size=(N_MODELS, N_FEATURES + fit_intercept))
    W, b = suited.original(theta)
    assert W.shape == (N_MODELS, N_FEATURES)
    scores = theta @ suited.transposed(X)
    assert_allclose(scores, (X @ W.T + b).T, rtol=1e-12, atol=1e-12)
    penalty = (theta[:, :N_FEATURES] ** 2).sum(axis=1)
    assert_allclose((W**2).sum(axis=1), penalty, rtol=1e-12)
    if not fit_intercept:
        assert_array_equal(b, 0)


@pytest.mark.parametrize("block", [7, 1000])
def test_rows_are_centered_and_uncorrelated_along_the_axes(monkeypatch, block):
    monkeypatch.setattr(module, "BLOCK", block)
    X, weight = rows(), weights()
    suited = Coordinates.suited_to(X, weight, fit_intercept=True, turn=True)
    X_T = suited.transposed(X)
    assert_allclose(X_T @ weight / weight.sum(), [0] * N_FEATURES + [1], atol=1e-12)
    moments = (X_T * weight) @ X_T.T
    size = np.sqrt(np.diagonal(moments))
    assert_allclose(moments / size / size[:, None], np.eye(N_FEATURES + 1), atol=1e-4)
    assert_allclose(suited.axes.T @ suited.axes, np.eye(N_FEATURES), atol=1e-13)


def test_without_an_intercept_the_origin_stays():
    assert Coordinates.suited_to(rows(), weights(), fit_intercept=False).center is None


def test_sparse_rows_stay_sparse():
    X = sp.csr_array((rows() * (rows() > 3)).astype(np.float32))
    suited = Coordinates.suited_to(X, weights(), fit_intercept=True, turn=True)
    X_T = suited.transposed(X)
    assert sp.issparse(X_T)
    assert X_T.dtype == np.float32
    assert X_T.nnz == X.nnz + N_SAMPLES


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_feature_becomes_exactly_zero(dtype):
    X = rows().astype(dtype)
    X[:, 2] = 0.1
    suited = Coordinates.suited_to(X, weights(), fit_intercept=True)
    assert_array_equal(suited.transposed(X)[2], 0)
