"""Is a gradient the gradient? Compare it with central differences."""

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def central_differences(
    value: Callable[[Array], float], theta: Array, places: Array, step: float = 1e-6
) -> Array:
    r"""Approximate some partial derivatives of a function.

    .. math:: \frac{\partial J}{\partial \theta_j} \approx
        \frac{J(\theta + h e_j) - J(\theta - h e_j)}{2 h}

    Parameters
    ----------
    value : callable
        Given theta, returns J.
    theta : ndarray of shape (n_params,)
        Where; double precision. Left as it is.
    places : ndarray of int of shape (n_places,)
        The entries j.
    step : float, default=1e-6
        h relative to the size of the entry, or h itself for entries below 1.

    Returns
    -------
    derivatives : ndarray of shape (n_places,)
        One for each place.
    """
    derivatives = np.empty(len(places))
    for i, j in enumerate(places):
        h = step * max(1.0, abs(float(theta[j])))
        there, back = theta.copy(), theta.copy()
        there[j] += h
        back[j] -= h
        # The distance that was really moved, not 2 h, which rounding has changed.
        derivatives[i] = (value(there) - value(back)) / (there[j] - back[j])
    return derivatives


def relative_error(gradient: Array, reference: Array, floor: float = 0.0) -> float:
    """Return the distance of two gradients over the sum of their norms, or over a larger floor.

    Two gradients that both vanish are no distance apart.
    """
    size = max(float(np.linalg.norm(gradient) + np.linalg.norm(reference)), floor)
    return float(np.linalg.norm(gradient - reference)) / size if size else 0.0
