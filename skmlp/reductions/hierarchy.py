"""From a hierarchy of classes, or from their frequencies, to the merges of a binary tree.

Merges are how SciPy's ``linkage`` writes a binary tree, from the leaves up: items 0 to C - 1 are
the classes, and merge t joins two items into item C + t; the last merge is the root.

A node of a hierarchy may have any number of children. More than two are joined as Huffman joins the
letters of a code: the two lightest become one item, again and again; of equal ones, those that
exist longer. The weight of an item is the count of its classes, so that frequent classes end near
the top. Of two children the one that was listed first is on the left.
"""

import heapq
from collections.abc import Hashable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.floating[Any]]
Merges = npt.NDArray[np.intp]
# The children of one node: a class k as k, and what group g of the list became as ~g.
Group = list[int]


def checked_counts(counts: npt.ArrayLike, n_classes: int | None = None) -> Counts:
    """Return the weights of the classes as an array.

    Parameters
    ----------
    counts : array-like of shape (n_classes,)
        How often each class occurs, in rows or in any other unit.
    n_classes : int, default=None
        How many there must be. None takes any number of at least two.

    Raises
    ------
    ValueError
        If there are not as many, or one is negative or not finite.
    """
    weights = np.asarray(counts, dtype=np.float64)
    if weights.ndim != 1 or (len(weights) < 2 if n_classes is None else len(weights) != n_classes):
        expected = "at least two classes" if n_classes is None else f"{n_classes} classes"
        raise ValueError(
            f"counts must hold one number for each of {expected}, got shape {weights.shape}."
        )
    bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(bad):
        raise ValueError(
            f"counts must be finite and not negative, got {weights[bad[0]]} for class {bad[0]}."
        )
    return weights


def huffman_merges(counts: npt.ArrayLike) -> Merges:
    """Return the merges of Huffman's tree; equal weights are joined first in, first out."""
    weights = checked_counts(counts)
    return _merge_groups([list(range(len(weights)))], weights)


def nested_merges(
    nested: Sequence[Any],
    counts: npt.ArrayLike | None,
    class_of: Mapping[Any, int | None] | None,
) -> Merges:
    """Return the merges of a tree written as nested tuples.

    Parameters
    ----------
    nested : nested tuples or lists
        The inner nodes and, inside them, the leaves.
    counts : array-like of shape (n_classes,) or None
        Weights of the classes where a node has more than two children. None weighs all alike.
    class_of : mapping of leaf to int or None, or None
        The class of each leaf; a leaf whose class is None leaves the tree. Without a mapping the
        leaves are the classes themselves.

    Raises
    ------
    TypeError
        If a class is no integer.
    ValueError
        If a tuple is empty, a leaf is not in `class_of`, or the classes are not 0 to C - 1.
    """
    if not isinstance(nested, tuple | list):
        raise TypeError(f"nested must be a tuple or list, got {nested!r}.")
    groups: list[Group] = []
    classes: list[int] = []
    end = object()
    open_nodes = [(iter(nested), Group())]
    while open_nodes:
        items, group = open_nodes[-1]
        item = next(items, end)
        if item is end:
            open_nodes.pop()
            if group:
                groups.append(group)
                if open_nodes:
                    open_nodes[-1][1].append(~(len(groups) - 1))
        elif isinstance(item, tuple | list):
            if not item:
                raise ValueError(f"nested must hold something in every tuple, got {item!r}.")
            open_nodes.append((iter(item), []))
        elif class_of is not None and item not in class_of:
            raise ValueError(f"nested must hold leaves that class_of names, got {item!r}.")
        elif class_of is None or class_of[item] is not None:
            classes.append(_class_index("nested", item if class_of is None else class_of[item]))
            group.append(classes[-1])
    return _merge_groups(groups, _weights("nested", classes, counts))


