r"""L-BFGS: curvature from the last few steps, memory for a few vectors.

The direction is :math:`-B g`, where B is a matrix that satisfies :math:`B (g_{t+1} - g_t) =
\theta_{t+1} - \theta_t` for the last m steps, built by updating a first guess. Here that guess is
the caller's preconditioner, so that features of very different scale do no harm.

References
----------
.. [1] Liu & Nocedal (1989). On the limited memory BFGS method for large scale optimization.
       Mathematical Programming 45.
.. [2] Nocedal & Wright (2006). Numerical Optimization, 2nd ed., algorithm 7.4.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from skmlp.optim.line_search import CLOSE, Array, line_search, with_long_trials
from skmlp.optim.newton import ROUNDING, Inverse, Listener, Minimum, P

Step = tuple[Array, Array, float]
# Steps whose gain is compared with the tolerance. A single one may be short by chance.
WINDOW = 10


@dataclass
class Past:
    """What L-BFGS remembers. Picklable: a minimization goes on where it stopped.

    Attributes
    ----------
    steps : deque of tuple
        The last steps s, changes of gradient y, and 1 / (s @ y).
    values : deque of float
        The last values of the objective.
    dtype : dtype
        In which s and y are kept.
    """

    steps: deque[Step]
    values: deque[float]
    dtype: Any = np.float64

    @classmethod
    def empty(cls, memory: int = 10, dtype: Any = np.float64) -> "Past":
        """Return the memory before the first step, with room for some steps."""
        return cls(deque(maxlen=memory), deque(maxlen=WINDOW + 1), dtype)


def lbfgs(
    point: P,
    *,
    tol: float,
    max_iter: int,
    preconditioner: Callable[[P], Inverse] = lambda point: np.copy,
    unit: float | None = None,
    past: Past | None = None,
    accepted: tuple[float, float] = CLOSE,
    on_step: Listener = lambda point: False,
) -> Minimum[P]:
    r"""Minimize a smooth function.

    Parameters
    ----------
    point : Point
        Where to start.
    tol : float
        Stop once the last ten steps together have gained less than ``tol * unit``, and the last
        one had promised no more: :math:`\tfrac12 g^T B g`. A thousandth of that from one step is
        the end at once.
    max_iter : int
        Largest number of steps.
    preconditioner : callable, default=identity
        Given a point, returns an approximate inverse of the Hessian there as a function of a
        vector. Built anew before the steps 0, 1, 2, 4, 8 and so on.
    unit : float, default=None
        What `tol` is a share of; None means the size of the objective.
    past : Past, default=None
        What is remembered of steps before, changed in place; None means ten steps at most, and none
        so far.
    accepted : tuple of float, default=CLOSE
        See `line_search`. On a function that is not convex, or whose value costs as much as its
        gradient, LOOSE takes fewer evaluations.
    on_step : callable, default=never stop
        Called with the new point after every step; a true answer stops.

    Returns
    -------
    minimum : Minimum
        The end.

    Notes
    -----
    A step costs one gradient, O(memory n_params) for the direction, and one evaluation of the
    objective for each trial of the line search.
    """
    minimum = Minimum(point)
    past = Past.empty() if past is None else past
    steps, values = past.steps, past.values
    if not values:
        values.append(point.value)
    with with_long_trials():
        while minimum.n_iter < max_iter and not minimum.converged:
            point = minimum.point
            if minimum.n_iter & (minimum.n_iter - 1) == 0:
                precondition = preconditioner(point)
            direction = two_loop(point.gradient, steps, precondition)
            np.negative(direction, out=direction)
            slope = float(point.gradient @ direction)
            trial = None
            if slope < 0:
                trial, _ = line_search(point, direction, point.image(direction), slope, accepted)
            del direction
            if trial is None and steps:
                # What is remembered misleads: forget it, and go down the slope.
                steps.clear()
                continue
            if trial is None:
                minimum.converged = -slope <= ROUNDING * abs(point.value)
                break
            minimum.n_iter += 1
            minimum.point = trial
            y = difference(trial.gradient, point.gradient, past.dtype)
            remember(steps, difference(trial.theta, point.theta, past.dtype), y)
            del y
            values.append(trial.value)
            goal = tol * (abs(trial.value) if unit is None else unit)
            gain = max(point.value - trial.value, -slope / 2)
            left = max(values[0] - trial.value, -slope / 2)
            minimum.converged = gain <= 1e-3 * goal or (len(values) > WINDOW and left <= goal)
            if on_step(trial):
                break
    return minimum


def difference(a: Array, b: Array, dtype: Any) -> Array:
    """Return a - b, rounded to a dtype on the way to memory."""
    return np.subtract(a, b, out=np.empty(a.shape, dtype), casting="same_kind")


def remember(steps: deque[Step], s: Array, y: Array) -> None:
    """Keep a step s and the change of gradient y if they show positive curvature."""
    curvature = float(s @ y)
    size = float(y @ y) ** 0.5 * float(s @ s) ** 0.5
    if size > 0 and curvature > max(np.finfo(float).eps * size, np.finfo(float).tiny):
        steps.append((s, y, 1 / curvature))


def two_loop(gradient: Array, steps: deque[Step], precondition: Callable[[Array], Array]) -> Array:
    """Return B g by the two-loop recursion, in the arithmetic of the steps."""
    dtype = steps[-1][0].dtype if steps else gradient.dtype
    # One vector on its way from g to B g, and room for a product.
    z = gradient.astype(dtype)
    product = np.empty_like(z)
    shares = []
    for s, y, r in reversed(steps):
        shares.append(r * float(s @ z))
        z -= np.multiply(y, shares[-1], out=product)
    z = precondition(z).astype(dtype, copy=False)
    if steps:
        s, y, r = steps[-1]
        z *= 1 / (r * float(y @ precondition(y).astype(dtype, copy=False)))
    for (s, y, r), share in zip(steps, reversed(shares), strict=True):
        z += np.multiply(s, share - r * float(y @ z), out=product)
    del product
    return z.astype(gradient.dtype, copy=False)
