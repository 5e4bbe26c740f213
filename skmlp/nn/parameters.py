"""One flat vector of parameters, and named views into it.

Optimizers, L-BFGS, the gradient check, snapshots and pickles see one vector ``theta``. Layers see
their own arrays, which are views of it: writing to one writes to the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Views = list[dict[str, Array]]

# What becomes of an array in training, in the order of theta.
WEIGHT, BIAS, STATISTIC = "weight", "bias", "statistic"


@dataclass(frozen=True)
class Slot:
    """An array of parameters that a layer needs.

    Attributes
    ----------
    shape : tuple of int
        Its shape.
    kind : {"weight", "bias", "statistic"}
        Weights are learned and penalized, biases are learned only, and statistics are neither:
        a layer updates them in its forward pass.
    """

    shape: tuple[int, ...]
    kind: str


class Layout:
    """Where every array of every layer lies in theta: all weights, all biases, all statistics.

    Parameters
    ----------
    slots : sequence of dict of str to Slot
        For each layer, its arrays by name.

    Attributes
    ----------
    n_params : int
        Length of theta.
    n_weights : int
        Length of its first part, which is penalized.
    n_learned : int
        Length of the part that an optimizer moves: weights and biases.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.nn.parameters import Layout, Slot
    >>> layout = Layout([{"b": Slot((2,), "bias"), "W": Slot((3, 2), "weight")}])
    >>> theta = np.arange(8.0)
    >>> layout.views(theta)[0]["b"]
    array([6., 7.])
    """

    def __init__(self, slots: Sequence[dict[str, Slot]]) -> None:
        self.slots = list(slots)
        self.places: list[dict[str, slice]] = [{} for _ in slots]
        ends = []
        end = 0
        for kind in (WEIGHT, BIAS, STATISTIC):
            for layer, places in zip(slots, self.places, strict=True):
                for name, slot in layer.items():
                    if slot.kind == kind:
                        places[name] = slice(end, end + prod(slot.shape))
                        end = places[name].stop
            ends.append(end)
        self.n_weights, self.n_learned, self.n_params = ends

    def views(self, theta: Array) -> Views:
        """Return, for each layer, its arrays by name: views of theta."""
        return [
            {name: theta[place].reshape(slots[name].shape) for name, place in places.items()}
            for slots, places in zip(self.slots, self.places, strict=True)
        ]

    @property
    def penalized(self) -> Array:
        """True for the entries of theta that are weights, shape (n_params,)."""
        mask = np.zeros(self.n_params, bool)
        mask[: self.n_weights] = True
        return mask
