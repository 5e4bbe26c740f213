"""What happens while a network is trained, what is told of it, and what users may bring along."""

import math
import re
import warnings
from dataclasses import dataclass

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.fixes import parse_version

from skmlp import MLPNet, MLPNetRegressor, cross_entropy
from skmlp.augment import GaussianNoise
from skmlp.nn.activations import ACTIVATIONS, Activation
from skmlp.nn.backprop import NetworkObjective
from skmlp.nn.initializers import INITIALIZERS, Initializer
from skmlp.nn.losses import Loss
from skmlp.nn.network import Network
from skmlp.nn.regression_losses import REGRESSION_LOSSES
from skmlp.optim import (
    ClipNorm,
    ClipValue,
    Cosine,
    Exponential,
    OneCycle,
    Optimizer,
    PiecewiseConstant,
    Schedule,
    StepDecay,
    Warmup,
)
from skmlp.optim.optimizers import OPTIMIZERS

truncated = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
both = pytest.mark.parametrize("kind", [MLPNet, MLPNetRegressor])
needs_callbacks = pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.9"),
    reason="scikit-learn has callbacks since 1.9",
)

SHORT = {
    "hidden_layer_sizes": (6, 5),
    "max_iter": 6,
    "n_iter_no_change": 1000,
    "batch_size": 20,
    "random_state": 0,
}


@pytest.fixture
def batches(monkeypatch, readable_road):
    """The number of rows of every batch that passes forward in training."""
    sizes = []
    forward = Network.forward

    def spy(network, params, X, *, train=False, rng=None):
        sizes.append(len(X))
        return forward(network, params, X, train=train, rng=rng)

    monkeypatch.setattr(Network, "forward", spy)
    return sizes


# The loss falls


@truncated
@both
@pytest.mark.parametrize("optimizer", [*OPTIMIZERS, "lbfgs", ClipNorm(1.0), ClipValue(0.1, "adam")])
def test_every_optimizer_lowers_the_objective(clouds, kind, optimizer):
    model = kind(8, optimizer=optimizer, random_state=0, max_iter=40, batch_size=20).fit(*clouds)
    assert model.loss_curve_[-1] < 0.9 * model.loss_curve_[0]
    assert model.best_loss_ == min(model.loss_curve_)
    assert model.loss_ == model.loss_curve_[-1]


@both
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("batch_norm", [False, True])
def test_every_activation_learns(clouds, kind, activation, batch_norm):
    options = {"random_state": 0, "max_iter": 20, "batch_size": 20, "learning_rate": 0.02}
    model = kind((8, 8), activation, batch_norm=batch_norm, **options).fit(*clouds)
    assert model.loss_curve_[-1] < 0.8 * model.loss_curve_[0]


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("loss", REGRESSION_LOSSES)
def test_every_loss_learns(clouds, loss, n_outputs):
    X, _ = clouds
    Y = np.exp(0.5 * X[:, :n_outputs])
    model = MLPNetRegressor(8, loss=loss, random_state=0, max_iter=60, batch_size=20)
    model.set_params(learning_rate=0.02).fit(X, Y)
    assert model.loss_curve_[-1] < 0.3 * model.loss_curve_[0]
    assert np.corrcoef(model.predict(X).ravel(), Y.ravel())[0, 1] > 0.9


def test_hidden_units_learn_what_a_linear_model_cannot():
    X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    y = np.array([0, 1, 1, 0])
    linear, net = (
        MLPNet(sizes, "tanh", optimizer="lbfgs", tol=1e-8, random_state=0).fit(X, y)
        for sizes in ((), (4,))
    )
    assert linear.score(X, y) < 1
    assert_allclose(linear.predict_proba(X), 0.5, atol=1e-6)
    assert net.score(X, y) == 1


# The start


@pytest.mark.parametrize("data", ["clouds", "two_clouds"])
def test_training_starts_from_the_frequencies_of_the_classes(data, request):
    X, y = request.getfixturevalue(data)
    model = MLPNet((), learning_rate=1e-9, max_iter=1, random_state=0).fit(X, y)
    share = np.bincount(y) / len(y)
    P = model.predict_proba(np.zeros((1, X.shape[1])))
    assert_allclose(P, [share], rtol=1e-4)


@truncated
def test_training_starts_from_the_mean_of_the_targets(clouds):
    X, _ = clouds
    Y = np.column_stack([100 + X[:, 0], 1e-3 * X[:, 1]])
    model = MLPNetRegressor((), learning_rate=1e-9, max_iter=1, random_state=0).fit(X, Y)
    assert_allclose(model.predict(np.zeros((1, 4))), [Y.mean(axis=0)], rtol=1e-4)


