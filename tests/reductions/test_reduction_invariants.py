"""What must not change a reduction, or must change it in a way that is known."""

import copy
import pickle
from itertools import pairwise

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from skmlp import (
    ECOCClassifier,
    OneVsAllClassifier,
    OneVsOneClassifier,
    TreeReductionClassifier,
)
from skmlp.reductions import _learners, _predictions

few_examples = settings(max_examples=8)

logistic = LogisticRegression(solver="newton-cholesky", tol=1e-10)
bayes = GaussianNB()
# Which feature each split is made on is a matter of chance.
chance = DecisionTreeClassifier(max_features=1, max_depth=3)

# The first three rows, and more of them, are a code.
CODE = np.array([[1, 1, 0, -1], [-1, 1, 1, 0], [1, -1, -1, 1], [-1, 0, -1, 1], [0, -1, 1, -1]])


@st.composite
def problems(draw):
    """Return rows and labels of three to five classes, some rows of each."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_classes = draw(st.integers(3, 5))
    y = rng.permutation(
        np.concatenate([4 * list(range(n_classes)), rng.integers(n_classes, size=20)])
    )
    X = rng.normal(size=(n_classes, 3))[y] + rng.normal(size=(len(y), 3))
    return X, y, rng


def nested(labels):
    """Return a tree with one class less on each level."""
    first, *others = labels
    return (first, nested(others)) if others else first


# One model for each reduction and coupling, given the labels of classes 0, 1, 2, ...
PERMUTABLE = [
    lambda labels: OneVsAllClassifier(logistic),
    lambda labels: OneVsOneClassifier(bayes),
    lambda labels: OneVsOneClassifier(logistic, coupling="hastie_tibshirani"),
    lambda labels: ECOCClassifier(logistic, code=CODE[: len(labels)][np.argsort(labels)]),
    lambda labels: TreeReductionClassifier(logistic, tree=nested(labels)),
    lambda labels: TreeReductionClassifier(bayes, tree="agglomerative"),
]


@few_examples
@given(problem=problems())
@pytest.mark.parametrize("model_of", PERMUTABLE)
def test_relabelling_permutes_the_classes(model_of, problem):
    X, y, rng = problem
    labels = rng.permutation(y.max() + 1)
    model = model_of(np.arange(len(labels)).tolist()).fit(X, y)
    relabelled = model_of(labels.tolist()).fit(X, labels[y])
    P = model.predict_proba(X)
    assert_allclose(relabelled.predict_proba(X)[:, labels], P, atol=1e-6)
    assert_array_equal(relabelled.predict(X), labels[model.predict(X)])


WEIGHABLE = [
    OneVsAllClassifier(logistic),
    OneVsOneClassifier(bayes, coupling="hastie_tibshirani"),
    OneVsOneClassifier(logistic, decoding="votes"),
    ECOCClassifier(logistic, code="sparse", random_state=0),
    ECOCClassifier(bayes, n_symbols=3, random_state=0),
    TreeReductionClassifier(logistic, tree="huffman"),
    TreeReductionClassifier(bayes, tree="random", n_trees=2, random_state=0),
    TreeReductionClassifier(logistic),
]


@few_examples
@given(problem=problems())
@pytest.mark.parametrize("model", WEIGHABLE, ids=lambda model: type(model).__name__)
def test_a_row_twice_is_a_row_of_weight_two(model, problem):
    X, y, rng = problem
    counts = rng.integers(0, 4, size=len(y))
    counts[np.unique(y, return_index=True)[1]] = 2
    repeated = model.fit(np.repeat(X, counts, axis=0), np.repeat(y, counts))
    P, F = repeated.predict_proba(X), repeated.decision_function(X)
    weighted = model.fit(X, y, sample_weight=counts)
    assert_allclose(weighted.predict_proba(X), P, atol=1e-6)
    assert_allclose(weighted.decision_function(X), F, rtol=1e-4, atol=1e-4)


@few_examples
@given(problem=problems())
@pytest.mark.parametrize("model", WEIGHABLE, ids=lambda model: type(model).__name__)
def test_the_order_of_the_rows_does_not_matter(model, problem):
    X, y, rng = problem
    P = model.fit(X, y).predict_proba(X)
    order = rng.permutation(len(y))
    assert_allclose(model.fit(X[order], y[order]).predict_proba(X), P, atol=1e-6)


@few_examples
@given(problem=problems())
@pytest.mark.parametrize(
    "model",
    [
        *WEIGHABLE,
        TreeReductionClassifier(logistic, decoding="greedy"),
        OneVsAllClassifier(DecisionTreeClassifier(random_state=0)),
        OneVsOneClassifier(logistic, decoding="probability"),
        OneVsAllClassifier(logistic, coupling="softmax", decoding="probability"),
    ],
    ids=lambda model: type(model).__name__,
)
def test_chunks_of_rows_are_predicted_as_the_whole(model, problem):
    X, y, rng = problem
    model.fit(X, y)
    ends = [0, *np.sort(rng.choice(np.arange(1, len(y)), size=3, replace=False)), len(y)]
    chunks = [X[start:end] for start, end in pairwise(ends)]
    for method in (model.predict, model.decision_function, model.predict_proba, model.margins):
        parts = np.concatenate([method(chunk) for chunk in chunks])
        assert_allclose(parts, method(X), rtol=1e-7, atol=1e-9)


def test_large_predictions_are_made_in_blocks(groups, reduction, monkeypatch, spy):
    X, y = groups
    model = reduction(spy(), random_state=0).fit(X, y)
    many = np.tile(X, (4, 1)) + np.linspace(0, 1, 4 * len(X))[:, None]
    methods = (model.predict, model.decision_function, model.predict_proba, model.margins)
    whole = [method(many) for method in methods]
    spy.asked.clear()
    monkeypatch.setattr(_predictions, "BLOCK", 1)
    for method, expected in zip(methods, whole, strict=True):
        assert_allclose(method(many), expected, rtol=1e-7, atol=1e-9)
    assert max(len(rows) for rows in spy.asked) < len(many) / 2


# Pickles


@pytest.mark.parametrize("base", [logistic, bayes, chance], ids=lambda base: type(base).__name__)
@pytest.mark.parametrize("duplicate", [lambda m: pickle.loads(pickle.dumps(m)), copy.deepcopy])
def test_a_pickle_predicts_the_same(groups, reduction, base, duplicate):
    X, y = groups
    model = reduction(base, random_state=0)
    assert duplicate(model).get_params().keys() == model.get_params().keys()
    model.fit(X, np.array(["b", "d", "a", "c"])[y])
    other = duplicate(model)
    for name in ("predict", "decision_function", "predict_proba", "margins"):
        assert_array_equal(getattr(other, name)(X), getattr(model, name)(X))
    assert_array_equal(other.fit(X, y).predict_proba(X), model.fit(X, y).predict_proba(X))


def test_a_pickle_holds_the_weights_once(reduction):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3000)), np.arange(40) % 4
    model = reduction(LogisticRegression(tol=10)).fit(X, y)
    n_bytes = sum(learner.coef_.nbytes for learner in model.estimators_)
    assert len(pickle.dumps(model)) < 1.9 * n_bytes + X[:6].nbytes


# Jobs


@pytest.fixture(params=["loky", "threading", "the user's"])
def two_jobs(request):
    """Return the parameters of a model with two jobs, within the user's settings if any."""
    if request.param == "the user's":
        with joblib.parallel_config("threading", n_jobs=2):
            yield {}
    else:
        with joblib.parallel_config(request.param):
            yield {"n_jobs": 2}


