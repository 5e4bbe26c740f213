"""The range test: its losses, when it stops, what it suggests, and that it leaves no trace."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmlp import MLPNet, MLPNetRegressor, learning_rate_range_test
from skmlp.augment import GaussianNoise
from skmlp.estimators.range_test import GeometricRise, suggested_rate
from skmlp.optim import Adam
from skmlp.optim.training import DivergedError

DIGITS = load_digits(return_X_y=True)
X, Y = DIGITS[0] / 16, DIGITS[1]
SGD = {"hidden_layer_sizes": 16, "activation": "relu", "optimizer": "sgd", "random_state": 0}


def net(**params):
    return MLPNet(**{**SGD, **params})


def test_the_rates_rise_by_the_same_factor():
    test = learning_rate_range_test(net(), X, Y, low=1e-4, high=1e-2, n_steps=21)
    np.testing.assert_allclose(test.rates, np.geomspace(1e-4, 1e-2, 21), rtol=1e-12)
    assert len(test.losses) == len(test.smoothed) == 21


def test_with_all_rows_in_a_batch_the_losses_are_those_of_a_fit():
    rise = GeometricRise(1e-3, 1e-1, 29)
    options = {"batch_size": len(X), "shuffle": False, "alpha": 0.1}
    test = learning_rate_range_test(net(**options), X, Y, low=1e-3, high=1e-1, n_steps=30)
    fitted = net(**options, learning_rate=rise, max_iter=30, n_iter_no_change=100).fit(X, Y)
    np.testing.assert_allclose(test.losses, fitted.loss_curve_, rtol=1e-6)


def test_a_batch_is_a_step():
    # So small a rate moves nothing. In the given order, 9 batches of 200 make an epoch of 1797.
    options = {"low": 1e-12, "high": 1e-11, "n_steps": 20}
    test = learning_rate_range_test(net(batch_size=200, shuffle=False), X, Y, **options)
    np.testing.assert_allclose(test.losses[9:18], test.losses[:9], rtol=1e-6)
    assert len(np.unique(test.losses[:9].round(3))) > 5
    shares = np.full(9, 200 / 1797)
    shares[8] = 197 / 1797
    whole = learning_rate_range_test(net(batch_size=1797), X, Y, **options)
    assert shares @ test.losses[:9] == pytest.approx(whole.losses[0], rel=1e-6)
    assert test.suggestion is None


def test_the_smoothed_loss_is_a_weighted_mean_of_the_past():
    test = learning_rate_range_test(net(), X, Y, n_steps=30)
    for i in (0, 1, 7, 20):
        weights = 0.9 ** np.arange(i, -1, -1)
        expected = weights @ test.losses[: i + 1] / weights.sum()
        assert test.smoothed[i] == pytest.approx(expected, rel=1e-12)


def test_it_stops_when_the_loss_has_exploded():
    test = learning_rate_range_test(net(), X, Y, low=1e-3, high=1e4)
    limit = 4 * test.losses[0]
    assert len(test.rates) < 100
    assert (test.smoothed[:-1] <= limit).all()
    assert test.smoothed[-1] > limit


def test_it_stops_before_numbers_that_are_not_finite():
    # The rates are 1e-51, 1e-13, 1e25: the third step overflows before any loss has exploded.
    test = learning_rate_range_test(net(), X, Y, low=1e-51, high=1e291, n_steps=10)
    assert len(test.rates) == 3
    assert (test.losses < 5).all()
    assert test.suggestion is None


@pytest.mark.parametrize(
    ("smoothed", "suggestion"),
    [
        # Two thirds of the fall from 9 to 1.2 are made at 3.8.
        ([9.0, 10.0, 8.0, 3.9, 3.7, 1.2, 5.0, 2.0], 4.0),
        ([9.0, 10.0, 8.0, 3.7, 3.9, 1.2, 5.0, 2.0], 3.0),
        ([0.9, 0.1, 0.5], 1.0),
        # A loss of your own may be negative.
        ([-1.0, -2.0, -3.2, -4.0], 2.0),
        # No fall, and falls by less than a tenth: of the start, or of the best constant.
        ([2.0, 3.0, 4.0], None),
        ([20.0, 18.1, 30.0], None),
        ([0.2, 0.11, 0.3], None),
        ([2.0], None),
    ],
)
def test_the_suggestion_is_where_two_thirds_of_the_fall_are_made(smoothed, suggestion):
    smoothed = np.array(smoothed)
    assert suggested_rate(np.arange(float(len(smoothed))), smoothed) == suggestion


@pytest.mark.filterwarnings("ignore:.*worse than the best constant")
@pytest.mark.parametrize("optimizer", ["adam", "momentum", "sgd"])
def test_the_suggestion_trains_better_than_much_smaller_and_much_larger_rates(optimizer):
    candidate = net(hidden_layer_sizes=64, optimizer=optimizer, batch_size=200)
    candidate.set_params(max_iter=8, n_iter_no_change=100)
    train, test = slice(1200), slice(1200, None)
    rate = learning_rate_range_test(candidate, X[train], Y[train]).suggestion
    losses = []
    for factor in (0.03, 1, 50):
        model = clone(candidate).set_params(learning_rate=factor * rate)
        try:
            model.fit(X[train], Y[train], X_val=X[test], y_val=Y[test])
            losses.append(model.validation_loss_curve_[-1])
        except DivergedError:
            losses.append(np.inf)
    slow, good, wild = losses
    assert good < 0.5 * slow
    assert good < 0.5 * wild


def test_a_regressor_reports_the_loss_in_the_units_of_its_targets():
    X, y = load_diabetes(return_X_y=True, scaled=True)
    X, y = X * np.sqrt(len(X)), y
    model = MLPNetRegressor(**SGD, batch_size=len(X), dtype="float64", alpha=0)
    one, ten = (learning_rate_range_test(model, X, scale * y) for scale in (1.0, 10.0))
    # The network starts near the mean, which costs the variance; steps do not depend on units.
    assert 0.3 < one.losses[0] / np.var(y) < 3
    np.testing.assert_allclose(ten.losses, 100 * one.losses, rtol=1e-6)
    assert ten.suggestion == pytest.approx(one.suggestion)


def test_weight_zero_leaves_a_row_out():
    weight = np.where(np.arange(len(X)) % 2, 0.0, 3.0)
    some = learning_rate_range_test(net(), X, Y, sample_weight=weight)
    half = learning_rate_range_test(net(), X[::2], Y[::2])
    np.testing.assert_array_equal(some.losses, half.losses)


def test_the_network_and_the_global_random_state_are_left_alone():
    rng = np.random.RandomState(3)
    given = net(optimizer=Adam(), augment=GaussianNoise(0.1), dropout=0.2).set_params(
        random_state=rng, batch_norm=True
    )
    params, own = given.get_params(), rng.get_state()[1].copy()
    ours = np.random.get_state()[1].copy()  # noqa: NPY002 (the one that others may use)
    learning_rate_range_test(given, X, Y, n_steps=20)
    assert given.get_params() == params
    assert not hasattr(given, "theta_")
    np.testing.assert_array_equal(rng.get_state()[1], own)
    np.testing.assert_array_equal(np.random.get_state()[1], ours)  # noqa: NPY002


def test_a_fitted_network_is_tested_from_the_start():
    fitted = net(max_iter=3, n_iter_no_change=5).fit(X, Y)
    theta = fitted.theta_.copy()
    again = learning_rate_range_test(fitted.set_params(warm_start=True), X, Y)
    np.testing.assert_array_equal(again.losses, learning_rate_range_test(net(), X, Y).losses)
    np.testing.assert_array_equal(fitted.theta_, theta)


def test_the_rate_of_the_network_does_not_matter():
    tests = [learning_rate_range_test(net(learning_rate=r), X, Y, n_steps=20) for r in (1e-9, 5.0)]
    np.testing.assert_array_equal(tests[0].losses, tests[1].losses)


def test_the_last_step_of_a_pipeline_is_tested_on_transformed_rows():
    pipeline = make_pipeline(StandardScaler(), net())
    test = learning_rate_range_test(pipeline[-1], pipeline[:-1].fit_transform(X, Y), Y)
    pipeline.set_params(mlpnet__learning_rate=test.suggestion, mlpnet__max_iter=20)
    assert pipeline.fit(X, Y).score(X, Y) > 0.9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"low": 0}, r"low must be a number in \(0, inf\), got 0"),
        ({"high": -1.0}, r"high must be a number in \(0, inf\), got -1.0"),
        ({"low": 1.0, "high": 1.0}, "low must be smaller than high, 1.0, got 1.0"),
        ({"n_steps": 9}, "n_steps must be an integer of at least 10, got 9"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        learning_rate_range_test(net(), X, Y, **options)


def test_lbfgs_has_no_learning_rate():
    with pytest.raises(ValueError, match="optimizer of net must be one of mini-batches"):
        learning_rate_range_test(net(optimizer="lbfgs"), X, Y)


@pytest.mark.parametrize("model", [LogisticRegression(), make_pipeline(MLPNet()), "adam"])
def test_what_is_no_network_is_refused(model):
    with pytest.raises(TypeError, match="net must be an MLPNet or MLPNetRegressor"):
        learning_rate_range_test(model, X, Y)


def test_rows_that_overflow_are_named_as_a_reason():
    with pytest.raises(ValueError, match=r"diverged in epoch 1: .*, or scale the features"):
        learning_rate_range_test(net(), X * 3e38, Y)


def test_rates_that_are_all_too_large_give_no_suggestion():
    test = learning_rate_range_test(net(), X, Y, low=1e3, high=1e4)
    assert len(test.rates) < 10
    assert test.suggestion is None
