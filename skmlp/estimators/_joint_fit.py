"""Fit the two-class models of all columns of a code matrix as one optimization."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import validate_data

from skmlp._fast import choose_column_road
from skmlp.estimators._callbacks import has_callbacks
from skmlp.estimators._clones import cloner
from skmlp.estimators._rows import FLOATS
from skmlp.estimators._solvers import choose_solver
from skmlp.estimators._targets import check_row_weights, class_factors
from skmlp.nn.column_duality import suboptimality_bounds
from skmlp.nn.coordinates import Coordinates
from skmlp.optim.columns import ColumnMinima, minimize_columns
from skmlp.optim.lbfgs_columns import LBFGSColumns
from skmlp.optim.newton_columns import NewtonColumns

# Most features for which the second derivatives of all problems are made, and for which the axes
# are turned.
MAX_EXACT, MAX_TURNED = 60, 1000
# Numbers that the problems fitted at a time may have in memory, and how many a parameter has.
MOST_NUMBERS, PER_PARAMETER = 1 << 24, 25
# How far the steps in single precision are to go.
ROUGH = 1e-4
# The square of a larger number has no place in single precision.
LARGEST = 1e15
METHODS = {"newton": NewtonColumns, "lbfgs": LBFGSColumns}


def fit_jointly(estimator, X, y, M, sample_weight):
    """Return one fitted clone of a softmax regression for each column of a code matrix.

    None if its parameters ask for what only a fit of its own can do, or the data are not suited.
    """
    own = ("classes", "early_stopping", "warm_start", "verbose")
    if any(getattr(estimator, name) not in (None, False) for name in own):
        return None
    template = clone(estimator)
    X = validate_data(template, X, accept_sparse="csr", dtype=FLOATS)
    M = np.asarray(M)
    solver = "newton" if X.shape[1] <= MAX_EXACT else "lbfgs"
    if estimator.solver not in ("auto", solver) or has_callbacks(estimator) or not suited(X, M):
        return None
    if y.shape != X.shape[:1]:
        raise ValueError(
            f"y must have one class for each of the {X.shape[0]} rows of X, got shape {y.shape}."
        )
    weight = check_row_weights(sample_weight, len(y))
    factor = problem_factors(estimator.class_weight, y, M, weight)
    if not weight.all():
        some = weight > 0
        X, y, weight = X[some], y[some], weight[some]
    problem = JointProblem(X, y, weight, estimator, solver)
    models, interrupted = solve(problem, M, factor, template, X.dtype)
    if not interrupted and estimator.solver == "auto" and choose_solver(X.shape[1]) != solver:
        interrupted = refit_unproven(models, X, y, M, weight)
    if interrupted:
        warn_of_interrupt(estimator, models)
    else:
        warn_of_failures(estimator, models)
    return models


def solve(problem, M, factor, template, dtype):
    """Return a model for each column, and whether an interrupt has ended that early."""
    models, interrupted = [], False
    for columns in problem.affordable(M):
        part = M[:, columns], factor[:, columns]
        minima = problem.start(len(columns))
        try:
            if not interrupted:
                problem.minimize(*part, minima)
        except KeyboardInterrupt:
            interrupted = True
        if interrupted:
            problem.settle(*part, minima)
        models += fitted_models(template, minima, problem, dtype)
    return models, interrupted


def suited(X, M):
    """Return whether a joint fit is safe, and quicker than one by one."""
    # In sparse problems that most rows sit out of, most features do not occur either.
    scattered = sp.issparse(X) and X.shape[1] > MAX_EXACT and not M.all()
    return not scattered and max(X.max(), -X.min()) <= LARGEST


def problem_factors(class_weight, y, M, weight):
    """Return the factors that `class_weight` means for the rows of each class in each problem."""
    totals = np.bincount(y, weight, minlength=len(M))
    sides = np.array([totals @ (M < 0), totals @ (M > 0)]).T
    factors = np.ones(sides.shape)
    if class_weight is not None:
        labels = np.arange(2)
        factors = np.array([class_factors(class_weight, labels, labels, side) for side in sides])
    lone = np.flatnonzero((factors * sides == 0).any(axis=1))
    if lone.size:
        raise ValueError(
            "M must give every problem rows of positive weight on both sides, got none on one side "
            f"of problem {lone[0]}."
        )
    return np.where(M > 0, factors[:, 1], factors[:, 0])


@dataclass
class JointProblem:
    """Rows and parameters that all columns share.

    Attributes
    ----------
    X : ndarray or CSR array of shape (n_samples, n_features)
        The rows.
    y : ndarray of int of shape (n_samples,)
        Their classes.
    weight : ndarray of shape (n_samples,)
        Their weights, positive.
    estimator : SoftmaxRegression
        The parameters.
    solver : {"newton", "lbfgs"}
        Which solver suits the number of features.
    road : {"compiled", "readable"}
        Where the inner loops are computed.
    """

    X: Any
    y: np.ndarray
    weight: np.ndarray
    estimator: Any
    solver: str

    def __post_init__(self):
        n_samples, n_features = self.X.shape
        self.road, self.kind = choose_column_road()
        if self.solver == "newton":
            # Small enough to be dense, and for second derivatives in double precision.
            X = self.X.toarray() if sp.issparse(self.X) else self.X
            self.X = X.astype(np.float64, copy=False)
        self.coordinates = Coordinates.suited_to(
            self.X,
            self.weight,
            fit_intercept=self.estimator.fit_intercept,
            turn=self.solver == "lbfgs" and n_features <= min(n_samples, MAX_TURNED),
        )

    def affordable(self, M):
        """Yield the columns of M in groups that fit into memory together."""
        n_cells = np.bincount(self.y, minlength=len(M)) @ (M != 0)
        n_params = self.X.shape[1] + 1
        per_problem = n_params * (3 * n_params if self.solver == "newton" else PER_PARAMETER)
        group = np.cumsum(6 * n_cells + per_problem) // MOST_NUMBERS
        yield from np.split(np.arange(M.shape[1]), np.flatnonzero(np.diff(group)) + 1)

    def start(self, n_problems):
        """Return what is known of some columns at first."""
        n_params = self.X.shape[1] + self.estimator.fit_intercept
        return ColumnMinima.start(np.zeros((n_problems, n_params)))

    def minimize(self, M, factor, minima):
        """Minimize the objectives of some columns, and note in `minima` how far that has come.

        The first steps, up to half of them, are made in single precision, at half the cost. Where
        they have led close enough to the minimum, all that is left to do in double precision is to
        prove it, unless `tol` asks for more than single precision can tell.
        """
        estimator, method = self.estimator, METHODS[self.solver]
        theta = minima.theta.copy()
        objective, is_double = self.objective(M, factor), self.X.dtype == np.float64
        if is_double:
            minimize_columns(
                objective.converted(np.float32).at(theta),
                method(),
                tol=max(ROUGH, estimator.tol),
                max_iter=(estimator.max_iter + 1) // 2,
                minima=minima,
            )
            better = minima.value < np.log(2)
            theta = np.where(better[:, None], minima.theta, theta)
        minimize_columns(
            objective.at(theta),
            method(),
            tol=estimator.tol,
            max_iter=estimator.max_iter,
            gap=suboptimality_bounds if estimator.alpha > 0 else None,
            minima=minima,
            may_stay=is_double and estimator.tol > np.finfo(np.float32).eps,
        )

    def settle(self, M, factor, minima):
        """Find out where an interrupted minimization has come to."""
        points, everywhere = self.objective(M, factor).at(minima.theta), slice(None)
        minima.note_end(everywhere, points, everywhere)
        minima.bound = suboptimality_bounds(points)
        minima.converged = minima.bound <= self.estimator.tol * minima.value

    def objective(self, M, factor):
        """Return the objectives of some columns."""
        return self.kind(
            self.X,
            self.y,
            M,
            self.weight,
            factor,
            alpha=self.estimator.alpha,
            coordinates=self.coordinates,
        )


def fitted_models(template, minima, problem, dtype):
    """Return models at the minima, with all that a fit of their own would have set."""
    coef, intercept = (a.astype(dtype) for a in problem.coordinates.original(minima.theta))
    # No loss is negative: the objective itself is a bound.
    bound = np.minimum(minima.bound, minima.value)
    clone_of_template = cloner(template)
    models = [clone_of_template() for _ in coef]
    seen = features_seen(template)
    for i, model in enumerate(models):
        vars(model).update(
            seen,
            classes_=np.arange(2),
            coef_=coef[i : i + 1].copy(),
            intercept_=intercept[i : i + 1].copy(),
            n_iter_=int(minima.n_iter[i]),
            loss_=float(minima.value[i]),
            loss_curve_=minima.curves[i],
            validation_loss_curve_=None,
            gradient_norm_=float(minima.gradient_norm[i]),
            suboptimality_bound_=float(bound[i]),
            converged_=bool(minima.converged[i]),
            solver_=problem.solver,
            road_=problem.road,
            _training=None,
        )
    return models


def refit_unproven(models, X, y, M, weight):
    """Fit again one by one what is not proven to be good; return whether that was interrupted."""
    for model, signs in zip(models, M.T, strict=True):
        unproven = model.alpha > 0 and model.suboptimality_bound_ > model.tol * model.loss_
        if unproven or not model.converged_:
            try:
                refit(model, X, y, signs, weight)
            except KeyboardInterrupt:
                return True
    return False


def refit(model, X, y, signs, weight):
    """Fit a model of the joint fit again on its own, where a better solver is affordable.

    An interrupt leaves the model as it was.
    """
    alone, rows = clone(model), np.flatnonzero(signs[y])
    alone._fit((X[rows], (signs[y[rows]] > 0).astype(int), weight[rows]), is_part=True)
    vars(model).update(vars(alone) | features_seen(model))


def features_seen(model):
    """Return what validation has set of the features of X."""
    return {name: value for name, value in vars(model).items() if name.endswith("_in_")}


def warn_of_interrupt(estimator, models):
    """Warn that a fit was interrupted, and say what there is."""
    n_unfinished = sum(not model.converged_ for model in models)
    estimator._warn(
        UserWarning,
        f"was interrupted; {n_unfinished} of {len(models)} problems are not solved yet, and their "
        "models are as they were then. Call fit again for all",
    )


def warn_of_failures(estimator, models):
    """Warn if some models have not converged."""
    failed = [model for model in models if not model.converged_]
    if failed:
        worst = max(failed, key=lambda model: model.suboptimality_bound_)
        estimator._warn(
            ConvergenceWarning,
            f"did not converge in {len(failed)} of {len(models)} problems. The worst "
            f"{worst._advice()}",
        )
