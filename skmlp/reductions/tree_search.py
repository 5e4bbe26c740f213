"""From the answers of a tree's nodes to classes and to their probabilities.

A node of the tree is a binary learner. Functions that need only a few nodes of each row get a
callable of two arrays, ``nodes`` and ``rows``, that evaluates node ``nodes[i]`` on row ``rows[i]``;
they call it with many pairs at a time, once or twice for each level of the tree. Functions that
need all nodes get a matrix with a column for each.

The probability of a class is the product of the probabilities along its path, so everything here
adds logarithms, which neither underflow nor lose digits.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from skmlp._spec import check_integer
from skmlp.reductions.binary_tree import Indices, as_integers
from skmlp.reductions.tree import ClassTree

Array = npt.NDArray[np.floating[Any]]
Margin = Callable[[Indices, Indices], Array]
LogProbability = Callable[[Indices, Indices], tuple[Array, Array]]

# How many pairs of a node and a row `best_first` follows at a time: what it has not looked at yet
# stays small where learners have no idea and all nodes must be evaluated.
BLOCK = 2**20


def greedy_walk(tree: ClassTree, margin: Margin, n_samples: int) -> Indices:
    """Follow the sign of each node's margin from the root to a leaf.

    Parameters
    ----------
    tree : ClassTree
        The tree.
    margin : callable
        ``margin(nodes, rows)`` returns one number a pair: positive says right, others left.
    n_samples : int
        The number of rows.

    Returns
    -------
    classes : ndarray of int of shape (n_samples,)
        The class at the leaf of each row.

    Notes
    -----
    A row asks as many learners as its leaf is deep, so this is the cheapest prediction. A wrong
    turn is never taken back: the leaf need not be the most probable one, see `best_first`.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.reductions.tree import ClassTree
    >>> from skmlp.reductions.tree_search import greedy_walk
    >>> margins = np.array([[-0.5, 2.0], [1.0, -3.0]])
    >>> tree = ClassTree.from_nested(((0, 1), 2))
    >>> greedy_walk(tree, lambda nodes, rows: margins[rows, nodes], 2)
    array([1, 2])
    """
    check_integer("n_samples", n_samples, 0)
    classes = np.empty(n_samples, dtype=np.intp)
    rows = np.arange(n_samples)
    nodes = np.zeros(n_samples, dtype=np.intp)
    while len(rows):
        right = margin(nodes, rows) > 0
        nodes = tree.children[nodes, right.astype(np.intp)]
        arrived = nodes < 0
        classes[rows[arrived]] = ~nodes[arrived]
        rows, nodes = rows[~arrived], nodes[~arrived]
    return classes


class _Items(NamedTuple):
    """Some nodes or leaves of some rows, with the log-probability of the path that leads there."""

    rows: Indices
    # Inner nodes, or ~k for the leaf of class k, as in `ClassTree.children`.
    items: Indices
    log_p: Array

    def where(self, mask: npt.NDArray[np.bool_]) -> Self:
        return type(self)(self.rows[mask], self.items[mask], self.log_p[mask])


class _Best:
    """The k most probable leaves of each row among those that were found so far."""

    def __init__(self, tree: ClassTree, n_samples: int, k: int) -> None:
        self.tree = tree
        # Class C stands for no leaf: it loses against any other.
        self.classes = np.full((n_samples, k), tree.n_classes)
        self.log_p = np.full((n_samples, k), -np.inf)

    def admits(self, found: _Items) -> npt.NDArray[np.bool_]:
        """Say which items are, or may lead to, a leaf that comes before the last one of its row."""
        last_p, last_class = self.log_p[found.rows, -1], self.classes[found.rows, -1]
        is_before = _first_classes(self.tree, found.items) < last_class
        admitted: npt.NDArray[np.bool_] = found.log_p > last_p
        admitted |= (found.log_p == last_p) & is_before
        return admitted

    def add(self, leaves: _Items) -> None:
        """Merge some leaves into the best of their rows."""
        leaves = leaves.where(self.admits(leaves))
        k = self.log_p.shape[1]
        touched, own_rows = np.unique(leaves.rows, return_inverse=True)
        rows = np.concatenate([np.repeat(np.arange(len(touched)), k), own_rows])
        log_p = np.concatenate([self.log_p[touched].ravel(), leaves.log_p])
        classes = np.concatenate([self.classes[touched].ravel(), ~leaves.items])
        order = np.lexsort((classes, -log_p, rows))
        order = order[_ranks(rows[order]) < k]
        self.log_p[touched] = log_p[order].reshape(-1, k)
        self.classes[touched] = classes[order].reshape(-1, k)


def best_first(
    tree: ClassTree, log_probability: LogProbability, n_samples: int, k: int = 1
) -> tuple[Indices, Array]:
    """Find the k most probable classes of each row, exactly, without looking at all nodes.

    A path can only lose probability on its way down, so a node that is already less probable than
    the k best leaves found so far leads nowhere. A beam of the k most probable nodes of each level
    finds good leaves first; then every node that it passed by and that may still matter is
    followed, level by level, and leaves that are found on the way exclude further nodes.

    Parameters
    ----------
    tree : ClassTree
        The tree.
    log_probability : callable
        ``log_probability(nodes, rows)`` returns the logarithms of the probabilities of left and
        of right, one number a pair each; -inf is allowed.
    n_samples : int
        The number of rows.
    k : int, default=1
        How many classes to find for each row, from 1 to n_classes.

    Returns
    -------
    classes : ndarray of int of shape (n_samples, k)
        The classes, the most probable first, and equally probable ones in ascending order.
    log_p : ndarray of shape (n_samples, k)
        Logarithms of their probabilities, as `path_log_probabilities` has them to the last digit.

    Raises
    ------
    ValueError
        If k is out of range, or `log_probability` returns NaN or a positive number.

    Notes
    -----
    Results are those of a stable sort of all C probabilities. The number of nodes evaluated for a
    row is about k times the depth where learners are sure of their answers and grows to C - 1 where
    they have no idea. Calls of `log_probability` are at most twice the depth of the tree, unless
    there are very many pairs to evaluate. A node of probability zero is not evaluated.

    Examples
    --------
    The greedy walk goes right at the root, where no class is probable.

    >>> import numpy as np
    >>> from skmlp.reductions.tree import ClassTree
    >>> from skmlp.reductions.tree_search import best_first
    >>> tree = ClassTree.from_nested((0, ((1, 2), 3)))
    >>> p_right = np.array([0.55, 0.5, 0.4])
    >>> classes, log_p = best_first(
    ...     tree, lambda nodes, rows: (np.log1p(-p_right[nodes]), np.log(p_right[nodes])), 1, k=2
    ... )
    >>> classes
    array([[0, 3]])
    >>> np.exp(log_p)
    array([[0.45 , 0.275]])
    """
    check_integer("n_samples", n_samples, 0)
    check_integer("k", k, 1)
    if k > tree.n_classes:
        raise ValueError(f"k must be at most n_classes, {tree.n_classes}, got {k!r}.")
    best = _Best(tree, n_samples, k)

    def descend(nodes: _Items) -> _Items:
        """Keep the leaves among the children, return the nodes among them that may matter."""
        children = _children(tree, log_probability, nodes)
        is_leaf = children.items < 0
        best.add(children.where(is_leaf))
        inner = children.where(~is_leaf)
        return inner.where(best.admits(inner))

    root = np.zeros(n_samples, dtype=np.intp)
    # The least precise zero: sums have the precision of what is added to it.
    beam = _Items(np.arange(n_samples), root, np.zeros(n_samples, dtype=np.float16))
    passed_by = [beam.where(root > 0)]
    while len(beam.rows):
        nodes = descend(beam)
        order = np.lexsort((nodes.items, -nodes.log_p, nodes.rows))
        in_beam = np.empty(len(order), dtype=np.bool_)
        in_beam[order] = _ranks(nodes.rows[order]) < k
        beam = nodes.where(in_beam)
        passed_by.append(nodes.where(~in_beam))

    pending = [_Items(*(np.concatenate(arrays) for arrays in zip(*passed_by, strict=True)))]
    while pending:
        nodes = pending.pop()
        nodes = nodes.where(best.admits(nodes))
        if len(nodes.rows) > BLOCK:
            half = np.arange(len(nodes.rows)) < len(nodes.rows) // 2
            pending += [nodes.where(half), nodes.where(~half)]
        elif len(nodes.rows):
            pending.append(descend(nodes))
    return best.classes, best.log_p


def _children(tree: ClassTree, log_probability: LogProbability, nodes: _Items) -> _Items:
    """Return both children of each node; below probability zero there is nothing to evaluate."""
    possible = nodes.log_p > -np.inf
    answers: tuple[Array, ...] = ()
    if possible.any():
        answers = log_probability(nodes.items[possible], nodes.rows[possible])
    size = len(nodes.rows), 2
    log_p = np.full(size, -np.inf, dtype=np.result_type(nodes.log_p, *answers))
    for side, answer in enumerate(answers):
        if not np.all(answer <= 0):
            raise ValueError(
                "log_probability must return numbers that are at most 0, "
                f"got {answer[~(answer <= 0)][0]}."
            )
        log_p[possible, side] = nodes.log_p[possible] + answer
    return _Items(np.repeat(nodes.rows, 2), tree.children[nodes.items].ravel(), log_p.ravel())


def _first_classes(tree: ClassTree, items: Indices) -> Indices:
    """Return the smallest class of each node or leaf."""
    return np.where(items >= 0, tree.first_classes[np.maximum(items, 0)], ~items)


def _ranks(groups: Indices) -> Indices:
    """Return for each entry of a sorted array how many equal ones stand before it."""
    return np.arange(len(groups)) - np.searchsorted(groups, groups)


def class_log_probability(
    tree: ClassTree, log_probability: LogProbability, classes: npt.ArrayLike
) -> Array:
    """Return the log-probability of one given class for each row, in as many steps as it is deep.

    Parameters
    ----------
    tree : ClassTree
        The tree.
    log_probability : callable
        ``log_probability(nodes, rows)`` returns the logarithms of the probabilities of left and
        of right, one number a pair each.
    classes : ndarray of int of shape (n_samples,)
        The class of each row.

    Returns
    -------
    log_p : ndarray of shape (n_samples,)
        The logarithm of the probability of that class.

    Raises
    ------
    ValueError
        If there is no such class.
    """
    labels = as_integers("classes", classes)
    unknown = labels[(labels < 0) | (labels >= tree.n_classes)]
    if len(unknown):
        raise ValueError(f"classes must be from 0 to {tree.n_classes - 1}, got {unknown[0]}.")
    positions = tree.positions[labels]
    rows = np.arange(len(positions))
    nodes = np.zeros(len(positions), dtype=np.intp)
    log_p = np.zeros(len(positions))
    while len(rows):
        right = (positions[rows] >= tree.spans[nodes, 1]).astype(np.intp)
        log_left, log_right = log_probability(nodes, rows)
        log_p[rows] += np.where(right, log_right, log_left)
        nodes = tree.children[nodes, right]
        rows, nodes = rows[nodes >= 0], nodes[nodes >= 0]
    return log_p


def path_log_probabilities(tree: ClassTree, log_left: Array, log_right: Array) -> Array:
    """Return the log-probability of every class.

    Parameters
    ----------
    tree : ClassTree
        The tree.
    log_left, log_right : ndarray of shape (n_samples, n_classes - 1)
        Logarithms of the probabilities of left and of right at each node.

    Returns
    -------
    log_p : ndarray of shape (n_samples, n_classes)
        Sums along the paths. float32 stays float32.
    """
    return _fold_paths(tree, log_left, log_right, np.add, 0.0)


def bottleneck(tree: ClassTree, margins: Array) -> Array:
    """Return for every class the smallest margin along its path, signed towards the class.

    A score for a tree of learners that have margins but no probabilities: how sure the least sure
    of the learners is that has to agree. The best class is the leaf of the greedy walk: its own
    score is not negative, and that of any other class is not positive, because the two paths part.

    Parameters
    ----------
    tree : ClassTree
        The tree.
    margins : ndarray of shape (n_samples, n_classes - 1)
        The margin of each node, positive for right.

    Returns
    -------
    scores : ndarray of shape (n_samples, n_classes)
        The smallest of the signed margins. float32 stays float32.
    """
    return _fold_paths(tree, -margins, margins, np.minimum, np.inf)


def _fold_paths(
    tree: ClassTree, left: Array, right: Array, combine: np.ufunc, start: float
) -> Array:
    """Combine the entries along each path, level by level: O(n_samples n_classes)."""
    # One row a node or class: what is read and written together is contiguous.
    by_side = (left.T, right.T)
    size = tree.n_nodes + tree.n_classes, len(left)
    at_item = np.empty(size, dtype=np.result_type(left, right))
    at_item[0] = start
    for nodes in tree.levels():
        for side in (0, 1):
            at_item[tree.children[nodes, side]] = combine(at_item[nodes], by_side[side][nodes])
    # Class k is item ~k: it is counted from the end.
    at_class: Array = at_item[: -tree.n_classes - 1 : -1].T
    return at_class
