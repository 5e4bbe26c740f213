"""Trees by frequency and from hierarchies: optimality, clades, and what is refused."""

from functools import cache
from itertools import combinations
from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from skmlp.reductions.tree import ClassTree

counts_of_classes = st.lists(st.integers(0, 20), min_size=2, max_size=7)


def cheapest(counts):
    """The least weighted sum of depths, and the least depth among the trees that reach it."""

    @cache
    def cost_and_depth(classes):
        if len(classes) == 1:
            return 0, 0
        best = inf, inf
        for size in range(1, len(classes) // 2 + 1):
            for left in combinations(classes, size):
                right = tuple(k for k in classes if k not in left)
                (a, depth_a), (b, depth_b) = cost_and_depth(left), cost_and_depth(right)
                best = min(best, (a + b, 1 + max(depth_a, depth_b)))
        return best[0] + sum(counts[k] for k in classes), best[1]

    return cost_and_depth(tuple(range(len(counts))))


@given(counts_of_classes)
def test_no_tree_is_cheaper_or_else_flatter_than_that_of_huffman(counts):
    tree = ClassTree.huffman(counts)
    assert (int(np.dot(counts, tree.depths)), tree.depth) == cheapest(counts)


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=7))
def test_weights_of_huffman_may_be_any_numbers(counts):
    # Sums in another order differ by rounding.
    cost = np.dot(counts, ClassTree.huffman(counts).depths)
    assert cost == pytest.approx(cheapest(counts)[0], rel=1e-12)


def test_dyadic_frequencies_give_depths_that_are_their_logarithms():
    p = np.array([1 / 16, 1 / 2, 1 / 4, 1 / 16, 1 / 8])
    assert_array_equal(ClassTree.huffman(p).depths, -np.log2(p))


@pytest.mark.parametrize("n_classes", [2, 8, 64])
def test_equal_frequencies_give_a_balanced_tree_in_order(n_classes):
    assert ClassTree.huffman([3] * n_classes) == ClassTree.balanced(n_classes)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([1, -2, 3], r"counts must be finite and not negative, got -2.0 for class 1"),
        ([1.0, np.nan], "counts must be finite and not negative, got nan for class 1"),
        ([np.inf, 1.0], "counts must be finite and not negative, got inf for class 0"),
        ([1], r"counts must hold one number for each of at least two classes, got shape \(1,\)"),
        ([[1, 2]], r"counts must hold one number .* got shape \(1, 2\)"),
    ],
)
def test_counts_must_be_weights(counts, message):
    with pytest.raises(ValueError, match=message):
        ClassTree.huffman(counts)


def nested_over(classes, rng):
    """A random hierarchy with any number of children, chains of single children among them."""
    if len(classes) == 1:
        return classes[0] if rng.random() < 0.7 else (classes[0],)
    cuts = np.sort(rng.choice(np.arange(1, len(classes)), rng.integers(1, len(classes)), False))
    parts = np.split(np.array(classes), cuts)
    node = tuple(nested_over(part.tolist(), rng) for part in parts)
    return node if rng.random() < 0.8 else [node]


