r"""Cheap approximate inverses of the Hessian of a linear model.

Conjugate gradients on :math:`H v = -g` take few steps when preconditioned by a matrix close to H.
With :math:`\tilde x_i` a row and its intercept column, the Hessian of softmax regression is

.. math:: H = \sum_i w_i \, (\operatorname{diag} p_i - p_i p_i^T) \otimes
              \tilde x_i \tilde x_i^T + 2 \alpha I .

Three approximations, from the closest to the cheapest; `choose_preconditioners` holds the rule:

``full_hessian``
    H itself from a sample of the rows: one factor of a matrix over all parameters.
``shared_gram``
    One matrix for all outputs, the curvatures averaged over them: a factor over the features.
``diagonal``
    The diagonal of H averaged over outputs: no matrix at all.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import scipy.sparse as sp

from skmlp.nn.losses import Array, Loss

Inverse = Callable[[Array], Array]

# Largest matrices that are factored, by rows: over all parameters, and over the features.
MAX_FULL = 1000
MAX_GRAM = 4000
# A matrix is summed over a sample of the rows: this many times its size, or more where that costs
# less than a few products with the Hessian.
GRAM_SAMPLE, FULL_SAMPLE = 12, 4
ROWS_FOR_FREE = 20
# Where a sample begins, as a part of what one of its rows stands for: irrational, so that rounding
# does not decide between rows that count the same.
PHASE = 0.6180339887498949
# Operations for a matrix that are too few to think about: it is built for every step.
TRIFLE = 1e6
ROUNDING = 1e-10
# Least share that the spread of a feature has in its mean square: below, it is rounding error.
LEAST_SPREAD = 1e-13
# Numbers in a block of rows, for products with it and for cheaper things.
BLOCK, IN_CACHE = 1 << 18, 1 << 16


class Point(Protocol):
    """What a preconditioner reads of a `LinearPoint`."""

    objective: Any

    @property
    def curvature(self) -> tuple[Array, Array]: ...


@dataclass
class Preconditioner:
    """A way to build an approximate inverse of the Hessian, and what that costs.

    Attributes
    ----------
    build : callable
        Given a point, returns the approximate inverse there as a function of a vector.
    cost : float
        Of building it, in products with the Hessian. A solver had better build a new one when
        conjugate gradients took more products than that with the old one.
    """

    build: Callable[[Point], Inverse]
    cost: float


def choose_preconditioners(X: Any, loss: Loss, n_outputs: int) -> tuple[Preconditioner, ...]:
    """Return the preconditioners that the size of the problem affords, from cheap to close.

    Parameters
    ----------
    X : ndarray or CSR/CSC array of shape (n_samples, n_features)
        The rows.
    loss : Loss
        A loss of one output needs no more than the shared Gram matrix, which is then exact.
    n_outputs : int
        Number of score columns.
    """
    n_samples, n_features = X.shape
    if n_features > MAX_GRAM:
        return (Preconditioner(diagonal, 2.0),)
    per_row = numbers_per_row(X)
    # Elementwise work on one score takes as long as some forty operations of a matrix product.
    product = n_samples * n_outputs * (4 * per_row + 40)

    def matrix(build: Callable[[Point], Inverse], size: int, sample: int) -> Preconditioner:
        work = sample_size(n_samples, size, sample) * size**2 + 2 * size**3
        return Preconditioner(build, 2 + work / (2 * product) if work > TRIFLE else 0.0)

    ladder = [matrix(shared_gram, n_features, GRAM_SAMPLE)]
    if loss.coupled and n_features * n_outputs <= MAX_FULL:
        ladder.append(matrix(full_hessian, n_features * n_outputs, FULL_SAMPLE))
    return tuple(ladder)


def sample_size(n_samples: int, size: int, sample: int) -> int:
    """Return how many rows are enough for a matrix of the given size: all, half, a third ..."""
    enough = max(sample * size, ROWS_FOR_FREE * n_samples // size)
    return n_samples // max(1, n_samples // enough)


def sampled_rows(
    objective: Any, curvature: Array, weight: Array, size: int, sample: int
) -> tuple[Array | None, Array]:
    """Return rows that stand for all of them, and what they count instead of their weights.

    They are evenly spaced on the sum of what a row is in a matrix, its curvature times its size.
    So every stretch of sorted data has its share, and the few rows of which most of the matrix is
    made are there, however rare their class or large their features. None are all rows.
    """
    n_samples = len(curvature)
    n_sampled = sample_size(n_samples, size, sample)
    if n_sampled == n_samples:
        return None, weight
    sizes = objective.row_sizes
    # One array over the rows is enough.
    ends = np.zeros(n_samples + 1)
    np.cumsum(np.multiply(curvature, sizes, out=ends[1:]), out=ends[1:])
    share = ends[-1] / n_sampled
    ends /= share
    ends += PHASE
    np.floor(ends, out=ends)
    rows = np.flatnonzero(ends[1:] > ends[:-1]).astype(np.int64, copy=False)
    times = ends[rows + 1] - ends[rows]
    return rows, times * share / (curvature[rows] * sizes[rows]) * weight[rows]


def row_sizes(X: Any) -> Array:
    """Return how large the squares of each row are beside the average, halfway to 1 for all.

    Each feature is measured by its own average, as a matrix of them is scaled to unit diagonal.
    """
    n_samples, n_features = X.shape
    average = sum_of_squares(X, np.full(n_samples, 1 / n_samples))
    inverse = 1 / np.maximum(average, np.finfo(np.float64).tiny)
    sizes = np.ones(n_samples)
    for rows in row_blocks(X):
        sizes[rows] += squared(X[rows]) @ inverse / n_features
    return sizes


def full_hessian(point: Point) -> Inverse:
    """Factor the Hessian over all parameters, summed over a sample of the rows.

    Costs O(m p^2 + p^3) for m rows and p parameters.
    """
    objective = point.objective
    D, _ = point.curvature
    C, d = objective.n_outputs, objective.X.shape[1] + objective.fit_intercept
    coupling, blocks, squares = np.zeros((C * d, C * d)), np.zeros((d, C * d)), np.zeros(d)
    q = mean_curvature(point)
    sample = sampled_rows(objective, q, objective.weight, C * d, FULL_SAMPLE)
    for part, block in weighted_blocks(objective, *sample):
        # One row is sqrt(w) p (outer) x.
        Q = (D[part][:, :, None] * block[:, None, :]).reshape(len(block), C * d)
        coupling += Q.T @ Q
        blocks += block.T @ Q
        squares += np.einsum("ij,ij->j", block, block)
    H = -coupling.reshape(C, d, C, d)
    np.einsum("kikj->kij", H)[...] += blocks.reshape(d, C, d).transpose(1, 0, 2)
    mean_diagonal = np.einsum("kjkj->j", H) / C
    # Where probabilities are nearly 0 or 1, rounding may leave the difference negative. The same
    # amount for all outputs keeps what is said on shifts below true.
    np.einsum("kjkj->kj", H)[...] += ROUNDING / C * squares
    # Moving all outputs alike changes no probability. No gradient points there either, so any
    # curvature put in those directions makes H invertible and alters no other.
    np.einsum("kjlj->klj", H)[...] += mean_diagonal
    return ridge_inverse(H.transpose(1, 0, 3, 2).reshape(C * d, C * d), objective)


def shared_gram(point: Point) -> Inverse:
    """Factor X^T diag(q) X with q the curvature averaged over the outputs.

    Costs O(m d^2 + d^3) for m rows and d features, whatever the number of outputs.
    """
    objective = point.objective
    q = mean_curvature(point)
    d = objective.X.shape[1] + objective.fit_intercept
    A = np.zeros((d, d))
    for _, block in weighted_blocks(objective, *sampled_rows(objective, q, q, d, GRAM_SAMPLE)):
        A += block.T @ block
    inverse = ridge_inverse(A, objective)
    return lambda v: inverse(v.reshape(d, -1)).ravel()


def diagonal(point: Point, ridge: float = 1.0) -> Inverse:
    """Divide by the diagonal of the Hessian of centred features, averaged over the outputs."""
    X, q = point.objective.X, mean_curvature(point)
    sums = sum_of_squares(X, q), weighted_sum(X, q), float(q.sum())
    h, m = centred_diagonal(point.objective, *sums, ridge)
    n_inputs, h = len(h), h[:, None]

    def inverse(v: Array) -> Array:
        V = v.reshape(n_inputs, -1)
        if m is None:
            return np.asarray(V / h).ravel()
        U = np.empty_like(V)
        U[:-1] = (V[:-1] - m[:, None] * V[-1]) / h[:-1]
        U[-1] = V[-1] / h[-1] - m @ U[:-1]
        return U.ravel()

    return inverse


def centred_diagonal(
    objective: Any, squares: Array, sums: Array, total: float, ridge: float
) -> tuple[Array, Array | None]:
    r"""Return a diagonal over inputs where features have mean zero, if there is an intercept.

    With :math:`W^T x + b = W^T (x - m) + b'` and m the mean of the features by the curvature q,
    W and :math:`b' = b + W^T m` bend apart from one another, however far m is from zero. From the
    derivatives in W and b follow those in W and b', and from the step in b' that in b.

    Parameters
    ----------
    objective : LinearObjective or CompiledObjective
        Has penalty and intercept.
    squares, sums : ndarray of shape (n_features,)
        Sums over rows of q times the squared features, and times the features.
    total : float
        Sum of q, the curvatures of the rows.
    ridge : float
        How many times the share of the penalty counts. More than once makes the first steps along
        rare features smaller, whose curvature at the start is far from what it will be at the end.

    Returns
    -------
    diagonal : ndarray of shape (n_inputs,)
        Positive.
    means : ndarray of shape (n_features,) or None
        m; None if no intercept can take it up.
    """
    penalty = 2 * ridge * objective.alpha
    if not (objective.fit_intercept and total > 0):
        h, m = squares + penalty, None
    else:
        m = sums / total
        h = np.maximum(squares - total * m**2, LEAST_SPREAD * squares) + penalty
    intercept = [total if total > 0 else 1.0] * objective.fit_intercept
    return np.append(np.where(h > 0, h, 1), intercept), m


def sum_of_squares(X: Any, q: Array) -> Array:
    """Return the sum over rows of q times the squared features."""
    return np.asarray(sum(q[rows] @ squared(X[rows]) for rows in row_blocks(X)))


def squared(X: Any) -> Any:
    """Return the squares, in float64: those of float32 may overflow."""
    return X.power(2, np.float64) if sp.issparse(X) else np.square(X, dtype=np.float64)


def weighted_sum(X: Any, q: Array) -> Array:
    """Return the sum over rows of q times the features."""
    return np.asarray(sum(q[rows] @ X[rows] for rows in row_blocks(X)))


def row_blocks(X: Any) -> Iterator[slice]:
    """Yield stretches of rows that are small beside X, so that what is made of them is."""
    n_rows = max(1, int(IN_CACHE / max(1, numbers_per_row(X))))
    yield from (slice(start, start + n_rows) for start in range(0, X.shape[0], n_rows))


def numbers_per_row(X: Any) -> float:
    """Return how many numbers of a row are stored."""
    return float(X.nnz / X.shape[0] if sp.issparse(X) else X.shape[1])


def mean_curvature(point: Point) -> Array:
    """Return each row's weighted curvature, averaged over the outputs; shape (n_samples,)."""
    D, wD = point.curvature
    rest = 1 - D if point.objective.loss.coupled else np.ones_like(D)
    total = np.einsum("ij,ij->i", wD, rest, dtype=np.float64)
    # A curvature below the rounding error of a probability is not known to be there.
    floor = np.finfo(D.dtype).eps * point.objective.weight
    return np.asarray(np.maximum(total / point.objective.n_outputs, floor))