def parent_merges(
    parents: Mapping[Any, Any], class_of: Mapping[Any, int], counts: npt.ArrayLike | None
) -> Merges:
    """Return the merges of a hierarchy that is written as a table of parents.

    A node that is a class and has classes below it keeps a leaf of its own among its children.
    Nodes without any class below them leave the tree, and so do nodes with a single child.

    Parameters
    ----------
    parents : mapping of node to node
        The parent of each node. A root has the parent None, or is no key.
    class_of : mapping of node to int
        The class of each node that is one: 0 to C - 1, each of them once.
    counts : array-like of shape (n_classes,) or None
        Weights of the classes where a node has more than two children. None weighs all alike.

    Raises
    ------
    ValueError
        If there is a cycle, a class is no node, or the classes are not 0 to C - 1.
    """
    children: dict[Hashable, list[Hashable]] = {}
    for node, parent in parents.items():
        children.setdefault(node, [])
        if parent is not None:
            children.setdefault(parent, []).append(node)
    unknown = [node for node in class_of if node not in children]
    if unknown:
        raise ValueError(f"class_of must name nodes of parents, got {unknown[0]!r}.")
    classes = [_class_index("class_of", k) for k in class_of.values()]
    weights = _weights("class_of", classes, counts)

    roots = [node for node in children if parents.get(node) is None]
    groups: list[Group] = []
    item_of: dict[Hashable, int] = {}
    for node in reversed(_downwards(roots, children, parents)):
        group = [item_of[child] for child in children[node] if child in item_of]
        if node in class_of:
            group.insert(0, int(class_of[node]))
        if group:
            groups.append(group)
            item_of[node] = ~(len(groups) - 1)
    groups.append([item_of[root] for root in roots if root in item_of])
    return _merge_groups(groups, weights)


def _class_index(name: str, value: Any) -> int:
    """Return a class index as an int."""
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return int(value)
    raise TypeError(f"{name} must hold class indices, got {value!r}.")


def _weights(name: str, classes: list[int], counts: npt.ArrayLike | None) -> Counts:
    """Return the weights of the classes, once they are known to be 0 to C - 1, each once."""
    if len(classes) < 2:
        raise ValueError(f"{name} must hold at least two classes, got {len(classes)}.")
    expected = f"{name} must hold each class from 0 to n_classes - 1 once"
    seen: set[int] = set()
    for k in classes:
        if k in seen:
            raise ValueError(f"{expected}, got {k} twice.")
        if not 0 <= k < len(classes):
            raise ValueError(f"{expected}, got {k} among {len(classes)} classes.")
        seen.add(k)
    return np.ones(len(classes)) if counts is None else checked_counts(counts, len(classes))


def _downwards(
    roots: list[Hashable],
    children: Mapping[Hashable, list[Hashable]],
    parents: Mapping[Any, Any],
) -> list[Hashable]:
    """Return all nodes, each after its parent; raise if some hang from no root."""
    order = list(roots)
    for node in order:
        order.extend(children[node])
    if len(order) < len(children):
        reached = set(order)
        raise ValueError(
            "parents must hold no cycle, got "
            + _cycle_from(next(node for node in children if node not in reached), parents)
            + "."
        )
    return order


def _cycle_from(node: Any, parents: Mapping[Any, Any]) -> str:
    """Describe the cycle into which the ancestors of a node run."""
    path: dict[Hashable, None] = {}
    while node not in path:
        path[node] = None
        node = parents[node]
    names = list(map(repr, path))
    cycle = [*names[list(path).index(node) :], repr(node)]
    if len(cycle) > 8:
        cycle[4:-3] = ["..."]
    return " -> ".join(cycle)


def _merge_groups(groups: Iterable[Group], counts: Counts) -> Merges:
    """Join the members of each group; a group comes after the groups that it holds."""
    weights = counts.tolist()
    merges: list[tuple[int, int]] = []

    def merge(first: int, second: int) -> int:
        merges.append((first, second))
        weights.append(weights[first] + weights[second])
        return len(weights) - 1

    joined: list[int] = []
    for group in groups:
        items = [k if k >= 0 else joined[~k] for k in group]
        if len(items) > 2:
            # The second number decides among equal weights, the third which side is left.
            heap = [(weights[item], place, place, item) for place, item in enumerate(items)]
            heapq.heapify(heap)
            for age in range(len(items), 2 * len(items) - 1):
                lightest = heapq.heappop(heap), heapq.heappop(heap)
                (_, _, place, left), (*_, right) = sorted(lightest, key=itemgetter(2))
                item = merge(left, right)
                heapq.heappush(heap, (weights[item], age, place, item))
            joined.append(heap[0][-1])
        else:
            joined.append(merge(*items) if len(items) == 2 else items[0])
    return np.array(merges, dtype=np.intp)
