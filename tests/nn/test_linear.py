"""The linear objective against its formula in plain loops, and its derivatives."""

import itertools
import math

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from skmlp.nn.linear import LinearObjective
from skmlp.nn.losses import LogisticCrossEntropy, SoftmaxCrossEntropy
from skmlp.nn.regression_losses import SquaredLoss

SOFTMAX, LOGISTIC, SQUARED = SoftmaxCrossEntropy(), LogisticCrossEntropy(), SquaredLoss()
N_SAMPLES, N_FEATURES = 9, 4
WEIGHT = np.array([1.0, 0.0, 2.0, 0.5, 3.0, 1.0, 0.1, 4.0, 1.0])
CONTAINERS = {"dense": np.asarray, "CSR": sp.csr_array, "CSC": sp.csc_array}

each_loss = pytest.mark.parametrize(
    ("loss", "n_outputs"),
    [(SOFTMAX, 3), (LOGISTIC, 1), (LOGISTIC, 2), (SQUARED, 1), (SQUARED, 3)],
    ids=lambda value: type(value).__name__ if not isinstance(value, int) else str(value),
)
each_container = pytest.mark.parametrize("container", CONTAINERS)
each_intercept = pytest.mark.parametrize("fit_intercept", [True, False])


def rows_and_targets(loss, n_outputs):
    rng = np.random.default_rng(n_outputs)
    X = rng.normal(size=(N_SAMPLES, N_FEATURES)) * (rng.random((N_SAMPLES, N_FEATURES)) < 0.7)
    if loss is SOFTMAX:
        return X, np.arange(N_SAMPLES) % n_outputs
    if loss is LOGISTIC:
        return X, rng.integers(2, size=(N_SAMPLES, n_outputs))
    return X, rng.normal(size=(N_SAMPLES, n_outputs))


def make_objective(
    loss, n_outputs, *, container="dense", dtype=np.float64, weight=WEIGHT, alpha=0.1, **options
):
    X, y = rows_and_targets(loss, n_outputs)
    X = CONTAINERS[container](X.astype(dtype))
    return LinearObjective(loss, X, y, weight, n_outputs=n_outputs, alpha=alpha, **options)


def random_theta(objective, seed=0):
    return np.random.default_rng(seed).normal(size=objective.n_params)


def slow_value(loss, X, y, weight, W, b, alpha):
    """Return J by its definition, one number at a time."""
    n_features, n_outputs = W.shape
    total = 0.0
    for x, target, w in zip(X, y, weight, strict=True):
        F = [sum(x[j] * W[j, k] for j in range(n_features)) + b[k] for k in range(n_outputs)]
        if loss is SOFTMAX:
            row_loss = math.log(sum(math.exp(f) for f in F)) - F[target]
        elif loss is LOGISTIC:
            row_loss = sum(
                math.log(1 + math.exp(f)) - t * f for f, t in zip(F, target, strict=True)
            )
        else:
            row_loss = sum((f - t) ** 2 for f, t in zip(F, target, strict=True))
        total += w * row_loss
    return total / sum(weight) + alpha * sum(w**2 for w in W.flat)


def difference_quotient(function, theta, h=1e-5):
    """Return the derivative of a function of theta, one row a parameter."""
    steps = h * np.eye(len(theta))
    return np.array([(function(theta + s) - function(theta - s)) / (2 * h) for s in steps])


def relative_error(actual, expected):
    return np.linalg.norm(actual - expected) / np.linalg.norm(expected)


# Value, gradient, Hessian


