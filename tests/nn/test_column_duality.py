"""The certificates hold everywhere, and they are tight after Newton steps."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from skmlp.nn.column_duality import suboptimality_bounds
from skmlp.nn.columns import ColumnObjective
from skmlp.nn.coordinates import Coordinates
from skmlp.nn.duality import suboptimality_bound
from skmlp.nn.linear import LinearObjective
from skmlp.nn.losses import LogisticCrossEntropy
from skmlp.optim.newton_columns import newton_directions

N_SAMPLES, N_FEATURES = 90, 3
# Rounding errors of objective and bound, as a share of the objective.
ROUNDING = 1e-13

CODES = {
    "one-vs-all": 2 * np.eye(3, dtype=np.int8) - 1,
    "one-vs-one": np.array([[-1, -1, 0], [1, 0, -1], [0, 1, 1]]),
}
each_code = pytest.mark.parametrize("code", CODES)
each_intercept = pytest.mark.parametrize("fit_intercept", [True, False])


def rows_and_classes():
    rng = np.random.default_rng(0)
    y = rng.choice(3, p=[0.6, 0.3, 0.1], size=N_SAMPLES)
    return rng.normal(size=(3, N_FEATURES))[y] + rng.normal(size=(N_SAMPLES, N_FEATURES)), y


def make_objective(code, alpha=1e-3, fit_intercept=True, container=np.asarray):
    X, y = rows_and_classes()
    M = CODES[code]
    weight = np.random.default_rng(1).exponential(size=N_SAMPLES)
    return ColumnObjective(
        container(X),
        y,
        M,
        weight,
        np.ones(M.shape),
        alpha=alpha,
        coordinates=Coordinates(fit_intercept),
    )


def newton_ray(point):
    """Return the ray of a full Newton step, moved there."""
    ray = point.ray(newton_directions(point.hessians, point.gradient, 0.0))
    ray.move(np.ones(len(point.value)), np.ones(len(point.value), bool))
    return ray


def minimizer(objective):
    point = objective.at(np.zeros((objective.n_problems, objective.n_params)))
    for _ in range(30):
        point = newton_ray(point).arrive()
    return point.theta


def minimum(objective):
    return objective.at(minimizer(objective)).value


@pytest.mark.parametrize("scale", [0.0, 0.1, 1.0, 10.0, 1000.0])
@pytest.mark.parametrize("alpha", [1.0, 1e-2, 1e-4])
@each_intercept
@each_code
def test_the_bound_holds_anywhere(code, fit_intercept, alpha, scale):
    objective = make_objective(code, alpha, fit_intercept)
    best = minimum(objective)
    rng = np.random.default_rng(2)
    for _ in range(5):
        theta = scale * rng.normal(size=(objective.n_problems, objective.n_params))
        point = objective.at(theta)
        bound = suboptimality_bounds(point)
        assert (point.value - best <= bound * (1 + ROUNDING)).all()
        assert (bound <= point.value).all()
        ray = newton_ray(point)
        full = np.ones(len(best), bool)
        end = ray.end
        finite = np.isfinite(end.value)
        bound = suboptimality_bounds(end, ray, full)
        assert (end.value - best <= bound * (1 + ROUNDING) + ROUNDING)[finite].all()


@each_intercept
@each_code
def test_the_bound_is_tight_after_newton_steps(code, fit_intercept):
    objective = make_objective(code, fit_intercept=fit_intercept)
    best = minimum(objective)
    point = objective.at(np.zeros((objective.n_problems, objective.n_params)))
    full = np.ones(len(best), bool)
    for _ in range(8):
        ray = newton_ray(point)
        excess = ray.end.value - best
        bound = suboptimality_bounds(ray.end, ray, full)
        quadratic = excess < 1e-4 * best
        assert (bound <= 5 * excess + ROUNDING)[quadratic].all()
        point = ray.arrive()
    assert quadratic.all()
    assert bound.max() < ROUNDING


def test_only_where_the_step_was_full_the_ray_is_used():
    objective = make_objective("one-vs-all")
    ray = newton_ray(objective.at(np.zeros((3, N_FEATURES + 1))))
    ray.move(np.array([1.0, 0.5, 1.0]), np.ones(3, bool))
    full = np.array([True, False, True])
    mixed = suboptimality_bounds(ray.end, ray, full)
    assert_allclose(mixed[1], suboptimality_bounds(ray.end)[1], rtol=1e-12)
    ray.move(np.ones(3), np.ones(3, bool))
    all_full = suboptimality_bounds(ray.end, ray, np.ones(3, bool))
    assert_allclose(mixed[full], all_full[full], rtol=1e-12)


@each_intercept
@each_code
def test_it_is_about_the_bound_of_a_problem_on_its_own(code, fit_intercept):
    """Near the minimum the divergence is half of what stands for it here."""
    objective = make_objective(code, alpha=0.1, fit_intercept=fit_intercept)
    X, y = rows_and_classes()
    weight = np.random.default_rng(1).exponential(size=N_SAMPLES)
    theta = minimizer(objective)
    theta += 0.01 * np.random.default_rng(2).normal(size=theta.shape)
    bounds = suboptimality_bounds(objective.at(theta))
    for column, signs in enumerate(CODES[code].T):
        rows = signs[y] != 0
        single = LinearObjective(
            LogisticCrossEntropy(),
            X[rows],
            (signs[y[rows]] > 0).astype(int),
            weight[rows],
            n_outputs=1,
            alpha=0.1,
            fit_intercept=fit_intercept,
        )
        expected = suboptimality_bound(single.at(theta[column]))
        assert expected * (1 - 1e-9) <= bounds[column] <= 2.1 * expected


def test_sparse_rows_have_the_same_bounds():
    theta = np.random.default_rng(2).normal(size=(3, N_FEATURES + 1))
    expected = suboptimality_bounds(make_objective("one-vs-one").at(theta))
    objective = make_objective("one-vs-one", container=sp.csr_array)
    assert_allclose(suboptimality_bounds(objective.at(theta)), expected, rtol=1e-12)


def test_without_a_penalty_the_bound_is_the_objective():
    point = make_objective("one-vs-all", alpha=0).at(np.ones((3, N_FEATURES + 1)))
    assert_array_equal(suboptimality_bounds(point), point.value)


def test_the_point_stays_as_it_is():
    objective = make_objective("one-vs-all")
    point = objective.at(np.ones((3, N_FEATURES + 1)))
    gradient = objective.at(point.theta).gradient
    suboptimality_bounds(point)
    assert_array_equal(point.gradient, gradient)
