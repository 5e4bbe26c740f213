"""Newton's method against a dense reference, scikit-learn and its own promises."""

import copy
import functools

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression

from skmlp.nn.duality import suboptimality_bound
from skmlp.nn.linear import LinearObjective, LinearPoint
from skmlp.nn.losses import LogisticCrossEntropy, SoftmaxCrossEntropy, softmax
from skmlp.nn.preconditioners import Preconditioner, diagonal, full_hessian, shared_gram
from skmlp.nn.regression_losses import SquaredLoss
from skmlp.optim.newton import LazyInverse, conjugate_gradients, newton

N_SAMPLES = 100
N_FEATURES = 5


def rows_and_classes(n_classes=3, n_samples=N_SAMPLES, n_features=N_FEATURES):
    """Return rows of overlapping classes."""
    return make_classification(
        n_samples=n_samples,
        n_features=n_features,
        n_informative=4,
        n_redundant=0,
        n_classes=n_classes,
        n_clusters_per_class=1,
        class_sep=0.7,
        flip_y=0.1,
        random_state=0,
    )


def make_objective(
    X, y, *, weight=None, one_column=False, dtype=np.float64, container=np.asarray, **options
):
    return LinearObjective(
        LogisticCrossEntropy() if one_column else SoftmaxCrossEntropy(),
        container(X.astype(dtype)),
        y,
        np.ones(len(X)) if weight is None else weight,
        n_outputs=1 if one_column else y.max() + 1,
        **({"alpha": 1e-3} | options),
    )


def start(objective):
    return objective.at(np.zeros(objective.n_params))


def dense_newton(X, y, weight, alpha, fit_intercept):
    """Minimize with the whole Hessian, written out row by row, and a step that is halved."""
    n_classes = y.max() + 1
    X1 = np.hstack([X, np.ones((len(X), 1))]) if fit_intercept else X
    weight = weight / weight.sum()
    penalty = np.zeros((X1.shape[1], n_classes))
    penalty[: X.shape[1]] = alpha

    def value(W):
        F = X1 @ W
        losses = np.log(np.exp(F - F[np.arange(len(y)), y][:, None]).sum(axis=1))
        return weight @ losses + (penalty * W**2).sum()

    W = np.zeros_like(penalty)
    for _ in range(50):
        P = softmax(X1 @ W)
        grad = X1.T @ (weight[:, None] * (P - np.eye(n_classes)[y])) + 2 * penalty * W
        H = np.diag(2 * penalty.ravel())
        for w, x, p in zip(weight, X1, P, strict=True):
            H += w * np.kron(np.outer(x, x), np.diag(p) - np.outer(p, p))
        scale = np.sqrt(np.diagonal(H))
        step = np.linalg.lstsq(H / scale / scale[:, None], -grad.ravel() / scale, rcond=1e-13)[0]
        step = (step / scale).reshape(W.shape)
        while value(W + step) > value(W) and abs(step).max() > 1e-12:
            step /= 2
        if not value(W + step) < value(W):
            break
        W += step
    return value(W)


BAD_SCALE = 10.0 ** np.linspace(-3, 4, N_FEATURES)
WEIGHT = np.random.default_rng(0).exponential(size=N_SAMPLES) * (np.arange(N_SAMPLES) % 5 > 0)

PROBLEMS = {
    "several classes": {},
    "one column": {"one_column": True},
    "weighted": {"weight": WEIGHT},
    "badly scaled": {"scale": BAD_SCALE},
    "badly scaled, hardly penalized": {"scale": BAD_SCALE, "alpha": 1e-9},
    "more features than rows": {"shape": (40, 60)},
    "CSR": {"container": sp.csr_array},
    "CSC": {"container": sp.csc_array},
    "duplicate columns": {"copies": 2},
    "not penalized": {"alpha": 0.0},
    "duplicate columns, not penalized": {"copies": 2, "alpha": 0.0},
    "strongly penalized": {"alpha": 10.0},
}
each_problem = pytest.mark.parametrize("name", PROBLEMS)
each_intercept = pytest.mark.parametrize("fit_intercept", [True, False])


