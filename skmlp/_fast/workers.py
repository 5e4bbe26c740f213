"""How many threads work on a program together.

Workers wait for each other a few times in every batch. On processors that nobody else uses, two are
nearly twice as fast as one; but where one of them has to wait for a processor, all do, and many
workers may take longer than one, many times as long. What a batch takes is therefore measured all
the time. It decides about nothing but time: the numbers are the same for any number of workers.
"""

from collections.abc import Callable
from ctypes import CDLL
from functools import cache
from math import inf
from typing import Any

import scipy.sparse as sp
from scipy.linalg import cython_blas

from skmlp._fast.program import Fields

# Multiplications for which a worker is worth its keep: in a batch, at the end of which all wait for
# each other, and in a whole prediction, whose workers must be started.
WORTH_A_BATCH, WORTH_A_PREDICTION = 5e4, 2e7
# Rows of a batch for which a worker is worth its keep: with fewer, to bring the weights into shape,
# which each does for itself, takes longer than to multiply by them.
ROWS_OF_A_WORKER = 16
# Seconds of work by one worker before several are tried, how long a trial should take, and the
# share of the time that trials may cost.
ALONE_FIRST, TRIAL, COST_OF_TRIALS = 1e-3, 5e-3, 0.02
# What tells the number of threads, by the name of the library.
THREAD_COUNTERS = (
    "scipy_openblas_get_num_threads",
    "scipy_openblas_get_num_threads64_",
    "openblas_get_num_threads",
    "MKL_Get_Max_Threads",
)


@cache
def thread_counter() -> Callable[[], int]:
    """Return the function by which SciPy's BLAS tells its number of threads, 0 if unknown."""
    library = CDLL(cython_blas.__file__)
    return next((getattr(library, f) for f in THREAD_COUNTERS if hasattr(library, f)), lambda: 0)


def blas_threads() -> int:
    """Return the number of threads of SciPy's BLAS now, which joblib and others may limit."""
    return thread_counter()()


def count_workers(layers: list[Fields], X: Any, n_rows: int, worth: float) -> int:
    """Return how many threads should share the forward pass of some rows.

    Parameters
    ----------
    layers : list of dict
        The layers of units, each with its `fan_in` and `fan_out`.
    X : ndarray or CSR array
        All rows.
    n_rows : int
        How many are shared.
    worth : float
        Multiplications for which a worker is worth its keep.
    """
    entries = X.nnz / max(X.shape[0], 1) if sp.issparse(X) else X.shape[1]
    first, *others = layers
    work = entries * first["fan_out"] + sum(u["fan_in"] * u["fan_out"] for u in others)
    return max(1, min(blas_threads(), n_rows // ROWS_OF_A_WORKER, int(n_rows * work / worth)))


class Crew:
    """Chooses between one worker and several by how long a batch takes them.

    Parameters
    ----------
    size : int
        How many workers there may be.

    Attributes
    ----------
    pace : dict
        Seconds that a batch took of late, by the number of workers.
    best : int
        The number of workers with the least.
    rest : float
        Seconds until the other number is tried again.
    """

    def __init__(self, size: int) -> None:
        self.size, self.best, self.rest = size, 1, ALONE_FIRST
        self.pace = {1: inf, size: inf}

    def choose(self, n_batches: int) -> tuple[int, int]:
        """Return how many workers come next, and how many batches, so many at most, they get."""
        if self.size == 1 or self.rest > 0:
            return self.best, n_batches
        other = self.size if self.best == 1 else 1
        return other, max(1, min(n_batches, int(TRIAL / self.pace[self.best])))

    def note(self, n_workers: int, n_batches: int, seconds: float) -> None:
        """Take note of how long some batches took."""
        self.pace[n_workers] = seconds / n_batches
        best = min(self.pace, key=self.pace.__getitem__)
        # A trial, or the end of a good time, has a price.
        if n_workers == self.best == best:
            self.rest -= seconds
        else:
            self.rest = seconds / COST_OF_TRIALS
        self.best = best
