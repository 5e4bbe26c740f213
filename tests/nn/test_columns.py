"""The objectives side by side against `LinearObjective` on each problem, and against themselves."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from skmlp.nn import blocks
from skmlp.nn.columns import ColumnObjective
from skmlp.nn.coordinates import Coordinates
from skmlp.nn.linear import LinearObjective
from skmlp.nn.losses import LogisticCrossEntropy

N_SAMPLES, N_FEATURES, N_CLASSES = 80, 3, 4

CODES = {
    "one-vs-all": 2 * np.eye(N_CLASSES, dtype=np.int8) - 1,
    "one-vs-one": np.array(
        [
            [-1, -1, -1, 0, 0, 0],
            [1, 0, 0, -1, -1, 0],
            [0, 1, 0, 1, 0, -1],
            [0, 0, 1, 0, 1, 1],
        ]
    ),
    "sparse": np.array([[-1, 1, 0], [-1, -1, 1], [1, -1, -1], [1, 0, 0]]),
}
CONTAINERS = {"dense": np.asarray, "CSR": sp.csr_array}
each_code = pytest.mark.parametrize("code", CODES)
each_container = pytest.mark.parametrize("container", CONTAINERS)
each_intercept = pytest.mark.parametrize("fit_intercept", [True, False])


@pytest.fixture(params=["large blocks", "small blocks"], autouse=True)
def size_of_blocks(request, monkeypatch):
    if request.param == "small blocks":
        monkeypatch.setattr(blocks, "MOST", 20)
        monkeypatch.setattr(blocks, "LEAST", 1)


def rows_and_classes():
    rng = np.random.default_rng(0)
    return rng.normal(size=(N_SAMPLES, N_FEATURES)), rng.integers(N_CLASSES, size=N_SAMPLES)


def weights(M):
    rng = np.random.default_rng(1)
    return rng.exponential(size=N_SAMPLES), rng.exponential(size=M.shape)


def make_objective(
    code, container="dense", fit_intercept=True, weighted=True, dtype=np.float64, alpha=0.1
):
    M = CODES[code]
    X, y = rows_and_classes()
    weight, factor = weights(M) if weighted else (np.ones(N_SAMPLES), np.ones(M.shape))
    return ColumnObjective(
        CONTAINERS[container](X.astype(dtype)),
        y,
        M,
        weight,
        factor,
        alpha=alpha,
        coordinates=Coordinates(fit_intercept),
    )


def single_objectives(code, fit_intercept=True, weighted=True, alpha=0.1):
    """Return the objective of each problem on its own rows."""
    M = CODES[code]
    X, y = rows_and_classes()
    weight, factor = weights(M) if weighted else (np.ones(N_SAMPLES), np.ones(M.shape))
    for column, signs in enumerate(M.T):
        rows = signs[y] != 0
        yield LinearObjective(
            LogisticCrossEntropy(),
            X[rows],
            (signs[y[rows]] > 0).astype(int),
            weight[rows] * factor[y[rows], column],
            n_outputs=1,
            alpha=alpha,
            fit_intercept=fit_intercept,
        )


def random_theta(objective, seed=0, scale=1.0):
    rng = np.random.default_rng(seed)
    return scale * rng.normal(size=(objective.n_problems, objective.n_params))


def hessian(point):
    size = len(point.theta)
    return np.array([point.hessian_product(unit) for unit in np.eye(size)])


# Value and derivatives


@pytest.mark.parametrize("weighted", [True, False])
@each_intercept
@each_container
@each_code
def test_values_and_derivatives_are_those_of_each_problem(code, container, fit_intercept, weighted):
    objective = make_objective(code, container, fit_intercept, weighted)
    theta = random_theta(objective)
    point = objective.at(theta)
    diagonals = point.diagonals()
    for column, single in enumerate(single_objectives(code, fit_intercept, weighted)):
        expected = single.at(theta[column])
        assert point.value[column] == pytest.approx(expected.value, rel=1e-12)
        assert_allclose(point.gradient[column], expected.gradient, rtol=1e-11, atol=1e-13)
        H = hessian(expected)
        assert_allclose(diagonals[column], np.diagonal(H), rtol=1e-11)
        if container == "dense":
            assert_allclose(point.hessians[column], H, rtol=1e-11, atol=1e-13)


@each_code
def test_derivatives_are_those_of_the_value(code):
    objective = make_objective(code)
    theta, h = random_theta(objective), 1e-5
    point = objective.at(theta)
    for j in range(objective.n_params):
        step = np.zeros_like(theta)
        step[:, j] = h
        ahead, behind = objective.at(theta + step), objective.at(theta - step)
        slope = (ahead.value - behind.value) / (2 * h)
        assert_allclose(point.gradient[:, j], slope, rtol=1e-6, atol=1e-9)
        curvature = (ahead.gradient - behind.gradient) / (2 * h)
        assert_allclose(point.hessians[:, j], curvature, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("weighted", [True, False])
@each_code
def test_at_zero_where_the_curvature_is_known(code, weighted):
    objective = make_objective(code, weighted=weighted)
    zero = np.zeros((objective.n_problems, objective.n_params))
    point = objective.at(zero)
    assert_allclose(point.value, np.log(2), rtol=1e-14)
    for H, single in zip(point.hessians, single_objectives(code, weighted=weighted), strict=True):
        assert_allclose(H, hessian(single.at(zero[0])), rtol=1e-11, atol=1e-14)


def test_the_penalty_counts_as_often_as_it_is_told_in_the_diagonals():
    objective = make_objective("one-vs-all", alpha=0.1)
    point = objective.at(random_theta(objective))
    extra = point.diagonals(ridge=10.0) - point.diagonals()
    assert_allclose(extra, [[9 * 0.2] * N_FEATURES + [0]] * N_CLASSES, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@each_code
def test_no_score_is_too_large(code, dtype):
    objective = make_objective(code, dtype=dtype, alpha=0)
    theta = random_theta(objective, scale=1e4)
    point = objective.at(theta)
    for column, single in enumerate(single_objectives(code, alpha=0)):
        expected = single.at(theta[column])
        assert point.value[column] == pytest.approx(expected.value, rel=1e-4)
        assert_allclose(point.gradient[column], expected.gradient, rtol=1e-4, atol=1e-6)


def test_small_probabilities_keep_their_digits():
    objective = make_objective("one-vs-all", alpha=0)
    theta = random_theta(objective, scale=20)
    point = objective.at(theta)
    u, q = (np.concatenate([part.ravel() for part in c.blocks]) for c in (point.u, point.q))
    assert u.min() < -40
    small = u < -20
    assert_allclose(q[small], np.exp(u[small]), rtol=1e-8)


@each_container
@each_code
def test_single_precision(code, container):
    objective = make_objective(code, container, dtype=np.float32)
    exact = make_objective(code, container)
    theta = random_theta(objective)
    point, expected = objective.at(theta), exact.at(theta)
    assert point.dtype == np.float32
    assert {part.dtype for part in (*point.u.blocks, *point.q.blocks)} == {np.dtype(np.float32)}
    assert_allclose(point.value, expected.value, rtol=1e-5)
    assert_allclose(point.gradient, expected.gradient, rtol=1e-4, atol=1e-6)
    if container == "dense":
        assert_allclose(point.hessians, expected.hessians, rtol=1e-4, atol=1e-6)


def test_the_precision_is_reduced_once_the_offset_is_gone():
    X, y = rows_and_classes()
    X += 1e6
    suited = Coordinates.suited_to(X, np.ones(N_SAMPLES), fit_intercept=True)
    M = CODES["one-vs-all"]
    exact = ColumnObjective(
        X, y, M, np.ones(N_SAMPLES), np.ones(M.shape), alpha=0.1, coordinates=suited
    )
    single = exact.converted(np.float32)
    theta = random_theta(exact)
    point, expected = single.at(theta), exact.at(theta)
    assert point.dtype == np.float32
    assert expected.dtype == np.float64
    assert_allclose(point.value, expected.value, rtol=1e-5)
    assert_allclose(point.gradient, expected.gradient, rtol=1e-4, atol=1e-6)


# Moving


@each_container
@each_code
def test_a_ray_leads_to_the_point_there(code, container):
    objective = make_objective(code, container)
    theta, direction = random_theta(objective), random_theta(objective, seed=1)
    ray = objective.at(theta).ray(direction)
    step = np.linspace(0.5, 2, objective.n_problems)
    ray.move(step, np.ones(len(step), bool))
    there = objective.at(theta + step[:, None] * direction)
    slope = np.einsum("ij,ij->i", there.gradient, direction)
    end = ray.arrive()
    assert_allclose(end.theta, there.theta, rtol=1e-14)
    assert_allclose(end.value, there.value, rtol=1e-12)
    assert_allclose(ray.slope, slope, rtol=1e-11)
    assert_allclose(end.gradient, there.gradient, rtol=1e-11, atol=1e-13)


@each_code
def test_only_some_columns_move(code):
    objective = make_objective(code)
    theta, direction = random_theta(objective), random_theta(objective, seed=1)
    n = objective.n_problems
    start = objective.at(theta)
    ray = start.ray(direction)
    step = np.ones(n)
    ray.move(step, np.ones(n, bool))
    moving = np.arange(n) % 2 == 0
    step[moving] = 3.0
    ray.move(step, moving)
    there = objective.at(theta + step[:, None] * direction)
    slope = np.einsum("ij,ij->i", there.gradient, direction)
    assert_allclose(ray.end.value, there.value, rtol=1e-12)
    assert_allclose(ray.slope, slope, rtol=1e-11)
    assert_allclose(ray.end.gradient, there.gradient, rtol=1e-11, atol=1e-13)
    # The start stays where it is.
    assert_array_equal(start.theta, theta)
    assert_allclose(start.gradient, objective.at(theta).gradient, rtol=1e-13)


@each_container
@each_code
def test_some_columns_are_taken_along(code, container):
    objective = make_objective(code, container)
    theta, direction = random_theta(objective), random_theta(objective, seed=1)
    columns = np.array([0, 2])
    expected = objective.at(theta)
    value, gradient = expected.value[columns], expected.gradient[columns]
    some = objective.at(theta).take(columns)
    assert_array_equal(some.value, value)
    assert_array_equal(some.theta, theta[columns])
    assert_allclose(some.gradient, gradient, rtol=1e-13)
    ray = some.ray(direction[columns])
    ray.move(np.array([0.5, 2]), np.array([True, True]))
    end = ray.arrive()
    step = np.zeros((len(theta), 1))
    step[columns, 0] = 0.5, 2
    there = objective.at(theta + step * direction)
    assert_allclose(end.value, there.value[columns], rtol=1e-12)
    assert_allclose(end.gradient, there.gradient[columns], rtol=1e-11, atol=1e-13)


def test_memory_that_is_given_up_serves_again():
    objective = make_objective("one-vs-one")
    theta, direction = random_theta(objective), random_theta(objective, seed=1)
    point = objective.at(theta)
    memory = set()
    for _ in range(5):
        ray = point.ray(direction)
        ray.move(np.full(objective.n_problems, 0.1), np.ones(objective.n_problems, bool))
        memory |= {id(cells.memory) for cells in (ray.image, ray.end.u, ray.end.q)}
        point = ray.arrive()
    assert len(memory) <= 5
    there = objective.at(theta + 0.5 * direction)
    assert_allclose(point.value, there.value, rtol=1e-12)
    assert_allclose(point.gradient, there.gradient, rtol=1e-11, atol=1e-13)


def test_products_of_pairs_of_features():
    objective = make_objective("one-vs-one")
    n_params = objective.n_params
    n_most = max(n for _, n in objective.shapes)
    memory = np.empty((n_params * (n_params + 1) // 2, n_most))
    for i, block in enumerate(objective.blocks):
        j, k = np.triu_indices(n_params)
        assert_array_equal(objective.pair_products(i, memory), block.X_T[j] * block.X_T[k])
