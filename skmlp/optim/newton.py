r"""Newton's method with preconditioned conjugate gradients.

Each step minimizes the quadratic model

.. math:: J(\theta + v) \approx J + g^T v + \tfrac12 v^T H v

approximately: conjugate gradients need only products H v, and stop early while the model is not
yet worth more (Dembo, Eisenstat & Steihaug 1982). A line search then chooses how far to go.

References
----------
.. [1] Dembo, Eisenstat & Steihaug (1982). Inexact Newton methods. SIAM J. Numer. Anal. 19.
.. [2] Nocedal & Wright (2006). Numerical Optimization, 2nd ed., chapters 5 and 7.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np

from skmlp.optim.line_search import Array, Point, line_search, with_long_trials


class CurvedPoint(Point, Protocol):
    """A point that also knows its second derivative."""

    def hessian_product(self, v: Array) -> Array: ...

    @property
    def preconditioners(self) -> Sequence[Any]: ...

    def moved(self, direction: Array, image: Any, step: float) -> Self: ...


P = TypeVar("P", bound=Point)
C = TypeVar("C", bound=CurvedPoint)


@dataclass
class Minimum(Generic[P]):
    """Where a second-order solver stopped.

    Attributes
    ----------
    point : Point
        The best point.
    n_iter : int
        Steps taken.
    converged : bool
        Whether at most ``tol * value`` is left: by the bound on it if there is one and rounding
        errors let it become that small, else as predicted.
    bound : float or None
        What `gap` said last, if it was asked.
    image : object or None
        Image of a full Newton step from `previous`, if the last step was one.
    previous : Point or None
        The point before the last step; `point` itself if no step lowered the value any more.
    """

    point: P
    n_iter: int = 0
    converged: bool = False
    bound: float | None = None
    image: Any = None
    previous: P | None = None


# A step that promises less than this share of the value may fail to lower it by rounding alone.
ROUNDING = 1e-7
EPSILON = float(np.finfo(float).eps)
TINY = np.finfo(float).tiny
# Largest residual, as a share of the gradient, and the share of the value to gain below which it
# must be smaller; the share of the goal that a residual may be worth.
SHARE, CLOSE, WORTHLESS = 0.25, 4e-4, 0.01
# Share of the value to gain below which a bound on the rest may be tight.
SOON = 5e-4
Listener = Callable[[Any], bool]
Inverse = Callable[[Array], Array]
Solver = Callable[..., "Solution"]


def newton(
    point: C,
    *,
    tol: float,
    max_iter: int,
    residual_target: Callable[[C], float] = lambda point: np.inf,
    gap: Callable[[Minimum[C]], float] | None = None,
    max_cg: int = 200,
    on_step: Listener = lambda point: False,
    solve: Solver | None = None,
) -> Minimum[C]:
    r"""Minimize a smooth convex objective.

    The predicted decrease of a full step is half the squared Newton decrement,
    :math:`\tfrac12 g^T H^{-1} g`: an estimate of what is left to gain that does not depend on how
    the features are scaled.

    Parameters
    ----------
    point : CurvedPoint
        Where to start.
    tol : float
        Stop once a step was predicted to lower the value by less than ``tol * |value|``.
    max_iter : int
        Largest number of steps.
    residual_target : callable, default=infinity
        Given the point, the Euclidean norm to which the last system is solved as well. It lets the
        caller prove how close the end is.
    gap : callable, default=None
        Returns an upper bound on what is left to gain. While it is above ``tol * |value|``, up to
        three more steps are made.
    max_cg : int, default=200
        Largest number of conjugate gradient steps within one Newton step.
    on_step : callable, default=never stop
        Called with the new point after every step; a true answer stops.
    solve : callable, default=None
        What solves the systems; None means `conjugate_gradients`.

    Returns
    -------
    minimum : Minimum
        The end. It may be interrupted at any time by an exception from `on_step`.

    Notes
    -----
    A conjugate gradient step costs one product with the Hessian, a Newton step also one gradient
    and one preconditioner.
    """
    minimum = Minimum(point)
    solve = conjugate_gradients if solve is None else solve
    inverse = LazyInverse(point.preconditioners)
    n_extra = 0
    with with_long_trials():
        while minimum.n_iter < max_iter and not minimum.converged:
            point = minimum.point
            minimum.previous = minimum.image = None
            goal = tol * max(abs(point.value), TINY)
            # Before the last step or two no bound is tight: it is not worth asking for.
            near = goal if gap is None else min(goal, SOON * abs(point.value))
            solution = solve(point, inverse.at(point), near, residual_target(point), max_cg)
            inverse.n_products = solution.n_products if solution.solved else np.inf
            minimum.converged = solution.solved and solution.decrement <= 2 * near
            if not solution.decrement > 0:
                break
            trial, minimum.image = take_step(point, solution)
            minimum.previous = point
            if trial is None:
                # A system of a gradient that is rounding error alone need not be solved.
                at_rest = solution.solved or bool(solution.size <= EPSILON * abs(point.value))
                rounding = max(ROUNDING * abs(point.value), 2 * near)
                minimum.converged = at_rest and solution.decrement <= rounding
                break
            minimum.n_iter += 1
            minimum.point, minimum.bound = trial, None
            if minimum.converged and gap is not None:
                minimum.bound = gap(minimum)
                n_extra += 1
                minimum.converged = minimum.bound <= goal or n_extra > 3
            if on_step(trial):
                break
    return minimum


def take_step(point: C, solution: "Solution") -> tuple[C | None, Any]:
    """Return the point that a line search finds, and the image of the step unless it was cut short.

    Where it finds none although much was promised, the curvature is rounding error: the search
    then goes down the slope for once.
    """
    direction = solution.direction
    image = point.image(direction)
    trial, step = line_search(point, direction, image, -solution.decrement)
    if trial is not None:
        return trial, image if step == 1 else None
    if not solution.solved or solution.decrement > ROUNDING * abs(point.value):
        direction = -point.gradient
        slope = -float(direction @ direction)
        trial, _ = line_search(point, direction, point.image(direction), slope)
    return trial, image if trial is None else None


@dataclass
class Solution:
    """An approximate solution of H v = -g.

    Attributes
    ----------
    direction : ndarray of shape (n_params,)
        v.
    decrement : float
        ``-g^T v``, at the exact solution the squared Newton decrement.
    size : float
        Squared norm of g in the metric of the preconditioner.
    n_products : int
        Products with the Hessian.
    solved : bool
        Whether the residual became as small as it was to be. It does not where rounding errors
        hide the curvature.
    """

    direction: Array
    decrement: float
    size: float
    n_products: int
    solved: bool


class LazyInverse:
    """A preconditioner that is built anew only where that pays.

    An old one serves as long as conjugate gradients need no more products with it than a new one
    costs; when they need more, the closest one that is cheaper than those products takes over.
    """

    def __init__(self, ladder: Sequence[Any]) -> None:
        self.ladder = ladder
        self.rung = 0
        self.n_products = np.inf
        self.inverse: Inverse | None = None

    def at(self, point: CurvedPoint) -> Inverse:
        """Return an approximate inverse of the Hessian at the point."""
        if self.inverse is None:
            self.inverse = self.ladder[0].build(point)
        else:
            for rung in range(len(self.ladder) - 1, self.rung - 1, -1):
                if self.n_products > self.ladder[rung].cost:
                    # The old matrix makes room for the new one.
                    self.inverse = None
                    self.rung, self.inverse = rung, self.ladder[rung].build(point)
                    break
        return self.inverse


def conjugate_gradients(
    point: CurvedPoint,
    precondition: Inverse,
    goal: float,
    residual_target: float,
    max_cg: int,
) -> Solution:
    """Solve for the Newton direction, as exactly as it is worth.

    The residual, in the metric of the preconditioner, falls to a quarter of the gradient: if it
    fell further, the next gradient would hardly be smaller, since the curvature changes on the way.
    Close to the minimum it falls to a share that is the fourth root of what is left to gain, which
    makes the whole method converge superlinearly. If the step turns out to be the last one, the
    residual falls to where it is worth a hundredth of the `goal`, and to `residual_target`.
    """
    gradient = point.gradient
    direction, residual = np.zeros_like(gradient), -gradient
    z = precondition(residual)
    rho = size = float(residual @ z)
    if not size > 0:
        # Rounding has made the approximate inverse indefinite: do without.
        precondition, z = np.copy, residual.copy()
        rho = size = float(residual @ residual)
    share = SHARE * min(1.0, (size / (CLOSE * max(abs(point.value), TINY))) ** 0.25)
    v, decrement, n_products, solved = z, 0.0, 0, not size
    while n_products < max_cg and rho > 0:
        n_products += 1
        Hv = point.hessian_product(v)
        curvature = float(v @ Hv)
        if not TINY < curvature < np.inf:
            break
        direction += rho / curvature * v
        residual -= rho / curvature * Hv
        decrement = -float(gradient @ direction)
        z = precondition(residual)
        rho, last_rho = float(residual @ z), rho
        is_last = decrement <= 2 * goal
        enough = WORTHLESS * goal if is_last else max(share**2 * size, WORTHLESS * goal)
        solved = bool(0 <= rho <= enough)
        if solved and not (is_last and np.linalg.norm(residual) > residual_target):
            break
        v = z + (rho / last_rho) * v
    if not 0 < decrement < np.inf:
        # No curvature to be seen: go down the slope, and let the line search say how far.
        direction, decrement = -gradient, float(gradient @ gradient)
    return Solution(direction, decrement, size, n_products, solved)
