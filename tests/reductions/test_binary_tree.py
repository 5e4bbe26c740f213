"""The shape of a tree against a slow recursive description of the same tree."""

import copy
import pickle
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from skmlp.reductions.tree import ClassTree

trees = st.builds(
    lambda n_classes, seed: ClassTree.random(n_classes, np.random.default_rng(seed)),
    st.integers(2, 12),
    st.integers(0, 2**32 - 1),
)


def chain(n_classes):
    """Class 0 leaves at the root, then 1, and so on."""
    nodes = np.arange(n_classes - 1)
    spans = np.column_stack([nodes, nodes + 1, np.full_like(nodes, n_classes)])
    return ClassTree(np.arange(n_classes), spans)


def classes_below(nested):
    if isinstance(nested, int):
        return [nested]
    return classes_below(nested[0]) + classes_below(nested[1])


def inner_nodes(nested, depth=0):
    """Every inner node in preorder: its two subtrees and its depth."""
    if isinstance(nested, int):
        return []
    left, right = nested
    return [(left, right, depth), *inner_nodes(left, depth + 1), *inner_nodes(right, depth + 1)]


@given(trees)
def test_everything_follows_from_the_nested_form(tree):
    nested = tree.nested()
    nodes = inner_nodes(nested)
    subtrees = [(left, right) for left, right, _ in nodes]

    leaves = classes_below(nested)
    assert_array_equal(tree.leaves, leaves)
    assert_array_equal(tree.leaves[tree.positions], np.arange(tree.n_classes))
    assert (tree.n_classes, tree.n_nodes) == (len(leaves), len(nodes))
    assert_array_equal(tree.node_depths, [depth for _, _, depth in nodes])

    code = np.zeros((tree.n_classes, tree.n_nodes), dtype=int)
    for i, (left, right, _) in enumerate(nodes):
        code[classes_below(left), i] = -1
        code[classes_below(right), i] = 1
        assert tree.first_classes[i] == min(classes_below((left, right)))
        start = leaves.index(classes_below(left)[0])
        mid = start + len(classes_below(left))
        assert_array_equal(tree.spans[i], [start, mid, mid + len(classes_below(right))])
        for side, child in enumerate((left, right)):
            expected = ~child if isinstance(child, int) else subtrees.index(child)
            assert tree.children[i, side] == expected
            if expected >= 0:
                assert tree.parent[expected] == i
    assert tree.parent[0] == -1

    assert_array_equal(tree.code().M, code)
    assert_array_equal(tree.paths().toarray(), code)
    assert_array_equal(tree.depths, np.abs(code).sum(axis=1))
    assert tree.depth == tree.depths.max()


@given(trees)
def test_a_path_is_a_row_of_all_paths_and_leads_to_its_class(tree):
    paths = tree.paths()
    for k in range(tree.n_classes):
        nodes, signs = tree.path(k)
        row = slice(paths.indptr[k], paths.indptr[k + 1])
        assert_array_equal(nodes, paths.indices[row])
        assert_array_equal(signs, paths.data[row])
        assert nodes[0] == 0
        steps = tree.children[nodes, (signs > 0).astype(int)]
        assert_array_equal(steps, [*nodes[1:], ~k])


@given(trees)
def test_levels_hold_each_node_once_at_its_depth(tree):
    levels = tree.levels()
    assert sorted(np.concatenate(levels).tolist()) == list(range(tree.n_nodes))
    for depth, nodes in enumerate(levels):
        assert len(nodes) > 0
        assert_array_equal(tree.node_depths[nodes], depth)


@given(trees)
def test_a_line_of_the_drawing_is_as_far_to_the_right_as_its_class_is_deep(tree):
    lines = str(tree).split("\n")
    for line, k in zip(lines, tree.leaves, strict=True):
        assert line.endswith(f" {k}")
        assert len(line) == 2 * tree.depths[k] + len(f" {k}")
        assert line.count("┬") == sum(tree.spans[:, 0] == tree.positions[k])


def test_a_drawing_takes_names():
    tree = ClassTree.from_nested((1, (0, 2)))
    assert tree.draw(["ant", "bee", "cow"]) == "┬─ bee\n└─┬─ ant\n  └─ cow"
    with pytest.raises(ValueError, match="class_names must hold one name for each of 3 classes"):
        tree.draw(["ant", "bee"])


