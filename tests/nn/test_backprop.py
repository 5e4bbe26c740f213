"""The gradient check, over every combination of pieces; and what a network promises."""

import itertools
from copy import deepcopy

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.special import expit

from skmlp.nn.activations import ACTIVATIONS
from skmlp.nn.backprop import NetworkObjective, NetworkPoint
from skmlp.nn.dense import Rescale
from skmlp.nn.gradient_check import central_differences, relative_error
from skmlp.nn.losses import LogisticCrossEntropy, SoftmaxCrossEntropy
from skmlp.nn.network import BLOCK, mlp
from skmlp.nn.regression_losses import REGRESSION_LOSSES, SquaredLoss

N, D, C = 9, 3, 3


def classes(rng, n_outputs):
    return rng.integers(0, n_outputs, N)


def shares(rng, n_outputs):
    return rng.dirichlet(np.ones(n_outputs), N)


def yes_or_no(rng, n_outputs):
    return rng.integers(0, 2, (N, n_outputs))


def counts(rng, n_outputs):
    return rng.poisson(2.0, (N, n_outputs)).astype(float)


# For each loss: the loss, its numbers of outputs, its kind of targets.
LOSSES = {
    "softmax": (SoftmaxCrossEntropy(), (2, C), classes),
    "softmax, shares": (SoftmaxCrossEntropy(), (C,), shares),
    "softmax, smoothed": (SoftmaxCrossEntropy(label_smoothing=0.2), (C,), classes),
    "logistic": (LogisticCrossEntropy(), (1, C), yes_or_no),
    "logistic, smoothed": (LogisticCrossEntropy(label_smoothing=0.2), (1, C), yes_or_no),
    **{name: (make(), (1, C), counts) for name, make in REGRESSION_LOSSES.items()},
}


def gradient_error(objective, theta, seed=0):
    """Distance of the gradient from central differences, with the same random numbers each time."""

    def value(theta):
        return objective.value_and_gradient(theta.copy(), rng=np.random.default_rng(seed))[0]

    _, gradient = objective.value_and_gradient(theta.copy(), rng=np.random.default_rng(seed))
    return relative_error(gradient, central_differences(value, theta, np.arange(len(theta))))


def build(activation="tanh", batch_norm=None, rate=0.0, n_outputs=C, n_layers=2, output=None):
    return mlp(
        [D, *[4] * n_layers, n_outputs],
        [ACTIVATIONS[activation]()] * n_layers,
        batch_norm=batch_norm,
        dropout=[rate] * n_layers,
        input_dropout=rate,
        output=output,
    )


def started(network, seed=0):
    """Parameters before training, but none of them at a special value."""
    rng = np.random.default_rng(seed)
    theta = network.start(rng)
    theta[: network.layout.n_learned] += 0.1 * rng.standard_normal(network.layout.n_learned)
    return theta


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("loss", LOSSES)
def test_backprop_is_the_derivative(loss, activation):
    rng = np.random.default_rng(0)
    the_loss, sizes, targets = LOSSES[loss]
    X = rng.standard_normal((N, D))
    even, uneven = np.ones(N), rng.uniform(0.1, 3.0, N)
    grid = itertools.product(sizes, (None, 0.1), (0.0, 0.4), (0.0, 0.3), (even, uneven))
    for n_outputs, batch_norm, rate, alpha, weight in grid:
        network = build(activation, batch_norm, rate, n_outputs)
        y = targets(rng, n_outputs)
        objective = NetworkObjective(network, the_loss, X, y, weight, alpha=alpha)
        error = gradient_error(objective, started(network))
        assert error < 1e-6, (n_outputs, batch_norm, rate, alpha)


@pytest.mark.parametrize("n_layers", [0, 1, 3])
def test_backprop_is_the_derivative_at_any_depth(n_layers):
    rng = np.random.default_rng(1)
    network = build(n_layers=n_layers, batch_norm=0.1, rate=0.2)
    X, y = rng.standard_normal((N, D)), rng.integers(0, C, N)
    objective = NetworkObjective(network, SoftmaxCrossEntropy(), X, y, np.ones(N), alpha=0.1)
    assert gradient_error(objective, started(network)) < 1e-6


