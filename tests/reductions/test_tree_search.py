"""Searches in trees against the enumeration of all classes, and how many nodes they look at."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skmlp.reductions import tree_search
from skmlp.reductions.tree import ClassTree
from skmlp.reductions.tree_search import (
    best_first,
    bottleneck,
    class_log_probability,
    greedy_walk,
    path_log_probabilities,
)


def chain(n_classes):
    nested = 0
    for k in range(1, n_classes):
        nested = (nested, k)
    return ClassTree.from_nested(nested)


class Nodes:
    """The learners of a tree as a table, which counts who is asked about which row."""

    def __init__(self, *tables):
        self.tables = tables
        self.asked = []

    def __call__(self, nodes, rows):
        assert len(nodes) > 0
        self.asked += zip(rows.tolist(), nodes.tolist(), strict=True)
        answers = tuple(table[rows, nodes] for table in self.tables)
        return answers[0] if len(answers) == 1 else answers


def log_probabilities(p_right):
    with np.errstate(divide="ignore"):
        return np.log1p(-p_right), np.log(p_right)


@st.composite
def trees_with_probabilities(draw, values=None):
    """A random tree and P(right) of each node for some rows."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_classes, n_samples = draw(st.integers(2, 12)), draw(st.integers(1, 5))
    tree = ClassTree.random(n_classes, rng)
    size = n_samples, tree.n_nodes
    return tree, rng.uniform(size=size) if values is None else rng.choice(values, size=size)


# Ties, and probabilities of zero, are everywhere in the second kind.
problems = st.one_of(
    trees_with_probabilities(), trees_with_probabilities([0.0, 0.25, 0.5, 0.75, 1.0])
)


def follow(tree, margins):
    """The greedy walk of one row, step by step."""
    item = 0
    while item >= 0:
        item = tree.children[item][int(margins[item] > 0)]
    return ~item


@given(problems)
def test_the_greedy_walk_follows_signs_and_asks_nobody_else(problem):
    tree, p_right = problem
    margin = Nodes(p_right - 0.5)
    classes = greedy_walk(tree, margin, len(p_right))
    assert_array_equal(classes, [follow(tree, row) for row in p_right - 0.5])
    on_paths = [(i, node) for i, k in enumerate(classes) for node in tree.path(k)[0].tolist()]
    assert sorted(margin.asked) == sorted(on_paths)


@given(problems)
def test_path_log_probabilities_multiply_along_paths(problem):
    tree, p_right = problem
    P = np.exp(path_log_probabilities(tree, *log_probabilities(p_right)))
    code = tree.code().M
    for k in range(tree.n_classes):
        steps = np.where(code[k] > 0, p_right, np.where(code[k] < 0, 1 - p_right, 1.0))
        assert_allclose(P[:, k], steps.prod(axis=1), rtol=1e-12)
    assert_allclose(P.sum(axis=1), 1.0, rtol=1e-12)


def sorted_classes(tree, log_left, log_right):
    """All classes, the most probable first."""
    log_p = path_log_probabilities(tree, log_left, log_right)
    order = np.argsort(-log_p, axis=1, kind="stable")
    return order, np.take_along_axis(log_p, order, axis=1)


@given(problems, st.data(), st.sampled_from([1, 2**20]))
def test_best_first_finds_what_sorting_all_classes_finds(problem, data, block):
    tree, p_right = problem
    k = data.draw(st.integers(1, tree.n_classes))
    logs = log_probabilities(p_right)
    log_probability = Nodes(*logs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree_search, "BLOCK", block)
        classes, log_p = best_first(tree, log_probability, len(p_right), k)
    expected_classes, expected_log_p = sorted_classes(tree, *logs)
    assert_array_equal(classes, expected_classes[:, :k])
    assert_array_equal(log_p, expected_log_p[:, :k])
    assert len(set(log_probability.asked)) == len(log_probability.asked)


