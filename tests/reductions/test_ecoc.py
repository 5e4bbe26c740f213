"""Error-correcting output codes: valid always, one's own, and of more than two symbols."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skmlp import ECOCClassifier
from skmlp.reductions.code import CodeMatrix, KaryCode
from skmlp.reductions.decoding import LossDecoder

logistic = LogisticRegression(solver="newton-cholesky")
bayes = GaussianNB()

LOSSES = {
    "hinge": lambda z: np.maximum(1 - z, 0),
    "exponential": lambda z: np.exp(-z),
    "logistic": lambda z: np.log1p(np.exp(-z)),
    "linear": lambda z: -z,
    "squared": lambda z: (1 - z) ** 2,
}


@pytest.fixture(scope="module")
def letters():
    """Twelve classes, 10 rows of each."""
    rng = np.random.default_rng(0)
    y = np.arange(120) % 12
    X = 1.5 * rng.normal(size=(12, 4))[y] + rng.normal(size=(120, 4))
    return X, y


# Codes


@pytest.mark.parametrize("n_classes", [2, 3, 4, 7, 12])
@pytest.mark.parametrize("code", ["dense", "sparse", "exhaustive", "hadamard"])
def test_codes_are_valid_always(letters, n_classes, code):
    X, y = letters
    X, y = X[y < n_classes], y[y < n_classes]
    if code == "exhaustive" and n_classes > 7:
        pytest.skip("2^11 learners")
    for seed in range(3):
        model = ECOCClassifier(bayes, code=code, random_state=seed).fit(X, y)
        M = np.asarray(model.code_)
        assert M.shape == (n_classes, model.n_problems_)
        assert len(model.estimators_) == model.n_problems_
        assert ((M > 0).any(axis=0) & (M < 0).any(axis=0)).all()
        assert len(np.unique(M, axis=0)) == n_classes
        assert model.score(X, y) > 0.5


@pytest.mark.parametrize(
    ("options", "n_problems"),
    [
        ({"code": "dense"}, 36),
        ({"code": "sparse"}, 54),
        ({"code": "dense", "code_size": 1}, 12),
        ({"code": "dense", "code_size": 2.5}, 30),
        ({"code": "sparse", "code_size": 1.5}, 18),
        ({"code": "hadamard"}, 15),
        ({"code": "one_vs_all"}, 12),
        ({"code": "one_vs_one"}, 66),
        ({"code": "dense", "n_symbols": 4, "code_size": 0.5}, 6),
        ({"code": "dense", "n_symbols": 12}, 1),
        ({"code": "dense", "n_symbols": 100}, 1),
    ],
)
def test_numbers_of_problems(letters, options, n_problems):
    # The customary sizes: 10 log2 12 = 35.8 for dense and 15 log2 12 = 53.8 for sparse codes.
    model = ECOCClassifier(bayes, random_state=0, **options).fit(*letters)
    assert model.n_problems_ == len(model.estimators_) == n_problems


def test_there_are_no_more_problems_than_different_ones(letters):
    X, y = letters
    X, y = X[y < 3], y[y < 3]
    for options in ({"code": "dense"}, {"code": "dense", "code_size": 9}, {"code": "exhaustive"}):
        assert ECOCClassifier(bayes, random_state=0, **options).fit(X, y).n_problems_ == 3
    # One class against another, or against both: 3 problems of each kind.
    assert ECOCClassifier(bayes, code="sparse", random_state=0).fit(X, y).n_problems_ == 6


def test_a_code_of_ones_own_says_what_the_learners_tell_apart(letters, spy):
    X, y = letters
    X, y = X[y < 4], y[y < 4]
    code = np.array([[1, 0, -1], [-1, 1, -1], [0, -1, 1], [1, 1, 1]])
    for given in (code, code.tolist(), CodeMatrix(code)):
        spy.fits.clear()
        model = ECOCClassifier(spy(), code=given).fit(X, np.array(list("dacb"))[y])
        assert_array_equal(np.asarray(model.code_), code)
        # Rows of the code are in the order of the sorted labels.
        rank = np.array([3, 0, 2, 1])[y]
        for column, (rows, labels, _) in zip(code.T, spy.fits, strict=True):
            kept = column[rank] != 0
            assert_array_equal(rows, X[kept])
            assert_array_equal(labels, column[rank[kept]] > 0)


def test_a_code_of_ones_own_is_not_changed(letters):
    X, y = letters
    code = 2 * np.eye(12, dtype=int) - 1
    model = ECOCClassifier(bayes, code=code).fit(X, y)
    assert model.code is code
    assert_array_equal(code, 2 * np.eye(12) - 1)


# Decoding


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("code", ["dense", "sparse"])
def test_the_best_word_has_the_least_loss(letters, loss, code):
    X, y = letters
    model = ECOCClassifier(LinearSVC(), code=code, decoding=loss, random_state=0).fit(X, y)
    margins, M = model.margins(X), np.asarray(model.code_)
    losses = LOSSES[loss](M * margins[:, None])
    expected = np.array(
        [[row[word != 0].mean() for row, word in zip(R, M, strict=True)] for R in losses]
    )
    assert_allclose(model.decision_function(X), -expected, rtol=1e-6, atol=1e-12)
    assert_array_equal(model.predict(X), expected.argmin(axis=1))
    top = model.predict_top_k(X, 3)
    found = np.take_along_axis(expected, top, axis=1)
    assert_allclose(found, np.sort(expected, axis=1)[:, :3])


def test_learners_that_err_on_a_class_count_less_for_it(letters):
    X, y = letters
    model = ECOCClassifier(
        LogisticRegression(C=0.01),
        code="sparse",
        decoding=LossDecoder(weighted=True),
        random_state=0,
    ).fit(X, y)
    margins, M = model.margins(X), np.asarray(model.code_)
    right = np.array([((M[k] * margins[y == k]) > 0).mean(axis=0) for k in range(12)])
    shares = right / right.sum(axis=1, keepdims=True)
    losses = np.log1p(np.exp(-M * margins[:, None]))
    assert_allclose(model.decision_function(X), -(losses * shares).sum(axis=2), rtol=1e-6)


def test_a_wrong_learner_does_no_harm():
    # The words of a Hadamard code of 8 classes differ in 4 places: one learner may err.
    X = np.repeat(np.eye(8), 3, axis=0) + 0.01 * np.random.default_rng(0).normal(size=(24, 8))
    y = np.repeat(np.arange(8), 3)
    model = ECOCClassifier(DecisionTreeClassifier(), code="hadamard", decoding="votes").fit(X, y)
    M = np.asarray(model.code_)
    assert model.code_.row_separation == 4
    assert_array_equal(model.predict(X), y)
    for p in range(model.n_problems_):
        right = model.estimators_[p]
        model.estimators_[p] = clone(right).fit(X, M[y, p] < 0)
        assert_array_equal(model.margins(X)[:, p], -M[y, p])
        assert_array_equal(model.predict(X), y)
        model.estimators_[p] = right


@pytest.mark.parametrize("options", [{}, {"n_symbols": 3}, {"code": "one_vs_one"}])
def test_probabilities_that_agree_are_given_back(options):
    # Learners that know the shares of all classes agree on them.
    X, y = np.zeros((120, 1)), np.repeat(np.arange(5), [10, 20, 40, 20, 30])
    options = {"code": "dense", "random_state": 0} | options
    model = ECOCClassifier(DummyClassifier(strategy="prior"), **options).fit(X, y)
    assert_allclose(model.predict_proba(X[:1]), [np.bincount(y) / 120], atol=1e-6)


def test_codes_make_a_weak_base_better(letters):
    X, y = letters
    base = DecisionTreeClassifier(max_depth=4, random_state=0)
    plain = base.fit(X[:60], y[:60]).score(X[60:], y[60:])
    for decoding in ("votes", "logistic", "exponential", "probability"):
        model = ECOCClassifier(base, decoding=decoding, random_state=0).fit(X[:60], y[:60])
        assert model.score(X[60:], y[60:]) > plain + 0.1


# Codes of more than two symbols


class Capped(GaussianNB):
    """Takes three classes and no more."""

    def fit(self, X, y, sample_weight=None):
        if len(np.unique(y)) > 3:
            raise ValueError("there are more than three classes")
        return super().fit(X, y, sample_weight)


@pytest.mark.parametrize(
    "decoding", ["logistic", "votes", "probability", LossDecoder("hinge", weighted=True)]
)
def test_a_base_that_takes_three_classes_learns_twelve(letters, decoding):
    X, y = letters
    names = np.array(list("abcdefghijkl"))[y]
    with pytest.raises(ValueError, match="more than three"):
        Capped().fit(X, names)
    model = ECOCClassifier(
        Capped(), code="dense", n_symbols=3, decoding=decoding, random_state=0
    ).fit(X, names)
    assert isinstance(model.code_, KaryCode)
    assert model.code_.n_symbols == 3
    assert {len(learner.classes_) for learner in model.estimators_} == {3}
    P = model.predict_proba(X)
    assert_allclose(P.sum(axis=1), 1)
    assert model.score(X, names) > 0.7 * bayes.fit(X, names).score(X, names)
    assert model.margins(X).shape == (len(y), 3 * model.n_problems_)


@pytest.mark.parametrize("base", [bayes, logistic, LinearSVC(), KNeighborsClassifier(3)])
def test_margins_of_symbols(letters, base):
    X, y = letters
    table = np.array([[k // 4, k % 4, k % 2] for k in range(12)])
    model = ECOCClassifier(base, code=KaryCode(table)).fit(X, y)
    expected = []
    for column in table.T:
        learner = base.fit(X, column[y])
        if hasattr(base, "decision_function"):
            F = learner.decision_function(X)
            expected.append(np.column_stack([-F, F]) if F.ndim == 1 else F)
        else:
            expected.append(2 * learner.predict_proba(X) - 1)
    assert_allclose(model.margins(X), np.hstack(expected), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    "code", [CodeMatrix.hadamard(12), KaryCode([[k // 4, k % 4, k % 2] for k in range(12)])]
)
def test_margins_of_a_base_that_has_labels_only(letters, code):
    X, y = letters
    tree = DecisionTreeClassifier(max_depth=4, random_state=0)
    base = VotingClassifier([("tree", tree)])
    margins = ECOCClassifier(base, code=code, decoding="votes").fit(X, y).margins(X)
    binary = code.binary if isinstance(code, KaryCode) else code
    assert margins.shape == (len(y), binary.n_problems)
    assert set(margins.ravel()) == {-1, 1}
    assert np.mean(margins == np.asarray(binary)[y]) > 0.7
    if isinstance(code, KaryCode):
        # One of the symbols of each problem is the label.
        for part in np.split(margins, np.cumsum(code.symbols)[:-1], axis=1):
            assert_array_equal((part > 0).sum(axis=1), 1)


def test_symbols_are_decoded_as_the_columns_of_their_indicators(letters):
    X, y = letters
    model = ECOCClassifier(bayes, code="dense", n_symbols=4, random_state=0).fit(X, y)
    signs = np.asarray(model.code_.binary)
    losses = np.log1p(np.exp(-signs * model.margins(X)[:, None]))
    assert_allclose(model.decision_function(X), -losses.mean(axis=2), rtol=1e-6)


def test_a_symbol_for_each_class_is_the_base_itself(letters):
    X, y = letters
    model = ECOCClassifier(bayes, code="dense", n_symbols=12).fit(X, y)
    plain = bayes.fit(X, y)
    assert_allclose(model.predict_proba(X), plain.predict_proba(X), rtol=1e-5, atol=1e-7)
    assert_array_equal(model.predict(X), plain.predict(X))


# Scores of learners


def test_scores_of_the_learners_of_a_binary_code(letters):
    X, y = letters
    weight = np.linspace(0, 1, len(y))
    model = ECOCClassifier(logistic, code="sparse", classes=range(12), random_state=0)
    # The even rows have the even classes.
    found = model.fit(X[::2], y[::2]).score_problems(X, y, weight)
    M = np.asarray(model.code_)
    assert model.code_.n_classes == 6
    assert found.shape == (model.n_problems_,)
    for learner, column, score in zip(model.estimators_, M.T, found, strict=True):
        sign = np.zeros(12)
        sign[::2] = column
        kept = sign[y] != 0
        assert score == pytest.approx(learner.score(X[kept], sign[y[kept]] > 0, weight[kept]))


def test_scores_of_the_learners_of_symbols(letters):
    X, y = letters
    model = ECOCClassifier(bayes, code="dense", n_symbols=3, random_state=0).fit(X, y)
    found = model.score_problems(X, y)
    expected = [
        learner.score(X, column[y])
        for learner, column in zip(model.estimators_, model.code_.K.T, strict=True)
    ]
    assert_allclose(found, expected)
    assert found.min() > 0.4


def test_a_problem_without_a_row_has_no_score(letters):
    X, y = letters
    model = ECOCClassifier(bayes, code="one_vs_one").fit(X, y)
    found = model.score_problems(X[y < 2], y[y < 2])
    # Of the 66 pairs, 45 have neither of the two classes.
    assert np.isnan(found).sum() == 45
    assert found[0] == model.estimators_[0].score(X[y < 2], y[y < 2])
