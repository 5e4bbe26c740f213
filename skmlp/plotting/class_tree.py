"""A class tree as a picture: which question is asked after which, and where the classes are."""

import numpy as np

from skmlp.plotting._display import drawing_axes, fitted_model, import_pyplot
from skmlp.reductions.tree import ClassTree

# Inches of a new figure: its width, the height of a class and what the axis takes, and bounds.
WIDTH = 6.4
ROW_HEIGHT, MARGIN = 0.22, 0.6
LEAST_HEIGHT, MOST_HEIGHT = 2.4, 60.0
# Points of a name, where there is room.
NAME_SIZE = 10.0


class ClassTreeDisplay:
    """A class tree, from the root at the left to the classes at the right.

    Each dot is a binary learner: from there a row goes up, to the left child, or down, to the right
    child. The column in which a class stands is the number of learners that are asked before it is
    predicted.

    Parameters
    ----------
    tree : ClassTree
        The tree.
    class_names : sequence of length n_classes, default=None
        What to write for each class. None writes its index.

    Attributes
    ----------
    tree : ClassTree
        The tree.
    class_names : list of str
        The names of the classes.
    figure_ : matplotlib Figure
        The figure of the latest `plot`.
    ax_ : matplotlib Axes
        The axes.
    branches_ : Line2D
        The branches, one to each child of each inner node, with gaps of NaN between them.
    nodes_ : Line2D
        The dots of the inner nodes.
    names_ : list of Annotation
        The names of the classes, in the order of the classes.

    Raises
    ------
    ValueError
        If there is not one name for each class.

    See Also
    --------
    ClassWeightsDisplay : What speaks for each class.

    Examples
    --------
    >>> from skmlp.plotting import ClassTreeDisplay
    >>> from skmlp.reductions.tree import ClassTree
    >>> tree = ClassTree.from_nested(((0, 1), 2))
    >>> display = ClassTreeDisplay.from_tree(tree, ["cat", "dog", "eel"])
    >>> [name.get_text() for name in display.names_]
    ['cat', 'dog', 'eel']
    """

    def __init__(self, tree, class_names=None):
        self.tree = tree
        names = range(tree.n_classes) if class_names is None else class_names
        self.class_names = list(map(str, names))
        if len(self.class_names) != tree.n_classes:
            raise ValueError(
                f"class_names must hold one name for each of {tree.n_classes} classes, "
                f"got {len(self.class_names)}."
            )

    @classmethod
    def from_tree(cls, tree, class_names=None, *, ax=None):
        """Draw a tree.

        Parameters
        ----------
        tree : ClassTree
            The tree.
        class_names : sequence of length n_classes, default=None
            What to write for each class. None writes its index.
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        display : ClassTreeDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If there is not one name for each class.
        """
        return cls(tree, class_names).plot(ax=ax)

    @classmethod
    def from_estimator(cls, estimator, *, class_names=None, ax=None):
        """Draw the tree of a fitted classifier.

        Parameters
        ----------
        estimator : TreeReductionClassifier or Pipeline
            A fitted classifier, or a pipeline that ends in one.
        class_names : sequence of length n_classes, default=None
            What to write for each class, in the order of ``classes_``. None takes ``classes_``.
            Classes that had no rows to learn from are not in the tree.
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        display : ClassTreeDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If the classifier is not fitted.
        TypeError
            If it has no class tree.
        ValueError
            If there is not one name for each class.
        """
        model = fitted_model(estimator, "tree_", "classes_")
        if not isinstance(model.tree_, ClassTree):
            raise TypeError(
                "estimator must be a fitted TreeReductionClassifier, or a pipeline that ends in "
                f"one, got {estimator!r}."
            )
        names = list(model.classes_ if class_names is None else class_names)
        if len(names) != len(model.classes_):
            raise ValueError(
                f"class_names must hold one name for each of {len(model.classes_)} classes, "
                f"got {len(names)}."
            )
        return cls.from_tree(model.tree_, [names[k] for k in model.present_], ax=ax)

    def plot(self, *, ax=None):
        """Draw the tree.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure, as high as the names need.

        Returns
        -------
        display : ClassTreeDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not there.
        """
        if ax is None:
            height = min(max(MARGIN + ROW_HEIGHT * self.tree.n_classes, LEAST_HEIGHT), MOST_HEIGHT)
            figure = import_pyplot(self).figure(figsize=(WIDTH, height), layout="constrained")
            ax = figure.add_subplot()
        ax = drawing_axes(self, ax)
        places = self._places()
        nodes, classes = places[: self.tree.n_nodes], places[~np.arange(self.tree.n_classes)]
        lines = branches(np.repeat(nodes, 2, axis=0), places[self.tree.children.ravel()])
        (self.branches_,) = ax.plot(*lines.T, color="tab:gray", zorder=1)
        (self.nodes_,) = ax.plot(*nodes.T, "o", color="tab:blue", markersize=4)
        points_each = ax.get_window_extent().height / ax.figure.dpi * 72 / self.tree.n_classes
        self.names_ = [
            ax.annotate(
                name,
                place,
                xytext=(3, 0),
                textcoords="offset points",
                verticalalignment="center",
                fontsize=min(NAME_SIZE, points_each),
            )
            for name, place in zip(self.class_names, classes, strict=True)
        ]
        # The first leaf is at the top.
        ax.set(xlabel="binary learners asked", ylim=(self.tree.n_classes - 0.5, -0.5), yticks=[])
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.spines[["left", "right", "top"]].set_visible(False)
        return self

    def _places(self):
        """Return where items stand: at their depths, a class in its row, a node amid its children.

        Class k is item ``~k``, as in `ClassTree.children`: it is counted from the end.
        """
        tree = self.tree
        places = np.empty((tree.n_nodes + tree.n_classes, 2))
        places[: tree.n_nodes, 0] = tree.node_depths
        places[~np.arange(tree.n_classes)] = np.column_stack([tree.depths, tree.positions])
        for nodes in reversed(tree.levels()):
            places[nodes, 1] = places[tree.children[nodes], 1].mean(axis=1)
        return places


def branches(start, end):
    """Return one line, which NaN interrupts, from each start straight up or down, then right."""
    corner = np.stack([start[..., 0], end[..., 1]], axis=-1)
    return np.stack([start, corner, end, np.full_like(end, np.nan)], axis=-2).reshape(-1, 2)
