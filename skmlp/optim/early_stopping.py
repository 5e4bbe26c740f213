"""Stop when a monitored loss no longer falls, and remember where it was lowest."""

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


class EarlyStopping:
    """A listener that stops an iterative method after some iterations without improvement.

    Parameters
    ----------
    loss : callable
        Given the parameters theta, returns the monitored loss; smaller is better.
    patience : int or inf
        Iterations in a row that may pass without improvement.
    tol : float, default=0.0
        Share of the best loss by which a new one must be lower to count as an improvement.
    unit : float, default=None
        What `tol` is a share of instead. Of a loss that falls to zero, each share of the best is
        reached sooner or later.

    Attributes
    ----------
    losses : list of float
        The monitored loss after every iteration.
    best_loss : float
        The lowest of them.
    best_theta : ndarray of shape (n_params,) or None
        A copy of the parameters that had it.
    best_iter : int
        Iteration that had it, from 1.
    stopped : bool
        Whether the last call asked to stop.
    """

    def __init__(
        self,
        loss: Callable[[Array], float],
        patience: float,
        tol: float = 0.0,
        unit: float | None = None,
    ) -> None:
        self.loss = loss
        self.patience = patience
        self.tol = tol
        self.unit = unit
        self.losses: list[float] = []
        self.best_loss = np.inf
        self.best_theta: Array | None = None
        self.best_iter = 0
        self.stopped = False
        self._last_improvement = 0

    def __call__(self, theta: Array) -> bool:
        """Take note of new parameters; return whether to stop."""
        loss = self.loss(theta)
        self.losses.append(loss)
        n_iter = len(self.losses)
        unit = abs(self.best_loss) if self.unit is None else self.unit
        if n_iter == 1 or loss < self.best_loss - self.tol * unit:
            self._last_improvement = n_iter
        if loss < self.best_loss:
            self.best_loss, self.best_iter, self.best_theta = loss, n_iter, theta.copy()
        self.stopped = n_iter - self._last_improvement >= self.patience
        return self.stopped