@given(trees_with_probabilities())
def test_best_first_asks_no_node_that_cannot_matter(problem):
    tree, p_right = problem
    log_probability = Nodes(*log_probabilities(p_right))
    _, best = best_first(tree, log_probability, len(p_right))

    reach = np.zeros(p_right.shape)
    for node, children in enumerate(tree.children):
        for child, answers in zip(children, log_probability.tables, strict=True):
            if child >= 0:
                reach[:, child] = reach[:, node] + answers[:, node]
    greedy = greedy_walk(tree, Nodes(p_right - 0.5), len(p_right))
    reach_of_greedy = class_log_probability(tree, Nodes(*log_probability.tables), greedy)
    for i, k in enumerate(greedy):
        asked = {node for row, node in log_probability.asked if row == i}
        on_path = set(tree.path(k)[0].tolist())
        # More probable than the best class: it might have led to a better one.
        assert set(np.flatnonzero(reach[i] > best[i, 0])) <= asked
        # Less probable than a class that is known: it cannot.
        assert asked <= on_path | set(np.flatnonzero(reach[i] >= reach_of_greedy[i]))


def sure(tree, classes, confidence):
    """P(right), where every learner on the path of a row's class believes in it."""
    code = tree.code().M[classes]
    return np.where(code > 0, confidence, np.where(code < 0, 1 - confidence, 0.5))


def test_sure_learners_are_asked_as_often_as_the_leaf_is_deep():
    tree = ClassTree.balanced(64)
    classes = np.arange(64)
    log_probability = Nodes(*log_probabilities(sure(tree, classes, 0.95)))
    found, log_p = best_first(tree, log_probability, 64)
    assert_array_equal(found[:, 0], classes)
    assert_allclose(log_p[:, 0], 6 * np.log(0.95))
    assert len(log_probability.asked) == 64 * 6


def test_nodes_of_probability_zero_are_not_evaluated():
    tree = ClassTree.balanced(64)
    classes = np.arange(64)
    log_probability = Nodes(*log_probabilities(sure(tree, classes, 1.0)))
    found, log_p = best_first(tree, log_probability, 64, k=5)
    assert_array_equal(found[:, 0], classes)
    assert_array_equal(log_p, np.tile([0.0] + [-np.inf] * 4, (64, 1)))
    assert len(log_probability.asked) == 64 * 6


def test_a_wrong_turn_is_taken_back():
    tree = ClassTree.from_nested((0, ((1, 2), 3)))
    p_right = np.array([[0.55, 0.5, 0.4]])
    assert_array_equal(greedy_walk(tree, Nodes(p_right - 0.5), 1), [1])
    classes, log_p = best_first(tree, Nodes(*log_probabilities(p_right)), 1, k=2)
    assert_array_equal(classes, [[0, 3]])
    assert_allclose(np.exp(log_p), [[0.45, 0.55 * 0.5]])


def test_equally_probable_classes_come_in_ascending_order():
    tree = ClassTree.from_nested(((3, 1), (2, 0)))
    log_half = np.full((1, 3), np.log(0.5))
    for k in range(1, 5):
        classes, _ = best_first(tree, Nodes(log_half, log_half), 1, k)
        assert_array_equal(classes, [np.arange(k)])


def test_best_first_agrees_with_all_probabilities_in_single_precision():
    tree, rng = ClassTree.balanced(200), np.random.default_rng(0)
    logs = [log.astype(np.float32) for log in log_probabilities(rng.uniform(0.4, 0.6, (50, 199)))]
    classes, log_p = best_first(tree, Nodes(*logs), 50, k=200)
    expected_classes, expected_log_p = sorted_classes(tree, *logs)
    assert_array_equal(classes, expected_classes)
    assert_array_equal(log_p, expected_log_p)


@pytest.mark.parametrize(
    ("k", "error", "message"),
    [
        (0, ValueError, "k must be an integer of at least 1, got 0"),
        (5, ValueError, "k must be at most n_classes, 4, got 5"),
        (1.0, TypeError, "k must be an integer"),
    ],
)
def test_k_is_at_most_the_number_of_classes(k, error, message):
    table = np.full((2, 3), np.log(0.5))
    with pytest.raises(error, match=message):
        best_first(ClassTree.balanced(4), Nodes(table, table), 2, k)


