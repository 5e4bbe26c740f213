"""Newton's method in columns: exact directions, longer first steps, and a way out."""

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skmlp.optim.newton_columns import LONGEST, NewtonColumns, newton_directions

N_COLUMNS, N_PARAMS = 4, 3
DOUBLE = np.dtype(np.float64)


@dataclass
class Points:
    hessians: np.ndarray
    gradient: np.ndarray
    value: np.ndarray
    dtype: np.dtype = DOUBLE


def positive_definite(seed=0):
    A = np.random.default_rng(seed).normal(size=(N_COLUMNS, N_PARAMS, N_PARAMS + 2))
    return A @ A.transpose(0, 2, 1)


def gradients():
    return np.random.default_rng(1).normal(size=(N_COLUMNS, N_PARAMS))


def points(value=1e3, **options):
    return Points(positive_definite(), gradients(), np.full(N_COLUMNS, value), **options)


@pytest.mark.parametrize("scale", [np.ones(N_PARAMS), np.array([1e-6, 1.0, 1e8])])
def test_directions_solve_the_newton_systems_however_the_features_are_scaled(scale):
    H, g = positive_definite() * scale * scale[:, None], gradients() * scale
    v = newton_directions(H.copy(), g, 0.0)
    residual = np.einsum("ljk,lk->lj", H, v) + g
    assert_allclose(residual / scale, 0, atol=1e-10)


def test_a_parameter_without_curvature_stays():
    H, g = positive_definite(), gradients()
    H[:, 1] = H[:, :, 1] = g[:, 1] = 0
    v = newton_directions(H, g, 1e-12)
    assert_array_equal(v[:, 1], 0)
    assert np.isfinite(v).all()


def test_a_parameter_twice_shares_the_step():
    H, g = positive_definite(), gradients()
    alone = newton_directions(H.copy(), g, 0.0)[:, 0]
    twice = [0, 1, 2, 0]
    v = newton_directions(H[:, twice][:, :, twice], g[:, twice], 1e-12)
    assert_allclose(v[:, 0], alone / 2, rtol=1e-3)
    assert_allclose(v[:, 3], alone / 2, rtol=1e-3)


def test_the_promise_is_the_squared_newton_decrement():
    proposal = NewtonColumns().propose(points(), np.zeros(N_COLUMNS))
    H_inverse = np.linalg.inv(positive_definite())
    expected = np.einsum("lj,ljk,lk->l", gradients(), H_inverse, gradients())
    assert_allclose(proposal.promise, expected, rtol=1e-9)
    assert_array_equal(NewtonColumns().nearly(proposal, None, expected / 1.9), True)
    assert_array_equal(NewtonColumns().nearly(proposal, None, expected / 2.1), False)


def test_the_first_step_is_longer_where_much_is_left():
    no_goal = np.zeros(N_COLUMNS)
    far = NewtonColumns().propose(points(value=1e-9), no_goal)
    assert_array_equal(far.step, LONGEST)
    some = NewtonColumns().propose(points(value=100.0), no_goal)
    assert_allclose(some.step, 1 + some.promise / 100)
    last = NewtonColumns().propose(points(value=100.0), some.promise)
    assert_array_equal(last.step, 1)


INDEFINITE = np.array([[1.0, 2.0, 0.0], [2.0, 1.0, 0.0], [0.0, 0.0, 1.0]])


@pytest.mark.parametrize("spoilt", [INDEFINITE, np.nan, np.inf])
def test_without_a_usable_curvature_it_goes_down_the_slope(spoilt):
    bad = points()
    bad.hessians[2] = spoilt
    bad.gradient[2] = 1, -1, 0
    proposal = NewtonColumns().propose(bad, np.zeros(N_COLUMNS))
    assert_array_equal(proposal.direction[2], -bad.gradient[2])
    assert proposal.promise[2] == pytest.approx(float(bad.gradient[2] @ bad.gradient[2]))
    assert proposal.step[2] == 1
    good = NewtonColumns().propose(points(), np.zeros(N_COLUMNS))
    assert np.isfinite(good.direction).all()
    others = np.arange(N_COLUMNS) != 2
    assert_array_equal(proposal.direction[others], good.direction[others])


def test_what_did_not_work_is_replaced_once():
    method = NewtonColumns()
    method.forget(np.array([False, True, False, True]))
    method.take(np.array([0, 3]))
    some = Points(positive_definite()[[0, 3]], gradients()[[0, 3]], np.ones(2))
    proposal = method.propose(some, np.zeros(2))
    assert_array_equal(proposal.direction[1], -some.gradient[1])
    assert (proposal.direction[0] != -some.gradient[0]).any()
    again = method.propose(
        Points(positive_definite()[[0, 3]], some.gradient, np.ones(2)), np.zeros(2)
    )
    assert (again.direction[1] != -some.gradient[1]).any()


def test_single_precision_second_derivatives_are_kept_definite():
    rank_one = np.ones((N_COLUMNS, N_PARAMS, N_PARAMS))
    noise = 1e-7 * np.random.default_rng(0).normal(size=rank_one.shape)
    noisy = rank_one + noise + noise.transpose(0, 2, 1)
    g = np.ones((N_COLUMNS, N_PARAMS))
    single = Points(noisy, g, np.full(N_COLUMNS, 1e9), dtype=np.dtype(np.float32))
    proposal = NewtonColumns().propose(single, np.zeros(N_COLUMNS))
    # The exact promise is g^T H^+ g = 1.
    assert_allclose(proposal.promise, 1, rtol=0.1)
