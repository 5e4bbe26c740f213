"""Scores of a network on the compiled road: prediction."""

from typing import Any

import numpy as np
import scipy.sparse as sp

from skmlp._fast._executor import LOSS_CODES, Executor
from skmlp._fast.blas import largest_product
from skmlp._fast.program import NotBuiltIn, dense_fields, network_fields
from skmlp.nn.network import Network
from skmlp.nn.parameters import Array

# Rows that pass through the network at once: their activations stay in the cache.
BLOCK = 256
# To set up a program for fewer rows would take longer than NumPy does.
FEWEST_ROWS = 32


def compiled_scores(network: Network, theta: Array, X: Any) -> Array | None:
    """Return what ``network.scores`` would, or None if something is not built in.

    Parameters
    ----------
    network : Network
        The network.
    theta : ndarray of shape (n_params,)
        Its parameters.
    X : ndarray or CSR array of shape (n_samples, n_features)
        Rows, in the dtype of theta.
    """
    if sp.issparse(X) or len(X) < FEWEST_ROWS or theta.dtype != X.dtype:
        return None
    if theta.dtype not in (np.float32, np.float64):
        return None
    try:
        units, _ = network_fields(network)
    except NotBuiltIn:
        return None
    # Batch norm and the units of the output are contained in the coefficients.
    arrays = []
    layers = []
    end = 0
    for unit, W, b in zip(units, *network.coefficients(theta), strict=True):
        places = {"W": slice(end, end + W.size), "b": slice(end + W.size, end + W.size + b.size)}
        end = places["b"].stop
        arrays += [W.ravel(), b]
        kept = {name: unit[name] for name in ("activation", "slope", "limit")}
        layers.append(dense_fields(W.shape[0], W.shape[1], places) | kept)
    executor = Executor(
        layers,
        n_features=X.shape[1],
        n_params=end,
        n_weights=end,
        n_learned=end,
        dtype=theta.dtype,
        batch_size=min(BLOCK, len(X)),
        loss=LOSS_CODES["squared"],
        loss_parameter=0.0,
    )
    rows = np.ascontiguousarray(X)
    F: Array = executor.scores(np.concatenate(arrays), rows, largest_product=largest_product())
    return F