@pytest.mark.parametrize("initializer", INITIALIZERS)
def test_initial_weights_have_the_spread_of_their_initializer(clouds, initializer):
    X, y = clouds
    model = MLPNet(2000, initializer=initializer, learning_rate=1e-9, max_iter=1, random_state=0)
    W, V = model.fit(X, y).coefs_
    variance = {"glorot": 2 / (4 + 2000), "he": 2 / 4, "lecun": 1 / 4}[initializer]
    assert W.var() == pytest.approx(variance, rel=0.1)
    assert V.var() == pytest.approx(2 / (2000 + 3), rel=0.1)
    # Biases are uniform within one over the root of fan_in, those of the output start at the best.
    b, c = model.intercepts_
    assert np.abs(b).max() <= 0.5
    assert b.var() == pytest.approx(0.5**2 / 3, rel=0.1)
    assert_allclose(c, np.log(np.bincount(y) / len(y)), atol=1e-6)


# Batches


@both
@pytest.mark.parametrize(
    ("batch_size", "expected"),
    [(20, [20] * 7 + [10]), (149, [149, 1]), (150, [150]), (10_000, [150]), (1, [1] * 150)],
)
def test_batches_of_an_epoch(clouds, kind, batches, batch_size, expected):
    kind(**{**SHORT, "batch_size": batch_size, "max_iter": 2}).fit(*clouds)
    assert batches == 2 * expected


@both
@pytest.mark.parametrize("shuffle", [True, False, "with_replacement"])
def test_the_order_of_rows(clouds, kind, shuffle):
    X, y = clouds
    X = np.column_stack([np.arange(len(y)) / 100, X])
    seen = []

    def watch(X, y, rng):
        seen.append(np.round(100 * X[:, 0]).astype(int))
        return X, y

    kind(**{**SHORT, "max_iter": 3}, shuffle=shuffle, augment=watch).fit(X, y)
    epochs = np.concatenate(seen).reshape(3, len(y))
    if shuffle == "with_replacement":
        assert all(len(np.unique(epoch)) < len(y) for epoch in epochs)
    else:
        assert_array_equal(np.sort(epochs, axis=1), [np.arange(len(y))] * 3)
        in_order = (epochs == np.arange(len(y))).all(axis=1)
        assert in_order.tolist() == [not shuffle] * 3


@both
def test_one_step_of_gradient_descent_by_hand(clouds, kind):
    X, y = clouds
    options = {"optimizer": "sgd", "alpha": 0.1, "dtype": "float64", "random_state": 0}
    options |= {"hidden_layer_sizes": (), "batch_size": 150, "shuffle": False}
    start, step = (kind(learning_rate=rate, max_iter=1, **options) for rate in (1e-300, 0.01))
    start.fit(X, y)
    W, b = start.coefs_[0], start.intercepts_[0]
    if kind is MLPNet:
        residual, unit, scale = start.predict_proba(X) - np.eye(3)[y], 1.0, 1.0
    else:
        # Steps are made on parameters in units of the spread, down an objective in units of what
        # the mean costs: here both are those of the variance.
        residual, unit, scale = 2 * (start.predict(X) - y)[:, None], y.var(), y.std()
    dW, db = X.T @ residual / 150 + 2 * 0.1 * W, residual.mean(axis=0)
    step.fit(X, y)
    assert_allclose(step.coefs_[0], W - 0.01 * dW * scale**2 / unit, atol=1e-10)
    assert_allclose(step.intercepts_[0], b - 0.01 * db * scale**2 / unit, atol=1e-10)


@pytest.mark.parametrize("n_rows", [41, 3])
@both
def test_batch_norm_survives_a_last_batch_of_one_row(clouds, kind, n_rows, batches):
    X, y = (a[:n_rows] for a in clouds)
    size = 20 if n_rows == 41 else 2
    y = np.arange(n_rows) % 3
    options = {**SHORT, "batch_size": size, "max_iter": 20, "learning_rate": 0.01}
    model = kind(**options, batch_norm=True).fit(X, y)
    assert 1 in batches
    assert np.isfinite(model.theta_).all()
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    assert np.isfinite(model.predict(X[:1])).all()


def test_batch_norm_normalizes_by_the_training_data(clouds):
    X, y = clouds
    # A row that comes three times counts three times.
    often = np.repeat(np.arange(len(y)), 1 + np.arange(len(y)) % 3)
    X, y = X[often], y[often]
    options = {"batch_norm": True, "optimizer": "lbfgs", "random_state": 0, "max_iter": 3}
    with pytest.warns(ConvergenceWarning):
        model = MLPNet(5, "identity", **options).fit(X, y)
    (learned,) = (p for p in model.network_.layout.views(model.theta_) if "gamma" in p)
    A = model.hidden_features(X)
    assert_allclose(A.mean(axis=0), learned["beta"], atol=1e-6)
    assert_allclose(A.std(axis=0, ddof=1), np.abs(learned["gamma"]), rtol=1e-3)


