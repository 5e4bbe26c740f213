"""The gradient check for users: what is right passes, what is wrong is found and named."""

from dataclasses import dataclass

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.tree import DecisionTreeClassifier

from skmlp import GradientCheck, MLPNet, MLPNetRegressor, check_gradient
from skmlp.augment import Compose, FeatureDropout, GaussianNoise, Mixup
from skmlp.nn.activations import ACTIVATIONS, Activation, Tanh
from skmlp.nn.losses import Loss
from skmlp.nn.regression_losses import REGRESSION_LOSSES, SquaredLoss

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 5))
Y = RNG.integers(0, 3, 60)
COUNTS = RNG.poisson(3.0, (60, 2)).astype(float)
WEIGHT = RNG.uniform(0.1, 3.0, 60)
SMALL = {"hidden_layer_sizes": (7, 6)}
NOISY = {"dropout": 0.3, "input_dropout": 0.1}


@dataclass
class WrongTanh(Activation):
    """A hyperbolic tangent with a slope that is off by a small factor."""

    factor: float = 1.0

    def value(self, Z):
        return np.tanh(Z)

    def slope(self, Z, A):
        return self.factor * (1 - A * A)


class WrongLoss(SquaredLoss):
    """The squared loss with the derivative of half of it."""

    def evaluate(self, F, y):
        losses, residual = super().evaluate(F, y)
        return losses, residual / 2


@dataclass
class Sawtooth(Activation):
    """A zigzag of slopes 1 and -1."""

    period: float

    def value(self, Z):
        return self.period / 2 - np.abs(Z % self.period - self.period / 2)

    def slope(self, Z, A):
        return np.where(Z % self.period < self.period / 2, 1.0, -1.0)


class Staircase(Activation):
    """A function of steps so small that every difference quotient sees some."""

    def value(self, Z):
        return np.round(Z, 7)

    def slope(self, Z, A):
        return np.ones_like(Z)


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_passes(activation, batch_norm):
    net = MLPNet(**SMALL, **NOISY, activation=activation, batch_norm=batch_norm, alpha=0.1)
    check = check_gradient(net, X, Y, sample_weight=WEIGHT)
    assert check.error < 1e-7
    assert max(check.errors.values()) < 1e-7


@pytest.mark.parametrize("loss", REGRESSION_LOSSES)
def test_every_loss_of_regression_passes(loss):
    net = MLPNetRegressor(**SMALL, activation="tanh", loss=loss, alpha=0.1)
    assert check_gradient(net, X, 100 * COUNTS, sample_weight=WEIGHT).error < 1e-7


@pytest.mark.parametrize("y", [Y, Y > 0, np.eye(3, dtype=int)[Y]], ids=["many", "two", "labels"])
@pytest.mark.parametrize("augment", [None, Compose([Mixup(0.4), GaussianNoise(0.1)])])
def test_every_loss_of_classification_passes(y, augment):
    net = MLPNet(**SMALL, label_smoothing=0.1, augment=augment)
    assert check_gradient(net, X, y).error < 1e-7


def test_sparse_rows_and_a_network_without_hidden_layers_pass():
    net = MLPNet(hidden_layer_sizes=())
    check = check_gradient(net, sp.csr_array(X * (X > 0)), Y)
    assert list(check.errors) == ["output W", "output b"]
    assert check.error < 1e-7


def test_lbfgs_networks_have_a_gradient_too():
    assert check_gradient(MLPNet(**SMALL, optimizer="lbfgs", batch_norm=True), X, Y).error < 1e-7


def test_the_arrays_are_those_of_the_network():
    check = check_gradient(MLPNet(**SMALL, batch_norm=True), X, Y, n_places=4)
    hidden = [f"layer {k} {name}" for k in (1, 2) for name in ("W", "gamma", "beta")]
    assert list(check.errors) == [*hidden, "output W", "output b"]
    # The output has three biases, all others have four entries or more.
    assert (check.n_compared, check.n_kinks) == (7 * 4 + 3, 0)
    assert isinstance(check, GradientCheck)


@pytest.mark.parametrize(("wrong", "layer"), [(0, 1), (1, 2), (2, 3)])
def test_a_wrong_slope_is_found_where_it_is(wrong, layer):
    activations = [Tanh(), Tanh(), Tanh()]
    activations[wrong] = WrongTanh(factor=1.001)
    net = MLPNet(hidden_layer_sizes=(5, 5, 5), activation=activations, **NOISY)
    message = rf"off by .* in layer \d (W|b)\. Look at .* of layer {layer}, WrongTanh\(factor=1.001"
    with pytest.raises(ValueError, match=message):
        check_gradient(net, X, Y)


def test_the_worst_array_is_named_with_its_error():
    # If every derivative beyond the activation is halved, |g - r| / (|g| + |r|) is one third.
    net = MLPNet(hidden_layer_sizes=4, activation=WrongTanh(factor=0.5), alpha=0)
    with pytest.raises(ValueError, match=r"rtol=1e-06, but is off by 0\.33 in layer 1"):
        check_gradient(net, X, Y)


def test_the_wrong_array_nearest_to_the_output_says_what_to_look_at():
    net = MLPNet(**SMALL, activation=[WrongTanh(factor=0.5), WrongTanh(factor=1.001)])
    message = r"off by 0\.33 in layer 1 .*\. Look at .* of layer 2, WrongTanh\(factor=1.001"
    with pytest.raises(ValueError, match=message):
        check_gradient(net, X, Y)


