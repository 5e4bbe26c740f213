"""From a code or a tree to its problems: which rows take part in each, and with which label.

Rows keep the order they came in, so that a base learner whose result depends on the order (a
mini-batch method that does not shuffle, a cross-validation without shuffling) sees what it would
see if the rows of its classes had been picked by hand.
"""

import numpy as np

from skmlp.reductions.code import KaryCode

# Entries of a matrix of problems that is worth its memory.
LARGEST_MATRIX = 1 << 24


class ClassRows:
    """The rows of every class, found once.

    Parameters
    ----------
    y : ndarray of int of shape (n_samples,)
        Class of each row, from 0.
    n_classes : int
        Number of classes.
    """

    def __init__(self, y, n_classes):
        self.order = np.argsort(y, kind="stable")
        self.starts = np.searchsorted(y[self.order], np.arange(n_classes + 1))

    def of(self, classes):
        """Return the rows of some classes, in ascending order."""
        starts = self.starts
        slices = [self.order[starts[k] : starts[k + 1]] for k in classes]
        return np.sort(np.concatenate(slices))

    @property
    def counts(self):
        """Number of rows of each class."""
        return np.diff(self.starts)

    def span(self, low, high):
        """Return the rows of the classes from `low` to before `high`, in ascending order."""
        return np.sort(self.order[self.starts[low] : self.starts[high]])


class CodeProblems:
    """The problems of a code matrix: one for each column.

    Parameters
    ----------
    code : CodeMatrix or KaryCode
        Binary, with entries -1, 0, +1, or k-ary, with symbols from 0.
    y : ndarray of int of shape (n_samples,)
        Class of each row.
    """

    def __init__(self, code, y):
        self.y = y
        self.is_binary = not isinstance(code, KaryCode)
        self.array = np.asarray(code)
        self.n_classes, self.n_problems = self.array.shape
        self.class_rows = ClassRows(y, self.n_classes)

    def rows(self, problem):
        """Return the rows that take part, or None for all."""
        if not self.is_binary:
            return None
        classes = np.flatnonzero(self.array[:, problem])
        return None if len(classes) == self.n_classes else self.class_rows.of(classes)

    def targets(self, problem, rows):
        """Return the label of each of these rows: 0 and 1, or the symbol."""
        y = self.y if rows is None else self.y[rows]
        column = self.array[:, problem]
        return (column > 0).astype(int)[y] if self.is_binary else column[y].astype(int)

    def n_labels(self, problem):
        """Return the number of labels of a problem."""
        return 2 if self.is_binary else int(self.array[:, problem].max()) + 1

    def sides(self, problem):
        """Return the classes of each label."""
        column = self.array[:, problem]
        labels = (-1, 1) if self.is_binary else range(self.n_labels(problem))
        return [np.flatnonzero(column == label) for label in labels]

    def sizes(self):
        """Return the number of rows of each problem."""
        takes_part = self.array != 0 if self.is_binary else np.ones(self.array.shape)
        return self.class_rows.counts @ takes_part

    def matrix(self):
        """Return the problems as a matrix of -1, 0, +1, or None if they are not binary."""
        return self.array if self.is_binary else None


class TreeProblems:
    """The problems of a class tree: one for each inner node, left against right.

    The classes below a node are a span of leaf positions, so a node costs its rows, whatever the
    number of classes is.

    Parameters
    ----------
    tree : ClassTree
        The tree.
    y : ndarray of int of shape (n_samples,)
        Class of each row.
    """

    def __init__(self, tree, y):
        self.tree = tree
        self.position = tree.positions[y]
        self.n_problems = tree.n_nodes
        self.class_rows = ClassRows(self.position, tree.n_classes)

    def rows(self, problem):
        """Return the rows that take part, or None for all."""
        low, _, high = self.tree.spans[problem]
        whole = high - low == self.tree.n_classes
        return None if whole else self.class_rows.span(low, high)

    def targets(self, problem, rows):
        """Return the label of each of these rows: 0 for left, 1 for right."""
        position = self.position if rows is None else self.position[rows]
        return (position >= self.tree.spans[problem, 1]).astype(int)

    def n_labels(self, problem):
        """Return the number of labels of a problem."""
        return 2

    def sides(self, problem):
        """Return the classes of each label."""
        low, middle, high = self.tree.spans[problem]
        return [self.tree.leaves[low:middle], self.tree.leaves[middle:high]]

    def sizes(self):
        """Return the number of rows of each problem."""
        low, _, high = self.tree.spans.T
        return self.class_rows.starts[high] - self.class_rows.starts[low]


class ForestProblems:
    """The problems of several trees, one tree after another.

    Parameters
    ----------
    trees : list of TreeProblems
        Trees over the same classes.
    """

    def __init__(self, trees):
        self.trees = trees
        self.n_nodes = trees[0].n_problems
        self.n_problems = len(trees) * self.n_nodes

    def _of(self, problem):
        """Return the tree that a problem belongs to, and its number there."""
        return self.trees[problem // self.n_nodes], problem % self.n_nodes

    def rows(self, problem):
        """Return the rows that take part, or None for all."""
        tree, node = self._of(problem)
        return tree.rows(node)

    def targets(self, problem, rows):
        """Return the label of each of these rows: 0 for left, 1 for right."""
        tree, node = self._of(problem)
        return tree.targets(node, rows)

    def n_labels(self, problem):
        """Return the number of labels of a problem."""
        return 2

    def sides(self, problem):
        """Return the classes of each label."""
        tree, node = self._of(problem)
        return tree.sides(node)

    def sizes(self):
        """Return the number of rows of each problem."""
        return np.concatenate([tree.sizes() for tree in self.trees])

    def matrix(self):
        """Return the problems as a matrix of -1, 0, +1, or None if it would be too large."""
        n_classes = self.n_nodes + 1
        if n_classes * self.n_problems > LARGEST_MATRIX:
            return None
        return np.hstack([np.asarray(tree.tree.code()) for tree in self.trees])


class LabelProblems:
    """The problems of a multilabel target: one for each column of it, in all rows.

    Parameters
    ----------
    Y : ndarray of int of shape (n_samples, n_labels)
        Indicators, 0 and 1.
    """

    def __init__(self, Y):
        self.Y = Y
        self.n_problems = Y.shape[1]

    def rows(self, problem):
        """Return None: all rows take part."""
        return None

    def targets(self, problem, rows):
        """Return the indicator of a label."""
        return self.Y[:, problem]

    def n_labels(self, problem):
        """Return the number of labels of a problem."""
        return 2

    def sides(self, problem):
        """Return the label against nothing."""
        return [[], [problem]]

    def sizes(self):
        """Return the number of rows of each problem."""
        return np.full(self.n_problems, len(self.Y))

    def matrix(self):
        """Return None: no matrix of classes tells the labels of a row."""
        return None