@pytest.mark.parametrize("base", [chance, logistic], ids=lambda base: type(base).__name__)
def test_two_jobs_do_what_one_does(groups, reduction, base, two_jobs, monkeypatch):
    X, y = groups
    weight = np.linspace(0.5, 1, len(y))
    options = {"random_state": 0}
    with joblib.parallel_config("sequential"):
        one = reduction(base, **options).fit(X, y, sample_weight=weight)
        expected = [one.margins(X), one.predict_proba(X), one.decision_function(X)]
    two = reduction(base, **options, **two_jobs).fit(X, y, sample_weight=weight)
    # All questions are worth the start of workers.
    monkeypatch.setattr(_learners, "WORTH_WORKERS", 0)
    for found, wanted in zip(
        [two.margins(X), two.predict_proba(X), two.decision_function(X)], expected, strict=True
    ):
        assert_array_equal(found, wanted)


def test_an_error_in_a_job_says_which_learner(groups):
    X, y = groups

    class Fails(GaussianNB):
        def fit(self, X, y, sample_weight=None):
            if len(y) == n_rows:
                raise RuntimeError("this base does not like that number of rows")
            return super().fit(X, y)

    names = np.array(["ant", "bee", "cat", "dog"])
    n_rows = np.isin(y, [1, 3]).sum()
    for n_jobs in (1, 2):
        model = OneVsOneClassifier(Fails(), n_jobs=n_jobs)
        with (
            joblib.parallel_config("threading"),
            pytest.raises(RuntimeError, match="number of rows") as raised,
        ):
            model.fit(X, names[y])
        (note,) = raised.value.__notes__
        assert note == "This happened while fitting the learner for ['bee'] against ['dog']."
        assert not hasattr(model, "estimators_")


