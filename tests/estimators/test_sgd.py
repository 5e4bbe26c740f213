"""Mini-batches step for step against plain loops, and the order in which they visit the rows."""

import math
import sys
import threading

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import chi2
from sklearn.exceptions import ConvergenceWarning

from skmlp import SoftmaxRegression
from skmlp.estimators._base import random_generator
from skmlp.nn.linear import LinearObjective
from skmlp.optim import AdamW, Cosine, InverseScaling, Momentum, PiecewiseConstant

# The fits here are cut short on purpose.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ALPHA = 0.03
N_EPOCHS = 3


def sgd_model(**options):
    """Return a model that makes plain steps and never stops before the last epoch."""
    defaults = {
        "solver": "sgd",
        "optimizer": "sgd",
        "learning_rate": 0.1,
        "max_iter": N_EPOCHS,
        "n_iter_no_change": 1000,
        "random_state": 0,
    }
    return SoftmaxRegression(ALPHA, **(defaults | options))


def textbook_sgd(X, y, rate, momentum=0.0, row_weight=None, fit_intercept=True):
    """Return W and b after visiting the rows one by one, in order, in every epoch.

    With two classes, w and b are those of the second class, whose probability is 1 / (1 + e^-f).
    """
    n_samples, n_features = X.shape
    n_classes = max(y) + 1
    columns = range(1, 2) if n_classes == 2 else range(n_classes)
    W, b = ({k: np.zeros(size) for k in columns} for size in (n_features, 1))
    V, c = ({k: np.zeros(size) for k in columns} for size in (n_features, 1))
    for step in range(N_EPOCHS * n_samples):
        x, label = X[step % n_samples], y[step % n_samples]
        s = 1.0 if row_weight is None else row_weight[step % n_samples] / np.mean(row_weight)
        E = {k: math.exp(W[k] @ x + b[k].item()) if k in W else 1.0 for k in range(n_classes)}
        eta = rate(step / n_samples)
        for k in columns:
            residual = s * (E[k] / sum(E.values()) - (k == label))
            V[k] = momentum * V[k] + residual * x + 2 * ALPHA * W[k]
            c[k] = momentum * c[k] + residual
        for k in columns:
            W[k] = W[k] - eta * V[k]
            b[k] = b[k] - eta * c[k] * fit_intercept
    return np.array(list(W.values())), np.concatenate(list(b.values()))


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array, sp.csc_array])
@pytest.mark.parametrize("data", ["clouds", "two_clouds"])
@pytest.mark.parametrize(
    ("options", "loop"),
    [
        ({}, {}),
        ({"fit_intercept": False}, {"fit_intercept": False}),
        ({"optimizer": Momentum(0.8)}, {"momentum": 0.8}),
        ({"optimizer": "momentum"}, {"momentum": 0.9}),
        ({"learning_rate": InverseScaling(0.2)}, {"rate": lambda t: 0.2 / math.sqrt(1 + t)}),
    ],
    ids=["plain", "no intercept", "momentum 0.8", "momentum", "schedule"],
)
def test_single_rows_follow_the_textbook(options, loop, data, container, request):
    X, y = request.getfixturevalue(data)
    X = X * (X > -1)
    model = sgd_model(batch_size=1, shuffle=False, **options).fit(container(X), y)
    W, b = textbook_sgd(X, y, **({"rate": lambda t: 0.1} | loop))
    assert_allclose(model.coef_, W, rtol=0, atol=1e-10)
    assert_allclose(model.intercept_, b, rtol=0, atol=1e-10)


def test_single_rows_follow_the_textbook_with_weights(clouds):
    X, y = clouds
    weight = np.random.default_rng(1).exponential(size=len(y))
    model = sgd_model(batch_size=1, shuffle=False).fit(X, y, sample_weight=weight)
    W, b = textbook_sgd(X, y, lambda t: 0.1, row_weight=weight)
    assert_allclose(model.coef_, W, rtol=0, atol=1e-10)
    assert_allclose(model.intercept_, b, rtol=0, atol=1e-10)


