"""The shape of a tree over the classes: two arrays, and everything that follows from them.

Inner nodes are numbered in preorder: a node, its left subtree, its right subtree. The leaves below
a node are neighbours then, and so are the inner nodes below it. With ``lo, mid, hi`` the span of
node ``i``, its left child is inner node ``i + 1`` and its right child is inner node
``i + mid - lo``, unless the child is a single leaf. So three numbers for each node say everything,
and nothing here is recursive: a tree may be as deep as it has inner nodes.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse

from skmlp._spec import check_integer

Indices = npt.NDArray[np.intp]


class BinaryTree:
    """A full binary tree whose leaves are the classes 0 to C - 1; it is immutable.

    Parameters
    ----------
    leaves : array-like of int of shape (n_classes,)
        The class at each leaf, from left to right; each class once.
    spans : array-like of int of shape (n_classes - 1, 3)
        ``lo, mid, hi`` of each inner node, in preorder: the leaves at positions lo to mid - 1 are
        on its left, those at mid to hi - 1 on its right. Node 0 is the root.

    Attributes
    ----------
    leaves : ndarray of shape (n_classes,)
        The class at each leaf, from left to right.
    spans : ndarray of shape (n_classes - 1, 3)
        The span of each inner node.

    Raises
    ------
    TypeError
        If the arrays do not hold integers.
    ValueError
        If they are not those of a full binary tree over at least two classes.

    Notes
    -----
    Memory is O(C) whatever the shape of the tree. `paths` and `draw` take the sum of `depths`,
    which is O(C log C) for a balanced tree and O(C^2) for a chain.
    """

    def __init__(self, leaves: npt.ArrayLike, spans: npt.ArrayLike) -> None:
        self.leaves = as_integers("leaves", leaves)
        self.spans = as_integers("spans", spans)
        n_classes = len(self.leaves)
        if n_classes < 2 or not np.array_equal(np.sort(self.leaves), np.arange(n_classes)):
            raise ValueError(
                "leaves must hold each class from 0 to n_classes - 1 once, and at least two, "
                f"got {self.leaves}."
            )
        if self.spans.shape != (n_classes - 1, 3):
            raise ValueError(
                f"spans must have shape {(n_classes - 1, 3)} for {n_classes} leaves, "
                f"got {self.spans.shape}."
            )
        self._check_spans()
        for array in (self.leaves, self.spans):
            array.flags.writeable = False

    def _check_spans(self) -> None:
        """Raise unless each node divides its leaves between children that stand where they must."""
        lo, mid, hi = self.spans.T
        nodes = np.arange(self.n_nodes)
        padded = np.vstack([self.spans, [-1, -1, -1]])
        valid = (lo < mid) & (mid < hi)
        valid[0] &= (lo[0] == 0) & (hi[0] == self.n_classes)
        for child, start, stop in ((nodes + 1, lo, mid), (nodes + mid - lo, mid, hi)):
            child_lo, _, child_hi = padded[np.clip(child, 0, self.n_nodes)].T
            valid &= (stop - start == 1) | ((child_lo == start) & (child_hi == stop))
        if not valid.all():
            node = int(np.argmin(valid))
            raise ValueError(
                "spans must divide the leaves of each node between its children, in preorder, "
                f"but node {node}, {self.spans[node]}, and its children do not."
            )

    @property
    def n_classes(self) -> int:
        """Number of classes, C."""
        return len(self.leaves)

    @property
    def n_nodes(self) -> int:
        """Number of inner nodes, C - 1."""
        return len(self.spans)

    @property
    def depth(self) -> int:
        """The depth of the deepest leaf: how many learners a prediction may ask."""
        return int(self.depths.max())

    @cached_property
    def positions(self) -> Indices:
        """The leaf position of each class."""
        return _frozen(np.argsort(self.leaves))

    @cached_property
    def children(self) -> Indices:
        """Left and right child of each inner node, ``~k`` for the leaf of class k."""
        lo, mid, hi = self.spans.T
        nodes = np.arange(self.n_nodes)
        left = np.where(mid - lo > 1, nodes + 1, ~self.leaves[lo])
        right = np.where(hi - mid > 1, nodes + mid - lo, ~self.leaves[mid])
        return _frozen(np.column_stack([left, right]))

    @cached_property
    def parent(self) -> Indices:
        """The parent of each inner node, -1 for the root."""
        parent = np.full(self.n_nodes, -1)
        nodes, sides = np.nonzero(self.children >= 0)
        parent[self.children[nodes, sides]] = nodes
        return _frozen(parent)

    @cached_property
    def node_depths(self) -> Indices:
        """The number of edges from the root to each inner node."""
        nodes = np.arange(self.n_nodes)
        n_inner = self.spans[:, 2] - self.spans[:, 0] - 1
        return _frozen(_n_covering(nodes, nodes + n_inner, self.n_nodes) - 1)

    @cached_property
    def depths(self) -> Indices:
        """The number of edges from the root to the leaf of each class."""
        at_position = _n_covering(self.spans[:, 0], self.spans[:, 2], self.n_classes)
        return _frozen(at_position[self.positions])

    @cached_property
    def first_classes(self) -> Indices:
        """The smallest class below each inner node."""
        # Class k is item ~k, as in `children`: it is counted from the end.
        smallest = [0] * self.n_nodes + list(reversed(range(self.n_classes)))
        for node, (left, right) in reversed(list(enumerate(self.children.tolist()))):
            smallest[node] = min(smallest[left], smallest[right])
        return _frozen(np.array(smallest[: self.n_nodes]))

    def levels(self) -> list[Indices]:
        """Return the inner nodes of each depth, from the root down.

        Returns
        -------
        levels : list of ndarray of int
            Item d holds the nodes of depth d, in ascending order.
        """
        order = np.argsort(self.node_depths, kind="stable")
        ends = np.cumsum(np.bincount(self.node_depths))
        return np.split(order, ends[:-1])

    def path(self, k: int) -> tuple[Indices, npt.NDArray[np.int8]]:
        """Return the nodes above a class, from the root down, and which way to go at each.

        Parameters
        ----------
        k : int
            The class.

        Returns
        -------
        nodes : ndarray of int of shape (depth,)
            The inner nodes.
        signs : ndarray of int8 of shape (depth,)
            -1 where the class is on the left, +1 where it is on the right.

        Raises
        ------
        ValueError
            If there is no such class.
        """
        check_integer("k", k, 0)
        if k >= self.n_classes:
            raise ValueError(f"k must be a class, less than {self.n_classes}, got {k!r}.")
        lo, mid, hi = self.spans.T
        position = self.positions[k]
        nodes = np.flatnonzero((lo <= position) & (position < hi))
        signs = np.where(position < mid[nodes], -1, 1).astype(np.int8)
        return nodes, signs

    def paths(self) -> scipy.sparse.csr_array:
        """Return the paths of all classes as a sparse matrix.

        Returns
        -------
        paths : csr_array of int8 of shape (n_classes, n_classes - 1)
            Entry (k, i) is -1 where class k is on the left of node i, +1 where it is on the right.
            The indices and data of row k are what `path` returns for k.
        """
        lo, _, hi = self.spans.T
        size = hi - lo
        ends = np.cumsum(size)
        nodes = np.repeat(np.arange(self.n_nodes), size)
        position = np.arange(ends[-1]) - np.repeat(ends - hi, size)
        signs = np.where(position < self.spans[nodes, 1], -1, 1).astype(np.int8)
        columns = (signs, self.leaves[position], np.concatenate([[0], ends]))
        return scipy.sparse.csc_array(columns, shape=(self.n_classes, self.n_nodes)).tocsr()

    def nested(self) -> tuple[Any, ...]:
        """Return the tree as nested tuples, from which `from_nested` makes it again.

        Returns
        -------
        nested : nested tuples of int
            A pair for each inner node, and an int for each leaf.
        """
        subtree: list[tuple[Any, ...]] = [()] * self.n_nodes
        for node, children in reversed(list(enumerate(self.children.tolist()))):
            subtree[node] = tuple(subtree[child] if child >= 0 else ~child for child in children)
        return subtree[0]

    def draw(self, class_names: Sequence[object] | None = None) -> str:
        """Return a drawing in text, one line a class.

        Parameters
        ----------
        class_names : sequence of length n_classes, default=None
            What to write for each class. None writes its index.

        Returns
        -------
        drawing : str
            The root is at the left; of two branches the upper one is the left child.

        Raises
        ------
        ValueError
            If there is not one name for each class.
        """
        names = range(self.n_classes) if class_names is None else class_names
        if len(names) != self.n_classes:
            raise ValueError(
                f"class_names must hold one name for each of {self.n_classes} classes, "
                f"got {len(names)}."
            )
        return "\n".join(self._lines(names))

    def _lines(self, names: Sequence[object]) -> Iterator[str]:
        """Yield the lines of the drawing: a node's first line goes on where its parent's is."""
        children = self.children.tolist()
        open_items = [(0, "", "")]
        while open_items:
            item, so_far, indent = open_items.pop()
            if item < 0:
                yield f"{so_far} {names[~item]}"
            else:
                left, right = children[item]
                open_items.append((right, f"{indent}└─", f"{indent}  "))
                open_items.append((left, f"{so_far}┬─", f"{indent}│ "))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(n_classes={self.n_classes}, depth={self.depth})"

    def __str__(self) -> str:
        return self.draw()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BinaryTree):
            return NotImplemented
        return np.array_equal(self.leaves, other.leaves) and np.array_equal(self.spans, other.spans)

    def __hash__(self) -> int:
        return hash((self.leaves.tobytes(), self.spans.tobytes()))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.leaves, self.spans)


def as_integers(name: str, values: npt.ArrayLike) -> Indices:
    """Return a copy of an array of integers."""
    array = np.asarray(values)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be an array of integers, got dtype {array.dtype}.")
    return array.astype(np.intp)


def _frozen(array: Indices) -> Indices:
    """Return the array, read-only."""
    array.flags.writeable = False
    return array


def _n_covering(starts: Indices, stops: Indices, length: int) -> Indices:
    """Return for each position below `length` how many of the intervals [start, stop) hold it."""
    begins = np.bincount(starts, minlength=length + 1)
    ends = np.bincount(stops, minlength=length + 1)
    return np.cumsum(begins - ends)[:length]


def spans_by_splitting(n_classes: int, divide: Callable[[int, int], int]) -> Indices:
    """Return the spans in preorder, where ``divide(lo, hi)`` is the middle of each."""
    spans = []
    open_intervals = [(0, n_classes)]
    while open_intervals:
        lo, hi = open_intervals.pop()
        if hi - lo > 1:
            mid = divide(lo, hi)
            spans.append((lo, mid, hi))
            open_intervals += [(mid, hi), (lo, mid)]
    return np.array(spans, dtype=np.intp)


def arrays_from_merges(merges: Sequence[Sequence[int]]) -> tuple[Indices, Indices]:
    """Return leaves and spans of valid merges: sizes are known upwards, places downwards."""
    n_classes = len(merges) + 1
    size = [1] * n_classes
    for left, right in merges:
        size.append(size[left] + size[right])
    start, node = [0] * len(size), [0] * len(size)
    spans = [(0, 0, 0)] * len(merges)
    for t in reversed(range(len(merges))):
        item, (left, right) = n_classes + t, merges[t]
        start[left], start[right] = start[item], start[item] + size[left]
        node[left], node[right] = node[item] + 1, node[item] + size[left]
        spans[node[item]] = start[item], start[right], start[item] + size[item]
    leaves = np.empty(n_classes, dtype=np.intp)
    leaves[start[:n_classes]] = np.arange(n_classes)
    return leaves, np.array(spans, dtype=np.intp)
