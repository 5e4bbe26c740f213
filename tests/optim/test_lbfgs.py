"""L-BFGS against the dense formula, known minima and its own promises."""

import math
import pickle
from collections import deque

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from skmlp.nn.linear import LinearObjective
from skmlp.nn.losses import LogisticCrossEntropy, SoftmaxCrossEntropy
from skmlp.nn.preconditioners import diagonal, shared_gram
from skmlp.optim.lbfgs import Past, lbfgs, remember, two_loop
from skmlp.optim.newton import newton


class SmoothPoint:
    """A function of a few numbers as a point; a subclass gives `value` and `gradient`."""

    def __init__(self, theta):
        self.theta = np.asarray(theta, float)

    def image(self, direction):
        return None

    def slope(self, direction, image):
        return float(self.gradient @ direction)

    def moved(self, direction, image, step):
        return type(self)(self.theta + step * direction)


class Rosenbrock(SmoothPoint):
    """A bent valley around its minimum, 1 at (1, 1)."""

    @property
    def value(self):
        x, y = self.theta
        return 1 + (1 - x) ** 2 + 100 * (y - x**2) ** 2

    @property
    def gradient(self):
        x, y = self.theta
        return np.array([2 * (x - 1) - 400 * x * (y - x**2), 200 * (y - x**2)])


class Waves(SmoothPoint):
    """Many hills: a sum of x^2 / 50 - cos(2 x), at least -1 for each number."""

    @property
    def value(self):
        return 10 + float((self.theta**2 / 50 - np.cos(2 * self.theta)).sum())

    @property
    def gradient(self):
        return self.theta / 25 + 2 * np.sin(2 * self.theta)


class NarrowBowl(SmoothPoint):
    """A bowl that seems to rise in every direction but straight down its slope."""

    @property
    def value(self):
        x, y = self.theta
        return 1 + x**2 + 4 * y**2

    @property
    def gradient(self):
        return np.array([2.0, 8.0]) * self.theta

    def moved(self, direction, image, step):
        if np.allclose(direction, -self.gradient):
            return super().moved(direction, image, step)
        return type(self)([100.0, 100.0])


class Ramp(SmoothPoint):
    """A straight way down: 10 - x."""

    @property
    def value(self):
        return 10 - float(self.theta[0])

    @property
    def gradient(self):
        return np.array([-1.0])


def make_objective(*, n_classes=3, scale=1.0, one_column=False, container=np.asarray, **options):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 6))
    scores = X @ rng.normal(size=(6, n_classes))
    y = (scores + 2 * rng.normal(size=scores.shape)).argmax(axis=1)
    return LinearObjective(
        LogisticCrossEntropy() if one_column else SoftmaxCrossEntropy(),
        container(X * scale),
        y,
        rng.exponential(size=120),
        n_outputs=1 if one_column else n_classes,
        **({"alpha": 1e-3} | options),
    )


def start(objective):
    return objective.at(np.zeros(objective.n_params))


def smallest_value(objective):
    return newton(start(objective), tol=1e-15, max_iter=60).point.value


BAD_SCALE = 10.0 ** np.linspace(-3, 4, 6)


# The minimum


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"n_classes": 2, "one_column": True},
        {"fit_intercept": False},
        {"container": sp.csr_array},
        {"alpha": 0.0},
        {"scale": BAD_SCALE},
    ],
    ids=["softmax", "one column", "no intercept", "sparse", "not penalized", "badly scaled"],
)
@pytest.mark.parametrize("build", [shared_gram, diagonal])
def test_the_optimum_is_that_of_newton(build, options):
    objective = make_objective(**options)
    end = lbfgs(start(objective), tol=1e-12, max_iter=500, preconditioner=build)
    assert end.converged
    assert end.point.value == pytest.approx(smallest_value(objective), rel=1e-8)


@pytest.mark.parametrize("memory", [1, 3, 10])
def test_any_memory_leads_to_the_optimum(memory):
    objective = make_objective()
    end = lbfgs(start(objective), tol=1e-12, max_iter=500, past=Past.empty(memory))
    assert end.converged
    assert end.point.value == pytest.approx(smallest_value(objective), rel=1e-8)


@pytest.mark.parametrize("theta", [(-1.2, 1.0), (0.0, 0.0), (3.0, -4.0)])
@pytest.mark.parametrize("memory", [1, 10])
def test_the_minimum_of_a_bent_valley_is_found(memory, theta):
    end = lbfgs(Rosenbrock(theta), tol=1e-14, max_iter=500, past=Past.empty(memory))
    assert end.converged
    assert_allclose(end.point.theta, [1, 1], rtol=1e-5)