def test_one_batch_of_all_rows_is_gradient_descent(clouds):
    X, y = clouds
    onehot = np.eye(3)[y]
    W, b = np.zeros((4, 3)), np.zeros(3)
    for _ in range(N_EPOCHS):
        E = np.exp(X @ W + b)
        R = (E / E.sum(axis=1, keepdims=True) - onehot) / len(y)
        W, b = W - 0.1 * (X.T @ R + 2 * ALPHA * W), b - 0.1 * R.sum(axis=0)
    model = sgd_model(batch_size=10_000).fit(X, y)
    assert_allclose(model.coef_, W.T, atol=1e-12)
    assert_allclose(model.intercept_, b, atol=1e-12)


def test_the_loss_curve_averages_the_objective_before_each_step(clouds):
    X, y = clouds
    model = sgd_model(batch_size=1, shuffle=False, learning_rate=1e-12).fit(X, y)
    # At such a rate the parameters stay at zero, where every class has probability 1/3.
    assert_allclose(model.loss_curve_, [math.log(3)] * N_EPOCHS, rtol=1e-9)
    assert model.loss_ == pytest.approx(math.log(3), rel=1e-9)
    assert model.n_iter_ == N_EPOCHS


def test_decay_of_the_optimizer_spares_the_intercept():
    X, y = np.zeros((10, 2)), np.repeat([0, 1, 2], [2, 3, 5])
    model = sgd_model(optimizer=AdamW(weight_decay=10.0), learning_rate=0.01, max_iter=200)
    P = model.fit(X, y).predict_proba(X[:1])
    assert_allclose(P, [[0.2, 0.3, 0.5]], atol=0.01)


# Which rows come when


@pytest.fixture
def visited(monkeypatch, readable_road):
    """The rows of every mini-batch, in the order in which the solver asks for them."""
    batches = []
    ask = LinearObjective.__call__

    def spy(objective, theta, rows, rng):
        batches.append(np.array(rows))
        return ask(objective, theta, rows, rng)

    monkeypatch.setattr(LinearObjective, "__call__", spy)
    return batches


def test_shuffled_epochs_visit_every_row_once(clouds, visited):
    X, y = clouds
    sgd_model(batch_size=40).fit(X, y)
    assert [len(batch) for batch in visited] == [40, 40, 40, 30] * N_EPOCHS
    epochs = np.concatenate(visited).reshape(N_EPOCHS, len(y))
    assert_array_equal(np.sort(epochs, axis=1), [np.arange(len(y))] * N_EPOCHS)
    assert len({tuple(epoch) for epoch in [*epochs, np.arange(len(y))]}) == N_EPOCHS + 1


def test_with_replacement_draws_rows_uniformly(clouds, visited):
    X, y = clouds
    n_epochs = 60
    sgd_model(batch_size=50, shuffle="with_replacement", max_iter=n_epochs).fit(X, y)
    epochs = np.concatenate(visited).reshape(n_epochs, len(y))
    counts = np.bincount(epochs.ravel(), minlength=len(y))
    statistic = ((counts - n_epochs) ** 2 / n_epochs).sum()
    low, high = chi2(len(y) - 1).ppf([1e-3, 1 - 1e-3])
    # Too even would be as wrong as too uneven: every row once an epoch gives 0.
    assert low < statistic < high
    distinct = np.mean([len(np.unique(epoch)) for epoch in epochs]) / len(y)
    assert distinct == pytest.approx(1 - 1 / math.e, abs=0.02)


