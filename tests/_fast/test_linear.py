"""The linear objective on both roads: values, derivatives, preconditioners, certificates, fits."""

import gc
import tracemalloc
import weakref

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from skmlp import SoftmaxRegression
from skmlp.nn import duality, preconditioners
from skmlp.nn.linear import LinearObjective
from skmlp.nn.losses import LogisticCrossEntropy, SoftmaxCrossEntropy
from skmlp.optim import newton

_executor = pytest.importorskip(
    "skmlp._fast._executor", reason="the extension has not been built", exc_type=ImportError
)
from skmlp._fast import _linear, linear  # noqa: E402


def runs_here(name):
    try:
        return _executor.instruction_set(name) == name
    except ValueError:
        return False


INSTRUCTIONS = [name for name in ("baseline", "avx2", "avx512") if runs_here(name)]
# Rows, features, outputs: less than a block, several, many outputs, and what is left to BLAS.
SHAPES = [(7, 1, 3), (128, 4, 2), (150, 9, 1), (300, 17, 26), (513, 65, 10), (300, 257, 5)]
# More outputs than a pass over the entries of a sparse row takes.
MANY = (40, 6, 150)
# Intercept, and how rows are stored: dense by rows or columns, CSR with column numbers of 32 or 64
# bits.
KINDS = [(True, "C"), (False, "F"), (True, "F"), (True, "csr"), (False, "csr64")]


def close(actual, expected, dtype, loss_of_digits=1.0):
    """Compare with the largest entry: 1e-10 in double precision, 1e-4 in single."""
    scale = np.abs(expected).max()
    tolerance = (1e-10 if dtype == np.float64 else 1e-4) * loss_of_digits * scale
    assert_allclose(actual, expected, rtol=0, atol=tolerance)


def sparse(X, dtype=np.float64, order="csr"):
    """Return CSR rows, with column numbers of 32 or 64 bits."""
    X = sp.csr_array(X.astype(dtype))
    if order == "csr64":
        X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    return X


def problem(shape, dtype=np.float64, fit_intercept=True, order="C", alpha=1e-3):
    n, d, C = shape
    rng = np.random.default_rng(n + d)
    X = rng.normal(size=(n, d)) + 1
    if order.startswith("csr"):
        X = sparse(X * (rng.uniform(size=(n, d)) < 0.4), dtype, order)
    else:
        X = np.asarray(X, dtype=dtype, order=order)
    y = rng.integers(0, max(C, 2), n)
    weight = rng.uniform(size=n) * (rng.uniform(size=n) > 0.2) + 1e-9
    loss = LogisticCrossEntropy() if C == 1 else SoftmaxCrossEntropy()
    return LinearObjective(
        loss, X, y, weight, n_outputs=C, alpha=alpha, fit_intercept=fit_intercept
    )


@pytest.fixture(
    params=[
        (shape, dtype, fit_intercept, order, kernels)
        for shape in [*SHAPES, MANY]
        for dtype in (np.float64, np.float32)
        for fit_intercept, order in KINDS
        for kernels in INSTRUCTIONS
        if shape != MANY or order == "csr"
    ],
    ids=str,
)
def two_points(request, monkeypatch):
    """The same point on both roads, and a direction."""
    *options, kernels = request.param
    monkeypatch.setattr(_linear, "NARROW", 250)
    objective = problem(*options)
    rng = np.random.default_rng(1)
    theta, v = rng.normal(scale=0.3, size=(2, objective.n_params))
    return objective.at(theta), linear.compiled_linear(objective, kernels).at(theta), v


def test_value_gradient_and_hessian_product(two_points):
    readable, compiled, v = two_points
    dtype = readable.objective.X.dtype
    close(compiled.value, readable.value, dtype)
    close(compiled.gradient, readable.gradient, dtype)
    close(compiled.hessian_product(v), readable.hessian_product(v), dtype)