@pytest.mark.parametrize("seed", range(10))
def test_among_hills_a_flat_point_is_found(seed):
    theta = np.random.default_rng(seed).uniform(-20, 20, size=5)
    end = lbfgs(Waves(theta), tol=1e-14, max_iter=200)
    assert end.converged
    assert end.point.value < Waves(theta).value
    assert np.linalg.norm(end.point.gradient) < 1e-5


def test_a_preconditioner_makes_up_for_the_scale_of_the_features():
    objective = make_objective(scale=BAD_SCALE)
    best = smallest_value(objective)
    gaps = [
        lbfgs(start(objective), tol=0.0, max_iter=16, **options).point.value / best - 1
        for options in ({}, {"preconditioner": diagonal}, {"preconditioner": shared_gram})
    ]
    assert gaps[0] > 0.1
    assert max(gaps[1:]) < 1e-8


def test_the_preconditioner_is_built_anew_ever_more_rarely():
    seen = [start(make_objective())]
    built = []

    def identity(point):
        built.append(next(i for i, p in enumerate(seen) if p is point))
        return np.copy

    lbfgs(seen[0], tol=0.0, max_iter=20, preconditioner=identity, on_step=seen.append)
    assert len(seen) == 21
    assert built == [0, 1, 2, 4, 8, 16]


def test_memory_pays():
    point = start(make_objective())
    steps = [lbfgs(point, tol=1e-12, max_iter=500, past=Past.empty(m)).n_iter for m in (1, 10)]
    assert steps[1] < steps[0]


def test_steps_may_be_remembered_in_single_precision():
    objective = make_objective()
    ends = []
    for dtype in (np.float32, np.float64):
        past = Past.empty(dtype=dtype)
        ends.append(lbfgs(start(objective), tol=1e-10, max_iter=500, past=past))
        assert {a.dtype for s, y, _ in past.steps for a in (s, y)} == {np.dtype(dtype)}
        assert ends[-1].point.theta.dtype == np.float64
    assert ends[0].converged
    assert ends[0].point.value == pytest.approx(ends[1].point.value, rel=1e-9)


# The direction


def remembered_steps(n_params=5, n_steps=4):
    """Return steps and changes of gradient of a quadratic."""
    rng = np.random.default_rng(0)
    B = rng.normal(size=(n_params, n_params))
    A = B @ B.T + np.eye(n_params)
    steps = deque(maxlen=10)
    for s in rng.normal(size=(n_steps, n_params)):
        remember(steps, s, A @ s)
    return steps


@pytest.mark.parametrize("n_steps", [0, 1, 4])
def test_two_loops_are_the_dense_update(n_steps):
    d = np.array([1.0, 0.5, 2.0, 3.0, 0.1])
    steps = remembered_steps(n_steps=n_steps)
    B = np.diag(d)
    if steps:
        s, y, _ = steps[-1]
        B *= (s @ y) / (y @ B @ y)
    for s, y, _ in steps:
        r = 1 / (s @ y)
        V = np.eye(5) - r * np.outer(y, s)
        B = V.T @ B @ V + r * np.outer(s, s)
    g = np.random.default_rng(1).normal(size=5)
    assert_allclose(two_loop(g, steps, lambda v: d * v), B @ g, rtol=1e-10)


def test_the_last_change_of_gradient_is_mapped_to_its_step():
    steps = remembered_steps()
    s, y, _ = steps[-1]
    assert_allclose(two_loop(y, steps, np.copy), s, rtol=1e-10)


def test_the_gradient_is_left_as_it_is():
    g = np.arange(5.0)
    two_loop(g, remembered_steps(), np.copy)
    two_loop(g, deque(), np.copy)
    assert_array_equal(g, np.arange(5.0))


def test_only_positive_curvature_is_remembered():
    steps = deque(maxlen=2)
    s = np.array([1.0, 2.0])
    orthogonal = np.array([2.0, -1.0])
    for y in (-s, orthogonal, np.nextafter(orthogonal, 9.0), 0 * s):
        remember(steps, s, y)
    assert not steps
    for factor in (1.0, 2.0, 4.0):
        remember(steps, s, factor * s)
    # The oldest is forgotten first.
    assert [tuple(y / s) for _, y, _ in steps] == [(2.0, 2.0), (4.0, 4.0)]
    assert [r for _, _, r in steps] == [1 / 10, 1 / 20]


