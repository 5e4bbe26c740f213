"""A tree of learners: its paths, its searches, its shapes."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skmlp import TreeReductionClassifier
from skmlp.reductions.tree import ClassTree

logistic = LogisticRegression(solver="newton-cholesky")
bayes = GaussianNB()
NAMES = np.array(["ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen"])


@pytest.fixture(scope="module")
def animals():
    """Eight classes around a circle, that overlap with their neighbours."""
    rng = np.random.default_rng(0)
    y = np.arange(240) % 8
    angle = y * np.pi / 4
    X = np.column_stack([np.cos(angle), np.sin(angle)]) + 0.25 * rng.normal(size=(240, 2))
    return X, y


def path_products(model, X):
    """Return the probabilities of the classes, by the definition and one learner at a time."""
    n_nodes = model.tree_.n_nodes
    of_trees = []
    for t, tree in enumerate(model.trees_):
        P = np.ones((len(X), tree.n_classes))
        for k in range(tree.n_classes):
            for node, sign in zip(*tree.path(k), strict=True):
                learner = model.estimators_[t * n_nodes + node]
                P[:, k] *= learner.predict_proba(X)[:, (1 + sign) // 2]
        of_trees.append(P)
    return np.mean(of_trees, axis=0)


BASES = pytest.mark.parametrize("base", [logistic, bayes], ids=lambda base: type(base).__name__)
TREES = pytest.mark.parametrize(
    "options",
    [
        {"tree": "balanced"},
        {"tree": "huffman"},
        {"tree": "agglomerative"},
        {"tree": "random", "random_state": 0},
        {"tree": "random", "n_trees": 3, "random_state": 0},
        {"tree": ((((((1, 0), 2), 7), 6), (3, 5)), 4)},
    ],
    ids=str,
)


# Probabilities


@BASES
@TREES
def test_probabilities_are_products_along_the_paths(animals, base, options):
    X, y = animals
    model = TreeReductionClassifier(base, **options).fit(X, y)
    expected = path_products(model, X)
    P = model.predict_proba(X)
    assert_allclose(P, expected, rtol=1e-7, atol=1e-12)
    assert_allclose(P.sum(axis=1), 1)
    assert_allclose(np.exp(model.predict_log_proba(X)), P)
    assert_array_equal(model.predict(X), expected.argmax(axis=1))


@BASES
@TREES
def test_the_probability_of_one_label(animals, base, options):
    X, y = animals
    model = TreeReductionClassifier(base, **options).fit(X, y)
    P = model.predict_proba(X)
    for k in range(8):
        assert_allclose(model.predict_label_proba(X, k), P[:, k], rtol=1e-7, atol=1e-300)
    labels = np.random.default_rng(1).integers(8, size=len(y))
    chosen = P[np.arange(len(y)), labels]
    assert_allclose(model.predict_label_proba(X, labels), chosen, rtol=1e-7, atol=1e-300)


def test_the_probability_of_a_name(animals):
    X, y = animals
    model = TreeReductionClassifier(logistic, classes=[*NAMES, "yak"]).fit(X, NAMES[y])
    P = model.predict_proba(X)
    assert_allclose(model.predict_label_proba(X, "cat"), P[:, 2])
    assert_array_equal(model.predict_label_proba(X, "yak"), 0)
    labels = np.append(NAMES, "yak")[np.arange(len(y)) % 9]
    chosen = P[np.arange(len(y)), np.arange(len(y)) % 9]
    assert_allclose(model.predict_label_proba(X, labels), chosen)


@pytest.mark.parametrize("tree", [(0, 1), (1, 0)])
def test_small_probabilities_are_as_exact_on_either_side(tree):
    X = np.array([0.0, 1.0, 10.0, 11.0])[:, None]
    y = np.array([0, 0, 1, 1])
    plain = bayes.fit(X, y)
    model = TreeReductionClassifier(bayes, tree=tree).fit(X, y)
    log_P = plain.predict_log_proba(X)
    assert log_P.min() < np.log(1e-90)
    assert_allclose(model.predict_log_proba(X), log_P, rtol=1e-9, atol=1e-12)


def test_logarithms_do_not_underflow():
    # A hundred learners, each of which gives the row one chance in a hundred thousand to go on.
    y = np.repeat(np.arange(101), 2)
    X = np.tile([[-1.0], [1.0]], (101, 1))
    nested = 0
    for k in range(1, 101):
        nested = (k, nested)
    weight = 1e5 ** (y - 50.0)
    base = DummyClassifier(strategy="prior")
    model = TreeReductionClassifier(base, tree=nested).fit(X, y, sample_weight=weight)
    log_P = model.predict_log_proba(X[:1])
    assert (model.predict_proba(X[:1]) == 0).any()
    assert_allclose(log_P[0, 1:], np.log(1e5) * (np.arange(1, 101) - 100), rtol=1e-4, atol=1e-4)


# Predictions


@BASES
@TREES
def test_the_best_classes_are_the_most_probable(animals, base, options):
    X, y = animals
    model = TreeReductionClassifier(base, **options).fit(X, y)
    P = model.predict_proba(X)
    for k in (1, 3, 8):
        top = model.predict_top_k(X, k)
        assert top.shape == (len(y), k)
        found = np.take_along_axis(P, top, axis=1)
        assert_allclose(found, np.sort(P, axis=1)[:, ::-1][:, :k], rtol=1e-7, atol=1e-300)
        assert all(len(set(row)) == k for row in top.tolist())


@pytest.mark.parametrize("base", [logistic, bayes, LinearSVC()], ids=lambda b: type(b).__name__)
def test_greedy_predictions_follow_the_signs(animals, base):
    X, y = animals
    model = TreeReductionClassifier(base, tree="balanced", decoding="greedy").fit(X, y)
    margins = model.margins(X)
    tree = model.tree_
    expected = []
    for row in margins:
        node = 0
        while node >= 0:
            node = tree.children[node, int(row[node] > 0)]
        expected.append(~node)
    assert_array_equal(model.predict(X), expected)
    # The score of a class is the least of the margins on its path.
    code = np.asarray(model.code_)
    signed = np.where(code != 0, margins[:, None] * code, np.inf)
    assert_allclose(model.decision_function(X), signed.min(axis=2))
    assert_array_equal(model.decision_function(X).argmax(axis=1), expected)


def test_greedy_may_lose_what_exact_finds():
    # Of class 2 there are more rows than of any other, but fewer than of 0 and 1 together.
    X, y = np.zeros((100, 1)), np.repeat([0, 1, 2], [30, 30, 40])
    base, tree = DummyClassifier(strategy="prior"), ((0, 1), 2)
    exact = TreeReductionClassifier(base, tree=tree).fit(X, y)
    greedy = TreeReductionClassifier(base, tree=tree, decoding="greedy").fit(X, y)
    assert_allclose(exact.predict_proba(X[:1]), [[0.3, 0.3, 0.4]])
    assert exact.predict(X[:1]) == [2]
    # A margin of 0 goes left.
    assert greedy.predict(X[:1]) == [0]


def test_auto_is_exact_where_there_are_probabilities(animals):
    X, y = animals
    for base, expected in ((bayes, "exact"), (LinearSVC(), "greedy")):
        auto, told = (
            TreeReductionClassifier(base, decoding=decoding).fit(X, y).decision_function(X)
            for decoding in ("auto", expected)
        )
        assert_array_equal(auto, told)


def test_votes_of_greedy_trees(animals):
    X, y = animals
    model = TreeReductionClassifier(LinearSVC(), tree="random", n_trees=5, random_state=0)
    model.fit(X, y)
    shares = np.zeros((len(y), 8))
    for t, tree in enumerate(model.trees_):
        alone = TreeReductionClassifier(LinearSVC(), tree=tree, decoding="greedy", random_state=0)
        alone.fit(X, y)
        assert_allclose(alone.margins(X), model.margins(X)[:, 7 * t : 7 * (t + 1)], rtol=1e-3)
        shares[np.arange(len(y)), alone.predict(X)] += 0.2
    assert_allclose(model.decision_function(X), shares)
    assert_array_equal(model.predict(X), model.decision_function(X).argmax(axis=1))


# What a prediction costs


@pytest.fixture(scope="module")
def many_classes():
    """Sixty-four classes on a line, far apart: learners are sure."""
    rng = np.random.default_rng(0)
    y = np.arange(320) % 64
    return np.column_stack([10.0 * y, rng.normal(size=320)]), y


def n_answers(spy, call):
    spy.asked.clear()
    call()
    return sum(map(len, spy.asked)), len(spy.asked)


def test_a_greedy_row_asks_as_many_learners_as_its_leaf_is_deep(many_classes, spy):
    X, y = many_classes
    model = TreeReductionClassifier(spy(), tree="balanced", decoding="greedy").fit(X, y)
    n_rows, n_calls = n_answers(spy, lambda: model.predict(X))
    assert n_rows == 6 * len(y)
    # Each of the learners is asked once, about all rows that reach it.
    assert n_calls == 63


@pytest.mark.parametrize("tree", ["huffman", "agglomerative", "random"])
def test_a_greedy_row_of_any_tree(many_classes, spy, tree):
    X, y = many_classes
    weight = 1.0 + (y == 5) * 300
    model = TreeReductionClassifier(spy(), tree=tree, decoding="greedy", random_state=0)
    model.fit(X, y, sample_weight=weight)
    n_rows, _ = n_answers(spy, lambda: model.predict(X))
    assert n_rows == model.tree_.depths[model.predict(X)].sum()


def test_an_exact_row_asks_hardly_more_where_learners_are_sure(many_classes, spy):
    X, y = many_classes
    model = TreeReductionClassifier(spy(), tree="balanced").fit(X, y)
    n_rows, _ = n_answers(spy, lambda: model.predict(X))
    assert n_rows == 6 * len(y)
    n_rows, _ = n_answers(spy, lambda: model.predict_top_k(X, 2))
    assert n_rows < 20 * len(y)
    n_rows, _ = n_answers(spy, lambda: model.predict_label_proba(X, y[::-1]))
    assert n_rows == 6 * len(y)
    n_rows, _ = n_answers(spy, lambda: model.predict_proba(X))
    assert n_rows == 63 * len(y)


def test_learners_see_the_rows_below_their_node_only(animals, spy):
    X, y = animals
    model = TreeReductionClassifier(spy(), tree="balanced").fit(X, y)
    assert_array_equal(model.tree_.depths, 3)
    assert [len(fit[0]) for fit in spy.fits] == [240, 120, 60, 60, 120, 60, 60]
    for (rows, labels, _), (low, middle, high) in zip(spy.fits, model.tree_.spans, strict=True):
        kept = np.isin(y, model.tree_.leaves[low:high])
        assert_array_equal(rows, X[kept])
        assert_array_equal(labels, np.isin(y[kept], model.tree_.leaves[middle:high]))


# Shapes


def test_balanced_trees_and_given_ones(animals):
    X, y = animals
    balanced = TreeReductionClassifier(bayes, tree="balanced").fit(X, y)
    assert balanced.tree_ == ClassTree.balanced(8)
    given = TreeReductionClassifier(bayes, tree=ClassTree.balanced(8)).fit(X, y)
    nested = TreeReductionClassifier(bayes, tree=[[[0, 1], [2, 3]], [[4, 5], [6, 7]]]).fit(X, y)
    assert balanced.tree_ == given.tree_ == nested.tree_
    assert balanced.n_problems_ == len(balanced.estimators_) == 7
    assert_array_equal(np.asarray(balanced.code_), np.asarray(balanced.tree_.code()))


def test_huffman_counts_weights(animals):
    X, y = animals
    weight = np.where(y == 3, 50.0, 1.0)
    even = TreeReductionClassifier(bayes, tree="huffman").fit(X, y)
    assert_array_equal(even.tree_.depths, 3)
    uneven = TreeReductionClassifier(bayes, tree="huffman").fit(X, y, sample_weight=weight)
    assert uneven.tree_.depths[3] == 1
    assert_array_equal(np.delete(uneven.tree_.depths, 3) > 2, True)


def test_agglomerative_trees_join_neighbours(animals):
    X, y = animals
    for scale in ([1, 1], [1e6, 1e-6]):
        model = TreeReductionClassifier(bayes, tree="agglomerative").fit(X * scale, y)
        for low, _, high in model.tree_.spans[1:]:
            classes = np.sort(model.tree_.leaves[low:high])
            # A group of neighbours on the circle has one gap, of all the others.
            gaps = np.diff(np.append(classes, classes[0] + 8))
            assert np.sum(gaps > 1) == 1


def test_agglomerative_trees_count_weights():
    # In the rows that count, classes 0 and 1 differ in a feature that varies within them anyway, 0
    # and 2 in one that does not. Rows of no importance vary in that one.
    y, kept = np.repeat([0, 1, 2], 40), np.tile([False, True], 60)
    X = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])[y]
    X[:, 0] += np.tile([-1, -1, 1, 1], 30)
    X[~kept, 1] += np.tile([-100, 100], 30)
    without = TreeReductionClassifier(bayes).fit(X[kept], y[kept])
    assert set(without.tree_.nested()) == {2, (0, 1)}
    weighted = TreeReductionClassifier(bayes).fit(X, y, sample_weight=np.where(kept, 1.0, 1e-9))
    assert weighted.tree_ == without.tree_


def test_agglomerative_trees_of_features_that_do_not_vary(animals):
    X, y = animals
    plain = TreeReductionClassifier(logistic).fit(X, y)
    wider = TreeReductionClassifier(logistic).fit(np.c_[X, np.full(len(y), 7.0)], y)
    assert wider.tree_ == plain.tree_


def test_random_pairs_make_problems_that_the_base_can_solve(animals):
    X, y = animals
    # The base is linear, so each split of a node is by a line: an arc of the circle.
    seeds = range(8)
    for seed in seeds:
        model = TreeReductionClassifier(logistic, tree="random_pair", random_state=seed)
        model.fit(X, y)
        low, middle, _ = model.tree_.spans[0]
        left = np.sort(model.tree_.leaves[low:middle])
        gaps = np.diff(np.append(left, left[0] + 8))
        assert np.sum(gaps > 1) == 1
    by_pairs, at_random = (
        np.mean(
            [
                TreeReductionClassifier(logistic, tree=tree, random_state=seed)
                .fit(X, y)
                .score(X, y)
                for seed in seeds
            ]
        )
        for tree in ("random_pair", "random")
    )
    assert by_pairs > at_random + 0.05


def test_the_best_of_many_trees_is_better_than_the_mean(animals):
    X, y = animals
    scores = {
        n_candidates: [
            TreeReductionClassifier(
                logistic, tree="best_of", n_candidates=n_candidates, random_state=seed
            )
            .fit(X[:120], y[:120])
            .score(X[120:], y[120:])
            for seed in range(4)
        ]
        for n_candidates in (1, 8)
    }
    assert np.mean(scores[8]) > np.mean(scores[1]) + 0.03


@pytest.mark.parametrize("tree", ["best_of", "random_pair", "agglomerative", "huffman"])
def test_a_class_may_have_a_single_row(animals, tree):
    X, y = animals
    kept = (y != 3) | (np.cumsum(y == 3) == 1)
    model = TreeReductionClassifier(logistic, tree=tree, random_state=0).fit(X[kept], y[kept])
    assert_array_equal(np.sort(model.tree_.leaves), range(8))
    assert model.score(X, y) > 0.3


def test_an_ensemble_is_better_than_its_members(animals):
    X, y = animals
    base = DecisionTreeClassifier(max_depth=3, random_state=0)
    scores = [
        TreeReductionClassifier(base, tree="random", n_trees=n_trees, random_state=1)
        .fit(X[:120], y[:120])
        .score(X[120:], y[120:])
        for n_trees in (1, 15)
    ]
    assert scores[1] > scores[0]
    model = TreeReductionClassifier(base, tree="random", n_trees=15, random_state=1).fit(X, y)
    assert len(model.trees_) == 15
    assert len({tree.nested() for tree in model.trees_}) == 15
    assert model.n_problems_ == len(model.estimators_) == 15 * 7
    assert model.tree_ == model.trees_[0]


# Trees in the user's own words


def test_nested_names(animals):
    X, y = animals
    tree = ((("ant", "bee"), "gnu"), (("cat", "hen"), ("dog", ("eel", "fox"))))
    model = TreeReductionClassifier(logistic, tree=tree).fit(X, NAMES[y])
    assert model.tree_.nested() == (((0, 1), 6), ((2, 7), (3, (4, 5))))
    assert model.tree is tree
    assert model.score(X, NAMES[y]) > 0.5


def test_many_children_are_joined_by_their_weights(animals):
    X, y = animals
    weight = np.where(y == 5, 100.0, 1.0)
    model = TreeReductionClassifier(logistic, tree=tuple(NAMES.tolist()))
    model.fit(X, NAMES[y], sample_weight=weight)
    assert model.tree_ == ClassTree.huffman(np.bincount(y, weight))


HIERARCHY = {
    "ant": "insect",
    "bee": "insect",
    "cat": "mammal",
    "dog": "mammal",
    "fox": "dog",
    "gnu": "mammal",
    "eel": "fish",
    "insect": "animal",
    "mammal": "vertebrate",
    "fish": "vertebrate",
    "hen": "vertebrate",
    "vertebrate": "animal",
    "cod": "fish",
}


def leaf_sets(tree):
    return [set(NAMES[tree.leaves[low:high]]) for low, _, high in tree.spans]


def test_a_hierarchy_of_names(animals):
    X, y = animals
    model = TreeReductionClassifier(logistic, tree=HIERARCHY).fit(X, NAMES[y])
    groups = leaf_sets(model.tree_)
    # The dog is a class and has the fox below it.
    for group in ("ant bee", "dog fox", "cat dog fox gnu", "cat dog eel fox gnu hen"):
        assert set(group.split()) in groups
    assert model.score(X, NAMES[y]) > 0.5


@pytest.mark.parametrize("tree", [HIERARCHY, ((("ant", "bee"), "gnu"), ("cat", ("dog", "fox")))])
def test_classes_without_rows_leave_the_tree(animals, tree):
    X, y = animals
    kept = np.isin(NAMES[y], ["ant", "bee", "cat", "dog", "gnu"])
    classes = ["ant", "bee", "cat", "dog", "fox", "gnu"]
    model = TreeReductionClassifier(logistic, tree=tree, classes=classes)
    model.fit(X[kept], NAMES[y[kept]])
    assert model.tree_.n_classes == 5
    present = np.array(["ant", "bee", "cat", "dog", "gnu"])
    assert_array_equal(model.predict_proba(X)[:, 4], 0)
    low, middle, high = model.tree_.spans[0]
    sides = {frozenset(present[model.tree_.leaves[low:middle]].tolist())}
    sides.add(frozenset(present[model.tree_.leaves[middle:high]].tolist()))
    left = {"ant", "bee"} if tree is HIERARCHY else {"ant", "bee", "gnu"}
    assert sides == {frozenset(left), frozenset(set(present.tolist()) - left)}


def test_numbers_that_are_no_indices(animals):
    X, y = animals
    labels = 10 * (y + 1)
    model = TreeReductionClassifier(logistic, tree=(tuple(range(10, 50, 10)), (50, (60, (80, 70)))))
    model.fit(X, labels)
    assert model.tree_.nested() == (((0, 1), (2, 3)), (4, (5, (7, 6))))
    assert set(model.predict(X)) <= set(labels)


def test_two_classes_are_one_learner(animals):
    X, y = animals
    X, y = X[y < 2], y[y < 2]
    plain = logistic.fit(X, y).predict_proba(X)
    for tree in ((1, 0), (0, 1), "random"):
        model = TreeReductionClassifier(logistic, tree=tree, random_state=0).fit(X, y)
        assert_allclose(model.predict_proba(X), plain, rtol=1e-5)
        assert_array_equal(model.predict(X), model.decision_function(X) > 0)
        assert_array_equal(model.predict(X), plain.argmax(axis=1))
    three = TreeReductionClassifier(logistic, tree="random", n_trees=3, random_state=0).fit(X, y)
    assert_allclose(three.predict_proba(X), plain, rtol=1e-5)
    assert_array_equal(three.predict(X), plain.argmax(axis=1))
    assert_array_equal(three.predict(X), three.decision_function(X) > 0)
