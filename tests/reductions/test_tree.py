"""Builders of class trees: shapes, distributions by enumeration, and slow references."""

from collections import Counter
from itertools import permutations
from math import ceil, log2, pi, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import cdist

from skmlp.reductions.tree import ClassTree


def unordered(nested):
    """The tree without left and right."""
    return nested if isinstance(nested, int) else frozenset(map(unordered, nested))


def all_trees(classes):
    """All trees over some classes, without left and right: the first class joins each subset."""
    if len(classes) == 1:
        return [classes[0]]
    first, others = classes[0], classes[1:]
    found = []
    for mask in range(2 ** len(others) - 1):
        with_first = [first, *(k for i, k in enumerate(others) if mask >> i & 1)]
        rest = [k for i, k in enumerate(others) if not mask >> i & 1]
        found += [frozenset({a, b}) for a in all_trees(with_first) for b in all_trees(rest)]
    return found


class EveryPermutation:
    """A generator of random numbers that hands out one given permutation."""

    def __init__(self, permutation):
        self.given = permutation

    def permutation(self, n):
        assert n == len(self.given)
        return np.array(self.given)


def distribution(build, n_classes, n_items):
    """How often each tree comes up when every permutation is drawn once."""
    draws = permutations(range(n_items))
    return Counter(unordered(build(n_classes, EveryPermutation(p)).nested()) for p in draws)


@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_random_trees_are_uniform(n_classes):
    counts = distribution(ClassTree.random, n_classes, 2 * n_classes - 2)
    assert set(counts) == set(all_trees(list(range(n_classes))))
    assert len(counts) == {2: 1, 3: 3, 4: 15}[n_classes]
    assert len(set(counts.values())) == 1


def test_random_trees_reach_all_shapes():
    rng = np.random.default_rng(0)
    found = {unordered(ClassTree.random(5, rng).nested()) for _ in range(2000)}
    assert found == set(all_trees(list(range(5))))


def test_random_trees_are_as_deep_as_theory_says():
    # A leaf of a uniform tree has depth 4^(C-1) / binom(2C-2, C-1) - 1 in expectation, which is
    # sqrt(pi C) for large C. With four classes, 12 chains have depths 1, 2, 3, 3 and 3 trees are
    # balanced: (12 * 9 + 3 * 8) / 60 = 64 / 20 - 1.
    rng = np.random.default_rng(0)
    depths = [ClassTree.random(1000, rng).depths.mean() for _ in range(300)]
    assert np.mean(depths) == pytest.approx(sqrt(1000 * pi), rel=0.05)


@pytest.mark.parametrize("n_classes", [4, 5])
def test_random_balanced_trees_are_uniform_among_balanced_trees(n_classes):
    def n_leaves(tree):
        return 1 if isinstance(tree, int) else sum(map(n_leaves, tree))

    def is_balanced(tree):
        if isinstance(tree, int):
            return True
        sizes = sorted(map(n_leaves, tree))
        return sizes[1] - sizes[0] <= 1 and all(map(is_balanced, tree))

    counts = distribution(ClassTree.random_balanced, n_classes, n_classes)
    assert set(counts) == set(filter(is_balanced, all_trees(list(range(n_classes)))))
    assert len(set(counts.values())) == 1


@given(st.integers(2, 200), st.integers(0, 1000))
def test_balanced_trees_are_as_flat_as_can_be(n_classes, seed):
    tree = ClassTree.balanced(n_classes)
    assert_array_equal(tree.leaves, np.arange(n_classes))
    for flat in (tree, ClassTree.random_balanced(n_classes, np.random.default_rng(seed))):
        assert flat.depth == ceil(log2(n_classes))
        lo, mid, hi = flat.spans.T
        assert set(2 * mid - lo - hi) <= {0, 1}


