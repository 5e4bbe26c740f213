"""Where scikit-learn has the same reduction with the same base, the two agree."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import multiclass
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skmlp import (
    ECOCClassifier,
    OneVsAllClassifier,
    OneVsOneClassifier,
    SoftmaxRegression,
    TreeReductionClassifier,
)
from skmlp.reductions.code import CodeMatrix

logistic = LogisticRegression(solver="newton-cholesky")
machine = LinearSVC(random_state=0)
bayes = GaussianNB()
deep = DecisionTreeClassifier(random_state=0)
shallow = DecisionTreeClassifier(max_depth=3, random_state=0)

linear = pytest.mark.parametrize("base", [logistic, machine], ids=lambda base: type(base).__name__)


@pytest.fixture(scope="module")
def digits():
    """Rows of the ten digits, and others to predict on."""
    X, y = load_digits(return_X_y=True)
    X = X[:, ::3] / 16
    return X[:400], y[:400], X[400:800]


# One-vs-all


@linear
@pytest.mark.parametrize("name", ["groups", "two_groups"])
def test_one_vs_all_of_linear_bases(base, name, request):
    X, y = request.getfixturevalue(name)
    labels = np.array(["c", "a", "d", "b"])[y]
    ours = OneVsAllClassifier(base).fit(X, labels)
    theirs = multiclass.OneVsRestClassifier(base).fit(X, labels)
    assert_allclose(ours.decision_function(X), theirs.decision_function(X), rtol=1e-10, atol=1e-12)
    assert_array_equal(ours.predict(X), theirs.predict(X))


@linear
def test_one_vs_all_of_ten_classes(base, digits):
    X, y, rows = digits
    ours = OneVsAllClassifier(base).fit(X, y)
    theirs = multiclass.OneVsRestClassifier(base).fit(X, y)
    assert_array_equal(ours.predict(rows), theirs.predict(rows))


def test_one_vs_all_of_trees_but_for_ties(digits):
    X, y, rows = digits
    ours = OneVsAllClassifier(deep).fit(X, y)
    theirs = multiclass.OneVsRestClassifier(deep).fit(X, y)
    scores = ours.decision_function(rows)
    is_tie = (scores == scores.max(axis=1, keepdims=True)).sum(axis=1) > 1
    assert 0.1 < is_tie.mean() < 0.9
    assert_array_equal(ours.predict(rows)[~is_tie], theirs.predict(rows)[~is_tie])
    # Of several classes with the same score we take the first, scikit-learn 1.6 took the last.
    assert_array_equal(ours.predict(rows), scores.argmax(axis=1))


@pytest.mark.parametrize("base", [logistic, bayes, deep], ids=lambda base: type(base).__name__)
def test_probabilities_of_one_vs_all(base, digits):
    X, y, rows = digits
    ours = OneVsAllClassifier(base).fit(X, y)
    theirs = multiclass.OneVsRestClassifier(base).fit(X, y)
    P = ours.predict_proba(rows)
    assert_allclose(P.sum(axis=1), 1)
    # Where every learner says no, scikit-learn divides by zero.
    said = np.column_stack([learner.predict_proba(rows)[:, 1] for learner in ours.estimators_])
    some_yes = said.any(axis=1)
    assert_allclose(P[some_yes], theirs.predict_proba(rows[some_yes]), rtol=1e-9, atol=1e-300)
    assert_allclose(P[~some_yes], 0.1)
    assert some_yes.all() == (base is not deep)


# One-vs-one


@linear
def test_one_vs_one_of_linear_bases(base, groups):
    X, y = groups
    labels = np.array(["c", "a", "d", "b"])[y]
    ours = OneVsOneClassifier(base).fit(X, labels)
    theirs = multiclass.OneVsOneClassifier(base).fit(X, labels)
    assert_allclose(ours.decision_function(X), theirs.decision_function(X), rtol=1e-10, atol=1e-12)
    assert_array_equal(ours.predict(X), theirs.predict(X))


@linear
def test_one_vs_one_of_two_classes(base, two_groups):
    # The scores differ: ours is the margin of the learner itself, scikit-learn's a count of votes.
    X, y = two_groups
    ours = OneVsOneClassifier(base).fit(X, y)
    theirs = multiclass.OneVsOneClassifier(base).fit(X, y)
    assert_allclose(ours.decision_function(X), base.fit(X, y).decision_function(X), rtol=1e-10)
    assert_array_equal(ours.predict(X), theirs.predict(X))


@linear
def test_one_vs_one_of_ten_classes(base, digits):
    X, y, rows = digits
    ours = OneVsOneClassifier(base).fit(X, y)
    theirs = multiclass.OneVsOneClassifier(base).fit(X, y)
    assert_allclose(ours.decision_function(rows), theirs.decision_function(rows), rtol=1e-10)
    assert_array_equal(ours.predict(rows), theirs.predict(rows))


def test_one_vs_one_of_trees_but_for_ties(digits):
    X, y, rows = digits
    ours = OneVsOneClassifier(deep).fit(X, y)
    theirs = multiclass.OneVsOneClassifier(deep).fit(X, y)
    # What comes after the votes differs: scikit-learn adds up the probabilities p of a base without
    # decision_function as if they were margins, we 2 p - 1.
    votes = np.round(ours.decision_function(rows))
    assert_array_equal(votes, np.round(theirs.decision_function(rows)))
    assert_array_equal(votes.sum(axis=1), 45)
    is_tie = (votes == votes.max(axis=1, keepdims=True)).sum(axis=1) > 1
    assert 0 < is_tie.mean() < 0.5
    assert_array_equal(ours.predict(rows)[~is_tie], theirs.predict(rows)[~is_tie])


# Codes


@pytest.mark.parametrize("base", [machine, bayes, shallow], ids=lambda base: type(base).__name__)
def test_output_codes_with_their_own_code_book(base, digits):
    # The nearest word to margins, or to probabilities between words of 0 and 1, is that of least
    # squared loss.
    X, y, rows = digits
    theirs = multiclass.OutputCodeClassifier(base, code_size=2.5, random_state=0).fit(X, y)
    book = 2 * (theirs.code_book_ > 0) - 1
    ours = ECOCClassifier(base, code=book, decoding="squared").fit(X, y)
    assert_array_equal(ours.predict(rows), theirs.predict(rows))
    assert ours.predict(rows).tolist() != theirs.predict(X).tolist()


def test_the_codes_of_one_vs_all_and_one_vs_one_are_those_reductions(groups):
    X, y = groups
    one_vs_all = OneVsAllClassifier(logistic).fit(X, y)
    by_code = ECOCClassifier(logistic, code="one_vs_all", decoding="argmax").fit(X, y)
    assert_array_equal(by_code.decision_function(X), one_vs_all.decision_function(X))
    one_vs_one = OneVsOneClassifier(logistic).fit(X, y)
    by_code = ECOCClassifier(logistic, code="one_vs_one", decoding="votes").fit(X, y)
    assert_array_equal(by_code.decision_function(X), one_vs_one.decision_function(X))


def test_the_code_of_a_tree_asks_the_questions_of_the_tree(groups):
    X, y = groups
    tree = TreeReductionClassifier(logistic).fit(X, y)
    by_code = ECOCClassifier(logistic, code=tree.code_).fit(X, y)
    assert by_code.code_ == CodeMatrix(np.asarray(tree.tree_.code()))
    assert_array_equal(by_code.margins(X), tree.margins(X))


# A base with a joint fit


class OneByOne(SoftmaxRegression):
    fit_code = None


@pytest.mark.parametrize("name", ["groups", "two_groups"])
@pytest.mark.parametrize("with_weights", [False, True])
def test_a_joint_fit_finds_what_fits_one_by_one_find(reduction, name, with_weights, request):
    X, y = request.getfixturevalue(name)
    weight = np.linspace(0, 2, len(y)) if with_weights else None
    joint, one_by_one = (
        reduction(base(0.01, tol=1e-14), random_state=0).fit(X, y, sample_weight=weight)
        for base in (SoftmaxRegression, OneByOne)
    )
    assert_allclose(joint.margins(X), one_by_one.margins(X), rtol=1e-6, atol=1e-6)
    for a, b in zip(joint.estimators_, one_by_one.estimators_, strict=True):
        assert_allclose(a.coef_, b.coef_, rtol=1e-6, atol=1e-6)
