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
    os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={str(n_threads > 1).lower()}"
    os.environ["JAX_PLATFORMS"] = "cpu"