# What is told of it


@both
def test_history(clouds, kind):
    model = kind(**SHORT, optimizer="sgd", learning_rate=StepDecay(0.1, factor=0.5, every=2))
    model.fit(*clouds)
    history = model.history_
    assert set(history) == {"loss", "rate", "gradient_norm", "seconds"}
    assert {len(values) for values in history.values()} == {6}
    assert history["loss"] == model.loss_curve_
    assert_allclose(history["rate"], [0.1, 0.1, 0.05, 0.05, 0.025, 0.025])
    assert min(history["gradient_norm"]) > 0
    assert min(history["seconds"]) > 0
    assert model.n_iter_ == 6
    assert not model.converged_


@both
def test_history_with_validation_rows(clouds, kind):
    X, y = clouds
    monitor = "accuracy" if kind is MLPNet else "r2"
    model = kind(**SHORT, monitor=monitor).fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
    assert list(model.history_)[:3] == ["loss", "validation_loss", "validation_score"]
    assert {len(values) for values in model.history_.values()} == {6}


@truncated
@both
def test_history_of_lbfgs(clouds, kind):
    model = kind(**SHORT, optimizer="lbfgs").fit(*clouds)
    assert set(model.history_) == {"loss", "gradient_norm", "seconds"}
    assert (np.diff(model.loss_curve_) < 0).all()
    assert model.n_iter_ == len(model.loss_curve_) == 6


@truncated
def test_history_of_changing_optimizers_has_gaps(clouds):
    model = MLPNet(**SHORT, warm_start=True).fit(*clouds)
    model.set_params(optimizer="lbfgs").fit(*clouds)
    assert {len(values) for values in model.history_.values()} == {12}
    assert np.isnan(model.history_["rate"]).tolist() == [False] * 6 + [True] * 6


def test_the_loss_is_the_mean_of_what_each_batch_found(clouds):
    X, y = clouds
    model = MLPNet(**SHORT, learning_rate=1e-12, alpha=0.3, dtype="float64").fit(X, y)
    penalty = 0.3 * sum((W**2).sum() for W in model.coefs_)
    # At such a rate the parameters stay where they are.
    J = cross_entropy(model.decision_function(X), y) + penalty
    assert_allclose(model.loss_curve_, J, rtol=1e-8)


@both
def test_verbose_is_a_line_an_epoch(clouds, kind, capsys):
    model = kind(**SHORT, verbose=True).fit(*clouds)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6
    for i, line in enumerate(lines):
        known = [(name, model.history_[name][i]) for name in ("loss", "rate", "gradient_norm")]
        said = ", ".join(f"{name.replace('_', ' ')} {value:.6g}" for name, value in known)
        assert line.startswith(f"epoch {i + 1}: {said}, seconds ")
    kind(**SHORT).fit(*clouds)
    assert capsys.readouterr().out == ""


# When it ends


@both
def test_a_plateau_ends_the_training(clouds, kind):
    X, y = clouds
    options = {"learning_rate": 0.005, "n_iter_no_change": 3, "tol": 0.01, "max_iter": 500}
    model = kind(**{**SHORT, **options}).fit(X, y)
    assert model.converged_
    assert model.n_iter_ < 500
    # In nats, or as a share of what the best constant costs.
    unit = 1.0 if kind is MLPNet else y.var()
    losses = np.array(model.loss_curve_) / unit
    best, last, stops = np.inf, 0, []
    for i, loss in enumerate(losses):
        if i == 0 or loss < best - 0.01:
            last = i
        best = min(best, loss)
        stops.append(i - last >= 3)
    assert stops == [False] * (len(stops) - 1) + [True]


@both
@pytest.mark.parametrize("learning_rate", ["auto", Cosine(0.01), Warmup(OneCycle(0.01))])
def test_a_plateau_is_no_rest_while_the_rate_is_on_its_way(clouds, kind, learning_rate):
    # No loss falls by 10 units: every epoch but the first is a plateau.
    options = {**SHORT, "n_iter_no_change": 1, "tol": 10.0}
    model = kind(**options, learning_rate=learning_rate).fit(*clouds)
    assert model.n_iter_ == options["max_iter"]
    assert not model.converged_
    assert kind(**options, learning_rate=0.01).fit(*clouds).n_iter_ == 2


