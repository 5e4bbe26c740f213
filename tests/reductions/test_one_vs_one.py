"""From the learners of pairs to votes and to probabilities."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC

from skmlp import OneVsOneClassifier
from skmlp.reductions.coupling import hastie_tibshirani, wu_lin_weng

logistic = LogisticRegression(solver="newton-cholesky")
PAIRS = [(i, j) for i in range(4) for j in range(i + 1, 4)]


def pair_probabilities(model, X):
    return np.column_stack([learner.predict_proba(X)[:, 1] for learner in model.estimators_])


def test_a_positive_margin_speaks_for_the_second_of_a_pair(groups):
    X, y = groups
    model = OneVsOneClassifier(logistic).fit(X, y)
    assert_array_equal(model.class_pairs_, PAIRS)
    margins = model.margins(X)
    for (i, j), margin in zip(PAIRS, margins.T, strict=True):
        assert margin[y == j].mean() > 0 > margin[y == i].mean()


@pytest.mark.parametrize("base", [logistic, LinearSVC(), GaussianNB()])
def test_votes_are_counted(groups, base):
    X, y = groups
    model = OneVsOneClassifier(base).fit(X, y)
    votes = np.zeros((len(y), 4))
    for (i, j), margin in zip(PAIRS, model.margins(X).T, strict=True):
        votes[:, i] += margin < 0
        votes[:, j] += margin > 0
    assert_array_equal(np.round(model.decision_function(X)), votes)
    assert_array_equal(np.take_along_axis(votes, model.predict(X)[:, None], 1)[:, 0], votes.max(1))


@pytest.mark.parametrize("with_weights", [False, True])
def test_couplings(groups, with_weights):
    X, y = groups
    # Classes of a very different weight make it visible that pairs count by their weights.
    weight = np.where(y == 1, 50.0, 1.0) if with_weights else None
    model = OneVsOneClassifier(logistic).fit(X, y, sample_weight=weight)
    R = pair_probabilities(model, X)
    assert_allclose(model.predict_proba(X), wu_lin_weng(R, 4), rtol=1e-6)

    model.set_params(coupling="hastie_tibshirani").fit(X, y, sample_weight=weight)
    totals = np.bincount(y, weight)
    of_pairs = [totals[i] + totals[j] for i, j in PAIRS]
    P = model.predict_proba(X)
    assert_allclose(P, hastie_tibshirani(R, 4, of_pairs), rtol=1e-5, atol=1e-7)
    assert np.abs(P - hastie_tibshirani(R, 4)).max() > 1e-3


def test_the_model_of_hastie_and_tibshirani_keeps_the_mean_of_each_class(groups):
    # In the minimum the pairs say on average what the probabilities say, for every class:
    # sum_j n_ij r_ij = sum_j n_ij p_i / (p_i + p_j).
    X, y = groups
    model = OneVsOneClassifier(logistic, coupling="hastie_tibshirani").fit(X, y)
    R, P, counts = pair_probabilities(model, X), model.predict_proba(X), np.bincount(y)
    said, expected = np.zeros((2, *P.shape))
    for (i, j), r in zip(PAIRS, R.T, strict=True):
        n, p = counts[i] + counts[j], P[:, j] / (P[:, i] + P[:, j])
        said[:, i] += n * (1 - r)
        said[:, j] += n * r
        expected[:, i] += n * (1 - p)
        expected[:, j] += n * p
    assert_allclose(said, expected, rtol=1e-3)
