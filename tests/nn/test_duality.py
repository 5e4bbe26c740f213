"""The certificate holds everywhere, and it is tight where Newton's method ends."""

import functools

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose

from skmlp.nn.duality import duality_gap, kl_rows, suboptimality_bound, with_true_shares
from skmlp.nn.linear import LinearObjective
from skmlp.nn.losses import LogisticCrossEntropy, SoftmaxCrossEntropy, softmax
from skmlp.optim.newton import newton

# Rounding errors of the objective and of the bound, as a share of the objective.
ROUNDING = 1e-13

PROBLEMS = {
    "one column": {"n_outputs": 1},
    "two columns": {"n_outputs": 2},
    "several classes": {},
    "weighted": {"weight": np.random.default_rng(3).exponential(size=80) * (np.arange(80) % 7 > 0)},
    "badly scaled": {"scale": 10.0 ** np.linspace(-3, 4, 4), "alpha": 1e-6},
    "sparse": {"container": sp.csr_array},
    "more features than rows": {"n_features": 120},
    "hardly penalized": {"alpha": 1e-8},
}
each_problem = pytest.mark.parametrize("name", PROBLEMS)
each_intercept = pytest.mark.parametrize("fit_intercept", [True, False])


def make_objective(
    *,
    n_outputs=3,
    n_features=4,
    scale=1.0,
    weight=None,
    container=np.asarray,
    dtype=np.float64,
    alpha=1e-3,
    fit_intercept=True,
):
    rng = np.random.default_rng(0)
    n_samples, n_classes = 80, max(n_outputs, 2)
    X = rng.normal(size=(n_samples, n_features))
    scores = X @ rng.normal(size=(n_features, n_classes))
    scores += 2 * rng.normal(size=scores.shape)
    scores[:, 0] += 1
    return LinearObjective(
        LogisticCrossEntropy() if n_outputs == 1 else SoftmaxCrossEntropy(),
        container((X * scale).astype(dtype)),
        scores.argmax(axis=1),
        np.ones(n_samples) if weight is None else weight,
        n_outputs=n_outputs,
        alpha=alpha,
        fit_intercept=fit_intercept,
    )


@functools.cache
def solved(name, fit_intercept):
    """Return the points from the start to the optimum of a problem."""
    objective = make_objective(**PROBLEMS[name], fit_intercept=fit_intercept)
    path = [objective.at(np.zeros(objective.n_params))]
    end = newton(path[0], tol=1e-16, max_iter=60, on_step=path.append)
    assert end.converged
    return path


def full_newton_step(point):
    """Return the point after an exact Newton step, and the image of the step."""
    H = np.array([point.hessian_product(e) for e in np.eye(point.objective.n_params)])
    scale = np.sqrt(np.diagonal(H))
    solution = np.linalg.lstsq(H / scale / scale[:, None], -point.gradient / scale, rcond=1e-14)
    direction = solution[0] / scale
    image = point.image(direction)
    return point.moved(direction, image, 1.0), image


# Valid


@pytest.mark.parametrize("theta_scale", [0.0, 0.1, 1.0, 10.0, 1e4])
@each_intercept
@each_problem
def test_no_point_is_further_from_the_optimum_than_the_bound(name, fit_intercept, theta_scale):
    *_, best = solved(name, fit_intercept)
    rng = np.random.default_rng(1)
    scale = np.ones_like(best.theta)
    W, _ = best.objective.split(scale)
    W /= np.reshape(PROBLEMS[name].get("scale", 1.0), (-1, 1))
    for _ in range(5):
        theta = best.theta + theta_scale * scale * rng.normal(size=len(scale))
        point = best.objective.at(theta)
        gap = point.value - best.value
        assert suboptimality_bound(point) >= gap - ROUNDING * point.value


@each_intercept
@each_problem
def test_the_bound_holds_on_the_way_to_the_optimum(name, fit_intercept):
    *path, best = solved(name, fit_intercept)
    for point in path:
        moved, image = full_newton_step(point)
        plain, with_step = suboptimality_bound(moved), suboptimality_bound(moved, point, image)
        rounding = ROUNDING * best.value
        assert moved.value - best.value - rounding <= with_step <= plain + rounding


@pytest.mark.parametrize("size", [0.01, 1.0, 100.0])
@each_intercept
def test_the_bound_holds_after_any_step(fit_intercept, size):
    *_, best = solved("several classes", fit_intercept)
    objective = best.objective
    for seed in range(20):
        theta, direction = np.random.default_rng(seed).normal(size=(2, objective.n_params))
        previous = objective.at(theta)
        image = previous.image(size * direction)
        point = previous.moved(size * direction, image, 1.0)
        bound = suboptimality_bound(point, previous, image)
        assert bound >= point.value - best.value - ROUNDING * point.value
        if size == 100.0:
            # So long a step leads out of the probabilities and tells nothing.
            assert bound == suboptimality_bound(point)


def test_the_bound_holds_where_a_class_has_no_weight():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 3)), np.arange(60) % 3
    options = {"alpha": 1e-2, "fit_intercept": True}
    two = LinearObjective(
        SoftmaxCrossEntropy(), X[y < 2], y[y < 2], np.ones(40), n_outputs=2, **options
    )
    # A class that is never seen is given up: its intercept goes to minus infinity.
    best = newton(two.at(np.zeros(8)), tol=1e-16, max_iter=60).point
    three = LinearObjective(
        SoftmaxCrossEntropy(), X, y, np.where(y < 2, 1.0, 0.0), n_outputs=3, **options
    )
    for intercept in (0.0, -5.0, -50.0):
        W, b = np.zeros((3, 3)), np.zeros(3)
        W[:, :2], b[:2] = two.split(best.theta)
        b[2] = intercept
        point = three.at(np.append(W, b))
        gap = point.value - best.value
        assert gap <= suboptimality_bound(point) + ROUNDING
        assert np.isfinite(suboptimality_bound(point))


