"""Networks that are also something else: linear models, scikit-learn's networks, weighted rows."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose
from sklearn.linear_model import PoissonRegressor, QuantileRegressor, Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor

from skmlp import MLPNet, MLPNetRegressor, SoftmaxRegression
from skmlp.nn.regression_losses import HuberLoss, QuantileLoss
from skmlp.optim import Polynomial

truncated = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ALPHA = 0.01
LINEAR = {"hidden_layer_sizes": (), "random_state": 0}
EXACT = {**LINEAR, "optimizer": "lbfgs", "tol": 1e-15, "max_iter": 5000}
CONTAINERS = {"dense": np.asarray, "CSR": sp.csr_array, "CSC": sp.csc_array}


@pytest.fixture
def linear():
    """Rows, and three targets that are linear in them but for noise."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(80, 5))
    return X, X @ rng.normal(size=(5, 3)) + 0.5 * rng.normal(size=(80, 3)) + [1.0, -2.0, 5.0]


# No hidden layer


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("data", ["clouds", "two_clouds"])
def test_no_hidden_layer_is_softmax_regression(data, container, weighted, request):
    X, y = request.getfixturevalue(data)
    weight = np.random.default_rng(1).exponential(size=len(y)) if weighted else None
    X = CONTAINERS[container](X * (X > -0.5))
    net = MLPNet(alpha=ALPHA, **EXACT).fit(X, y, sample_weight=weight)
    linear = SoftmaxRegression(ALPHA, tol=1e-15).fit(X, y, sample_weight=weight)
    assert_allclose(net.coefs_[0].T, linear.coef_, atol=1e-5)
    difference = net.intercepts_[0] - linear.intercept_
    if len(difference) > 1:  # One number added to all classes changes nothing.
        difference = difference - difference.mean()
    assert_allclose(difference, 0, atol=1e-5)
    assert_allclose(net.predict_proba(X), linear.predict_proba(X), atol=1e-5)
    assert net.loss_ == pytest.approx(linear.loss_, rel=1e-9)


def test_no_hidden_layer_with_class_weights_is_softmax_regression(clouds):
    X, y = clouds
    net = MLPNet(alpha=ALPHA, class_weight="balanced", **EXACT).fit(X, y)
    linear = SoftmaxRegression(ALPHA, class_weight="balanced", tol=1e-15).fit(X, y)
    assert_allclose(net.predict_proba(X), linear.predict_proba(X), atol=1e-5)
    unbalanced = SoftmaxRegression(ALPHA, tol=1e-15).fit(X, y)
    assert np.abs(unbalanced.predict_proba(X) - linear.predict_proba(X)).max() > 0.01


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_outputs", [1, 2, 3])
def test_no_hidden_layer_is_ridge(linear, n_outputs, weighted):
    X, Y = linear
    Y = Y[:, :n_outputs]
    weight = np.random.default_rng(1).exponential(size=len(Y)) if weighted else np.ones(len(Y))
    net = MLPNetRegressor(alpha=ALPHA, **EXACT).fit(X, Y, sample_weight=weight)
    ridge = Ridge(alpha=ALPHA * weight.sum()).fit(X, Y, sample_weight=weight)
    assert_allclose(net.coefs_[0], np.reshape(ridge.coef_, (n_outputs, 5)).T, atol=1e-6)
    assert_allclose(net.intercepts_[0], ridge.intercept_, atol=1e-6)
    residual = np.reshape(ridge.predict(X), Y.shape) - Y
    J = weight @ (residual**2).sum(axis=1) / weight.sum() + ALPHA * (ridge.coef_**2).sum()
    assert net.loss_ == pytest.approx(J, rel=1e-9)


@pytest.mark.parametrize("spread", [1e-3, 1.0, 1e6])
@pytest.mark.parametrize("offset", [0.0, 1e-3, 1e6])
def test_the_unit_of_the_targets_does_not_matter(linear, spread, offset):
    X, Y = linear
    y = offset + spread * Y[:, 0]
    net = MLPNetRegressor(alpha=ALPHA, **EXACT).fit(X, y)
    ridge = Ridge(alpha=ALPHA * len(y)).fit(X, y)
    # A large offset takes digits from the targets, and from the objective in which they enter.
    tolerance = 1e-5 + 1e-13 * offset / spread
    assert_allclose(net.coefs_[0].ravel() / spread, ridge.coef_ / spread, atol=tolerance)
    assert_allclose(net.predict(X), ridge.predict(X), atol=spread * tolerance, rtol=1e-15)


def test_outputs_of_different_units_are_all_learned(linear):
    X, Y = linear
    Y = Y * [1.0, 100.0, 1e4]
    net = MLPNetRegressor(alpha=ALPHA, **EXACT).fit(X, Y)
    ridge = Ridge(alpha=ALPHA * len(Y)).fit(X, Y)
    spread = Y.std(axis=0)
    assert_allclose(net.coefs_[0] / spread, ridge.coef_.T / spread, atol=1e-5)
    assert_allclose(net.predict(X) / spread, ridge.predict(X) / spread, atol=1e-5)