def test_a_step(two_points):
    readable, compiled, v = two_points
    dtype = readable.objective.X.dtype
    images = readable.image(v), compiled.image(v)
    close(compiled.slope(v, images[1]), readable.slope(v, images[0]), dtype, 10)
    moved = readable.moved(v, images[0], 0.7), compiled.moved(v, images[1], 0.7)
    close(moved[1].value, moved[0].value, dtype)
    close(moved[1].slope(v, images[1]), moved[0].slope(v, images[0]), dtype, 10)
    close(moved[1].gradient, moved[0].gradient, dtype)


def test_preconditioners(two_points):
    readable, compiled, v = two_points
    dtype = readable.objective.X.dtype
    pairs = zip(readable.preconditioners, compiled.preconditioners, strict=True)
    for ours, theirs in pairs:
        assert ours.cost == theirs.cost
        # The matrices are ill-conditioned, which loses some digits.
        close(theirs.build(compiled)(v), ours.build(readable)(v), dtype, 100)
    expected = preconditioners.diagonal(readable, 10.0)(v)
    inverse = linear.compiled_diagonal(compiled, 10.0)
    close(inverse(v), expected, dtype)
    in_single = inverse(v.astype(np.float32))
    assert in_single.dtype == np.float32
    close(in_single, expected, np.float32)


@pytest.mark.parametrize("order", ["C", "csr"])
def test_sampled_rows(order):
    objective = problem((5003, 45, 3), order=order)
    compiled = linear.compiled_linear(objective)
    theta, v = np.random.default_rng(1).normal(scale=0.3, size=(2, objective.n_params))
    points = objective.at(theta), compiled.at(theta)
    assert len(objective.preconditioners) == 2
    for size in (46, 138):
        assert preconditioners.sample_size(5003, size, preconditioners.GRAM_SAMPLE) < 5003
    for ours, theirs in zip(objective.preconditioners, compiled.preconditioners, strict=True):
        close(theirs.build(points[1])(v), ours.build(points[0])(v), np.float64, 100)


def test_conjugate_gradients_and_the_certificate(two_points):
    readable, compiled, _ = two_points
    dtype = readable.objective.X.dtype
    arguments = (1e-6, np.inf, 3)
    inverses = [point.preconditioners[0].build(point) for point in (readable, compiled)]
    ours = newton.conjugate_gradients(readable, inverses[0], *arguments)
    theirs = linear.conjugate_gradients(compiled, inverses[1], *arguments)
    assert (theirs.n_products, theirs.solved) == (ours.n_products, ours.solved)
    close(theirs.direction, ours.direction, dtype, 1e4)
    close([theirs.decrement, theirs.size], [ours.decrement, ours.size], dtype, 1e3)

    step = ours.direction
    images = readable.image(step), compiled.image(step)
    ends = readable.moved(step, images[0], 1.0), compiled.moved(step, images[1], 1.0)
    # Without a step, and with it: two choices of the dual point.
    expected = (
        duality.suboptimality_bound(readable),
        duality.suboptimality_bound(ends[0], readable, images[0]),
    )
    bounds = (
        linear.suboptimality_bound(compiled),
        linear.suboptimality_bound(ends[1], compiled, images[1]),
    )
    for bound, value in zip(bounds, expected, strict=True):
        close(bound, value, dtype, 10)


@pytest.mark.parametrize("scale", [40.0, 3000.0])
@pytest.mark.parametrize("shape", [(300, 5, 4), (300, 5, 1)])
def test_large_scores(shape, scale):
    # Some probabilities underflow, and a sum of exponentials would overflow.
    objective = problem(shape)
    compiled = linear.compiled_linear(objective)
    theta = np.random.default_rng(1).normal(scale=scale, size=objective.n_params)
    ours, theirs = objective.at(theta), compiled.at(theta)
    assert np.isfinite(ours.value)
    close(theirs.value, ours.value, np.float64)
    close(theirs.gradient, ours.gradient, np.float64)
    # The mixed row puts some probability on classes whose own one is zero.
    bounds = [float(duality.duality_gap(ours, ours.probabilities))]
    program = compiled.program
    bounds.append(_linear.duality_gap(program, theirs.F, theirs.probabilities, theta))
    close(bounds[1], bounds[0], np.float64, 10)