def weighted_blocks(
    objective: Any, rows: Array | None, counts: Array
) -> Iterator[tuple[Any, Array]]:
    """Yield some of the rows, and them with the intercept column times the roots of their counts.

    The blocks are dense and of float64.
    """
    X, d = objective.X, objective.X.shape[1] + objective.fit_intercept
    places = rows
    if sp.issparse(X) and X.format == "csc":
        X, places = (X if rows is None else X[rows]).tocsr(), None
    n_rows = max(64, BLOCK // objective.n_params)
    for start in range(0, len(counts), n_rows):
        here = slice(start, start + n_rows)
        part = X[here if places is None else places[here]]
        block = np.ones((part.shape[0], d))
        block[:, : X.shape[1]] = part.toarray() if sp.issparse(X) else part
        block *= np.sqrt(counts[here])[:, None]
        yield here if rows is None else rows[here], block


def ridge_inverse(A: Array, objective: Any) -> Inverse:
    """Return v -> (A + 2 alpha I)^-1 v, the ridge on weights alone, after scaling to unit diagonal.

    A relative jitter far below any effect keeps a rank-deficient matrix invertible.
    """
    n_weights = len(A) * objective.X.shape[1] // (objective.X.shape[1] + objective.fit_intercept)
    diagonal = np.einsum("ii->i", A)
    diagonal[:n_weights] += 2 * objective.alpha
    scale = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1))
    A *= scale[:, None] * scale
    diagonal[...] = 1 + 1e-12
    # NumPy's inverse shares its thread pool with the matrix products around it. SciPy's Cholesky
    # factor does not where both ship a BLAS of their own, and the two pools then fight over cores.
    inverse = np.linalg.inv(A)
    inverse += inverse.T
    inverse *= 0.5 * scale[:, None] * scale
    return lambda v: inverse @ v