@pytest.mark.parametrize("rate", [0.0, 0.4])
def test_backprop_is_the_derivative_for_sparse_rows(rate):
    rng = np.random.default_rng(2)
    network = build(rate=rate)
    X = sp.csr_array(rng.standard_normal((N, D)) * (rng.random((N, D)) < 0.5))
    y = rng.integers(0, C, N)
    objective = NetworkObjective(network, SoftmaxCrossEntropy(), X, y, np.ones(N), alpha=0.1)
    assert gradient_error(objective, started(network)) < 1e-6


def test_backprop_is_the_derivative_in_units_of_the_targets():
    rng = np.random.default_rng(3)
    output = Rescale(np.array([5.0, -2.0, 0.0]), np.array([3.0, 0.1, 20.0]), unit=7.0)
    network = build(output=output)
    X, y = rng.standard_normal((N, D)), rng.standard_normal((N, C)) * 10
    weight = rng.uniform(0.1, 3.0, N)
    objective = NetworkObjective(network, SquaredLoss(), X, y, weight, alpha=0.2)
    theta = started(network)
    assert gradient_error(objective, theta) < 1e-6

    # The value is J / unit, with J of the scores and weights that users see.
    coefs, intercepts = network.coefficients(theta)
    F = np.tanh(np.tanh(X @ coefs[0] + intercepts[0]) @ coefs[1] + intercepts[1])
    F = F @ coefs[2] + intercepts[2]
    mean = np.average(((F - y) ** 2).sum(axis=1), weights=weight)
    *hidden, last = coefs
    spread = (output.scale**2).sum() ** 0.5
    penalty = 0.2 * 7.0 * (sum((W**2).sum() for W in hidden) + ((last / spread) ** 2).sum())
    value, _ = objective.value_and_gradient(theta)
    assert value * 7.0 == pytest.approx(mean + penalty)


def test_backprop_is_the_derivative_through_an_augmentation():
    def jitter(X, y, rng):
        return X + rng.standard_normal(X.shape), y[rng.permutation(len(y))]

    rng = np.random.default_rng(4)
    network = build()
    X, y = rng.standard_normal((N, D)), np.eye(C)[rng.integers(0, C, N)]
    objective = NetworkObjective(
        network, SoftmaxCrossEntropy(), X, y, np.ones(N), alpha=0.1, augment=jitter
    )
    assert gradient_error(objective, started(network)) < 1e-6
    first, _ = objective.value_and_gradient(started(network), rng=np.random.default_rng(0))
    other, _ = objective.value_and_gradient(started(network), rng=np.random.default_rng(1))
    assert first != other


def test_the_check_finds_a_wrong_slope():
    class Wrong(type(ACTIVATIONS["tanh"]())):
        def slope(self, Z, A):
            return 1.001 * super().slope(Z, A)

    rng = np.random.default_rng(5)
    network = mlp([D, 4, C], [Wrong()])
    X, y = rng.standard_normal((N, D)), rng.integers(0, C, N)
    objective = NetworkObjective(network, SoftmaxCrossEntropy(), X, y, np.ones(N), alpha=0.0)
    assert gradient_error(objective, started(network)) > 1e-5


def test_batches_average_to_the_whole():
    rng = np.random.default_rng(6)
    network = build()
    X, y = rng.standard_normal((N, D)), rng.integers(0, C, N)
    weight = rng.uniform(0.1, 3.0, N)
    objective = NetworkObjective(network, SoftmaxCrossEntropy(), X, y, weight, alpha=0.1)
    theta = started(network)
    whole, gradient = objective.value_and_gradient(theta)
    parts = [objective.value_and_gradient(theta, rows) for rows in np.arange(N).reshape(3, 3)]
    assert np.mean([value for value, _ in parts]) == pytest.approx(whole)
    np.testing.assert_allclose(np.mean([grad for _, grad in parts], axis=0), gradient, atol=1e-15)


