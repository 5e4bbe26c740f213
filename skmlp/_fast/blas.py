"""When a product of matrices is left to the BLAS."""

from collections.abc import Callable
from ctypes import CDLL
from functools import cache
from math import inf

from scipy.linalg import cython_blas

# Multiplications in a product of matrices from which on it is left to the BLAS if that has several
# threads. Two are 1.3 times as fast as the kernels from a tenth of this on, but only if nothing
# else runs: threads that wait for each other after every product are slow on a busy machine.
SHARED_PRODUCT = 5e7
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


def largest_product() -> float:
    """Return the number of multiplications above which a product is left to the BLAS."""
    return SHARED_PRODUCT if blas_threads() > 1 else inf
