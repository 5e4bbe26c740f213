"""The solvers of softmax regression: each moves theta downhill on a linear objective."""

from functools import partial

import numpy as np

from skmlp.estimators._base import random_generator
from skmlp.nn.preconditioners import MAX_GRAM, diagonal
from skmlp.optim.batches import epoch_batches
from skmlp.optim.early_stopping import EarlyStopping
from skmlp.optim.lbfgs import lbfgs
from skmlp.optim.newton import Minimum, newton
from skmlp.optim.optimizers import get_optimizer
from skmlp.optim.schedules import get_schedule
from skmlp.optim.training import Training, run_epochs


def choose_solver(n_features):
    """Return what ``solver="auto"`` means: Newton while a matrix over the features is affordable."""
    return "newton" if n_features <= MAX_GRAM else "lbfgs"


def run_newton(estimator, objective, theta, recorder):
    """Run Newton's method; solve its last system well enough to prove how good the end is."""

    def residual_target(point):
        return np.sqrt(2 * objective.alpha * estimator.tol * point.value) or np.inf

    return newton(
        start_point(objective, theta),
        tol=estimator.tol,
        max_iter=estimator.max_iter,
        residual_target=residual_target,
        on_step=lambda point: recorder(point.theta, point.value),
    )


def run_lbfgs(estimator, objective, theta, recorder):
    """Run L-BFGS in coordinates in which all features have about the same curvature."""
    return lbfgs(
        start_point(objective, theta),
        tol=estimator.tol,
        max_iter=estimator.max_iter,
        preconditioner=partial(diagonal, ridge=10.0),
        on_step=lambda point: recorder(point.theta, point.value),
    )


def run_sgd(estimator, objective, theta, recorder):
    """Train for `max_iter` epochs, or until a plateau: see `train_epochs`."""
    stopped = train_epochs(estimator, objective, theta, recorder, estimator.max_iter)
    point = objective.at(estimator._training.theta.astype(np.float64))
    return Minimum(point, len(recorder.losses), converged=stopped)


SOLVERS = {"newton": run_newton, "lbfgs": run_lbfgs, "sgd": run_sgd}


def start_point(objective, theta):
    """Return the objective at theta, once sure that its curvature does not overflow."""
    with np.errstate(over="ignore", invalid="ignore"):
        point = objective.at(theta)
        size = np.linalg.norm(point.gradient)
    if not np.isfinite(size):
        largest = max(objective.X.max(), -objective.X.min())
        raise ValueError(
            "X must hold numbers whose squares do not overflow, got a largest absolute value of "
            f"{largest:.3g}. Scale the features, for instance with StandardScaler."
        )
    return point


def train_epochs(estimator, objective, theta, recorder, n_epochs):
    """Train with mini-batches; return whether something else than the number of epochs ended it.

    The training goes on from ``estimator._training``, or else starts from theta and is kept there.
    Without early stopping, a plateau ends it: the mean objective has not improved by a share of
    `tol` for `n_iter_no_change` epochs.
    """
    if estimator._training is None:
        penalized = np.arange(objective.n_params) < objective.n_weights
        estimator._training = Training.start(
            theta.astype(objective.X.dtype),
            get_optimizer(estimator.optimizer),
            random_generator(estimator.random_state),
            penalized,
        )
    patience = np.inf if recorder.stop_early else estimator.n_iter_no_change
    plateau = EarlyStopping(lambda theta: recorder.losses[-1], patience, estimator.tol)
    return run_epochs(
        estimator._training,
        objective,
        get_schedule(estimator.learning_rate).over(estimator.max_iter),
        partial(
            epoch_batches,
            np.flatnonzero(objective.weight),
            estimator.batch_size,
            estimator.shuffle,
        ),
        n_epochs,
        [
            lambda training, loss: recorder(training.theta, loss),
            lambda training, loss: plateau(training.theta),
        ],
    )