@functools.cache
def problem(name, fit_intercept=True):
    """Return the objective and its smallest value."""
    options = dict(PROBLEMS[name])
    one_column = options.get("one_column", False)
    shape = options.pop("shape", (N_SAMPLES, N_FEATURES))
    X, y = rows_and_classes(2 if one_column else 3, *shape)
    X = np.hstack([X * options.pop("scale", 1.0)] * options.pop("copies", 1))
    objective = make_objective(X, y, fit_intercept=fit_intercept, **options)
    # The scores -f/2 and f/2 say the same as one score f, with half the squared weights.
    alpha = objective.alpha * (2 if one_column else 1)
    return objective, dense_newton(X, y, objective.weight, alpha, fit_intercept)


@functools.cache
def solved(name, fit_intercept=True):
    """Return the end of a run to machine precision and all points on the way."""
    path = [start(problem(name, fit_intercept)[0])]
    return newton(path[0], tol=1e-14, max_iter=60, on_step=path.append), path


# The optimum


@each_intercept
@each_problem
def test_the_optimum_is_that_of_the_dense_reference(name, fit_intercept):
    _, best = problem(name, fit_intercept)
    end, path = solved(name, fit_intercept)
    assert end.converged
    assert end.point.value == pytest.approx(best, rel=1e-10)
    assert end.n_iter == len(path) - 1 <= 12


@pytest.mark.parametrize("n_classes", [2, 3])
@each_intercept
def test_the_coefficients_are_those_of_scikit_learn(fit_intercept, n_classes):
    X, y = rows_and_classes(n_classes)
    alpha = 1e-2
    objective = make_objective(
        X, y, weight=WEIGHT, alpha=alpha, one_column=n_classes == 2, fit_intercept=fit_intercept
    )
    W, b = objective.split(newton(start(objective), tol=1e-14, max_iter=60).point.theta)
    reference = LogisticRegression(
        C=1 / (2 * WEIGHT.sum() * alpha),
        fit_intercept=fit_intercept,
        solver="newton-cholesky",
        tol=1e-12,
    ).fit(X, y, sample_weight=WEIGHT)
    assert_allclose(W.T, reference.coef_, rtol=1e-6, atol=1e-8)
    if fit_intercept:
        assert_allclose(b - b.mean() * (n_classes > 2), reference.intercept_, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("name", "build"),
    [
        (name, build)
        for name, options in PROBLEMS.items()
        for build in (full_hessian, shared_gram, diagonal)
        # One column has no coupling between outputs, so the shared Gram matrix is all there is.
        if not (build is full_hessian and "one_column" in options)
    ],
)
def test_the_preconditioner_does_not_change_the_optimum(name, build):
    objective, best = problem(name)
    objective = with_preconditioner(objective, build, 0.0)
    end = newton(start(objective), tol=1e-14, max_iter=100)
    assert end.converged
    assert end.point.value == pytest.approx(best, rel=1e-10)


def with_preconditioner(objective, build, cost):
    other = copy.copy(objective)
    other.preconditioners = (Preconditioner(build, cost),)
    return other


@pytest.mark.parametrize("size", [1.0, 30.0, 100.0])
@pytest.mark.parametrize("name", ["several classes", "one column", "weighted"])
def test_any_start_leads_to_the_optimum(name, size):
    # From far away nearly all probabilities are 0 or 1, and the curvature is mostly rounding error.
    objective, best = problem(name)
    theta = size * np.random.default_rng(0).normal(size=objective.n_params)
    end = newton(objective.at(theta), tol=1e-12, max_iter=100)
    assert end.converged
    assert end.point.value == pytest.approx(best, rel=1e-10)


@pytest.mark.parametrize("name", ["several classes", "one column", "weighted"])
@pytest.mark.parametrize("size", [300.0, 1000.0])
@pytest.mark.parametrize("seed", range(4))
def test_no_minimum_is_claimed_where_curvature_is_lost(seed, size, name):
    objective, best = problem(name)
    theta = size * np.random.default_rng(seed).normal(size=objective.n_params)
    end = newton(objective.at(theta), tol=1e-12, max_iter=100)
    assert not end.converged or end.point.value == pytest.approx(best, rel=1e-10)