@pytest.mark.parametrize("build", [ClassTree.random, ClassTree.random_balanced])
def test_the_seed_decides(build):
    first, again, other = (build(30, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    "build",
    [
        ClassTree.balanced,
        lambda n_classes: ClassTree.random(n_classes, np.random.default_rng(0)),
        lambda n_classes: ClassTree.random_balanced(n_classes, np.random.default_rng(0)),
        lambda n_classes: ClassTree.random_pair(None, n_classes, np.random.default_rng(0)),
    ],
    ids=["balanced", "random", "random_balanced", "random_pair"],
)
@pytest.mark.parametrize(("n_classes", "error"), [(1, ValueError), (2.0, TypeError)])
def test_there_must_be_two_classes(build, n_classes, error):
    with pytest.raises(error, match="n_classes must be an integer of at least 2, got "):
        build(n_classes)


@given(st.integers(2, 15), st.integers(0, 1000))
def test_random_pairs_divide_each_node_as_they_are_told(n_classes, seed):
    rng = np.random.default_rng(seed)
    expected = {}

    def split(i, j, classes):
        assert len(classes) > 0
        right = rng.random(len(classes)) < 0.5
        sides = {i, *classes[~right].tolist()}, {j, *classes[right].tolist()}
        expected[frozenset(sides[0] | sides[1])] = sides
        assert len(sides[0] | sides[1]) == len(classes) + 2
        return right

    tree = ClassTree.random_pair(split, n_classes, rng)
    for lo, mid, hi in tree.spans:
        left, right = set(tree.leaves[lo:mid].tolist()), set(tree.leaves[mid:hi].tolist())
        if hi - lo > 2:
            assert expected.pop(frozenset(left | right)) == (left, right)
    assert not expected


def test_random_pairs_put_neighbours_together():
    place = np.array([0.0, 100.0, 1.0, 101.0])

    def nearer_to_j(i, j, classes):
        return abs(place[classes] - place[j]) < abs(place[classes] - place[i])

    trees = [
        ClassTree.random_pair(nearer_to_j, 4, np.random.default_rng(seed)) for seed in range(200)
    ]
    found = Counter(unordered(tree.nested()) for tree in trees)
    good = frozenset({frozenset({0, 2}), frozenset({1, 3})})
    # Four of the six pairs of seeds are far apart. Draws of a close pair cut off one seed.
    assert 0.5 < found[good] / 200 < 0.8


def test_two_classes_need_no_split():
    def split(i, j, classes):
        raise AssertionError

    tree = ClassTree.random_pair(split, 2, np.random.default_rng(0))
    assert sorted(tree.leaves) == [0, 1]


@pytest.mark.parametrize("answer", [[True], [0, 1], [[True, False]], [True] * 3, None])
def test_a_split_must_answer_for_each_class(answer):
    with pytest.raises(ValueError, match=r"split must return a bool array of shape \(2,\), got "):
        ClassTree.random_pair(lambda i, j, classes: answer, 4, np.random.default_rng(0))


def average(D):
    return D.mean()


@pytest.mark.parametrize(("method", "between"), [("average", average), ("complete", np.max)])
def test_agglomeration_joins_the_closest_groups(method, between):
    points = np.random.default_rng(0).normal(size=(12, 3))
    groups = {k: [k] for k in range(12)}
    D = cdist(points, points)
    while len(groups) > 1:
        pairs = [(a, b) for a in groups for b in groups if a is not b and str(a) < str(b)]
        a, b = min(pairs, key=lambda pair: between(D[np.ix_(groups[pair[0]], groups[pair[1]])]))
        groups[frozenset({a, b})] = groups.pop(a) + groups.pop(b)
    tree = ClassTree.agglomerative(points, method)
    assert unordered(tree.nested()) == next(iter(groups))


def test_similar_classes_are_joined_first():
    assert unordered(ClassTree.agglomerative([[0.0], [9.0], [1.0], [12.0]]).nested()) == frozenset(
        {frozenset({0, 2}), frozenset({1, 3})}
    )


@pytest.mark.parametrize("means", [[[1.0, 2.0]], [1.0, 2.0], [[0.0], [np.nan]], [[0.0], [np.inf]]])
def test_means_must_be_finite_and_two(means):
    with pytest.raises(ValueError, match="means must be a finite array"):
        ClassTree.agglomerative(means)


def test_the_linkage_must_be_known():
    with pytest.raises(ValueError, match="nearest"):
        ClassTree.agglomerative(np.eye(3), "nearest")


def test_merges_are_those_of_scipy():
    merges = linkage(np.array([[0.0], [1.0], [5.0], [7.0]]))[:, :2].astype(int)
    assert ClassTree.from_merges(merges).nested() == ((0, 1), (2, 3))


@pytest.mark.parametrize(
    ("merges", "message"),
    [
        ([[0, 3], [1, 2]], r"merges must join items that exist, got \[0 3\] for item 3"),
        ([[0, 1], [2, 4]], r"merges must join items that exist, got \[2 4\] for item 4"),
        ([[0, 1], [0, 3]], "merges must join every item but the last once"),
        ([[0, 1], [-1, 3]], "merges must join every item but the last once"),
        ([0, 1], r"merges must have shape \(n_classes - 1, 2\)"),
        (np.zeros((0, 2), dtype=int), r"merges must have shape .* got \(0, 2\)"),
    ],
)
def test_merges_must_make_one_tree(merges, message):
    with pytest.raises(ValueError, match=message):
        ClassTree.from_merges(merges)


def test_merges_must_be_integers():
    with pytest.raises(TypeError, match="merges must be an array of integers"):
        ClassTree.from_merges([[0.0, 1.0]])
