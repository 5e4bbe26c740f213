"""Predictions of both roads are the same."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skmlp import MLPNet, MLPNetRegressor
from skmlp.nn.activations import ACTIVATIONS

pytest.importorskip(
    "skmlp._fast._executor", reason="the extension has not been built", exc_type=ImportError
)
from skmlp._fast.scores import BLOCK, FEWEST_ROWS, compiled_scores

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2 * BLOCK + 7, 5))
Y = np.exp(X[:, :2])
SHORT = {"max_iter": 2, "random_state": 0, "dropout": 0.2}


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("dtype", "tol"), [("float64", 1e-12), ("float32", 1e-5)])
def test_scores_of_every_activation(activation, batch_norm, dtype, tol):
    model = MLPNetRegressor((9, 6), activation, batch_norm=batch_norm, dtype=dtype, **SHORT)
    theta = model.fit(X, Y).theta_
    rows = X.astype(dtype)
    F = compiled_scores(model.network_, theta, rows)
    assert F.dtype == dtype
    assert_allclose(F, model.network_.scores(theta, rows), rtol=tol, atol=tol)


@pytest.mark.parametrize("sizes", [(), (40,), (3, 3, 3)])
@pytest.mark.parametrize("n_rows", [FEWEST_ROWS, BLOCK - 1, BLOCK, BLOCK + 1, len(X)])
def test_scores_of_blocks(n_rows, sizes):
    model = MLPNet(sizes, dtype="float64", **SHORT | {"dropout": 0.0})
    model.fit(X, X.argmax(axis=1))
    rows = np.asfortranarray(X[:n_rows])
    F = compiled_scores(model.network_, model.theta_, rows)
    assert_allclose(F, model.network_.scores(model.theta_, rows), rtol=1e-12, atol=1e-13)


def test_a_row_has_the_same_scores_in_any_company():
    model = MLPNet((40, 30), dtype="float64", **SHORT).fit(X, X.argmax(axis=1))
    F = compiled_scores(model.network_, model.theta_, X)
    for begin, end in [(0, 32), (5, 48), (250, 300), (300, len(X))]:
        part = compiled_scores(model.network_, model.theta_, X[begin:end])
        assert_array_equal(part, F[begin:end])


def test_predictions_take_either_road(monkeypatch):
    model = MLPNet(8, **SHORT).fit(X, X.argmax(axis=1))
    ours = model.predict_proba(X)
    monkeypatch.setenv("SKMLP_ROAD", "readable")
    assert_allclose(ours, model.predict_proba(X), rtol=1e-12)
