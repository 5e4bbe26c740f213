"""Backpropagation: the objective of a network on data, and its gradient.

Forward, the layers compute scores and the loss its value. Back, the derivative in the scores
passes through the layers from the last to the first, each of which leaves the derivative in its own
parameters on the way. The gradient is complete before any parameter moves.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from skmlp.nn.layers import Rng
from skmlp.nn.losses import Loss
from skmlp.nn.network import BLOCK as ROWS
from skmlp.nn.network import Network
from skmlp.nn.parameters import Array, Views

# Weights in a block: the derivative of their penalty is an array of its own.
BLOCK = 2**15

Augment = Callable[[Any, Array, Rng], tuple[Any, Array]]


class NetworkObjective:
    r"""Objective of a network on fixed data.

    .. math::
        J(\theta) = \sum_i w_i \, \ell(F(x_i; \theta), y_i) + \alpha \sum_l \lVert W_l \rVert^2,
        \qquad \sum_i w_i = 1

    The weights are normalized to sum to one, so alpha means the same for any number of rows and
    any batch size. Biases and the parameters of batch norm are not penalized. If the network has
    units of its targets, J is computed divided by ``unit``, and so is the penalty: alpha means
    the same in any units, see `Network.penalty_factor`.

    Parameters
    ----------
    network : Network
        The function F.
    loss : Loss
        A function of the scores of one row.
    X : ndarray or CSR array of shape (n_samples, n_features)
        The rows; float32 or float64, never copied as a whole.
    y : ndarray
        Targets as `loss` wants them; real numbers are brought to the dtype of the computation.
    weight : ndarray of shape (n_samples,)
        Weights of the rows, positive.
    alpha : float
        Strength of the L2 penalty.
    augment : callable, default=None
        ``(X, y, rng) -> (X, y)``, applied to the rows of a batch in training.
    dtype : dtype, default=None
        Of the computation, to which the rows of a batch are brought; None means that of X.

    Attributes
    ----------
    unit : float
        What the objective is divided by, see `Rescale`.

    Notes
    -----
    Value and gradient of a batch cost O(n_rows n_weights).
    """

    def __init__(
        self,
        network: Network,
        loss: Loss,
        X: Any,
        y: Array,
        weight: Array,
        *,
        alpha: float,
        augment: Augment | None = None,
        dtype: Any = None,
    ) -> None:
        self.network = network
        self.loss = loss
        self.X = X
        self.dtype = np.dtype(X.dtype if dtype is None else dtype)
        self.y = y.astype(self.dtype, copy=False) if y.dtype.kind == "f" else y
        self.unit = 1.0 if network.output is None else network.output.unit
        self.weight = weight / weight.sum(dtype=np.float64) / self.unit
        self.decay = 2 * float(alpha) * network.penalty_factor.astype(self.dtype)
        self.alpha = alpha
        self.augment = augment
        self._workplace: tuple[Array, Views, Array, Views] | None = None

    def value_and_gradient(
        self,
        theta: Array,
        rows: Array | slice = slice(None),
        rng: Rng = None,
    ) -> tuple[float, Array]:
        """Return an unbiased estimate of J / unit and its gradient, from a batch in training.

        Parameters
        ----------
        theta : ndarray of shape (n_params,)
            Where, in the dtype of the computation. Batch norm updates its statistics there.
        rows : ndarray of int or slice, default=all
            The batch, drawn uniformly.
        rng : numpy.random.Generator, default=None
            Source of the randomness of dropout and augmentation.

        Returns
        -------
        value : float
            Estimate of J / unit; exact for all rows.
        gradient : ndarray of shape (n_params,)
            Derivative of that value, in the dtype of theta.
        """
        gradient = np.zeros_like(theta)
        views = self.network.layout.views
        return self._evaluate(theta, views(theta), gradient, views(gradient), rows, rng), gradient

    def mean_loss(self, theta: Array) -> float:
        """Return the mean loss, divided by unit, of predictions: without penalty and dropout."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self._mean(
                lambda rows: self.network.scores(theta, self.X[rows]), self.y, self.weight
            )

    def cost_of_constant(self) -> float:
        """Return the mean loss, divided by unit, of the best prediction that knows no x."""
        constant = self.loss.best_constant(self.y, self.weight, self.network.n_outputs)
        y, weight = self.y, self.weight
        if y.ndim == 1 and y.dtype.kind in "iu":
            # A constant costs all rows of a class the same.
            weight = np.bincount(y, weight)
            y = np.arange(len(weight))
        return self._mean(
            lambda rows: np.broadcast_to(constant, (len(y[rows]), len(constant))), y, weight
        )

    def _mean(self, scores: Callable[[slice], Array], y: Array, weight: Array) -> float:
        """Return the mean loss of the scores that a function gives for some of the targets."""
        total = 0.0
        for begin in range(0, len(y), ROWS):
            rows = slice(begin, begin + ROWS)
            losses, _ = self.loss.evaluate(scores(rows), y[rows])
            total += float(weight[rows] @ losses)
        return total

    def __call__(self, theta: Array, rows: Array | slice, rng: Rng) -> tuple[float, Array]:
        """Do the same for a training, which asks at one theta that moves: with fewer new arrays.

        The gradient is valid until the next call, and may be written to.
        """
        if self._workplace is None or self._workplace[0] is not theta:
            gradient, views = np.zeros_like(theta), self.network.layout.views
            self._workplace = theta, views(theta), gradient, views(gradient)
        value = self._evaluate(*self._workplace, rows, rng)
        return value, self._workplace[2]

    def _evaluate(
        self,
        theta: Array,
        params: Views,
        gradient: Array,
        grads: Views,
        rows: Array | slice,
        rng: Rng,
    ) -> float:
        """Return the value, and write its derivative in weights and biases into `gradient`."""
        X = pick(self.X, rows).astype(self.dtype, copy=False)
        y, weight = self.y[rows], self.weight[rows]
        weight = weight * (len(self.weight) / len(weight))
        if self.augment is not None:
            X, y = self.augment(X, y, rng)
        F, backward = self.network.forward(params, X, train=True, rng=rng)
        value, dF = self.loss.value_and_gradient(F, y, weight)
        backward(dF, grads)
        n_weights = self.network.layout.n_weights if self.alpha else 0
        for begin in range(0, n_weights, BLOCK):
            some = slice(begin, min(begin + BLOCK, n_weights))
            dW = np.broadcast_to(self.decay, n_weights)[some] * theta[some]
            gradient[some] += dW
            value += 0.5 * float(dW @ theta[some])
        return value


