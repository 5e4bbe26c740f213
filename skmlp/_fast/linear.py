"""The linear objective on the compiled road: the same points, with one pass over the rows each."""

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp

import skmlp._fast._linear as _linear
from skmlp._fast.program import program_rows
from skmlp.nn.duality import gradient_bound
from skmlp.nn.linear import LinearObjective
from skmlp.nn.losses import Array, LogisticCrossEntropy, SoftmaxCrossEntropy
from skmlp.nn.preconditioners import (
    FULL_SAMPLE,
    GRAM_SAMPLE,
    Preconditioner,
    centred_diagonal,
    diagonal,
    full_hessian,
    row_sizes,
    sampled_rows,
    shared_gram,
    sum_of_squares,
    weighted_sum,
)
from skmlp.optim.newton import Inverse, Solution

# Sizes of matrices are 32-bit integers for BLAS.
LARGEST_SIZE = 2**31 - 1


def compiled_linear(objective: LinearObjective, kernels: str | None = None) -> Any:
    """Return the objective with points that are computed by the compiled road; None if it cannot.

    Parameters
    ----------
    objective : LinearObjective
        On dense or CSR rows, with softmax cross-entropy, or binary logistic with one output;
        targets are class indices.
    kernels : str, default=None
        Name of an instruction set; None takes the best.
    """
    X, loss, C = objective.X, objective.loss, objective.n_outputs
    expected = LogisticCrossEntropy if C == 1 else SoftmaxCrossEntropy
    built_in = type(objective) is LinearObjective and type(loss) is expected
    if not built_in or X.dtype not in (np.float32, np.float64):
        return None
    if (
        vars(loss) != vars(expected())
        or objective.y.ndim != 1
        or objective.y.dtype.kind not in "iu"
    ):
        return None
    if max(X.shape) >= LARGEST_SIZE:
        return None
    if sp.issparse(X):
        is_ready = X.format == "csr" and X.data.flags.aligned and X.indices.flags.aligned
    else:
        is_ready = X.flags.aligned and (has_whole_rows(X) or has_whole_rows(X.T))
    return CompiledObjective(objective, kernels) if is_ready else None


def has_whole_rows(X: Array) -> bool:
    """Return whether a row's entries are side by side, and rows equally far apart, in order."""
    apart, size = X.strides[0], X.itemsize
    by_rows = X.strides[1] == size and apart >= X.shape[1] * size and apart % size == 0
    return X.flags.c_contiguous or by_rows


class CompiledObjective:
    """A linear objective that points are made of.

    Parameters
    ----------
    objective : LinearObjective
        What is computed.
    kernels : str, default=None
        Name of an instruction set; None takes the best.
    """

    def __init__(self, objective: LinearObjective, kernels: str | None = None) -> None:
        self.X, self.alpha = objective.X, objective.alpha
        self.fit_intercept = objective.fit_intercept
        self.n_weights, self.n_params = objective.n_weights, objective.n_params
        self.n_outputs = objective.n_outputs
        self.n_inputs = objective.n_params // objective.n_outputs
        rows, n_features = objective.X, None
        if sp.issparse(rows):
            n_features = rows.shape[1]
            rows, _ = program_rows(rows, rows.dtype, 1)
        self.program = _linear.LinearProgram(
            rows,
            np.ascontiguousarray(objective.y, np.int64),
            np.ascontiguousarray(objective.weight, np.float64),
            n_outputs=objective.n_outputs,
            alpha=float(objective.alpha),
            fit_intercept=bool(objective.fit_intercept),
            n_features=n_features,
            kernels=kernels,
        )
        self.weight = objective.weight
        compiled: dict[Any, Any] = {
            shared_gram: compiled_gram,
            full_hessian: compiled_hessian,
            diagonal: compiled_diagonal,
        }
        self.preconditioners = tuple(
            replace(rung, build=compiled[rung.build]) for rung in objective.preconditioners
        )

    @cached_property
    def row_sizes(self) -> Array:
        """What `skmlp.nn.preconditioners.row_sizes` says of X."""
        return row_sizes(self.X)

    def at(self, theta: Array) -> "CompiledPoint":
        """Return the objective at theta."""
        F = self.program.image(theta)
        residual, value = self.program.evaluate(F)
        return CompiledPoint(self, theta, residual, value + self.penalty(theta), F=F)

    def penalty(self, theta: Array) -> float:
        """Return alpha times the squared norm of the weights."""
        W = theta[: self.n_weights]
        return self.alpha * float(W @ W)


