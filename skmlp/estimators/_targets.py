"""Labels of classes and weights of rows: from what users pass to what losses take."""

from collections.abc import Mapping
from numbers import Real

import numpy as np
from sklearn.utils.multiclass import check_classification_targets


def encode_labels(y, classes=None, name="y"):
    """Return the sorted class labels and, for every row, the index of its label among them.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
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
        If y is continuous, or holds a label that is not among `classes`.
    """
    if y.dtype.kind in "fcO":
        try:
            check_classification_targets(y)
        except ValueError as error:
            raise ValueError(f"{name} must hold class labels. {error}") from None
    if classes is None:
        return np.unique(y, return_inverse=True)
    classes = check_classes(classes)
    unseen = np.setdiff1d(y, classes)
    if unseen.size:
        raise ValueError(
            f"{name} must hold only labels of the classes {classes.tolist()}, "
            f"got {unseen.tolist()[:10]}."
        )
    return classes, np.searchsorted(classes, y)


def check_classes(classes):
    """Return the full list of labels as a sorted array, or raise."""
    labels = np.asarray(classes)
    try:
        distinct = np.unique(labels)
    except TypeError:
        raise ValueError(f"classes must hold labels that can be sorted, got {classes!r}.") from None
    if labels.ndim != 1 or len(labels) < 2 or len(distinct) < len(labels):
        raise ValueError(
            f"classes must be None or a list of at least two different labels, got {classes!r}."
        )
    return distinct


def classes_of_parts(classes, parameter, fitted, are_optional=False):
    """Return the labels that a call to partial_fit is to use, or raise ValueError.

    Parameters
    ----------
    classes : array-like or None
        What the call was given.
    parameter : array-like or None
        What the estimator was given.
    fitted : ndarray or None
        The labels of former calls; None in the first.
    are_optional : bool, default=False
        Whether the first call can do without.
    """
    if fitted is None:
        known = parameter if classes is None else classes
        if known is None and not are_optional:
            raise ValueError(
                "classes must list all labels in the first call to partial_fit, got None."
            )
        return known
    if classes is None or np.array_equal(classes, fitted):
        return fitted
    # Labels may be listed in any order; columns of indicators keep the one they were given.
    if not np.array_equal(check_classes(classes), fitted):
        raise ValueError(
            "classes must be the same in every call to partial_fit, first "
            f"{fitted.tolist()}, got {classes!r}."
        )
    return fitted


def check_class_weight(class_weight):
    """Raise unless `class_weight` is None, ``"balanced"`` or a mapping of labels to weights."""
    is_name = isinstance(class_weight, str) and class_weight == "balanced"
    if not (class_weight is None or is_name or isinstance(class_weight, Mapping)):
        raise ValueError(
            "class_weight must be None, 'balanced' or a dict of class labels to weights, "
            f"got {class_weight!r}."
        )


def check_row_weights(weight, n_samples, name="sample_weight"):
    """Return weights of rows as a new float64 array, ones for None, or raise.

    Raises
    ------
    ValueError
        If there is not one finite number >= 0 for each row, or their sum is 0 or overflows.
    """
    if weight is None:
        return np.ones(n_samples)
    try:
        weight = np.array(weight, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must hold numbers, got {weight!r}.") from None
    if weight.ndim == 0:
        weight = np.full(n_samples, float(weight))
    if weight.shape != (n_samples,):
        raise ValueError(f"{name} must have shape ({n_samples},), got shape {weight.shape}.")
    good = np.isfinite(weight) & (weight >= 0)
    if not good.all():
        raise ValueError(
            f"{name} must hold finite numbers >= 0 (not negative, NaN or infinite), "
            f"got {weight[~good][0]}."
        )
    with np.errstate(over="ignore"):
        total = weight.sum()
    if not 0 < total < np.inf:
        raise ValueError(f"{name} must not be all zero and have a finite sum, got sum {total}.")
    return weight


def class_factors(class_weight, classes, codes, weight):
    """Return the factor on the weight of the rows of each class.

    ``"balanced"`` gives all classes that have any weight the same total, which for equal row
    weights is scikit-learn's ``n_samples / (n_classes * count)``.
    """
    if class_weight is None:
        return np.ones(len(classes))
    if isinstance(class_weight, str):
        totals = np.bincount(codes, weight, minlength=len(classes))
        present = totals > 0
        share = totals.sum() / present.sum()
        return np.divide(share, totals, out=np.zeros(len(classes)), where=present)
    labels = classes.tolist()
    factors = [class_weight.get(label, 1.0) for label in labels]
    # As in scikit-learn: a class that these rows lack may be named if all that they have are.
    known = all(label in labels for label in class_weight)
    known = known or all(label in class_weight for label in labels)
    if not known or not all(isinstance(f, Real) and 0 <= f < np.inf for f in factors):
        raise ValueError(
            f"class_weight must give numbers >= 0 to labels among {labels}, got {class_weight!r}."
        )
    if not np.any((np.array(factors)[codes] > 0) & (weight > 0)):
        raise ValueError(f"class_weight must leave some row a weight, got {class_weight!r}.")
    return np.array(factors, dtype=np.float64)


def stratified_split(codes, fraction, rng):
    """Split rows at random into training and validation rows, with equal shares of every class.

    One row of every class stays in the training set, so a class with one row is not lost.

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
    counts = np.bincount(codes)
    # Rounding the running total, not each class, keeps the whole share right for small classes.
    totals = np.floor(np.append(0, np.cumsum(counts)) * fraction + rng.random())
    quota = np.minimum(np.diff(totals), np.maximum(counts - 1, 0))
    place = np.arange(len(codes)) - np.repeat(np.cumsum(counts) - counts, counts)
    chosen = place >= np.repeat(counts - quota, counts)
    if not chosen.any():
        raise ValueError(
            f"validation_fraction must leave a row for validation, got {fraction!r} "
            f"for {len(codes)} rows."
        )
    return np.sort(order[~chosen]), np.sort(order[chosen])
