"""Labels of classes and weights of rows: from what users pass to what losses take."""

from collections.abc import Mapping

import numpy as np
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from skmlp._sklearn import check_sample_weight


def encode_labels(y, classes=None, name="y"):
    """Return the sorted class labels and, for every row, the index of its label among them.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels: integers, strings, booleans or other objects that can be sorted.
    classes : array-like, default=None
        All labels there are. None takes those in y.
    name : str, default="y"
        What to call y in an error.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
        Sorted.
    codes : ndarray of int of shape (n_samples,)
        ``classes[codes]`` is y.

    Raises
    ------
    ValueError
        If y is continuous, not one-dimensional, or holds a label that is not among `classes`.
    """
    y = column_or_1d(y, warn=True)
    check_classification_targets(y)
    encoder = LabelEncoder()
    if classes is None:
        codes = encoder.fit_transform(y)
        return encoder.classes_, codes
    encoder.fit(check_classes(classes))
    unseen = [label for label in np.unique(y) if label not in set(encoder.classes_.tolist())]
    if unseen:
        shown = ", ".join(repr(label) for label in np.asarray(unseen).tolist()[:10])
        raise ValueError(
            f"{name} must hold only labels of the classes {encoder.classes_.tolist()}, got {shown}."
        )
    return encoder.classes_, encoder.transform(y)


def check_classes(classes):
    """Return the full list of labels as a sorted array, or raise."""
    labels = np.asarray(classes)
    if labels.ndim != 1 or len(labels) < 2 or len(np.unique(labels)) < len(labels):
        raise ValueError(
            f"classes must be None or a list of at least two different labels, got {classes!r}."
        )
    return np.sort(labels)


def check_class_weight(class_weight):
    """Raise unless `class_weight` is None, ``"balanced"`` or a mapping of labels to weights."""
    is_name = isinstance(class_weight, str) and class_weight == "balanced"
    if not (class_weight is None or is_name or isinstance(class_weight, Mapping)):
        raise ValueError(
            "class_weight must be None, 'balanced' or a dict of class labels to weights, "
            f"got {class_weight!r}."
        )


def row_weights(sample_weight, class_weight, classes, codes, X, name="sample_weight"):
    """Return the float64 weight of every row: its own times that of its class.

    ``"balanced"`` gives all classes that have any weight the same total, which for equal row
    weights is scikit-learn's ``n_samples / (n_classes * count)``.

    Raises
    ------
    ValueError
        If a weight is negative or not finite, or all are zero.
    """
    weight = np.array(check_sample_weight(sample_weight, X, dtype=np.float64))
    if (weight < 0).any():
        raise ValueError(f"{name} must not be negative, got a smallest value of {weight.min()}.")
    if isinstance(class_weight, str):
        totals = np.bincount(codes, weight, minlength=len(classes))
        factor = np.divide(totals.sum(), totals * (totals > 0).sum(), where=totals > 0,
                           out=np.zeros(len(classes)))
        weight *= factor[codes]
    elif class_weight is not None:
        labels = classes.tolist()
        unknown = [label for label in class_weight if label not in labels]
        values = np.array([class_weight.get(label, 1.0) for label in labels], dtype=float)
        if unknown or not (np.isfinite(values) & (values >= 0)).all():
            raise ValueError(
                f"class_weight must give numbers >= 0 to labels among {labels}, "
                f"got {class_weight!r}."
            )
        weight *= values[codes]
    if not weight.any():
        raise ValueError(f"{name} must not be all zero: no row would count.")
    return weight


def stratified_split(codes, fraction, rng):
    """Split rows at random into training and validation rows, with equal shares of every class.

    The first row of every class stays in the training set, so a class with one row is not lost.

    Parameters
    ----------
    codes : ndarray of int of shape (n_samples,)
        Class of each row.
    fraction : float
        Share of the rows for validation, between 0 and 1.
    rng : numpy.random.Generator
        Where the randomness comes from.

    Returns
    -------
    train, validation : ndarray of int
        Row indices, each in ascending order.
    """
    order = rng.permutation(len(codes))
    order = order[np.argsort(codes[order], kind="stable")]
    place = np.arange(len(codes)) * fraction + rng.random()
    chosen = np.floor(place + fraction) > np.floor(place)
    chosen[np.unique(codes[order], return_index=True)[1]] = False
    if not chosen.any():
        raise ValueError(
            f"validation_fraction must leave a row for validation, got {fraction!r} "
            f"for {len(codes)} rows."
        )
    return np.sort(order[~chosen]), np.sort(order[chosen])