@both
def test_a_plateau_counts_once_the_rate_has_arrived(clouds, kind):
    table = PiecewiseConstant([0.01, 0.005], [4])
    options = {**SHORT, "n_iter_no_change": 1, "tol": 10.0, "max_iter": 20}
    model = kind(**options, learning_rate=table).fit(*clouds)
    # The first epoch with the last rate is what the second is compared with.
    assert model.n_iter_ == 6
    assert model.converged_


def test_lbfgs_without_penalty_survives_a_loss_that_goes_to_zero():
    X, y = load_breast_cancer(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    # Separable classes have no optimum: the weights grow until the gradient vanishes.
    model = MLPNet((), optimizer="lbfgs", alpha=0, tol=0, max_iter=3000, random_state=0)
    model.fit(X, y)
    assert model.loss_ < 1e-100
    assert model.score(X, y) == 1.0


@both
@truncated
def test_lbfgs_rarely_evaluates_the_objective_twice_in_a_step(clouds, kind, monkeypatch):
    evaluate, n_calls = NetworkObjective.value_and_gradient, [0]

    def counted(*args):
        n_calls[0] += 1
        return evaluate(*args)

    monkeypatch.setattr(NetworkObjective, "value_and_gradient", counted)
    model = kind((6, 5), optimizer="lbfgs", tol=0, max_iter=60, random_state=0).fit(*clouds)
    # A search that closes in on the zero of the slope takes two evaluations.
    assert n_calls[0] < 1.5 * model.n_iter_


@both
def test_lbfgs_warns_if_it_has_not_come_to_rest(clouds, kind):
    model = kind(**SHORT, optimizer="lbfgs")
    message = rf"^{kind.__name__} stopped at max_iter=6, before its objective, .* came to rest\."
    with pytest.warns(ConvergenceWarning, match=message) as caught:
        model.fit(*clouds)
    assert caught[0].filename == __file__
    assert not model.converged_
    assert kind((), optimizer="lbfgs", alpha=0.1).fit(*clouds).converged_


@both
@pytest.mark.parametrize("optimizer", ["sgd", "momentum"])
def test_divergence_is_an_error(clouds, kind, optimizer):
    model = kind(**{**SHORT, "max_iter": 100}, optimizer=optimizer, learning_rate=1e30)
    message = (
        r"^Training diverged in epoch \d+: the objective became \S+\. "
        r"Use a smaller learning_rate, or scale the features\.$"
    )
    with pytest.raises(ValueError, match=message):
        model.fit(*clouds)
    assert not hasattr(model, "theta_")


@both
def test_a_loss_that_grows_and_grows_is_an_error_before_it_overflows(clouds, kind):
    X, y = clouds
    grow = Rising(0.01, factor=3.0)
    model = kind(**{**SHORT, "max_iter": 100}, optimizer="sgd", learning_rate=grow)
    with pytest.raises(ValueError, match=r"diverged in epoch \d+") as raised:
        model.fit(X, y)
    constant = -np.log(np.bincount(y) / len(y))[y].mean() if kind is MLPNet else y.var()
    assert exploded(raised) > 100 * constant


def test_growing_from_almost_nothing_is_no_explosion(clouds):
    X, _ = clouds
    y = X[:, 0]
    options = {"alpha": 0, "dtype": "float64", "warm_start": True, "random_state": 0}
    model = MLPNetRegressor((), optimizer="lbfgs", tol=1e-15, **options).fit(X, y)
    n_before = model.n_iter_
    # With a rate of 2.1 / largest curvature, a step makes the error in that direction 1.1 times
    # as large.
    X1 = np.column_stack([X, np.ones(150)])
    rate = 2.1 / np.linalg.eigvalsh(2 * X1.T @ X1 / 150)[-1]
    model.set_params(optimizer="sgd", learning_rate=rate, batch_size=150, n_iter_no_change=1000)
    curve = model.set_params(max_iter=100).fit(X, y).loss_curve_[n_before:]
    assert 100 * curve[0] < curve[-1] < y.var()
    with pytest.raises(ValueError, match=r"diverged in epoch \d+") as raised:
        model.set_params(max_iter=1000).fit(X, y)
    assert exploded(raised) > 100 * y.var()


def test_a_negative_loss_is_neither_exploded_nor_useless(clouds):
    X, _ = clouds
    model = MLPNetRegressor(**SHORT, loss=Deficit()).fit(X, X[:, 0])
    assert max(model.loss_curve_) < -90


def exploded(raised):
    """Return the objective of which the error of an explosion speaks."""
    return float(re.search(r"the objective became ([\d.e+]+),", str(raised.value)).group(1))


# A rate that throws the network away in its first epoch, so that nothing looks like an explosion.
LOST = {"optimizer": "sgd", "learning_rate": 30.0, "max_iter": 1}


def test_a_network_that_is_worse_than_a_constant_is_warned_of(clouds):
    X, y = clouds
    constant = -np.log(np.bincount(y) / len(y))[y].mean()
    message = (
        r"^MLPNet ended with a mean loss of \S+, worse than the best constant prediction "
        rf"\({constant:.3g}\)\. Scale the features if they are not, or use a smaller "
        r"learning_rate or more epochs\.$"
    )
    with pytest.warns(ConvergenceWarning, match=message) as caught:
        model = MLPNet(**{**SHORT, **LOST}).fit(X, y)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    said = float(str(caught[0].message).split()[7].rstrip(","))
    assert said == pytest.approx(cross_entropy(model.decision_function(X), y), rel=0.01)


def test_a_regression_that_is_worse_than_a_constant_is_warned_of(clouds):
    X, y = clouds
    y = 100.0 * y
    lost = {"learning_rate": 5.0, "hidden_layer_sizes": (), "max_iter": 1}
    with pytest.warns(ConvergenceWarning, match="MLPNetRegressor ended with a mean loss") as caught:
        model = MLPNetRegressor(**{**SHORT, **lost}).fit(X, y)
    said, constant = re.findall(r"\d[\d.e+]*\d", str(caught[0].message))
    assert float(said) == pytest.approx(np.mean((model.predict(X) - y) ** 2), rel=0.01)
    assert float(constant) == pytest.approx(y.var(), rel=0.01)


@pytest.mark.parametrize(("max_iter", "is_warned_of"), [(15, False), (60, True)])
def test_a_network_that_has_learned_nothing_after_many_epochs_is_warned_of(max_iter, is_warned_of):
    X, y = load_digits(return_X_y=True)
    model = MLPNet(16, random_state=0, max_iter=max_iter)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X[:300] + 1000, y[:300])
    assert model.score(X[:300] + 1000, y[:300]) < 0.2
    assert any("Scale the features" in str(w.message) for w in caught) == is_warned_of


