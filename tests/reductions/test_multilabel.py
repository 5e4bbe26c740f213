"""One-vs-all where a row may have several labels, or none."""

import pickle

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import make_multilabel_classification
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skmlp import OneVsAllClassifier, SoftmaxRegression

logistic = LogisticRegression(solver="newton-cholesky")


@pytest.fixture(scope="module")
def topics():
    """Rows with any number of four topics."""
    X, Y = make_multilabel_classification(
        n_samples=120, n_features=6, n_classes=4, n_labels=2, random_state=0
    )
    assert set(Y.sum(axis=1)) == {0, 1, 2, 3, 4}
    return X / X.std(axis=0), Y


@pytest.mark.parametrize("base", [logistic, LinearSVC(random_state=0), GaussianNB()])
def test_scikit_learn_finds_the_same(topics, base):
    X, Y = topics
    ours = OneVsAllClassifier(base).fit(X, Y)
    theirs = OneVsRestClassifier(base).fit(X, Y)
    assert ours.multilabel_
    assert_array_equal(ours.predict(X), theirs.predict(X))
    assert ours.score(X, Y) == theirs.score(X, Y)
    if hasattr(base, "decision_function"):
        assert_allclose(ours.decision_function(X), theirs.decision_function(X), rtol=1e-9)
    if hasattr(base, "predict_proba"):
        assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-9)


def test_each_label_is_a_problem_of_its_own(topics):
    X, Y = topics
    model = OneVsAllClassifier(SoftmaxRegression(tol=1e-10)).fit(X, Y)
    alone = MultiOutputClassifier(SoftmaxRegression(tol=1e-10)).fit(X, Y)
    assert_array_equal(model.predict(X), alone.predict(X))
    for k, P in enumerate(alone.predict_proba(X)):
        assert_allclose(model.predict_proba(X)[:, k], P[:, 1], rtol=1e-6)
    assert_allclose(model.predict_log_proba(X), np.log(model.predict_proba(X)))
    assert_array_equal(model.predict(X), model.decision_function(X) > 0)


@pytest.mark.parametrize("container", [sp.csr_array, sp.csc_array, sp.csr_matrix, sp.lil_array])
def test_sparse_indicators(topics, container):
    X, Y = topics
    model = OneVsAllClassifier(logistic).fit(X, Y)
    expected = model.predict_proba(X)
    assert_array_equal(model.fit(X, container(Y)).predict_proba(X), expected)


@pytest.mark.parametrize("dtype", [bool, float, np.uint8])
def test_indicators_of_any_type(topics, dtype):
    X, Y = topics
    model = OneVsAllClassifier(logistic).fit(X, Y)
    expected = model.predict_proba(X)
    assert_array_equal(model.fit(X, Y.astype(dtype)).predict_proba(X), expected)
    assert set(model.predict(X).ravel()) == {0, 1}


@pytest.mark.parametrize(
    "base",
    [
        logistic,
        LinearSVC(),
        GaussianNB(),
        SoftmaxRegression(),
        DecisionTreeClassifier(),
        VotingClassifier([("tree", DecisionTreeClassifier())]),
    ],
    ids=lambda base: type(base).__name__,
)
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_labels_that_all_rows_have_or_none(topics, base, n_jobs):
    X, Y = topics
    Y = np.column_stack([Y[:, 0], np.ones(len(Y), int), Y[:, 1], np.zeros(len(Y), int)])
    with joblib.parallel_config("threading"):
        model = OneVsAllClassifier(base, n_jobs=n_jobs).fit(X, Y)
    predicted = model.predict(X)
    assert_array_equal(predicted[:, 1], 1)
    assert_array_equal(predicted[:, 3], 0)
    others = OneVsAllClassifier(base).fit(X, Y[:, [0, 2]])
    if type(base) is not DecisionTreeClassifier:
        assert_array_equal(predicted[:, [0, 2]], others.predict(X))
    if hasattr(base, "predict_proba"):
        P = model.predict_proba(X)
        assert (P[:, 1] > 0.5).all()
        assert (P[:, 3] < 0.5).all()


def test_a_label_that_all_rows_of_positive_weight_have(topics):
    X, Y = topics
    model = OneVsAllClassifier(logistic).fit(X, Y, sample_weight=Y[:, 2])
    assert_array_equal(model.predict(X)[:, 2], 1)


def test_weights_reach_the_learners(topics):
    X, Y = topics
    counts = np.arange(len(Y)) % 3
    weighted = OneVsAllClassifier(logistic).fit(X, Y, sample_weight=counts)
    repeated = OneVsAllClassifier(logistic).fit(np.repeat(X, counts, 0), np.repeat(Y, counts, 0))
    assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), rtol=1e-5)


