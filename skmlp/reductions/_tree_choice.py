"""Which tree it is to be: from the parameter ``tree`` and the training rows to a `ClassTree`."""

from collections.abc import Mapping

import numpy as np
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.preprocessing import normalize
from sklearn.utils import check_array

from skmlp._sklearn import take_rows
from skmlp.estimators._rows import FLOATS
from skmlp.estimators._targets import stratified_split
from skmlp.reductions._fitting import unset_seeds
from skmlp.reductions.tree import ClassTree

# Share of the rows on which candidates are compared, and rows of each class that split others.
HELD_OUT = 1 / 3
SEED_ROWS = 100


def balanced(model, X, y, weight, n_classes, rng):
    """Halve the classes in their order."""
    return ClassTree.balanced(n_classes)


def random(model, X, y, weight, n_classes, rng):
    """Draw from all trees."""
    return ClassTree.random(n_classes, rng)


def random_balanced(model, X, y, weight, n_classes, rng):
    """Draw from the balanced trees."""
    return ClassTree.random_balanced(n_classes, rng)


def huffman(model, X, y, weight, n_classes, rng):
    """Put frequent classes near the root."""
    return ClassTree.huffman(class_counts(y, weight, n_classes))


def agglomerative(model, X, y, weight, n_classes, rng):
    """Join classes whose means are close.

    Each dense feature is measured in units of its standard deviation. Of sparse rows, such as
    texts, which have many rare features, the directions of the means from the mean of all are
    compared.
    """
    check_all_present(model, y, n_classes)
    try:
        X = check_array(X, accept_sparse="csr", dtype=FLOATS, input_name="X")
    except ValueError as error:
        raise ValueError(
            "X must hold numbers that have a mean for tree='agglomerative'. Set tree='balanced', "
            f"which asks nothing of them. {error}"
        ) from None
    weight = np.ones(len(y)) if weight is None else weight
    members = sp.csr_array((weight, (y, np.arange(len(y)))), shape=(n_classes, len(y)))
    means = members @ X / members.sum(axis=1)[:, None]
    means = np.asarray(means.todense() if sp.issparse(means) else means)
    if sp.issparse(X):
        means = normalize(means - weight @ X / weight.sum())
        return ClassTree.agglomerative(means, "ward")
    variance = weight @ (X - weight @ X / weight.sum()) ** 2
    return ClassTree.agglomerative(means / np.sqrt(np.where(variance > 0, variance, 1)))


def random_pair(model, X, y, weight, n_classes, rng):
    """Let the estimator split the classes below each node by two of them."""
    check_all_present(model, y, n_classes)
    unset = [] if model.random_state is None else unset_seeds(model.estimator)
    order = rng.permutation(len(y))
    of_class = [order[y[order] == k][:SEED_ROWS] for k in range(n_classes)]

    def split(i, j, classes):
        seeds = np.concatenate([of_class[i], of_class[j]])
        learner = clone(model.estimator).set_params(
            **{key: int(rng.integers(2**31 - 1)) for key in unset}
        )
        learner.fit(take_rows(X, seeds), (y[seeds] == j).astype(int))
        return np.array(
            [np.mean(learner.predict(take_rows(X, of_class[k]))) > 0.5 for k in classes]
        )

    return ClassTree.random_pair(split, n_classes, rng)


def best_of(model, X, y, weight, n_classes, rng):
    """Keep the random tree that is right most often on rows held out."""
    check_all_present(model, y, n_classes)
    seed = int(rng.integers(2**31 - 1))
    try:
        train, test = stratified_split(y, HELD_OUT, rng)
    except ValueError:
        raise ValueError(
            "tree must not be 'best_of' where no class has a row to spare for a comparison, "
            f"got {len(y)} rows of {n_classes} classes."
        ) from None
    trees = [ClassTree.random(n_classes, rng) for _ in range(model.n_candidates)]
    scores = []
    for tree in trees:
        candidate = clone(model).set_params(
            tree=tree, n_trees=1, calibrate_whole=False, classes=None, random_state=seed
        )
        params = {} if weight is None else {"sample_weight": weight[train]}
        candidate.fit(take_rows(X, train), y[train], **params)
        test_weight = None if weight is None else weight[test]
        scores.append(candidate.score(take_rows(X, test), y[test], test_weight))
    return trees[int(np.argmax(scores))]


KINDS = {
    kind.__name__: kind
    for kind in (agglomerative, balanced, huffman, random, random_balanced, random_pair, best_of)
}

RANDOM = ("random", "random_balanced", "random_pair", "best_of")


def check_tree(tree):
    """Raise unless `tree` is one of the kinds, or something that a tree can be made of."""
    if isinstance(tree, str) and tree not in KINDS:
        names = ", ".join(map(repr, KINDS))
        raise ValueError(
            f"tree must be one of {names}, a ClassTree, nested tuples or a dict, got {tree!r}."
        )
    if not isinstance(tree, str | ClassTree | tuple | list | Mapping):
        raise TypeError(f"tree must be a str, a ClassTree, nested tuples or a dict, got {tree!r}.")


def plant(model, X, y, weight, labels, rng):
    """Return the tree that the parameter ``tree`` of a model means for its training rows.

    Parameters
    ----------
    model : TreeReductionClassifier
        Has the parameters.
    X : array-like of shape (n_samples, n_features)
        Rows.
    y : ndarray of int of shape (n_samples,)
        Index in `labels` of each row.
    weight : ndarray of shape (n_samples,) or None
        Weights of the rows.
    labels : ndarray of shape (n_classes,)
        Labels of the classes.
    rng : numpy.random.Generator
        Source of randomness.
    """
    tree, n_classes = model.tree, len(labels)
    if isinstance(tree, str):
        return KINDS[tree](model, X, y, weight, n_classes, rng)
    if isinstance(tree, ClassTree):
        if tree.n_classes != len(model.classes_):
            raise ValueError(
                f"tree must have a leaf for each of the {len(model.classes_)} classes, "
                f"got {tree.n_classes} leaves."
            )
        known = dict.fromkeys(range(tree.n_classes))
        known |= {k: i for i, k in enumerate(model.present_.tolist())}
        return ClassTree.from_nested(tree.nested(), class_of=known)
    index = {label: k for k, label in enumerate(labels.tolist())}
    counts = class_counts(y, weight, n_classes)
    try:
        if isinstance(tree, Mapping):
            return ClassTree.from_parents(tree, index, counts)
        known = {label: index.get(label) for label in model.classes_.tolist()}
        return ClassTree.from_nested(tree, counts, class_of=known)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"tree must hold each of the classes {labels.tolist()[:10]} once, got {tree!r}. {error}"
        ) from None


def class_counts(y, weight, n_classes):
    """Return the total weight of each class."""
    return np.bincount(y, weight, minlength=n_classes)


def check_all_present(model, y, n_classes):
    """Raise unless there are rows of every class."""
    missing = n_classes - len(np.unique(y))
    if missing:
        raise ValueError(
            "tree must not depend on the rows of each class unless the first call to partial_fit "
            f"has some of every class, got {model.tree!r} and no row of {missing} classes."
        )
