"""scikit-learn's own checks of estimators, for the reductions of bases of every kind."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted, validate_data

from skmlp import (
    ECOCClassifier,
    OneVsAllClassifier,
    OneVsOneClassifier,
    SoftmaxRegression,
    TreeReductionClassifier,
)
from skmlp.reductions.decoding import LossDecoder


class NearestMean(ClassifierMixin, BaseEstimator):
    """The class with the nearest mean. Of what a classifier may have, it has predict only."""

    def fit(self, X, y, sample_weight=None):
        X, y = validate_data(self, X, y)
        weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight)
        self.classes_ = np.unique(y)
        self.means_ = [np.average(X[y == k], axis=0, weights=weight[y == k]) for k in self.classes_]
        return self

    def predict(self, X):
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)
        distance = [((X - mean) ** 2).sum(axis=1) for mean in self.means_]
        return self.classes_[np.argmin(distance, axis=0)]


# The checks compare fits, hence the small tolerances. There are many, hence quick solvers.
softmax = SoftmaxRegression(tol=1e-12)
logistic = LogisticRegression(solver="newton-cholesky", tol=1e-10)
machine = LinearSVC(random_state=0, tol=1e-10, max_iter=10_000)
bayes = GaussianNB()
nearest = NearestMean()

DEFAULTS = [
    reduction(base, **options)
    for reduction, options in (
        (OneVsAllClassifier, {}),
        (OneVsOneClassifier, {}),
        (ECOCClassifier, {"random_state": 0}),
        (TreeReductionClassifier, {}),
    )
    for base in (softmax, logistic, machine, nearest)
]
VARIANTS = [
    OneVsAllClassifier(machine, coupling="softmax"),
    OneVsAllClassifier(logistic, decoding="squared", tie_break="random", random_state=0),
    OneVsAllClassifier(logistic, calibrate="sigmoid", cv=2),
    OneVsOneClassifier(logistic, coupling="hastie_tibshirani"),
    OneVsOneClassifier(nearest, decoding=LossDecoder("hinge", weighted=True)),
    OneVsOneClassifier(machine, calibrate="isotonic", cv=2, decoding="probability"),
    ECOCClassifier(nearest, code="sparse", decoding="exponential", random_state=0),
    ECOCClassifier(bayes, n_symbols=3, random_state=0),
    ECOCClassifier(machine, code="hadamard", decoding="votes"),
    ECOCClassifier(logistic, code="exhaustive", decoding="probability"),
    TreeReductionClassifier(machine, tree="huffman", decoding="greedy"),
    TreeReductionClassifier(logistic, tree="balanced", calibrate_whole=True, cv=2),
    TreeReductionClassifier(bayes, tree="random", n_trees=3, random_state=0),
    TreeReductionClassifier(nearest, tree="random_balanced", n_trees=3, random_state=0),
    TreeReductionClassifier(bayes, tree="random_pair", random_state=0),
    TreeReductionClassifier(logistic, tree="best_of", n_candidates=2, random_state=0),
]

WEIGHTS = [f"check_sample_weight_equivalence_on_{kind}_data" for kind in ("dense", "sparse")]


def expected_failed_checks(model):
    """Return what a configuration cannot do, and why."""
    options = model.get_params(deep=False)
    whole = options.get("calibrate_whole") or options.get("coupling") == "softmax"
    if model.calibrate is not None or whole:
        reason = "the check wants folds by number of row, but rows of weight 0 are left out"
        return dict.fromkeys(WEIGHTS, reason)
    if options.get("tree") == "best_of":
        return dict.fromkeys(WEIGHTS, "of a row twice, one may be held out")
    return {}


checks = parametrize_with_checks(DEFAULTS + VARIANTS, expected_failed_checks=expected_failed_checks)
# As a list: scikit-learn 1.6 passes a generator, which pytest warns of.
arguments, cases = checks.args


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(arguments, list(cases), **checks.kwargs)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