def test_names_of_the_labels_are_those_of_the_columns(topics):
    X, Y = topics
    model = OneVsAllClassifier(logistic).fit(X, Y)
    assert_array_equal(model.classes_, range(4))
    expected = model.decision_function(X)
    model = OneVsAllClassifier(logistic, classes=["war", "art", "law", "sea"]).fit(X, Y)
    assert_array_equal(model.decision_function(X), expected)
    best = np.array(["war", "art", "law", "sea"])[expected.argmax(axis=1)]
    assert_array_equal(model.predict_top_k(X, 1)[:, 0], best)


def test_classes_must_name_every_column(topics):
    X, Y = topics
    message = r"^classes must list one label for each of the 4 columns of y, got 3\.$"
    with pytest.raises(ValueError, match=message):
        OneVsAllClassifier(logistic, classes=["a", "b", "c"]).fit(X, Y)


def test_indicators_are_zeros_and_ones(topics):
    X, Y = topics
    for wrong in (Y + 1, 2 * Y - 1, 2 * Y, sp.csr_array(2 * Y)):
        with pytest.raises(ValueError, match=r"^y must "):
            OneVsAllClassifier(logistic).fit(X, wrong)


def test_top_labels(topics):
    X, Y = topics
    model = OneVsAllClassifier(logistic).fit(X, Y)
    F = model.decision_function(X)
    top = model.predict_top_k(X, 3)
    assert top.shape == (len(X), 3)
    found = np.take_along_axis(F, top, axis=1)
    assert_array_equal(found, np.sort(F, axis=1)[:, ::-1][:, :3])


def test_labels_are_calibrated(topics):
    X, Y = topics
    model = OneVsAllClassifier(LinearSVC(), calibrate="sigmoid", cv=3).fit(X, Y)
    P = model.predict_proba(X)
    assert P.shape == Y.shape
    assert ((P > 0) & (P < 1)).all()
    assert_allclose(P.mean(axis=0), Y.mean(axis=0), atol=0.05)


def test_probabilities_need_a_base_that_has_them(topics):
    X, Y = topics
    # The softmax of several labels that are not exclusive is no probability.
    model = OneVsAllClassifier(LinearSVC(), coupling="softmax").fit(X, Y)
    assert not hasattr(model, "predict_proba")
    assert model.predict(X).shape == Y.shape


def test_partial_fits(topics):
    X, Y = topics
    base = SGDClassifier(loss="log_loss", random_state=0, shuffle=False)
    model = OneVsAllClassifier(base)
    alone = MultiOutputClassifier(base)
    for rows in (slice(0, 60), slice(60, 120)):
        model.partial_fit(X[rows], Y[rows], classes=range(4))
        alone.partial_fit(X[rows], Y[rows], classes=4 * [[0, 1]])
    for ours, other in zip(model.estimators_, alone.estimators_, strict=True):
        assert_allclose(ours.coef_, other.coef_)
    assert_array_equal(model.predict(X), alone.predict(X))


def test_names_of_labels_in_any_order_through_partial_fits(topics):
    X, Y = topics
    names = ["sport", "art", "law", "food"]
    base = SGDClassifier(loss="log_loss", random_state=0, shuffle=False)
    model = OneVsAllClassifier(base).partial_fit(X, Y, classes=names)
    model.partial_fit(X, Y, classes=names)
    assert model.classes_.tolist() == names
    twice = OneVsAllClassifier(base).partial_fit(X, Y, classes=range(4)).partial_fit(X, Y)
    assert_array_equal(model.decision_function(X), twice.decision_function(X))


def test_labels_and_indicators_do_not_take_turns(topics):
    X, Y = topics
    base = SGDClassifier(loss="log_loss", random_state=0)
    message = r"^y must be of the same kind in every call to partial_fit, .*, got labels\.$"
    model = OneVsAllClassifier(base).partial_fit(X, Y, classes=range(4))
    expected = model.decision_function(X)
    with pytest.raises(ValueError, match=message):
        model.partial_fit(X, Y.argmax(axis=1))
    assert_array_equal(model.decision_function(X), expected)
    model = OneVsAllClassifier(base).partial_fit(X, Y.argmax(axis=1), classes=range(4))
    with pytest.raises(ValueError, match=message.replace("got labels", "got a matrix")):
        model.partial_fit(X, Y)


def test_pickles_and_cross_validation(topics):
    X, Y = topics
    model = OneVsAllClassifier(logistic).fit(X, Y)
    other = pickle.loads(pickle.dumps(model))
    assert_array_equal(other.decision_function(X), model.decision_function(X))
    assert (cross_val_score(model, X, Y, cv=3, scoring="f1_micro") > 0.5).all()


def test_a_fit_on_one_label_a_row_follows(topics):
    X, Y = topics
    model = OneVsAllClassifier(logistic).fit(X, Y).fit(X, Y.argmax(axis=1))
    assert not model.multilabel_
    assert model.predict(X).shape == (len(X),)
    assert_allclose(model.predict_proba(X).sum(axis=1), 1)
