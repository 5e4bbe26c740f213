"""The solvers of softmax regression: each moves theta downhill on a linear objective."""

from copy import deepcopy
from functools import partial

import numpy as np

from skmlp.estimators._base import random_generator
from skmlp.estimators._epochs import train_epochs
from skmlp.nn.preconditioners import MAX_GRAM
from skmlp.optim.lbfgs import Past, lbfgs
from skmlp.optim.newton import Minimum, newton
from skmlp.optim.optimizers import get_optimizer
from skmlp.optim.schedules import get_schedule
from skmlp.optim.training import Training, diverged

# Sums of squares of numbers above this may overflow.
LARGEST = 1e153


def choose_solver(n_features):
    """Return what ``solver="auto"`` means: newton while a matrix over features is affordable."""
    return "newton" if n_features <= MAX_GRAM else "lbfgs"


def run_newton(estimator, road, theta, recorder):
    """Run Newton's method; solve its last system well enough to prove how good the end is."""
    objective = road.objective

    def residual_target(point):
        # The residual enters the certificate as its squared norm over 4 alpha: take half of tol.
        return np.sqrt(2 * objective.alpha * estimator.tol * point.value) or np.inf

    return newton(
        start_point(objective, theta),
        tol=estimator.tol,
        max_iter=estimator.max_iter,
        residual_target=residual_target,
        gap=partial(certificate, road) if objective.alpha > 0 else None,
        on_step=lambda point: recorder(point.theta, point.value),
        solve=road.solve,
    )


def run_lbfgs(estimator, road, theta, recorder):
    """Run L-BFGS in coordinates in which all features have about the same curvature."""
    return lbfgs(
        start_point(road.objective, theta),
        tol=estimator.tol,
        max_iter=estimator.max_iter,
        preconditioner=partial(road.diagonal, ridge=10.0),
        # Gradients are sums in the arithmetic of X: their changes have no more digits.
        past=Past.empty(dtype=road.definition.dtype),
        on_step=lambda point: recorder(point.theta, point.value),
    )


def run_sgd(estimator, road, theta, recorder):
    """Train for `max_iter` epochs, or until a plateau: see `train_batches`."""
    # Of the point itself nothing may stay in memory while batches are made.
    start_value = start_point(road.objective, theta).value
    came_to_rest = train_batches(estimator, road.definition, theta, recorder, estimator.max_iter)
    training = estimator._training
    with np.errstate(over="ignore", invalid="ignore"):
        point = road.objective.at(training.theta.astype(np.float64))
        size = np.linalg.norm(point.gradient)
    # Ten times what no knowledge at all costs is no model.
    if not point.value <= 10 * max(start_value, np.log(2)) or not np.isfinite(size):
        estimator._training = None
        raise diverged(training.epoch, point.value)
    # A plateau no lower than that of no knowledge is no minimum.
    is_lower = bool(point.value < start_value or theta.any())
    return Minimum(point, len(recorder.losses), converged=came_to_rest and is_lower)


SOLVERS = {"newton": run_newton, "lbfgs": run_lbfgs, "sgd": run_sgd}


def certificate(road, minimum):
    """Return an upper bound on how far the objective is above its minimum."""
    return road.bound(minimum.point, minimum.previous, minimum.image)


def start_point(objective, theta):
    """Return the objective at theta, once sure that its curvature does not overflow."""
    with np.errstate(over="ignore", invalid="ignore"):
        point = objective.at(theta)
        size = np.linalg.norm(point.gradient)
    largest = 0.0 if size < 1e100 else max(objective.X.max(), -objective.X.min())
    if largest > LARGEST:
        raise ValueError(
            "X must hold numbers whose squares do not overflow, got a largest absolute value of "
            f"{largest:.3g}. Scale the features, for instance with StandardScaler."
        )
    return point


def train_batches(estimator, objective, theta, recorder, n_epochs):
    """Train with mini-batches; return whether a plateau ended it before the number of epochs.

    The training goes on from theta and is kept as ``estimator._training``, which it was before if
    that fits.
    """
    dtype = objective.X.dtype
    training = estimator._training
    optimizer = get_optimizer(estimator.optimizer)
    fits = training is not None and training.theta.shape == theta.shape
    if fits and training.optimizer == optimizer:
        training.go_on(theta.astype(np.promote_types(dtype, training.theta.dtype)))
    else:
        penalized = np.arange(objective.n_params) < objective.n_weights
        rng = random_generator(estimator.random_state)
        training = Training.start(theta.astype(dtype), deepcopy(optimizer), rng, penalized)
        estimator._training = training
    recorder.theta = training.theta
    return train_epochs(
        estimator,
        objective,
        recorder,
        schedule=get_schedule(estimator.learning_rate),
        rows=np.flatnonzero(objective.weight),
        batch_size=estimator.batch_size,
        n_epochs=n_epochs,
        note=lambda training, epoch: recorder(training.theta, epoch.loss),
    )
