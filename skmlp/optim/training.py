"""The training loop: batches, an objective, an optimizer and a schedule, epoch after epoch."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np

from skmlp.optim.optimizers import Optimizer, State
from skmlp.optim.schedules import Schedule

Array = np.ndarray[Any, np.dtype[Any]]
Objective = Callable[[Array, Array], tuple[float, Array]]


@dataclass
class Training:
    """All that changes while a model is trained. Picklable: training goes on where it stopped.

    Attributes
    ----------
    theta : ndarray of shape (n_params,)
        The parameters.
    optimizer : Optimizer
        What turns a gradient into a direction.
    state : dict
        The optimizer's memory.
    rng : numpy.random.Generator
        The source of the order of rows.
    epoch : int
        Epochs done.
    """

    theta: Array
    optimizer: Optimizer
    state: State
    rng: np.random.Generator
    epoch: int = 0

    @classmethod
    def start(
        cls, theta: Array, optimizer: Optimizer, rng: np.random.Generator, penalized: Array
    ) -> "Training":
        """Return a training that has not made a step; `penalized` marks weights among theta."""
        return cls(theta, optimizer, optimizer.init(theta, penalized), rng)

    def widen(self, dtype: np.dtype[Any]) -> None:
        """Go on in a wider dtype, the optimizer's memory included."""

        def wider(value: Any) -> Any:
            if isinstance(value, dict):
                return {key: wider(part) for key, part in value.items()}
            is_real = isinstance(value, np.ndarray) and value.dtype.kind == "f"
            return value.astype(dtype) if is_real else value

        self.theta = self.theta.astype(dtype)
        self.state = wider(self.state)


Listener = Callable[[Training, float], bool]


def run_epochs(
    training: Training,
    objective: Objective,
    schedule: Schedule,
    batches: Callable[[np.random.Generator], Iterable[Array]],
    n_epochs: int,
    listeners: Iterable[Listener] = (),
) -> bool:
    r"""Train for some epochs, or until a listener wants to stop.

    Every step is :math:`\theta \leftarrow \theta - \eta_t \, d(g_t)`: the one line of the package
    that applies a learning rate.

    Parameters
    ----------
    training : Training
        What has been trained so far; changed in place.
    objective : callable
        Given theta and the rows of a batch, returns value and gradient.
    schedule : Schedule
        Learning rate as a function of the time in epochs.
    batches : callable
        Given the random generator, returns the batches of one epoch.
    n_epochs : int
        Largest number of epochs to add.
    listeners : iterable of callable, default=()
        Each is called at the end of an epoch with the training and the mean value of the
        objective over its batches, and returns whether to stop. All are called every time.

    Returns
    -------
    stopped : bool
        Whether a listener wanted to stop.

    Raises
    ------
    ValueError
        If the objective or the parameters are no longer finite.

    Notes
    -----
    An epoch that is not finished, because of an error or an interrupt, leaves no trace.
    """
    listeners = list(listeners)
    for _ in range(n_epochs):
        with all_or_nothing(training):
            mean = run_epoch(training, objective, schedule, list(batches(training.rng)))
        training.epoch += 1
        answers = [listener(training, mean) for listener in listeners]
        if any(answers):
            return True
    return False


def run_epoch(
    training: Training, objective: Objective, schedule: Schedule, batches: list[Array]
) -> float:
    """Make one step for every batch; return the mean value of the objective over the rows."""
    theta = training.theta
    total, n_rows = 0.0, 0
    for i, rows in enumerate(batches):
        with np.errstate(over="ignore", invalid="ignore"):
            value, grad = objective(theta, rows)
            direction = training.optimizer.direction(grad, theta, training.state)
            theta -= theta.dtype.type(schedule(training.epoch + i / len(batches))) * direction
        total += value * len(rows)
        n_rows += len(rows)
    mean = total / n_rows
    if not (np.isfinite(mean) and np.isfinite(theta).all()):
        raise diverged(training.epoch + 1, mean)
    return mean


def diverged(epoch: int, value: float) -> ValueError:
    """Return the error of a training whose objective has left all bounds."""
    return ValueError(
        f"Training diverged in epoch {epoch}: the objective became {value}. "
        "Use a smaller learning_rate, or scale the features."
    )


@contextmanager
def all_or_nothing(training: Training) -> Iterator[None]:
    """Bring the training back to where it was if the block does not run to its end."""
    rng = training.rng.bit_generator.state
    theta, state = training.theta.copy(), deepcopy(training.state)
    try:
        yield
    except BaseException:
        training.rng.bit_generator.state = rng
        training.theta[...] = theta
        training.state = state
        raise
