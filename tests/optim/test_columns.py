"""How columns descend: each to its own minimum, each stopping on its own."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skmlp.optim.columns import ColumnMinima, Proposal, minimize_columns

# Column l has the objective 1 + sum (theta - l)^2 + (theta - l)^4 / 12, which is least, 1, at l.
N_COLUMNS, N_PARAMS = 6, 2
DOUBLE = np.dtype(np.float64)


@dataclass
class Points:
    """Points of some columns; the minima know the columns by number."""

    columns: np.ndarray
    theta: np.ndarray
    dtype: np.dtype = DOUBLE
    record: list = field(default_factory=list)

    def __post_init__(self):
        self.D = self.theta - self.columns[:, None]
        self.value = 1 + (self.D**2 + self.D**4 / 12).sum(axis=1)

    @property
    def gradient(self):
        return 2 * self.D + self.D**3 / 3

    def ray(self, direction):
        return Ray(self, direction)

    def take(self, columns):
        return Points(self.columns[columns], self.theta[columns], self.dtype, self.record)


class Ray:
    def __init__(self, start, direction):
        self.start, self.direction = start, direction
        self.place = np.zeros(len(direction))
        self.end = start

    def move(self, step, moving):
        self.place = np.where(moving, step, self.place)
        theta = self.start.theta + self.place[:, None] * self.direction
        self.end = Points(self.start.columns, theta, self.start.dtype, self.start.record)
        self.slope = np.einsum("ij,ij->i", self.end.gradient, self.direction)

    def arrive(self):
        self.start.record.append(self.start.columns)
        return self.end


class Newton:
    """Newton's method, in the hands of the test."""

    exact, patience = True, 3

    def __init__(self):
        self.forgotten = []

    def propose(self, points, goal):
        direction = -points.gradient / (2 + points.D**2)
        promise = -np.einsum("ij,ij->i", points.gradient, direction)
        return Proposal(direction, promise, np.ones(len(promise)))

    def nearly(self, proposal, ray, goal):
        return proposal.promise <= 2 * goal

    def forget(self, columns):
        self.forgotten.append(columns)

    def take(self, columns):
        pass


class Uphill(Newton):
    """Points one column in a direction in which nothing is to be gained."""

    def propose(self, points, goal):
        proposal = super().propose(points, goal)
        proposal.direction[points.columns == 3] *= -1
        return proposal


def start(**options):
    return Points(np.arange(N_COLUMNS), np.zeros((N_COLUMNS, N_PARAMS)), **options)


def true_gap(points, *way):
    """Return twice what is left to gain, rounded up."""
    return 2 * (points.value - 1) + 1e-15


def test_every_column_ends_at_its_minimum():
    minima = minimize_columns(start(), Newton(), tol=1e-9, max_iter=50)
    assert_allclose(minima.theta, np.arange(N_COLUMNS)[:, None] * np.ones(N_PARAMS), atol=1e-4)
    assert_allclose(minima.value, 1, rtol=1e-8)
    assert_allclose(minima.gradient_norm, 0, atol=1e-4)
    assert minima.converged.all()
    assert_array_equal(minima.bound, np.inf)
    assert_array_equal(minima.n_iter, [len(curve) for curve in minima.curves])
    for curve, value in zip(minima.curves, minima.value, strict=True):
        assert curve[-1] == value
        assert curve == sorted(curve, reverse=True)


def test_columns_that_are_done_make_no_more_steps():
    points = start()
    minima = minimize_columns(points, Newton(), tol=1e-9, max_iter=50)
    assert minima.n_iter[0] < minima.n_iter[-1]
    assert len(points.record[0]) == N_COLUMNS
    assert len(points.record[-1]) < N_COLUMNS


def test_a_bound_must_be_small_enough():
    points = start()
    minima = minimize_columns(points, Newton(), tol=1e-9, max_iter=50, gap=true_gap)
    assert minima.converged.all()
    assert (minima.bound <= 1e-9 * minima.value).all()
    assert_array_equal(minima.bound, true_gap(Points(np.arange(N_COLUMNS), minima.theta)))


@pytest.mark.parametrize("exact", [True, False])
def test_a_bound_is_told_the_way_that_led_there_if_it_solved_a_newton_system(exact):
    ways = []

    def gap(points, *way):
        if way:
            ray, full = way
            assert ray.end is points
            assert_array_equal(full, ray.place == 1)
        ways.append(bool(way))
        return true_gap(points)

    method = Newton()
    method.exact = exact
    minimize_columns(start(), method, tol=1e-6, max_iter=50, gap=gap)
    assert set(ways) == {exact}


