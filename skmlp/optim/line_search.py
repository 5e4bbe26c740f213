"""Search along a direction: find a step where the slope has nearly vanished.

A Newton direction often asks for more than a full step far from the optimum (the loss is nearly
linear there) and for much less when a few rows dominate its curvature. The search therefore works
on the slope: it doubles the step while the descent goes on, then closes in on the zero.
"""

from typing import Any, Protocol, Self, TypeVar

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

# A step is accepted when the slope lies between these shares of the first slope: the objective
# still falls at most a quarter as steeply as at the start, or rises at most half as steeply.
FALLING, RISING = CLOSE = -0.25, 0.5
# Where a trial costs as much as a step: it need not fall or rise much less steeply.
LOOSE = -0.9, 0.9
MAX_TRIALS = 30


class Point(Protocol):
    """An objective at one theta, as the second-order solvers see it."""

    theta: Array
    value: float

    @property
    def gradient(self) -> Array: ...

    def image(self, direction: Array) -> Any: ...

    def slope(self, direction: Array, image: Any) -> float: ...

    def moved(self, direction: Array, image: Any, step: float) -> Self: ...


P = TypeVar("P", bound=Point)


def with_long_trials() -> np.errstate:
    """Return the context of a search: far too long a step may overflow, as its value tells.

    A decorator would do, too, but keep the arguments of what it decorates in memory to the end: the
    point where all starts.
    """
    return np.errstate(over="ignore", invalid="ignore")


def line_search(
    point: P,
    direction: Array,
    image: Any,
    slope: float,
    accepted: tuple[float, float] = CLOSE,
) -> tuple[P | None, float]:
    """Walk along a descent direction.

    Parameters
    ----------
    point : Point
        Where the search starts.
    direction : ndarray of shape (n_params,)
        A direction of descent.
    image : object
        ``point.image(direction)``.
    slope : float
        Derivative of the objective along the direction at the start; negative.
    accepted : tuple of float, default=CLOSE
        Least and largest slope at the end, as shares of the first.

    Returns
    -------
    point : Point or None
        The accepted point; its value is below that of the start. None if no step lowers it, which
        means that rounding errors are all that is left.
    step : float
        Its step length.

    Notes
    -----
    Bracketing by doubling, then regula falsi with the trial kept away from both ends of the
    bracket by a tenth of its length.
    """
    low, low_slope = 0.0, slope
    high, high_slope = np.inf, np.inf
    best_value, best_step = point.value, 0.0
    step = 1.0
    for _ in range(MAX_TRIALS):
        # One trial at a time: it has arrays over all rows.
        trial, last = None, step
        trial = point.moved(direction, image, step)
        trial_slope = trial.slope(direction, image)
        if trial.value < best_value:
            best_value, best_step = trial.value, step
            if accepted[0] <= trial_slope / -slope <= accepted[1]:
                return trial, step
        if trial_slope < 0 and trial.value <= point.value:
            low, low_slope = step, trial_slope
        else:
            # Too far. Without a rising slope to interpolate with, the bracket is halved.
            high, high_slope = step, trial_slope if trial_slope > 0 else -low_slope
        if np.isinf(high):
            step *= 2
            continue
        width = high - low
        step = low - width * low_slope / (high_slope - low_slope)
        step = min(max(step, low + 0.1 * width), high - 0.1 * width)
        if width <= 1e-10 * high:
            break
    if best_step != last:
        trial = None
        trial = point.moved(direction, image, best_step) if best_step else None
    return trial, best_step