@pytest.mark.parametrize("name", ["several classes", "one column", "badly scaled"])
def test_float32_rows_lead_to_the_optimum_up_to_their_rounding(name):
    double, best = problem(name)
    single = LinearObjective(
        double.loss,
        double.X.astype(np.float32),
        double.y,
        double.weight,
        n_outputs=double.n_outputs,
        alpha=double.alpha,
    )
    end = newton(start(single), tol=1e-6, max_iter=60)
    assert end.converged
    assert double.at(end.point.theta).value == pytest.approx(best, rel=1e-5)


# Speed


@each_intercept
@each_problem
def test_convergence_is_superlinear(name, fit_intercept):
    _, best = problem(name, fit_intercept)
    _, path = solved(name, fit_intercept)
    values = np.array([point.value for point in path])
    assert (np.diff(values) < 0).all()
    gaps = np.maximum(values / best - 1, 0)
    near = gaps[:-1] < 1e-2
    assert (gaps[1:][near] < 10 * gaps[:-1][near] ** 1.5 + 1e-12).all()


@pytest.mark.parametrize("name", ["several classes", "badly scaled"])
def test_the_scale_of_the_features_does_not_matter_without_a_penalty(name):
    X, y = rows_and_classes()
    scale = PROBLEMS[name].get("scale", 0.01)
    plain, scaled = (make_objective(A, y, alpha=0.0) for A in (X, X * scale))
    paths = [], []
    ends = [
        newton(start(objective), tol=1e-10, max_iter=60, on_step=path.append)
        for objective, path in zip((plain, scaled), paths, strict=True)
    ]
    assert_allclose([p.value for p in paths[0]], [p.value for p in paths[1]], rtol=1e-8)
    (W, b), (V, c) = (end.point.objective.split(end.point.theta) for end in ends)
    assert_allclose(V * np.reshape(scale, (-1, 1)), W, rtol=1e-5, atol=1e-8)
    assert_allclose(c, b, rtol=1e-5, atol=1e-8)


def test_no_step_takes_more_products_with_the_hessian_than_allowed(monkeypatch):
    n_products = 0

    def counted(point, v, product=LinearPoint.hessian_product):
        nonlocal n_products
        n_products += 1
        return product(point, v)

    monkeypatch.setattr(LinearPoint, "hessian_product", counted)
    objective = with_preconditioner(problem("badly scaled")[0], diagonal, np.inf)
    # So loose a tolerance makes the first step the last one, to be solved without any residual.
    newton(start(objective), tol=1e3, max_iter=5, max_cg=3, residual_target=lambda point: 0.0)
    assert n_products == 3


# Stopping


@each_problem
def test_a_smaller_tolerance_comes_closer(name):
    _, best = problem(name)
    n_steps = []
    for tol in (1e-1, 1e-3, 1e-6, 1e-9, 1e-12):
        end = newton(start(problem(name)[0]), tol=tol, max_iter=60)
        assert end.converged
        assert end.point.value / best - 1 <= 10 * tol
        n_steps.append(end.n_iter)
    assert n_steps == sorted(n_steps)
    assert n_steps[0] < n_steps[-1]


@pytest.mark.parametrize("max_iter", [0, 1, 2])
def test_max_iter_is_the_largest_number_of_steps(max_iter):
    objective, _ = problem("several classes")
    end = newton(start(objective), tol=1e-12, max_iter=max_iter)
    assert end.n_iter == max_iter
    assert not end.converged
    assert end.point.value == solved("several classes")[1][max_iter].value


def test_a_gap_that_is_proved_ends_the_search():
    objective, _ = problem("several classes")
    plain = newton(start(objective), tol=1e-4, max_iter=60)
    asked = []

    def no_gap(minimum):
        asked.append(minimum.point)
        return 0.0

    end = newton(start(objective), tol=1e-4, max_iter=60, gap=no_gap)
    assert asked == [end.point]
    assert end.n_iter == plain.n_iter
    assert end.bound == 0.0
    assert plain.bound is None