def test_scores_that_overflow_are_no_improvement():
    objective = problem((50, 3, 3))
    point = linear.compiled_linear(objective).at(np.zeros(objective.n_params))
    v = np.full(objective.n_params, 1e300)
    v[::2] *= -1
    with np.errstate(over="ignore"):
        moved = point.moved(v, point.image(v), 1e300)
    assert not moved.value < point.value


def test_arrays_are_not_used_twice_while_somebody_holds_them():
    objective = problem((300, 5, 4))
    compiled = linear.compiled_linear(objective)
    theta = np.random.default_rng(1).normal(size=objective.n_params)
    held = [compiled.program.image(theta) for _ in range(3)]
    view = compiled.program.image(theta)[::2]
    copies = [array.copy() for array in (*held, view)]
    for _ in range(5):
        compiled.at(-theta).moved(theta, held[0], 0.5)
    for array, copy in zip((*held, view), copies, strict=True):
        assert_array_equal(array, copy)


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("convert", [np.asarray, sparse], ids=["dense", "csr"])
def test_fits(monkeypatch, solver, n_classes, dtype, convert):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 5)).astype(dtype)
    y = (X[:, :n_classes] + rng.normal(size=(400, n_classes))).argmax(axis=1)
    weight = rng.uniform(size=400)
    X = convert(X, dtype)
    tol = 1e-13 if dtype == np.float64 else 1e-7
    models = []
    for road in ("readable", "compiled"):
        monkeypatch.setenv("SKMLP_ROAD", road)
        model = SoftmaxRegression(1e-3, solver=solver, tol=tol).fit(X, y, weight)
        assert model.road_ == road
        assert model.coef_.dtype == dtype
        models.append(model)
    ours, theirs = models
    rtol = 1e-6 if dtype == np.float64 else 1e-3
    assert_allclose(theirs.coef_, ours.coef_, rtol=rtol, atol=rtol)
    close(theirs.loss_, ours.loss_, dtype)
    close(theirs.loss_curve_[:3], ours.loss_curve_[:3], dtype)
    assert 0 <= theirs.suboptimality_bound_ <= (1e-10 if dtype == np.float64 else 1e-4)


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
@pytest.mark.parametrize(("n_classes", "fit_intercept"), [(7, True), (7, False), (2, True)])
@pytest.mark.parametrize("convert", [np.asarray, sparse], ids=["dense", "csr"])
def test_the_same_steps_on_both_roads(monkeypatch, solver, n_classes, fit_intercept, convert):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 12)) * 10.0 ** rng.integers(-2, 3, 12)
    X = convert(X * (rng.uniform(size=X.shape) < 0.5))
    y, weight = rng.integers(0, n_classes, 600), rng.uniform(size=600)
    curves = []
    for road in ("readable", "compiled"):
        monkeypatch.setenv("SKMLP_ROAD", road)
        model = SoftmaxRegression(1e-4, tol=1e-6, solver=solver, fit_intercept=fit_intercept)
        curves.append(model.fit(X, y, weight).loss_curve_)
        assert model.road_ == road
    assert len(curves[0]) == len(curves[1]) > 2
    assert_allclose(curves[1], curves[0], rtol=1e-10)


def test_a_column_that_occurs_twice_in_a_row_counts_twice():
    values, columns = np.array([1.0, 2.0, 4.0, 8.0]), np.array([1, 1, 0, 1], np.int32)
    twice = sp.csr_array((values, columns, [0, 2, 4]), shape=(2, 2))
    once = twice.copy()
    once.sum_duplicates()
    points = []
    for X in (twice, once):
        objective = LinearObjective(
            SoftmaxCrossEntropy(), X, np.array([0, 2]), np.ones(2), n_outputs=3, alpha=0.1
        )
        points.append(linear.compiled_linear(objective).at(np.arange(9.0)))
    v = np.arange(9.0) ** 2
    assert points[0].value == pytest.approx(points[1].value, rel=1e-12)
    assert_allclose(points[0].gradient, points[1].gradient, rtol=1e-12)
    assert_allclose(points[0].hessian_product(v), points[1].hessian_product(v), rtol=1e-12)
    for build in (linear.compiled_diagonal, linear.compiled_gram):
        inverses = [build(point) for point in points]
        assert_allclose(inverses[0](v), inverses[1](v), rtol=1e-12)