def test_early_stopping_is_warned_of_only_if_it_returns_to_a_useless_network(clouds):
    X, y = clouds
    options = {**SHORT, "max_iter": 50, "n_iter_no_change": 3, "early_stopping": True}
    model = MLPNet(**options, optimizer="sgd", learning_rate=30.0)
    with pytest.warns(ConvergenceWarning, match="worse than the best constant"):
        model.fit(X, y)
    assert model.n_iter_ < 50
    # The first epochs are good, the last ones are not.
    model.set_params(learning_rate=PiecewiseConstant([0.1, 30.0], [3])).fit(X, y)
    assert model.loss_curve_[-1] > 2 * model.loss_curve_[0]
    assert cross_entropy(model.decision_function(X), y) < model.loss_curve_[0]


@both
@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_a_heavy_penalty_alone_makes_no_network_useless(clouds, kind, optimizer):
    model = kind(8, alpha=1e3, optimizer=optimizer, random_state=0)
    if optimizer == "adam":  # The weights are still on their way to zero.
        model.set_params(max_iter=3)
    assert model.fit(*clouds).loss_ > 10 or optimizer == "lbfgs"


def test_only_fit_warns_of_a_useless_network(clouds):
    model = MLPNet(**{**SHORT, **LOST})
    with pytest.warns(ConvergenceWarning, match="worse than the best constant"):
        model.fit(*clouds)
    model.partial_fit(*clouds)
    MLPNet(**{**SHORT, **LOST}).partial_fit(*clouds, classes=[0, 1, 2])


@both
def test_lbfgs_that_starts_at_its_optimum_has_a_loss(kind):
    # Of rows that are all zero only the best constant can be learned, which it starts with: here
    # scores of 0 or a mean of 1/2, without rounding.
    X, y = np.zeros((40, 3)), np.arange(40) % 2
    model = kind((), alpha=0, optimizer="lbfgs", random_state=0).fit(X, y)
    constant = np.log(2) if kind is MLPNet else 0.25
    assert model.n_iter_ == 0
    assert model.loss_curve_ == []
    assert model.loss_ == pytest.approx(constant, rel=1e-12)
    assert model.best_loss_ == model.loss_
    assert model.converged_


