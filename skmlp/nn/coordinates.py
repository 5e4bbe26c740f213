r"""Coordinates in which the second derivative of a linear model is easier to handle.

Moving the origin to m and turning the axes to the orthogonal columns of V changes neither what a
linear model with an intercept can say nor its penalty:

.. math:: x^T W + b = \bigl(V^T (x - m)\bigr)^T (V^T W) + (b + m^T W), \qquad
          \lVert V^T W \rVert = \lVert W \rVert .

Around the mean of the rows the intercept hardly depends on the weights; along the principal axes
the features are uncorrelated, and the diagonal of the second derivative is most of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from skmlp.nn.losses import Array

# Rows that are copied at a time.
BLOCK = 4096


@dataclass
class Coordinates:
    """The origin, the axes, and whether a row ends in a 1 for the intercept.

    Attributes
    ----------
    fit_intercept : bool
        Whether the model has an intercept.
    center : ndarray of shape (n_features,), default=None
        Origin m; None is 0.
    axes : ndarray of shape (n_features, n_features), default=None
        Axes V, one column each; None is the identity.
    """

    fit_intercept: bool
    center: Array | None = None
    axes: Array | None = None

    @classmethod
    def suited_to(
        cls, X: Any, weight: Array, *, fit_intercept: bool, turn: bool = False
    ) -> "Coordinates":
        """Return coordinates that suit some rows.

        Parameters
        ----------
        X : ndarray or CSR array of shape (n_samples, n_features)
            The rows. Sparse ones are left as they are: they would fill up.
        weight : ndarray of shape (n_samples,)
            Weights of the rows.
        fit_intercept : bool
            Whether the model has an intercept. Without one the origin stays where it is.
        turn : bool, default=False
            Whether to turn the axes; costs O(n_samples n_features^2 + n_features^3).
        """
        coordinates = cls(fit_intercept)
        if not sp.issparse(X):
            coordinates.center = mean_row(X, weight) if fit_intercept else None
            coordinates.axes = principal_axes(X, weight, coordinates.center) if turn else None
        return coordinates

    @property
    def n_constants(self) -> int:
        """Number of entries that a row has beside its features."""
        return int(self.fit_intercept)

    def transposed(self, X: Any) -> Any:
        """Return rows in these coordinates, one column each, as an ndarray or CSC array."""
        if sp.issparse(X):
            ones = [np.ones((X.shape[0], 1))] * self.n_constants
            return sp.csr_array(sp.hstack([X, *ones], format="csr", dtype=X.dtype)).T
        R = X if self.center is None else (X - self.center).astype(X.dtype, copy=False)
        if self.axes is not None:
            R = R @ self.axes.astype(X.dtype)
        X_T = np.ones((X.shape[1] + self.n_constants, len(X)), X.dtype)
        X_T[: X.shape[1]] = R.T
        return X_T

    def original(self, theta: Array) -> tuple[Array, Array]:
        """Return weights (n, n_features) and intercepts (n,) of models theta (n, n_params)."""
        W = theta[:, : theta.shape[1] - self.n_constants]
        b = theta[:, -1] if self.fit_intercept else np.zeros(len(theta))
        if self.axes is not None:
            W = W @ self.axes.T
        return W, b if self.center is None else b - W @ self.center


def mean_row(X: Array, weight: Array) -> Array:
    """Return the weighted mean of the rows, and exactly the value of a feature that is constant."""
    share = (weight / weight.sum()).astype(X.dtype)
    center = np.where((X[0] == X).all(axis=0), X[0], share @ X)
    return np.asarray(center, np.float64)


def principal_axes(X: Array, weight: Array, center: Array | None) -> Array:
    """Return orthogonal axes along which the rows are nearly uncorrelated."""
    moments = np.zeros((X.shape[1], X.shape[1]))
    for rows in slices(len(X)):
        R = (X[rows] if center is None else X[rows] - center).astype(np.float32)
        moments += R.T @ (R * weight[rows, None].astype(np.float32))
    return np.linalg.eigh(moments)[1]


def slices(n: int) -> Iterator[slice]:
    """Yield the blocks of n rows."""
    yield from (slice(start, start + BLOCK) for start in range(0, n, BLOCK))