class OtherLoss(SoftmaxCrossEntropy):
    pass


@pytest.mark.parametrize(
    "change",
    [
        {"loss": OtherLoss()},
        {"loss": SoftmaxCrossEntropy(label_smoothing=0.1)},
        {"X": sp.csc_array(np.eye(6))},
        {"X": np.ones((6, 8))[:, ::2]},
        {"X": np.ones((6, 4), np.float16)},
        {"y": np.full((6, 3), 1 / 3)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_is_not_built_in_takes_the_readable_road(change):
    parts = {
        "loss": SoftmaxCrossEntropy(),
        "X": np.ones((6, 4)),
        "y": np.array([0, 1, 2, 0, 1, 2]),
        "weight": np.ones(6),
    }
    options = {"n_outputs": 3, "alpha": 0.1}
    assert linear.compiled_linear(LinearObjective(**parts, **options)) is not None
    assert linear.compiled_linear(LinearObjective(**(parts | change), **options)) is None


def test_an_interrupt_leaves_a_usable_model(monkeypatch):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 5)), rng.integers(0, 3, 300)
    calls = []

    def interrupted(*args):
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return solve(*args)

    monkeypatch.setenv("SKMLP_ROAD", "compiled")
    solve = linear.conjugate_gradients
    monkeypatch.setattr(linear, "conjugate_gradients", interrupted)
    with pytest.warns(UserWarning, match="was interrupted after 2 iterations"):
        model = SoftmaxRegression(tol=1e-12).fit(X, y)
    assert model.road_ == "compiled"
    assert model.n_iter_ == 2
    assert model.loss_ == pytest.approx(model.loss_curve_[-1], rel=1e-12)


def program(**changes):
    options = {
        "X": np.ones((6, 4)),
        "classes": np.array([0, 1, 2, 0, 1, 2]),
        "weight": np.full(6, 1 / 6),
        "n_outputs": 3,
        "alpha": 0.1,
        "fit_intercept": True,
    } | changes
    rows = [options.pop(name) for name in ("X", "classes", "weight")]
    return _linear.LinearProgram(*rows, **options)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"X": [[1.0]]}, "X must be a matrix"),
        ({"X": np.ones((6, 4), int)}, "X must be a matrix"),
        ({"X": np.ones((0, 4))}, "X must have rows"),
        ({"X": np.ones((6, 0))}, "X must have rows"),
        ({"X": np.ones((6, 600))[:, ::2], "narrow": 100}, "X must be contiguous"),
        ({"classes": np.array([0, 1, 3, 0, 1, 2])}, "classes must be in"),
        ({"classes": np.array([0, 1, -1, 0, 1, 2])}, "classes must be in"),
        ({"classes": np.zeros(5, np.int64)}, "classes must be a writable"),
        ({"weight": np.ones(6, np.float32)}, "weight must be a writable"),
        ({"n_outputs": 0}, "n_outputs must be positive"),
        ({"kernels": "mmx"}, "kernels must be one"),
    ],
)
def test_the_border_lets_no_wrong_data_pass(changes, match):
    with pytest.raises(ValueError, match=match):
        program(**changes)


