"""Newton's method for many objectives of few parameters each."""

from typing import Any, Protocol

import numpy as np

from skmlp.optim.columns import Points, Proposal
from skmlp.optim.line_search import Array

# Longest step that is tried first.
LONGEST = 3.0
# What keeps a matrix of unit diagonal definite, in rounding errors, and how little it may be.
JITTER, LEAST_JITTER = 16, 1e-12


class CurvedPoints(Points, Protocol):
    """Points that know their second derivatives."""

    @property
    def hessians(self) -> Array: ...


class NewtonColumns:
    r"""Go to the minimum of the quadratic model of each column, :math:`v = -H^{-1} g`.

    The square of the Newton decrement, :math:`\lambda^2 = g^T H^{-1} g`, is twice what a full step
    is expected to gain. A logistic loss is less and less curved the lower it is: where the gain is
    not small beside the value J, a longer step is tried first, :math:`1 + \lambda^2 / J`. It tends
    to a full step as the minimum comes near, so the convergence is quadratic all the same.

    Notes
    -----
    A proposal costs O(n_columns n_params^3) beside the second derivatives.
    """

    exact, patience = True, 3

    def __init__(self) -> None:
        self.misled: Array | None = None

    def propose(self, points: CurvedPoints, goal: Array) -> Proposal:
        """Propose the Newton steps."""
        gradient = points.gradient
        jitter = max(JITTER * float(np.finfo(points.dtype).eps), LEAST_JITTER)
        direction = newton_directions(points.hessians, gradient, jitter)
        promise = -np.einsum("ij,ij->i", gradient, direction)
        step = np.minimum(1 + promise / abs(points.value), LONGEST)
        step[promise <= 2 * goal] = 1
        # Where rounding errors hide the curvature, go down the slope.
        bad = ~((promise > 0) & (promise < np.inf))
        if self.misled is not None:
            bad |= self.misled
        if bad.any():
            direction[bad] = -gradient[bad]
            promise[bad] = np.einsum("ij,ij->i", gradient[bad], gradient[bad])
            step[bad] = 1
        self.misled = None
        return Proposal(direction, promise, step)

    def nearly(self, proposal: Proposal, ray: Any, goal: Array) -> Array:
        """Return where the step was expected to gain no more than the goal."""
        return proposal.promise <= 2 * goal

    def forget(self, columns: Array) -> None:
        """Go down the slope next time."""
        self.misled = columns

    def take(self, columns: Array) -> None:
        """Go on with some of the columns."""
        if self.misled is not None:
            self.misled = self.misled[columns]


@np.errstate(over="ignore", invalid="ignore")
def newton_directions(H: Array, gradient: Array, jitter: float) -> Array:
    """Solve H v = -g for each column, after scaling H, which is changed, to unit diagonal."""
    diagonal = np.einsum("ljj->lj", H)
    scale = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1))
    H *= scale[:, :, None]
    H *= scale[:, None, :]
    diagonal[...] = 1 + jitter
    v = np.linalg.solve(H, (-scale * gradient)[:, :, None])
    return np.asarray(scale * v[:, :, 0])