@pytest.mark.parametrize("patience", [1, 4])
def test_how_many_steps_more_a_column_makes_for_a_certificate(patience):
    def never(points, *way):
        return np.full(len(points.value), np.inf)

    method = Newton()
    method.patience = patience
    alone = Points(np.array([5]), np.full((1, N_PARAMS), 5.0))
    minima = minimize_columns(alone, method, tol=1e-6, max_iter=50, gap=never)
    assert minima.n_iter[0] == 1 + patience
    assert minima.converged[0]


def test_a_column_that_gets_no_certificate_is_let_go_after_some_steps_more():
    def gap(points, *way):
        return np.where(points.columns == 2, np.inf, true_gap(points))

    plain = minimize_columns(start(), Newton(), tol=1e-6, max_iter=50)
    minima = minimize_columns(start(), Newton(), tol=1e-6, max_iter=50, gap=gap)
    assert minima.converged.all()
    assert minima.bound[2] == np.inf
    assert minima.n_iter[2] > plain.n_iter[2]


@pytest.mark.parametrize("gap", [None, true_gap])
def test_the_number_of_steps_is_limited(gap):
    minima = minimize_columns(start(), Newton(), tol=1e-9, max_iter=2, gap=gap)
    assert_array_equal(minima.converged, [True] + [False] * (N_COLUMNS - 1))
    assert minima.n_iter.max() == 2
    assert np.isfinite(minima.bound[-1]) == (gap is not None)


def test_steps_made_before_count():
    before = ColumnMinima.start(start().theta)
    before.n_iter += 3
    before.curves = [[9.0, 8.0, 7.0] for _ in range(N_COLUMNS)]
    minima = minimize_columns(start(), Newton(), tol=1e-9, max_iter=4, minima=before)
    assert minima is before
    assert minima.n_iter.max() == 4
    assert all(curve[:3] == [9.0, 8.0, 7.0] for curve in minima.curves)
    assert len(minima.curves[-1]) == 4


def test_columns_whose_steps_are_spent_make_none():
    before = ColumnMinima.start(start().theta)
    before.n_iter[1:] = 5
    minima = minimize_columns(start(), Newton(), tol=1e-9, max_iter=5, minima=before)
    assert_array_equal(minima.n_iter[1:], 5)
    assert_array_equal(minima.theta, 0)
    assert_array_equal(minima.converged, [True] + [False] * (N_COLUMNS - 1))


@pytest.mark.parametrize("may_stay", [True, False])
def test_a_column_may_stay_where_it_is_good_enough(may_stay):
    theta = np.arange(N_COLUMNS)[:, None] + np.full(N_PARAMS, 1e-6)
    theta[3] += 1
    points = Points(np.arange(N_COLUMNS), theta)
    minima = minimize_columns(
        points, Newton(), tol=1e-9, max_iter=50, gap=true_gap, may_stay=may_stay
    )
    assert minima.converged.all()
    assert minima.n_iter[3] > 1
    assert_array_equal(np.delete(minima.n_iter, 3), 0 if may_stay else 1)


def test_a_column_that_cannot_go_on_does_not_hold_up_the_others():
    method = Uphill()
    minima = minimize_columns(start(), method, tol=1e-9, max_iter=50)
    assert_array_equal(minima.converged, np.arange(N_COLUMNS) != 3)
    assert minima.n_iter[3] == 0
    assert_array_equal(minima.theta[3], 0)
    # It has had a second chance.
    assert len(method.forgotten) == 2
    assert minima.n_iter[-1] > 2


def test_a_column_that_creeps_is_let_go():
    class Creeping(Newton):
        def propose(self, points, goal):
            proposal = super().propose(points, goal)
            proposal.direction[points.columns == 3] *= 1e-9
            return proposal

    points = start(dtype=np.dtype(np.float32))
    minima = minimize_columns(points, Creeping(), tol=1e-4, max_iter=50)
    assert_array_equal(minima.converged, np.arange(N_COLUMNS) != 3)
    assert minima.n_iter[3] < 10


def test_where_only_rounding_is_left_no_step_is_the_end():
    class Flat(Newton):
        def propose(self, points, goal):
            proposal = super().propose(points, goal)
            proposal.direction *= -1
            proposal.promise[:] = 1e-9
            return proposal

    points = Points(np.arange(N_COLUMNS), np.arange(N_COLUMNS)[:, None] + np.full(N_PARAMS, 1e-5))
    minima = minimize_columns(points, Flat(), tol=1e-14, max_iter=50)
    assert minima.converged.all()
    assert_array_equal(minima.n_iter, 0)