def test_a_gap_is_not_asked_for_far_from_the_minimum():
    objective, best = problem("several classes")
    values = []
    newton(
        start(objective),
        tol=10.0,
        max_iter=60,
        gap=lambda minimum: values.append(minimum.previous.value) or 0.0,
    )
    assert len(values) == 1
    assert values[0] < best * (1 + 1e-3)


def test_a_gap_that_is_not_proved_costs_three_more_steps():
    objective, _ = problem("several classes")
    plain = newton(start(objective), tol=1e-2, max_iter=60)
    end = newton(start(objective), tol=1e-2, max_iter=60, gap=lambda minimum: np.inf)
    assert end.n_iter == plain.n_iter + 3
    assert end.bound == np.inf


@pytest.mark.parametrize("tol", [1e-3, 1e-6])
@each_intercept
@pytest.mark.parametrize("name", [name for name in PROBLEMS if "not penalized" not in name])
def test_the_gap_that_duality_proves_is_within_the_tolerance(name, fit_intercept, tol):
    objective, best = problem(name, fit_intercept)
    end = newton(
        start(objective),
        tol=tol,
        max_iter=60,
        residual_target=lambda point: np.sqrt(2 * objective.alpha * tol * point.value),
        gap=lambda minimum: suboptimality_bound(minimum.point, minimum.previous, minimum.image),
    )
    assert end.converged
    assert end.point.value - best - 1e-12 * best <= end.bound <= tol * best * (1 + 1e-3)


def test_nothing_is_left_to_do_at_the_optimum():
    best = solved("several classes")[0].point
    end = newton(best, tol=1e-6, max_iter=60)
    assert end.converged
    assert end.n_iter <= 1
    assert end.point.value <= best.value


def test_a_flat_objective_has_converged_without_a_step():
    X, _ = rows_and_classes()
    objective = make_objective(0 * X, np.arange(N_SAMPLES) % 2, fit_intercept=False, alpha=0.1)
    end = newton(start(objective), tol=1e-6, max_iter=60)
    assert end.converged
    assert end.n_iter == 0
    assert end.point.value == pytest.approx(np.log(2))


def test_the_listener_sees_every_point_and_may_stop():
    seen = []

    def third(point):
        seen.append(point)
        return len(seen) == 3

    objective, _ = problem("several classes")
    end = newton(start(objective), tol=1e-12, max_iter=60, on_step=third)
    assert end.n_iter == len(seen) == 3
    assert end.point is seen[-1]
    assert end.previous is seen[-2]
    assert not end.converged


def test_an_exception_of_the_listener_passes_through():
    def interrupt(point):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        newton(start(problem("several classes")[0]), tol=1e-6, max_iter=60, on_step=interrupt)


def separable(dtype):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 5))
    return make_objective(X, (X @ rng.normal(size=(5, 3))).argmax(axis=1), alpha=0.0, dtype=dtype)


@pytest.mark.parametrize(("dtype", "rounding"), [(np.float32, 1e-7), (np.float64, 1e-12)])
def test_no_minimum_is_claimed_where_there_is_none(dtype, rounding):
    # The classes can be separated and nothing is penalized: the smallest value, 0, is nowhere.
    end = newton(start(separable(dtype)), tol=1e-6, max_iter=100)
    assert end.point.value < 1e-3
    assert not end.converged or end.point.value < rounding


@pytest.mark.parametrize("one_column", [True, False])
def test_a_start_without_curvature_is_not_taken_for_a_minimum(one_column):
    X, y = rows_and_classes(2)
    objective = make_objective(X, y, alpha=0.0, one_column=one_column)
    theta = 1e6 * np.random.default_rng(0).normal(size=objective.n_params)
    point = objective.at(theta)
    assert np.linalg.norm(point.gradient) > 0.1
    end = newton(point, tol=1e-6, max_iter=5)
    assert end.point.value < point.value or not end.converged


# The last step


