"""The linear model as an objective: scores X W + b, one loss, an L2 penalty.

This is the one place where the package states what softmax regression minimizes. The solvers
receive a `LinearPoint` and know nothing else of the model.
"""

from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp

from skmlp.nn.losses import Array, Loss
from skmlp.nn.preconditioners import Preconditioner, choose_preconditioners, row_blocks, row_sizes


class LinearObjective:
    r"""Objective of a linear model on fixed data.

    .. math::
        J(W, b) = \sum_i w_i \, \ell(x_i W + b, y_i) + \alpha \lVert W \rVert^2,
        \qquad \sum_i w_i = 1

    The weights are normalized to sum to one, so alpha means the same for any number of rows. The
    intercept b is not penalized.

    Parameters
    ----------
    loss : Loss
        A function of the scores of one row.
    X : ndarray or CSR/CSC array of shape (n_samples, n_features)
        The rows; float32 or float64, never copied.
    y : ndarray
        Targets as `loss` wants them.
    weight : ndarray of shape (n_samples,)
        Weights of the rows, not negative, not all zero.
    n_outputs : int
        Number of score columns.
    alpha : float
        Strength of the L2 penalty.
    fit_intercept : bool, default=True
        Whether there is an intercept. Without one, b is no part of theta.

    Attributes
    ----------
    dtype : dtype
        Of X, and of a theta that is trained.
    n_params : int
        Length of theta: first W row by row, shape (n_features, n_outputs), then b.

    Notes
    -----
    Value and gradient cost O(n_samples n_features n_outputs), and so does one Hessian-vector
    product. Memory beyond X: a few arrays of shape (n_samples, n_outputs).
    """

    def __init__(
        self,
        loss: Loss,
        X: Any,
        y: Array,
        weight: Array,
        *,
        n_outputs: int,
        alpha: float,
        fit_intercept: bool = True,
    ) -> None:
        self.loss = loss
        self.X = X
        self.X_T = X.T
        self.dtype = X.dtype
        self.y = y
        self.weight = weight / weight.sum(dtype=np.float64)
        self.n_positive = np.count_nonzero(self.weight)
        self.n_outputs = n_outputs
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.n_weights = X.shape[1] * n_outputs
        self.n_params = self.n_weights + (n_outputs if fit_intercept else 0)
        self.scratch: Array | None = None
        self.preconditioners = choose_preconditioners(X, loss, n_outputs)

    @cached_property
    def ones(self) -> Array:
        """A column of ones: a product with it is several times as fast as a sum over rows."""
        return np.ones(len(self.weight), self.X.dtype)

    @cached_property
    def row_sizes(self) -> Array:
        """What `skmlp.nn.preconditioners.row_sizes` says of X."""
        return row_sizes(self.X)

    def split(self, theta: Array) -> tuple[Array, Array]:
        """Return views of theta as W (n_features, n_outputs) and b (n_outputs,); b may be empty."""
        return theta[: self.n_weights].reshape(-1, self.n_outputs), theta[self.n_weights :]

    def scores(self, theta: Array, out: Array | None = None) -> Array:
        """Return X W + b in the dtype of X, shape (n_samples, n_outputs), in `out` if it can."""
        return linear_scores(self.X, *self.split(theta), out)

    def pull_back(self, dF: Array) -> Array:
        """Return the derivative in theta, given the derivative in the scores: (X^T dF, 1^T dF)."""
        grad = np.empty(self.n_params)
        W, b = self.split(grad)
        if dF.dtype == self.X.dtype:
            W[...] = self.X_T @ dF
        else:
            # A product of all would first convert all of X.
            W[...] = sum(self.X[rows].T @ dF[rows] for rows in row_blocks(self.X))
        if self.fit_intercept:
            b[...] = self.ones @ dF
        return grad

    def add_penalty(self, grad: Array, theta: Array) -> None:
        """Add the derivative of the penalty, 2 alpha W, to a derivative in theta."""
        grad[: self.n_weights] += 2 * self.alpha * theta[: self.n_weights]

    def at(self, theta: Array) -> "LinearPoint":
        """Return the objective at theta."""
        return LinearPoint(self, theta, self.scores(theta))

    def value_and_gradient(
        self, theta: Array, rows: Array | slice | None = None
    ) -> tuple[float, Array]:
        """Return an unbiased estimate of J and its gradient from some of the rows.

        Parameters
        ----------
        theta : ndarray of shape (n_params,)
            Where; the arithmetic is done in the dtype of X.
        rows : ndarray of int or slice, default=None
            The mini-batch, drawn uniformly from the rows of positive weight, of which each row of
            a batch stands for an equal part. None means all rows.

        Returns
        -------
        value : float
            Estimate of J; J itself for all rows.
        grad : ndarray of shape (n_params,)
            Derivative of that value, in the dtype of theta.
        """
        X, y, weight = self.X, self.y, self.weight
        if rows is not None:
            X, y, weight = X[rows], y[rows], weight[rows]
            weight = weight * (self.n_positive / len(weight))
        W, b = self.split(theta)
        value, dF = self.loss.value_and_gradient(linear_scores(X, W, b), y, weight)
        grad = np.empty_like(theta)
        dW, db = self.split(grad)
        dW[...] = X.T @ dF
        dW += 2 * self.alpha * W
        if self.fit_intercept:
            db[...] = dF.sum(axis=0)
        return value + self.alpha * float(np.vdot(W, W)), grad

    def __call__(
        self, theta: Array, rows: Array | slice, rng: np.random.Generator | None = None
    ) -> tuple[float, Array]:
        return self.value_and_gradient(theta, rows)


