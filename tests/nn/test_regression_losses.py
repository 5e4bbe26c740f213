"""Losses of regression against closed forms, limits, scikit-learn and numerical minimization.

What every loss promises (its derivative, types, arguments left alone) is tested in test_losses.py.
"""

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize_scalar
from sklearn.metrics import mean_pinball_loss, mean_poisson_deviance

from skmlp.nn.regression_losses import (
    REGRESSION_LOSSES,
    AbsoluteLoss,
    HuberLoss,
    LogCoshLoss,
    PoissonLoss,
    QuantileLoss,
    SquaredLoss,
    get_regression_loss,
)

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
# Rounded, so that no square of an error underflows.
errors = arrays(np.float64, (6, 2), elements=st.floats(-1e6, 1e6).map(lambda r: round(r, 9)))
ZERO = np.zeros((6, 2))

N_ROWS = 25


def random_targets(loss, n_outputs, n_rows=N_ROWS):
    rng = np.random.default_rng(n_outputs)
    shape = (n_rows, n_outputs)
    return rng.poisson(2.0, shape) if isinstance(loss, PoissonLoss) else rng.normal(3, 2, shape)


def mean_loss(loss, scores, y, weight):
    """Weighted mean of the loss of one score for all rows."""
    losses, _ = loss.evaluate(np.tile(scores, (len(y), 1)), y)
    return weight @ losses / weight.sum()


# Closed forms


@pytest.mark.parametrize(
    ("loss", "expected", "derivative"),
    [
        # The errors are -3 and 4.
        (SquaredLoss(), 9 + 16, [-6, 8]),
        (AbsoluteLoss(), 3 + 4, [-1, 1]),
        (HuberLoss(delta=3.5), 9 / 2 + 3.5 * (4 - 1.75), [-3, 3.5]),
        (LogCoshLoss(), math.log(math.cosh(3) * math.cosh(4)), [-math.tanh(3), math.tanh(4)]),
        (QuantileLoss(quantile=0.75), 0.75 * 3 + 0.25 * 4, [-0.75, 0.25]),
        (
            PoissonLoss(),
            4 * math.log(4 / math.e) - 4 + math.e + 1 * math.log(1 / math.e**5) - 1 + math.e**5,
            [math.e - 4, math.e**5 - 1],
        ),
    ],
    ids=repr,
)
def test_one_row_with_two_outputs(loss, expected, derivative):
    losses, residual = loss.evaluate(np.array([[1.0, 5.0]]), np.array([[4.0, 1.0]]))
    assert_allclose(losses, [expected], rtol=1e-14)
    assert_allclose(residual, [derivative], rtol=1e-14)


@pytest.mark.parametrize("loss", [make() for make in REGRESSION_LOSSES.values()], ids=repr)
def test_a_perfect_fit_costs_nothing_and_asks_for_no_change(loss):
    y = np.array([[1.0, 1.0], [1.0, 1.0]])
    scores = np.zeros_like(y) if loss.link == "exp" else y
    losses, residual = loss.evaluate(scores, y)
    assert_array_equal(losses, [0, 0])
    assert_array_equal(residual, np.zeros_like(y))
    assert_array_equal(loss.inverse_link(scores), y)


@pytest.mark.parametrize(
    ("name", "link"),
    [(name, "exp" if name == "poisson" else "identity") for name in REGRESSION_LOSSES],
)
def test_the_link_has_a_name(name, link):
    assert get_regression_loss(name).link == link


# Identities and limits


@given(errors)
def test_huber_of_a_large_delta_is_half_the_squared_loss(F):
    losses, residual = HuberLoss(delta=1e7).evaluate(F, ZERO)
    squared_losses, squared_residual = SquaredLoss().evaluate(F, ZERO)
    assert_allclose(losses, squared_losses / 2, rtol=1e-14)
    assert_allclose(residual, squared_residual / 2, rtol=1e-14)


@given(errors)
def test_huber_of_a_small_delta_is_delta_times_the_absolute_loss(F):
    losses, _ = HuberLoss(delta=1e-9).evaluate(F, ZERO)
    absolute_losses, _ = AbsoluteLoss().evaluate(F, ZERO)
    # Each output costs less by delta^2 / 2 at most.
    assert_allclose(losses / 1e-9, absolute_losses, rtol=1e-14, atol=1.1e-9)


@given(errors)
def test_log_cosh_lies_below_both_of_its_limits_and_close_to_one(F):
    losses, _ = LogCoshLoss().evaluate(F, ZERO)
    absolute_losses, _ = AbsoluteLoss().evaluate(F, ZERO)
    assert (losses <= SquaredLoss().evaluate(F, ZERO)[0] / 2 * (1 + 1e-14)).all()
    assert (losses <= absolute_losses * (1 + 1e-14)).all()
    assert (losses >= (absolute_losses - 2 * math.log(2)) * (1 - 1e-14)).all()


