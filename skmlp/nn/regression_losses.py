r"""Losses of regression, each with its derivative beside it.

What an error costs decides which number the model learns to predict: the squared loss asks for the
mean of y given x, the absolute loss for the median, the quantile loss for a quantile. The Huber and
log-cosh losses stand between mean and median, so a few wild targets cannot pull them far. The
Poisson loss asks for the mean of counts, through its logarithm.

Every loss is summed over the outputs of a row, and takes ``y`` of shape (n_samples,) or
(n_samples, n_outputs). Its cost is O(n_samples n_outputs), that of the starting point
`Loss.best_constant` O(n_samples log(n_samples) n_outputs) where that is a median or a quantile.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import xlogy

from skmlp._spec import check_real, resolve
from skmlp.nn.losses import Array, Loss, targets_like, weighted_mean


@dataclass
class _ErrorLoss(Loss):
    """Base of the losses that are functions of the error F - y: scores are predictions."""

    link: ClassVar[str] = "identity"

    def inverse_link(self, F: Array) -> Array:
        return F


@dataclass
class SquaredLoss(_ErrorLoss):
    r"""Squared distance between scores and targets, summed over outputs, without one half.

    .. math::
        \ell(F, y) = \lVert F - y \rVert^2, \qquad
        \frac{\partial \ell}{\partial F} = 2 (F - y), \qquad
        \frac{\partial^2 \ell}{\partial F^2} = 2

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.nn.regression_losses import SquaredLoss
    >>> SquaredLoss().evaluate(np.array([[1.0, 5.0]]), np.array([[4.0, 1.0]]))
    (array([25.]), array([[-6.,  8.]]))
    """

    def evaluate(self, F: Array, y: Array) -> tuple[Array, Array]:
        R = F - targets_like(y, F)
        losses = np.einsum("ij,ij->i", R, R)
        R *= 2
        return losses, R

    def prediction(self, residual: Array, y: Array) -> Array:
        return np.asarray(residual / 2 + targets_like(y, residual))

    def curvature(self, P: Array) -> Array:
        return np.full_like(P, 2)

    def best_constant(self, y: Array, weight: Array, n_outputs: int) -> Array:
        """Return the weighted mean of the targets."""
        return weighted_mean(y, weight, n_outputs)


@dataclass
class AbsoluteLoss(_ErrorLoss):
    r"""Absolute error, summed over outputs: the best constant is the median.

    .. math::
        \ell(F, y) = \sum_j |F_j - y_j|, \qquad
        \frac{\partial \ell}{\partial F} = \operatorname{sign}(F - y)

    The derivative has the same size for all errors, so outliers count no more than other rows. It
    jumps at zero, where 0 is taken: a learning rate that decays helps the last steps.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.nn.regression_losses import AbsoluteLoss
    >>> AbsoluteLoss().evaluate(np.array([[1.0, 5.0]]), np.array([[4.0, 1.0]]))
    (array([7.]), array([[-1.,  1.]]))
    """

    def evaluate(self, F: Array, y: Array) -> tuple[Array, Array]:
        R = F - targets_like(y, F)
        losses = np.abs(R).sum(axis=1)
        return losses, np.sign(R, out=R)

    def best_constant(self, y: Array, weight: Array, n_outputs: int) -> Array:
        """Return the weighted median of the targets."""
        return _weighted_quantile(y, weight, n_outputs, 0.5)


@dataclass
class HuberLoss(_ErrorLoss):
    r"""Half the squared error up to delta, linear beyond, summed over outputs.

    .. math::
        \ell(F, y) = \sum_j h(F_j - y_j), \qquad
        h(r) = \begin{cases}
            r^2 / 2 & |r| \le \delta \\
            \delta (|r| - \delta / 2) & |r| > \delta
        \end{cases}, \qquad
        h'(r) = \min(\max(r, -\delta), \delta)

    The derivative is the error, clipped: small errors are averaged and large ones only counted.

    Parameters
    ----------
    delta : float, default=1.0
        The error beyond which a target counts as an outlier, in units of y; positive.

    Notes
    -----
    This is the customary form. The one half, which `SquaredLoss` does without, makes delta
    the largest derivative: for a large delta the loss is half the squared loss, and for a small one
    it is delta times the absolute loss.

    References
    ----------
    Huber, P. J. (1964). Robust estimation of a location parameter. Annals of Mathematical
    Statistics, 35(1), 73-101.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.nn.regression_losses import HuberLoss
    >>> F, y = np.array([[0.5], [4.0]]), np.zeros(2)
    >>> HuberLoss(delta=1.0).evaluate(F, y)
    (array([0.125, 3.5  ]), array([[0.5],
           [1. ]]))
    """

    delta: float = 1.0

    def validate(self) -> None:
        """Check the parameters."""
        check_real("delta", self.delta, "(0, inf)")

    def evaluate(self, F: Array, y: Array) -> tuple[Array, Array]:
        R = F - targets_like(y, F)
        delta = float(self.delta)
        clipped = np.clip(R, -delta, delta)
        # c (r - c / 2) is both branches: c is the error itself, or delta with its sign.
        R -= clipped / 2
        return np.einsum("ij,ij->i", clipped, R), clipped

    def best_constant(self, y: Array, weight: Array, n_outputs: int) -> Array:
        """Return the weighted median of the targets: a robust start, not quite the minimum.

        Its mean loss is above the least by no more than delta^2 / 2 for each output.
        """
        return _weighted_quantile(y, weight, n_outputs, 0.5)


@dataclass
class LogCoshLoss(_ErrorLoss):
    r"""Logarithm of the hyperbolic cosine of the error, summed over outputs.

    .. math::
        \ell(F, y) = \sum_j \ln \cosh (F_j - y_j), \qquad
        \frac{\partial \ell}{\partial F} = \tanh(F - y)

    A Huber loss without a corner: half the squared error near zero, and the absolute error less
    :math:`\ln 2` far away.

    Notes
    -----
    :math:`\ln\cosh r = \operatorname{log1p}(2 \sinh^2(r / 2))` keeps all its digits near zero.
    Beyond 20 the slope is 1 to within rounding, and the loss is continued as a line.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.nn.regression_losses import LogCoshLoss
    >>> F, y = np.array([[1e-3], [1e4]]), np.zeros(2)
    >>> losses, residual = LogCoshLoss().evaluate(F, y)
    >>> losses.round(12)
    array([5.00000000e-07, 9.99930685e+03])
    """

    def evaluate(self, F: Array, y: Array) -> tuple[Array, Array]:
        R = F - targets_like(y, F)
        size = np.abs(R)
        bent = np.minimum(size, 20.0)
        size -= bent
        bent /= 2
        np.sinh(bent, out=bent)
        bent *= bent
        bent *= 2
        size += np.log1p(bent, out=bent)
        return size.sum(axis=1), np.tanh(R, out=R)

    def best_constant(self, y: Array, weight: Array, n_outputs: int) -> Array:
        """Return the weighted median of the targets: a robust start, not quite the minimum.

        Its mean loss is above the least by no more than ln 2 for each output.
        """
        return _weighted_quantile(y, weight, n_outputs, 0.5)


@dataclass
class QuantileLoss(_ErrorLoss):
    r"""Pinball loss, summed over outputs: the best constant is a quantile.

    .. math::
        \ell(F, y) = \sum_j \max\bigl(q (y_j - F_j), (1 - q) (F_j - y_j)\bigr), \qquad
        \frac{\partial \ell}{\partial F_j} = [F_j > y_j] - q

    To fall short costs q for each unit, to overshoot 1 - q, so the minimum has a share q of the
    targets below it. Two networks, for q = 0.05 and q = 0.95, give a 90 % interval.

    Parameters
    ----------
    quantile : float, default=0.5
        The quantile q to predict, in (0, 1). 0.5 is half the absolute loss.

    Notes
    -----
    The derivative jumps where an error is zero; 0 is taken there.

    References
    ----------
    Koenker, R., and Bassett, G. (1978). Regression quantiles. Econometrica, 46(1), 33-50.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.nn.regression_losses import QuantileLoss
    >>> F, y = np.array([[1.0], [5.0]]), np.array([2.0, 4.0])
    >>> QuantileLoss(quantile=0.75).evaluate(F, y)
    (array([0.75, 0.25]), array([[-0.75],
           [ 0.25]]))
    """

    quantile: float = 0.5

    def validate(self) -> None:
        """Check the parameters."""
        check_real("quantile", self.quantile, "(0, 1)")

    def evaluate(self, F: Array, y: Array) -> tuple[Array, Array]:
        R = F - targets_like(y, F)
        q = float(self.quantile)
        # The step function is q at zero, which leaves the derivative 0 there.
        slope = np.heaviside(R, q)
        slope -= q
        return np.einsum("ij,ij->i", slope, R), slope

    def best_constant(self, y: Array, weight: Array, n_outputs: int) -> Array:
        """Return the weighted quantile of the targets."""
        return _weighted_quantile(y, weight, n_outputs, float(self.quantile))


@dataclass
class PoissonLoss(Loss):
    r"""Half the Poisson deviance of counts whose mean is the exponential of the score.

    .. math::
        \ell(F, y) = \sum_j y_j \ln \frac{y_j}{\mu_j} - y_j + \mu_j, \qquad
        \frac{\partial \ell}{\partial F} = \mu - y, \qquad \mu = e^F

    It is the negative log-likelihood of Poisson counts less that of a perfect fit, so it is 0 where
    :math:`\mu = y`. An error matters as much as it is large beside the square root of the mean,
    which is how far counts stray. ``y`` holds numbers >= 0, not only integers, and
    :math:`0 \ln 0 = 0`.

    Notes
    -----
    A mean too large for a float is infinite, without a warning, and so are loss and derivative.

    References
    ----------
    McCullagh, P., and Nelder, J. A. (1989). Generalized linear models (2nd ed.). Chapman and Hall.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.nn.regression_losses import PoissonLoss
    >>> F, y = np.log([[2.0], [3.0]]), np.array([2, 0])
    >>> PoissonLoss().evaluate(F, y)
    (array([0., 3.]), array([[0.],
           [3.]]))
    """

    link: ClassVar[str] = "exp"

    def evaluate(self, F: Array, y: Array) -> tuple[Array, Array]:
        T = targets_like(y, F)
        residual = self.inverse_link(F)
        residual -= T
        losses = xlogy(T, T) - T * F
        losses += residual
        return losses.sum(axis=1), residual

    def inverse_link(self, F: Array) -> Array:
        with np.errstate(over="ignore"):
            return np.asarray(np.exp(F))

    def check_targets(self, y: Array) -> None:
        if y.size and y.min() < 0:
            raise ValueError(f"y must be >= 0 for the Poisson loss, got {y.min()}.")

    def best_constant(self, y: Array, weight: Array, n_outputs: int) -> Array:
        """Return the logarithm of the weighted mean of the targets.

        An output whose targets are all zero, for which no score is low enough, gets the mean that
        half a count in all rows would have.
        """
        mean = weighted_mean(y, weight, n_outputs)
        return np.asarray(np.log(np.where(mean > 0, mean, 0.5 / np.count_nonzero(weight))))


REGRESSION_LOSSES: dict[str, Callable[[], Loss]] = {
    "squared_error": SquaredLoss,
    "absolute_error": AbsoluteLoss,
    "huber": HuberLoss,
    "log_cosh": LogCoshLoss,
    "quantile": QuantileLoss,
    "poisson": PoissonLoss,
}


def get_regression_loss(value: Loss | str, name: str = "loss") -> Loss:
    """Return the loss that a parameter of a regressor stands for.

    Parameters
    ----------
    value : Loss or str
        A loss, which is validated and returned, or the name of a default one: a key of
        ``REGRESSION_LOSSES``.
    name : str, default="loss"
        The parameter as the user wrote it, for the error message.

    Returns
    -------
    loss : Loss
        The loss.

    Raises
    ------
    TypeError
        If `value` is neither a loss nor a string.
    ValueError
        If it is a string but no valid name, or a loss with a bad parameter.

    Examples
    --------
    >>> from skmlp.nn.regression_losses import get_regression_loss
    >>> get_regression_loss("huber")
    HuberLoss(delta=1.0)
    """
    return resolve(name, value, REGRESSION_LOSSES, Loss)


def _weighted_quantile(y: Array, weight: Array, n_outputs: int, q: float) -> Array:
    """Return the q-quantile of each output in double precision, every row counted by its weight.

    Where all numbers between two targets serve alike, such as for the median of two, it is the one
    in the middle.
    """
    columns = y.reshape(len(weight), n_outputs).astype(np.float64).T
    quantiles = np.empty(n_outputs)
    for k, column in enumerate(columns):
        order = column.argsort()
        reached = weight[order].cumsum(dtype=np.float64)
        target = q * reached[-1]
        low, high = (order[reached.searchsorted(target, side)] for side in ("left", "right"))
        quantiles[k] = column[low] / 2 + column[high] / 2
    return quantiles
