r"""The objectives of the columns of a code matrix, side by side.

A column of a code matrix M puts every class on the side of +1 or on the side of -1, or lets it sit
out (0). A linear model for each column tells the two sides apart:

.. math::
    J_l(\theta_l) = \sum_i w_{il} \ln\bigl(1 + e^{u_{il}}\bigr) + \alpha \lVert W_l \rVert^2,
    \qquad u_{il} = -M_{y_i l} \, x_i^T \theta_l, \qquad \sum_i w_{il} = 1 .

That is the objective of `LinearObjective` with `LogisticCrossEntropy`, one for each column. With
the probability of the wrong side, :math:`q = 1 / (1 + e^{-u})`, its derivatives are

.. math::
    \nabla J_l = -\sum_i w_{il} M_{y_i l} \, q_{il} \, x_i + 2 \alpha W_l, \qquad
    \nabla^2 J_l = \sum_i w_{il} \, q_{il} (1 - q_{il}) \, x_i x_i^T + 2 \alpha I_W .

All models share the rows, so a few matrix products serve all of them. A cell is a row together with
a problem that it takes part in; only cells have a u and a q.
"""

from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from skmlp.nn.blocks import make_blocks
from skmlp.nn.coordinates import Coordinates
from skmlp.nn.losses import Array


@dataclass
class Cells:
    """One number for each cell.

    Attributes
    ----------
    memory : ndarray
        Where they are.
    blocks : list of ndarray of shape (k, n)
        Views of it, one for each block.
    """

    memory: Array
    blocks: list[Array]


