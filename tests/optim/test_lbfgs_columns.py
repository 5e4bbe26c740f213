"""L-BFGS in columns against L-BFGS in each."""

from collections import deque
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from skmlp.optim import lbfgs
from skmlp.optim.lbfgs_columns import LBFGSColumns

N_COLUMNS, N_PARAMS, N_STEPS = 3, 5, 4
DOUBLE = np.dtype(np.float64)


@dataclass
class Points:
    theta: np.ndarray
    gradient: np.ndarray
    value: np.ndarray
    diagonal: np.ndarray
    dtype: np.dtype = DOUBLE

    def diagonals(self, ridge):
        return self.diagonal


@dataclass
class Ray:
    start: Points
    end: Points


def path(seed=0):
    """Return points along a path of quadratic objectives, each with curvature of its own."""
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(N_COLUMNS, N_PARAMS, N_PARAMS + 1))
    H = A @ A.transpose(0, 2, 1)
    diagonal = np.einsum("ljj->lj", H).copy()
    thetas = rng.normal(size=(N_STEPS + 1, N_COLUMNS, N_PARAMS))
    points = []
    for theta in thetas:
        gradient = np.einsum("ljk,lk->lj", H, theta)
        value = np.einsum("lj,lj->l", theta, gradient) / 2
        points.append(Points(theta, gradient, value, diagonal))
    return points


def walked(points, memory=10):
    """Return a method that has made the steps between the points."""
    method = LBFGSColumns(memory)
    for start, end in pairwise(points):
        proposal = method.propose(start, np.zeros(len(start.value)))
        method.nearly(proposal, Ray(start, end), np.zeros(len(start.value)))
    return method


def expected_direction(points, column, memory=10):
    steps = deque(maxlen=memory)
    for start, end in pairwise(points):
        s, y = end.theta - start.theta, end.gradient - start.gradient
        lbfgs.remember(steps, s[column], y[column])
    end = points[-1]
    return -lbfgs.two_loop(end.gradient[column], steps, lambda v: v / end.diagonal[column])


def test_directions_are_those_of_each_column():
    points = path()
    for memory in (2, 10):
        proposal = walked(points, memory).propose(points[-1], np.zeros(N_COLUMNS))
        for column in range(N_COLUMNS):
            expected = expected_direction(points, column, memory)
            assert_allclose(proposal.direction[column], expected, rtol=1e-10)
        slope = np.einsum("ij,ij->i", points[-1].gradient, proposal.direction)
        assert_allclose(proposal.promise, -slope, rtol=1e-12)
        assert_array_equal(proposal.step, 1)


def test_the_first_direction_is_the_gradient_over_the_diagonal():
    start = path()[0]
    start.diagonal[0, 2] = 0
    proposal = LBFGSColumns().propose(start, np.zeros(N_COLUMNS))
    expected = -start.gradient / np.where(start.diagonal > 0, start.diagonal, 1)
    assert_allclose(proposal.direction, expected, rtol=1e-14)


def test_steps_without_curvature_are_not_remembered():
    points = path()
    points[2].gradient[1] = points[1].gradient[1] - (points[2].theta - points[1].theta)[1]
    proposal = walked(points).propose(points[-1], np.zeros(N_COLUMNS))
    for column in range(N_COLUMNS):
        assert_allclose(proposal.direction[column], expected_direction(points, column), rtol=1e-10)


def test_some_columns_are_taken_along_and_some_forget():
    points = path()
    method = walked(points)
    all_columns = method.propose(points[-1], np.zeros(N_COLUMNS)).direction
    method.forget(np.array([False, True, False]))
    columns = np.array([1, 2])
    method.take(columns)
    end = points[-1]
    some = Points(
        end.theta[columns], end.gradient[columns], end.value[columns], end.diagonal[columns]
    )
    direction = method.propose(some, np.zeros(2)).direction
    assert_allclose(direction[0], -(end.gradient / end.diagonal)[1], rtol=1e-12)
    assert_allclose(direction[1], all_columns[2], rtol=1e-12)


def test_a_column_is_nearly_there_when_a_step_or_ten_have_gained_too_little():
    """A step gains 0.01 of the goal in column 0, 1e-4 of it in column 1, and much in column 2."""
    method, goal = LBFGSColumns(), np.ones(3)
    gains = np.array([0.01, 1e-4, 5.0])
    theta, gradient = np.zeros((3, 2)), np.full((3, 2), 1e-6)
    nearly = []
    for i in range(12):
        start, end = (Points(theta, gradient, 1e3 - j * gains, np.ones((3, 2))) for j in (i, i + 1))
        nearly.append(method.nearly(method.propose(start, goal), Ray(start, end), goal))
    assert_array_equal(nearly[0], [False, True, False])
    assert_array_equal(nearly[8], [False, True, False])
    assert_array_equal(nearly[9], [True, True, False])
    assert_array_equal(nearly[11], [True, True, False])
