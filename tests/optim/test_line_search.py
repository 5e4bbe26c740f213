"""Steps along a line, on functions of one number whose slopes are known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skmlp.optim.line_search import CLOSE, FALLING, LOOSE, MAX_TRIALS, RISING, line_search


class Curve:
    """A function of one number as a point, which writes down where it was tried."""

    def __init__(self, value, derivative, x, tried=None):
        self.functions = value, derivative
        self.theta = np.array([x], float)
        self.value = value(x)
        self.gradient = np.array([derivative(x)])
        self.tried = [] if tried is None else tried

    def image(self, direction):
        return ("image of", float(direction[0]))

    def slope(self, direction, image):
        assert image == self.image(direction)
        return float(self.gradient @ direction)

    def moved(self, direction, image, step):
        assert image == self.image(direction)
        self.tried.append(step)
        return Curve(*self.functions, float(self.theta[0] + step * direction[0]), self.tried)


def search(curve, direction, accepted=CLOSE):
    direction = np.array([direction], float)
    image = curve.image(direction)
    return line_search(curve, direction, image, curve.slope(direction, image), accepted)


def parabola(x):
    return Curve(lambda x: 3 + x**2, lambda x: 2 * x, x)


def softplus(x):
    return math.log1p(math.exp(-abs(x))) + max(x, 0.0)


def sigmoid(x):
    return 0.5 * (1 + math.tanh(x / 2))


def test_the_newton_step_of_a_quadratic_is_taken_at_the_first_trial():
    curve = parabola(5.0)
    point, step = search(curve, -5.0)
    assert step == 1.0
    assert point.theta == 0.0
    assert curve.tried == [1.0]


@pytest.mark.parametrize("length", 10.0 ** np.arange(-6, 9))
def test_a_direction_of_any_length_ends_near_the_minimum(length):
    curve = parabola(1.0)
    point, step = search(curve, -length)
    assert point.theta == pytest.approx(1.0 - step * length)
    # The slope x is between these shares of the first slope, which was 1.
    assert -RISING <= point.theta[0] <= -FALLING
    assert len(curve.tried) <= MAX_TRIALS


def test_a_short_step_is_doubled_until_the_descent_ends():
    curve = parabola(1.0)
    _, step = search(curve, -1 / 16)
    assert curve.tried == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert step == 16.0


def test_a_long_step_on_a_steep_curve_comes_back():
    # exp(20 x) - x is nearly straight at first and then a wall.
    curve = Curve(lambda x: math.exp(20 * x) - x, lambda x: 20 * math.exp(20 * x) - 1, -3.0)
    point, _ = search(curve, 8.0)
    assert point.value < curve.value
    minimum = -math.log(20) / 20
    assert point.theta == pytest.approx(minimum, abs=0.1)
    assert len(curve.tried) <= MAX_TRIALS


def test_a_wall_of_infinite_value_is_avoided():
    curve = Curve(
        lambda x: -math.log(1 - x) - 3 * x if x < 1 else math.inf,
        lambda x: 1 / (1 - x) - 3 if x < 1 else math.nan,
        0.0,
    )
    point, _ = search(curve, 50.0)
    assert point.value < curve.value
    assert point.theta == pytest.approx(2 / 3, abs=0.25)


@pytest.mark.parametrize("direction", [1.0, -1e-3, 1e3])
def test_at_a_minimum_there_is_no_step(direction):
    curve = parabola(0.0)
    direction = np.array([direction])
    # Rounding errors have left a slope where there is none.
    point, step = line_search(curve, direction, curve.image(direction), -1e-20)
    assert point is None
    assert step == 0.0
    assert len(curve.tried) <= MAX_TRIALS


def test_a_function_that_only_rises_gives_no_step():
    curve = Curve(lambda x: x, lambda x: 1.0, 0.0)
    direction = np.array([1.0])
    point, _ = line_search(curve, direction, curve.image(direction), -1.0)
    assert point is None


def test_an_endless_descent_ends():
    curve = Curve(lambda x: -x, lambda x: -1.0, 0.0)
    point, step = search(curve, 1.0)
    assert point.theta == step == max(curve.tried)
    assert step >= 2.0**20
    assert len(curve.tried) <= MAX_TRIALS


def test_a_minimum_that_is_not_the_only_one_still_lowers_the_value():
    curve = Curve(lambda x: math.sin(x) + 0.01 * x**2, lambda x: math.cos(x) + 0.02 * x, 2.0)
    for length in (0.1, 1.0, 7.0, 30.0):
        point, step = search(curve, length)
        assert point.value < curve.value
        assert point.theta == pytest.approx(2.0 + step * length)


coefficient = st.floats(0.01, 10.0)


@given(
    terms=st.lists(st.tuples(coefficient, st.floats(-10, 10), st.floats(-5, 5)), max_size=4),
    square=coefficient,
    x=st.floats(-10, 10),
    length=coefficient,
)
def test_a_convex_function_is_lowered_until_it_is_nearly_flat(terms, square, x, length):
    curve = Curve(
        lambda x: square * x**2 + sum(a * softplus(b * x + c) for a, b, c in terms),
        lambda x: 2 * square * x + sum(a * b * sigmoid(b * x + c) for a, b, c in terms),
        x,
    )
    first_slope = curve.gradient[0]
    if abs(first_slope) < 1e-3:
        return
    point, _ = search(curve, -length * np.sign(first_slope))
    assert point.value < curve.value
    share = point.gradient[0] / first_slope
    assert -RISING <= share <= -FALLING
    assert len(curve.tried) <= MAX_TRIALS


def test_a_loose_search_keeps_a_step_that_a_close_one_does_not():
    # After a step of 1 the parabola falls 0.8 times as steeply as at the start.
    close, loose = (search(parabola(5.0), -1.0, accepted)[1] for accepted in (CLOSE, LOOSE))
    assert loose == 1.0
    assert close == pytest.approx(4.0)
