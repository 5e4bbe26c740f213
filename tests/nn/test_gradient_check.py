"""The gradient check on functions whose difference quotients are known in closed form."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal

from skmlp.nn.gradient_check import central_differences, relative_error

THETA = np.array([0.5, -4.0, 2.0])

vectors = arrays(np.float64, 4, elements=st.integers(-8, 8).map(float))


def cubes(theta):
    return float((theta**3).sum())


@pytest.mark.parametrize("places", [[0, 1, 2], [2, 0], [1], [1, 1], []])
def test_central_differences_of_a_cubic(places):
    # ((x + h)^3 - (x - h)^3) / 2 h = 3 x^2 + h^2, with h a quarter of the entry or of 1.
    h = np.array([0.25, 1.0, 0.5])
    derivatives = central_differences(cubes, THETA, np.array(places, dtype=int), step=0.25)
    assert_allclose(derivatives, (3 * THETA**2 + h**2)[places], rtol=1e-14)


@given(vectors, vectors, arrays(np.float64, (4, 4), elements=st.integers(-8, 8).map(float)))
def test_central_differences_of_a_quadratic_are_exact(theta, b, A):
    # Entries and steps are multiples of small powers of two, so nothing is rounded.
    derivatives = central_differences(
        lambda x: float(x @ A @ x + b @ x), theta, np.arange(4), step=2**-4
    )
    assert_allclose(derivatives, (A + A.T) @ theta + b, rtol=1e-12, atol=1e-12)


def test_the_default_step_serves_a_smooth_function():
    derivatives = central_differences(lambda x: float(np.exp(x).sum()), THETA, np.arange(3))
    assert_allclose(derivatives, np.exp(THETA), rtol=1e-8)


@pytest.mark.parametrize("x", [1 / 3, 1e5 / 3])
def test_the_distance_is_the_one_that_was_moved(x):
    # A step of a few units in the last place is rounded by much of itself.
    step = 2.7 * math.ulp(x) / max(1.0, x)
    derivatives = central_differences(lambda t: float(t[0]), np.array([x]), np.array([0]), step)
    assert_array_equal(derivatives, [1.0])


def test_theta_is_left_as_it_is_and_the_function_gets_copies():
    theta = THETA.copy()

    def untidy(x):
        value = cubes(x)
        x[[0, 2]] = 99.0
        return value

    (derivative,) = central_differences(untidy, theta, np.array([1]))
    assert derivative == pytest.approx(48, rel=1e-8)
    assert_array_equal(theta, THETA)


@pytest.mark.parametrize(
    ("gradient", "reference", "error"),
    [
        ([3.0, 4.0], [3.0, 4.0], 0),
        ([3.0, 4.0], [-3.0, -4.0], 1),
        ([3.0, 4.0], [0.0, 0.0], 1),
        ([0.0, 0.0], [0.0, 0.0], 0),
        ([3.0, 0.0], [0.0, 4.0], 5 / 7),
        ([2e-9, 0.0], [1e-9, 0.0], 1 / 3),
        ([], [], 0),
    ],
)
def test_relative_error(gradient, reference, error):
    gradient, reference = np.array(gradient), np.array(reference)
    assert relative_error(gradient, reference) == pytest.approx(error, rel=1e-14)


@given(vectors, vectors, st.sampled_from([1e-100, 1e-3, 1e50]))
def test_the_relative_error_is_symmetric_and_has_no_unit(a, b, unit):
    error = relative_error(a, b)
    assert 0 <= error <= 1 + 1e-15
    assert relative_error(b, a) == error
    assert relative_error(unit * a, unit * b) == pytest.approx(error, rel=1e-12)


def test_a_gradient_that_is_not_a_number_is_no_small_error():
    assert not relative_error(np.array([1.0, np.nan]), np.array([1.0, 2.0])) < 1e-6


@pytest.mark.parametrize(("floor", "error"), [(0.0, 1), (6.0, 1), (14.0, 5 / 7)])
def test_a_floor_counts_where_it_is_larger_than_the_norms(floor, error):
    gradient = np.array([3.0, 4.0])
    assert relative_error(2 * gradient, gradient * 0, floor) == pytest.approx(error, rel=1e-14)
