"""Dropout: in training, every unit is silent with some probability."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from skmlp.nn.layers import Backward, Layer, Params, Rng
from skmlp.nn.parameters import Array


@dataclass
class Dropout(Layer):
    r"""Multiply by a random mask in training, do nothing in prediction.

    .. math::
        Y = X \circ R, \qquad dX = dY \circ R, \qquad
        R_{ij} = \begin{cases} 0 & \text{with probability } p \\
        1 / (1 - p) & \text{else} \end{cases}

    No unit can rely on another one, which keeps units from becoming specialists of single rows.
    Dividing by 1 - p keeps every input's expectation, so that prediction needs no correction.

    Parameters
    ----------
    rate : float
        p, in [0, 1).

    Notes
    -----
    The mask is drawn in single precision, so that it is the same for either precision of X.
    Of a sparse X only the stored entries are drawn for.

    References
    ----------
    .. [1] Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov (2014). Dropout: a simple way
           to prevent neural networks from overfitting. Journal of Machine Learning Research 15.
    """

    rate: float

    def forward(self, params: Params, X: Any, *, train: bool, rng: Rng) -> tuple[Array, Backward]:
        if not train:
            return X, lambda dY, grad, wanted: dY
        assert rng is not None, "training with dropout needs a random generator"
        entries = X.data if sp.issparse(X) else X
        rate = float(self.rate)
        mask = (rng.random(entries.shape, np.float32) >= rate).astype(X.dtype)
        mask *= 1 / (1 - rate)
        if sp.issparse(X):
            Y = X.copy()
            Y.data *= mask
        else:
            Y = X * mask

        def backward(dY: Array, grad: Params, wanted: bool) -> Array | None:
            dY *= mask
            return dY

        return Y, backward
