"""How a network estimator is trained: batch by batch, or on all rows at once."""

from math import ceil
from time import perf_counter

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skmlp._fast import READABLE
from skmlp.estimators._epochs import train_epochs
from skmlp.estimators._network_pieces import epochs_to_make, network_schedule, rows_in_batch
from skmlp.nn.backprop import NetworkPoint
from skmlp.optim.lbfgs import Past, lbfgs
from skmlp.optim.line_search import LOOSE
from skmlp.optim.training import diverged

# A loss this many times that of the first epoch, and of the best constant, has exploded.
EXPLOSION = 100.0
# A network whose loss is above that of the best constant has learned nothing, if it had so many
# epochs; after fewer it may be on its way, unless it ends with so many times that loss.
ENOUGH, USELESS = 20, 2.0


def train_batches(estimator, objective, recorder, n_epochs):
    """Train with mini-batches for some epochs, until a plateau or until early stopping."""
    estimator._past = None
    n_samples, unit = len(objective.weight), objective.unit
    batch_size = rows_in_batch(estimator.batch_size, n_samples)
    n_batches = ceil(n_samples / batch_size)

    def note(training, epoch):
        stop = recorder(
            training.theta,
            epoch.loss * unit,
            rate=epoch.rate,
            gradient_norm=epoch.gradient_norm * unit,
            seconds=epoch.seconds,
        )
        if has_exploded(objective, recorder.losses):
            raise diverged(training.epoch, recorder.losses[-1])
        return stop

    done = estimator._training.epoch
    recorder.came_to_rest = train_epochs(
        estimator,
        objective,
        recorder,
        schedule=network_schedule(estimator.learning_rate, estimator.optimizer, n_batches),
        rows=n_samples,
        batch_size=batch_size,
        n_epochs=epochs_to_make(estimator.learning_rate, n_epochs, done, n_batches),
        note=note,
        unit=unit,
    )


def has_exploded(objective, losses):
    """Return whether the loss is far beyond all that it may be in a training."""
    unit = objective.unit
    # Targets that are all alike cost nothing.
    if losses[-1] <= EXPLOSION * max(abs(losses[0]), unit):
        return False
    return losses[-1] > EXPLOSION * unit * abs(objective.cost_of_constant())


def warn_if_useless(estimator, objective):
    """Warn of a fitted network that is worse than the best constant prediction."""
    unit, constant = objective.unit, objective.cost_of_constant()
    worst = 1.0 if estimator.n_iter_ >= ENOUGH else USELESS
    # A user's loss may be negative.
    limit = constant + (worst - 1) * abs(constant) + estimator.tol
    # The objective, which has the penalty too, is known; the mean loss costs an evaluation.
    if estimator.loss_ / unit <= limit:
        return
    loss = objective.mean_loss(estimator.theta_)
    if not loss <= limit:
        estimator._warn(
            ConvergenceWarning,
            f"ended with a mean loss of {loss * unit:.3g}, worse than the best constant "
            f"prediction ({constant * unit:.3g}). Scale the features if they are not, or use a "
            "smaller learning_rate or more epochs",
        )


def train_whole(estimator, objective, recorder, max_iter):
    """Minimize with L-BFGS, all rows at once."""
    unit, clock = objective.unit, [perf_counter()]
    estimator.road_ = READABLE

    def take_note(point):
        clock.append(perf_counter())
        return recorder(
            point.theta,
            point.value * unit,
            gradient_norm=float(np.linalg.norm(point.gradient)) * unit,
            seconds=clock[-1] - clock[-2],
        )

    with np.errstate(over="ignore", invalid="ignore"):
        start = NetworkPoint(objective, estimator._training.theta.astype(np.float64))
    if not (np.isfinite(start.value) and np.isfinite(start.gradient).all()):
        raise diverged(1, start.value)
    recorder.start_loss = start.value * unit
    estimator._past = estimator._past or Past.empty()
    scale = objective.network.output_preconditioner
    minimum = lbfgs(
        start,
        tol=estimator.tol,
        unit=1.0,
        max_iter=max_iter,
        preconditioner=lambda point: lambda v: scale * v,
        past=estimator._past,
        accepted=LOOSE,
        on_step=take_note,
    )
    recorder.theta = minimum.point.theta
    recorder.came_to_rest = minimum.converged
    if not (minimum.converged or recorder.asked_to_stop):
        warn_of_lbfgs(estimator, minimum, max_iter, unit)


def warn_of_lbfgs(estimator, minimum, max_iter, unit):
    """Warn of a minimization that ended before it came to rest."""
    where, advice = f"at max_iter={max_iter}", "increase max_iter or tol"
    if minimum.n_iter < max_iter:
        where = f"after {minimum.n_iter} steps, where no step lowers the objective"
        advice = "increase tol, or take a smooth activation and loss if they have kinks"
    estimator._warn(
        ConvergenceWarning,
        f"stopped {where}, before its objective, {minimum.point.value * unit:.6g}, came to "
        f"rest. To go on, scale the features unless they are, {advice}",
    )
