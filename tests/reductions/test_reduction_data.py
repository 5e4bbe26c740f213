"""Rows, labels and weights in every shape in which users keep them."""

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.ensemble import StackingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.fixes import parse_version

from skmlp import (
    ECOCClassifier,
    OneVsAllClassifier,
    OneVsOneClassifier,
    SoftmaxRegression,
    TreeReductionClassifier,
)
from skmlp.reductions.code import CodeMatrix, KaryCode
from skmlp.reductions.tree import ClassTree

logistic = LogisticRegression(solver="newton-cholesky")
softmax = SoftmaxRegression(0.01, tol=1e-10)
bases = pytest.mark.parametrize(
    "base",
    [logistic, softmax, GaussianNB()],
    ids=lambda base: type(base).__name__,
)


def answers(model, X):
    return [model.predict_proba(X), model.decision_function(X), model.margins(X)]


def assert_same_answers(a, b):
    for found, expected in zip(a, b, strict=True):
        assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


def same_fit_on(model, X, y, like_X):
    """Assert that X is learned from, and predicted on, as the array that it holds."""
    expected = answers(model.fit(like_X, y), like_X)
    assert_same_answers(answers(model.fit(X, y), X), expected)
    return model


# Rows


@bases
@pytest.mark.parametrize(
    "convert",
    [
        np.asfortranarray,
        lambda X: np.repeat(X, 2, axis=1)[:, ::2],
        lambda X: X.tolist(),
        lambda X: pd.DataFrame(X, columns=list("abcde")),
        lambda X: pd.DataFrame(X, columns=list("abcde"), index=np.arange(len(X)) + 1000),
        lambda X: pl.DataFrame(X, schema=list("abcde")),
    ],
    ids=["Fortran order", "strided", "list", "pandas", "pandas with an index", "polars"],
)
def test_dense_rows(groups, reduction, base, convert):
    X, y = groups
    same_fit_on(reduction(base, random_state=0), convert(X), y, X)


@pytest.mark.parametrize("base", [logistic, softmax, DecisionTreeClassifier()])
@pytest.mark.parametrize("container", [sp.csr_array, sp.csc_array, sp.coo_array, sp.csr_matrix])
def test_sparse_rows(groups, reduction, undemanding, base, container):
    X, y = groups
    X = X * (X > 0)
    same_fit_on(reduction(base, random_state=0, **undemanding), container(X), y, X)


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("base", [logistic, softmax])
def test_float32_stays_float32(groups, reduction, base, container):
    X, y = groups
    double = container(X)
    expected = answers(reduction(base, random_state=0).fit(double, y), double)
    single = container(X.astype(np.float32))
    found = answers(reduction(base, random_state=0).fit(single, y), single)
    assert {answer.dtype for answer in found} == {np.dtype(np.float32)}
    for a, b in zip(found, expected, strict=True):
        assert_allclose(a, b, rtol=0.01, atol=0.01)


def test_names_of_features(groups, reduction):
    X, y = groups
    frame = pd.DataFrame(X, columns=list("abcde"))
    model = reduction(logistic).fit(frame, y)
    assert model.feature_names_in_.tolist() == list("abcde")
    assert model.n_features_in_ == 5
    with pytest.raises(ValueError, match=r"feature names[\s\S]*same order"):
        model.predict(frame[list("edcba")])
    assert not hasattr(model.fit(X, y), "feature_names_in_")


@pytest.mark.parametrize(
    "kind",
    [
        pd.DataFrame,
        pytest.param(
            pl.DataFrame,
            marks=pytest.mark.skipif(
                parse_version(sklearn.__version__) < parse_version("1.9"),
                reason="column transformers of older versions do not know polars",
            ),
        ),
    ],
)
def test_a_frame_of_mixed_columns_reaches_a_pipeline_as_it_is(groups, reduction, undemanding, kind):
    X, y = groups
    place = np.array(["north", "south", "east"])[(3 * np.abs(X[:, 0])).astype(int) % 3]
    frame = kind({"a": X[:, 1], "place": place, "b": X[:, 2]})
    columns = make_column_transformer(
        (StandardScaler(), ["a", "b"]), (OneHotEncoder(handle_unknown="ignore"), ["place"])
    )
    model = reduction(make_pipeline(columns, logistic), random_state=0, **undemanding).fit(frame, y)
    assert model.feature_names_in_.tolist() == ["a", "place", "b"]
    for learner in model.estimators_:
        assert learner.feature_names_in_.tolist() == ["a", "place", "b"]

    # Where all learners see all rows, the pipeline can as well come first.
    if reduction is OneVsAllClassifier:
        expected = make_pipeline(columns, OneVsAllClassifier(logistic)).fit(frame, y)
        assert_allclose(model.predict_proba(frame), expected.predict_proba(frame), rtol=1e-6)
    assert model.score(frame, y) > 0.5


