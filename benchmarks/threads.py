"""The same number of threads for all."""

import os

VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NPROC",
)


def limit_threads(n_threads):
    """Set the environment variables by which libraries, once imported, choose their threads."""
    os.environ.update(dict.fromkeys(VARIABLES, str(n_threads)))
    if n_threads == 1:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    os.environ["JAX_PLATFORMS"] = "cpu"