def pick(X: Any, rows: Array | slice) -> Any:
    """Return some rows; of a dense X by a way that is quicker than indexing."""
    is_plain = isinstance(X, np.ndarray) and isinstance(rows, np.ndarray)
    return X.take(rows, axis=0) if is_plain else X[rows]


class NetworkPoint:
    """The objective of a network at one theta, for methods that take all rows at once.

    Attributes
    ----------
    theta : ndarray of shape (n_params,)
        Where, in double precision; the objective computes in its own.
    value : float
        J(theta) / unit.
    gradient : ndarray of shape (n_params,)
        Its derivative.
    """

    def __init__(self, objective: NetworkObjective, theta: Array) -> None:
        self.objective = objective
        narrow = theta.astype(objective.dtype)
        self.value, gradient = objective.value_and_gradient(narrow)
        self.gradient = gradient.astype(theta.dtype)
        # The statistics of batch norm are those of these rows.
        n_learned = objective.network.layout.n_learned
        self.theta = theta.copy()
        self.theta[n_learned:] = narrow[n_learned:]

    def image(self, direction: Array) -> None:
        """Return nothing: a network's scores are not linear in theta."""

    def slope(self, direction: Array, image: None) -> float:
        """Return the derivative of J along a direction."""
        return float(self.gradient @ direction)

    def moved(self, direction: Array, image: None, step: float) -> "NetworkPoint":
        """Return the point a step further along a direction."""
        return NetworkPoint(self.objective, self.theta + step * direction)