@given(st.floats(1e-12, 60.0))
def test_log_cosh_keeps_all_its_digits(error):
    with localcontext() as context:
        context.prec = 100
        E = Decimal(error).exp()
        expected = float(((E + 1 / E) / 2).ln())
    losses, _ = LogCoshLoss().evaluate(np.array([[error], [-error]]), np.zeros(2))
    assert_allclose(losses, expected, rtol=1e-14)


@given(errors)
def test_the_median_is_the_quantile_of_one_half(F):
    losses, residual = QuantileLoss(quantile=0.5).evaluate(F, ZERO)
    absolute_losses, sign = AbsoluteLoss().evaluate(F, ZERO)
    assert_allclose(losses, absolute_losses / 2, rtol=1e-14)
    assert_array_equal(residual, sign / 2)


@given(errors, st.floats(0.01, 0.99))
def test_opposite_quantiles_are_mirror_images(F, q):
    losses, residual = QuantileLoss(q).evaluate(F, ZERO)
    mirrored_losses, mirrored_residual = QuantileLoss(1 - q).evaluate(-F, ZERO)
    assert_allclose(losses, mirrored_losses, rtol=1e-12)
    assert_allclose(residual, -mirrored_residual, rtol=1e-12)


# scikit-learn


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_poisson_is_half_the_deviance_of_scikit_learn(n_outputs):
    F = np.random.default_rng(0).normal(size=(N_ROWS, n_outputs))
    y, weight = random_targets(PoissonLoss(), n_outputs), np.linspace(0.0, 2.0, N_ROWS)
    assert (y == 0).any()
    losses, _ = PoissonLoss().evaluate(F, y)
    expected = sum(
        mean_poisson_deviance(y[:, k], np.exp(F[:, k]), sample_weight=weight)
        for k in range(n_outputs)
    )
    assert 2 * weight @ losses / weight.sum() == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
def test_quantile_is_the_pinball_loss_of_scikit_learn(quantile):
    F = np.random.default_rng(0).normal(size=(N_ROWS, 3))
    y, weight = random_targets(None, 3), np.linspace(0.0, 2.0, N_ROWS)
    losses, _ = QuantileLoss(quantile).evaluate(F, y)
    by_output = mean_pinball_loss(
        y, F, sample_weight=weight, alpha=quantile, multioutput="raw_values"
    )
    assert weight @ losses / weight.sum() == pytest.approx(by_output.sum(), rel=1e-13)


# Huge errors. Warnings are errors, so nothing overflows on the way either.


@pytest.mark.parametrize("size", [1e4, 1e30])
@pytest.mark.parametrize(
    ("loss", "slopes"),
    [
        (AbsoluteLoss(), [-1, 1]),
        (HuberLoss(delta=2.0), [-2, 2]),
        (LogCoshLoss(), [-1, 1]),
        (QuantileLoss(quantile=0.75), [-0.75, 0.25]),
    ],
    ids=repr,
)
@each_dtype
def test_huge_errors_cost_in_proportion(dtype, loss, slopes, size):
    F = np.array([[-size], [size]], dtype)
    losses, residual = loss.evaluate(F, np.zeros(2))
    # Huber costs delta^2 / 2 = 2 less, log-cosh ln 2.
    assert_allclose(losses, np.abs(slopes) * float(dtype(size)), rtol=1.1e-4)
    assert_array_equal(residual[:, 0], slopes)
    assert losses.dtype == residual.dtype == dtype


@each_dtype
def test_huge_scores_of_counts_reach_the_limit(dtype):
    F = np.array([[1e4], [1e4], [-1e4], [-1e4]], dtype)
    losses, residual = PoissonLoss().evaluate(F, np.array([0, 3, 0, 3]))
    # With no count expected and y seen the loss is y (ln y - 1 - F).
    assert_allclose(losses, [np.inf, np.inf, 0, 3 * (math.log(3) - 1 + 1e4)], rtol=1e-6)
    assert_array_equal(residual[:, 0], [np.inf, np.inf, 0, -3])
    assert_array_equal(PoissonLoss().inverse_link(F)[:, 0], [np.inf, np.inf, 0, 0])


@pytest.mark.parametrize(
    "loss", [HuberLoss(delta=np.float64(0.5)), QuantileLoss(quantile=np.float64(0.5))], ids=repr
)
def test_parameters_may_be_numpy_scalars(loss):
    losses, residual = loss.evaluate(np.ones((2, 2), np.float32), np.zeros((2, 2)))
    assert losses.dtype == residual.dtype == np.float32


# The best constant

MINIMIZED = [
    SquaredLoss(),
    AbsoluteLoss(),
    QuantileLoss(quantile=0.2),
    QuantileLoss(quantile=0.9),
    PoissonLoss(),
]