def test_a_weight_of_two_is_a_row_twice():
    rng = np.random.default_rng(7)
    network = build()
    X, y = rng.standard_normal((N, D)), rng.integers(0, C, N)
    weight = np.ones(N)
    weight[0] = 2
    doubled = np.append(np.arange(N), 0)
    theta = started(network)
    value, gradient = NetworkObjective(
        network, SoftmaxCrossEntropy(), X, y, weight, alpha=0.1
    ).value_and_gradient(theta)
    value_2, gradient_2 = NetworkObjective(
        network, SoftmaxCrossEntropy(), X[doubled], y[doubled], np.ones(N + 1), alpha=0.1
    ).value_and_gradient(theta)
    assert value == pytest.approx(value_2)
    np.testing.assert_allclose(gradient, gradient_2, atol=1e-15)


def test_the_mean_loss_is_that_of_predictions():
    rng = np.random.default_rng(0)
    network = build(rate=0.3, output=Rescale(np.full(C, 5.0), np.full(C, 2.0), unit=4.0))
    X, y = rng.normal(size=(N, D)), rng.normal(size=(N, C))
    weight = rng.uniform(1, 2, N)
    objective = NetworkObjective(network, SquaredLoss(), X, y, weight, alpha=0.7)
    theta = started(network)
    share = weight / weight.sum()
    expected = share @ ((network.scores(theta, X) - y) ** 2).sum(axis=1)
    np.testing.assert_allclose(4.0 * objective.mean_loss(theta), expected)
    # The best constant of the squared loss is the mean, and costs the variance.
    variance = share @ ((y - share @ y) ** 2).sum(axis=1)
    np.testing.assert_allclose(4.0 * objective.cost_of_constant(), variance)


def test_cost_of_a_constant_for_classes():
    rng = np.random.default_rng(1)
    # The last class and one before it occur in no row.
    X, y, weight = rng.normal(size=(N, D)), rng.choice([0, 2], N), rng.uniform(1, 2, N)
    loss = SoftmaxCrossEntropy(label_smoothing=0.1)
    objective = NetworkObjective(build(), loss, X, y, weight, alpha=0.7)
    constant = loss.best_constant(y, weight, C)
    losses, _ = loss.evaluate(np.tile(constant, (N, 1)), y)
    np.testing.assert_allclose(objective.cost_of_constant(), weight @ losses / weight.sum())


def test_two_forward_passes_do_not_disturb_each_other():
    rng = np.random.default_rng(8)
    network = build(batch_norm=0.1, rate=0.3)
    theta = started(network)
    params = network.layout.views(theta)
    X, dF = rng.standard_normal((N, D)), rng.standard_normal((N, C))

    def gradient(backward):
        gradient = np.zeros_like(theta)
        backward(dF.copy(), network.layout.views(gradient))
        return gradient

    _, alone = network.forward(params, X, train=True, rng=np.random.default_rng(0))
    expected = gradient(alone)
    _, first = network.forward(params, X, train=True, rng=np.random.default_rng(0))
    network.forward(params, 3 * X, train=True, rng=np.random.default_rng(1))
    np.testing.assert_array_equal(gradient(first), expected)


def test_a_training_gets_the_same_gradient():
    rng = np.random.default_rng(16)
    network = build(batch_norm=0.1, rate=0.3)
    X, y = rng.standard_normal((N, D)), rng.integers(0, C, N)
    objective = NetworkObjective(network, SoftmaxCrossEntropy(), X, y, np.ones(N), alpha=0.1)
    for theta in (started(network), started(network, seed=1)):
        for rows in (np.arange(3), np.arange(3, N)):
            here = theta.copy(), rows, np.random.default_rng(0)
            expected_value, expected = objective.value_and_gradient(*here)
            value, gradient = objective(theta, rows, np.random.default_rng(0))
            assert value == expected_value
            np.testing.assert_array_equal(gradient, expected)
            theta -= 0.1 * gradient
            gradient *= 2  # a training writes to it


def test_the_forward_pass_by_hand():
    network = build("logistic", n_layers=1)
    theta = started(network)
    (W1, W2), (b1, b2) = network.coefficients(theta)
    X = np.random.default_rng(9).standard_normal((N, D))
    np.testing.assert_allclose(network.scores(theta, X), expit(X @ W1 + b1) @ W2 + b2)
    np.testing.assert_allclose(network.activations(theta, X, network.hidden[0]), expit(X @ W1 + b1))