@pytest.mark.parametrize("alpha", [0, 0.1])
@pytest.mark.parametrize("weight", [np.ones(N_SAMPLES), WEIGHT], ids=["alike", "weighted"])
@each_intercept
@each_container
@each_loss
def test_value_and_gradient(loss, n_outputs, container, fit_intercept, weight, alpha):
    objective = make_objective(
        loss,
        n_outputs,
        container=container,
        weight=weight,
        alpha=alpha,
        fit_intercept=fit_intercept,
    )
    theta = random_theta(objective)
    X, y = rows_and_targets(loss, n_outputs)
    W, b = objective.split(theta)
    b = b if fit_intercept else np.zeros(n_outputs)
    expected = slow_value(loss, X, y, weight, W, b, alpha)

    point = objective.at(theta)
    value, grad = objective.value_and_gradient(theta)
    assert point.value == pytest.approx(expected, rel=1e-13)
    assert value == pytest.approx(expected, rel=1e-13)
    quotient = difference_quotient(lambda t: objective.at(t).value, theta)
    assert relative_error(point.gradient, quotient) < 1e-6
    assert_allclose(grad, point.gradient, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("alpha", [0, 0.1])
@each_intercept
@each_container
@each_loss
def test_hessian_product(loss, n_outputs, container, fit_intercept, alpha):
    objective = make_objective(
        loss, n_outputs, container=container, alpha=alpha, fit_intercept=fit_intercept
    )
    theta = random_theta(objective)
    point = objective.at(theta)
    H = np.array([point.hessian_product(e) for e in np.eye(objective.n_params)])
    expected = difference_quotient(lambda t: objective.at(t).gradient, theta)
    assert relative_error(H, expected) < 1e-6
    assert_allclose(H, H.T, rtol=1e-12, atol=1e-14)
    v = random_theta(objective, seed=1)
    image = point.image(v)
    assert_allclose(point.hessian_product(v), H @ v, rtol=1e-12, atol=1e-13)
    # Products share memory, but with nothing that is seen outside.
    assert_array_equal(image, objective.scores(v))
    assert_array_equal(point.F, objective.scores(theta))
    assert_array_equal(point.gradient, objective.at(theta).gradient)


@each_intercept
def test_theta_is_the_weights_row_by_row_and_then_the_intercept(fit_intercept):
    objective = make_objective(SOFTMAX, 3, fit_intercept=fit_intercept)
    assert objective.n_params == N_FEATURES * 3 + 3 * fit_intercept
    theta = np.arange(objective.n_params, dtype=float)
    W, b = objective.split(theta)
    assert_array_equal(W, np.arange(12.0).reshape(4, 3))
    assert_array_equal(b, [12, 13, 14] if fit_intercept else [])
    W += 100
    assert_array_equal(theta[:12], np.arange(12) + 100)


# Weights of rows


@each_loss
def test_the_scale_of_the_weights_does_not_matter(loss, n_outputs):
    objective = make_objective(loss, n_outputs)
    theta = random_theta(objective)
    point = objective.at(theta)
    for weight in (WEIGHT * 1000, (WEIGHT * 10).astype(int), WEIGHT.astype(np.float32) * 3):
        other = make_objective(loss, n_outputs, weight=weight).at(theta)
        assert other.value == pytest.approx(point.value, rel=1e-7)
        assert_allclose(other.gradient, point.gradient, rtol=1e-6)
        assert_allclose(other.hessian_product(theta), point.hessian_product(theta), rtol=1e-6)


@each_container
@each_loss
def test_a_weight_of_two_is_a_row_twice_and_of_zero_a_row_left_out(loss, n_outputs, container):
    counts = np.array([1, 2, 0, 1, 1, 3, 0, 1, 1])
    X, y = rows_and_targets(loss, n_outputs)
    weighted = make_objective(loss, n_outputs, container=container, weight=counts)
    copies = LinearObjective(
        loss,
        CONTAINERS[container](np.repeat(X, counts, axis=0)),
        np.repeat(y, counts, axis=0),
        np.ones(counts.sum()),
        n_outputs=n_outputs,
        alpha=0.1,
    )
    theta = random_theta(weighted)
    a, b = weighted.at(theta), copies.at(theta)
    assert a.value == pytest.approx(b.value, rel=1e-13)
    assert_allclose(a.gradient, b.gradient, rtol=1e-12, atol=1e-14)
    assert_allclose(a.hessian_product(theta), b.hessian_product(theta), rtol=1e-12, atol=1e-14)


# Mini-batches


@pytest.mark.parametrize("batch_size", [1, 2])
@each_intercept
@each_container
@each_loss
def test_mini_batches_are_right_on_average(loss, n_outputs, container, fit_intercept, batch_size):
    objective = make_objective(loss, n_outputs, container=container, fit_intercept=fit_intercept)
    theta = random_theta(objective)
    value, grad = objective.value_and_gradient(theta)
    # A row of no weight is never drawn.
    batches = itertools.combinations(np.flatnonzero(WEIGHT), batch_size)
    estimates = [objective(theta, np.array(rows)) for rows in batches]
    assert np.mean([estimate for estimate, _ in estimates]) == pytest.approx(value, rel=1e-12)
    mean_grad = np.mean([batch_grad for _, batch_grad in estimates], axis=0)
    assert_allclose(mean_grad, grad, rtol=1e-11, atol=1e-13)


@each_container
def test_a_mini_batch_may_be_a_slice(container):
    objective = make_objective(SOFTMAX, 3, container=container)
    theta = random_theta(objective)
    by_slice, by_index = objective(theta, slice(2, 6)), objective(theta, np.arange(2, 6))
    assert by_slice[0] == by_index[0]
    assert_array_equal(by_slice[1], by_index[1])


# Moving along a direction


@pytest.mark.parametrize("step", [0.3, 4.0])
@each_intercept
@each_container
@each_loss
def test_a_moved_point_is_the_point_there(loss, n_outputs, container, fit_intercept, step):
    objective = make_objective(loss, n_outputs, container=container, fit_intercept=fit_intercept)
    theta, direction = random_theta(objective), random_theta(objective, seed=1)
    point = objective.at(theta)
    start = point.value, point.gradient.copy()
    image = point.image(direction)
    moved, there = point.moved(direction, image, step), objective.at(theta + step * direction)
    assert_array_equal(moved.theta, there.theta)
    assert_allclose(moved.F, there.F, rtol=1e-12, atol=1e-13)
    assert moved.value == pytest.approx(there.value, rel=1e-12)
    assert_allclose(moved.gradient, there.gradient, rtol=1e-11, atol=1e-13)
    # The first point stays where it is.
    assert_array_equal(point.theta, theta)
    assert point.value == objective.at(theta).value == start[0]
    assert_array_equal(objective.at(theta).gradient, start[1])


@pytest.mark.parametrize("alpha", [0, 0.1])
@each_intercept
@each_loss
def test_the_slope_is_the_gradient_along_the_direction(loss, n_outputs, fit_intercept, alpha):
    objective = make_objective(loss, n_outputs, alpha=alpha, fit_intercept=fit_intercept)
    theta, direction = random_theta(objective), random_theta(objective, seed=1)
    point = objective.at(theta)
    slope = point.slope(direction, point.image(direction))
    assert slope == pytest.approx(float(point.gradient @ direction), rel=1e-12)


@pytest.mark.parametrize("container", ["dense", "CSR"])
def test_float32_rows_are_not_copied_for_a_derivative_in_float64(container, traced):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 50)) * (rng.random((20_000, 50)) < 0.5)
    rows = CONTAINERS[container](X.astype(np.float32))
    y, weight = rng.integers(3, size=len(X)), np.ones(len(X))
    objective = LinearObjective(SOFTMAX, rows, y, weight, n_outputs=3, alpha=0.1)
    dF = rng.normal(size=(len(X), 3))
    expected = X.astype(np.float32).T.astype(np.float64) @ dF
    grad, peak = traced(objective.pull_back, dF)
    assert_allclose(grad[:150].reshape(50, 3), expected, rtol=1e-10)
    stored = rows if container == "dense" else rows.data
    assert peak < stored.nbytes


