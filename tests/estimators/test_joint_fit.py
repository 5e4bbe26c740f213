"""The joint fit of the problems of a code against fits one by one."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits, load_wine, make_classification
from sklearn.exceptions import ConvergenceWarning

from skmlp import OneVsOneClassifier, SoftmaxRegression
from skmlp._sklearn import HAS_CALLBACKS
from skmlp.estimators import _joint_fit
from skmlp.estimators._solvers import SOLVERS
from skmlp.optim.columns import Descent
from skmlp.optim.optimizers import Adam

N_CLASSES = 5

ONE_VS_ALL = 2 * np.eye(N_CLASSES, dtype=np.int8) - 1
ONE_VS_ONE = np.zeros((N_CLASSES, 10), np.int8)
for column, (i, j) in enumerate(zip(*np.triu_indices(N_CLASSES, 1), strict=True)):
    ONE_VS_ONE[i, column], ONE_VS_ONE[j, column] = -1, 1
CODES = {
    "one-vs-all": ONE_VS_ALL,
    "one-vs-one": ONE_VS_ONE,
    "dense": np.array(
        [[-1, 1, 1], [-1, -1, 1], [1, -1, -1], [1, 1, -1], [-1, 1, -1]], dtype=np.int8
    ),
    "sparse": np.array(
        [[-1, 1, 0, 1], [0, -1, 1, 0], [1, 0, -1, -1], [1, 0, -1, 1], [0, 1, 1, 0]], dtype=np.int8
    ),
    "tree": np.array(
        [[-1, -1, -1, 0], [-1, -1, 1, 0], [-1, 1, 0, 0], [1, 0, 0, -1], [1, 0, 0, 1]], dtype=np.int8
    ),
}
each_code = pytest.mark.parametrize("code", CODES)


def rows_and_classes(n_features=6, n_samples=300, seed=0, **options):
    """Return rows of overlapping classes."""
    return make_classification(
        n_samples=n_samples,
        n_features=n_features,
        n_informative=min(n_features, 6),
        n_redundant=0,
        n_repeated=0,
        n_classes=N_CLASSES,
        n_clusters_per_class=1,
        class_sep=0.8,
        flip_y=0.1,
        random_state=seed,
        **options,
    )


def fit_one_by_one(model, X, y, M, sample_weight=None):
    """Return what `fit_code` promises, by its definition."""
    models = []
    for signs in M.T:
        rows = np.flatnonzero(signs[y])
        weight = None if sample_weight is None else sample_weight[rows]
        labels = (signs[y[rows]] > 0).astype(int)
        models.append(clone(model).fit(X[rows], labels, weight))
    return models


def assert_same_models(joint, single, rtol=1e-6):
    """Compare coefficients, relative to the largest, and what the fits say of themselves."""
    assert len(joint) == len(single)
    for a, b in zip(joint, single, strict=True):
        assert a.coef_.shape == b.coef_.shape
        assert a.coef_.dtype == b.coef_.dtype
        assert a.intercept_.dtype == b.intercept_.dtype
        size = max(abs(b.coef_).max(), abs(b.intercept_).max())
        assert_allclose(a.coef_, b.coef_, rtol=0, atol=rtol * size)
        assert_allclose(a.intercept_, b.intercept_, rtol=0, atol=rtol * size)
        assert a.loss_ == pytest.approx(b.loss_, rel=rtol)
        assert_array_equal(a.classes_, [0, 1])
        assert a.converged_ == b.converged_


def compare(X, y, M, sample_weight=None, rtol=1e-6, **params):
    # Newton's method ends far below tol, L-BFGS just below it.
    tol = 1e-10 if X.shape[1] <= _joint_fit.MAX_EXACT else 1e-12
    model = SoftmaxRegression(**{"alpha": 1e-3, "tol": tol} | params)
    joint = model.fit_code(X, y, M, sample_weight)
    assert_same_models(joint, fit_one_by_one(model, X, y, M, sample_weight), rtol)
    return joint


# The same answers


@each_code
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("alpha", [1.0, 1e-3, 1e-6])
def test_the_models_are_those_of_fits_one_by_one(code, fit_intercept, alpha):
    compare(*rows_and_classes(), CODES[code], alpha=alpha, fit_intercept=fit_intercept)


@each_code
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_with_many_features_too(code, fit_intercept):
    X, y = rows_and_classes(n_features=_joint_fit.MAX_EXACT + 20)
    compare(X, y, CODES[code], fit_intercept=fit_intercept, alpha=1e-2)


@each_code
def test_with_more_features_than_rows(code):
    X, y = rows_and_classes(n_features=150, n_samples=100)
    compare(X, y, CODES[code], alpha=1e-2)


@each_code
@pytest.mark.parametrize("n_features", [6, 80])
@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 3.0, 1: 0.5}, {1: 2}])
def test_with_weights_of_rows_and_of_classes(code, class_weight, n_features):
    X, y = rows_and_classes(n_features)
    weight = np.random.default_rng(0).exponential(size=len(y))
    weight[::7] = 0
    compare(X, y, CODES[code], weight, class_weight=class_weight, alpha=1e-2)


@each_code
@pytest.mark.parametrize("n_features", [6, 80])
def test_sparse_rows(code, n_features):
    X, y = rows_and_classes(n_features)
    X *= np.random.default_rng(0).random(X.shape) < 0.3
    model = SoftmaxRegression(alpha=1e-2, tol=1e-12)
    joint = model.fit_code(sp.csr_array(X), y, CODES[code])
    if n_features == 80 and not CODES[code].all():
        assert joint is None
    else:
        assert_same_models(joint, fit_one_by_one(model, X, y, CODES[code]))


@each_code
@pytest.mark.parametrize("n_features", [6, 80])
def test_float32_rows(code, n_features):
    X, y = rows_and_classes(n_features)
    joint = compare(X.astype(np.float32), y, CODES[code], rtol=2e-3, alpha=1e-2, tol=1e-5)
    assert joint[0].coef_.dtype == np.float32


@each_code
def test_at_the_default_tolerance_probabilities_are_nearly_the_same(code):
    X, y = rows_and_classes()
    joint = SoftmaxRegression().fit_code(X, y, CODES[code])
    for a, b in zip(joint, fit_one_by_one(SoftmaxRegression(), X, y, CODES[code]), strict=True):
        assert_allclose(a.predict_proba(X), b.predict_proba(X), atol=2e-3)
        assert a.suboptimality_bound_ <= 1e-4 * a.loss_


def test_rows_far_from_the_origin_and_constant_features():
    X, y = rows_and_classes()
    X = np.column_stack([1e4 + X, np.full(len(X), 3.7), np.zeros(len(X))])
    joint = compare(X, y, ONE_VS_ONE, rtol=1e-5, tol=1e-9)
    assert all(abs(model.coef_[0, -2:]).max() < 1e-9 for model in joint)


def test_rows_that_single_precision_cannot_tell_apart():
    """Far from the origin, without an intercept to take the offset up."""
    X, y = rows_and_classes()
    compare(X + 1e4, y, ONE_VS_ONE, rtol=1e-4, alpha=1e-2, tol=1e-9, fit_intercept=False)


def test_features_of_very_different_scales():
    X, y = rows_and_classes()
    scales = 10.0 ** np.arange(-3, 3)
    model = SoftmaxRegression(alpha=1e-3, tol=1e-10)
    joint = model.fit_code(X * scales, y, ONE_VS_ALL)
    for a, b in zip(joint, fit_one_by_one(model, X * scales, y, ONE_VS_ALL), strict=True):
        assert_allclose(a.coef_ * scales, b.coef_ * scales, atol=1e-6)


@pytest.mark.parametrize("n_features", [6, 80])
def test_without_a_penalty(n_features):
    X, y = rows_and_classes(n_features, n_samples=1500)
    joint = compare(X, y, ONE_VS_ALL, rtol=1e-4, alpha=0, tol=1e-9)
    assert all(model.suboptimality_bound_ == model.loss_ for model in joint)


@pytest.mark.parametrize("alpha", [0, 1e-12])
def test_separable_classes(alpha):
    X = np.repeat(np.eye(N_CLASSES), 4, axis=0)
    y = np.repeat(np.arange(N_CLASSES), 4)
    for M in (ONE_VS_ALL, ONE_VS_ONE):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            joint = SoftmaxRegression(alpha=alpha).fit_code(X, y, M)
        for model, signs in zip(joint, M.T, strict=True):
            assert model.loss_ < 1e-4
            assert np.isfinite(model.coef_).all()
            rows = signs[y] != 0
            assert_array_equal(model.predict(X[rows]), signs[y[rows]] > 0)


@each_code
def test_real_data(code):
    X, y = load_digits(return_X_y=True)
    few = y < N_CLASSES
    compare(X[few][::2, 10:50], y[few][::2], CODES[code], alpha=1e-2)


@pytest.mark.parametrize("n_features", [6, 80])
def test_columns_may_be_fitted_in_groups(monkeypatch, n_features):
    X, y = rows_and_classes(n_features)
    monkeypatch.setattr(_joint_fit, "MOST_NUMBERS", 5000)
    compare(X, y, ONE_VS_ONE, alpha=1e-2)
    compare(X, y, ONE_VS_ALL, alpha=1e-2)


def test_a_class_without_rows_and_a_class_that_always_sits_out():
    X, y = rows_and_classes()
    X, y = X[y != 2], y[y != 2]
    M = np.delete(ONE_VS_ONE, [column for column in range(10) if ONE_VS_ONE[2, column]], axis=1)
    compare(X, y, M)
    M = ONE_VS_ONE[:, ONE_VS_ONE[0] == 0]
    compare(X, y, M[:, M[2] == 0])


# What the models say of themselves


def test_the_models_are_fitted_like_any_other(tmp_path):
    X, y = rows_and_classes()
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(6)])
    model = SoftmaxRegression(alpha=1e-3)
    joint = model.fit_code(frame, y, ONE_VS_ONE)
    single = clone(model).fit(frame[y < 2], y[y < 2])
    first = joint[0]
    assert set(vars(first)) == set(vars(single))
    assert_array_equal(first.feature_names_in_, single.feature_names_in_)
    assert first.n_features_in_ == 6
    assert first.n_iter_ == len(first.loss_curve_)
    assert first.loss_curve_ == sorted(first.loss_curve_, reverse=True)
    assert first.loss_curve_[-1] == pytest.approx(first.loss_, rel=1e-5)
    assert first.gradient_norm_ < 1e-2
    assert first.solver_ == "newton"
    again = pickle.loads(pickle.dumps(first))
    assert_array_equal(again.predict(frame), first.predict(frame))
    assert not hasattr(model, "coef_")
    for model in joint:
        model.partial_fit(frame, y % 2)
    assert joint[0].get_params() == single.get_params()


@pytest.mark.parametrize("params", [{"optimizer": Adam()}, {"class_weight": {0: 1, 1: 1}}])
def test_the_models_share_nothing_that_can_change(params):
    X, y = rows_and_classes()
    first, second, *_ = SoftmaxRegression(**params).fit_code(X, y, ONE_VS_ALL)
    for name in params:
        assert getattr(first, name) is not getattr(second, name)
    assert not np.shares_memory(first.coef_, second.coef_)
    first.set_params(alpha=3.0)
    assert second.alpha == 1e-4


def test_the_certificate_holds():
    X, y = rows_and_classes()
    for alpha in (1e-2, 1e-5):
        best = SoftmaxRegression(alpha=alpha, tol=1e-13).fit_code(X, y, ONE_VS_ONE)
        for tol in (1e-1, 1e-2, 1e-4):
            some = SoftmaxRegression(alpha=alpha, tol=tol).fit_code(X, y, ONE_VS_ONE)
            for a, b in zip(some, best, strict=True):
                assert -1e-13 < a.loss_ - b.loss_ <= a.suboptimality_bound_ + 1e-13
                assert a.suboptimality_bound_ <= tol * a.loss_
                assert a.converged_


def test_a_fit_that_is_cut_short_warns_once_and_says_how_far_it_came():
    X, y = rows_and_classes()
    model = SoftmaxRegression(alpha=1e-6, max_iter=2)
    with pytest.warns(ConvergenceWarning) as record:
        joint = model.fit_code(X, y, ONE_VS_ONE)
    assert len(record) == 1
    assert record[0].filename == __file__
    n_failed = sum(not fitted.converged_ for fitted in joint)
    assert n_failed > 0
    assert f"in {n_failed} of 10 problems" in str(record[0].message)
    assert "stopped at max_iter=2" in str(record[0].message)
    assert max(fitted.n_iter_ for fitted in joint) == 2
    best = SoftmaxRegression(alpha=1e-6, tol=1e-12).fit_code(X, y, ONE_VS_ONE)
    for a, b in zip(joint, best, strict=True):
        assert a.loss_ - b.loss_ <= a.suboptimality_bound_ <= a.loss_


def test_what_lbfgs_leaves_undone_is_done_by_newton():
    X, y = rows_and_classes(n_features=80, n_samples=60)
    frame = pd.DataFrame(X * 10.0 ** np.linspace(-3, 3, 80), columns=[f"x{i}" for i in range(80)])
    model = SoftmaxRegression(alpha=1e-6, max_iter=60)
    joint = model.fit_code(frame, y, ONE_VS_ALL)
    solvers = {fitted.solver_ for fitted in joint}
    assert "newton" in solvers
    for a, b in zip(joint, fit_one_by_one(model, frame.to_numpy(), y, ONE_VS_ALL), strict=True):
        assert a.converged_
        assert a.loss_ == pytest.approx(b.loss_, rel=1e-3)
        assert_array_equal(a.classes_, [0, 1])
        assert_array_equal(a.feature_names_in_, frame.columns)


# Where there is no joint fit


@pytest.mark.parametrize(
    "params",
    [
        {"solver": "sgd"},
        {"solver": "lbfgs"},
        {"early_stopping": True},
        {"warm_start": True},
        {"verbose": True},
        {"classes": [0, 1]},
    ],
)
def test_parameters_that_need_a_fit_of_their_own(params):
    X, y = rows_and_classes()
    assert SoftmaxRegression(**params).fit_code(X, y, ONE_VS_ALL) is None


def test_the_solver_must_suit_the_number_of_features():
    X, y = rows_and_classes(n_features=80)
    assert SoftmaxRegression(solver="newton").fit_code(X, y, ONE_VS_ALL) is None
    assert SoftmaxRegression(solver="lbfgs").fit_code(X, y, ONE_VS_ALL)[0].solver_ == "lbfgs"


def test_huge_numbers_are_left_to_fits_one_by_one():
    X, y = rows_and_classes()
    assert SoftmaxRegression().fit_code(X * 1e20, y, ONE_VS_ALL) is None


class Silent:
    """A callback that does nothing, and must not even be told that a fit begins."""

    max_propagation_depth = None

    def setup(self, estimator, context):
        raise AssertionError("there is no joint fit to be told of")

    on_fit_task_begin = on_fit_task_end = teardown = setup


@pytest.mark.skipif(not HAS_CALLBACKS, reason="scikit-learn has callbacks since 1.9")
def test_callbacks_are_left_to_fits_one_by_one():
    X, y = rows_and_classes()
    model = SoftmaxRegression().set_callbacks(Silent())
    assert model.fit_code(X, y, ONE_VS_ALL) is None


# Errors


def test_a_problem_with_one_label_is_named():
    X, y = rows_and_classes()
    with pytest.raises(ValueError, match=r"M must give.* both sides.* of problem 3"):
        SoftmaxRegression().fit_code(X[y != 3], y[y != 3], ONE_VS_ALL)
    with pytest.raises(ValueError, match="of problem 1"):
        SoftmaxRegression().fit_code(X, y, ONE_VS_ALL, sample_weight=1.0 * (y != 1))
    with pytest.raises(ValueError, match="of problem 0"):
        SoftmaxRegression(class_weight={1: 0}).fit_code(X, y, ONE_VS_ALL)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": np.zeros(3, int)}, r"y must have one class for each of the 300 rows.*\(3,\)"),
        ({"sample_weight": np.full(300, -1.0)}, "sample_weight must hold finite numbers >= 0"),
        ({"X": np.full((300, 6), np.nan)}, "NaN"),
    ],
)
def test_bad_data(change, message):
    X, y = rows_and_classes()
    with pytest.raises(ValueError, match=message):
        SoftmaxRegression().fit_code(**{"X": X, "y": y, "M": ONE_VS_ALL} | change)


@pytest.mark.parametrize(
    "params", [{"alpha": -1}, {"tol": "small"}, {"class_weight": {7: 1.0}}, {"solver": "best"}]
)
def test_bad_parameters(params):
    X, y = rows_and_classes()
    (name,) = params
    with pytest.raises((TypeError, ValueError), match=name):
        SoftmaxRegression(**params).fit_code(X, y, ONE_VS_ALL)


def test_float32_rows_whose_curvature_is_lost_in_rounding():
    X, y = load_wine(return_X_y=True)
    M = 2 * np.eye(3, dtype=np.int8) - 1
    joint = SoftmaxRegression(alpha=1e-4).fit_code((X + 1e4).astype(np.float32), y, M)
    exact = SoftmaxRegression(alpha=1e-4).fit_code(X, y, M)
    for a, b in zip(joint, exact, strict=True):
        assert a.loss_ == pytest.approx(b.loss_, rel=0.05)


@pytest.fixture
def pressed_in(monkeypatch):
    """Return a function that has somebody press Ctrl-C in a step of the next joint fit."""

    def press(n):
        steps = []
        step = Descent.step

        def interrupted(descent):
            step(descent)
            steps.append(descent)
            if len(steps) == n:
                raise KeyboardInterrupt

        monkeypatch.setattr(Descent, "step", interrupted)

    return press


@pytest.mark.parametrize("n_steps", [1, 2, 3, 4])
@pytest.mark.parametrize(("n_features", "max_iter"), [(6, 100), (80, 500)])
def test_interrupts_leave_models_that_can_be_used(pressed_in, n_steps, n_features, max_iter):
    X, y = rows_and_classes(n_features)
    model = SoftmaxRegression(1e-4, max_iter=max_iter, tol=1e-10)
    best = model.fit_code(X, y, ONE_VS_ALL)
    pressed_in(n_steps)
    message = r"interrupted; [1-5] of 5 problems are not solved yet, .* Call fit again for all\.$"
    with pytest.warns(UserWarning, match=message) as caught:
        models = model.fit_code(X, y, ONE_VS_ALL)
    assert len(caught) == 1
    for k, (learner, end) in enumerate(zip(models, best, strict=True)):
        margin = learner.decision_function(X) * np.where(y == k, 1, -1)
        # The model is no start, and says truly how good it is.
        loss = np.mean(np.log1p(np.exp(-margin))) + 1e-4 * np.sum(learner.coef_**2)
        assert loss < np.log(2)
        assert_allclose(learner.loss_, loss, rtol=1e-6)
        assert learner.loss_ - end.loss_ <= learner.suboptimality_bound_ * (1 + 1e-9)
        assert learner.n_iter_ <= n_steps
        assert learner.converged_ == (learner.suboptimality_bound_ <= 1e-10 * learner.loss_)
        assert np.isfinite(learner.gradient_norm_)
    assert not all(learner.converged_ for learner in models)
    if n_steps == 4 and n_features == 6:
        # In single precision, they have been there.
        assert max(learner.suboptimality_bound_ / learner.loss_ for learner in models) < 1e-3


def test_groups_that_an_interrupt_has_left_out_know_nothing(pressed_in, monkeypatch):
    X, y = rows_and_classes()
    monkeypatch.setattr(_joint_fit, "MOST_NUMBERS", 5000)
    pressed_in(1)
    with pytest.warns(UserWarning, match="interrupted; 10 of 10 problems"):
        models = SoftmaxRegression().fit_code(X, y, ONE_VS_ONE)
    assert models[0].coef_.any()
    assert not models[-1].coef_.any()
    assert_allclose(models[-1].predict_proba(X[:2]), 0.5)
    assert_allclose(models[-1].loss_, np.log(2))


def test_a_reduction_survives_an_interrupt_of_its_joint_fit(pressed_in):
    X, y = rows_and_classes()
    pressed_in(2)
    with pytest.warns(UserWarning, match="interrupted") as caught:
        model = OneVsOneClassifier(SoftmaxRegression()).fit(X, y)
    assert caught[0].filename == __file__
    assert model.score(X, y) > 0.5


def test_problems_that_are_fitted_again_in_vain_are_warned_of_together():
    X, y = rows_and_classes(80)
    with pytest.warns(ConvergenceWarning, match="did not converge in 5 of 5 problems") as caught:
        SoftmaxRegression(1e-6, tol=1e-12, max_iter=2).fit_code(X, y, ONE_VS_ALL)
    assert len(caught) == 1


def test_an_interrupt_while_problems_are_fitted_again_keeps_what_there_is(monkeypatch):
    X, y = rows_and_classes(80)
    model = SoftmaxRegression(1e-4, tol=1e-7, max_iter=30)
    monkeypatch.setattr(_joint_fit, "refit", lambda *args: None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        together = model.fit_code(X, y, ONE_VS_ALL)
    monkeypatch.undo()
    assert any(not learner.converged_ for learner in together)
    calls = []

    def interrupted(*args):
        calls.append(args)
        raise KeyboardInterrupt

    monkeypatch.setitem(SOLVERS, "newton", interrupted)
    with pytest.warns(UserWarning, match="was interrupted; ") as caught:
        models = model.fit_code(X, y, ONE_VS_ALL)
    assert len(caught) == len(calls) == 1
    for learner, expected in zip(models, together, strict=True):
        assert_array_equal(learner.coef_, expected.coef_)
