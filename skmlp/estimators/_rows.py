"""Rows of data on their way from the user to an objective."""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.utils import assert_all_finite, check_array

from skmlp._sklearn import check_features, count_rows
from skmlp.estimators._targets import check_row_weights

# The dtypes in which X stays as it is; any other is converted to the first.
FLOATS = np.float64, np.float32


@dataclass
class Rows:
    """Rows to learn from or to validate on, ready for a loss.

    Attributes
    ----------
    X : ndarray or CSR array of shape (n_samples, n_features)
        Features.
    targets : ndarray of shape (n_samples, ...)
        What the loss wants.
    weight : ndarray of shape (n_samples,)
        Weights.
    """

    X: Any
    targets: np.ndarray
    weight: np.ndarray

    def take(self, rows):
        """Return some of the rows."""
        return Rows(self.X[rows], self.targets[rows], self.weight[rows])

    def converted(self, dtype):
        """Return the rows with X in a dtype."""
        return Rows(self.X.astype(dtype, copy=False), self.targets, self.weight)

    def distinct(self):
        """Return every distinct row once, with the sum of its weights, in the order of its hash.

        What is computed from all of them together is then the same to the last digit for a row of
        weight two and a row twice, and for any order of the rows.
        """
        _, first, group = np.unique(row_hashes(self), return_index=True, return_inverse=True)
        distinct = self.take(first)
        return Rows(distinct.X, distinct.targets, np.bincount(group, weights=self.weight))


def row_hashes(rows):
    """Return a hash of the entries and the target of each row, shape (n_samples,)."""
    X, targets = rows.X, np.ascontiguousarray(rows.targets)
    if sp.issparse(X):
        columns, entries = np.split(X.indices, X.indptr[1:-1]), np.split(X.data, X.indptr[1:-1])
        # As many bytes for every target: of the rest, the length says how many entries there are.
        arrays = zip(targets, columns, entries, strict=True)
    else:
        arrays = zip(targets, X, strict=True)
    texts = (b"".join(array.tobytes() for array in row) for row in arrays)
    return np.array([blake2b(text, digest_size=16).digest() for text in texts], dtype="V16")


def check_fits(estimator, X, dtype):
    """Raise what scikit-learn would raise if it converted X to a dtype that some number exceeds."""
    if X.dtype != dtype:
        with np.errstate(over="ignore"):
            extremes = np.array([X.min(), X.max()]).astype(dtype)
        assert_all_finite(extremes, estimator_name=type(estimator).__name__, input_name="X")


def check_validation_data(estimator, X_val, y_val, sample_weight_val, dtype):
    """Check the validation data of a call to fit.

    Parameters
    ----------
    estimator : estimator
        Has seen the training data, which these must be like.
    X_val, y_val, sample_weight_val : array-like or None
        What the user passed.
    dtype : dtype or sequence of dtype
        What X becomes, as for scikit-learn's ``check_array``.

    Returns
    -------
    data : None or tuple of X, y and weight
        None if there are none.

    Raises
    ------
    ValueError
        If one of X and y is missing, or an array is not as it must be.
    """
    if (X_val is None) != (y_val is None) or (X_val is None and sample_weight_val is not None):
        raise ValueError(
            "X_val and y_val must be given together, and sample_weight_val only with them, "
            f"got X_val of type {type(X_val).__name__}, y_val of type {type(y_val).__name__}, "
            f"sample_weight_val of type {type(sample_weight_val).__name__}."
        )
    if X_val is None:
        return None
    if not count_rows(X_val):
        raise ValueError("X_val must have at least one row, got none.")
    try:
        X = check_array(
            X_val, accept_sparse="csr", dtype=dtype, input_name="X_val", estimator=estimator
        )
        check_features(estimator, X_val, reset=False)
    except ValueError as error:
        raise ValueError(f"X_val must be like X. {error}") from None
    y = check_array(
        y_val,
        accept_sparse="csr",
        dtype=None,
        ensure_2d=False,
        ensure_min_samples=0,
        input_name="y_val",
    )
    if y.shape[:1] != (X.shape[0],):
        raise ValueError(
            f"y_val must have one target for each of the {X.shape[0]} rows of X_val, "
            f"got shape {y.shape}."
        )
    return X, y, check_row_weights(sample_weight_val, X.shape[0], "sample_weight_val")


def random_split(n_samples, fraction, rng):
    """Split rows at random into training and validation rows.

    Parameters
    ----------
    n_samples : int
        Number of rows.
    fraction : float
        Share of the rows for validation, between 0 and 1.
    rng : numpy.random.Generator
        Where the randomness comes from.

    Returns
    -------
    train, validation : ndarray of int
        Row indices, each in ascending order; both have some.
    """
    n_held_out = round(fraction * n_samples)
    if not 0 < n_held_out < n_samples:
        raise ValueError(
            "validation_fraction must leave a row for validation and one for training, "
            f"got {fraction!r} with n_samples={n_samples}."
        )
    order = rng.permutation(n_samples)
    return np.sort(order[n_held_out:]), np.sort(order[:n_held_out])
