"""Learning from rows that come in portions."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skmlp import SoftmaxRegression, cross_entropy
from skmlp.optim import Cosine

CLASSES = [0, 1, 2]


def assert_same_parameters(a, b):
    assert_array_equal(a.coef_, b.coef_)
    assert_array_equal(a.intercept_, b.intercept_)


def test_the_loss_falls_from_call_to_call(clouds):
    X, y = clouds
    model, losses = SoftmaxRegression(random_state=0), []
    for _ in range(10):
        model.partial_fit(X, y, classes=CLASSES)
        losses.append(cross_entropy(model.decision_function(X), y))
    assert (np.diff(losses) < 0).all()
    assert model.n_iter_ == len(model.loss_curve_) == 10
    assert model.loss_ == model.loss_curve_[-1]


@pytest.mark.parametrize("optimizer", ["momentum", "adam", "adamw"])
def test_calls_are_the_epochs_of_fit_and_survive_a_pickle(clouds, optimizer):
    X, y = clouds
    model = SoftmaxRegression(
        solver="sgd",
        optimizer=optimizer,
        learning_rate=Cosine(0.05),
        max_iter=10,
        n_iter_no_change=1000,
        batch_size=20,
        random_state=0,
    )
    with pytest.warns(UserWarning, match="max_iter=10"):
        model.fit(X, y)
    in_calls = clone(model)
    for i in range(10):
        if i == 5:
            in_calls = pickle.loads(pickle.dumps(in_calls))
        in_calls.partial_fit(X, y, classes=CLASSES)
    assert_same_parameters(in_calls, model)
    assert in_calls.loss_curve_ == model.loss_curve_


def test_each_call_learns_from_its_own_rows(clouds):
    X, y = clouds
    halves = SoftmaxRegression(learning_rate=0.05, batch_size=10, random_state=0)
    for _ in range(40):
        halves.partial_fit(X[::2], y[::2], classes=CLASSES).partial_fit(X[1::2], y[1::2])
    optimum = SoftmaxRegression().fit(X, y)
    best = cross_entropy(optimum.decision_function(X), y)
    assert cross_entropy(halves.decision_function(X), y) < 1.05 * best


def test_a_call_may_hold_a_single_class(clouds):
    X, y = clouds
    model = SoftmaxRegression(random_state=0).partial_fit(X[y == 1], y[y == 1], classes=CLASSES)
    assert_array_equal(model.classes_, CLASSES)
    assert model.predict_proba(X[y == 1]).mean(axis=0).argmax() == 1
    model.partial_fit(X[y == 2], y[y == 2])
    assert model.predict_proba(X).shape == (len(X), 3)


def test_the_parameter_classes_serves_as_well(clouds):
    X, y = clouds
    by_parameter = SoftmaxRegression(classes=CLASSES, random_state=0).partial_fit(X[:5], y[:5])
    by_argument = SoftmaxRegression(random_state=0).partial_fit(X[:5], y[:5], classes=CLASSES)
    assert_same_parameters(by_parameter, by_argument)


def test_classes_may_come_in_any_order_but_must_stay_the_same(clouds):
    X, y = clouds
    names = np.array(["b", "c", "a"])
    model = SoftmaxRegression().partial_fit(X, names[y], classes=["c", "a", "b"])
    model.partial_fit(X, names[y], classes=["b", "c", "a"])
    assert_array_equal(model.classes_, ["a", "b", "c"])
    message = r"^classes must be the same in every call .*\['a', 'b', 'c'\], got \['a', 'b'\]\.$"
    with pytest.raises(ValueError, match=message):
        model.partial_fit(X, names[y], classes=["a", "b"])


def test_weights_are_relative_within_a_call(clouds):
    X, y = clouds
    weight = np.random.default_rng(0).exponential(size=len(y))
    models = [
        SoftmaxRegression(random_state=0).partial_fit(X, y, CLASSES, sample_weight=factor * weight)
        for factor in (1, 1024)
    ]
    assert_same_parameters(*models)
    unweighted = SoftmaxRegression(random_state=0).partial_fit(X, y, CLASSES)
    assert (unweighted.coef_ != models[0].coef_).any()


@pytest.mark.parametrize("with_missing_class", [False, True])
def test_it_goes_on_from_any_fit(clouds, solver, with_missing_class):
    X, y = clouds
    kept = y < 2 if with_missing_class else y < 3
    model = SoftmaxRegression(solver=solver, classes=CLASSES, random_state=0, tol=0.01)
    model.fit(X[kept], y[kept])
    before = model.coef_
    model.set_params(learning_rate=1e-9).partial_fit(X, y)
    assert_allclose(model.coef_, before, atol=1e-6)
    assert np.isfinite(model.decision_function(X)).all()


def test_it_goes_on_from_the_last_fit_and_not_from_an_earlier_one(clouds):
    X, y = clouds
    model = SoftmaxRegression(solver="sgd", tol=0.1, warm_start=True, random_state=0).fit(X, y)
    optimum = model.set_params(solver="newton").fit(X, y).coef_
    model.set_params(learning_rate=1e-9).partial_fit(X, y)
    assert_allclose(model.coef_, optimum, atol=1e-6)


def test_a_changed_optimizer_takes_over(clouds):
    X, y = clouds
    model = SoftmaxRegression(optimizer="adam", random_state=0).partial_fit(X, y, classes=CLASSES)
    before = model.coef_.copy()
    model.set_params(optimizer="sgd", batch_size=len(y)).partial_fit(X, y)
    # The first step of Adam is as long as the learning rate in every coordinate, that of plain
    # gradient descent as long as the rate times the gradient.
    onehot = np.eye(3)[y]
    start = SoftmaxRegression(random_state=0).partial_fit(X, y, classes=CLASSES)
    gradient = (start.predict_proba(X) - onehot).T @ X / len(y) + 2e-4 * before
    assert_allclose(model.coef_, before - 0.01 * gradient, atol=1e-12)


def test_no_certificate_outlives_the_solution_it_was_for(clouds):
    X, y = clouds
    model = SoftmaxRegression(random_state=0).fit(X, y)
    best = model.loss_
    model.set_params(learning_rate=1.0).partial_fit(X, y)
    loss = cross_entropy(model.decision_function(X), y) + 1e-4 * (model.coef_**2).sum()
    assert loss - best <= getattr(model, "suboptimality_bound_", np.inf)


def test_after_divergence_it_goes_on_from_what_was_good(clouds):
    X, y = clouds
    model = SoftmaxRegression(optimizer="sgd", random_state=0).partial_fit(X, y, classes=CLASSES)
    with pytest.raises(ValueError, match="diverged in epoch 2"):
        model.set_params(learning_rate=1e300).partial_fit(X, y)
    assert np.isfinite(model.coef_).all()
    before = cross_entropy(model.decision_function(X), y)
    model.set_params(learning_rate=0.01).partial_fit(X, y)
    assert cross_entropy(model.decision_function(X), y) < before


def test_wider_rows_widen_the_arithmetic_and_keep_the_memory(clouds):
    X, y = clouds
    model = SoftmaxRegression(random_state=0).partial_fit(X.astype(np.float32), y, classes=CLASSES)
    model.partial_fit(X, y)
    assert model.coef_.dtype == np.float64
    assert (model.coef_ != model.coef_.astype(np.float32)).any()
    assert model.n_iter_ == len(model.loss_curve_) == 2


def test_after_fit_its_history_is_its_own(clouds):
    X, y = clouds
    model = SoftmaxRegression(random_state=0).fit(X, y, X_val=X, y_val=y)
    model.partial_fit(X, y)
    assert model.n_iter_ == len(model.loss_curve_) == 1
    assert not hasattr(model, "validation_loss_curve_")


def test_a_first_call_that_failed_fixes_no_classes(clouds):
    X, y = clouds
    model = SoftmaxRegression(optimizer="sgd", random_state=0)
    with pytest.raises(ValueError, match="diverged"):
        model.partial_fit(1e300 * X, y, classes=CLASSES)
    model.partial_fit(X, y, classes=[*CLASSES, 7])
    assert_array_equal(model.classes_, [*CLASSES, 7])


def test_later_classes_are_checked_too(clouds):
    X, y = clouds
    model = SoftmaxRegression().partial_fit(X, y, classes=CLASSES)
    with pytest.raises(ValueError, match=r"^classes must be None or a list .*, got 'abc'\.$"):
        model.partial_fit(X, y, classes="abc")