class ColumnObjective:
    """Objectives of the columns of a code matrix on fixed data.

    Parameters
    ----------
    X : ndarray or CSR array of shape (n_samples, n_features)
        The rows. What there is for each cell is computed in their dtype, and added up in double
        precision.
    y : ndarray of int of shape (n_samples,)
        Their classes, from 0 to n_classes - 1.
    M : ndarray of shape (n_classes, n_problems)
        Code matrix of -1, 0 and +1. Every problem has rows on both sides.
    weight : ndarray of shape (n_samples,)
        Weights of the rows, positive.
    factor : ndarray of shape (n_classes, n_problems)
        What they are multiplied by in each problem, before they are made to sum to one there;
        positive where M is not 0.
    alpha : float
        Strength of the L2 penalty.
    coordinates : Coordinates
        The coordinates of theta.

    Attributes
    ----------
    n_problems : int
        Number of columns.
    n_params : int
        Length of a model theta: first its weights, then, if there is one, its intercept.
    n_weights : int
        Number of its weights.

    Notes
    -----
    Value and gradient cost O(n_features) for each cell, second derivatives O(n_features^2). Memory:
    a copy of the rows, and six numbers for each cell. That memory is used again and again, because
    to get it from the system takes about as long as to fill it.
    """

    def __init__(
        self,
        X: Any,
        y: Array,
        M: Array,
        weight: Array,
        factor: Array,
        *,
        alpha: float,
        coordinates: Coordinates,
    ) -> None:
        self.n_problems = M.shape[1]
        self.n_weights = X.shape[1]
        self.n_params = X.shape[1] + coordinates.n_constants
        self.alpha = alpha
        share = np.where(M != 0, factor, 0.0)
        share /= np.bincount(y, weight, minlength=len(M)) @ share
        self.blocks = list(make_blocks(X, y, M, weight, share, coordinates))
        self.measure()
        self.free = self.fresh_memory()

    def measure(self) -> None:
        """Take note of dtype and shapes of the blocks, and get scratch memory."""
        self.dtype: np.dtype[Any] = self.blocks[0].X_T.dtype
        self.shapes = [block.shape for block in self.blocks]
        self.ends = np.cumsum([k * n for k, n in self.shapes]).tolist()
        self.passing = np.empty((2, max(k * n for k, n in self.shapes)), self.dtype)

    def converted(self, dtype: Any) -> "ColumnObjective":
        """Return the same objectives, computed in another dtype."""
        new = copy(self)
        new.blocks = [block.converted(dtype) for block in self.blocks]
        new.measure()
        new.free = new.fresh_memory()
        return new

    def fresh_memory(self) -> list[Array]:
        """Return memory for a point, a ray from it, and a bound: in one piece, for large pages."""
        return list(np.empty((6, self.ends[-1]), self.dtype))

    def cells(self) -> Cells:
        """Return numbers for all cells, not set, in memory that was released if there is some."""
        size = self.ends[-1]
        fits = self.free and len(self.free[-1]) >= size
        memory = self.free.pop() if fits else np.empty(size, self.dtype)
        places = zip(self.ends, self.shapes, strict=True)
        return Cells(memory, [memory[end - k * n : end].reshape(k, n) for end, (k, n) in places])

    def release(self, *cells: Cells) -> None:
        """Give up cells: their memory serves again."""
        self.free += [old.memory for old in cells]

    def scratch(self, shape: tuple[int, int]) -> tuple[Array, Array]:
        """Return two arrays over a block for passing use."""
        first, second = self.passing[:, : shape[0] * shape[1]].reshape(2, *shape)
        return first, second

    def signed_scores(self, theta: Array) -> Cells:
        """Return u of models theta, shape (n_problems, n_params)."""
        cells, theta = self.cells(), theta.astype(self.dtype)
        for block, out in zip(self.blocks, cells.blocks, strict=True):
            block.signed_scores(theta, out)
        return cells

    # Scores may be so large that `evaluate` must take the way around an overflow.
    @np.errstate(over="ignore")
    def at(self, theta: Array) -> "ColumnPoint":
        """Return the objectives at theta, shape (n_problems, n_params)."""
        point = ColumnPoint(self, theta, self.signed_scores(theta), self.cells())
        for i, block in enumerate(self.blocks):
            point.value[block.columns] += self.evaluate(i, point.u.blocks[i], point.q.blocks[i])
        return point

    def evaluate(self, i: int, u: Array, q: Array, some: Array | slice = slice(None)) -> Array:
        """Put the probabilities of block i into q, and return the weighted sum of its losses.

        `some` says of which of its problems u and q are. Small probabilities keep their digits.
        """
        losses, _ = self.scratch(u.shape)
        np.log1p(np.exp(u, out=q), out=losses)
        total = self.blocks[i].total(losses, some)
        if not np.isfinite(total).all():
            # Where e^u is larger than this, ln(1 + e^u) is u to the last digit.
            largest = u.dtype.type(0.9 * np.log(np.finfo(u.dtype).max))
            np.exp(np.minimum(u, largest), out=q)
            np.add(np.log1p(q), np.maximum(u - largest, 0), out=losses)
            total = self.blocks[i].total(losses, some)
        np.add(q, 1, out=losses)
        q /= losses
        return total

    def walk(
        self, start: Cells, image: Cells, step: Array, moving: Array, u: Cells, q: Cells
    ) -> tuple[Array, Array]:
        """Put u at a step from the start, and q with it, in the problems that move.

        Returns
        -------
        losses, slopes : ndarray of shape (n_problems,)
            Weighted sums of the losses there, and of their derivatives along the image; 0 where
            nothing moves.
        """
        losses, slopes = np.zeros((2, self.n_problems))
        factor = step.astype(self.dtype)[:, None]
        for i, block in enumerate(self.blocks):
            mine = moving[block.columns]
            # A slice gives views: what is put there need not be put back.
            some = slice(None) if mine.all() else np.flatnonzero(mine)
            columns = block.columns[some]
            if not columns.size:
                continue
            U, Q, V = (cells.blocks[i][some] for cells in (u, q, image))
            np.multiply(V, factor[columns], out=U)
            U += start.blocks[i][some]
            losses[columns] += self.evaluate(i, U, Q, some)
            product, _ = self.scratch(U.shape)
            slopes[columns] += block.total(np.multiply(Q, V, out=product), some)
            if not mine.all():
                u.blocks[i][some], q.blocks[i][some] = U, Q
        return losses, slopes

    def pair_products(self, i: int, out: Array) -> Array:
        """Put the products of any two features j <= k of the rows of block i into out.

        There is a row for each pair, in the order of ``np.triu_indices``.
        """
        X_T, start = self.blocks[i].X_T, 0
        for j in range(len(X_T)):
            end = start + len(X_T) - j
            np.multiply(X_T[j:], X_T[j], out=out[start:end, : X_T.shape[1]])
            start = end
        return out[:, : X_T.shape[1]]

    def penalty_gradient(self, theta: Array) -> Array:
        """Return 2 alpha W, and 0 for the intercept."""
        grad = 2 * self.alpha * theta
        grad[:, self.n_weights :] = 0
        return grad

    def pull_back(self, q: Cells, theta: Array) -> Array:
        """Return the gradient at theta with any q."""
        grad = self.penalty_gradient(theta)
        for block, part in zip(self.blocks, q.blocks, strict=True):
            grad[block.columns] += block.pull_back(part)
        return grad

    def take(self, columns: Array) -> tuple["ColumnObjective", list[Array]]:
        """Return the objectives of some columns, and which problems of each block they are."""
        chosen = np.zeros(self.n_problems, bool)
        chosen[columns] = True
        numbers = np.cumsum(chosen) - 1
        some = [np.flatnonzero(chosen[block.columns]) for block in self.blocks]
        kept = zip(self.blocks, some, strict=True)
        new = copy(self)
        new.blocks = [block.take(mine, numbers) for block, mine in kept if mine.size]
        new.n_problems = len(columns)
        new.measure()
        return new, some


