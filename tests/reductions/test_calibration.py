"""Probabilities that are calibrated: learner by learner, or as a whole."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skmlp import OneVsAllClassifier, OneVsOneClassifier, TreeReductionClassifier, cross_entropy

machine = LinearSVC(random_state=0)
logistic = LogisticRegression(solver="newton-cholesky")


@pytest.fixture(scope="module")
def overconfident():
    """Rows to train and rows to test on, on which naive Bayes is sure and often wrong.

    It takes five copies of the same evidence for independent.
    """
    rng = np.random.default_rng(0)
    y = rng.integers(4, size=900)
    X = np.tile(rng.normal(size=(4, 3))[y] + 1.2 * rng.normal(size=(900, 3)), 5)
    return X[:300], y[:300], X[300:], y[300:]


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("base", [machine, GaussianNB()], ids=lambda base: type(base).__name__)
def test_each_learner_is_calibrated_on_the_rows_of_its_problem(groups, base, method):
    X, y = groups
    weight = np.linspace(0.5, 1, len(y))
    model = OneVsOneClassifier(base, calibrate=method, cv=3).fit(X, y, sample_weight=weight)
    pairs = [(i, j) for i in range(4) for j in range(i + 1, 4)]
    for (i, j), learner in zip(pairs, model.estimators_, strict=True):
        rows = np.isin(y, [i, j])
        alone = CalibratedClassifierCV(base, method=method, cv=StratifiedKFold(3), ensemble=False)
        alone.fit(X[rows], y[rows] == j, sample_weight=weight[rows])
        assert_allclose(learner.predict_proba(X), alone.predict_proba(X))
    P = model.predict_proba(X)
    assert_allclose(P.sum(axis=1), 1)
    assert_array_equal(model.set_params(decoding="probability").predict(X), P.argmax(axis=1))


def test_a_base_without_probabilities_gets_them(groups, reduction):
    X, y = groups
    model = reduction(machine, calibrate="sigmoid", random_state=0).fit(X, y)
    P = model.predict_proba(X)
    assert P.shape == (len(y), 4)
    assert_allclose(P.sum(axis=1), 1)
    assert_allclose(model.predict_log_proba(X), np.log(P))
    assert log_loss(y, P) < 0.8 * np.log(4)


def test_calibration_makes_probabilities_better(overconfident, reduction):
    X, y, X_test, y_test = overconfident
    plain, calibrated = (
        reduction(GaussianNB(), calibrate=how, random_state=0).fit(X, y)
        for how in (None, "sigmoid")
    )
    losses = [log_loss(y_test, model.predict_proba(X_test)) for model in (plain, calibrated)]
    assert losses[1] < 0.7 * losses[0]
    assert calibrated.score(X_test, y_test) > plain.score(X_test, y_test) - 0.05


def test_folds_are_as_many_as_the_rarest_label_has_rows(groups):
    X, y = groups
    kept = (y != 3) | (np.cumsum(y == 3) <= 2)
    X, y = X[kept], y[kept]
    model = OneVsOneClassifier(machine, calibrate="sigmoid", cv=4).fit(X, y)
    rows = np.isin(y, [1, 3])
    alone = CalibratedClassifierCV(machine, cv=StratifiedKFold(2), ensemble=False)
    expected = alone.fit(X[rows], y[rows] == 3).predict_proba(X)
    assert_allclose(model.estimators_[4].predict_proba(X), expected)


def test_a_cross_validation_of_ones_own(groups):
    X, y = groups
    folds = KFold(4, shuffle=True, random_state=5)
    model = OneVsAllClassifier(machine, calibrate="sigmoid", cv=folds).fit(X, y)
    alone = CalibratedClassifierCV(machine, cv=folds, ensemble=False).fit(X, y == 2)
    assert_allclose(model.estimators_[2].predict_proba(X), alone.predict_proba(X))


def test_seeds_reach_the_base_within(groups):
    X, y = groups
    base = DecisionTreeClassifier(max_features=1, max_depth=3)
    fits = [
        OneVsAllClassifier(base, calibrate="sigmoid", cv=2, random_state=seed)
        .fit(X, y)
        .predict_proba(X)
        for seed in (0, 0, 1)
    ]
    assert_array_equal(fits[0], fits[1])
    assert (fits[0] != fits[2]).any()


# The temperature of one-vs-all


def out_of_fold_margins(base, X, y, cv):
    F = np.empty((len(y), y.max() + 1))
    for train, test in StratifiedKFold(cv).split(X, y):
        for k in range(F.shape[1]):
            F[test, k] = base.fit(X[train], y[train] == k).decision_function(X[test])
    return F


def test_softmax_of_margins_over_the_best_temperature(groups):
    X, y = groups
    model = OneVsAllClassifier(machine, coupling="softmax", cv=3).fit(X, y)
    F = model.decision_function(X)
    exponentials = np.exp(F / model.temperature_)
    assert_allclose(model.predict_proba(X), exponentials / exponentials.sum(axis=1, keepdims=True))
    F = out_of_fold_margins(machine, X, y, 3)
    losses = [cross_entropy(F / (t * model.temperature_), y) for t in (0.97, 1, 1.03)]
    assert losses[1] < min(losses[0], losses[2])
    assert_array_equal(model.predict(X), model.predict_proba(X).argmax(axis=1))


def test_softmax_of_the_answers_of_a_base_that_has_labels_only(groups):
    X, y = groups
    base = VotingClassifier([("tree", DecisionTreeClassifier(max_depth=3, random_state=0))])
    model = OneVsAllClassifier(base, coupling="softmax").fit(X, y)
    P = model.predict_proba(X)
    assert_allclose(P.sum(axis=1), 1)
    # A label is yes or no, so a class has one of two odds against another that says no.
    assert ((P > 0) & (P < 1)).all()
    assert log_loss(y, P) < np.log(4)


def test_weights_count_for_the_temperature(groups):
    X, y = groups
    rng = np.random.default_rng(0)
    is_noise = np.arange(len(y)) % 2 == 0
    labels = np.where(is_noise, rng.integers(4, size=len(y)), y)
    temperatures = [
        OneVsAllClassifier(logistic, coupling="softmax")
        .fit(X, labels, sample_weight=np.where(is_noise, weight, 1))
        .temperature_
        for weight in (0.01, 100)
    ]
    assert temperatures[1] > 1.5 * temperatures[0]


# Whole trees


def test_a_whole_tree_is_calibrated_without_changing_a_prediction(overconfident):
    X, y, X_test, y_test = overconfident
    plain = TreeReductionClassifier(GaussianNB()).fit(X, y)
    whole = TreeReductionClassifier(GaussianNB(), calibrate_whole=True).fit(X, y)
    assert whole.tree_ == plain.tree_
    assert whole.temperature_ > 1.5
    assert_array_equal(whole.predict(X_test), plain.predict(X_test))
    # The softmax of log-probabilities over a temperature is a power of the probabilities.
    powers = plain.predict_proba(X_test) ** (1 / whole.temperature_)
    P = whole.predict_proba(X_test)
    assert_allclose(P, powers / powers.sum(axis=1, keepdims=True), rtol=1e-6, atol=1e-12)
    assert log_loss(y_test, P) < 0.7 * log_loss(y_test, plain.predict_proba(X_test))
    labels = y_test[::-1]
    chosen = P[np.arange(len(labels)), labels]
    assert_allclose(whole.predict_label_proba(X_test, labels), chosen)
    best = np.take_along_axis(P, whole.predict_top_k(X_test, 4), axis=1)
    assert (np.diff(best) <= 1e-12).all()


@pytest.mark.parametrize(
    "tree",
    [
        (("ant", "bee"), ("cat", "dog")),
        {"ant": "insect", "bee": "insect", "cat": "mammal", "dog": "mammal"},
        "random",
    ],
    ids=["nested", "hierarchy", "random"],
)
def test_whole_trees_of_any_kind_with_labels_of_any_kind(overconfident, tree):
    X, y, X_test, _ = overconfident
    names = np.array(["dog", "cat", "ant", "bee"])
    model = TreeReductionClassifier(
        GaussianNB(), tree=tree, calibrate_whole=True, random_state=0, classes=[*names, "eel"]
    )
    model.fit(X, names[y])
    assert model.temperature_ > 1.5
    plain = TreeReductionClassifier(GaussianNB(), tree=tree, random_state=0).fit(X, names[y])
    assert_array_equal(model.predict(X_test), plain.predict(X_test))


def test_both_learners_and_whole(overconfident):
    X, y, X_test, _ = overconfident
    model = TreeReductionClassifier(GaussianNB(), calibrate="sigmoid", calibrate_whole=True, cv=3)
    model.fit(X, y)
    # The learners are calibrated, so there is little left to do.
    assert 0.5 < model.temperature_ < 2
    assert_allclose(model.predict_proba(X_test).sum(axis=1), 1)


def test_an_ensemble_of_trees_is_calibrated_as_a_whole(overconfident):
    X, y, X_test, y_test = overconfident
    options = {"tree": "random", "n_trees": 3, "random_state": 0}
    plain = TreeReductionClassifier(GaussianNB(), **options).fit(X, y)
    whole = TreeReductionClassifier(GaussianNB(), calibrate_whole=True, **options).fit(X, y)
    assert_array_equal(whole.predict(X_test), plain.predict(X_test))
    losses = [log_loss(y_test, model.predict_proba(X_test)) for model in (plain, whole)]
    assert losses[1] < losses[0]