# float32


@each_container
@each_loss
def test_float32_rows_are_never_widened(loss, n_outputs, container):
    objective = make_objective(loss, n_outputs, container=container, dtype=np.float32)
    exact = make_objective(loss, n_outputs, container=container)
    theta, direction = random_theta(objective), random_theta(objective, seed=1)
    point = objective.at(theta)
    image = point.image(direction)
    moved = point.moved(direction, image, 0.5)
    arrays = (objective.scores(theta), point.F, point.residual, image, moved.F, *point.curvature)
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}

    expected = exact.at(theta)
    assert relative_error(point.value, expected.value) < 1e-5
    assert relative_error(point.gradient, expected.gradient) < 1e-5
    assert relative_error(moved.value, exact.at(theta + 0.5 * direction).value) < 1e-5
    product = point.hessian_product(direction)
    assert relative_error(product, expected.hessian_product(direction)) < 1e-5
    value, grad = objective.value_and_gradient(theta.astype(np.float32))
    assert grad.dtype == np.float32
    assert relative_error(value, expected.value) < 1e-5
    assert relative_error(grad, expected.gradient) < 1e-5


def test_rows_are_not_copied():
    X, y = rows_and_targets(SOFTMAX, 3)
    objective = LinearObjective(SOFTMAX, X, y, WEIGHT, n_outputs=3, alpha=0.1)
    assert np.shares_memory(objective.X, X)
    assert np.shares_memory(objective.X_T, X)
