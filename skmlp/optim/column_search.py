"""The line search of `line_search` for many objectives at once, with a step for each."""

from typing import Any, Protocol

import numpy as np

from skmlp.optim.line_search import FALLING, MAX_TRIALS, RISING, Array


class Ray(Protocol):
    """The way from a point of each column along a direction.

    Attributes
    ----------
    start, end : Points
        Where it begins, and where the last steps have led.
    slope : ndarray of shape (n_columns,)
        Derivative of each objective along its direction at the end.
    """

    start: Any
    end: Any
    slope: Array

    def move(self, step: Array, moving: Array) -> None:
        """Put the end a step from the start in the columns that move."""
        ...

    def arrive(self) -> Any:
        """Return the end; the ray is not used again."""
        ...


# The branch that is not taken may divide by zero, and too long a step overflow.
@np.errstate(over="ignore", divide="ignore", invalid="ignore")
def search_columns(ray: Ray, slope: Array, step: Array, rounding: float) -> Array:
    """Walk along a ray of descent in each column, to where the slope has nearly vanished.

    Parameters
    ----------
    ray : Ray
        Moved to the accepted steps.
    slope : ndarray of shape (n_columns,)
        Derivatives at the start; negative.
    step : ndarray of shape (n_columns,)
        Lengths to try first.
    rounding : float
        A value that is higher by no more than this share of it is taken to be as good.

    Returns
    -------
    step : ndarray of shape (n_columns,)
        Accepted lengths; 0 where no step lowers the objective.
    """
    start = ray.start.value
    best, best_step = start + rounding * abs(start), np.zeros_like(step)
    low, low_slope = np.zeros_like(step), slope
    high, high_slope = np.full_like(step, np.inf), np.full_like(step, np.inf)
    searching = np.ones(len(step), bool)
    for _ in range(MAX_TRIALS):
        ray.move(step, searching)
        value, end_slope = ray.end.value, ray.slope
        better = searching & (value < best)
        best, best_step = np.where(better, value, best), np.where(better, step, best_step)
        flat = (end_slope >= FALLING * -slope) & (end_slope <= RISING * -slope)
        searching &= ~(better & flat)
        if not searching.any():
            break
        short = (end_slope < 0) & (value <= start)
        low, low_slope = np.where(short, step, low), np.where(short, end_slope, low_slope)
        # Too far. Without a rising slope to interpolate with, the bracket is halved.
        rising = np.where(end_slope > 0, end_slope, -low_slope)
        high, high_slope = np.where(short, high, step), np.where(short, high_slope, rising)
        width = high - low
        searching &= np.isinf(high) | (width > 1e-10 * high)
        between = low - width * low_slope / (high_slope - low_slope)
        between = np.minimum(np.maximum(between, low + 0.1 * width), high - 0.1 * width)
        step = np.where(searching, np.where(np.isinf(high), 2 * step, between), step)
    if (step != best_step).any():
        ray.move(best_step, step != best_step)
    return best_step
