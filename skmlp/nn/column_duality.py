r"""Certificates of optimality for the columns of a code matrix.

The bound of `skmlp.nn.duality`, for each column of a `ColumnObjective`. A dual point gives every
row a probability r of the wrong side; if there is an intercept, the rows on both sides must have
the same sum of these, :math:`\sum_i w_{il} M_{y_i l} \, r_{il} = 0`. Any such r shows that

.. math::
    J_l(\theta_l) - J_l^* \le \sum_i w_{il} \frac{(r_{il} - q_{il})^2}{q_{il} (1 - q_{il})}
    + \frac{1}{4 \alpha}
    \Bigl\lVert 2 \alpha W_l - \sum_i w_{il} M_{y_i l} \, r_{il} x_i \Bigr\rVert^2 .

The first term stands for the Kullback-Leibler divergence of q from r: it is never less, about twice
as much where both are close, and needs no logarithm.

The tilt :math:`r - \delta M_{y_i l} \, r (1 - r)` with :math:`|\delta| < 1` gives both sides the
same sum and keeps r between 0 and 1. There are two good r to tilt:

- r = q. With :math:`c_l = \sum_i w_{il} \, q_{il} (1 - q_{il}) \, x_i`, what the intercept shares
  of the second derivative, the bound is :math:`\delta^2 c_b + \lVert \nabla_W J_l + \delta c_W
  \rVert^2 / 4 \alpha`, and :math:`\delta = -\nabla_b J_l / c_b`.
- :math:`r = q + q (1 - q) v`, after a full Newton step that has changed u by v, with the q before
  the step. It makes the last term as small as the residual of the Newton system.

References
----------
.. [1] Gibbs & Su (2002). On choosing and bounding probability metrics. International Statistical
       Review 70. (The divergence and its bound.)
"""

import numpy as np

from skmlp.nn.columns import Cells, ColumnPoint, ColumnRay
from skmlp.nn.losses import Array


# Where q is 0 or 1 to the last digit, a bound may be infinite or undefined: then J stands for it.
@np.errstate(over="ignore", divide="ignore", invalid="ignore")
def suboptimality_bounds(
    point: ColumnPoint, ray: ColumnRay | None = None, full: Array | None = None
) -> Array:
    """Return an upper bound on J(theta) minus the smallest J, for each column.

    Parameters
    ----------
    point : ColumnPoint
        Where.
    ray : ColumnRay, default=None
        The way that led there.
    full : ndarray of bool of shape (n_problems,), default=None
        In which columns that was a full Newton step: the bound is tighter there.

    Returns
    -------
    bound : ndarray of shape (n_problems,)
        Not negative, and never more than J itself, which is what it is if alpha is 0.

    Notes
    -----
    Costs one product with the rows, or two. Below the rounding error of the objective it means
    nothing.
    """
    if not point.objective.alpha > 0:
        return np.asarray(point.value)
    if ray is None or full is None:
        bound = bounds_at_rest(point)
    elif full.all():
        bound = bounds_after_step(point, ray)
    else:
        bound = np.where(full, bounds_after_step(point, ray), bounds_at_rest(point))
    return np.asarray(np.where(bound < point.value, bound, point.value))


def bounds_at_rest(point: ColumnPoint) -> Array:
    """Return the bounds that q gives; NaN where it cannot be tilted enough."""
    objective, gradient = point.objective, point.gradient
    n_weights, four_alpha = objective.n_weights, 4 * objective.alpha
    dW = gradient[:, :n_weights]
    divergence: Array | float = 0.0
    if objective.n_params > n_weights:
        c = np.zeros_like(gradient)
        for block, q in zip(objective.blocks, point.q.blocks, strict=True):
            variance, _ = objective.scratch(q.shape)
            np.subtract(q, np.multiply(q, q, out=variance), out=variance)
            variance *= block.sign
            c[block.columns] += block.pull_back(variance)
        tilt = -gradient[:, -1] / c[:, -1]
        tilt[abs(tilt) >= 1] = np.nan
        divergence = tilt**2 * c[:, -1]
        dW = dW + tilt[:, None] * c[:, :n_weights]
    return np.asarray(divergence + np.einsum("ij,ij->i", dW, dW) / four_alpha)


def bounds_after_step(point: ColumnPoint, ray: ColumnRay) -> Array:
    """Return the bounds that a full Newton step gives; NaN where its r are no probabilities."""
    objective = point.objective
    r, tilt = dual_point(ray)
    if objective.n_params > objective.n_weights:
        tilt += tilt_to_balance(point, r)
    divergence = np.zeros(len(tilt))
    for block, q, part in zip(objective.blocks, point.q.blocks, r.blocks, strict=True):
        change, variance = objective.scratch(q.shape)
        np.subtract(part, np.multiply(part, part, out=change), out=change)
        change *= tilt[block.columns].astype(q.dtype)[:, None] * block.sign
        part += change
        np.square(np.subtract(part, q, out=change), out=change)
        np.subtract(q, np.multiply(q, q, out=variance), out=variance)
        np.divide(change, variance, out=change, where=change > 0)
        divergence[block.columns] += block.total(change)
    dW = objective.pull_back(r, point.theta)[:, : objective.n_weights]
    objective.release(r)
    return np.asarray(divergence + np.einsum("ij,ij->i", dW, dW) / (4 * objective.alpha))


def dual_point(ray: ColumnRay) -> tuple[Cells, Array]:
    """Return r before the tilt, and 0 for each column, or NaN where r is no probability."""
    objective = ray.start.objective
    r, check = objective.cells(), np.zeros(objective.n_problems)
    for block, q, image, part in zip(
        objective.blocks, ray.start.q.blocks, ray.image.blocks, r.blocks, strict=True
    ):
        np.subtract(q, np.multiply(q, q, out=part), out=part)
        part *= image
        part += q
        inside = (part.min(axis=1) >= 0) & (part.max(axis=1) <= 1)
        check[block.columns[~inside]] = np.nan
    return r, check


def tilt_to_balance(point: ColumnPoint, r: Cells) -> Array:
    """Return the delta of each column that gives r the same sum on both sides, or NaN."""
    objective = point.objective
    excess, variance = np.zeros((2, len(point.value)))
    for block, part in zip(objective.blocks, r.blocks, strict=True):
        product, _ = objective.scratch(part.shape)
        excess[block.columns] += block.total(np.multiply(part, block.sign, out=product))
        np.subtract(part, np.multiply(part, part, out=product), out=product)
        variance[block.columns] += block.total(product)
    tilt = -excess / variance
    tilt[abs(tilt) >= 1] = np.nan
    return np.asarray(tilt)