@pytest.mark.parametrize("bad", [np.nan, 0.1])
def test_best_first_needs_logarithms_of_probabilities(bad):
    table = np.full((2, 3), -1.0)
    table[1, 0] = bad
    with pytest.raises(ValueError, match=f"must return numbers that are at most 0, got {bad}"):
        best_first(ClassTree.balanced(4), Nodes(table, table), 2)


def test_no_rows_have_no_classes():
    tree, empty = ClassTree.balanced(4), np.zeros((0, 3))
    assert greedy_walk(tree, Nodes(empty), 0).shape == (0,)
    classes, log_p = best_first(tree, Nodes(empty, empty), 0, 3)
    assert classes.shape == log_p.shape == (0, 3)
    assert class_log_probability(tree, Nodes(empty, empty), np.zeros(0, dtype=int)).shape == (0,)
    assert bottleneck(tree, empty).shape == (0, 4)


@given(problems, st.data())
def test_the_probability_of_one_class_asks_its_path_only(problem, data):
    tree, p_right = problem
    n_samples = len(p_right)
    k = data.draw(
        st.lists(st.integers(0, tree.n_classes - 1), min_size=n_samples, max_size=n_samples)
    )
    log_probability = Nodes(*log_probabilities(p_right))
    log_p = class_log_probability(tree, log_probability, k)
    everything = path_log_probabilities(tree, *log_probability.tables)
    assert_array_equal(log_p, everything[np.arange(n_samples), k])
    assert len(log_probability.asked) == tree.depths[k].sum()


@pytest.mark.parametrize("k", [-1, 4])
def test_the_class_must_exist(k):
    table = np.full((2, 3), -1.0)
    with pytest.raises(ValueError, match=f"classes must be from 0 to 3, got {k}"):
        class_log_probability(ClassTree.balanced(4), Nodes(table, table), [0, k])


@given(problems)
def test_the_bottleneck_is_the_smallest_margin_towards_the_class(problem):
    tree, p_right = problem
    margins = p_right - 0.5
    scores = bottleneck(tree, margins)
    for k in range(tree.n_classes):
        nodes, signs = tree.path(k)
        assert_array_equal(scores[:, k], (signs * margins[:, nodes]).min(axis=1))


@given(trees_with_probabilities())
def test_the_best_bottleneck_is_where_the_greedy_walk_ends(problem):
    tree, p_right = problem
    scores = bottleneck(tree, p_right - 0.5)
    assert_array_equal(scores.argmax(axis=1), greedy_walk(tree, Nodes(p_right - 0.5), len(p_right)))
    assert ((scores > 0).sum(axis=1) == 1).all()


def test_scores_of_all_classes_keep_single_precision():
    tree = ClassTree.balanced(5)
    table = np.full((2, 4), np.log(0.5), dtype=np.float32)
    assert path_log_probabilities(tree, table, table).dtype == np.float32
    assert bottleneck(tree, table).dtype == np.float32


def test_deep_trees_need_no_recursion():
    tree = chain(5001)
    assert tree.depth == 5000
    # Left all the way to class 0, but for row 1, which leaves for class 4000 on its way.
    margins = np.full((2, 5000), -3.0)
    margins[1, 1000] = 2.0
    assert_array_equal(greedy_walk(tree, Nodes(margins), 2), [0, 4000])
    scores = bottleneck(tree, margins)
    assert_array_equal(scores.argmax(axis=1), [0, 4000])
    logs = -np.logaddexp(0, margins), -np.logaddexp(0, -margins)
    classes, log_p = best_first(tree, Nodes(*logs), 2, k=3)
    expected_classes, expected_log_p = sorted_classes(tree, *logs)
    assert_array_equal(classes, expected_classes[:, :3])
    assert_array_equal(log_p, expected_log_p[:, :3])
    lowest = class_log_probability(tree, Nodes(*logs), [0, 0])
    assert_allclose(lowest, logs[0].sum(axis=1), rtol=1e-12)