def sparse_program(**changes):
    """Return a program on the CSR rows [[1, 2], [0, 3]], some parts of them changed."""
    parts = {
        "values": np.array([1.0, 2.0, 3.0]),
        "columns": np.array([0, 1, 1], np.int32),
        "indptr": np.array([0, 2, 3]),
        "n_features": 2,
    } | changes
    n_features = parts.pop("n_features")
    return _linear.LinearProgram(
        tuple(parts.values()), np.array([0, 1]), np.full(2, 0.5), n_outputs=1, alpha=0.1,
        fit_intercept=False, n_features=n_features,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"values": [1.0, 2.0, 3.0]}, "values must be an array of float"),
        ({"values": np.array([1, 2, 3])}, "values must be an array of float"),
        ({"values": np.arange(6.0)[::2]}, "values must be a contiguous"),
        ({"columns": np.array([0, 1, 1])}, "columns must be a contiguous"),
        ({"columns": np.array([0, 1], np.int32)}, "columns must be a contiguous"),
        ({"indptr": np.array([0, 2, 3], np.int32)}, "indptr must be a contiguous"),
        ({"indptr": np.array([0])}, "X must have rows"),
        ({"indptr": np.array([0, 2, 3, 3])}, "classes must be a writable"),
        ({"n_features": 0}, "X must have rows"),
        ({"n_features": None}, "X must have rows"),
    ],
)
def test_the_border_lets_no_wrong_sparse_rows_pass(changes, match):
    with pytest.raises(ValueError, match=match):
        sparse_program(**changes)


@pytest.mark.parametrize(
    ("part", "place", "wrong"),
    [
        ("columns", 2, 2),
        ("columns", 0, -1),
        ("indptr", 0, -1),
        ("indptr", 1, 4),
        ("indptr", 2, 4),
        ("indptr", 2, 1),
    ],
)
def test_every_pass_looks_at_the_sparse_rows_again(part, place, wrong):
    arrays = {"columns": np.array([0, 1, 1], np.int32), "indptr": np.array([0, 2, 3])}
    p = sparse_program(**arrays)
    theta = np.array([1.0, -1.0])
    rows = p.image(theta)
    assert_array_equal(rows[:2], [-1.0, -3.0])
    right = arrays[part][place]
    for read in (
        lambda: p.image(theta),
        lambda: p.pull_back(rows, theta),
        lambda: p.hessian_product(rows, theta),
        lambda: _linear.duality_gap(p, rows, rows, theta),
        lambda: _linear.curved_squares(p, rows),
        lambda: _linear.shared_gram(p, None, np.ones(2)),
    ):
        arrays[part][place] = wrong
        with pytest.raises(ValueError, match="valid, and stay so"):
            read()
        # What was wrong is not held against the next pass.
        arrays[part][place] = right
        read()


def sample(row):
    """Return a sample of one row."""
    return np.array([row]), np.ones(1)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda p, rows: p.image(np.ones(14)), "theta"),
        (lambda p, rows: p.image(np.ones(15, np.float32)), "theta"),
        (lambda p, rows: p.evaluate(rows[:-1]), "scores"),
        (lambda p, rows: p.move(rows, rows[::2], 1.0), "image"),
        (lambda p, rows: p.pull_back(rows.astype(np.float32), np.ones(15)), "state"),
        (lambda p, rows: p.hessian_product(rows, np.ones(16)), "v must"),
        (lambda p, rows: _linear.duality_gap(p, rows[:3], rows, np.ones(15)), "scores"),
        (lambda p, rows: _linear.average_curvatures(p, rows[:3]), "probabilities"),
        (lambda p, rows: _linear.full_hessian(p, rows[:3], *sample(2)), "probabilities"),
        (lambda p, rows: _linear.full_hessian(p, rows, *sample(-1)), "rows must be in"),
        (lambda p, rows: _linear.shared_gram(p, *sample(6)), "rows must be in"),
        (lambda p, rows: _linear.shared_gram(p, sample(2)[0], np.ones(2)), "counts"),
        (lambda p, rows: _linear.shared_gram(p, np.ones(1), np.ones(1)), "rows must be a"),
        (lambda p, rows: p.__init__(np.ones((6, 4)), 0, 0, n_outputs=3, alpha=0.1,
                                    fit_intercept=True), "once"),
    ],
)  # fmt: skip
def test_the_border_lets_no_wrong_array_pass(call, match):
    p = program()
    rows = p.image(np.zeros(15))
    with pytest.raises(ValueError, match=match):
        call(p, rows)


