"""Minimize a sum of logarithms of sums of probabilities, row by row, by damped Newton steps."""

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse

Array = npt.NDArray[Any]

# With a smaller share of non-zeros a sparse product is faster than a dense one.
SPARSE = 0.05

# The minimization ends where a step promises to lower the objective by half of this at most, or
# changes no probability by more than that.
DECREMENT, CHANGE = 1e-16, 1e-12
MAX_STEPS = 300
# Objectives that differ by less are equal up to rounding.
ROUNDING = 1e-13
# The damping of its steps: at the start and at most at the end; least; and least after a failure.
DAMPING, LEAST_DAMPING, FAILURE_DAMPING = 1e-3, 1e-15, 1e-5
# The least share of a probability that a step leaves, and the least probability.
LEAST_SHARE, LEAST_PROBABILITY = 0.01, 1e-150


class LogSums:
    r"""The objective of `bradley_terry`: J(p) = sum_v N_v ln z_v, where z = V p.

    A row of V marks the classes of one sum of probabilities: of a group, with
    :math:`N = -w_l r_{lg}`, or of all classes of a problem, with :math:`N = w_l`. Sums that occur
    in several problems, such as the single classes of a one-vs-one code, are one row.

    Parameters
    ----------
    groups : ndarray of bool of shape (n_groups, n_classes)
        The classes of each group.
    problem : ndarray of int of shape (n_groups,)
        The problem of each group, ascending from 0.
    """

    def __init__(self, groups: Array, problem: Array) -> None:
        self.single_classes = bool((groups.sum(axis=1) == 1).all())
        self._starts = np.flatnonzero(np.diff(problem, prepend=-1))
        sums = np.vstack([groups, np.logical_or.reduceat(groups, self._starts)])
        V, place = np.unique(sums, axis=0, return_inverse=True)
        self.V = V.astype(float)
        ones, order = np.ones(len(sums)), np.arange(len(sums))
        self._merge = scipy.sparse.csr_array((ones, (order, place.ravel())))
        self._pairs = _pairs(V) if _is_sparse(V) else None

    def coefficients(self, counts: Array) -> Array:
        """Return N, given w_l r_lg for each row and group."""
        totals = np.add.reduceat(counts, self._starts, axis=1)
        return np.asarray(np.hstack([-counts, totals]) @ self._merge)

    def value(self, N: Array, p: Array) -> Array:
        """Return J of each row."""
        return np.asarray(np.einsum("iv,iv->i", N, np.log(p @ self.V.T)))

    def squares(self, D: Array) -> Array:
        """Return sum_v D_v V_v V_v^T, a matrix of shape (n_classes, n_classes) for each row."""
        C = self.V.shape[1]
        if self._pairs is not None:
            return np.asarray(D @ self._pairs).reshape(-1, C, C)
        factor = (D[:, None, :] * self.V.T).reshape(-1, len(self.V))
        return np.asarray(factor @ self.V).reshape(-1, C, C)


def _is_sparse(V: Array) -> bool:
    """Tell whether the products of two entries of a row of V are seldom non-zero."""
    return bool((np.count_nonzero(V, axis=1) ** 2).mean() < SPARSE * V.shape[1] ** 2)


def _pairs(V: Array) -> scipy.sparse.csr_array:
    """Return the products of any two entries of each row of V, as a row of C^2 columns."""
    S = scipy.sparse.csr_array(V.astype(float))
    row, first = V.nonzero()
    entry, second = S[row].nonzero()
    return scipy.sparse.csr_array(
        (np.ones(len(entry)), (row[entry], first[entry] * V.shape[1] + second)),
        shape=(len(V), V.shape[1] ** 2),
    )


