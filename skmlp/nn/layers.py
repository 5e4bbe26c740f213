"""What all layers have in common: a forward pass returns its own way back.

``Y, backward = layer.forward(params, X, train=..., rng=...)`` computes the layer's output. Then
``dX = backward(dY, grad, wanted)`` is its part of the chain rule: from the derivative of the
objective in Y it computes the derivative in X, and writes those in the parameters into the arrays
`grad`. What the way back needs of the forward pass lives in the function `backward` and nowhere
else, so two forward passes cannot disturb each other, and formula and derivative stand side by
side.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from skmlp.nn.parameters import Array, Slot

Params = dict[str, Array]
Rng = np.random.Generator | None

# The way back, `backward(dY, grad, wanted) -> dX`. It may overwrite dY. It is told whether dX is
# wanted, because that of the first layer is of no use and as costly as all else on its way back.
Backward = Callable[[Array, Params, bool], Array | None]


@dataclass
class Layer:
    """Base of the layers. A layer knows its sizes; its parameters live in theta."""

    @property
    def slots(self) -> dict[str, Slot]:
        """Arrays that the layer needs, by name."""
        return {}

    def start(self, params: Params, rng: np.random.Generator) -> None:
        """Write the values before training into `params`, which are zero."""

    def affine(self, params: Params) -> tuple[Array, Array] | None:
        """Return scale and shift of each unit if that is all the layer does in prediction."""
        return None

    def forward(self, params: Params, X: Any, *, train: bool, rng: Rng) -> tuple[Array, Backward]:
        """Return the output and the way back.

        Parameters
        ----------
        params : dict of str to ndarray
            The layer's arrays.
        X : ndarray of shape (n_samples, fan_in)
            Input; the first layers of a network may see a CSR array.
        train : bool
            Whether this is a step of training, where dropout and batch norm are at work.
        rng : numpy.random.Generator or None
            Source of the randomness in training; prediction has none.

        Returns
        -------
        Y : ndarray of shape (n_samples, fan_out)
            Output.
        backward : Backward
            Given dY, writes the derivatives in the parameters and returns dX.
        """
        raise NotImplementedError
