"""Clones, searches, nested reductions and routed metadata: the company of scikit-learn."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmlp import (
    ECOCClassifier,
    OneVsAllClassifier,
    OneVsOneClassifier,
    SoftmaxRegression,
    TreeReductionClassifier,
)
from skmlp.reductions.code import CodeMatrix
from skmlp.reductions.decoding import LossDecoder, RandomYes
from skmlp.reductions.tree import ClassTree

logistic = LogisticRegression(solver="newton-cholesky")


# Parameters


def test_a_clone_has_equal_parameters_of_its_own():
    code = CodeMatrix.one_vs_all(4)
    model = ECOCClassifier(SoftmaxRegression(0.3), decoding=LossDecoder("hinge"), code=code)
    copied = clone(model)
    assert copied.code == code
    assert copied.decoding == model.decoding
    copied.set_params(decoding__loss="squared", estimator__alpha=1.0)
    assert model.decoding == LossDecoder("hinge")
    assert model.estimator.alpha == 0.3

    tree = TreeReductionClassifier(logistic, tree=ClassTree.balanced(4))
    assert clone(tree).tree == tree.tree


def test_parameters_within_a_name_can_be_set():
    model = OneVsAllClassifier(clone(logistic), decoding="squared")
    model.set_params(decoding__normalize=False)
    assert model.decoding == LossDecoder("squared", normalize=False)
    model.set_params(decoding="random_yes", decoding__seed=3, estimator__C=2.0)
    assert model.decoding == RandomYes(3)
    assert model.estimator.C == 2.0
    with pytest.raises(ValueError, match="parameter of RandomYes must be one of"):
        model.set_params(decoding__loss="hinge")


def test_the_parameters_of_the_base_are_parameters(reduction):
    model = reduction(SoftmaxRegression(alpha=0.5), random_state=3)
    assert model.get_params()["estimator__alpha"] == 0.5
    assert model.set_params(estimator__alpha=2.0).estimator.alpha == 2.0
    text = re.sub(r"\s+", " ", repr(model))
    assert text == f"{reduction.__name__}(estimator=SoftmaxRegression(alpha=2.0), random_state=3)"


# Searches

GRIDS = [
    (OneVsAllClassifier, {"decoding": ["argmax", "probability"], "coupling": ["softmax"]}),
    (OneVsAllClassifier, {"estimator__alpha": [1e-3, 10.0], "tie_break": ["random"]}),
    (OneVsOneClassifier, {"coupling": ["wu_lin_weng", "hastie_tibshirani"]}),
    (OneVsOneClassifier, {"decoding": ["votes", "hinge", LossDecoder("linear")]}),
    (ECOCClassifier, {"code": ["dense", "sparse", "hadamard", CodeMatrix.exhaustive(4)]}),
    (ECOCClassifier, {"decoding": ["logistic"], "decoding__loss": ["hinge", "squared"]}),
    (ECOCClassifier, {"n_symbols": [2, 3], "code_size": [1, 2]}),
    (TreeReductionClassifier, {"tree": ["balanced", "huffman", ((0, 3), (1, 2))]}),
    (TreeReductionClassifier, {"tree": ["random"], "n_trees": [1, 3], "decoding": ["greedy"]}),
]


@pytest.mark.parametrize(("kind", "grid"), GRIDS)
def test_grids(groups, kind, grid):
    X, y = groups
    model = kind(SoftmaxRegression(0.01), random_state=0)
    before = repr(model)
    search = GridSearchCV(model, grid, cv=3, scoring="neg_log_loss", error_score="raise")
    search.fit(X, y)
    assert repr(model) == before
    best, scores = search.best_estimator_, search.cv_results_["mean_test_score"]
    assert (scores < 0).all()
    assert len(scores) == np.prod([len(values) for values in grid.values()])
    # All but the decoding is a matter of probabilities.
    assert len(set(scores)) > 1 or "decoding" in grid
    expected = clone(model).set_params(**search.best_params_).fit(X, y)
    assert_array_equal(best.predict_proba(X), expected.predict_proba(X))


def test_a_search_finds_the_better_alpha(groups, reduction):
    X, y = groups
    model = reduction(SoftmaxRegression(), random_state=0)
    grid = {"estimator__alpha": [100.0, 0.01]}
    search = GridSearchCV(model, grid, cv=3, scoring="neg_log_loss").fit(X, y)
    assert search.best_params_ == {"estimator__alpha": 0.01}
    assert search.best_estimator_.estimators_[0].alpha == 0.01


def test_folds_that_lack_a_class(groups, reduction):
    X, y = groups
    y = y.copy()
    y[np.flatnonzero(y == 3)[1:]] = 2
    model = reduction(logistic, classes=range(4), random_state=0)
    with pytest.warns(UserWarning, match="least populated class"):
        scores = cross_val_score(model, X, y, cv=StratifiedKFold(3), error_score="raise")
    assert (scores > 0.5).all()


def test_searches_in_two_jobs(groups):
    X, y = groups
    model = ECOCClassifier(SGDClassifier(), random_state=0)
    grid = {"code": ["dense", "sparse"], "estimator__alpha": [1e-4, 1e-1]}
    one, two = (GridSearchCV(model, grid, cv=3, n_jobs=n_jobs).fit(X, y) for n_jobs in (1, 2))
    assert_array_equal(two.cv_results_["mean_test_score"], one.cv_results_["mean_test_score"])


# Reductions in pipelines in searches in reductions


def test_a_reduction_in_a_pipeline_in_a_search_in_a_reduction(groups):
    X, y = groups
    inner = make_pipeline(StandardScaler(), OneVsOneClassifier(SoftmaxRegression(0.01)))
    search = GridSearchCV(inner, {"onevsoneclassifier__estimator__alpha": [1e-3, 1.0]}, cv=2)
    model = ECOCClassifier(search, n_symbols=3, code_size=1, random_state=0).fit(X, y)
    for learner in model.estimators_:
        assert learner.best_estimator_[-1].n_problems_ in (1, 3)
    P = model.predict_proba(X)
    assert_allclose(P.sum(axis=1), 1)
    assert model.score(X, y) > 0.6


@pytest.mark.parametrize("inner", [OneVsAllClassifier, OneVsOneClassifier, ECOCClassifier])
def test_two_classes_pass_through_any_reduction(groups, reduction, inner):
    X, y = groups
    plain = reduction(logistic, random_state=0).fit(X, y)
    nested = reduction(inner(logistic, random_state=0), random_state=0).fit(X, y)
    assert_allclose(nested.predict_proba(X), plain.predict_proba(X), rtol=1e-6, atol=1e-9)
    assert_array_equal(nested.predict(X), plain.predict(X))


# Metadata


class Counts(GaussianNB):
    """Takes weights and, for nothing, one more number a row."""

    def fit(self, X, y, sample_weight=None, ages=None, unit="year"):
        self.ages_, self.unit_ = ages, unit
        return super().fit(X, y, sample_weight)


@pytest.fixture
def routing():
    with config_context(enable_metadata_routing=True):
        yield


@pytest.mark.usefixtures("routing")
def test_metadata_reach_the_learners_of_a_pipeline(groups):
    X, y = groups
    weight, ages = np.linspace(0.5, 1, len(y)), np.arange(len(y))
    base = Counts().set_fit_request(sample_weight=True, ages=True, unit=True)
    scaler = StandardScaler().set_fit_request(sample_weight=False)
    model = OneVsOneClassifier(make_pipeline(scaler, base))
    model.fit(X, y, sample_weight=weight, ages=ages, unit="month")
    pairs = [(i, j) for i in range(4) for j in range(i + 1, 4)]
    for (i, j), learner in zip(pairs, model.estimators_, strict=True):
        kept = np.isin(y, [i, j])
        assert_array_equal(learner[-1].ages_, ages[kept])
        assert learner[-1].unit_ == "month"
        scaled = StandardScaler().fit_transform(X[kept])
        alone = GaussianNB().fit(scaled, y[kept] == j, weight[kept])
        assert_allclose(learner[-1].theta_, alone.theta_)


@pytest.mark.usefixtures("routing")
def test_weights_are_routed_by_the_request_of_the_base(groups, reduction):
    X, y = groups
    weight = np.linspace(0.1, 1, len(y))
    base = GaussianNB().set_fit_request(sample_weight=True)
    model = reduction(base, random_state=0).fit(X, y, sample_weight=weight)
    with config_context(enable_metadata_routing=False):
        expected = reduction(GaussianNB(), random_state=0).fit(X, y, sample_weight=weight)
    assert_allclose(model.predict_proba(X), expected.predict_proba(X))

    # Who does not want weights gets none; who has not been asked is an error.
    without = reduction(GaussianNB().set_fit_request(sample_weight=False), random_state=0)
    with pytest.raises((ValueError, TypeError), match="sample_weight"):
        without.fit(X, y, sample_weight=weight)
    with pytest.raises(ValueError, match="sample_weight"):
        reduction(GaussianNB(), random_state=0).fit(X, y, sample_weight=weight)


@pytest.mark.usefixtures("routing")
def test_weights_arrive_in_a_search_over_a_reduction_of_a_pipeline(groups):
    X, y = groups
    weight = np.linspace(0.1, 1, len(y))
    base = LogisticRegression(solver="newton-cholesky").set_fit_request(sample_weight=True)
    scaler = StandardScaler().set_fit_request(sample_weight=False)
    model = OneVsAllClassifier(make_pipeline(scaler, base))
    model.set_score_request(sample_weight=True)
    grid = {"estimator__logisticregression__C": [0.01, 1.0]}
    scorer = get_scorer("neg_log_loss").set_score_request(sample_weight=True)
    search = GridSearchCV(model, grid, cv=3, scoring=scorer).fit(X, y, sample_weight=weight)
    best = search.best_estimator_
    scaled = StandardScaler().fit_transform(X)
    for k, learner in enumerate(best.estimators_):
        alone = clone(learner[-1]).fit(scaled, y == k, sample_weight=weight)
        assert_allclose(learner[-1].coef_, alone.coef_, rtol=1e-6)


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize(
    "options",
    [
        {"calibrate": "sigmoid", "cv": 2},
        {"calibrate_whole": True, "cv": 2},
        {"tree": "best_of", "n_candidates": 2},
        {"tree": "random_pair"},
    ],
)
def test_weights_are_routed_through_all_that_is_fitted_on_the_way(groups, options):
    X, y = groups
    weight = np.linspace(0.1, 1, len(y))
    base = GaussianNB().set_fit_request(sample_weight=True)
    model = TreeReductionClassifier(base, random_state=0, **options)
    routed = model.fit(X, y, sample_weight=weight).predict_proba(X)
    with config_context(enable_metadata_routing=False):
        plain = clone(model).set_params(estimator=GaussianNB()).fit(X, y, sample_weight=weight)
    assert_allclose(routed, plain.predict_proba(X))


@pytest.mark.usefixtures("routing")
def test_partial_fits_route_weights(groups, reduction):
    X, y = groups
    weight = np.linspace(0.1, 1, len(y))
    base = GaussianNB().set_partial_fit_request(sample_weight=True)
    model = reduction(base, random_state=0)
    model.partial_fit(X, y, classes=range(4), sample_weight=weight)
    with config_context(enable_metadata_routing=False):
        plain = reduction(GaussianNB(), random_state=0)
        plain.partial_fit(X, y, classes=range(4), sample_weight=weight)
    assert_allclose(model.predict_proba(X), plain.predict_proba(X))


def test_without_routing_a_pipeline_gets_no_weights(groups):
    X, y = groups
    model = OneVsAllClassifier(make_pipeline(SelectKBest(k=2), logistic))
    message = r"(?s)^sample_weight must be None .* enable metadata routing: sklearn\.set_config"
    with pytest.raises(ValueError, match=message):
        model.fit(X, y, sample_weight=np.ones(len(y)))
    assert model.fit(X, y).score(X, y) > 0.4