@needs_callbacks
@both
@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
@truncated
class TestCallbacks:
    """scikit-learn's callbacks; the protocol itself is tested with softmax regression."""

    def test_every_epoch_begins_and_ends_once(self, clouds, kind, optimizer):
        log = Log()
        model = kind(**SHORT, optimizer=optimizer)
        plain = clone(model).fit(*clouds)
        model.set_callbacks(log).fit(*clouds)
        inside = [(name, "iteration", i) for i in range(6) for name in ("begin", "end")]
        assert log.events == [("begin", "fit", 0), *inside, ("end", "fit", 0)]
        assert_array_equal(model.theta_, plain.theta_)
        assert model.loss_curve_ == plain.loss_curve_

    def test_every_epoch_shows_the_network_that_would_have_stopped_there(
        self, clouds, kind, optimizer
    ):
        X, y = clouds
        log = Log()
        kind(**SHORT, optimizer=optimizer).set_callbacks(log).fit(X, y)
        assert len(log.models) == 7
        for n_epochs in (1, 4):
            shorter = kind(**{**SHORT, "max_iter": n_epochs}, optimizer=optimizer).fit(X, y)
            assert_allclose(log.models[n_epochs - 1].predict(X), shorter.predict(X), rtol=1e-6)
        assert log.given[0][0] is X
        assert log.given[0][1] is y

    def test_a_callback_stops_the_training(self, clouds, kind, optimizer):
        model = kind(**SHORT, optimizer=optimizer).set_callbacks(Log(stop_at=2)).fit(*clouds)
        assert model.n_iter_ == 3
        assert not model.converged_


@needs_callbacks
@both
def test_a_partial_fit_is_one_iteration(clouds, kind):
    log = Log()
    model = kind(**SHORT).set_callbacks(log)
    first = {"classes": [0, 1, 2]} if kind is MLPNet else {}
    model.partial_fit(*clouds, **first).partial_fit(*clouds)
    inside = [("begin", "iteration", 0), ("end", "iteration", 0)]
    assert log.events == 2 * [("begin", "fit", 0), *inside, ("end", "fit", 0)]


class Log:
    """A callback that keeps what it is told."""

    max_propagation_depth = None

    def __init__(self, stop_at=None):
        self.stop_at = stop_at
        self.events = []
        self.models = []
        self.given = []

    def setup(self, estimator, context):
        pass

    teardown = setup

    def on_fit_task_begin(self, estimator, context):
        self.events.append(("begin", context.task_name, context.task_id))

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None):
        self.events.append(("end", context.task_name, context.task_id))
        self.given.append((X, y))
        self.models.append(fitted_estimator)
        return context.task_name == "iteration" and context.task_id == self.stop_at


# What was learned


@both
@pytest.mark.parametrize("batch_norm", [False, True])
def test_hidden_features_lead_to_the_scores(clouds, kind, batch_norm):
    X, y = clouds
    options = {"activation": "relu", "batch_norm": batch_norm, "dropout": 0.3, "dtype": "float64"}
    model = kind(**SHORT, **options).fit(X, y)
    first, last = (model.hidden_features(X, layer) for layer in (0, 1))
    assert first.shape == (150, 6)
    assert last.shape == (150, 5)
    assert_array_equal(model.hidden_features(X), last)
    assert_array_equal(model.hidden_features(X, -2), first)
    scores = last @ model.coefs_[-1] + model.intercepts_[-1]
    expected = model.decision_function(X) if kind is MLPNet else model.predict(X)[:, None]
    assert_allclose(scores, expected, rtol=1e-9, atol=1e-12)
    assert_allclose(first, np.maximum(X @ model.coefs_[0] + model.intercepts_[0], 0), atol=1e-9)
    assert_allclose(last, np.maximum(first @ model.coefs_[1] + model.intercepts_[1], 0), atol=1e-9)


@both
def test_shapes_of_weights(clouds, kind):
    model = kind(**SHORT).fit(*clouds)
    n_outputs = 3 if kind is MLPNet else 1
    assert [W.shape for W in model.coefs_] == [(4, 6), (6, 5), (5, n_outputs)]
    assert [b.shape for b in model.intercepts_] == [(6,), (5,), (n_outputs,)]
    assert model.n_layers_ == 4
    assert model.n_outputs_ == n_outputs
    assert model.n_features_in_ == 4
    assert kind(**{**SHORT, "hidden_layer_sizes": 6}).fit(*clouds).n_layers_ == 3
    assert kind(**{**SHORT, "hidden_layer_sizes": np.array([6, 5])}).fit(*clouds).n_layers_ == 4


