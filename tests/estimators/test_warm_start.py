"""Fits that start from the solution of the last one."""

from copy import deepcopy

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skmlp import SoftmaxRegression, cross_entropy

truncated = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("data", ["iris", "clouds", "two_clouds"])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_newton_is_done_where_it_had_converged(data, fit_intercept, request):
    X, y = request.getfixturevalue(data)
    model = SoftmaxRegression(0.01, solver="newton", warm_start=True, fit_intercept=fit_intercept)
    cold = model.fit(X, y).n_iter_
    best = model.loss_
    model.fit(X, y)
    assert model.n_iter_ <= 1 < cold
    assert model.loss_ <= best


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
def test_a_path_of_penalties_takes_fewer_iterations(iris, solver):
    warm = SoftmaxRegression(solver=solver, warm_start=True, tol=1e-8)
    n_warm = n_cold = 0
    for alpha in np.geomspace(0.1, 1e-3, 9):
        warm.set_params(alpha=alpha).fit(*iris)
        cold = SoftmaxRegression(alpha, solver=solver, tol=1e-8).fit(*iris)
        n_warm, n_cold = n_warm + warm.n_iter_, n_cold + cold.n_iter_
        assert_allclose(warm.predict_proba(iris[0]), cold.predict_proba(iris[0]), atol=1e-3)
    assert n_warm < n_cold


def test_without_warm_start_the_past_does_not_matter(clouds, solver):
    X, y = clouds
    model = SoftmaxRegression(solver=solver, random_state=0, tol=0.01).fit(X, y)
    first = model.coef_, model.intercept_, model.loss_curve_
    model.fit(10 * X, 2 - y).fit(X, y)
    assert_array_equal(model.coef_, first[0])
    assert_array_equal(model.intercept_, first[1])
    assert model.loss_curve_ == first[2]


@truncated
@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
def test_two_warm_fits_of_sgd_are_one_long_fit(clouds, optimizer):
    options = {
        "solver": "sgd",
        "optimizer": optimizer,
        "random_state": 0,
        "batch_size": 20,
        "n_iter_no_change": 1000,
    }
    twice = SoftmaxRegression(max_iter=4, warm_start=True, **options).fit(*clouds).fit(*clouds)
    once = SoftmaxRegression(max_iter=8, **options).fit(*clouds)
    assert_array_equal(twice.coef_, once.coef_)
    assert twice.loss_curve_ == once.loss_curve_[4:]
    assert twice.n_iter_ == 4


@pytest.mark.parametrize("first", ["newton", "lbfgs", "sgd"])
@truncated
def test_any_solver_goes_on_from_any_other(clouds, first, solver):
    X, y = clouds
    model = SoftmaxRegression(solver=first, max_iter=3, warm_start=True, random_state=0).fit(X, y)
    before = cross_entropy(model.decision_function(X), y) + 1e-4 * (model.coef_**2).sum()
    model.set_params(solver=solver, learning_rate=1e-9, max_iter=1, verbose=True).fit(X, y)
    assert model.loss_ <= before + 1e-6


def test_an_absent_class_may_appear(clouds, solver):
    X, y = clouds
    model = SoftmaxRegression(
        solver=solver, classes=[0, 1, 2], warm_start=True, tol=1e-3, random_state=0
    )
    model.fit(X[y < 2], y[y < 2]).fit(X, y)
    cold = SoftmaxRegression(solver="newton").fit(X, y)
    assert model.loss_ < 1.01 * cold.loss_


def test_other_classes_are_an_error(clouds, solver):
    X, y = clouds
    model = SoftmaxRegression(solver=solver, warm_start=True, tol=0.1).fit(X, y)
    message = (
        r"^y must have the classes of the last fit with warm_start=True, "
        r"\[0, 1, 2\], got \[1, 2, 3\]\.$"
    )
    with pytest.raises(ValueError, match=message):
        model.fit(X, y + 1)
    assert_array_equal(model.classes_, [0, 1, 2])
    assert model.set_params(warm_start=False).fit(X, y + 1).score(X, y + 1) > 0.5


def test_another_number_of_features_is_an_error(clouds, solver):
    X, y = clouds
    model = SoftmaxRegression(solver=solver, warm_start=True, tol=0.1).fit(X, y)
    with pytest.raises(ValueError, match=r"\b2 features.*\b4 features|warm_start"):
        model.fit(X[:, :2], y)


@truncated
def test_the_intercept_may_come_and_go(clouds, solver):
    X, y = clouds
    model = SoftmaxRegression(solver=solver, warm_start=True, random_state=0, max_iter=50)
    for fit_intercept in (True, False, True):
        model.set_params(fit_intercept=fit_intercept).fit(X, y)
        J = cross_entropy(model.decision_function(X), y) + 1e-4 * (model.coef_**2).sum()
        assert model.loss_ == pytest.approx(J, rel=1e-9)
        assert bool(model.intercept_.any()) is fit_intercept


@truncated
def test_float32_may_follow_float64(clouds, solver):
    X, y = clouds
    model = SoftmaxRegression(solver=solver, warm_start=True, random_state=0, max_iter=50)
    model.fit(X, y).fit(X.astype(np.float32), y)
    assert model.coef_.dtype == np.float32
    best = SoftmaxRegression().fit(X, y).loss_
    assert model.loss_ < 1.1 * best


@truncated
def test_after_a_fit_that_has_exploded_a_new_training_begins(clouds):
    X, y = clouds
    model = SoftmaxRegression(solver="newton", tol=0.1, warm_start=True, random_state=0).fit(X, y)
    expected = deepcopy(model)
    with pytest.raises(ValueError, match="diverged"):
        model.set_params(solver="sgd", learning_rate=1e4, max_iter=2).fit(X, y)
    for each in (model, expected):
        each.set_params(solver="sgd", learning_rate=0.01, max_iter=3).fit(X, y)
    assert_array_equal(model.coef_, expected.coef_)