def test_the_representation_is_short():
    assert repr(chain(5000)) == "ClassTree(n_classes=5000, depth=4999)"


@pytest.mark.parametrize("make_copy", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_a_tree_and_its_copies_are_equal_and_immutable(make_copy):
    tree = ClassTree.from_nested(((3, 0), (2, (1, 4))))
    tree.depths  # noqa: B018 what was computed on demand must not get in the way
    twin = make_copy(tree)
    assert twin == tree
    assert hash(twin) == hash(tree)
    names = ["leaves", "spans", "positions", "children", "parent", "node_depths", "depths"]
    for array in (getattr(twin, name) for name in names):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_the_arrays_of_the_user_are_copied():
    leaves, spans = np.array([0, 1]), np.array([[0, 1, 2]])
    tree = ClassTree(leaves, spans)
    leaves[:] = 1, 0
    spans[:] = 7
    assert tree == ClassTree([0, 1], [[0, 1, 2]])


def test_trees_differ_in_shape_or_classes():
    tree = ClassTree.from_nested(((0, 1), 2))
    others = [(0, (1, 2)), ((1, 0), 2), (2, (0, 1)), (0, 1)]
    assert all(tree != ClassTree.from_nested(nested) for nested in others)
    assert tree != ((0, 1), 2)


@pytest.mark.parametrize("tree", [chain(4), ClassTree.balanced(7)], ids=["chain", "balanced"])
@pytest.mark.parametrize("change", [-100, -1, 1, 100])
def test_no_number_of_the_spans_can_be_changed(tree, change):
    for index in np.ndindex(*tree.spans.shape):
        spans = tree.spans.copy()
        spans[index] += change
        with pytest.raises(ValueError, match="spans must divide the leaves of each node"):
            ClassTree(tree.leaves, spans)


@pytest.mark.parametrize("spans", [[[1, 2, 3]], [[-1, 0, 1]], [[0, 2, 2]], [[0, 0, 2]]])
def test_the_root_must_divide_all_leaves(spans):
    with pytest.raises(ValueError, match="spans must divide the leaves of each node"):
        ClassTree([0, 1], spans)


def test_the_error_names_the_node():
    message = "in preorder, but node 1, [1 3 4], and its children do not."
    with pytest.raises(ValueError, match=re.escape(message)):
        ClassTree([0, 1, 2, 3], [[0, 1, 4], [1, 3, 4], [2, 3, 4]])


@pytest.mark.parametrize("leaves", [[0], [0, 2], [1, 1], [-1, 0], [[0, 1]]])
def test_leaves_must_be_the_classes(leaves):
    with pytest.raises(ValueError, match="leaves must hold each class"):
        ClassTree(leaves, [[0, 1, 2]])


def test_arrays_must_have_the_right_type_and_shape():
    for leaves in ([0.0, 1.0], []):
        with pytest.raises(TypeError, match="leaves must be an array of integers, got dtype flo"):
            ClassTree(leaves, [[0, 1, 2]])
    with pytest.raises(
        ValueError, match=r"spans must have shape \(1, 3\) for 2 leaves, got \(3,\)"
    ):
        ClassTree([0, 1], [0, 1, 2])


@pytest.mark.parametrize(("k", "error"), [(-1, ValueError), (3, ValueError), (1.0, TypeError)])
def test_a_path_needs_a_class(k, error):
    with pytest.raises(error, match="k must be"):
        ClassTree.balanced(3).path(k)


def test_a_deep_tree_needs_no_recursion():
    n_classes = 5001
    tree = chain(n_classes)
    assert tree.depth == 5000
    assert_array_equal(tree.depths, np.minimum(np.arange(n_classes) + 1, 5000))
    assert_array_equal(tree.path(n_classes - 1)[0], np.arange(5000))
    assert [len(level) for level in tree.levels()] == [1] * 5000
    assert ClassTree.from_nested(tree.nested()) == tree
    assert len(tree.draw().split("\n")) == n_classes
    assert pickle.loads(pickle.dumps(tree)) == tree