def test_a_program_that_was_not_initialized_does_not_run():
    empty = _linear.LinearProgram.__new__(_linear.LinearProgram)
    with pytest.raises(ValueError, match="must be initialized"):
        empty.image(np.ones(0))
    with pytest.raises(ValueError, match="must be initialized"):
        _linear.shared_gram(empty, *sample(0))


def test_rows_that_steps_describe_are_read_where_they_lie():
    X = np.random.default_rng(0).normal(size=(12, 10))
    theta = np.random.default_rng(1).normal(size=15)
    classes = {"classes": np.arange(12) % 3, "weight": np.ones(12) / 12}
    if _linear.HAS_OWN_PRODUCTS:
        whole = program(X=np.ascontiguousarray(X[:, ::3]), **classes)
        strided = program(X=X[:, ::3], **classes)
        assert_array_equal(strided.image(theta)[:12], whole.image(theta)[:12])
    with pytest.raises(ValueError, match="contiguous"):
        program(X=X[:, ::3], narrow=0, **classes)
    wide = program(X=X[:, :4], narrow=0, **classes)
    own = program(X=X[:, :4].copy(), **classes)
    assert_allclose(wide.image(theta)[:12], own.image(theta)[:12], rtol=1e-12)


@pytest.mark.parametrize(("alpha", "scale"), [(1e-3, 1.0), (1e-6, 50.0)])
@pytest.mark.parametrize(
    ("convert", "most"), [(np.asarray, 5), (sparse, 5.5)], ids=["dense", "csr"]
)
def test_a_fit_by_newton_holds_few_arrays_over_the_rows(monkeypatch, alpha, scale, convert, most):
    # Scores, probabilities here and there, the image of a step; what is left is for blocks.
    monkeypatch.delenv("SKMLP_ROAD", raising=False)
    rng = np.random.default_rng(0)
    n, d, C = 40_000, 8, 12
    X = scale * rng.normal(size=(n, d))
    y = (X @ rng.normal(size=(d, C)) + scale * rng.gumbel(size=(n, C))).argmax(axis=1)
    X = convert(X)
    model = SoftmaxRegression(alpha)
    tracemalloc.start()
    try:
        model.fit(X, y)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert model.n_iter_ > 3
    assert peak < most * 8 * n * C


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
@pytest.mark.parametrize("n_features", [4, 40])
def test_a_fit_leaves_nothing_in_memory(monkeypatch, solver, n_features):
    monkeypatch.delenv("SKMLP_ROAD", raising=False)
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, n_features)), rng.integers(5, size=300)
    made = []
    make = linear.compiled_linear

    def remember(*args):
        made.append(weakref.ref(objective := make(*args)))
        return objective

    monkeypatch.setattr(linear, "compiled_linear", remember)
    gc.disable()
    try:
        SoftmaxRegression(1e-3, solver=solver).fit(X, y)
    finally:
        gc.enable()
    assert len(made) == 1
    assert made[0]() is None


@pytest.mark.parametrize(
    ("part", "road"),
    [
        (np.s_[:, :-1], "compiled"),
        (np.s_[10:, 1:5], "compiled"),
        (np.s_[::2, :], "compiled"),
        (np.s_[:, :2], "compiled"),
        (np.s_[::-1, :], "readable"),
        (np.s_[:, ::-2], "readable"),
        (np.s_[::2, ::2], "readable"),
    ],
)
@pytest.mark.parametrize("by_columns", [False, True])
def test_parts_of_an_array(monkeypatch, by_columns, part, road):
    monkeypatch.delenv("SKMLP_ROAD", raising=False)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 30))[part]
    X = X.T if by_columns else X
    y = np.arange(len(X)) % 3
    model = SoftmaxRegression().fit(X, y)
    assert model.road_ == road
    assert_allclose(model.coef_, SoftmaxRegression().fit(X.copy(), y).coef_, rtol=1e-6, atol=1e-8)
