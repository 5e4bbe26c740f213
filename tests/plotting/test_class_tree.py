"""Pictures of class trees: what stands where, and what is refused."""

from itertools import pairwise
from string import ascii_uppercase

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skmlp import TreeReductionClassifier
from skmlp.plotting import ClassTreeDisplay
from skmlp.reductions.tree import ClassTree

X, Y = load_iris(return_X_y=True)
TREE = ClassTree.from_nested((1, ((3, 0), 2)))


def fitted(y=Y, **params):
    return TreeReductionClassifier(LogisticRegression(), **params).fit(X, y)


def texts(display):
    return [name.get_text() for name in display.names_]


def test_classes_stand_at_their_depth_and_below_each_other():
    display = ClassTreeDisplay.from_tree(TREE, ["ant", "bee", "cow", "dog"])
    assert texts(display) == ["ant", "bee", "cow", "dog"]
    for k, name in enumerate(display.names_):
        assert name.xy == (TREE.depths[k], TREE.positions[k])
    low, high = display.ax_.get_ylim()
    assert low > high, "the first leaf is at the top"


def test_nodes_stand_at_their_depth_amid_their_children():
    display = ClassTreeDisplay.from_tree(TREE)
    # Rows are those of 1, 3, 0, 2. Node 2 has rows 1 and 2, node 1 that and row 3.
    np.testing.assert_array_equal(display.nodes_.get_xdata(), [0, 1, 2])
    np.testing.assert_array_equal(display.nodes_.get_ydata(), [1.125, 2.25, 1.5])


def test_a_branch_leads_from_each_node_to_each_child():
    display = ClassTreeDisplay.from_tree(TREE)
    segments = display.branches_.get_xydata().reshape(-1, 4, 2)
    node_xy = display.nodes_.get_xydata()
    place = [*node_xy, *(display.names_[k].xy for k in reversed(range(4)))]
    expected = [
        [place[node], (place[node][0], place[child][1]), place[child]]
        for node, children in enumerate(TREE.children)
        for child in children
    ]
    np.testing.assert_array_equal(segments[:, :3], expected)
    assert np.isnan(segments[:, 3]).all()


def test_names_are_indices_by_default():
    assert texts(ClassTreeDisplay(TREE).plot()) == ["0", "1", "2", "3"]


@pytest.mark.parametrize("draw", [ClassTreeDisplay, ClassTreeDisplay.from_tree])
def test_each_class_needs_a_name(draw):
    with pytest.raises(ValueError, match=r"class_names must .* each of 4 classes, got 3"):
        draw(TREE, ["a", "b", "c"])


@pytest.mark.parametrize("n_classes", [2, 26, 120])
def test_names_have_room_in_a_new_figure(n_classes):
    names = [ascii_uppercase[k % 26] * 3 for k in range(n_classes)]
    tree = ClassTree.random(n_classes, np.random.default_rng(0))
    display = ClassTreeDisplay.from_tree(tree, names)
    display.figure_.canvas.draw()
    boxes = [name.get_window_extent() for name in display.names_]
    from_the_top = sorted(boxes, key=lambda box: -box.y0)
    for above, below in pairwise(from_the_top):
        assert below.y1 <= above.y0 + 1
    assert min(name.get_fontsize() for name in display.names_) > 8
    width = display.figure_.bbox.width
    assert all(0 <= box.x0 < box.x1 <= width for box in boxes)


def test_names_shrink_in_small_axes():
    _, ax = plt.subplots(figsize=(4, 2))
    display = ClassTreeDisplay.from_tree(ClassTree.balanced(40), ax=ax)
    assert all(1 < name.get_fontsize() < 4 for name in display.names_)


def test_it_draws_into_given_axes():
    figure, ax = plt.subplots()
    display = ClassTreeDisplay.from_estimator(fitted(), ax=ax)
    assert (display.ax_, display.figure_) == (ax, figure)
    assert plt.get_fignums() == [figure.number]


def test_the_tree_of_an_estimator_has_its_labels():
    model = fitted(np.array(["ant", "bee", "cow"])[Y], tree=("bee", ("ant", "cow")))
    display = ClassTreeDisplay.from_estimator(model)
    assert texts(display) == ["ant", "bee", "cow"]
    assert display.tree == ClassTree.from_nested((1, (0, 2)))
    names = ["Ant", "Bee", "Cow"]
    assert texts(ClassTreeDisplay.from_estimator(model, class_names=names)) == names


def test_classes_without_rows_are_not_in_the_tree():
    labels = ["ant", "auk", "bee", "cow"]
    model = fitted(np.array(["ant", "bee", "cow"])[Y], classes=labels)
    assert texts(ClassTreeDisplay.from_estimator(model)) == ["ant", "bee", "cow"]
    names = ["1", "2", "3", "4"]
    assert texts(ClassTreeDisplay.from_estimator(model, class_names=names)) == ["1", "3", "4"]
    with pytest.raises(ValueError, match=r"class_names must .* each of 4 classes, got 3"):
        ClassTreeDisplay.from_estimator(model, class_names=names[:3])


def test_a_pipeline_stands_for_its_last_step():
    pipeline = make_pipeline(StandardScaler(), fitted()).fit(X, Y)
    assert ClassTreeDisplay.from_estimator(pipeline).tree == pipeline[-1].tree_


def test_the_estimator_must_be_fitted():
    with pytest.raises(NotFittedError):
        ClassTreeDisplay.from_estimator(TreeReductionClassifier(LogisticRegression()))


def test_the_estimator_must_have_a_class_tree():
    # A decision tree has a tree_ too, but of thresholds on features.
    for model in (DecisionTreeClassifier(), GaussianNB()):
        with pytest.raises(TypeError, match="estimator must be a fitted "):
            ClassTreeDisplay.from_estimator(model.fit(X, Y))