def test_a_base_that_takes_missing_values(groups, reduction, undemanding):
    X, y = groups
    X = np.where(np.random.default_rng(0).random(X.shape) < 0.1, np.nan, X)
    base = make_pipeline(SimpleImputer(), logistic)
    for learner in (base, DecisionTreeClassifier(max_depth=3)):
        model = reduction(learner, random_state=0, **undemanding).fit(X, y)
        assert model.score(X, y) > 0.5


CONTAINERS = [
    list,
    tuple,
    np.array,
    lambda texts: np.array(texts, dtype=object),
    pd.Series,
    lambda texts: pd.Series(texts, index=np.arange(len(texts)) + 7),
    pl.Series,
]


@pytest.mark.parametrize("convert", CONTAINERS)
def test_texts(words, reduction, undemanding, convert):
    texts, names = words
    model = reduction(make_pipeline(TfidfVectorizer(), LinearSVC()), random_state=0, **undemanding)
    assert_array_equal(model.fit(convert(texts), names).predict(convert(texts)), names)
    assert_array_equal(model.predict(["the bee sat"]), ["bee"])
    assert not hasattr(model, "n_features_in_")


def test_texts_have_no_mean(words):
    texts, names = words
    model = TreeReductionClassifier(make_pipeline(TfidfVectorizer(), LinearSVC()))
    with pytest.raises(ValueError, match=r"^X must hold numbers .* for tree='agglomerative'"):
        model.fit(texts, names)


def test_a_kernel_between_rows(groups):
    X, y = groups
    base = SVC(kernel="precomputed")
    model = OneVsAllClassifier(base).fit(X @ X.T, y)
    expected = OneVsRestClassifier(base).fit(X @ X.T, y)
    assert_array_equal(model.decision_function(X @ X.T), expected.decision_function(X @ X.T))