def test_steps_too_small_to_be_squared_are_not_remembered():
    s, y = np.array([2.0, 1.0]), np.array([1e-170, 2e-170])
    assert s @ y > 0
    steps = deque()
    remember(steps, s, y)
    assert not steps
    assert_array_equal(two_loop(s, steps, np.copy), s)


# Stopping


def test_a_smaller_tolerance_comes_closer():
    objective = make_objective()
    best = smallest_value(objective)
    n_steps = []
    for tol in (1e-2, 1e-4, 1e-6, 1e-8):
        end = lbfgs(start(objective), tol=tol, max_iter=500)
        assert end.converged
        assert end.point.value / best - 1 <= 10 * tol
        n_steps.append(end.n_iter)
    assert n_steps == sorted(n_steps)
    assert n_steps[0] < n_steps[-1]


def test_a_memory_that_misleads_is_forgotten():
    end = lbfgs(NarrowBowl([3.0, 1.0]), tol=1e-12, max_iter=200)
    assert end.converged
    assert_allclose(end.point.theta, 0, atol=1e-4)


def test_the_gain_of_ten_steps_is_judged():
    # Badly scaled and not preconditioned: the gain of a single step is often small by chance.
    objective = make_objective(scale=np.logspace(-1.5, 1.5, 6))
    values = []
    end = lbfgs(
        start(objective), tol=0.05, max_iter=500, on_step=lambda point: values.append(point.value)
    )
    assert end.converged
    assert values[-11] - values[-1] <= 0.05 * values[-1]
    assert values[-12] - values[-2] > 0.05 * values[-2]


def test_a_thousandth_of_the_tolerance_is_the_end_at_once():
    end = lbfgs(start(make_objective()), tol=1e6, max_iter=500)
    assert end.converged
    assert end.n_iter == 1


def test_steps_that_gain_more_than_they_promise_go_on():
    def shrink(v):
        return 1e-12 * v

    end = lbfgs(Ramp([0.0]), tol=1e-11, max_iter=15, preconditioner=lambda point: shrink)
    assert end.n_iter == 15
    assert not end.converged


@pytest.mark.parametrize("max_iter", [0, 1, 3])
def test_max_iter_is_the_largest_number_of_steps(max_iter):
    values = []
    end = lbfgs(
        start(make_objective()),
        tol=1e-12,
        max_iter=max_iter,
        on_step=lambda point: values.append(point.value),
    )
    assert end.n_iter == len(values) == max_iter
    assert not end.converged


def test_every_step_lowers_the_value():
    values = [math.inf]

    def is_higher(point):
        values.append(point.value)
        return not values[-1] < values[-2]

    end = lbfgs(Rosenbrock((-1.2, 1.0)), tol=1e-14, max_iter=500, on_step=is_higher)
    assert end.converged
    assert len(values) == end.n_iter + 1


def test_the_listener_may_stop():
    seen = []

    def third(point):
        seen.append(point)
        return len(seen) == 3

    end = lbfgs(start(make_objective()), tol=1e-12, max_iter=500, on_step=third)
    assert end.n_iter == len(seen) == 3
    assert end.point is seen[-1]
    assert not end.converged


def test_an_exception_of_the_listener_passes_through():
    def interrupt(point):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lbfgs(start(make_objective()), tol=1e-12, max_iter=500, on_step=interrupt)


def test_at_a_flat_point_nothing_is_done():
    end = lbfgs(Rosenbrock((1.0, 1.0)), tol=1e-6, max_iter=10)
    assert end.converged
    assert end.n_iter == 0
    assert end.point.value == 1


def test_a_minimization_goes_on_where_it_stopped():
    whole = lbfgs(Rosenbrock(np.array([-1.2, 1.0])), tol=0, max_iter=12)
    past = Past.empty()
    half = lbfgs(Rosenbrock(np.array([-1.2, 1.0])), tol=0, max_iter=7, past=past)
    rest = lbfgs(half.point, tol=0, max_iter=5, past=pickle.loads(pickle.dumps(past)))
    np.testing.assert_array_equal(rest.point.theta, whole.point.theta)
    alone = lbfgs(half.point, tol=0, max_iter=5)
    assert not np.array_equal(alone.point.theta, whole.point.theta)
