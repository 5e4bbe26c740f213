"""Minimize many objectives at once: one direction, one step and one end for each.

The objectives share what their derivatives are made of, so that one evaluation of all of them costs
far less than one of each. Hence all columns, as they are called here, make their steps together;
those that are done leave.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np

from skmlp.optim.column_search import search_columns
from skmlp.optim.line_search import Array
from skmlp.optim.newton import ROUNDING, SOON

Gap = Callable[..., Array]

# The smallest size of a value that a tolerance is relative to: a mean loss below it belongs to
# probabilities that are 1 to the last digit.
SMALLEST = float(np.finfo(np.float64).eps)

# Columns that are done leave once they are this share of all: to leave costs as much as to stay.
LEAVE = 0.2


class Points(Protocol):
    """A point of each column, as the solvers see it."""

    theta: Array
    value: Array

    @property
    def dtype(self) -> np.dtype[Any]: ...

    @property
    def gradient(self) -> Array: ...

    def ray(self, direction: Array) -> Any: ...

    def take(self, columns: Array) -> Self: ...


@dataclass
class Proposal:
    """Where to go from a point of each column.

    Attributes
    ----------
    direction : ndarray of shape (n_columns, n_params)
        Directions of descent.
    promise : ndarray of shape (n_columns,)
        How fast the objectives fall along them at first, ``-gradient @ direction``.
    step : ndarray of shape (n_columns,)
        Lengths to try first.
    """

    direction: Array
    promise: Array
    step: Array


class Method(Protocol):
    """What proposes the directions. It may remember something of each column.

    Attributes
    ----------
    exact : bool
        Whether a step of length 1 solves a Newton system.
    patience : int
        How many more steps a column makes that seems to be at its minimum, but gets no certificate.
    """

    exact: bool
    patience: int

    def propose(self, points: Any, goal: Array) -> Proposal:
        """Propose directions, in the hope to come as close as `goal` to the minimum."""
        ...

    def nearly(self, proposal: Proposal, ray: Any, goal: Array) -> Array:
        """Learn from steps made; return for which columns no more than `goal` seems left."""
        ...

    def forget(self, columns: Array) -> None:
        """Propose something safe for the given columns: what was proposed last did not work."""
        ...

    def take(self, columns: Array) -> None:
        """Go on with some of the columns."""
        ...


@dataclass
class ColumnMinima:
    """Where a minimization stopped, column by column.

    Attributes
    ----------
    theta : ndarray of shape (n_columns, n_params)
        The last points.
    value, gradient_norm : ndarray of shape (n_columns,)
        Objective and Euclidean norm of its gradient there.
    bound : ndarray of shape (n_columns,)
        Upper bound on what is left to gain; infinite where none is known.
    n_iter : ndarray of int of shape (n_columns,)
        Steps taken.
    converged : ndarray of bool of shape (n_columns,)
        Whether at most ``tol * value`` is left, by the bound on it if there is one and rounding
        errors let it become that small, else as predicted.
    curves : list of list of float
        The values after each step.
    """

    theta: Array
    value: Array
    gradient_norm: Array
    bound: Array
    n_iter: Array
    converged: Array
    curves: list[list[float]]

    @classmethod
    def start(cls, theta: Array) -> "ColumnMinima":
        """Return what is known before the first step."""
        n = len(theta)
        value, norm, bound = np.full((3, n), np.inf)
        steps, converged = np.zeros(n, int), np.zeros(n, bool)
        return cls(theta.copy(), value, norm, bound, steps, converged, [[] for _ in range(n)])

    def note_steps(self, columns: Array, points: Points, some: Array) -> None:
        """Take note of a step of some columns; they are number `some` of the points.

        So the latest points are known even if an interrupt ends the minimization.
        """
        value = points.value[some]
        self.theta[columns], self.value[columns] = points.theta[some], value
        self.n_iter[columns] += 1
        for column, reached in zip(columns.tolist(), value.tolist(), strict=True):
            self.curves[column].append(reached)

    def note_end(self, columns: Array, points: Points, some: Array) -> None:
        """Take note of where some columns are now; they are number `some` of the points."""
        self.theta[columns], self.value[columns] = points.theta[some], points.value[some]
        self.gradient_norm[columns] = np.linalg.norm(points.gradient[some], axis=1)


# A loss may come to 0, and far too long a step may overflow.
@np.errstate(over="ignore", divide="ignore", invalid="ignore")
def minimize_columns(
    points: Any,
    method: Method,
    *,
    tol: float,
    max_iter: int,
    gap: Gap | None = None,
    minima: ColumnMinima | None = None,
    may_stay: bool = False,
) -> ColumnMinima:
    """Minimize smooth convex objectives, column by column.

    Parameters
    ----------
    points : Points
        Where to start.
    method : Method
        Proposes directions.
    tol : float
        A column stops once less than ``tol * value`` seems left to gain there.
    max_iter : int
        Largest number of steps of a column.
    gap : callable, default=None
        Given points, returns upper bounds on what is left to gain, tighter ones if also given the
        ray that led there and which of its steps solved a Newton system. A column whose bound is
        above ``tol * value`` makes more steps, as far as the patience of the method goes.
    minima : ColumnMinima, default=None
        What is known of steps made before, changed in place.
    may_stay : bool, default=False
        Whether a column may stay where it starts, if its bound is that small.

    Returns
    -------
    minima : ColumnMinima
        The ends.
    """
    known = ColumnMinima.start(points.theta) if minima is None else minima
    descent = Descent(points, method, tol, max_iter, gap, known)
    hopeful = np.full(len(points.value), may_stay and gap is not None)
    descent.drop(*descent.judge(points, hopeful, np.zeros_like(hopeful)))
    while descent.active.size:
        descent.step()
    return known


def size_of(value: Array) -> Array:
    """Return what a tolerance on values is relative to."""
    return np.asarray(np.maximum(abs(value), SMALLEST))


class Descent:
    """The columns that are still on their way down."""

    def __init__(
        self,
        points: Any,
        method: Method,
        tol: float,
        max_iter: int,
        gap: Gap | None,
        minima: ColumnMinima,
    ) -> None:
        self.points, self.method, self.minima = points, method, minima
        self.tol, self.max_iter, self.gap = tol, max_iter, gap
        self.active = np.arange(len(points.value))
        self.n_denied = np.zeros(len(self.active), int)
        self.failed = np.zeros(len(self.active), bool)

    def step(self) -> None:
        """Make one step in every column."""
        points, size = self.points, size_of(self.points.value)
        goal = (self.tol if self.gap is None else min(self.tol, SOON)) * size
        proposal = self.method.propose(points, goal)
        ray = points.ray(proposal.direction)
        rounding = 4 * float(np.finfo(points.dtype).eps)
        step = search_columns(ray, -proposal.promise, proposal.step, rounding)
        moved = step > 0
        self.minima.note_steps(self.active[moved], ray.end, moved)
        nearly = moved & self.method.nearly(proposal, ray, goal)
        # Where the objective does not fall, rounding errors hide the way down. A column gets one
        # more chance, unless nothing was promised there.
        futile = ~nearly & (points.value - ray.end.value <= rounding * size)
        nothing = proposal.promise <= np.maximum(2 * goal, ROUNDING * size)
        stuck = futile & (self.failed | nothing)
        nearly |= stuck & nothing
        self.failed = futile
        if futile.any():
            self.method.forget(futile)
        way = (ray, step == 1) if self.method.exact else ()
        verdict = self.judge(ray.end, nearly, stuck, *way)
        self.points = ray.arrive()
        self.drop(*verdict)

    def judge(self, points: Any, nearly: Array, stuck: Array, *way: Any) -> tuple[Array, Array]:
        """Return which columns leave, and which of them have converged.

        Parameters
        ----------
        points : Points
            Where the columns are.
        nearly, stuck : ndarray of bool of shape (n_columns,)
            Which seem to be at the minimum, and which cannot go on.
        *way
            If known, the ray that led there, and which of its steps solved a Newton system.
        """
        spent = self.minima.n_iter[self.active] >= self.max_iter
        enough = (nearly | stuck | spent).mean() >= LEAVE
        if not (enough or spent.any()):
            return nearly & False, nearly
        converged = nearly
        if self.gap is not None:
            bound = self.gap(points, *way)
            self.minima.bound[self.active] = bound
            proven = bound <= self.tol * size_of(points.value)
            self.n_denied += nearly & ~proven
            converged = proven | (nearly & (self.n_denied > self.method.patience))
        return converged | stuck | spent, converged

    def drop(self, leaving: Array, converged: Array) -> None:
        """Note the ends of the columns that leave, and go on with the others."""
        if not leaving.any():
            return
        columns, some = self.active[leaving], np.flatnonzero(leaving)
        self.minima.converged[columns] = converged[leaving]
        self.minima.note_end(columns, self.points, some)
        stay = np.flatnonzero(~leaving)
        self.active = self.active[stay]
        self.n_denied, self.failed = self.n_denied[stay], self.failed[stay]
        if stay.size:
            self.points = self.points.take(stay)
            self.method.take(stay)