@pytest.mark.parametrize("shuffle", [True, False, "with_replacement"])
@pytest.mark.parametrize("batch_size", [1, 7])
def test_a_row_of_weight_zero_is_a_row_left_out(clouds, shuffle, batch_size):
    X, y = clouds
    weight = np.random.default_rng(1).integers(3, size=len(y)).astype(float)
    model = sgd_model(batch_size=batch_size, shuffle=shuffle)
    kept = weight > 0
    removed = model.fit(X[kept], y[kept], sample_weight=weight[kept])
    expected = removed.coef_, removed.intercept_, removed.loss_curve_
    with_zeros = model.fit(X, y, sample_weight=weight)
    actual = with_zeros.coef_, with_zeros.intercept_, with_zeros.loss_curve_
    for a, b in zip(actual, expected, strict=True):
        assert_allclose(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("shuffle", [True, "with_replacement"])
def test_one_seed_one_model(clouds, shuffle):
    X, y = clouds
    first, again, other = (
        sgd_model(batch_size=8, shuffle=shuffle, random_state=seed).fit(X, y) for seed in (3, 3, 4)
    )
    assert_array_equal(first.coef_, again.coef_)
    assert_array_equal(first.intercept_, again.intercept_)
    assert (first.coef_ != other.coef_).any()


def test_a_random_state_object_goes_on_where_it_is(clouds):
    X, y = clouds
    first, again = np.random.RandomState(3), np.random.RandomState(3)
    models = [sgd_model(batch_size=8, random_state=r).fit(X, y) for r in (first, first, again)]
    assert (models[0].coef_ != models[1].coef_).any()
    assert_array_equal(models[0].coef_, models[2].coef_)


# When it ends


@pytest.mark.parametrize("patience", [2, 4])
def test_a_plateau_ends_the_training(clouds, patience):
    X, y = clouds
    model = sgd_model(tol=0.01, n_iter_no_change=patience, max_iter=1000).fit(X, y)
    assert model.converged_
    losses = np.array(model.loss_curve_)
    stalls = losses[1:] >= 0.99 * np.minimum.accumulate(losses)[:-1]
    windows = np.lib.stride_tricks.sliding_window_view(stalls, patience).all(axis=1)
    assert windows.tolist() == [False] * (len(windows) - 1) + [True]


def test_a_plateau_is_no_rest_while_the_rate_is_on_its_way(clouds):
    # No loss falls below zero: every epoch but the first is a plateau.
    options = {"tol": 10.0, "n_iter_no_change": 1, "max_iter": 8}
    assert sgd_model(**options).fit(*clouds).n_iter_ == 2
    model = sgd_model(**options, learning_rate=Cosine(0.1)).fit(*clouds)
    assert model.n_iter_ == 8
    assert not model.converged_
    table = PiecewiseConstant([0.1, 0.05], [4])
    assert sgd_model(**options, learning_rate=table).fit(*clouds).n_iter_ == 6


@pytest.mark.parametrize("optimizer", ["sgd", "momentum"])
@pytest.mark.parametrize("learning_rate", [1e10, 1e300])
def test_divergence_is_an_error(iris, learning_rate, optimizer):
    model = sgd_model(
        optimizer=optimizer, learning_rate=learning_rate, max_iter=200, n_iter_no_change=5
    )
    message = (
        r"^Training diverged in epoch \d+: .*"
        r"Use a smaller learning_rate, or scale the features\.$"
    )
    with pytest.raises(ValueError, match=message):
        model.fit(*iris)


def test_a_plateau_that_is_no_lower_than_the_start_is_no_convergence(clouds):
    X, y = clouds
    model = SoftmaxRegression(solver="sgd", random_state=0, max_iter=500)
    with pytest.warns(ConvergenceWarning, match="plateau no lower than its start.*scale the feat"):
        model.fit(X + 1000, y)
    assert model.n_iter_ < 500
    assert not model.converged_


def test_a_plateau_where_a_better_model_has_led_is_convergence(clouds):
    X, y = clouds
    model = SoftmaxRegression(solver="newton", tol=1e-12, warm_start=True, random_state=0).fit(X, y)
    optimum = model.loss_
    # No step lowers the objective of the optimum.
    model.set_params(solver="sgd", tol=1e-4, max_iter=500).fit(X, y)
    assert model.loss_ >= optimum * (1 - 1e-12)
    assert model.n_iter_ < 500
    assert model.converged_


def test_seeds_are_of_one_thread():
    """A thread that is interrupted between its seed and its numbers gets them all the same."""
    seeds = range(4)
    expected = [random_generator(seed).random() for seed in seeds]
    wrong, interval = [], sys.getswitchinterval()

    def draw(seed):
        numbers = {random_generator(seed).random() for _ in range(1000)}
        wrong.extend(numbers - {expected[seed]})

    threads = [threading.Thread(target=draw, args=(seed,)) for seed in seeds]
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not wrong