@st.composite
def hierarchies(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    classes = rng.permutation(draw(st.integers(2, 12))).tolist()
    nested = nested_over(classes, rng)
    return nested if isinstance(nested, list | tuple) else (nested,)


def groups_of(nested):
    """The classes below every node of a hierarchy."""
    if isinstance(nested, int):
        return [{nested}]
    below = [groups_of(child) for child in nested]
    return [set().union(*(groups[0] for groups in below)), *(g for groups in below for g in groups)]


def groups_of_tree(tree):
    return [{k} for k in range(tree.n_classes)] + [
        set(tree.leaves[lo:hi].tolist()) for lo, _, hi in tree.spans
    ]


@given(hierarchies())
def test_the_classes_below_a_node_of_the_hierarchy_are_below_a_node_of_the_tree(nested):
    groups = groups_of_tree(ClassTree.from_nested(nested))
    assert all(group in groups for group in groups_of(nested))


@given(hierarchies(), st.booleans())
def test_a_table_of_parents_says_the_same_as_nested_tuples(nested, explicit_root):
    parents = {0: None} if explicit_root else {}
    class_of = {}
    items = [(nested, 0)]
    # Children are listed left to right, as in the tuples.
    for item, node in items:
        if isinstance(item, int):
            class_of[node] = item
            continue
        for child in item:
            parents[len(items)] = node
            items.append((child, len(items)))
    table = ClassTree.from_parents(parents, class_of)
    assert table == ClassTree.from_nested(nested)


@given(st.integers(2, 12), st.integers(0, 2**32 - 1))
def test_a_binary_tree_is_made_again_from_its_nested_form(n_classes, seed):
    tree = ClassTree.random(n_classes, np.random.default_rng(seed))
    assert ClassTree.from_nested(tree.nested()) == tree
    names = [f"class {k}" for k in range(n_classes)]
    # The children of a node are listed from left to right.
    parents = {}
    for node, children in enumerate(tree.children.tolist()):
        for child in children:
            parents[child if child >= 0 else names[~child]] = node
    class_of = {name: k for k, name in enumerate(names)}
    assert ClassTree.from_parents(parents, class_of) == tree


@given(counts_of_classes)
def test_one_flat_node_is_joined_as_huffman_does(counts):
    classes = range(len(counts))
    flat = ClassTree.from_nested(tuple(classes), counts=counts)
    assert flat == ClassTree.huffman(counts)
    parents = dict.fromkeys(classes, "root")
    assert ClassTree.from_parents(parents, {k: k for k in classes}, counts) == flat


@given(counts_of_classes)
def test_of_two_children_the_one_that_was_listed_first_is_on_the_left(counts):
    tree = ClassTree.huffman(counts)
    for (lo, mid, _), first in zip(tree.spans, tree.first_classes, strict=True):
        assert first in tree.leaves[lo:mid]


def test_without_counts_nodes_are_balanced_by_their_number_of_classes():
    nested = (0, (1, 2, 3, 4), 5, 6, 7)
    tree = ClassTree.from_nested(nested)
    assert_array_equal(tree.depths, 3)
    assert ClassTree.from_nested(nested, counts=[9] + [1] * 7).depths[0] == 1


def test_two_children_keep_their_order_whatever_they_weigh():
    nested = ((3, 2), (1, 0))
    assert ClassTree.from_nested(nested, counts=[1, 5, 2, 9]).nested() == nested


MAMMALS = {
    "canine": "mammal",
    "cat": "mammal",
    "dog": "canine",
    "wolf": "canine",
    "husky": "dog",
    "pug": "dog",
}


def test_a_class_with_classes_below_it_has_a_leaf_among_them():
    labels = ["dog", "husky", "pug", "wolf", "cat"]
    tree = ClassTree.from_parents(MAMMALS, {label: k for k, label in enumerate(labels)})
    groups = groups_of_tree(tree)
    assert {0, 1, 2} in groups
    assert {0, 1, 2, 3} in groups
    assert tree.n_classes == 5


def test_every_inner_node_may_be_a_class():
    labels = [*MAMMALS, "mammal"]
    tree = ClassTree.from_parents(MAMMALS, {label: k for k, label in enumerate(labels)})
    groups = groups_of_tree(tree)
    below = {"dog": ["husky", "pug"], "canine": ["dog", "wolf", "husky", "pug"]}
    for label, others in below.items():
        assert {labels.index(other) for other in [label, *others]} in groups


def test_nodes_without_classes_and_nodes_with_one_child_leave_the_tree():
    tree = ClassTree.from_parents(MAMMALS, {"wolf": 0, "husky": 1, "cat": 2})
    assert tree.nested() == ((1, 0), 2)


def test_several_roots_are_joined():
    parents = {"dog": "animal", "cat": "animal", "oak": "plant", "yew": "plant", "gold": None}
    class_of = {label: k for k, label in enumerate(["dog", "oak", "cat", "yew", "gold"])}
    tree = ClassTree.from_parents(parents, class_of)
    groups = groups_of_tree(tree)
    assert {0, 2} in groups
    assert {1, 3} in groups
    assert tree.depths[4] == 2


def test_leaves_without_a_class_leave_the_tree():
    nested = (("cow", "cat"), ("ape", ("yak",)), "dog")
    class_of = {"cat": 1, "dog": 0} | dict.fromkeys(["cow", "ape", "yak"])
    assert ClassTree.from_nested(nested, class_of=class_of).nested() == (1, 0)
    with pytest.raises(ValueError, match="nested must hold leaves that class_of names, got 'cow'"):
        ClassTree.from_nested(nested, class_of={"cat": 1, "dog": 0})


@pytest.mark.parametrize(
    ("parents", "cycle"),
    [
        ({"a": "a", "b": None, "c": None}, "'a' -> 'a'"),
        ({"b": "root", "c": "x", "x": "y", "y": "x"}, "'x' -> 'y' -> 'x'"),
        (
            {"b": None, "c": None} | {k: (k + 1) % 100 for k in range(100)},
            "0 -> 1 -> 2 -> 3 -> ... -> 98 -> 99 -> 0",
        ),
    ],
)
def test_a_cycle_is_shown(parents, cycle):
    with pytest.raises(ValueError, match=f"parents must hold no cycle, got {cycle}."):
        ClassTree.from_parents(parents, {"b": 0, "c": 1})


def test_a_class_must_be_a_node():
    with pytest.raises(ValueError, match="class_of must name nodes of parents, got 'wolff'"):
        ClassTree.from_parents(MAMMALS, {"dog": 0, "wolff": 1})


@pytest.mark.parametrize(
    ("nested", "message"),
    [
        ((0, (1, 1)), "once, got 1 twice"),
        ((0, (1, 3)), "once, got 3 among 3 classes"),
        ((0, (1, -1)), "once, got -1 among 3 classes"),
        ((0,), "nested must hold at least two classes, got 1"),
        ((0, (1, ())), r"nested must hold something in every tuple, got \(\)"),
        ((), "nested must hold at least two classes, got 0"),
    ],
)
def test_nested_tuples_must_hold_each_class_once(nested, message):
    with pytest.raises(ValueError, match=message):
        ClassTree.from_nested(nested)


@pytest.mark.parametrize("nested", [(0, "dog"), (0, None, 1), (0, 1.0), (0, True), "01", 3, {0, 1}])
def test_nested_tuples_must_hold_integers(nested):
    with pytest.raises(TypeError, match="nested must "):
        ClassTree.from_nested(nested)


@pytest.mark.parametrize(
    ("class_of", "error", "message"),
    [
        ({"cat": 0, "dog": 0}, ValueError, "class_of must hold each class .* got 0 twice"),
        ({"cat": 0, "dog": 2}, ValueError, "class_of must hold each class .* got 2 among 2"),
        ({"cat": 0}, ValueError, "class_of must hold at least two classes, got 1"),
        ({"cat": 0, "dog": "wolf"}, TypeError, "class_of must hold class indices, got 'wolf'"),
    ],
)
def test_a_table_must_hold_each_class_once(class_of, error, message):
    with pytest.raises(error, match=message):
        ClassTree.from_parents(MAMMALS, class_of)


def test_counts_must_fit_the_classes():
    message = r"counts must hold one number for each of 3 classes, got shape \(2,\)"
    with pytest.raises(ValueError, match=message):
        ClassTree.from_nested((0, 1, 2), counts=[1, 2])
    with pytest.raises(ValueError, match=message):
        ClassTree.from_parents(MAMMALS, {"cat": 0, "dog": 1, "wolf": 2}, [1, 2])


def test_deep_hierarchies_need_no_recursion():
    depth = 5000
    # Below node k - 1 are class k - 1 and node k.
    parents = {k: k - 1 for k in range(1, depth)}
    tree = ClassTree.from_parents(parents, {k: k for k in range(depth)})
    assert_array_equal(tree.depths, np.minimum(np.arange(1, depth + 1), depth - 1))
    with pytest.raises(ValueError, match="parents must hold no cycle, got 1 -> 0 -> 4999 -> 49"):
        ClassTree.from_parents(parents | {0: depth - 1}, {0: 0, 1: 1})

    nested = (0, 1)
    for _ in range(depth):
        nested = (nested,)
    assert ClassTree.from_nested(nested).nested() == (0, 1)