def test_coefficients_are_those_of_prediction():
    output = Rescale(np.array([5.0, -2.0, 0.0]), np.array([3.0, 0.1, 20.0]))
    network = build(batch_norm=0.1, rate=0.3, output=output)
    theta = started(network)
    rng = np.random.default_rng(15)
    theta[network.layout.n_learned :] = rng.uniform(0.5, 2.0, len(theta) - network.layout.n_learned)
    X = rng.standard_normal((N, D))
    A = X
    for W, b in zip(*network.coefficients(theta), strict=True):
        Z = A @ W + b
        A = np.tanh(Z)
    np.testing.assert_allclose(network.scores(theta, X), Z)


def test_prediction_in_blocks_is_prediction():
    network = build(batch_norm=0.1, rate=0.3)
    theta = started(network)
    X = np.random.default_rng(10).standard_normal((2 * BLOCK + 1, D))
    rows = [network.scores(theta, X[i : i + 1])[0] for i in (0, BLOCK, 2 * BLOCK)]
    np.testing.assert_allclose(network.scores(theta, X)[[0, BLOCK, 2 * BLOCK]], rows)


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
def test_no_rows_have_no_scores(kind):
    network = build(batch_norm=0.1)
    F = network.scores(started(network), kind(np.zeros((0, D))))
    assert F.shape == (0, network.n_outputs)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_is_kept(dtype):
    rng = np.random.default_rng(11)
    for name in ACTIVATIONS:
        output = Rescale(np.ones(C), np.full(C, 2.0))
        network = build(name, batch_norm=0.1, rate=0.3, output=output)
        theta = network.start(rng, dtype)
        X, y = rng.standard_normal((N, D)).astype(dtype), rng.standard_normal((N, C))
        objective = NetworkObjective(network, SquaredLoss(), X, y, np.ones(N), alpha=0.1)
        _, gradient = objective.value_and_gradient(theta, rng=rng)
        params = network.layout.views(theta)
        F, _ = network.forward(params, X, train=True, rng=rng)
        assert gradient.dtype == F.dtype == network.scores(theta, X).dtype == dtype


def test_single_precision_is_double_precision_up_to_rounding():
    rng = np.random.default_rng(12)
    network = build(batch_norm=0.1, rate=0.3)
    X, y = rng.standard_normal((N, D)), rng.integers(0, C, N)
    results = []
    for dtype in (np.float32, np.float64):
        theta = network.start(np.random.default_rng(0), dtype)
        objective = NetworkObjective(
            network, SoftmaxCrossEntropy(), X.astype(dtype), y, np.ones(N), alpha=0.1
        )
        results.append(objective.value_and_gradient(theta, rng=np.random.default_rng(0)))
    (narrow, narrow_gradient), (wide, wide_gradient) = results
    assert narrow == pytest.approx(wide, rel=1e-5)
    np.testing.assert_allclose(narrow_gradient, wide_gradient, atol=1e-5)


def test_a_point_of_all_rows_has_their_statistics():
    rng = np.random.default_rng(13)
    network = build(batch_norm=1.0, n_layers=1)
    X, y = rng.standard_normal((N, D)), rng.integers(0, C, N)
    objective = NetworkObjective(network, SoftmaxCrossEntropy(), X, y, np.ones(N), alpha=0.1)
    theta = started(network)
    before = deepcopy(theta)
    point = NetworkPoint(objective, theta)
    np.testing.assert_array_equal(theta, before)
    Z = X @ network.layout.views(theta)[0]["W"]
    statistics = network.layout.views(point.theta)[1]
    np.testing.assert_allclose(statistics["mean"], Z.mean(axis=0))
    np.testing.assert_allclose(statistics["variance"], Z.var(axis=0, ddof=1))


def test_a_point_knows_the_slope_of_the_way_it_goes():
    rng = np.random.default_rng(14)
    network = build()
    X, y = rng.standard_normal((N, D)), rng.integers(0, C, N)
    objective = NetworkObjective(network, SoftmaxCrossEntropy(), X, y, np.ones(N), alpha=0.1)
    point = NetworkPoint(objective, started(network))
    direction = rng.standard_normal(len(point.theta))
    h = 1e-6
    rise = point.moved(direction, None, h).value - point.moved(direction, None, -h).value
    assert point.slope(direction, None) == pytest.approx(rise / (2 * h))
