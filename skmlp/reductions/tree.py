"""Class trees and how to make one: by halves, chance, frequency or likeness, or by hand."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import linkage

from skmlp._spec import check_integer
from skmlp.reductions.binary_tree import (
    BinaryTree,
    Indices,
    arrays_from_merges,
    as_integers,
    spans_by_splitting,
)
from skmlp.reductions.code import CodeMatrix
from skmlp.reductions.hierarchy import huffman_merges, nested_merges, parent_merges


class ClassTree(BinaryTree):
    """A binary tree over the classes: each inner node is a binary problem, each leaf a class.

    An inner node asks whether the class of a row is among the leaves on its left (-1) or on its
    right (+1). Answers from the root down lead to one class: predicting takes as many binary
    learners as the leaf is deep, about log2 C in a balanced tree, where one-vs-all takes C.
    Such a tree of questions is also called a nested dichotomy.

    A tree is immutable. The class methods make one; the constructor takes `leaves` and `spans`,
    the two arrays that a tree stores.

    Parameters
    ----------
    leaves, spans
        See `BinaryTree`.

    References
    ----------
    Frank, E., and Kramer, S. (2004). Ensembles of nested dichotomies for multi-class problems.
    ICML.

    Examples
    --------
    >>> from skmlp.reductions.tree import ClassTree
    >>> tree = ClassTree.from_nested(((0, 1), (2, (3, 4))))
    >>> tree
    ClassTree(n_classes=5, depth=3)
    >>> print(tree)
    ┬─┬─ 0
    │ └─ 1
    └─┬─ 2
      └─┬─ 3
        └─ 4
    >>> tree.depths
    array([2, 2, 2, 3, 3])
    >>> tree.path(3)
    (array([0, 2, 3]), array([ 1,  1, -1], dtype=int8))
    """

    @classmethod
    def from_merges(cls, merges: npt.ArrayLike) -> Self:
        """Make a tree from its merges, leaves first, as SciPy's ``linkage`` has them.

        Parameters
        ----------
        merges : array-like of int of shape (n_classes - 1, 2)
            The two items that merge t joins to item ``n_classes + t``. Items below n_classes are
            the classes; the last merge is the root.

        Returns
        -------
        tree : ClassTree
            The tree; the first item of a merge is on the left.

        Raises
        ------
        ValueError
            If an item is joined twice or before it exists.

        Examples
        --------
        >>> from skmlp.reductions.tree import ClassTree
        >>> ClassTree.from_merges([[0, 2], [3, 1]]).nested()
        ((0, 2), 1)
        """
        table = as_integers("merges", merges)
        if table.ndim != 2 or table.shape[0] < 1 or table.shape[1] != 2:
            raise ValueError(
                f"merges must have shape (n_classes - 1, 2) with at least one row, "
                f"got {table.shape}."
            )
        n_classes = len(table) + 1
        too_early = np.flatnonzero(
            (table >= n_classes + np.arange(len(table))[:, None]).any(axis=1)
        )
        if len(too_early):
            raise ValueError(
                f"merges must join items that exist, got {table[too_early[0]]} "
                f"for item {n_classes + too_early[0]}."
            )
        if not np.array_equal(np.sort(table, axis=None), np.arange(2 * n_classes - 2)):
            raise ValueError("merges must join every item but the last once, got another set.")
        return cls(*arrays_from_merges(table.tolist()))

    @classmethod
    def balanced(cls, n_classes: int) -> Self:
        """Make the tree that halves the classes in their order; the left half may have one more.

        Parameters
        ----------
        n_classes : int
            The number of classes, at least two.

        Returns
        -------
        tree : ClassTree
            Its depth is the least possible, ceil(log2 C).
        """
        check_integer("n_classes", n_classes, 2)
        return cls(np.arange(n_classes), spans_by_splitting(n_classes, _middle))

    @classmethod
    def random_balanced(cls, n_classes: int, rng: np.random.Generator) -> Self:
        """Draw a class-balanced nested dichotomy: each node halves its classes at random.

        Every balanced tree over the classes is equally probable. Depth is ceil(log2 C), so that an
        ensemble of such trees costs less than one of trees from `random`.

        Parameters
        ----------
        n_classes : int
            The number of classes, at least two.
        rng : numpy.random.Generator
            The source of randomness.

        Returns
        -------
        tree : ClassTree
            The tree.

        References
        ----------
        Dong, L., Frank, E., and Kramer, S. (2005). Ensembles of balanced nested dichotomies for
        multi-class problems. PKDD.
        """
        check_integer("n_classes", n_classes, 2)
        return cls(rng.permutation(n_classes), spans_by_splitting(n_classes, _middle))

    @classmethod
    def random(cls, n_classes: int, rng: np.random.Generator) -> Self:
        """Draw a nested dichotomy: each of the (2C - 3)!! trees over C classes is equally probable.

        Trees that differ only in which child is on the left are one tree here.

        Parameters
        ----------
        n_classes : int
            The number of classes, at least two.
        rng : numpy.random.Generator
            The source of randomness.

        Returns
        -------
        tree : ClassTree
            The tree. Its leaves are deep, about sqrt(pi C) on average.

        Notes
        -----
        The two children of a node are a pair of items, so a tree is a perfect matching of its
        2C - 2 items other than the root. Conversely a random matching is made a tree by giving the
        next free number, again and again, to the parent of the pair that was the first to have both
        its members numbered. Time is O(C log C).

        References
        ----------
        Frank, E., and Kramer, S. (2004). Ensembles of nested dichotomies for multi-class problems.
        ICML.

        Diaconis, P., and Holmes, S. (1998). Matchings and phylogenetic trees. PNAS, 95(25),
        14600-14602.
        """
        check_integer("n_classes", n_classes, 2)
        pairs = np.sort(rng.permutation(2 * n_classes - 2).reshape(-1, 2), axis=1)
        partner = {second: first for first, second in pairs.tolist()}
        ready = deque(sorted((a, b) for a, b in pairs.tolist() if b < n_classes))
        merges = []
        for item in range(n_classes, 2 * n_classes - 1):
            merges.append(ready.popleft())
            if item in partner:
                ready.append((partner[item], item))
        return cls(*arrays_from_merges(merges))

    @classmethod
    def random_pair(
        cls,
        split: Callable[[int, int, Indices], npt.NDArray[np.bool_]],
        n_classes: int,
        rng: np.random.Generator,
    ) -> Self:
        """Draw a tree whose nodes put similar classes together, by random pairs.

        At each node two of its classes are drawn as seeds, i on the left and j on the right, and
        every other class follows the seed that it resembles more. Splits that are easy to learn
        become probable, and different draws still give different trees.

        Parameters
        ----------
        split : callable
            ``split(i, j, classes)`` says which of `classes`, an array that holds neither i nor j
            and is not empty, go with j: a bool array of the same length. Customarily a quick
            classifier is trained on the rows of i and j, and a class follows the side to which
            most of its rows are assigned.
        n_classes : int
            The number of classes, at least two.
        rng : numpy.random.Generator
            The source of randomness.

        Returns
        -------
        tree : ClassTree
            The tree.

        Raises
        ------
        ValueError
            If `split` returns anything but a bool array of the right length.

        References
        ----------
        Leathart, T., Pfahringer, B., and Frank, E. (2016). Building ensembles of adaptive nested
        dichotomies with random-pair selection. ECML PKDD.
        """
        check_integer("n_classes", n_classes, 2)
        leaves = np.arange(n_classes)

        def divide(lo: int, hi: int) -> int:
            classes = leaves[lo:hi].copy()
            i, j = rng.choice(classes, size=2, replace=False).tolist()
            others = classes[(classes != i) & (classes != j)]
            right = _checked_split(split(i, j, others), len(others)) if len(others) else others > 0
            leaves[lo:hi] = np.concatenate([[i], others[~right], [j], others[right]])
            return hi - 1 - int(np.count_nonzero(right))

        spans = spans_by_splitting(n_classes, divide)
        return cls(leaves, spans)

    @classmethod
    def huffman(cls, counts: npt.ArrayLike) -> Self:
        """Make Huffman's tree: frequent classes near the root, the least mean depth of all trees.

        The two lightest items become one, again and again. No binary tree has a smaller mean of
        `depths` weighted by `counts`, which is the mean number of learners that a prediction asks.

        Parameters
        ----------
        counts : array-like of shape (n_classes,)
            How often each class occurs; not negative.

        Returns
        -------
        tree : ClassTree
            The tree.

        Raises
        ------
        ValueError
            If a count is negative or not finite, or there are less than two.

        Notes
        -----
        Among items of equal weight those that are older go first, which keeps the tree shallow.
        Time is O(C log C).

        References
        ----------
        Huffman, D. A. (1952). A method for the construction of minimum-redundancy codes.
        Proceedings of the IRE, 40(9), 1098-1101.

        Examples
        --------
        >>> from skmlp.reductions.tree import ClassTree
        >>> ClassTree.huffman([50, 10, 10, 30]).depths
        array([1, 3, 3, 2])
        """
        return cls.from_merges(huffman_merges(counts))

    @classmethod
    def agglomerative(cls, means: npt.ArrayLike, method: str = "average") -> Self:
        """Make the tree that joins the closest classes first.

        Parameters
        ----------
        means : array-like of shape (n_classes, n_features)
            The mean of the rows of each class, or any other description of it.
        method : str, default="average"
            How far apart two groups of classes are, by the Euclidean distances of their members:
            any method of ``scipy.cluster.hierarchy.linkage``, such as "complete" or "ward".

        Returns
        -------
        tree : ClassTree
            The tree.

        Raises
        ------
        ValueError
            If `means` is not a finite matrix of at least two rows, or SciPy has no such method.

        Notes
        -----
        Time and memory are O(C^2), and distances take O(C^2 n_features).
        """
        points = np.asarray(means, dtype=np.float64)
        if points.ndim != 2 or len(points) < 2 or not np.isfinite(points).all():
            raise ValueError(
                "means must be a finite array of shape (n_classes, n_features) with at least two "
                f"classes, got {means!r}."
            )
        return cls.from_merges(linkage(points, method)[:, :2].astype(np.intp))

    @classmethod
    def from_nested(
        cls,
        nested: Sequence[Any],
        counts: npt.ArrayLike | None = None,
        class_of: Mapping[Any, int | None] | None = None,
    ) -> Self:
        """Make a tree from nested tuples, such as ``((0, 1), (2, 3))``.

        Two children keep their order. More than two are joined in pairs, the lightest first, as in
        `huffman`; a tuple of one is what it holds.

        Parameters
        ----------
        nested : nested tuples or lists
            The inner nodes and, inside them, the leaves.
        counts : array-like of shape (n_classes,), default=None
            How often each class occurs, for nodes of more than two children. None weighs every
            class alike, so that such a node is balanced by its number of classes.
        class_of : mapping of leaf to int or None, default=None
            The class of each leaf, 0 to C - 1, each of them once. A leaf whose class is None leaves
            the tree. Without a mapping the leaves are the classes themselves.

        Returns
        -------
        tree : ClassTree
            The tree.

        Raises
        ------
        TypeError
            If `nested` is no tuple or list, or a class is no integer.
        ValueError
            If a tuple is empty, a leaf is not in `class_of`, the classes are not 0 to C - 1, or
            `counts` does not fit them.

        Examples
        --------
        >>> from skmlp.reductions.tree import ClassTree
        >>> ClassTree.from_nested((0, 1, (2, 3))).nested()
        ((0, 1), (2, 3))
        >>> class_of = {"cat": 1, "dog": 0, "eel": 2}
        >>> ClassTree.from_nested((("cat", "dog"), "eel"), class_of=class_of).nested()
        ((1, 0), 2)
        """
        return cls.from_merges(nested_merges(nested, counts, class_of))

    @classmethod
    def from_parents(
        cls,
        parents: Mapping[Any, Any],
        class_of: Mapping[Any, int],
        counts: npt.ArrayLike | None = None,
    ) -> Self:
        """Make a tree from a class hierarchy, such as that of dogs, canines and mammals.

        A class may stand anywhere in the hierarchy. One that has other classes below it gets a leaf
        of its own among its children: an animal may be a dog and of no breed in particular. Nodes
        with no class below them, or with one child, play no part. Many children are joined in pairs
        as in `huffman`, and so are many roots.

        Parameters
        ----------
        parents : mapping of node to node
            The parent of each node; nodes are any hashable objects, None excepted. A root has the
            parent None, or is no key.
        class_of : mapping of node to int
            The class of each node that is one: 0 to C - 1, each of them once.
        counts : array-like of shape (n_classes,), default=None
            How often each class occurs. None weighs every class alike.

        Returns
        -------
        tree : ClassTree
            The tree.

        Raises
        ------
        TypeError
            If `class_of` holds something that is no class index.
        ValueError
            If there is a cycle, a class is no node, the classes are not 0 to C - 1, or `counts`
            does not fit them.

        Examples
        --------
        >>> from skmlp.reductions.tree import ClassTree
        >>> parents = {"husky": "dog", "pug": "dog", "dog": "canine", "wolf": "canine"}
        >>> tree = ClassTree.from_parents(parents, {"dog": 0, "husky": 1, "pug": 2, "wolf": 3})
        >>> print(tree.draw(["dog", "husky", "pug", "wolf"]))
        ┬─┬─┬─ dog
        │ │ └─ husky
        │ └─ pug
        └─ wolf
        """
        return cls.from_merges(parent_merges(parents, class_of, counts))

    def code(self) -> CodeMatrix:
        """Return the tree as a code: one column a node, in which classes elsewhere sit out.

        Returns
        -------
        code : CodeMatrix
            The dense form of `paths`.
        """
        return CodeMatrix(self.paths().toarray())


def _middle(lo: int, hi: int) -> int:
    """Return where [lo, hi) is halved; an odd one goes to the left."""
    return (lo + hi + 1) // 2


def _checked_split(right: Any, length: int) -> npt.NDArray[np.bool_]:
    """Return what the user's split returned, or raise."""
    array = np.asarray(right)
    if array.dtype != np.bool_ or array.shape != (length,):
        raise ValueError(
            f"split must return a bool array of shape {(length,)}, "
            f"got dtype {array.dtype} and shape {array.shape}."
        )
    return array
