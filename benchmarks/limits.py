"""The limits of the machine: matrix products alone, and products of the best size."""

from itertools import pairwise

import numpy as np

# Rows and columns of the product by which the peak is measured.
LARGE = 2048


def products(task):
    """Return a function that computes the matrix products of an epoch, and nothing else.

    Z = X W, and on the way back dW and dX. All who use NumPy's BLAS do at least that.
    """
    layers, n_rows = [], min(task.batch_size, len(task.y))
    for fan_in, fan_out in pairwise(task.sizes):
        shapes = (n_rows, fan_in), (fan_in, fan_out), (n_rows, fan_out)
        layers.append([np.ones(shape, np.float32) for shape in shapes])

    def epoch():
        for _ in range(round(len(task.y) / n_rows)):
            for i, (X, W, Z) in enumerate(layers):
                X @ W, X.T @ Z, Z @ W.T if i else None

    return epoch


def large_product():
    """Return a function that computes a large matrix product, and its flops."""
    A = np.ones((LARGE, LARGE), np.float32)
    out = np.empty_like(A)
    return lambda: np.matmul(A, A, out=out), 2 * LARGE**3