class CompiledPoint:
    """The objective at one theta, as `LinearPoint`; arrays over rows are those of the program.

    Attributes
    ----------
    theta : ndarray of shape (n_params,)
        Where.
    value : float
        J(theta).
    """

    __slots__ = ("_F", "_came_by", "_gradient", "_state", "objective", "theta", "value")

    def __init__(
        self,
        objective: CompiledObjective,
        theta: Array,
        residual: Array,
        value: float,
        *,
        F: Array | None = None,
        came_by: tuple["CompiledPoint", Array, float, float] | None = None,
    ) -> None:
        self.objective = objective
        self.theta = theta
        self.value = value
        self._F = F
        # Residuals until the gradient is known, probabilities after that.
        self._state = residual
        self._gradient: Array | None = None
        # Where from, the image, the step and the slope; until the scores are wanted.
        self._came_by = came_by

    @property
    def F(self) -> Array:
        """Scores, an array over rows: where possible, it is taken from the point before.

        A solver that goes on from here has no more use for the scores there.
        """
        program = self.objective.program
        if self._F is None and self._came_by is not None:
            start, image, step, _ = self._came_by
            self._F, start._F, self._came_by = start._F, None, None
            if self._F is not None:
                program.advance(self._F, image, step)
        if self._F is None:
            self._F = program.image(self.theta)
        return self._F

    @property
    def gradient(self) -> Array:
        """Derivative of J, shape (n_params,)."""
        self._settle()
        assert self._gradient is not None
        return self._gradient

    def _settle(self) -> None:
        """Compute the gradient, if it is not known: that makes probabilities of residuals.

        It is asked for where a solver stays: the scores move here, and let go of the point before.
        """
        if self._gradient is None:
            _ = self.F
            self._gradient = self.objective.program.pull_back(self._state, self.theta)

    @property
    def probabilities(self) -> Array:
        """Probabilities of the classes, an array over rows."""
        self._settle()
        return self._state

    def hessian_product(self, v: Array) -> Array:
        """Return the exact product of the Hessian with v, shape (n_params,)."""
        Hv: Array = self.objective.program.hessian_product(self.probabilities, v)
        return Hv

    @property
    def preconditioners(self) -> tuple[Preconditioner, ...]:
        """Ways to approximate the inverse of the Hessian, from cheap to close."""
        return self.objective.preconditioners

    def image(self, direction: Array) -> Array:
        """Return how the scores change along a direction."""
        image: Array = self.objective.program.image(direction)
        return image

    def slope(self, direction: Array, image: Array) -> float:
        """Return the derivative of J along a direction whose image is known."""
        k = self.objective.n_weights
        if self._came_by is not None and self._came_by[1] is image:
            slope = self._came_by[3]
        else:
            slope = self.objective.program.move(self.F, image, 0.0)[2]
        return slope + 2 * self.objective.alpha * float(self.theta[:k] @ direction[:k])

    def moved(self, direction: Array, image: Array, step: float) -> "CompiledPoint":
        """Return the point a step further along a direction whose image is known."""
        theta = self.theta + step * direction
        residual, value, slope = self.objective.program.move(self.F, image, step)
        value += self.objective.penalty(theta)
        came_by = self, image, step, slope
        return CompiledPoint(self.objective, theta, residual, value, came_by=came_by)


def compiled_gram(point: CompiledPoint) -> Inverse:
    """Return `skmlp.nn.preconditioners.shared_gram` at a point."""
    program = point.objective.program
    q = _linear.average_curvatures(program, point.probabilities)
    sample = sampled_rows(point.objective, q, q, point.objective.n_inputs, GRAM_SAMPLE)
    inverse: Inverse = _linear.shared_gram(program, *sample)
    return inverse


def compiled_hessian(point: CompiledPoint) -> Inverse:
    """Return `skmlp.nn.preconditioners.full_hessian` at a point."""
    objective, program = point.objective, point.objective.program
    q = _linear.average_curvatures(program, point.probabilities)
    sample = sampled_rows(objective, q, objective.weight, objective.n_params, FULL_SAMPLE)
    inverse: Inverse = _linear.full_hessian(program, point.probabilities, *sample)
    return inverse


def compiled_diagonal(point: CompiledPoint, ridge: float = 1.0) -> Inverse:
    """Return `skmlp.nn.preconditioners.diagonal` at a point."""
    objective, X = point.objective, point.objective.X
    if sp.issparse(X) and not X.has_canonical_format:
        # A pass would square the parts of a feature that is stored twice, not their sum.
        q = _linear.average_curvatures(objective.program, point.probabilities)
        sums = sum_of_squares(X, q), weighted_sum(X, q), float(q.sum())
    else:
        sums = _linear.curved_squares(objective.program, point.probabilities)
    h, m = centred_diagonal(objective, *sums, ridge)
    inverse: Inverse = _linear.DiagonalInverse(h, objective.n_inputs, objective.n_outputs, m)
    return inverse


def conjugate_gradients(
    point: CompiledPoint,
    precondition: Inverse,
    goal: float,
    residual_target: float,
    max_cg: int,
) -> Solution:
    """Return what `skmlp.optim.newton.conjugate_gradients` does, in one call of the program."""
    return Solution(
        *_linear.conjugate_gradients(
            point.objective.program,
            point.probabilities,
            point.gradient,
            precondition,
            point.value,
            goal,
            residual_target,
            max_cg,
        )
    )


def suboptimality_bound(
    point: CompiledPoint, previous: CompiledPoint | None = None, image: Array | None = None
) -> float:
    """Return what `skmlp.nn.duality.suboptimality_bound` does."""
    if not point.objective.alpha > 0:
        return point.value
    step = () if previous is None or image is None else (previous.probabilities, image)
    if not (step or point.objective.fit_intercept):
        return gradient_bound(point)
    bound: float = _linear.duality_gap(
        point.objective.program, point.F, point.probabilities, point.theta, *step
    )
    return bound if bound < point.value else point.value