class KernelMeans(ClassifierMixin, BaseEstimator):
    """Whose rows are more alike, by a kernel? Rows of weight 0 have no say."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = True
        return tags

    def fit(self, K, y, sample_weight):
        self.classes_ = np.unique(y)
        self.dual_ = sample_weight * np.where(y == 1, 1, -1)
        assert K.shape == (len(y), len(y))
        return self

    def decision_function(self, K):
        return K @ self.dual_

    def predict(self, K):
        return self.classes_[(self.decision_function(K) > 0).astype(int)]


def test_rows_of_weight_zero_stay_columns_of_a_kernel(groups):
    X, y = groups
    weight = np.arange(len(y)) % 3.0
    model = OneVsAllClassifier(KernelMeans()).fit(X @ X.T, y, sample_weight=weight)
    signs = np.where(y[:, None] == range(4), 1, -1)
    assert_allclose(model.decision_function(X @ X.T), X @ X.T @ (weight[:, None] * signs))


def test_a_base_that_can_predict_only_once_it_is_fitted(groups, reduction):
    X, y = groups
    base = StackingClassifier([("bayes", GaussianNB())], cv=2)
    model = reduction(base, random_state=0).fit(X, y)
    assert model.score(X, y) > 0.5
    assert_allclose(model.predict_proba(X).sum(axis=1), 1)


# Memory


def test_nothing_is_written_to_what_was_given(groups, reduction):
    X, y = groups
    arrays = X.copy(), y.copy(), np.linspace(0, 2, len(y))
    before = [array.copy() for array in arrays]
    for base in (logistic, SoftmaxRegression(), GaussianNB()):
        model = reduction(base, random_state=0)
        model.fit(arrays[0], arrays[1], sample_weight=arrays[2]).predict_proba(arrays[0])
        for a, b in zip(arrays, before, strict=True):
            assert_array_equal(a, b)


def test_a_read_only_file(groups, reduction, tmp_path):
    X, y = groups
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    same_fit_on(reduction(logistic, random_state=0), mapped, y, X)


def test_rows_of_all_classes_are_not_copied(groups, spy):
    X, y = groups
    for model in (OneVsAllClassifier(spy()), ECOCClassifier(spy(), code="hadamard")):
        model.fit(X, y).predict_proba(X)
        assert len(spy.fits) == len(spy.asked) == model.n_problems_
        for seen in (*(fit[0] for fit in spy.fits), *spy.asked):
            assert np.shares_memory(seen, X)
        spy.fits.clear()
        spy.asked.clear()


def test_workers_share_one_file_of_the_rows():
    class Mapped(GaussianNB):
        """Knows whether its rows are a part of a file."""

        def fit(self, X, y):
            owner = X
            while isinstance(owner, np.ndarray) and not isinstance(owner, np.memmap):
                owner = owner.base
            self.was_mapped = isinstance(owner, np.memmap)
            return super().fit(X, y)

    rng = np.random.default_rng(0)
    # joblib writes arrays of more than a megabyte to a file that all workers map.
    X, y = rng.normal(size=(2000, 100)), np.arange(2000) % 4
    with joblib.parallel_config("loky", n_jobs=2):
        model = OneVsAllClassifier(Mapped()).fit(X, y)
    assert [learner.was_mapped for learner in model.estimators_] == [True] * 4


def test_learners_see_the_rows_of_their_classes_only_in_their_order(groups, spy):
    X, y = groups
    OneVsOneClassifier(spy()).fit(X, y)
    pairs = [(i, j) for i in range(4) for j in range(i + 1, 4)]
    assert len(spy.fits) == len(pairs)
    for (i, j), (rows, labels, _) in zip(pairs, spy.fits, strict=True):
        kept = np.isin(y, [i, j])
        assert_array_equal(rows, X[kept])
        assert_array_equal(labels, y[kept] == j)


# Labels


@pytest.mark.parametrize(
    "labels",
    [
        np.array([10, -3, 7, 8]),
        np.array([2.0, 0.0, 5.0, 1.0]),
        np.array(["oak", "elm", "sycamore", "ash"]),
        np.array(["oak", "elm", "sycamore", "ash"], dtype=object),
    ],
    ids=["int", "float", "str", "object"],
)
def test_labels(groups, reduction, labels):
    X, y = groups
    codes = labels.argsort().argsort()[y]
    model = reduction(logistic, random_state=0).fit(X, codes)
    expected = answers(model, X)
    predicted, best = model.predict(X), model.predict_top_k(X, 2)
    model.fit(X, labels[y])
    assert_array_equal(model.classes_, np.sort(labels))
    assert model.classes_.dtype == labels.dtype
    assert_same_answers(answers(model, X), expected)
    assert_array_equal(model.predict(X), np.sort(labels)[predicted])
    assert_array_equal(model.predict_top_k(X, 2), np.sort(labels)[best])
    assert model.score(X, labels[y]) == np.mean(predicted == codes)


def test_labels_of_pandas(groups, reduction):
    X, y = groups
    names = np.array(["a", "b", "c", "d"])[y]
    expected = reduction(logistic, random_state=0).fit(X, names).predict(X)
    for dtype in ("category", "string", "object"):
        labels = pd.Series(names, index=np.arange(len(y)) + 5).astype(dtype)
        model = reduction(logistic, random_state=0).fit(X, labels)
        assert model.classes_.tolist() == ["a", "b", "c", "d"]
        assert_array_equal(model.predict(X), expected)


def test_pairs_of_classes_bear_their_labels(groups):
    X, y = groups
    model = OneVsOneClassifier(logistic).fit(X, np.array(["d", "a", "c", "b"])[y])
    pairs = ["ab", "ac", "ad", "bc", "bd", "cd"]
    assert ["".join(pair) for pair in model.class_pairs_] == pairs


# Classes that have no rows

WITH_ABSENT = [
    lambda base: OneVsAllClassifier(base),
    lambda base: OneVsAllClassifier(base, coupling="softmax"),
    lambda base: OneVsOneClassifier(base),
    lambda base: OneVsOneClassifier(base, coupling="hastie_tibshirani", decoding="hinge"),
    lambda base: ECOCClassifier(base, random_state=0),
    lambda base: ECOCClassifier(base, code=CodeMatrix.one_vs_one(6)),
    lambda base: ECOCClassifier(base, code=CodeMatrix.exhaustive(6), decoding="votes"),
    lambda base: ECOCClassifier(base, code=KaryCode([[k // 2, k % 3] for k in range(6)])),
    lambda base: TreeReductionClassifier(base),
    lambda base: TreeReductionClassifier(base, tree="huffman", decoding="greedy"),
    lambda base: TreeReductionClassifier(base, tree=(("a", "b"), ("c", ("d", "e", "f")))),
    lambda base: TreeReductionClassifier(base, tree=dict.fromkeys("abcdef", "root")),
    lambda base: TreeReductionClassifier(base, tree=ClassTree.balanced(6)),
]


@pytest.mark.parametrize("model_of", WITH_ABSENT)
@pytest.mark.parametrize("names", ["bcde", "fbad"])
def test_absent_classes_have_a_column_and_are_never_predicted(groups, model_of, names):
    X, y = groups
    labels = np.array(list(names))[y]
    model = model_of(logistic).set_params(classes=list("abcdef")).fit(X, labels)
    present = np.isin(model.classes_, labels)
    assert model.classes_.tolist() == list("abcdef")
    P = model.predict_proba(X)
    assert P.shape == model.decision_function(X).shape == (len(y), 6)
    assert_allclose(P.sum(axis=1), 1)
    assert_array_equal(P[:, ~present], 0)
    assert (P[:, present] > 0).all()
    F = model.decision_function(X)
    assert np.isfinite(F).all()
    assert (F[:, ~present].max(axis=1) < F[:, present].min(axis=1)).all()
    assert_array_equal(model.predict(X), model.classes_[F.argmax(axis=1)])
    assert_array_equal(model.predict_top_k(X, 1)[:, 0], model.predict(X))
    assert model.score(X, labels) > 0.6


def test_absent_classes_change_nothing_else(groups, reduction):
    X, y = groups
    plain = reduction(logistic, random_state=0).fit(X, 2 * y)
    model = reduction(logistic, random_state=0, classes=range(9)).fit(X, 2 * y)
    assert_allclose(model.predict_proba(X)[:, :8:2], plain.predict_proba(X))
    assert_array_equal(model.predict(X), plain.predict(X))
    assert_array_equal(model.margins(X), plain.margins(X))


@pytest.mark.parametrize("model_of", WITH_ABSENT)
def test_two_classes_of_many(groups, model_of):
    X, y = groups
    X, y = X[y < 2], y[y < 2]
    for first, second in ("af", "fa", "bd", "db"):
        labels = np.where(y == 0, first, second)
        model = model_of(logistic).set_params(classes=list("abcdef")).fit(X, labels)
        P = model.predict_proba(X)
        assert_allclose(P.sum(axis=1), 1)
        assert_array_equal(model.classes_[P.argmax(axis=1)], model.predict(X))
        assert model.score(X, labels) > 0.7


# Two classes


@bases
def test_two_classes_are_what_the_base_makes_of_them(two_groups, reduction, base):
    X, y = two_groups
    labels = np.array(["no", "yes"])[y]
    model, plain = reduction(base, random_state=0).fit(X, labels), base.fit(X, labels)
    assert model.n_problems_ == 1
    assert model.decision_function(X).shape == (len(y),)
    assert_allclose(model.predict_proba(X), plain.predict_proba(X), rtol=1e-5)
    assert_array_equal(model.predict(X), plain.predict(X))
    if hasattr(base, "decision_function"):
        assert_allclose(model.decision_function(X), plain.decision_function(X), rtol=1e-4)
    assert_array_equal(model.predict(X) == "yes", model.decision_function(X) > 0)


@pytest.mark.parametrize(
    "code",
    [
        [[1], [-1]],
        [[-1, 1], [1, -1]],
        [[1, -1, 1], [-1, 1, -1]],
        KaryCode([[1], [0]]),
        KaryCode([[0, 1], [1, 0]]),
    ],
)
def test_two_classes_with_a_code_of_ones_own(two_groups, code):
    X, y = two_groups
    model = ECOCClassifier(logistic, code=code).fit(X, y)
    plain = logistic.fit(X, y)
    assert_array_equal(model.predict(X), plain.predict(X))
    assert_allclose(model.predict_proba(X), plain.predict_proba(X), rtol=1e-4, atol=1e-7)
    assert_array_equal(model.decision_function(X) > 0, plain.decision_function(X) > 0)


def test_boolean_labels(two_groups, reduction):
    X, y = two_groups
    model = reduction(logistic).fit(X, y == 1)
    predicted = model.predict(X)
    assert predicted.dtype == bool
    assert_array_equal(predicted, reduction(logistic).fit(X, y).predict(X) == 1)


# Weights


def test_rows_of_weight_zero_do_not_count(groups, reduction):
    X, y = groups
    kept = (y != 3) & (np.arange(len(y)) % 3 > 0)
    model = reduction(GaussianNB(), random_state=0)
    expected = model.fit(X[kept], y[kept]).predict_proba(X)
    model.set_params(classes=range(4)).fit(X, y, sample_weight=1.0 * kept)
    P = model.predict_proba(X)
    assert_allclose(P[:, :3], expected, rtol=1e-7)
    assert_array_equal(P[:, 3], 0)


def test_every_learner_gets_the_weights_of_its_rows(groups, spy):
    X, y = groups
    weight = np.linspace(0.5, 1, len(y))
    OneVsOneClassifier(spy()).fit(X, y, sample_weight=weight)
    seen = dict(zip(map(float, X[:, 0]), weight, strict=True))
    for rows, _, w in spy.fits:
        assert_array_equal(w, [seen[x] for x in rows[:, 0]])
