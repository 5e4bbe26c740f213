"""Softmax regression: its certificate, its predictions, and what a fit says about itself."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import KFold, cross_val_predict

from skmlp import SoftmaxRegression, cross_entropy
from skmlp.estimators._solvers import choose_solver

truncated = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def objective(model, X, y, alpha):
    """Return J from the predictions of a model whose classes are 0, 1, 2..."""
    return cross_entropy(model.decision_function(X), y) + alpha * (model.coef_**2).sum()


# The certificate


@truncated
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("stop", [{"max_iter": 1}, {"max_iter": 3}, {"tol": 0.1}, {"tol": 1e-3}])
@pytest.mark.parametrize("data", ["iris", "clouds", "two_clouds"])
def test_the_certificate_holds(data, stop, fit_intercept, solver, request):
    X, y = request.getfixturevalue(data)
    alpha = 1e-3
    options = {"alpha": alpha, "fit_intercept": fit_intercept, "random_state": 0}
    best = SoftmaxRegression(solver="newton", tol=1e-14, **options).fit(X, y).loss_
    model = SoftmaxRegression(solver=solver, **stop, **options).fit(X, y)
    assert model.loss_ == pytest.approx(objective(model, X, y, alpha), rel=1e-12)
    excess = model.loss_ - best
    assert -1e-13 < excess <= model.suboptimality_bound_ + 1e-13
    assert np.isfinite(model.suboptimality_bound_)


@truncated
def test_the_certificate_holds_where_the_intercept_has_all_to_gain(clouds):
    options = {"alpha": 1e3, "random_state": 0}
    best = SoftmaxRegression(tol=1e-14, **options).fit(*clouds).loss_
    start = SoftmaxRegression(solver="sgd", learning_rate=1e-9, max_iter=1, **options).fit(*clouds)
    assert 0.02 < start.loss_ - best <= start.suboptimality_bound_


@pytest.mark.parametrize("load", [load_iris, load_wine, load_digits])
def test_the_default_fit_is_certified_on_raw_data(load):
    X, y = load(return_X_y=True)
    model = SoftmaxRegression().fit(X, y)
    assert model.converged_
    assert model.suboptimality_bound_ < 1e-4 * model.loss_


def test_without_a_penalty_the_certificate_is_the_loss(clouds):
    model = SoftmaxRegression(alpha=0).fit(*clouds)
    assert model.suboptimality_bound_ == model.loss_


@pytest.mark.parametrize("empty", [0, 1, 2])
def test_a_class_of_weight_zero_may_be_any(iris, empty):
    X, y = iris
    model = SoftmaxRegression(alpha=1e-2).fit(X, y, sample_weight=1.0 * (y != empty))
    others = SoftmaxRegression(alpha=1e-2, classes=[0, 1, 2]).fit(X[y != empty], y[y != empty])
    assert_allclose(model.predict_proba(X), others.predict_proba(X), atol=1e-9)
    assert not model.predict_proba(X)[:, empty].any()


def test_a_fit_that_rounding_has_stopped_says_so():
    X, y = load_wine(return_X_y=True)
    model = SoftmaxRegression(solver="newton", tol=1e-9, max_iter=10_000)
    with pytest.warns(ConvergenceWarning, match="rounding errors hide the way down.*float64"):
        model.fit((X + 1e4).astype(np.float32), y)
    assert not model.converged_


# What a fit tells of itself


def test_attributes_of_the_end(clouds, solver):
    X, y = clouds
    model = SoftmaxRegression(0.01, solver=solver, random_state=0).fit(X, y)
    assert model.solver_ == solver
    assert model.n_iter_ == len(model.loss_curve_)
    assert model.loss_ == pytest.approx(objective(model, X, y, 0.01), rel=1e-12)
    assert model.validation_loss_curve_ is None
    weights = (model.predict_proba(X) - np.eye(3)[y]).T / len(y)
    gradient = np.hstack([weights @ X + 0.02 * model.coef_, weights.sum(axis=1, keepdims=True)])
    assert model.gradient_norm_ == pytest.approx(np.linalg.norm(gradient), rel=1e-9)
    if solver != "sgd":
        assert model.loss_curve_[-1] == model.loss_
        assert (np.diff(model.loss_curve_) < 0).all()


@pytest.mark.parametrize(("n_features", "solver"), [(4000, "newton"), (4001, "lbfgs")])
def test_auto_chooses_by_the_number_of_features(n_features, solver):
    assert choose_solver(n_features) == solver


def test_auto_is_the_solver_it_names(clouds):
    auto, newton = (SoftmaxRegression(solver=s).fit(*clouds) for s in ("auto", "newton"))
    assert auto.solver_ == "newton"
    assert_array_equal(auto.coef_, newton.coef_)


def test_max_iter_ends_with_a_warning_that_says_what_to_do(iris, solver):
    model = SoftmaxRegression(solver=solver, max_iter=2)
    message = (
        r"^SoftmaxRegression stopped at max_iter=2: the objective is [\d.e+-]+ and at most "
        r"[\d.e+-]+ above its minimum\. To go on, increase max_iter\b.*[^.]\.$"
    )
    with pytest.warns(ConvergenceWarning, match=message) as caught:
        model.fit(*iris)
    assert len(caught) == 1
    assert model.n_iter_ == 2
    assert not model.converged_


def test_the_warning_points_at_the_call(iris):
    with pytest.warns(ConvergenceWarning) as caught:
        SoftmaxRegression(max_iter=1).fit(*iris)
    assert caught[0].filename == __file__


def test_verbose_prints_one_line_an_iteration(clouds, solver, capsys):
    model = SoftmaxRegression(solver=solver, tol=0.01, random_state=0, verbose=True).fit(*clouds)
    lines = capsys.readouterr().out.splitlines()
    expected = enumerate(model.loss_curve_, start=1)
    assert lines == [f"iteration {i}: loss {loss:.6g}" for i, loss in expected]
    model.set_params(verbose=False).fit(*clouds)
    assert capsys.readouterr().out == ""


# Predictions


@pytest.mark.parametrize("data", ["clouds", "two_clouds"])
def test_predictions_follow_from_the_coefficients(data, request):
    X, y = request.getfixturevalue(data)
    model = SoftmaxRegression().fit(X, y)
    F = X @ model.coef_.T + model.intercept_
    n_classes = len(np.unique(y))
    assert F.shape[1] == (1 if n_classes == 2 else n_classes)
    both = np.hstack([np.zeros_like(F), F]) if n_classes == 2 else F
    P = np.exp(both) / np.exp(both).sum(axis=1, keepdims=True)
    assert_allclose(model.decision_function(X), F.ravel() if n_classes == 2 else F, rtol=1e-12)
    assert_allclose(model.predict_proba(X), P, rtol=1e-12)
    assert_allclose(model.predict_log_proba(X), np.log(P), rtol=1e-9)
    assert_array_equal(model.predict(X), P.argmax(axis=1))


@pytest.mark.parametrize("data", ["clouds", "two_clouds"])
def test_log_probabilities_stay_finite_where_probabilities_underflow(data, request):
    X, y = request.getfixturevalue(data)
    model = SoftmaxRegression().fit(X, y)
    far = 1e6 * X
    assert (model.predict_proba(far) == 0).any()
    assert np.isfinite(model.predict_log_proba(far)).all()
    assert (model.predict_log_proba(far) < -1e4).any()


@pytest.mark.parametrize("labels", [["x", "y", "z"], [10, 3, 7]])
def test_sampled_labels_have_the_frequencies_of_the_probabilities(clouds, labels):
    X, y = clouds
    model = SoftmaxRegression().fit(X, np.array(labels)[y])
    n = 20_000
    for x, p in zip(X[:3, None], model.predict_proba(X[:3]), strict=True):
        drawn = model.sample_predict(np.repeat(x, n, axis=0), random_state=0)
        share = (drawn[:, None] == model.classes_).mean(axis=0)
        assert_allclose((share - p) / np.sqrt(p * (1 - p) / n), 0, atol=4)


def test_sampled_labels_of_two_classes(two_clouds):
    X, y = two_clouds
    model = SoftmaxRegression().fit(X, y)
    many = np.repeat(X, 300, axis=0)
    p = model.predict_proba(X)[:, 1]
    share = model.sample_predict(many, random_state=0).mean()
    assert share == pytest.approx(p.mean(), abs=4 * np.sqrt((p * (1 - p)).sum() / 300) / len(p))


def test_sampled_labels_are_seeded(clouds):
    X, y = clouds
    model = SoftmaxRegression().fit(X, y)
    first, again, other = (model.sample_predict(X, random_state=seed) for seed in (1, 1, 2))
    assert_array_equal(first, again)
    assert (first != other).any()


def test_a_failed_fit_leaves_no_model(iris):
    model = SoftmaxRegression(solver="sgd", optimizer="sgd", learning_rate=1e300)
    with pytest.raises(ValueError, match="diverged"):
        model.fit(*iris)
    with pytest.raises(NotFittedError):
        model.predict(iris[0])


# Classes that are listed but do not occur


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_class_without_rows_has_probability_zero(clouds, solver, dtype):
    X, y = clouds
    X = X.astype(dtype)
    model = SoftmaxRegression(solver=solver, classes=["d", "c", "b", "a"])
    model.fit(X, np.array(["b", "d", "b"])[y])
    assert_array_equal(model.classes_, ["a", "b", "c", "d"])
    assert model.coef_.shape == (4, 4)
    P, log_P = model.predict_proba(X), model.predict_log_proba(X)
    assert (P[:, [0, 2]] == 0).all()
    assert_allclose(P.sum(axis=1), 1, rtol=1e-6)
    assert (log_P[:, [0, 2]] == np.finfo(dtype).min).all()
    assert set(model.predict(X)) == {"b", "d"}
    assert set(model.sample_predict(X, random_state=0)) == {"b", "d"}

    # Two columns of half the weights have half the squared norm of the one that two classes share.
    without = SoftmaxRegression(solver=solver, alpha=0.5e-4).fit(X, y == 1)
    assert_allclose(P[:, 3], without.predict_proba(X)[:, 1], atol=1e-3)


@truncated
@pytest.mark.parametrize("options", [{"solver": "sgd"}, {"fit_intercept": False}])
def test_a_class_without_rows_may_get_some_probability(clouds, options):
    X, y = clouds
    model = SoftmaxRegression(classes=[0, 1, 2], random_state=0, **options).fit(X[y < 2], y[y < 2])
    P = model.predict_proba(X)
    assert P.shape == (len(X), 3)
    assert ((P[:, 2] > 0) & (P[:, 2] < 1)).all()
    assert np.isfinite(model.coef_).all()


def test_a_class_whose_rows_all_have_weight_zero_has_probability_zero(clouds):
    X, y = clouds
    model = SoftmaxRegression().fit(X, y, sample_weight=(y != 1).astype(float))
    removed = SoftmaxRegression(classes=[0, 1, 2]).fit(X[y != 1], y[y != 1])
    assert (model.predict_proba(X)[:, 1] == 0).all()
    assert_allclose(model.predict_proba(X), removed.predict_proba(X), atol=1e-6)


def test_cross_validation_over_a_fold_that_lacks_a_class(iris):
    X, y = iris
    # The rows are sorted, so each fold holds out a whole class.
    folds = KFold(3)
    model = SoftmaxRegression(classes=[0, 1, 2])
    P = cross_val_predict(model, X, y, cv=folds, method="predict_proba")
    assert (P[np.arange(len(y)), y] == 0).all()
    assert_allclose(P.sum(axis=1), 1)


# Cases in which there is little to learn


def test_features_without_information(solver):
    y = np.repeat([0, 1, 2], [2, 3, 5])
    model = SoftmaxRegression(solver=solver, tol=1e-9, optimizer="sgd", learning_rate=1.0)
    model.fit(np.zeros((10, 3)), y)
    assert_array_equal(model.coef_, 0)
    assert_allclose(model.predict_proba(np.ones((1, 3))), [[0.2, 0.3, 0.5]], atol=1e-3)


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
def test_separable_classes_without_a_penalty_end_without_overflow(iris, solver):
    X, y = iris
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = SoftmaxRegression(alpha=0, solver=solver).fit(X[:100], y[:100])
    assert model.score(X[:100], y[:100]) == 1
    assert model.loss_ < 1e-3
    assert np.isfinite(model.coef_).all()


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("offset", [1e2, 1e4, 1e6])
def test_an_offset_of_the_features_costs_nothing(clouds, solver, container, offset):
    X, y = clouds
    plain = SoftmaxRegression(solver=solver, tol=1e-8).fit(X, y)
    shifted = SoftmaxRegression(solver=solver, tol=1e-8).fit(container(X + offset), y)
    assert shifted.converged_
    assert_allclose(shifted.loss_, plain.loss_, rtol=1e-6)
    assert_allclose(shifted.coef_, plain.coef_, rtol=1e-2, atol=1e-2)
    assert shifted.n_iter_ <= 2 * plain.n_iter_
