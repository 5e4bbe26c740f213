"""The search in many columns at once against the line search in each."""

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skmlp.optim.column_search import search_columns
from skmlp.optim.line_search import line_search


@dataclass
class Point:
    """A convex function of one number, for the line search of one column."""

    function: callable
    theta: np.ndarray

    @property
    def value(self):
        return float(self.function(self.theta[0])[0])

    def slope(self, direction, image):
        return float(self.function(self.theta[0])[1] * direction[0])

    def moved(self, direction, image, step):
        return Point(self.function, self.theta + step * direction)


@dataclass
class Points:
    value: np.ndarray


class Ray:
    """The way from 0 to the right for several functions; counts the trials of each."""

    def __init__(self, functions):
        self.functions = functions
        self.start = Points(np.array([function(0.0)[0] for function in functions]))
        self.end = Points(self.start.value.copy())
        self.slope = np.array([function(0.0)[1] for function in functions])
        self.place = np.zeros(len(functions))
        self.n_trials = np.zeros(len(functions), int)

    def move(self, step, moving):
        self.end, self.slope = Points(self.end.value.copy()), self.slope.copy()
        for column in np.flatnonzero(moving):
            self.place[column] = step[column]
            self.end.value[column], self.slope[column] = self.functions[column](step[column])
            self.n_trials[column] += 1


def quadratic(minimum):
    return lambda x: ((x - minimum) ** 2, 2 * (x - minimum))


FUNCTIONS = [
    *(quadratic(minimum) for minimum in (1.0, 0.9, 0.2, 1e-3, 3.0, 50.0)),
    lambda x: (np.exp(5 * x) - 20 * x, 5 * np.exp(5 * x) - 20),
    lambda x: (np.exp(-x) + 1e-3 * x, -np.exp(-x) + 1e-3),
    lambda x: (np.cosh(x - 4), np.sinh(x - 4)),
]


def test_every_column_goes_where_a_search_of_its_own_goes():
    ray = Ray(FUNCTIONS)
    slope = ray.slope
    step = search_columns(ray, slope, np.ones(len(FUNCTIONS)), 0.0)
    for column, function in enumerate(FUNCTIONS):
        point = Point(function, np.zeros(1))
        found, expected = line_search(point, np.ones(1), None, float(slope[column]))
        assert step[column] == pytest.approx(expected, rel=1e-12)
        assert ray.end.value[column] == pytest.approx(found.value, rel=1e-12)
    assert_array_equal(ray.place, step)


def test_columns_that_are_done_are_not_tried_again():
    ray = Ray(FUNCTIONS)
    search_columns(ray, ray.slope, np.ones(len(FUNCTIONS)), 0.0)
    assert ray.n_trials[0] == 1
    assert ray.n_trials[3] > 2


def test_it_starts_with_the_given_steps():
    ray = Ray([quadratic(3.0), quadratic(0.1)])
    step = search_columns(ray, ray.slope, np.array([3.0, 0.1]), 0.0)
    assert_allclose(step, [3.0, 0.1])
    assert_array_equal(ray.n_trials, 1)


def test_where_no_step_lowers_the_function_it_stays():
    def rising(x):
        return (1.0 + x, -1.0 if x == 0 else 1.0)

    ray = Ray([rising, quadratic(1.0)])
    step = search_columns(ray, ray.slope, np.ones(2), 0.0)
    assert_array_equal(step, [0, 1])
    assert_array_equal(ray.end.value, [1, 0])


def test_an_infinite_value_is_too_far():
    def wall(x):
        return (np.inf, np.nan) if x >= 0.5 else ((x - 0.3) ** 2, 2 * (x - 0.3))

    ray = Ray([wall])
    with np.errstate(invalid="ignore"):
        step = search_columns(ray, ray.slope, np.ones(1), 0.0)
    assert 0.1 < step[0] < 0.5


def test_a_value_that_is_the_same_but_for_rounding_is_as_good():
    def noisy(x):
        return (1.0 + 1e-9 * (x > 0), -1e-9 if x == 0 else 0.0)

    ray = Ray([noisy])
    assert search_columns(ray, ray.slope, np.ones(1), 1e-8)[0] == 1
    ray = Ray([noisy])
    assert search_columns(ray, ray.slope, np.ones(1), 0.0)[0] == 0