def test_the_last_full_step_comes_with_its_image():
    objective, _ = problem("several classes")
    theta = 10 * np.random.default_rng(0).normal(size=objective.n_params)
    images = []
    for max_iter in range(1, 9):
        end = newton(objective.at(theta), tol=1e-12, max_iter=max_iter)
        images.append(end.image)
        if end.image is not None:
            expected = objective.scores(end.point.theta - end.previous.theta)
            assert_allclose(end.image, expected, rtol=1e-6, atol=1e-8)
    # A step that is not the full one has no image to offer.
    assert images[0] is None
    assert images[-1] is not None


def test_one_step_minimizes_a_quadratic():
    X, y = rows_and_classes()
    objective = LinearObjective(
        SquaredLoss(), X, y.astype(float), np.ones(len(X)), n_outputs=1, alpha=0.1
    )
    point = start(objective)
    end = newton(point, tol=1e-12, max_iter=10)
    X1 = np.hstack([X, np.ones((len(X), 1))])
    ridge = np.diag([0.1] * N_FEATURES + [0]) * len(X)
    expected = np.linalg.solve(X1.T @ X1 + ridge, X1.T @ y)
    assert_allclose(end.point.theta, expected, rtol=1e-8)
    assert end.n_iter <= 2
    one = newton(point, tol=1e-12, max_iter=1)
    assert_allclose(one.point.theta, expected, rtol=1e-6)
    assert one.previous is point
    assert one.image is not None


@pytest.mark.parametrize("target", [1e-3, 1e-9])
def test_the_last_system_is_solved_to_the_wanted_residual(target):
    # The next gradient of a quadratic is the residual of the Newton system.
    X, y = rows_and_classes()
    objective = LinearObjective(
        SquaredLoss(), X * BAD_SCALE, y.astype(float), np.ones(len(X)), n_outputs=1, alpha=0.1
    )
    point = start(with_preconditioner(objective, diagonal, np.inf))
    # So loose a tolerance makes the first step the last one.
    end = newton(point, tol=1e3, max_iter=10, residual_target=lambda point: target)
    assert end.n_iter == 1
    assert np.linalg.norm(end.point.gradient) <= target * (1 + 1e-3) + 1e-10
    loose = newton(point, tol=1e3, max_iter=10)
    assert np.linalg.norm(loose.point.gradient) > 10 * target


# Conjugate gradients


class Quadratic:
    """Half x^T A x - b^T x plus a constant at the origin, as far as conjugate gradients look."""

    def __init__(self, A, b, value=1.0):
        self.value = value
        self.A = A
        self.gradient = -b

    def hessian_product(self, v):
        return self.A @ v


def random_quadratic(n=8):
    rng = np.random.default_rng(0)
    B = rng.normal(size=(n, n))
    return Quadratic(B @ B.T + 0.1 * np.eye(n), rng.normal(size=n))


def solve(quadratic, precondition=np.copy, *, goal=0.0, target=np.inf, max_cg=500):
    return conjugate_gradients(quadratic, precondition, goal, target, max_cg)


def test_conjugate_gradients_solve_the_newton_system():
    quadratic = random_quadratic()
    expected = np.linalg.solve(quadratic.A, -quadratic.gradient)
    # A goal that all steps reach makes the step the last one.
    solution = solve(quadratic, goal=1e20, target=1e-10)
    assert_allclose(solution.direction, expected, rtol=1e-7)
    assert solution.decrement == pytest.approx(-quadratic.gradient @ expected)
    assert solution.size == pytest.approx(quadratic.gradient @ quadratic.gradient)
    assert solution.n_products <= 12


def test_the_inverse_as_preconditioner_needs_one_product():
    quadratic = random_quadratic()
    inverse = np.linalg.inv(quadratic.A)
    solution = solve(quadratic, lambda v: inverse @ v, goal=1e20, target=1e-8)
    assert solution.n_products == 1
    assert_allclose(solution.direction, -inverse @ quadratic.gradient, rtol=1e-8)