def linear_scores(X: Any, W: Array, b: Array, out: Array | None = None) -> Array:
    """Return X W + b in the dtype of X; an empty b stands for no intercept."""
    W = np.ascontiguousarray(W, dtype=X.dtype)
    F = X @ W if out is None or sp.issparse(X) else np.matmul(X, W, out=out)
    if b.size:
        F += b.astype(F.dtype, copy=False)
    return np.asarray(F)


class LinearPoint:
    """The objective at one theta: value, gradient, curvature, and the way to a neighbour.

    Scores are linear in theta, so a step along a direction moves them along the direction's
    image X V + c. Trying another step length then costs O(n_samples n_outputs) and no product
    with X.

    Attributes
    ----------
    theta : ndarray of shape (n_params,)
        Where.
    F : ndarray of shape (n_samples, n_outputs)
        Scores.
    value : float
        J(theta).
    """

    def __init__(self, objective: LinearObjective, theta: Array, F: Array) -> None:
        self.objective = objective
        self.theta = theta
        self.F = F
        losses, self.residual = objective.loss.evaluate(F, objective.y)
        self.row_weight = objective.weight[:, None].astype(F.dtype, copy=False)
        W, _ = objective.split(theta)
        self.value = float(objective.weight @ losses.astype(np.float64)) + objective.alpha * float(
            np.vdot(W, W)
        )
        self._gradient: Array | None = None
        self._probabilities: Array | None = None
        self._curvature: tuple[Array, Array] | None = None

    @property
    def gradient(self) -> Array:
        """Derivative of J, shape (n_params,)."""
        if self._gradient is None:
            self._gradient = self.objective.pull_back(self.residual * self.row_weight)
            self.objective.add_penalty(self._gradient, self.theta)
        return self._gradient

    @property
    def probabilities(self) -> Array:
        """`Loss.inverse_link` of the scores, shape (n_samples, n_outputs)."""
        if self._probabilities is None:
            objective = self.objective
            self._probabilities = objective.loss.prediction(self.residual, objective.y)
        return self._probabilities

    @property
    def curvature(self) -> tuple[Array, Array]:
        """`Loss.curvature` D at these scores, and w D; each of shape (n_samples, n_outputs)."""
        if self._curvature is None:
            D = self.objective.loss.curvature(self.probabilities)
            self._curvature = D, D * self.row_weight
        return self._curvature

    def hessian_product(self, v: Array) -> Array:
        r"""Return the exact product of the Hessian with v, shape (n_params,).

        .. math:: H v = \tilde X^T \bigl[w \circ \ell''(F) (\tilde X v)\bigr] + 2 \alpha v_W
        """
        objective = self.objective
        if objective.scratch is None:
            objective.scratch = np.empty_like(self.F)
        U = objective.scores(v, out=objective.scratch)
        self.center(U)
        U *= self.curvature[1]
        Hv = objective.pull_back(U)
        objective.add_penalty(Hv, v)
        return Hv

    def center(self, U: Array) -> None:
        r"""Subtract from each row its mean under D if the loss is coupled, in place.

        The second derivative of the losses along U is then :math:`D \circ U`.
        """
        if self.objective.loss.coupled:
            U -= np.einsum("ij,ij->i", self.curvature[0], U)[:, None]

    @property
    def preconditioners(self) -> tuple[Preconditioner, ...]:
        """Ways to approximate the inverse of the Hessian, from cheap to close."""
        return self.objective.preconditioners

    def image(self, direction: Array) -> Array:
        """Return how the scores change along a direction."""
        return self.objective.scores(direction)

    def slope(self, direction: Array, image: Array) -> float:
        """Return the derivative of J along a direction whose image is known."""
        objective = self.objective
        rows = np.einsum("ij,ij->i", self.residual, image)
        k = objective.n_weights
        penalty = 2 * objective.alpha * float(self.theta[:k] @ direction[:k])
        return float(objective.weight @ rows) + penalty

    def moved(self, direction: Array, image: Array, step: float) -> "LinearPoint":
        """Return the point a step further along a direction whose image is known."""
        F = image * image.dtype.type(step)
        F += self.F
        return LinearPoint(self.objective, self.theta + step * direction, F)