# Tight


@each_intercept
@each_problem
def test_the_bound_is_tight_after_a_full_newton_step(name, fit_intercept):
    *path, best = solved(name, fit_intercept)
    bounds = []
    for point in path:
        moved, image = full_newton_step(point)
        gap = (moved.value - best.value) / best.value
        bound = suboptimality_bound(moved, point, image) / best.value
        if gap < 1e-6:
            assert bound < 10 * max(gap, ROUNDING)
            bounds.append(bound)
    assert min(bounds) < 1e-8


@each_intercept
@pytest.mark.parametrize("alpha", [1e-3, 1e-4, 1e-5])
def test_improbable_classes_that_would_get_less_than_nothing_do_not_loosen_the_bound(
    alpha, fit_intercept
):
    objective = make_objective(n_outputs=4, alpha=alpha, fit_intercept=fit_intercept)
    path = [objective.at(np.zeros(objective.n_params))]
    best = newton(path[0], tol=1e-16, max_iter=60, on_step=path.append).point
    bounds = []
    for point in path:
        moved, image = full_newton_step(point)
        R = image - (point.probabilities * image).sum(axis=1, keepdims=True)
        R = point.probabilities * (1 + R)
        gap = moved.value - best.value
        bound = suboptimality_bound(moved, point, image)
        assert bound >= gap - ROUNDING * best.value
        if -0.01 < R.min() < -1e-12:
            # What the end itself proves.
            bounds.append(bound / suboptimality_bound(moved))
    assert bounds
    assert max(bounds) < 0.1


@each_problem
def test_without_intercept_the_bound_is_that_of_strong_convexity(name):
    for point in solved(name, False)[:-2]:
        expected = point.gradient @ point.gradient / (4 * point.objective.alpha)
        assert duality_gap(point, point.probabilities) == pytest.approx(expected, rel=1e-8)
        assert suboptimality_bound(point) == pytest.approx(min(expected, point.value), rel=1e-8)


def test_without_a_penalty_the_loss_itself_is_the_bound():
    objective = make_objective(alpha=0)
    point = objective.at(np.zeros(objective.n_params))
    assert suboptimality_bound(point) == point.value
    moved, image = full_newton_step(point)
    assert suboptimality_bound(moved, point, image) == moved.value


@pytest.mark.parametrize("name", ["one column", "several classes"])
@each_intercept
def test_float32_rows_give_a_bound_up_to_their_rounding(name, fit_intercept):
    *_, best = solved(name, fit_intercept)
    objective = make_objective(**PROBLEMS[name], fit_intercept=fit_intercept, dtype=np.float32)
    rng = np.random.default_rng(0)
    for scale in (0.0, 0.3, 3.0, 30.0):
        point = objective.at(best.theta + scale * rng.normal(size=objective.n_params))
        gap = point.value - best.value
        assert suboptimality_bound(point) >= gap - 1e-6 * point.value
    start = objective.at(np.zeros(objective.n_params))
    end = newton(start, tol=1e-6, max_iter=60)
    assert suboptimality_bound(end.point, end.previous, end.image) < 1e-5 * end.point.value


# The shares of the classes


def rows_of_probabilities(n_rows=6, n_classes=3, sharpness=5.0):
    scores = arrays(np.float64, (n_rows, n_classes), elements=st.floats(-1.0, 1.0))
    return scores.map(lambda F: softmax(sharpness * F))


@pytest.mark.parametrize("sharpness", [5.0, 50.0, 1e4])
@given(data=st.data())
def test_moved_rows_give_each_class_its_share(data, sharpness):
    R = data.draw(rows_of_probabilities(sharpness=sharpness))
    Y = data.draw(rows_of_probabilities())
    (weight,) = data.draw(rows_of_probabilities(1, 6))
    result = with_true_shares(R, Y, weight)
    assert_allclose(weight @ result, weight @ Y, atol=1e-12)
    assert_allclose(result.sum(axis=1), 1, rtol=1e-12)
    assert (result >= 0).all()


@given(
    R=rows_of_probabilities(sharpness=1.0),
    weight=rows_of_probabilities(1, 6),
    excess=st.floats(0, 1e-3),
)
def test_rows_move_no_further_than_the_shares_are_wrong(R, weight, excess):
    Y = (1 - excess) * R + excess * np.eye(3)[0]
    assert abs(with_true_shares(R, Y, weight[0]) - R).max() <= 100 * excess + 1e-12


@pytest.mark.parametrize("score", [-35.0, -40.0, -800.0])
@pytest.mark.parametrize("own", [0, 1])
def test_the_divergence_of_improbable_classes_comes_from_scores(score, own):
    # As the objective has it: the probability of the true class is one plus its residual.
    F, y = np.array([[0.0, score]]), np.array([own])
    loss = SoftmaxCrossEntropy()
    _, residual = loss.evaluate(F, y)
    Y = np.eye(2)[y]
    R = np.array([[0.25, 0.75]])
    # ln P_1 is the score up to exp(score), and ln P_0 is 0.
    expected = 0.25 * np.log(0.25) + 0.75 * (np.log(0.75) - score)
    assert_allclose(kl_rows(R, loss.prediction(residual, y), Y, F), expected, rtol=1e-12)
