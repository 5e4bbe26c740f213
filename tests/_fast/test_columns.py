"""Steps of many two-class models at once: both roads are the same, and the border holds."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skmlp import ECOCClassifier, OneVsAllClassifier, OneVsOneClassifier, SoftmaxRegression
from skmlp.nn import blocks
from skmlp.nn.columns import ColumnObjective
from skmlp.nn.coordinates import Coordinates

_executor = pytest.importorskip(
    "skmlp._fast._executor", reason="the extension has not been built", exc_type=ImportError
)
from skmlp._fast import columns  # noqa: E402
from skmlp._fast.columns import CompiledColumnObjective  # noqa: E402

RNG = np.random.default_rng(0)
N_SAMPLES, N_FEATURES = 700, 4
X = RNG.normal(size=(N_SAMPLES, N_FEATURES))
Y = RNG.integers(4, size=N_SAMPLES)
WEIGHT = RNG.exponential(size=N_SAMPLES)
CODES = {
    "one-vs-all": 2 * np.eye(4, dtype=np.int8) - 1,
    "sparse": np.array([[-1, 1, 0], [-1, -1, 1], [1, -1, -1], [1, 0, 0]]),
}
TOLERANCES = [(np.float64, 1e-12), (np.float32, 2e-5)]
each_code = pytest.mark.parametrize("code", CODES)
each_dtype = pytest.mark.parametrize(("dtype", "tol"), TOLERANCES)


@pytest.fixture(params=["baseline", "avx2", "avx512"], autouse=True)
def instructions(request, monkeypatch):
    try:
        _executor.instruction_set(request.param)
    except ValueError:
        pytest.skip(f"this processor has no {request.param}")

    def walker(*args):
        return _executor.Walker(*args, kernels=request.param)

    def pair_products(X_T, out):
        _executor.pair_products(X_T, out, kernels=request.param)

    monkeypatch.setattr(columns, "Walker", walker)
    monkeypatch.setattr(columns, "pair_products", pair_products)


@pytest.fixture(params=["large blocks", "small blocks"])
def size_of_blocks(request, monkeypatch):
    if request.param == "small blocks":
        monkeypatch.setattr(blocks, "MOST", 200)
        monkeypatch.setattr(blocks, "LEAST", 1)


def both_objectives(code, dtype, weighted=True):
    M = CODES[code]
    weight = WEIGHT if weighted else np.ones(N_SAMPLES)
    for kind in (ColumnObjective, CompiledColumnObjective):
        yield kind(
            X.astype(dtype),
            Y,
            M,
            weight,
            np.ones(M.shape),
            alpha=0.1,
            coordinates=Coordinates(True),
        )


def thetas(objective, seed, scale=1.0):
    shape = (objective.n_problems, objective.n_params)
    return scale * np.random.default_rng(seed).normal(size=shape)


def cells_of(cells):
    return np.concatenate([part.ravel() for part in cells.blocks])


@pytest.mark.usefixtures("size_of_blocks")
@pytest.mark.parametrize("weighted", [False, True])
@each_dtype
@each_code
def test_steps_of_both_roads(code, dtype, tol, weighted):
    rays = []
    for objective in both_objectives(code, dtype, weighted):
        ray = objective.at(thetas(objective, 1)).ray(thetas(objective, 2))
        everybody = np.ones(objective.n_problems, bool)
        step = np.linspace(0.5, 2, objective.n_problems)
        ray.move(step, everybody)
        # Then one problem alone moves on.
        some = np.arange(objective.n_problems) == 1
        ray.move(np.where(some, 0.1, step), some)
        rays.append(ray)
    readable, compiled = rays
    assert_allclose(compiled.end.value, readable.end.value, rtol=tol)
    assert_allclose(compiled.slope, readable.slope, rtol=tol, atol=tol)
    assert_allclose(cells_of(compiled.end.u), cells_of(readable.end.u), rtol=tol, atol=tol)
    assert_allclose(cells_of(compiled.end.q), cells_of(readable.end.q), rtol=10 * tol)


@each_dtype
def test_scores_of_any_size(dtype, tol):
    values = []
    for objective in both_objectives("one-vs-all", dtype):
        ray = objective.at(np.zeros_like(thetas(objective, 0))).ray(thetas(objective, 2))
        for step in (1e-3, 30.0, 1e4, 1e30):
            ray.move(np.full(objective.n_problems, step), np.ones(objective.n_problems, bool))
            values.append((ray.end.value.copy(), ray.slope.copy(), cells_of(ray.end.q)))
    for readable, compiled in zip(values[:4], values[4:], strict=True):
        assert np.isfinite(compiled[0]).all()
        for ours, theirs in zip(compiled, readable, strict=True):
            tiny = 4 * np.finfo(dtype).tiny
            assert_allclose(ours, theirs, rtol=100 * tol, atol=tiny)


@pytest.mark.usefixtures("size_of_blocks")
@each_dtype
@each_code
def test_second_derivatives_of_both_roads(code, dtype, tol):
    readable, compiled = (
        objective.at(thetas(objective, 1)).hessians for objective in both_objectives(code, dtype)
    )
    assert_allclose(compiled, readable, rtol=tol, atol=tol)


@pytest.mark.parametrize(
    ("reduction", "weight"),
    [(OneVsAllClassifier, None), (OneVsOneClassifier, WEIGHT), (ECOCClassifier, WEIGHT)],
    ids=["one-vs-all", "one-vs-one", "ECOC"],
)
@pytest.mark.parametrize(("dtype", "tol"), [(np.float64, 1e-8), (np.float32, 1e-4)])
def test_joint_fits_of_both_roads(monkeypatch, reduction, weight, dtype, tol):
    coefs = {}
    for road in ("readable", "compiled"):
        monkeypatch.setenv("SKMLP_ROAD", road)
        model = reduction(SoftmaxRegression(1e-2, tol=1e-9 if dtype == np.float64 else 1e-6))
        if reduction is ECOCClassifier:
            model.set_params(random_state=0)
        model.fit(X.astype(dtype), Y, sample_weight=weight)
        assert {learner.road_ for learner in model.estimators_} == {road}
        coefs[road] = np.concatenate([learner.coef_ for learner in model.estimators_])
    assert_allclose(coefs["compiled"], coefs["readable"], rtol=tol, atol=tol)


def good_walk(dtype=np.float64):
    """Return the arguments of a Walker, and those of a walk."""
    runs = np.array([[0, 3, 0, 0, 1], [3, 2, 1, 3, 0]])
    walker = {"runs": runs, "weight": np.ones(4, dtype), "n_columns": 2, "n_cells": 5}
    cells = {name: np.zeros(5, dtype) for name in ("start", "image", "u", "q")}
    return walker, cells | {"step": np.ones(2), "moving": np.ones(2, bool)}


def test_a_walk_by_hand():
    walker, walk = good_walk()
    walk["image"] = np.array([0.0, 1.0, -1.0, 2.0, -2.0])
    walker["weight"] = np.array([1.0, 2.0, 3.0, 0.5])
    losses, slopes = _executor.Walker(**walker).walk(**walk)
    u = walk["image"]
    weight = np.array([1, 2, 3, 0.5, 0.5])
    q = 1 / (1 + np.exp(-u))
    assert_array_equal(walk["u"], u)
    assert_allclose(walk["q"], q, rtol=1e-15)
    parts = weight * np.log1p(np.exp(u)), weight * q * u
    assert_allclose(losses, [parts[0][:3].sum(), parts[0][3:].sum()], rtol=1e-14)
    assert_allclose(slopes, [parts[1][:3].sum(), parts[1][3:].sum()], rtol=1e-14)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ((0, 0), -1),
        ((0, 1), 6),
        ((0, 1), -1),
        ((1, 0), 4),
        ((1, 2), 2),
        ((1, 2), -1),
        ((0, 3), 2),
        ((1, 3), 4),
        ((1, 3), -1),
        ((0, 3), np.iinfo(np.int64).max),
        ((0, 4), 2),
        ((0, 0), np.iinfo(np.int64).max),
    ],
)
def test_runs_outside_are_refused(place, value):
    walker, _ = good_walk()
    walker["runs"][place] = value
    with pytest.raises(ValueError, match="runs must lie within"):
        _executor.Walker(**walker)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("start", np.zeros(4)),
        ("image", np.zeros(5, np.float32)),
        ("u", np.zeros(10)[::2]),
        ("q", [0.0] * 5),
        ("step", np.ones(3)),
        ("moving", np.ones(2)),
    ],
)
def test_arrays_that_do_not_fit_are_refused(name, value):
    walker, walk = good_walk()
    with pytest.raises(ValueError, match=f"^{name} must be"):
        _executor.Walker(**walker).walk(**walk | {name: value})


def test_results_must_be_writable():
    walker, walk = good_walk()
    walk["u"].flags.writeable = False
    with pytest.raises(ValueError, match=r"^u must be contiguous, aligned and, if written to,"):
        _executor.Walker(**walker).walk(**walk)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weight": np.ones(4, int)}, "weight must be of float32 or float64"),
        ({"runs": np.zeros((2, 4), int)}, "runs must have five fields"),
        ({"runs": np.zeros(5, int)}, "runs must have five fields"),
    ],
)
def test_other_kinds_are_refused(changes, message):
    walker, _ = good_walk()
    with pytest.raises(ValueError, match=message):
        _executor.Walker(**walker | changes)


@pytest.mark.parametrize(
    ("shape", "dtype"), [((5, 9), float), ((6, 8), float), ((6, 9), np.float32)]
)
def test_products_need_room(shape, dtype):
    with pytest.raises(ValueError, match=r"^out must"):
        _executor.pair_products(np.ones((3, 9)), np.empty(shape, dtype))