@pytest.mark.parametrize("spread", [1e-3, 1e6])
def test_training_in_batches_does_not_depend_on_the_unit_either(linear, spread):
    X, Y = linear
    options = {"hidden_layer_sizes": 8, "alpha": 0, "max_iter": 20, "dtype": "float64"}
    plain, scaled = (
        MLPNetRegressor(random_state=0, **options).fit(X, factor * Y[:, 0])
        for factor in (1.0, spread)
    )
    assert_allclose(scaled.predict(X) / spread, plain.predict(X), rtol=1e-7, atol=1e-9)
    assert_allclose(np.array(scaled.loss_curve_) / spread**2, plain.loss_curve_, rtol=1e-7)


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("factor", [1e-4, 1e5])
@pytest.mark.parametrize(
    "loss",
    [
        lambda factor: "squared_error",
        lambda factor: "absolute_error",
        lambda factor: QuantileLoss(0.8),
        lambda factor: HuberLoss(0.7 * factor),
    ],
    ids=["squared", "absolute", "quantile", "huber"],
)
def test_the_penalty_is_measured_in_the_unit_of_the_targets(linear, loss, factor, n_outputs):
    X, Y = linear
    Y = Y[:, :n_outputs]
    plain, scaled = (
        MLPNetRegressor(8, loss=loss(c), max_iter=5, dtype="float64", random_state=0).fit(X, c * Y)
        for c in (1.0, factor)
    )
    expected = plain.predict(X)
    assert_allclose(scaled.predict(X) / factor, expected, rtol=1e-6, atol=1e-6 * expected.std())


def test_poisson_without_hidden_layer_is_the_generalized_linear_model(linear):
    X, Y = linear
    counts = np.random.default_rng(0).poisson(np.exp(0.3 * Y[:, 0]))
    net = MLPNetRegressor(loss="poisson", alpha=ALPHA, **EXACT).fit(X, counts)
    reference = PoissonRegressor(alpha=2 * ALPHA, tol=1e-10, max_iter=1000).fit(X, counts)
    assert_allclose(net.coefs_[0].ravel(), reference.coef_, atol=1e-5)
    assert_allclose(net.predict(X), reference.predict(X), rtol=1e-5)


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.8])
def test_quantile_without_hidden_layer_nears_quantile_regression(linear, quantile):
    X, Y = linear
    y = Y[:, 0]
    loss = QuantileLoss(quantile)
    options = {"alpha": 0, "batch_size": 20, "learning_rate": Polynomial(0.05), "dtype": "float64"}
    net = MLPNetRegressor(**LINEAR, loss=loss, **options).fit(X, y)
    reference = QuantileRegressor(quantile=quantile, alpha=0).fit(X, y)

    def cost(model):
        return loss.evaluate(model.predict(X)[:, None], y)[0].mean()

    assert cost(net) < 1.03 * cost(reference)
    assert np.mean(y < net.predict(X)) == pytest.approx(quantile, abs=0.1)


# The network of scikit-learn


@truncated
@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("data", ["clouds", "two_clouds"])
def test_the_same_weights_classify_as_in_scikit_learn(data, batch_norm, activation, request):
    X, y = request.getfixturevalue(data)
    net = MLPNet((7, 5), activation, batch_norm=batch_norm, dtype="float64", random_state=0)
    net.set_params(max_iter=5).fit(X, y)
    theirs = MLPClassifier(hidden_layer_sizes=(7, 5), activation=activation, max_iter=1).fit(X, y)
    theirs.coefs_, theirs.intercepts_ = net.coefs_, net.intercepts_
    assert_allclose(net.predict_proba(X), theirs.predict_proba(X), rtol=1e-10)
    assert net.n_layers_ == theirs.n_layers_
    assert net.n_outputs_ == theirs.n_outputs_
    assert net.out_activation_ == theirs.out_activation_


@truncated
@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("n_outputs", [1, 3])
def test_the_same_weights_predict_as_in_scikit_learn(linear, n_outputs, batch_norm, activation):
    X, Y = linear
    Y = 100 * Y[:, 0] if n_outputs == 1 else 100 * Y
    options = {"max_iter": 5, "random_state": 0, "dtype": "float64"}
    net = MLPNetRegressor((7, 5), activation, batch_norm=batch_norm, **options)
    theirs = MLPRegressor(hidden_layer_sizes=(7, 5), activation=activation, max_iter=1).fit(X, Y)
    theirs.coefs_, theirs.intercepts_ = net.fit(X, Y).coefs_, net.intercepts_
    assert_allclose(net.predict(X), theirs.predict(X), rtol=1e-10, atol=1e-8)
    assert net.out_activation_ == theirs.out_activation_


# Weights of rows


@truncated
@pytest.mark.parametrize("kind", [MLPNet, MLPNetRegressor])
def test_a_row_twice_is_a_row_of_weight_two(clouds, kind):
    X, y = clouds
    counts = np.random.default_rng(2).integers(0, 4, size=len(y))
    net = kind(5, "tanh", optimizer="lbfgs", max_iter=15, random_state=0)
    weighted = net.fit(X, y, sample_weight=counts).theta_
    repeated = net.fit(np.repeat(X, counts, axis=0), np.repeat(y, counts)).theta_
    assert_allclose(weighted, repeated, atol=1e-6)
    assert np.abs(net.fit(X, y).theta_ - weighted).max() > 1e-2


def test_weights_count_in_every_batch(clouds):
    X, y = clouds
    weight = np.where(y == 0, 0.0, 1.0)
    options = {"max_iter": 5, "random_state": 0, "batch_size": 10, "shuffle": False}
    net = MLPNet(4, classes=[0, 1, 2], **options)
    with_zeros = net.fit(X, y, sample_weight=weight).theta_
    without = net.fit(X[y > 0], y[y > 0]).theta_
    assert_allclose(with_zeros, without, rtol=1e-12)
