"""Learning from rows that come in portions."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import multiclass
from sklearn.base import clone
from sklearn.linear_model import SGDClassifier
from sklearn.naive_bayes import GaussianNB

from skmlp import (
    ECOCClassifier,
    OneVsAllClassifier,
    OneVsOneClassifier,
    SoftmaxRegression,
    TreeReductionClassifier,
)
from skmlp.reductions.code import KaryCode
from skmlp.reductions.coupling import hastie_tibshirani
from skmlp.reductions.decoding import LossDecoder

CLASSES = range(4)
sgd = SGDClassifier(loss="log_loss", shuffle=False, random_state=0)
PORTIONS = [slice(0, 50), slice(50, 100), slice(100, 160)]


def assert_same_learners(a, b):
    for x, z in zip(a.estimators_, b.estimators_, strict=True):
        assert_allclose(x.coef_, z.coef_, rtol=1e-9)
        assert_allclose(x.intercept_, z.intercept_, rtol=1e-9)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (OneVsAllClassifier, multiclass.OneVsRestClassifier),
        (OneVsOneClassifier, multiclass.OneVsOneClassifier),
    ],
)
def test_scikit_learn_learns_the_same(groups, ours, theirs):
    X, y = groups
    ours, theirs = ours(sgd), theirs(sgd)
    for rows in PORTIONS:
        ours.partial_fit(X[rows], y[rows], classes=CLASSES)
        theirs.partial_fit(X[rows], y[rows], classes=CLASSES)
        assert_same_learners(ours, theirs)
        assert_array_equal(ours.predict(X), theirs.predict(X))


@pytest.mark.parametrize("base", [sgd, GaussianNB()], ids=lambda base: type(base).__name__)
def test_portions_are_the_whole_for_a_base_that_counts(groups, reduction, undemanding, base):
    X, y = groups
    in_parts = reduction(base, random_state=0, **undemanding)
    for rows in PORTIONS:
        in_parts.partial_fit(X[rows], y[rows], classes=CLASSES)
    at_once = reduction(base, random_state=0, **undemanding).partial_fit(X, y, classes=CLASSES)
    assert in_parts.n_problems_ == at_once.n_problems_
    # One pass of stochastic gradient descent goes through the rows in the order they are in.
    tolerance = {"rtol": 1e-5, "atol": 1e-7} if base is not sgd else {"rtol": 1e-9, "atol": 1e-9}
    assert_allclose(in_parts.predict_proba(X), at_once.predict_proba(X), **tolerance)


@pytest.mark.parametrize(
    "base",
    [SoftmaxRegression(random_state=0), sgd, GaussianNB()],
    ids=lambda base: type(base).__name__,
)
def test_it_goes_on_from_a_fit(groups, reduction, base):
    X, y = groups
    model = reduction(base, random_state=0).fit(X, y)
    learners, score = model.estimators_, model.score(X, y)
    for _ in range(3):
        model.partial_fit(X, y)
    for now, before in zip(model.estimators_, learners, strict=True):
        assert now is before
    assert model.score(X, y) > score - 0.1


def test_learners_whose_classes_have_not_come_say_nothing(groups):
    X, y = groups
    model = OneVsOneClassifier(sgd)
    model.partial_fit(X[y < 2], y[y < 2], classes=CLASSES)
    margins = model.margins(X)
    # The pairs are 01, 02, 03, 12, 13, 23. What was said of 2 and 3 came with no row of theirs.
    assert margins[:, 0].any()
    assert_array_equal(margins[:, 5], 0)
    assert np.isfinite(model.predict_proba(X)).all()
    model.partial_fit(X[y > 1], y[y > 1])
    assert model.margins(X)[:, 5].any()
    model.partial_fit(X, y)
    assert_allclose(model.predict_proba(X).sum(axis=1), 1)
    assert set(model.predict(X)) == {0, 1, 2, 3}


MODELS = [
    OneVsAllClassifier(sgd),
    OneVsAllClassifier(sgd, decoding="probability"),
    OneVsOneClassifier(sgd, coupling="wu_lin_weng"),
    OneVsOneClassifier(sgd, coupling="hastie_tibshirani"),
    ECOCClassifier(sgd, random_state=0),
    ECOCClassifier(sgd, code="sparse", decoding="hinge", random_state=0),
    ECOCClassifier(sgd, code=KaryCode([[0, 0], [0, 1], [1, 2], [2, 2]])),
    TreeReductionClassifier(sgd, tree="balanced"),
    TreeReductionClassifier(sgd, tree="huffman", decoding="greedy"),
    TreeReductionClassifier(sgd, tree="random", n_trees=2, random_state=0),
    TreeReductionClassifier(sgd, tree=((3, 1), (2, 0))),
]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("first", [0, 1, 3])
def test_a_portion_may_lack_classes_or_hold_only_one(groups, model, first):
    X, y = groups
    model = clone(model)
    for kept in (y == first, y < 3, y > 0, y < 4, y < 4):
        model.partial_fit(X[kept], y[kept], classes=CLASSES)
        P = model.predict_proba(X)
        assert_allclose(P.sum(axis=1), 1)
        assert model.decision_function(X).shape == (len(y), 4)
    assert model.score(X, y) > 0.5


def test_the_problems_stay_what_they_were_at_first(groups):
    X, y = groups
    model = ECOCClassifier(sgd, code_size=1.5)
    model.partial_fit(X, y, classes=CLASSES)
    code = model.code_
    assert model.partial_fit(X, y).code_ == code
    tree = TreeReductionClassifier(sgd, tree="random").partial_fit(X, y, classes=CLASSES)
    planted = tree.tree_
    assert tree.partial_fit(X, y).tree_ == planted


@pytest.mark.parametrize("tree", ["agglomerative", "random_pair", "best_of"])
def test_a_tree_that_depends_on_the_rows_wants_all_classes_at_first(groups, tree):
    X, y = groups
    model = TreeReductionClassifier(sgd, tree=tree, random_state=0)
    message = rf"^tree must not .*, got '{tree}' and no row of 2 classes\.$"
    with pytest.raises(ValueError, match=message):
        model.partial_fit(X[y < 2], y[y < 2], classes=CLASSES)
    model.partial_fit(X, y, classes=CLASSES).partial_fit(X[y < 2], y[y < 2])
    assert model.predict(X).shape == y.shape


def test_all_classes_must_be_known_at_first(groups, reduction, undemanding):
    X, y = groups
    message = r"^classes must list all labels in the first call to partial_fit, got None\.$"
    with pytest.raises(ValueError, match=message):
        reduction(sgd, **undemanding).partial_fit(X, y)
    names = np.array(["b", "d", "a", "c"])
    by_parameter = reduction(sgd, classes=list("dcba"), random_state=0, **undemanding)
    by_argument = reduction(sgd, random_state=0, **undemanding)
    by_parameter.partial_fit(X[:5], names[y[:5]])
    by_argument.partial_fit(X[:5], names[y[:5]], classes=list("bdac"))
    assert_array_equal(by_parameter.margins(X), by_argument.margins(X))
    with pytest.raises(ValueError, match=r"^classes must be the same in every call .*\['a', 'b'"):
        by_argument.partial_fit(X, names[y], classes=list("abce"))
    with pytest.raises(ValueError, match=r"^y must hold only labels of the classes .*'e'"):
        by_argument.partial_fit(X[:1], ["e"])


def test_a_pickle_goes_on_the_same(groups, reduction):
    X, y = groups
    model = reduction(sgd, random_state=0)
    model.partial_fit(X, y, classes=CLASSES)
    other = pickle.loads(pickle.dumps(model))
    for rows in PORTIONS:
        model.partial_fit(X[rows], y[rows])
        other.partial_fit(X[rows], y[rows])
    assert_array_equal(other.decision_function(X), model.decision_function(X))


def test_two_jobs_learn_what_one_does(groups, reduction):
    X, y = groups
    models = [reduction(sgd, random_state=0, n_jobs=n_jobs) for n_jobs in (1, 2)]
    for model in models:
        for rows in PORTIONS:
            model.partial_fit(X[rows], y[rows], classes=CLASSES)
    assert_same_learners(*models)
    assert_array_equal(*(model.predict_proba(X) for model in models))


def test_weights_reach_the_learners(groups, reduction, undemanding):
    X, y = groups
    counts = 1 + np.arange(len(y)) % 3
    weighted, repeated = (reduction(GaussianNB(), random_state=0, **undemanding) for _ in range(2))
    weighted.partial_fit(X, y, classes=CLASSES, sample_weight=counts)
    repeated.partial_fit(np.repeat(X, counts, axis=0), np.repeat(y, counts), classes=CLASSES)
    assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), rtol=1e-5, atol=1e-7)


def test_a_call_that_fails_leaves_the_model_as_it_was(groups, reduction, undemanding):
    X, y = groups
    model = reduction(sgd, random_state=0)
    model.partial_fit(X, y, classes=CLASSES)
    expected = model.decision_function(X)
    with pytest.raises(ValueError, match="NaN"):
        model.partial_fit(np.full_like(X, np.nan), y)
    with pytest.raises(ValueError, match="features"):
        model.partial_fit(X[:, :2], y)
    assert_array_equal(model.decision_function(X), expected)
    failed = reduction(sgd, random_state=0, **undemanding)
    with pytest.raises(ValueError, match="NaN"):
        failed.partial_fit(np.full_like(X, np.nan), y, classes=CLASSES)
    failed.partial_fit(X, y, classes=range(6))
    assert_array_equal(failed.classes_, range(6))


def test_pairs_weigh_what_all_portions_held(groups):
    X, y = groups
    weight = np.linspace(0.5, 2, len(y))
    # Pairs of learners that agree have the same coupling whatever they weigh: these do not.
    model = OneVsOneClassifier(sgd, coupling="hastie_tibshirani")
    for rows in PORTIONS:
        model.partial_fit(X[rows], y[rows], classes=CLASSES, sample_weight=weight[rows])
    totals = np.bincount(y, weight)
    R = np.column_stack([learner.predict_proba(X)[:, 1] for learner in model.estimators_])
    pairs = [totals[i] + totals[j] for i, j in model.class_pairs_]
    P = model.predict_proba(X)
    assert_allclose(P, hastie_tibshirani(R, 4, pairs), rtol=1e-6, atol=1e-9)
    assert abs(P - hastie_tibshirani(R, 4)).max() > 1e-3


def test_weights_of_a_class_without_a_row_stay_what_they_were(groups):
    X, y = groups
    decoder = LossDecoder(weighted=True)
    model = OneVsOneClassifier(GaussianNB(), decoding=decoder)
    before = model.partial_fit(X, y, classes=CLASSES).decoding_weights_
    some = y < 2
    # Noise: what is right and wrong changes.
    after = model.partial_fit(X[some][::-1], y[some], classes=CLASSES).decoding_weights_
    assert_array_equal(after[2:], before[2:])
    assert not np.allclose(after[:2], before[:2])
    assert_allclose(after.sum(axis=1), 1)


def test_it_goes_on_from_a_fit_that_lacked_a_class(groups, reduction, undemanding):
    X, y = groups
    some = y != 1
    model = reduction(sgd, classes=CLASSES, random_state=0, **undemanding).fit(X[some], y[some])
    less = some & (y != 3)
    model.partial_fit(X[less], y[less])
    # The labels are still what they were, and so are the columns.
    assert model.score(X[some], y[some]) > 0.6
    P = model.predict_proba(X)
    assert P.shape == (len(y), 4)
    assert (P[:, 1] == 0).all()
    message = r"^y must hold only labels that the fit before partial_fit had rows of, \[0, 2, 3\]"
    with pytest.raises(ValueError, match=message):
        model.partial_fit(X, y)