def test_a_wrong_loss_is_found():
    net = MLPNetRegressor(**SMALL, loss=WrongLoss())
    with pytest.raises(ValueError, match="Look at the derivative that the loss returns, WrongLoss"):
        check_gradient(net, X, COUNTS)


def test_a_gradient_that_is_not_a_number_is_wrong():
    activation = WrongTanh(factor=np.nan)
    with pytest.raises(ValueError, match="off by nan in layer 1"):
        check_gradient(MLPNet(hidden_layer_sizes=4, activation=activation), X, Y)


def test_few_rows_are_enough():
    seen = []

    def spy(X, y, rng):
        seen.append(len(X))
        return X, y

    check_gradient(MLPNet(**SMALL, augment=spy), X, Y)
    assert set(seen) == {32}


def test_rtol_says_what_passes():
    net = MLPNet(**SMALL, activation=WrongTanh(factor=1.001))
    error = check_gradient(net, X, Y, rtol=1e-2).error
    assert 1e-5 < error < 1e-3
    with pytest.raises(ValueError, match="rtol=1e-05"):
        check_gradient(net, X, Y, rtol=1e-5)


def test_kinks_near_by_are_left_out_and_counted():
    net = MLPNet(**SMALL, activation=["tanh", Sawtooth(period=2e-3)])
    check = check_gradient(net, X, Y)
    assert 0 < check.n_kinks < check.n_compared
    assert check.error < 1e-6


def test_a_wrong_slope_does_not_pass_for_a_kink():
    class Wrong(Sawtooth):
        def slope(self, Z, A):
            return 0.99 * super().slope(Z, A)

    net = MLPNet(**SMALL, activation=["tanh", Wrong(period=2e-3)])
    with pytest.raises(ValueError, match=r"Look at the slope .* of layer 2, .*Wrong"):
        check_gradient(net, X, Y)


def test_rows_of_zeros_are_no_kink():
    # Their pre-activations are the biases, which start at zero.
    net = MLPNet(**SMALL, activation="relu")
    assert check_gradient(net, np.zeros_like(X), Y).error < 1e-7


def test_a_function_of_steps_has_no_gradient():
    net = MLPNet(**SMALL, activation=["tanh", Staircase()])
    with pytest.raises(ValueError, match="must be smooth at most places, but in layer 1 W"):
        check_gradient(net, X, Y)


def test_randomness_of_its_own_is_found():
    own = np.random.default_rng(0)

    def shaky(X, y, rng):
        return X + own.normal(size=X.shape), y

    with pytest.raises(ValueError, match="the same again for the same random generator"):
        check_gradient(MLPNet(**SMALL, augment=shaky), X, Y)


def test_an_objective_that_is_not_finite_is_found():
    @dataclass
    class Infinite(Loss):
        def evaluate(self, F, y):
            return np.full(len(F), np.inf), np.zeros_like(F)

        def inverse_link(self, F):
            return F

    with pytest.raises(ValueError, match=r"must be finite, .*, got inf and inf"):
        check_gradient(MLPNet(**SMALL, loss=Infinite()), X, Y)


def test_faint_derivatives_pass_in_spite_of_rounding():
    # The first layer is almost disconnected: rounding of J hides what little it does.
    net = MLPNetRegressor(**SMALL, activation=["tanh", Faint()], alpha=0)
    check = check_gradient(net, X, COUNTS)
    assert check.errors["output W"] < 1e-7


class Faint(Activation):
    """A function that hardly depends on its argument."""

    def value(self, Z):
        return 1 + 1e-7 * Z

    def slope(self, Z, A):
        return np.full_like(Z, 1e-7)


def test_the_network_is_left_alone_and_its_state_does_not_matter():
    own = np.random.RandomState(1)
    net = MLPNet(**SMALL, augment=FeatureDropout(0.1), random_state=own, dtype="float32")
    params, state = net.get_params(), own.get_state()[1].copy()
    check = check_gradient(net, X, Y)
    assert net.get_params() == params
    assert not hasattr(net, "theta_")
    np.testing.assert_array_equal(own.get_state()[1], state)
    fitted = clone(net).set_params(max_iter=2, n_iter_no_change=5).fit(X, Y)
    assert check_gradient(fitted, X, Y) == check
    assert fitted.theta_.dtype == np.float32


def test_the_seed_decides_on_weights_and_places():
    X, y = load_digits(return_X_y=True)
    net = MLPNet(**SMALL)
    one, same, other = (check_gradient(net, X / 16, y, random_state=s) for s in (1, 1, 2))
    assert one == same
    assert one != other


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_places": 0}, ValueError, "n_places must be an integer of at least 1, got 0"),
        ({"rtol": 0.0}, ValueError, r"rtol must be a number in \(0, inf\), got 0.0"),
        ({"net": DecisionTreeClassifier()}, TypeError, "net must be an MLPNet or MLPNetRegressor"),
    ],
)
def test_bad_options_are_named(options, error, message):
    with pytest.raises(error, match=message):
        check_gradient(**{"net": MLPNet(**SMALL), "X": X, "y": Y, **options})
