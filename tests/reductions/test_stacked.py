"""Linear learners are stacked: all margins are one product, and equal what each would say."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import (
    LogisticRegression,
    Perceptron,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.svm import LinearSVC

from skmlp import OneVsAllClassifier, SoftmaxRegression, TreeReductionClassifier

BASES = [
    LogisticRegression(),
    LogisticRegression(fit_intercept=False),
    LinearSVC(random_state=0),
    LinearSVC(random_state=0, fit_intercept=False),
    SGDClassifier(random_state=0),
    SGDClassifier(loss="log_loss", random_state=0, average=True),
    SGDClassifier(loss="modified_huber", random_state=0),
    Perceptron(random_state=0),
    RidgeClassifier(),
    LinearDiscriminantAnalysis(),
    SoftmaxRegression(),
]
bases = pytest.mark.parametrize("base", BASES, ids=str)


def margins_of_learners(model, X):
    return np.column_stack([learner.decision_function(X) for learner in model.estimators_])


@bases
def test_margins_are_those_of_the_learners(groups, reduction, base):
    X, y = groups
    model = reduction(base, random_state=0).fit(X, y)
    assert_allclose(model.margins(X), margins_of_learners(model, X), rtol=1e-9, atol=1e-12)
    single = X.astype(np.float32)
    assert_allclose(model.margins(single), model.margins(X), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("container", [sp.csr_array, sp.csc_array])
def test_margins_of_sparse_rows(groups, reduction, container):
    X, y = groups
    X = container(X * (X > 0))
    model = reduction(LogisticRegression(), random_state=0).fit(X, y)
    assert_allclose(model.margins(X), margins_of_learners(model, X), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("scale", [1, 1e-3, 1e3])
@pytest.mark.parametrize(
    "base",
    [base for base in BASES if hasattr(base, "predict_proba")],
    ids=str,
)
def test_probabilities_are_those_of_the_learners(groups, base, scale):
    # On features of a large scale learners are sure, and the rules by which they turn margins into
    # probabilities look alike.
    X, y = groups
    model = OneVsAllClassifier(base).fit(scale * X, y)
    rows = np.vstack([X, 1e-3 * X, 0 * X[:1]]) * scale
    R = np.column_stack([learner.predict_proba(rows)[:, 1] for learner in model.estimators_])
    total = R.sum(axis=1, keepdims=True)
    expected = np.where(total > 0, R / np.where(total > 0, total, 1), 1 / 4)
    assert_allclose(model.predict_proba(rows), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("decoding", ["exact", "greedy"])
@pytest.mark.parametrize(
    "base", [LogisticRegression(), SGDClassifier(loss="modified_huber", random_state=0)]
)
def test_walks_down_a_tree_ask_the_same(groups, base, decoding):
    X, y = groups
    model = TreeReductionClassifier(base, decoding=decoding).fit(X, y)
    R = np.column_stack([learner.predict_proba(X)[:, 1] for learner in model.estimators_])
    code = np.asarray(model.code_)
    P = np.prod(np.where(code > 0, R[:, None], np.where(code < 0, 1 - R[:, None], 1)), axis=2)
    assert_allclose(model.predict_proba(X), P, rtol=1e-6, atol=1e-12)
    for k in range(4):
        assert_allclose(model.predict_label_proba(X, k), P[:, k], rtol=1e-6, atol=1e-12)
    if decoding == "exact":
        assert_allclose(P[np.arange(len(y)), model.predict(X)], P.max(axis=1), rtol=1e-6)


# What is stacked


class Counted(LogisticRegression):
    """Counts how often it is asked."""

    n_calls = 0

    def decision_function(self, X):
        Counted.n_calls += 1
        return super().decision_function(X)

    def predict_proba(self, X):
        Counted.n_calls += 1
        return super().predict_proba(X)


def test_linear_learners_are_not_asked_one_by_one(groups, reduction):
    X, y = groups
    model = reduction(Counted(), random_state=0).fit(X, y)
    other = pickle.loads(pickle.dumps(model))
    before = Counted.n_calls
    # The first learner is, once, when it is found out if it is linear.
    assert before > 0
    for name in ("predict", "predict_proba", "decision_function", "margins"):
        assert_array_equal(getattr(other, name)(X), getattr(model, name)(X))
    assert Counted.n_calls == before


class Squashed(LogisticRegression):
    def decision_function(self, X):
        return np.tanh(super().decision_function(X))


class Shifted(LogisticRegression):
    def decision_function(self, X):
        return super().decision_function(X) + 1


class Halved(LogisticRegression):
    def predict_proba(self, X):
        p = super().predict_proba(X)[:, 1] / 2
        return np.column_stack([1 - p, p])


@pytest.mark.parametrize("base", [Squashed(), Shifted()], ids=str)
def test_a_rule_of_its_own_is_followed(groups, reduction, base):
    X, y = groups
    model = reduction(base, random_state=0).fit(X, y)
    expected = margins_of_learners(model, X)
    assert_allclose(model.margins(X), expected)
    assert (np.abs(X @ model.estimators_[0].coef_[0] - expected[:, 0]) > 0.1).any()


def test_probabilities_of_its_own_are_followed(groups):
    X, y = groups
    model = OneVsAllClassifier(Halved()).fit(X, y)
    R = np.column_stack([learner.predict_proba(X)[:, 1] for learner in model.estimators_])
    assert R.max() <= 0.5
    assert_allclose(model.margins(X), margins_of_learners(model, X))
    assert_allclose(model.predict_proba(X), R / R.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("base", [*BASES, Squashed(), Halved()], ids=str)
def test_a_pickle_says_the_same(groups, reduction, base):
    X, y = groups
    model = reduction(base, random_state=0).fit(X, y)
    other = pickle.loads(pickle.dumps(model))
    assert_array_equal(other.margins(X), model.margins(X))
    if hasattr(base, "predict_proba"):
        assert_array_equal(other.predict_proba(X), model.predict_proba(X))


def test_learners_and_stack_stay_one(groups):
    # The weights are there once, so that who looks at a learner sees what predicts.
    X, y = groups
    for duplicate in (lambda model: model, lambda model: pickle.loads(pickle.dumps(model))):
        model = duplicate(OneVsAllClassifier(LogisticRegression()).fit(X, y))
        model.estimators_[2].coef_[:] *= 2
        assert_allclose(model.margins(X), margins_of_learners(model, X))


def test_a_constant_learner_among_linear_ones(groups):
    X, y = groups
    Y = np.column_stack([y == 0, np.ones(len(y), bool), y > 1]).astype(int)
    model = OneVsAllClassifier(LogisticRegression()).fit(X, Y)
    for k in (0, 2):
        alone = LogisticRegression().fit(X, Y[:, k])
        assert_allclose(model.margins(X)[:, k], alone.decision_function(X), rtol=1e-6)
    assert np.ptp(model.margins(X)[:, 1]) == 0


def test_rows_are_checked_all_the_same(groups, reduction):
    X, y = groups
    model = reduction(LogisticRegression(), random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="NaN"):
        model.predict(np.full_like(X, np.nan))
    assert_array_equal(model.predict((2 * X).astype(int)), model.predict((2 * X).astype(int) * 1.0))
