"""Validation rows: what is watched, when a fit stops, and what it returns to."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from skmlp import SoftmaxRegression, cross_entropy
from skmlp.estimators._base import random_generator
from skmlp.estimators._targets import stratified_split

truncated = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# No penalty and no tolerance: each solver overfits these data if it is let.
OVERFIT = {"alpha": 1e-9, "tol": 0, "random_state": 0, "learning_rate": 0.1}


@pytest.fixture(scope="module")
def few_rows_many_features():
    """Train and validation rows in which one of 30 features tells something about 3 classes."""
    rng = np.random.default_rng(0)
    y = np.arange(120) % 3
    X = rng.normal(size=(120, 30))
    X[:, 0] += y
    return X[:60], y[:60], X[60:], y[60:]


def validation_loss(model, X, y, sample_weight=None):
    return cross_entropy(model.decision_function(X), y, sample_weight)


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array, sp.csc_array])
def test_it_stops_and_returns_to_the_best_weights(few_rows_many_features, solver, container):
    X, y, X_val, y_val = few_rows_many_features
    model = SoftmaxRegression(solver=solver, early_stopping=True, n_iter_no_change=2, **OVERFIT)
    model.fit(container(X), y, X_val=container(X_val), y_val=y_val)
    curve = model.validation_loss_curve_
    assert len(curve) == len(model.loss_curve_) == model.n_iter_ < model.max_iter
    assert np.argmin(curve) == len(curve) - 3
    assert validation_loss(model, X_val, y_val) == pytest.approx(min(curve), rel=1e-9)
    J = cross_entropy(model.decision_function(X), y) + 1e-9 * (model.coef_**2).sum()
    assert model.loss_ == pytest.approx(J, rel=1e-9)
    assert model.converged_


@truncated
def test_it_returns_to_the_best_weights_when_something_else_ends_the_fit(
    few_rows_many_features, solver
):
    X, y, X_val, y_val = few_rows_many_features
    model = SoftmaxRegression(solver=solver, early_stopping=True, n_iter_no_change=50, **OVERFIT)
    model.set_params(max_iter=20)
    model.fit(X, y, X_val=X_val, y_val=y_val)
    curve = model.validation_loss_curve_
    assert min(curve) < curve[-1]
    assert validation_loss(model, X_val, y_val) == pytest.approx(min(curve), rel=1e-9)


@truncated
def test_without_early_stopping_validation_rows_are_only_watched(few_rows_many_features, solver):
    X, y, X_val, y_val = few_rows_many_features
    model = SoftmaxRegression(solver=solver, max_iter=30, n_iter_no_change=2, **OVERFIT)
    alone = model.fit(X, y).coef_
    assert model.validation_loss_curve_ is None
    model.fit(X, y, X_val=X_val, y_val=y_val)
    assert_array_equal(model.coef_, alone)
    curve = model.validation_loss_curve_
    assert np.argmin(curve) < len(curve) - 3
    assert len(curve) == model.n_iter_
    assert curve[-1] == pytest.approx(validation_loss(model, X_val, y_val), rel=1e-9)


def test_early_stopping_takes_the_place_of_the_plateau_of_sgd(few_rows_many_features):
    X, y, X_val, y_val = few_rows_many_features
    model = SoftmaxRegression(
        solver="sgd",
        optimizer="sgd",
        early_stopping=True,
        tol=0.5,
        n_iter_no_change=2,
        max_iter=10,
        random_state=0,
    )
    with pytest.warns(UserWarning, match="max_iter=10"):
        model.fit(X, y, X_val=X_val, y_val=y_val)
    assert (np.diff(model.validation_loss_curve_) < 0).all()


def test_rows_are_held_out_if_none_are_given(few_rows_many_features, solver):
    X, y, _, _ = few_rows_many_features
    model = SoftmaxRegression(
        solver=solver, early_stopping=True, validation_fraction=0.25, n_iter_no_change=2, **OVERFIT
    ).fit(X, y)
    # The choice of rows is all that the seed decides first.
    train, held_out = stratified_split(y, 0.25, random_generator(0))
    best = validation_loss(model, X[held_out], y[held_out])
    assert best == pytest.approx(min(model.validation_loss_curve_), rel=1e-9)
    assert len(held_out) == 15
    J = cross_entropy(model.decision_function(X[train]), y[train]) + 1e-9 * (model.coef_**2).sum()
    assert model.loss_ == pytest.approx(J, rel=1e-9)


def test_validation_rows_have_weights_of_their_own(few_rows_many_features):
    X, y, X_val, y_val = few_rows_many_features
    weight = np.arange(60) % 4
    model = SoftmaxRegression().fit(X, y, X_val=X_val, y_val=y_val, sample_weight_val=weight)
    last = validation_loss(model, X_val, y_val, weight)
    assert model.validation_loss_curve_[-1] == pytest.approx(last, rel=1e-9)
    unweighted = SoftmaxRegression().fit(X, y, X_val=X_val, y_val=y_val)
    assert unweighted.validation_loss_curve_[-1] != model.validation_loss_curve_[-1]
    assert_array_equal(unweighted.coef_, model.coef_)


def test_held_out_rows_have_the_weights_they_were_given(few_rows_many_features):
    X, y, _, _ = few_rows_many_features
    weight = 1.0 + np.arange(60) % 4
    model = SoftmaxRegression(early_stopping=True, n_iter_no_change=1, **OVERFIT)
    model.fit(X, y, sample_weight=weight)
    _, held_out = stratified_split(y, 0.1, random_generator(0))
    best = validation_loss(model, X[held_out], y[held_out], weight[held_out])
    assert best == pytest.approx(min(model.validation_loss_curve_), rel=1e-9)


def test_rows_of_weight_zero_are_not_held_out_alone(few_rows_many_features):
    X, y, _, _ = few_rows_many_features
    weight = (np.arange(60) < 24).astype(float)
    for seed in range(40):
        model = SoftmaxRegression(0.1, early_stopping=True, random_state=seed)
        model.fit(X, y, sample_weight=weight)
        assert np.isfinite(model.validation_loss_curve_).all()


def test_verbose_shows_the_validation_loss(few_rows_many_features, capsys):
    X, y, X_val, y_val = few_rows_many_features
    model = SoftmaxRegression(verbose=True).fit(X, y, X_val=X_val, y_val=y_val)
    lines = capsys.readouterr().out.splitlines()
    curves = zip(model.loss_curve_, model.validation_loss_curve_, strict=True)
    assert lines == [
        f"iteration {i}: loss {loss:.6g}, validation loss {validation:.6g}"
        for i, (loss, validation) in enumerate(curves, start=1)
    ]


def test_a_warm_start_goes_on_from_the_best_weights(few_rows_many_features, solver):
    X, y, X_val, y_val = few_rows_many_features
    model = SoftmaxRegression(
        solver=solver, warm_start=True, early_stopping=True, n_iter_no_change=2, **OVERFIT
    )
    model.fit(X, y, X_val=X_val, y_val=y_val)
    best = model.coef_
    model.set_params(solver="sgd", early_stopping=False, learning_rate=1e-9, max_iter=1)
    with pytest.warns(UserWarning, match="max_iter=1"):
        model.fit(X, y)
    assert_allclose(model.coef_, best, atol=1e-6)
