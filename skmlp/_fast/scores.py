"""Scores of a network on the compiled road: prediction."""

from typing import Any

import numpy as np
import scipy.sparse as sp

from skmlp._fast._executor import LOSS_CODES, Executor
from skmlp._fast.program import (
    ABSENT,
    Fields,
    NotBuiltIn,
    dense_fields,
    network_fields,
    program_rows,
)
from skmlp._fast.workers import WORTH_A_PREDICTION, Crew, count_workers
from skmlp.nn.network import Network
from skmlp.nn.parameters import Array

# Rows that pass through the network at once: their activations stay in the cache.
BLOCK = 256
# To set up a program for fewer rows would take longer than NumPy does.
FEWEST_ROWS = 32
# To fold batch norm and units into the weights takes as long as it saves for so many stored entries
# of sparse rows for each feature.
FEWEST_ENTRIES = 2


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
    n_rows = X.shape[0]
    if n_rows < FEWEST_ROWS or theta.dtype != X.dtype:
        return None
    if theta.dtype not in (np.float32, np.float64):
        return None
    try:
        units, _ = network_fields(network)
        rows, _ = program_rows(X, theta.dtype, BLOCK)
    except NotBuiltIn:
        return None
    if network.output is not None or any(unit["gamma"] != ABSENT for unit in units):
        if sp.issparse(X) and X.nnz < FEWEST_ENTRIES * X.shape[1]:
            return None
        units, theta = folded(network, theta, units)
    executor = Executor(
        [unit | {"threshold": 0} for unit in units],
        n_features=X.shape[1],
        n_params=len(theta),
        n_weights=len(theta),
        n_learned=len(theta),
        dtype=theta.dtype,
        batch_size=min(BLOCK, n_rows),
        loss=LOSS_CODES["squared"],
        loss_parameter=0.0,
        is_sparse=sp.issparse(X),
    )
    crew = Crew(count_workers(units, X, n_rows, WORTH_A_PREDICTION))
    F: Array = executor.scores(np.ascontiguousarray(theta), rows, n_rows, crew=crew)
    return F


def folded(network: Network, theta: Array, units: list[Fields]) -> tuple[list[Fields], Array]:
    """Return layers that contain batch norm and the units of the output, and their theta."""
    arrays = []
    layers = []
    end = 0
    for unit, W, b in zip(units, *network.coefficients(theta), strict=True):
        places = {"W": slice(end, end + W.size), "b": slice(end + W.size, end + W.size + b.size)}
        end = places["b"].stop
        arrays += [W.ravel(), b]
        kept = {name: unit[name] for name in ("activation", "slope", "limit")}
        layers.append(dense_fields(W.shape[0], W.shape[1], places) | kept)
    return layers, np.concatenate(arrays)