class ColumnPoint:
    """The objective of every column, each at a theta of its own.

    Attributes
    ----------
    theta : ndarray of shape (n_problems, n_params)
        Where.
    u, q : Cells
        Signed scores, and probabilities of the wrong side.
    value : ndarray of shape (n_problems,)
        J. Whoever makes a point adds the losses to it; the penalty is in from the start.
    """

    def __init__(self, objective: ColumnObjective, theta: Array, u: Cells, q: Cells) -> None:
        self.objective = objective
        self.theta = theta
        self.u, self.q = u, q
        self.value = np.einsum("ij,ij->i", theta, objective.penalty_gradient(theta)) / 2
        self._gradient: Array | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of numbers of cells."""
        return self.objective.dtype

    @property
    def gradient(self) -> Array:
        """Derivative of J, shape (n_problems, n_params)."""
        if self._gradient is None:
            self._gradient = self.objective.pull_back(self.q, self.theta)
        return self._gradient

    @property
    def hessians(self) -> Array:
        """Second derivatives of J, shape (n_problems, n_params, n_params)."""
        objective, p = self.objective, self.objective.n_params
        j, k = np.triu_indices(p)
        packed = np.zeros((len(self.theta), len(j)))
        memory = np.empty((len(j), max(n for _, n in objective.shapes)), self.dtype)
        at_zero = not self.theta.any()
        for i, (block, q) in enumerate(zip(objective.blocks, self.q.blocks, strict=True)):
            if at_zero and block.weight.shape[1] == 1:
                # All q (1 - q) are 1/4.
                packed[block.columns] += block.weight * (block.X_T @ block.X_T.T)[j, k] / 4
                continue
            D, _ = objective.scratch(q.shape)
            np.subtract(q, np.multiply(q, q, out=D), out=D)
            packed[block.columns] += block.second_moments(D, objective.pair_products(i, memory))
        place = np.empty((p, p), int)
        place[j, k] = place[k, j] = np.arange(len(j))
        H = packed[:, place]
        np.einsum("ljj->lj", H)[:, : objective.n_weights] += 2 * objective.alpha
        return H

    def diagonals(self, ridge: float = 1.0) -> Array:
        """Return the diagonals of the second derivatives, shape (n_problems, n_params).

        Their share from the penalty counts `ridge` times: see `preconditioners.diagonal`.
        """
        diagonals = ridge * self.objective.penalty_gradient(np.ones_like(self.theta))
        for block, q in zip(self.objective.blocks, self.q.blocks, strict=True):
            diagonals[block.columns] += block.squares(q - q * q)
        return diagonals

    def ray(self, direction: Array) -> "ColumnRay":
        """Return the way along a direction for each column."""
        return ColumnRay(self, direction)

    def take(self, columns: Array) -> "ColumnPoint":
        """Return the points of some columns. This one is used up."""
        objective, some = self.objective.take(columns)
        u, q = objective.cells(), objective.cells()
        for old, new in ((self.u, u), (self.q, q)):
            kept = [(part, mine) for part, mine in zip(old.blocks, some, strict=True) if mine.size]
            for (part, mine), out in zip(kept, new.blocks, strict=True):
                np.take(part, mine, axis=0, out=out)
        self.objective.release(self.u, self.q)
        point = ColumnPoint(objective, self.theta[columns], u, q)
        point.value = self.value[columns]
        point._gradient = None if self._gradient is None else self._gradient[columns]
        return point


class ColumnRay:
    """The way from a point along a direction for each column.

    Scores are linear in theta: a step costs a few operations on each cell, and no product with X.

    Attributes
    ----------
    start, end : ColumnPoint
        Where the way begins, and where the last step has led.
    image : Cells
        Change of u along the direction.
    slope : ndarray of shape (n_problems,)
        Derivative of J along the direction at the end.
    """

    def __init__(self, start: ColumnPoint, direction: Array) -> None:
        objective = start.objective
        self.start = start
        self.direction = direction
        self.image = objective.signed_scores(direction)
        self.end = ColumnPoint(objective, start.theta, objective.cells(), objective.cells())
        self.slope = np.empty(len(direction))

    @np.errstate(over="ignore")
    def move(self, step: Array, moving: Array) -> None:
        """Put the end a step, shape (n_problems,), from the start, in the columns that move.

        In the others the step must be that which was made there before.
        """
        objective, start, old = self.start.objective, self.start, self.end
        end = ColumnPoint(objective, start.theta + step[:, None] * self.direction, old.u, old.q)
        losses, slopes = objective.walk(start.u, self.image, step, moving, end.u, end.q)
        slopes += np.einsum("ij,ij->i", objective.penalty_gradient(end.theta), self.direction)
        end.value = np.where(moving, end.value + losses, old.value)
        self.slope = np.where(moving, slopes, self.slope)
        self.end = end

    def arrive(self) -> ColumnPoint:
        """Return the end. The start is used up."""
        self.start.objective.release(self.start.u, self.start.q, self.image)
        return self.end