# Randomness

RANDOM = [
    (ECOCClassifier, {"code": "dense", "code_size": 1.5}),
    (ECOCClassifier, {"code": "sparse", "code_size": 2}),
    (ECOCClassifier, {"n_symbols": 3, "code_size": 1}),
    (TreeReductionClassifier, {"tree": "random"}),
    (TreeReductionClassifier, {"tree": "random_balanced", "n_trees": 2}),
    (TreeReductionClassifier, {"tree": "random_pair"}),
    (TreeReductionClassifier, {"tree": "best_of", "n_candidates": 3}),
]


def drawn(model):
    """Return what was drawn."""
    return (
        [tree.nested() for tree in model.trees_] if hasattr(model, "trees_") else str(model.code_)
    )


@pytest.mark.parametrize(("kind", "options"), RANDOM)
@pytest.mark.parametrize("seed", [7, "state"])
def test_a_seed_fixes_everything(kind, options, seed):
    rng = np.random.default_rng(0)
    y = np.arange(120) % 8
    X = rng.normal(size=(8, 3))[y] + rng.normal(size=(120, 3))

    def fitted(seed):
        random_state = np.random.RandomState(3) if seed == "state" else seed
        return kind(chance, random_state=random_state, **options).fit(X, y)

    a, b, other = fitted(seed), fitted(seed), fitted(8)
    assert drawn(a) == drawn(b)
    assert_array_equal(a.margins(X), b.margins(X))
    assert drawn(a) != drawn(other)


def test_without_a_seed_models_differ(reduction):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(120, 5)), np.arange(120) % 8
    a, b = (reduction(chance).fit(X, y).margins(X) for _ in range(2))
    assert a.shape != b.shape or (a != b).any()


def test_bases_without_a_seed_get_one_each(groups, reduction):
    X, y = groups
    model = reduction(make_pipeline(chance), random_state=0).fit(X, y)
    seeds = [learner[-1].random_state for learner in model.estimators_]
    assert len(set(seeds)) == len(seeds)
    assert model.estimator[-1].random_state is None
    other = reduction(make_pipeline(chance), random_state=1).fit(X, y)
    assert seeds != [learner[-1].random_state for learner in other.estimators_]


def test_bases_keep_a_seed_of_their_own(groups, reduction):
    X, y = groups
    base = DecisionTreeClassifier(random_state=11)
    model = reduction(base, random_state=0).fit(X, y)
    assert {learner.random_state for learner in model.estimators_} == {11}


def test_ties_are_broken_at_random_only_on_request(groups):
    X, y = groups
    # Learners that say nothing but yes or no: often several say yes, or none.
    base = VotingClassifier([("stump", DecisionTreeClassifier(max_depth=1))])
    first = OneVsAllClassifier(base).fit(X, y)
    scores = first.decision_function(X)
    best = scores == scores.max(axis=1, keepdims=True)
    assert np.mean(best.sum(axis=1) > 1) > 0.1
    assert_array_equal(first.predict(X), best.argmax(axis=1))

    predictions = [
        OneVsAllClassifier(base, tie_break="random", random_state=seed).fit(X, y).predict(X)
        for seed in (0, 0, 1)
    ]
    for predicted in predictions:
        assert best[np.arange(len(y)), predicted].all()
    assert_array_equal(predictions[0], predictions[1])
    assert (predictions[0] != predictions[2]).any()
    assert (predictions[0] != first.predict(X)).any()
