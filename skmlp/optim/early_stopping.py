"""Stop when a monitored loss no longer falls, and remember where it was lowest."""

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


class Plateau:
    """Notices when a loss has not improved for some iterations.

    Parameters
    ----------
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
        The loss after every iteration.
    best_loss : float
        The lowest of them.
    best_iter : int
        Iteration that had it, from 1.
    reached : bool
        Whether the last `patience` iterations were no improvement.
    """

    def __init__(self, patience: float, tol: float = 0.0, unit: float | None = None) -> None:
        self.patience = patience
        self.tol = tol
        self.unit = unit
        self.losses: list[float] = []
        self.best_loss = np.inf
        self.best_iter = 0
        self.reached = False
        self._last_improvement = 0

    def note(self, loss: float) -> bool:
        """Take note of the loss of an iteration; return whether the plateau is reached."""
        self.losses.append(loss)
        n_iter = len(self.losses)
        unit = abs(self.best_loss) if self.unit is None else self.unit
        if n_iter == 1 or loss < self.best_loss - self.tol * unit:
            self._last_improvement = n_iter
        if loss < self.best_loss:
            self.best_loss, self.best_iter = loss, n_iter
        self.reached = n_iter - self._last_improvement >= self.patience
        return self.reached


class EarlyStopping(Plateau):
    """A listener that stops an iterative method at a plateau, and keeps the best parameters.

    Parameters
    ----------
    loss : callable
        Given the parameters theta, returns the monitored loss; smaller is better.
    patience, tol, unit
        See `Plateau`.

    Attributes
    ----------
    best_theta : ndarray of shape (n_params,) or None
        A copy of the parameters that had the lowest loss.
    """

    def __init__(
        self,
        loss: Callable[[Array], float],
        patience: float,
        tol: float = 0.0,
        unit: float | None = None,
    ) -> None:
        super().__init__(patience, tol, unit)
        self.loss = loss
        self.best_theta: Array | None = None

    def __call__(self, theta: Array) -> bool:
        """Take note of new parameters; return whether to stop."""
        stop = self.note(self.loss(theta))
        if self.best_iter == len(self.losses):
            self.best_theta = theta.copy()
        return stop