@both
def test_one_activation_and_one_rate_for_each_layer(clouds, kind):
    X, y = clouds
    model = kind(**SHORT, activation=["tanh", "identity"], dtype="float64").fit(X, y)
    first, last = (model.hidden_features(X, layer) for layer in (0, 1))
    assert_allclose(first, np.tanh(X @ model.coefs_[0] + model.intercepts_[0]))
    assert_allclose(last, first @ model.coefs_[1] + model.intercepts_[1])
    same = kind(**SHORT, dropout=0.3, activation="relu").fit(X, y)
    listed = kind(**SHORT, dropout=[0.3, 0.3], activation=("relu", "relu")).fit(X, y)
    assert_array_equal(same.theta_, listed.theta_)
    other = kind(**SHORT, dropout=[0.3, 0.0], activation="relu").fit(X, y)
    assert (other.theta_ != same.theta_).any()


@both
def test_dropout_and_augmentation_sleep_in_prediction(clouds, kind):
    X, y = clouds
    model = kind(**SHORT, dropout=0.5, input_dropout=0.5, augment=GaussianNoise(1.0)).fit(X, y)
    assert_array_equal(model.predict(X), model.predict(X))
    assert_array_equal(model.hidden_features(X), model.hidden_features(X))
    plain = kind(**SHORT).fit(X, y)
    assert np.abs(plain.hidden_features(X) - model.hidden_features(X)).max() > 1e-3


@both
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_alpha_may_be_a_number_of_numpy(clouds, kind, dtype):
    options = {**SHORT, "dtype": dtype}
    plain = kind(**options, alpha=0.1).fit(*clouds)
    assert_array_equal(kind(**options, alpha=np.float64(0.1)).fit(*clouds).theta_, plain.theta_)


def test_alpha_shrinks_the_weights_and_spares_the_biases(clouds):
    X, y = clouds
    options = {"hidden_layer_sizes": 6, "optimizer": "lbfgs", "random_state": 0}
    norms = [
        sum((W**2).sum() for W in MLPNet(**options, alpha=alpha).fit(X, y).coefs_)
        for alpha in (1e-3, 1e-1, 1e2)
    ]
    assert norms[0] > norms[1] > 1e4 * norms[2]
    model = MLPNet(**options, alpha=1e2).fit(X, y)
    assert_allclose(model.predict_proba(X), [np.bincount(y) / len(y)] * len(y), atol=1e-3)


# What users bring


@dataclass
class Rising(Schedule):
    """A learning rate that grows without end."""

    rate: float
    factor: float = 2.0

    def __call__(self, t):
        return self.rate * self.factor**t


class Softsign(Activation):
    """x / (1 + |x|)."""

    def value(self, Z):
        return Z / (1 + np.abs(Z))

    def slope(self, Z, A):
        return (1 - np.abs(A)) ** 2


@dataclass
class FourthPower(Loss):
    """The fourth power of the error."""

    def evaluate(self, F, y):
        R = F - y.reshape(F.shape)
        return (R**4).sum(axis=1), 4 * R**3

    def inverse_link(self, F):
        return F


@dataclass
class Deficit(Loss):
    """The squared error beyond what would be allowed: negative where errors are small."""

    def evaluate(self, F, y):
        R = F - y.reshape(F.shape)
        return (R**2).sum(axis=1) - 100, 2 * R

    def inverse_link(self, F):
        return F


@dataclass
class Hinge(Loss):
    """A loss of one score for two classes, whose targets are 0 and 1; no probabilities."""

    def evaluate(self, F, y):
        sign = 2 * y.reshape(F.shape) - 1
        gap = np.maximum(1 - sign * F, 0)
        return (gap**2).sum(axis=1), -2 * sign * gap

    def inverse_link(self, F):
        return np.clip((F + 1) / 2, 0, 1)


@dataclass
class SignDescent(Optimizer):
    """Steps of equal length in every coordinate."""

    def direction(self, grad, theta, state):
        return np.sign(grad)


class Constants(Initializer):
    """All weights alike."""

    def draw(self, rng, fan_in, fan_out, dtype):
        return np.full((fan_in, fan_out), 0.25, dtype)


@both
def test_an_activation_of_ones_own(clouds, kind):
    X, y = clouds
    model = kind(**SHORT, activation=[Softsign(), "relu"], dtype="float64").fit(X, y)
    Z = X @ model.coefs_[0] + model.intercepts_[0]
    assert_allclose(model.hidden_features(X, 0), Z / (1 + np.abs(Z)))
    assert model.loss_curve_[-1] < model.loss_curve_[0]


def test_a_regression_loss_of_ones_own(clouds):
    X, _ = clouds
    y = X[:, 0] + X[:, 1] ** 2
    options = {"optimizer": "lbfgs", "alpha": 0, "random_state": 0, "max_iter": 1000}
    model = MLPNetRegressor(6, "tanh", loss=FourthPower(), **options).fit(X, y)
    assert model.loss_ == pytest.approx(np.mean((model.predict(X) - y) ** 4), rel=1e-9)
    assert model.score(X, y) > 0.95
    assert model.out_activation_ == "custom"


