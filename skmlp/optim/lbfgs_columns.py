"""L-BFGS for many objectives of many parameters each."""

from collections import deque
from typing import Any, Protocol

import numpy as np

from skmlp.optim.columns import Points, Proposal
from skmlp.optim.lbfgs import WINDOW
from skmlp.optim.line_search import Array


class ScaledPoints(Points, Protocol):
    """Points that know the diagonals of their second derivatives."""

    def diagonals(self, ridge: float) -> Array: ...


class LBFGSColumns:
    """The directions of `lbfgs`, preconditioned by the diagonal of the second derivative.

    Parameters
    ----------
    memory : int, default=10
        Number of steps remembered.

    Notes
    -----
    A proposal costs O(memory n_columns n_params).
    """

    exact, patience = False, 30

    def __init__(self, memory: int = 10) -> None:
        self.steps: deque[tuple[Array, Array, Array]] = deque(maxlen=memory)
        self.values: deque[Array] = deque(maxlen=WINDOW + 1)
        self.n_steps = 0
        self.diagonal: Array | None = None

    def propose(self, points: ScaledPoints, goal: Array) -> Proposal:
        """Propose the directions of L-BFGS."""
        if self.diagonal is None or self.n_steps & (self.n_steps - 1) == 0:
            diagonal = points.diagonals(ridge=10.0)
            self.diagonal = np.where(diagonal > 0, diagonal, 1)
        if not self.values:
            self.values.append(points.value)
        direction = -self.two_loop(points.gradient, self.diagonal)
        promise = -inner(points.gradient, direction)
        return Proposal(direction, promise, np.ones(len(promise)))

    def two_loop(self, gradient: Array, diagonal: Array) -> Array:
        """Return the approximate inverse of the second derivatives times the gradients."""
        q = gradient.copy()
        shares = []
        for s, y, r in reversed(self.steps):
            shares.append(r * inner(s, q))
            q -= shares[-1][:, None] * y
        q /= diagonal
        if self.steps:
            s, y, r = self.steps[-1]
            curvature = r * inner(y, y / diagonal)
            q /= np.where(curvature > 0, curvature, 1)[:, None]
        for (s, y, r), share in zip(self.steps, reversed(shares), strict=True):
            q += (share - r * inner(y, q))[:, None] * s
        return q

    def nearly(self, proposal: Proposal, ray: Any, goal: Array) -> Array:
        """Remember the steps; return where the last ones together have gained too little."""
        start, end = ray.start, ray.end
        self.n_steps += 1
        self.remember(end.theta - start.theta, end.gradient - start.gradient, end.dtype)
        self.values.append(end.value)
        gain = np.maximum(start.value - end.value, proposal.promise / 2)
        left = np.maximum(self.values[0] - end.value, proposal.promise / 2)
        slow = left <= goal if len(self.values) > WINDOW else np.zeros(len(goal), bool)
        return np.asarray((gain <= 1e-3 * goal) | slow)

    def remember(self, s: Array, y: Array, dtype: Any) -> None:
        """Keep steps s and changes of the gradients y, where they show positive curvature."""
        curvature = inner(s, y)
        seen = curvature > np.finfo(float).eps * np.sqrt(inner(s, s) * inner(y, y))
        r = np.where(seen, 1 / np.where(seen, curvature, 1), 0)
        self.steps.append((s.astype(dtype), y.astype(dtype), r))

    def forget(self, columns: Array) -> None:
        """Forget the steps of some columns."""
        for _, _, r in self.steps:
            r[columns] = 0

    def take(self, columns: Array) -> None:
        """Go on with some of the columns."""
        for i, (s, y, r) in enumerate(self.steps):
            self.steps[i] = s[columns], y[columns], r[columns]
        for i, value in enumerate(self.values):
            self.values[i] = value[columns]
        self.diagonal = None if self.diagonal is None else self.diagonal[columns]


def inner(A: Array, B: Array) -> Array:
    """Return the inner product of each row of A with that of B."""
    return np.asarray(np.einsum("ij,ij->i", A, B))