@pytest.mark.parametrize("n_rows", [1, 2, 24, 25])
@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("loss", MINIMIZED, ids=repr)
def test_no_constant_is_better_than_the_best(loss, n_outputs, n_rows):
    y = random_targets(loss, n_outputs, n_rows)
    weight = np.random.default_rng(n_rows).uniform(size=n_rows)
    weight[n_rows // 2 :: 3] = 0
    weight[0] = 1.0
    if isinstance(loss, PoissonLoss):
        y[0] = 1
    best = loss.best_constant(y, weight, n_outputs)
    assert best.shape == (n_outputs,)
    for k in range(n_outputs):
        found = minimize_scalar(lambda f, k=k: mean_loss(loss, [f], y[:, [k]], weight))
        value = mean_loss(loss, best[[k]], y[:, [k]], weight)
        assert value <= found.fun + 1e-12
        for step in (-1e-3, 1e-3):
            assert value <= mean_loss(loss, best[[k]] + step, y[:, [k]], weight) + 1e-15


@pytest.mark.parametrize(
    ("loss", "excess"), [(HuberLoss(delta=0.7), 0.7**2 / 2), (LogCoshLoss(), math.log(2))], ids=repr
)
def test_the_median_is_as_good_a_start_as_is_promised(loss, excess):
    y, weight = np.array([[0.0]] * 51 + [[100.0]] * 49), np.ones(100)
    start = loss.best_constant(y, weight, 1)
    assert_array_equal(start, [0])
    found = minimize_scalar(lambda f: mean_loss(loss, [f], y, weight))
    assert found.fun <= mean_loss(loss, start, y, weight) <= found.fun + excess


def test_closed_forms_of_the_best_constant():
    y = np.array([[1.0, 8.0], [2.0, 6.0], [4.0, 4.0], [9.0, 2.0]])
    ones = np.ones(4)
    assert_allclose(SquaredLoss().best_constant(y, ones, 2), y.mean(axis=0), rtol=1e-15)
    assert_array_equal(AbsoluteLoss().best_constant(y, ones, 2), np.median(y, axis=0))
    assert_allclose(PoissonLoss().best_constant(y, ones, 2), np.log(y.mean(axis=0)), rtol=1e-15)
    assert_array_equal(QuantileLoss(quantile=0.9).best_constant(y, ones, 2), [9, 8])
    assert_array_equal(QuantileLoss(quantile=0.1).best_constant(y, ones, 2), [1, 2])


@pytest.mark.parametrize("loss", [make() for make in REGRESSION_LOSSES.values()], ids=repr)
def test_a_weight_counts_rows(loss):
    y, weight = random_targets(loss, 2), np.arange(N_ROWS) % 4
    repeated = loss.best_constant(y.repeat(weight, axis=0), np.ones(weight.sum()), 2)
    assert_allclose(loss.best_constant(y, weight, 2), repeated, rtol=1e-13)
    float32 = loss.best_constant(y.astype(np.float32), weight.astype(np.float32), 2)
    assert_allclose(float32, repeated, rtol=1e-6)


def test_counts_that_are_all_zero_have_a_finite_start():
    y, weight = np.array([[0, 1], [0, 3], [0, 9]]), np.array([1.0, 1.0, 0.0])
    assert_allclose(np.exp(PoissonLoss().best_constant(y, weight, 2)), [0.5 / 2, 2], rtol=1e-14)


# Bad parameters


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: HuberLoss(delta=0), r"^delta must be a number in \(0, inf\), got 0\.$"),
        (lambda: HuberLoss(delta=math.inf), r"^delta must be a number in \(0, inf\), got inf\.$"),
        (
            lambda: QuantileLoss(quantile=1.0),
            r"^quantile must be a number in \(0, 1\), got 1\.0\.$",
        ),
        (lambda: QuantileLoss(quantile=0), r"^quantile must be a number in \(0, 1\), got 0\.$"),
    ],
)
def test_parameters_out_of_range(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_counts_must_not_be_negative():
    with pytest.raises(ValueError, match=r"^y must be >= 0 for the Poisson loss, got -1\.5\.$"):
        PoissonLoss().check_targets(np.array([0.0, -1.5, 2.0]))
    PoissonLoss().check_targets(np.array([0.0, 2.5]))


@pytest.mark.parametrize("name", REGRESSION_LOSSES)
def test_a_name_stands_for_the_default_loss(name):
    assert get_regression_loss(name) == REGRESSION_LOSSES[name]()


def test_a_loss_is_taken_as_it_is_once_validated():
    loss = HuberLoss(delta=2.0)
    assert get_regression_loss(loss) is loss
    with pytest.raises(ValueError, match=r"^delta must be "):
        get_regression_loss(loss.set_params(delta=-1))


@pytest.mark.parametrize(("value", "error"), [("mse", ValueError), (None, TypeError)])
def test_an_unknown_loss_is_answered_with_the_names(value, error):
    message = (
        rf"^objective must be one of 'squared_error', .* an instance of Loss, got {value!r}\.$"
    )
    with pytest.raises(error, match=message):
        get_regression_loss(value, name="objective")
