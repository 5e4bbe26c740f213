r"""A certificate of optimality: how far, at most, a linear model is from its optimum.

The objective J of `LinearObjective` with a cross-entropy has the dual

.. math::
    \max_R \; -\sum_i w_i \sum_k R_{ik} \ln R_{ik} - \frac{1}{4 \alpha}
    \bigl\lVert X^T \operatorname{diag}(w) (R - Y) \bigr\rVert^2

over probabilities R (rows of the simplex) that, where there is an intercept, give every class its
true share: :math:`\sum_i w_i (R_i - Y_i) = 0`. Any such R is below the optimum, hence

.. math::
    J(W, b) - J^* \le \sum_i w_i \, \mathrm{KL}(R_i \,\Vert\, P_i)
    + \frac{1}{4 \alpha} \bigl\lVert X^T \operatorname{diag}(w) (R - Y) + 2 \alpha W \bigr\rVert^2 .

With R = P and no intercept the right side is :math:`\lVert \nabla J \rVert^2 / 4 \alpha`, which is
what strong convexity gives. The intercept is not penalized, so J is not strongly convex in it: R
must be moved to give each class its share first. A better R comes for free after a full Newton
step v from a point with probabilities p: :math:`R_i = p_i + \ell''(F_i) (\tilde x_i v)` makes the
last term as small as the residual of the Newton system, however ill-scaled the features are. An
improbable class may get less than nothing that way; it gets nothing, and the others a little less.

References
----------
.. [1] Boyd & Vandenberghe (2004). Convex Optimization, section 5.5.1.
"""

from typing import Any

import numpy as np
from scipy.special import kl_div, xlogy

from skmlp.nn.linear import LinearPoint
from skmlp.nn.losses import Array, log_softmax

# An excess of a class below this is put down to rounding.
ROUNDING = 1e-12
# From here on the probability of the true class has some digits.
SURE = 1e-6


def suboptimality_bound(
    point: LinearPoint, previous: LinearPoint | None = None, image: Array | None = None
) -> float:
    """Return an upper bound on J(theta) minus the smallest J.

    Parameters
    ----------
    point : LinearPoint
        A point of a cross-entropy objective.
    previous, image : LinearPoint and ndarray of shape (n_samples, n_outputs), default=None
        If a full Newton step led here: the point before it and the image of the step. They give a
        tighter bound.

    Returns
    -------
    bound : float
        Not negative, and never more than J itself, which is what it is if alpha is 0.

    Notes
    -----
    Costs one product with X^T, or nothing where it is that of the gradient. The bound is computed
    in the arithmetic of the data: below its rounding error times the objective it means nothing.
    """
    # No loss is negative: that alone is a bound, and all there is without a penalty.
    if not point.objective.alpha > 0:
        return point.value
    R = point.probabilities
    if previous is not None and image is not None:
        R = image.copy()
        previous.center(R)
        R *= previous.curvature[0]
        R += previous.probabilities
    elif not point.objective.fit_intercept:
        return gradient_bound(point)
    bound = duality_gap(point, R)
    return bound if bound < point.value else point.value


def gradient_bound(point: Any) -> float:
    """Return the bound that strong convexity gives where no intercept is, or that of J itself."""
    gradient, value = point.gradient, float(point.value)
    bound = float(gradient @ gradient) / (4 * point.objective.alpha)
    return bound if bound < value else value


def duality_gap(point: LinearPoint, R: Array) -> float:
    """Return the bound that R gives, once moved to give each class its share.

    Its rows must sum to one; what is outside [0, 1] is cut off.
    """
    objective = point.objective
    Y = by_class(np.rint(point.probabilities - point.residual))
    R = by_class(R.clip(0, 1))
    R /= R.sum(axis=1, keepdims=True)
    if objective.fit_intercept:
        R = with_true_shares(R, Y, objective.weight)
    dF = (R - Y)[:, -objective.n_outputs :] * point.row_weight
    grad = objective.pull_back(dF)
    objective.add_penalty(grad, point.theta)
    dW = grad[: objective.n_weights]
    divergence = max(
        float(objective.weight @ kl_rows(R, by_class(point.probabilities), Y, point.F)), 0.0
    )
    return divergence + float(dW @ dW) / (4 * objective.alpha)


def by_class(P: Array) -> Array:
    """Return probabilities with one column a class, also where one column says it all."""
    return np.hstack([1 - P, P]) if P.shape[1] == 1 else P


def with_true_shares(R: Array, Y: Array, weight: Array) -> Array:
    r"""Move R as little as it takes to give each class the share that it has in Y.

    Tilting the rows, :math:`R_{ik} \leftarrow R_{ik} (1 + \delta_k - R_i \cdot \delta)`, changes
    the bound by the square of the small :math:`\delta`. What is left, or all if a tilt would make
    an entry negative, is taken out by mixing with one row q: it exists as soon as its part t is
    large enough for all its entries to be probabilities.
    """
    shares = weight @ Y
    excess = weight @ (R - Y)
    if abs(excess).max() > ROUNDING:
        R = tilted(R, excess, weight)
        excess = weight @ (R - Y)
    rare = shares <= 0
    if (excess[rare] > 0).any():
        return np.broadcast_to(shares, R.shape)
    need = max((excess[~rare] / shares[~rare]).max(), 0.0)
    t = need / (1 + need)
    return np.asarray((1 - t) * R + (t * shares - (1 - t) * excess)).clip(0, 1)


def tilted(R: Array, excess: Array, weight: Array) -> Array:
    """Return the rows of R, tilted so that the classes lose their excess; R if that cannot be."""
    wR = R * weight[:, None]
    mass = wR.sum(axis=0)
    covariance = np.diag(mass) - wR.T @ R
    # Equal tilts of all classes do nothing, and neither does that of a class without mass; this
    # takes them out of the null space.
    covariance += np.trace(covariance) / len(excess)
    covariance += np.diag(mass <= ROUNDING)
    with np.errstate(over="ignore", invalid="ignore"):
        tilt = -np.linalg.pinv(covariance, rcond=1e-13, hermitian=True) @ excess
        result: Array = R * (1 + tilt - (R @ tilt)[:, None])
    return result if abs(tilt).max() < 1 and result.min() >= 0 else R


def kl_rows(R: Array, P: Array, Y: Array, F: Array) -> Array:
    """Return KL(R_i || P_i) of each row, from its scores F where P is not accurate enough.

    A probability may underflow, and that of the true class is 1 plus its residual.
    """
    rows = np.asarray(kl_div(R, P).sum(axis=1))
    least = np.where(Y > 0, SURE, np.finfo(P.dtype).tiny)
    bad = np.flatnonzero(((R > 0) & (least > P)).any(axis=1))
    if bad.size:
        F = F[bad] if F.shape[1] > 1 else np.hstack([np.zeros_like(F[bad]), F[bad]])
        rows[bad] = (xlogy(R[bad], R[bad]) - R[bad] * log_softmax(F)).sum(axis=1)
    return rows