@pytest.mark.parametrize("labels", [[0, 1], ["no", "yes"]])
def test_a_classification_loss_of_ones_own(two_clouds, labels):
    X, y = two_clouds
    labels = np.array(labels)
    model = MLPNet(8, loss=Hinge(), random_state=0, max_iter=50, learning_rate=0.02)
    model.fit(X, labels[y])
    assert model.score(X, labels[y]) > 0.8
    P = model.predict_proba(X)
    assert_allclose(P[:, 1], np.clip((model.decision_function(X) + 1) / 2, 0, 1), rtol=1e-6)
    assert_allclose(P.sum(axis=1), 1)


@both
def test_an_optimizer_of_ones_own(clouds, kind):
    X, y = clouds
    options = {**SHORT, "dtype": "float64", "max_iter": 1, "batch_size": 150}
    start = kind(**options, optimizer="sgd", learning_rate=1e-300).fit(X, y).theta_
    model = kind(**options, optimizer=SignDescent(), learning_rate=0.01).fit(X, y)
    # A unit that no row awakens has no gradient.
    steps = np.abs(model.theta_ - start)
    assert np.all(np.isclose(steps, 0.01) | (steps == 0))
    assert np.mean(steps > 0) > 0.5
    longer = kind(**{**options, "max_iter": 50}, optimizer=SignDescent(), learning_rate=0.01)
    assert longer.fit(X, y).loss_ < 0.8 * model.loss_


@both
def test_a_schedule_of_ones_own(clouds, kind):
    model = kind(**SHORT, learning_rate=Rising(1e-4)).fit(*clouds)
    # The rate of the last of eight steps in each epoch.
    assert_allclose(model.history_["rate"], 1e-4 * 2.0 ** (np.arange(6) + 7 / 8))


@both
def test_an_initializer_of_ones_own(clouds, kind):
    model = kind(**SHORT, initializer=Constants(), learning_rate=1e-9).fit(*clouds)
    assert_allclose(model.coefs_[0], 0.25, atol=1e-6)
    assert_allclose(model.coefs_[1], 0.25, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "data", "n_columns"),
    [(MLPNet, "clouds", 3), (MLPNet, "two_clouds", 1), (MLPNetRegressor, "clouds", 1)],
)
def test_an_augmentation_of_ones_own(kind, data, n_columns, request, readable_road):
    X, y = request.getfixturevalue(data)
    seen = []

    def watch(X, y, rng):
        seen.append((X.dtype, y.dtype, X.shape, y.shape, y.copy(), rng))
        return X.copy(), y.copy()

    model = kind(**SHORT, augment=watch).fit(X, y)
    assert_array_equal(model.theta_, kind(**SHORT).fit(X, y).theta_)
    n_batches = math.ceil(len(y) / 20)
    assert len(seen) == 6 * n_batches
    assert all(x[:2] == (np.float32, np.float32) for x in seen)
    assert all(x[3] == (x[2][0], n_columns) for x in seen)
    targets = np.concatenate([x[4] for x in seen[:n_batches]])
    expected = np.eye(3)[y] if n_columns == 3 else y[:, None]
    assert_allclose(np.sort(targets, axis=0), np.sort(expected, axis=0))
    model.predict(X)
    assert len(seen) == 6 * n_batches


def test_an_augmentation_may_mix_classes(clouds):
    X, y = clouds

    def forget(X, y, rng):
        return X, np.full_like(y, 1 / 3)

    model = MLPNet((), augment=forget, alpha=0.0, max_iter=300, learning_rate=0.05, random_state=0)
    with pytest.warns(ConvergenceWarning, match="worse than the best constant"):
        model.fit(X, y)
    assert_allclose(model.predict_proba(X), 1 / 3, atol=0.02)


@both
@pytest.mark.parametrize(
    "schedule",
    [0.01, Exponential(0.01), Cosine(0.01), OneCycle(0.02), Warmup(Cosine(0.01), duration=2)],
)
def test_schedules_span_the_training(clouds, kind, schedule):
    model = kind(**SHORT, learning_rate=schedule).fit(*clouds)
    rates = model.history_["rate"]
    if schedule == 0.01:
        assert_allclose(rates, 0.01)
    else:
        whole = schedule.over(6)
        assert_allclose(rates, [whole(i + 7 / 8) for i in range(6)])
        assert rates[-1] < max(rates)