def test_before_the_last_step_a_quarter_of_the_residual_is_left():
    quadratic = random_quadratic()
    solution = solve(quadratic)
    residual = quadratic.gradient + quadratic.A @ solution.direction
    assert np.linalg.norm(residual) <= 0.25 * np.linalg.norm(quadratic.gradient)
    earlier = solve(quadratic, max_cg=solution.n_products - 1)
    residual = quadratic.gradient + quadratic.A @ earlier.direction
    assert np.linalg.norm(residual) > 0.25 * np.linalg.norm(quadratic.gradient)


def test_no_precision_beyond_the_goal_is_bought():
    quadratic = random_quadratic()
    assert solve(quadratic, goal=1e6).n_products == 1
    residual_of = {}
    for target in (np.inf, 1e-8):
        solution = solve(quadratic, goal=1e6, target=target)
        residual = quadratic.gradient + quadratic.A @ solution.direction
        residual_of[target] = np.linalg.norm(residual)
    assert residual_of[1e-8] <= 1.001e-8 < residual_of[np.inf]


@pytest.mark.parametrize("factor", [1e4, 1e8])
def test_close_to_the_minimum_a_smaller_residual_is_left(factor):
    quadratic = random_quadratic()
    size = quadratic.gradient @ quadratic.gradient
    # A gain that is so many times less beside the value.
    quadratic.value = factor * size / 4e-4
    residuals = []
    n_products = solve(quadratic).n_products
    for fewer in (0, 1):
        direction = solve(quadratic, max_cg=n_products - fewer).direction
        residuals.append(np.linalg.norm(quadratic.gradient + quadratic.A @ direction))
    assert residuals[0] <= 0.25 * factor**-0.25 * size**0.5 < residuals[1]


def test_the_last_step_leaves_a_hundredth_of_the_goal():
    quadratic = random_quadratic()
    goal = solve(quadratic, goal=1e6, target=0.0).decrement
    sizes = []
    for fewer in (0, 1):
        n_products = solve(quadratic, goal=goal).n_products - fewer
        solution = solve(quadratic, goal=goal, max_cg=n_products)
        residual = quadratic.gradient + quadratic.A @ solution.direction
        sizes.append(residual @ residual)
    assert sizes[0] <= 0.01 * goal < sizes[1]
    assert sizes[0] < 0.25**2 * quadratic.gradient @ quadratic.gradient


def test_a_step_that_is_not_the_last_ignores_the_wanted_residual():
    quadratic = random_quadratic()
    assert solve(quadratic, target=0.0).n_products == solve(quadratic).n_products


def test_without_a_gradient_there_is_no_direction():
    quadratic = Quadratic(np.eye(3), np.zeros(3))
    solution = solve(quadratic)
    assert_array_equal(solution.direction, np.zeros(3))
    assert solution.decrement == 0


def test_the_gradient_is_left_as_it_is():
    quadratic = random_quadratic()
    before = quadratic.gradient.copy()
    solve(quadratic)
    assert_array_equal(quadratic.gradient, before)


# When to build a preconditioner


def test_a_preconditioner_is_built_anew_when_the_old_one_has_cost_more():
    built = []
    ladder = [
        Preconditioner(lambda point: built.append(("cheap", point)) or np.copy, 2.0),
        Preconditioner(lambda point: built.append(("close", point)) or np.negative, 10.0),
    ]
    inverse = LazyInverse(ladder)
    assert inverse.at("a") is np.copy
    for point, n_products in (("b", 2), ("c", 5), ("d", 10)):
        inverse.n_products = n_products
        assert inverse.at(point) is np.copy
    for point, n_products in (("e", 11), ("f", 5), ("g", 1), ("h", 12)):
        inverse.n_products = n_products
        assert inverse.at(point) is np.negative
    assert built == [
        ("cheap", "a"),
        ("cheap", "c"),
        ("cheap", "d"),
        ("close", "e"),
        ("close", "h"),
    ]


def test_a_gradient_of_rounding_errors_is_the_end():
    ends = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        objective = make_objective(rng.normal(size=(100, 4)), rng.integers(0, 3, 100), alpha=1e-4)
        ends.append(newton(start(objective), tol=0, max_iter=50).converged)
    assert all(ends)
