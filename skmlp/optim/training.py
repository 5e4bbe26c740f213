"""The training loop: batches, an objective, an optimizer and a schedule, epoch after epoch."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

from skmlp.optim.interrupts import interruptible
from skmlp.optim.optimizers import Optimizer, State
from skmlp.optim.schedules import Schedule

Array = np.ndarray[Any, np.dtype[Any]]
Objective = Callable[[Array, Array, np.random.Generator], tuple[float, Array]]


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
        The source of all randomness: the order of rows, and what the objective draws.
    epoch : int
        Epochs done.
    schedule : Schedule or None
        The schedule of the last epochs.
    rate_factor : float
        What its rate is multiplied by, see `Schedule.react`.
    memory : dict
        What it remembers between epochs.
    """

    theta: Array
    optimizer: Optimizer
    state: State
    rng: np.random.Generator
    epoch: int = 0
    schedule: Schedule | None = None
    rate_factor: float = 1.0
    memory: State = field(default_factory=dict)

    @classmethod
    def start(
        cls, theta: Array, optimizer: Optimizer, rng: np.random.Generator, penalized: Array
    ) -> "Training":
        """Return a training that has not made a step; `penalized` marks weights among theta."""
        return cls(theta, optimizer, optimizer.init(theta, penalized), rng)

    def follow(self, schedule: Schedule) -> None:
        """Take up a schedule; a new one starts with a free mind."""
        if schedule != self.schedule:
            self.schedule, self.rate_factor, self.memory = schedule, 1.0, {}

    def react(self, loss: float) -> None:
        """Let the schedule react to the monitored loss of an epoch."""
        assert self.schedule is not None
        self.rate_factor = self.schedule.react(loss, self.memory)

    def go_on(self, theta: Array) -> None:
        """Go on from theta, which is written to, in its dtype, the optimizer's memory included."""

        def converted(value: Any) -> Any:
            if isinstance(value, dict):
                return {key: converted(part) for key, part in value.items()}
            is_real = isinstance(value, np.ndarray) and value.dtype.kind == "f"
            return value.astype(theta.dtype, copy=False) if is_real else value

        self.theta = theta
        self.state = converted(self.state)


@dataclass
class Epoch:
    """What an epoch was like.

    Attributes
    ----------
    loss : float
        Mean value of the objective over its rows, as each batch found it.
    rate : float
        Learning rate of its last step.
    gradient_norm : float
        Root mean square of the Euclidean norms of its batches' gradients.
    seconds : float
        How long it took.
    """

    loss: float
    rate: float
    gradient_norm: float
    seconds: float


Listener = Callable[[Training, Epoch], bool]


def run_epoch(
    training: Training, objective: Objective, schedule: Schedule, batches: Iterable[Array]
) -> Epoch:
    """Make one step for every batch."""
    began = perf_counter()
    batches = list(batches)
    theta = training.theta
    total, n_rows, squares, rate = 0.0, 0, 0.0, 0.0
    with np.errstate(over="ignore", invalid="ignore"), interruptible() as step:
        for i, rows in enumerate(batches):
            value, gradient = objective(theta, rows, training.rng)
            squares += float(gradient @ gradient)
            rate = training.rate_factor * schedule(training.epoch + i / len(batches))
            with step:
                # Without a name, a direction is gone before the next gradient needs room.
                theta -= np.multiply(
                    training.optimizer.direction(gradient, theta, training.state),
                    rate,
                    out=gradient,
                )
            total += value * len(rows)
            n_rows += len(rows)
    mean_square = squares / len(batches)
    return checked_epoch(training, Epoch(total / n_rows, rate, mean_square**0.5, 0.0), began)


def checked_epoch(training: Training, epoch: Epoch, began: float) -> Epoch:
    """Return the record of an epoch with its time, once sure that all is finite."""
    if not (np.isfinite(epoch.loss) and is_finite(training.theta)):
        raise diverged(training.epoch + 1, epoch.loss)
    epoch.seconds = perf_counter() - began
    return epoch


def is_finite(theta: Array) -> bool:
    """Return whether all parameters are finite."""
    # Not one NaN or infinity escapes minimum and maximum, which need no array of their own.
    return bool(np.isfinite((theta.min(), theta.max())).all())


EpochRunner = Callable[[Training, Objective, Schedule, Iterable[Array]], Epoch]


def run_epochs(
    training: Training,
    objective: Objective,
    schedule: Schedule,
    batches: Callable[[np.random.Generator], Iterable[Array]],
    n_epochs: int,
    listeners: Iterable[Listener] = (),
    run: EpochRunner = run_epoch,
) -> bool:
    r"""Train for some epochs, or until a listener wants to stop.

    Every step is :math:`\theta \leftarrow \theta - \eta_t \, d(g_t)`.

    Parameters
    ----------
    training : Training
        What has been trained so far; changed in place.
    objective : callable
        Given theta, the rows of a batch and the random generator, returns value and gradient. The
        gradient is written to.
    schedule : Schedule
        Learning rate as a function of the time in epochs.
    batches : callable
        Given the random generator, returns the batches of one epoch.
    n_epochs : int
        Largest number of epochs to add.
    listeners : iterable of callable, default=()
        Each is called at the end of an epoch with the training and the `Epoch`, and returns
        whether to stop. All are called every time.
    run : callable, default=run_epoch
        Makes the steps of one epoch as `run_epoch` does; another may do the same faster.

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
    An interrupt (Ctrl-C) comes between two steps. Those that were made are kept, and the training
    can go on, but an epoch counts only when it is finished. After an error it should not go on:
    nothing is undone.
    """
    training.follow(schedule)
    listeners = list(listeners)
    for _ in range(n_epochs):
        try:
            epoch = run(training, objective, schedule, batches(training.rng))
        except KeyboardInterrupt:
            if not is_finite(training.theta):
                raise diverged(training.epoch + 1, np.nan) from None
            raise
        training.epoch += 1
        answers = [listener(training, epoch) for listener in listeners]
        if any(answers):
            return True
    return False


class DivergedError(ValueError):
    """A training's objective has left all bounds."""


def diverged(epoch: int, value: float) -> DivergedError:
    """Return the error of a training whose objective has left all bounds."""
    what = f"the objective became {value}"
    if np.isfinite(value):
        what += ", and its derivative or the parameters are not finite or explode"
    return DivergedError(
        f"Training diverged in epoch {epoch}: {what}. "
        "Use a smaller learning_rate, or scale the features."
    )