def minimize(sums: LogSums, N: Array) -> tuple[Array, Array]:
    """Minimize J over p in each row, from equal probabilities; tell which rows converged."""
    n_rows, C = len(N), sums.V.shape[1]
    P = np.full((n_rows, C), 1 / C)
    J = sums.value(N, P)
    damping = np.full(n_rows, DAMPING)
    active = np.arange(n_rows)
    for _ in range(MAX_STEPS):
        p, n, strength = P[active], N[active], damping[active]
        step, decrement = _newton_step(sums, n, p, strength)
        new, J_new = _best_of_two(sums, n, p, step)
        # A step may be wrong because J is not convex, or because it is too long.
        good = (decrement >= 0) & (J_new <= J[active] + ROUNDING)
        P[active[good]], J[active[good]] = new[good], J_new[good]
        damping[active] = np.where(
            good,
            np.maximum(strength / 4, LEAST_DAMPING),
            np.maximum(strength * 10, FAILURE_DAMPING),
        )
        still = (decrement <= DECREMENT) | (np.abs(new - p).max(axis=1) <= CHANGE)
        active = active[~(good & still & (strength <= DAMPING))]
        if not len(active):
            break
    return P, ~np.isin(np.arange(n_rows), active)


def _newton_step(sums: LogSums, N: Array, p: Array, damping: Array) -> tuple[Array, Array]:
    r"""Return a step in the logarithms of p, and twice what it promises to lower J by.

    The derivative of J in the logarithms is :math:`g_k = p_k \sum_v V_{vk} N_v / z_v`; the matrix
    here is

    .. math:: H_{jk} = p_j p_k \Bigl(1 - \sum_v \frac{N_v}{z_v^2} V_{vj} V_{vk}\Bigr)
              + [j = k] \, (b_k + \lambda m_k) .

    With :math:`b = g` and without the 1 and m it would be the second derivative of J.

    - The 1 adds the second derivative of t - ln t with t the sum of p. J does not depend on t; the
      minimum of t - ln t is at t = 1.
    - If each group is a single class, J is convex in the logarithms, and :math:`b = g`. Otherwise
      :math:`b = \max(g, 0)`, which comes to the same at a minimum, where g is zero, or positive if
      p is zero. For a code without zeros H is then positive semi-definite everywhere.
    - m is the curvature of the majorizer that the usual algorithm minimizes, where the logarithms
      with N > 0 give way to their tangents: as the damping grows the step becomes short, and J is
      sure to fall.
    """
    z = p @ sums.V.T
    D = N / z
    slope = p * (D @ sums.V)
    majorizer = p * (np.maximum(D, 0) @ sums.V)
    D /= -z
    bend = slope if sums.single_classes else np.maximum(slope, 0)
    diagonal = p**2 * (1 + D @ sums.V) + bend + damping[:, None] * majorizer
    # Probabilities are of all orders of magnitude: rounding is harmless once the diagonal is 1.
    scale = 1 / np.sqrt(np.abs(diagonal))
    H = sums.squares(D)
    H += 1
    H *= (scale * p)[:, :, None]
    H *= (scale * p)[:, None, :]
    np.einsum("ijj->ij", H)[:] = np.sign(diagonal)
    step = -scale * np.linalg.solve(H, (scale * slope)[:, :, None])[:, :, 0]
    return step, -np.einsum("ij,ij->i", slope, step)


def _best_of_two(sums: LogSums, N: Array, p: Array, step: Array) -> tuple[Array, Array]:
    """Take the step both in p and in its logarithm; return the better result and its J.

    For a dense code J is nearer to a parabola in p, for one-vs-one in the logarithm.
    """
    straight = p * np.maximum(1 + step, LEAST_SHARE)
    curved = p * np.exp(np.clip(step, np.log(LEAST_SHARE), -np.log(LEAST_SHARE)))
    results = [divided_by_sum(np.maximum(q, LEAST_PROBABILITY)) for q in (straight, curved)]
    values = [sums.value(N, q) for q in results]
    best = np.argmin(values, axis=0)
    return np.where(best[:, None], results[1], results[0]), np.minimum(*values)


def divided_by_sum(P: Array) -> Array:
    """Return rows that sum to one."""
    return np.asarray(P / P.sum(axis=1, keepdims=True))
