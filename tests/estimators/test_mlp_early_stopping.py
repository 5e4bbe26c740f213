"""Validation rows of networks: what is watched, when a fit stops, and what it returns to."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    get_scorer,
    make_scorer,
    matthews_corrcoef,
    r2_score,
)

from skmlp import MLPNet, MLPNetRegressor, cross_entropy
from skmlp.estimators._base import random_generator
from skmlp.estimators._rows import random_split
from skmlp.estimators._targets import stratified_split
from skmlp.nn.losses import LogisticCrossEntropy
from skmlp.optim import Constant, ReduceOnPlateau

# A network that soon overfits these data if it is let, in double precision to compare losses.
OVERFIT = {
    "hidden_layer_sizes": (10,),
    "activation": "relu",
    "alpha": 0,
    "tol": 0,
    "learning_rate": 0.05,
    "batch_size": 10,
    "n_iter_no_change": 3,
    "dtype": "float64",
    "random_state": 0,
}


@pytest.fixture(scope="module")
def few_rows():
    """Train and validation rows in which one of 20 features tells something about 3 classes."""
    rng = np.random.default_rng(0)
    y = np.arange(120) % 3
    X = rng.normal(size=(120, 20))
    X[:, 0] += y
    return X[:60], y[:60], X[60:], y[60:]


def stopping_net(kind=MLPNet, **options):
    return kind(**{**OVERFIT, "early_stopping": True, **options})


def loss_on(model, X, y, weight=None):
    if isinstance(model, MLPNet):
        return cross_entropy(model.decision_function(X), y, weight)
    return np.average((model.predict(X) - y) ** 2, weights=weight)


@pytest.mark.parametrize("optimizer", ["adam", "momentum", "lbfgs"])
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("kind", [MLPNet, MLPNetRegressor])
def test_it_stops_and_returns_to_the_best_network(few_rows, kind, batch_norm, optimizer):
    X, y, X_val, y_val = few_rows
    model = stopping_net(kind, batch_norm=batch_norm, optimizer=optimizer)
    model.fit(X, y, X_val=X_val, y_val=y_val)
    curve = model.validation_loss_curve_
    assert len(curve) == len(model.loss_curve_) == model.n_iter_ < model.max_iter
    best = np.argmin(curve)
    assert best == len(curve) - 1 - 3
    # With the statistics of batch norm of another epoch this would not come out.
    assert loss_on(model, X_val, y_val) == pytest.approx(min(curve), rel=1e-9)
    assert model.loss_ == model.loss_curve_[best]
    assert model.converged_


def test_the_statistics_of_batch_norm_are_those_of_the_best_epoch(few_rows):
    X, y, X_val, y_val = few_rows
    model = stopping_net(batch_norm=True, dropout=0.2).fit(X, y, X_val=X_val, y_val=y_val)
    n_best = int(np.argmin(model.validation_loss_curve_)) + 1
    shorter = clone(model).set_params(max_iter=n_best, early_stopping=False).fit(X, y)
    # All parameters, those averages included.
    assert n_best < model.n_iter_
    assert_array_equal(model.theta_, shorter.theta_)
    assert model.theta_.size > sum(a.size for a in [*model.coefs_, *model.intercepts_])


def test_it_returns_to_the_best_network_when_the_epochs_end(few_rows):
    X, y, X_val, y_val = few_rows
    model = stopping_net(n_iter_no_change=50, max_iter=25).fit(X, y, X_val=X_val, y_val=y_val)
    curve = model.validation_loss_curve_
    assert len(curve) == 25
    assert min(curve) < curve[-1]
    assert loss_on(model, X_val, y_val) == pytest.approx(min(curve), rel=1e-9)
    assert not model.converged_


@pytest.mark.parametrize("kind", [MLPNet, MLPNetRegressor])
@pytest.mark.parametrize("container", [np.asarray, sp.csr_array, sp.csc_array])
def test_without_early_stopping_validation_rows_are_only_watched(few_rows, kind, container):
    X, y, X_val, y_val = few_rows
    model = stopping_net(kind, early_stopping=False, max_iter=20, n_iter_no_change=50)
    alone = clone(model).fit(container(X), y)
    assert alone.validation_loss_curve_ is None
    assert alone.validation_scores_ is None
    model.fit(container(X), y, X_val=container(X_val), y_val=y_val)
    assert_array_equal(model.theta_, alone.theta_)
    curve = model.validation_loss_curve_
    assert len(curve) == model.n_iter_
    assert np.argmin(curve) < len(curve) - 4
    assert curve[-1] == pytest.approx(loss_on(model, X_val, y_val), rel=1e-9)


def test_the_validation_loss_has_no_penalty_and_no_smoothing(few_rows):
    X, y, X_val, y_val = few_rows
    model = stopping_net(early_stopping=False, alpha=0.1, label_smoothing=0.2, max_iter=3)
    model.fit(X, y, X_val=X_val, y_val=y_val)
    assert model.validation_loss_curve_[-1] == pytest.approx(loss_on(model, X_val, y_val), rel=1e-9)


# Rows that are held out


def test_a_share_of_every_class_is_held_out(few_rows):
    X, y, _, _ = few_rows
    model = stopping_net(validation_fraction=0.25).fit(X, y)
    # The choice of rows is the first thing that the seed decides.
    train, held_out = stratified_split(y, 0.25, random_generator(0))
    assert len(held_out) == 15
    best = loss_on(model, X[held_out], y[held_out])
    assert best == pytest.approx(min(model.validation_loss_curve_), rel=1e-9)
    given = stopping_net().fit(X[train], y[train], X_val=X[held_out], y_val=y[held_out])
    assert_array_equal(model.theta_, given.theta_)


def test_rows_of_a_regression_are_held_out_at_random(few_rows):
    X, y, _, _ = few_rows
    model = stopping_net(MLPNetRegressor, validation_fraction=0.25).fit(X, y)
    train, held_out = random_split(60, 0.25, random_generator(0))
    assert len(held_out) == 15
    assert_array_equal(np.sort(np.r_[train, held_out]), np.arange(60))
    best = loss_on(model, X[held_out], y[held_out])
    assert best == pytest.approx(min(model.validation_loss_curve_), rel=1e-9)


def test_validation_rows_are_not_learned_from(few_rows):
    X, y, X_val, y_val = few_rows
    model = stopping_net().fit(X, y, X_val=X_val, y_val=y_val)
    moved = clone(model).fit(X, y, X_val=X_val + 1, y_val=y_val)
    n_both = min(model.n_iter_, moved.n_iter_)
    assert model.loss_curve_[:n_both] == moved.loss_curve_[:n_both]
    assert model.validation_loss_curve_[0] != moved.validation_loss_curve_[0]


@pytest.mark.parametrize("kind", [MLPNet, MLPNetRegressor])
def test_held_out_rows_have_the_weights_they_were_given(few_rows, kind):
    X, y, _, _ = few_rows
    weight = 1.0 + np.arange(60) % 4
    model = stopping_net(kind).fit(X, y, sample_weight=weight)
    rng = random_generator(0)
    split = stratified_split(y, 0.1, rng) if kind is MLPNet else random_split(60, 0.1, rng)
    best = loss_on(model, *(array[split[1]] for array in (X, y, weight)))
    assert best == pytest.approx(min(model.validation_loss_curve_), rel=1e-9)


def test_rows_of_weight_zero_are_not_held_out(few_rows):
    X, y, _, _ = few_rows
    weight = (np.arange(60) < 30).astype(float)
    for seed in range(10):
        model = stopping_net(random_state=seed).fit(X, y, sample_weight=weight)
        without = stopping_net(random_state=seed).fit(X[:30], y[:30])
        assert_array_equal(model.theta_, without.theta_)


def test_multilabel_rows_are_held_out(few_rows):
    X, y, _, _ = few_rows
    Y = np.eye(3, dtype=int)[y]
    model = stopping_net(validation_fraction=0.2).fit(X, Y)
    _, held_out = random_split(60, 0.2, random_generator(0))
    losses, _ = LogisticCrossEntropy().evaluate(model.decision_function(X), Y)
    assert losses[held_out].mean() == pytest.approx(min(model.validation_loss_curve_), rel=1e-9)


# Weights of validation rows


@pytest.mark.parametrize("kind", [MLPNet, MLPNetRegressor])
def test_validation_rows_have_weights_of_their_own(few_rows, kind):
    X, y, X_val, y_val = few_rows
    weight = np.arange(60) % 4
    model = stopping_net(kind, early_stopping=False, max_iter=3)
    model.fit(X, y, X_val=X_val, y_val=y_val, sample_weight_val=weight)
    last = loss_on(model, X_val, y_val, weight)
    assert model.validation_loss_curve_[-1] == pytest.approx(last, rel=1e-9)
    assert last != pytest.approx(loss_on(model, X_val, y_val), rel=1e-3)


def test_a_scorer_gets_the_weights(few_rows):
    X, y, X_val, y_val = few_rows
    weight = np.arange(60) % 4
    model = stopping_net(early_stopping=False, monitor="accuracy", max_iter=3)
    model.fit(X, y, X_val=X_val, y_val=y_val, sample_weight_val=weight)
    expected = accuracy_score(y_val, model.predict(X_val), sample_weight=weight)
    assert model.validation_scores_[-1] == pytest.approx(expected, rel=1e-12)


@pytest.fixture
def uneven_rows(few_rows):
    """Rows among which the classes have the shares 1/7, 2/7 and 4/7."""
    X, y, X_val, y_val = few_rows
    few = np.sort(np.concatenate([np.flatnonzero(y == k)[:n] for k, n in enumerate([5, 10, 20])]))
    return X[few], y[few], X_val, y_val


@pytest.mark.parametrize(
    ("class_weight", "factors"),
    [({0: 5.0, 2: 0.25}, [5.0, 1.0, 0.25]), ("balanced", [4.0, 2.0, 1.0])],
)
def test_class_weight_weighs_validation_rows(uneven_rows, class_weight, factors):
    X, y, X_val, y_val = uneven_rows
    weight = 1.0 + np.arange(60) % 4
    options = {"class_weight": class_weight, "early_stopping": False, "max_iter": 1}
    model = stopping_net(**options)
    model.fit(X, y, X_val=X_val, y_val=y_val, sample_weight_val=weight)
    expected = loss_on(model, X_val, y_val, weight * np.array(factors)[y_val])
    assert model.validation_loss_curve_[0] == pytest.approx(expected, rel=1e-9)
    assert expected != pytest.approx(loss_on(model, X_val, y_val, weight), rel=1e-3)


def test_class_weight_weighs_rows_that_are_held_out(uneven_rows):
    X, y, _, _ = uneven_rows
    factors = np.array([8.0, 1.0, 0.25])
    options = {"class_weight": dict(enumerate(factors)), "validation_fraction": 0.3}
    model = stopping_net(**options).fit(X, y)
    train, held_out = stratified_split(y, 0.3, random_generator(0))
    best = loss_on(model, X[held_out], y[held_out], factors[y[held_out]])
    assert min(model.validation_loss_curve_) == pytest.approx(best, rel=1e-9)
    given = stopping_net(**options)
    given.fit(X[train], y[train], X_val=X[held_out], y_val=y[held_out])
    assert given.validation_loss_curve_ == model.validation_loss_curve_


# What is monitored


@pytest.mark.parametrize(
    "monitor",
    ["accuracy", "neg_log_loss", "roc_auc_ovr", make_scorer(matthews_corrcoef)],
    ids=["accuracy", "neg_log_loss", "roc_auc_ovr", "own"],
)
def test_the_best_score_is_returned_to(few_rows, monitor):
    X, y, X_val, y_val = few_rows
    names = np.array(["red", "green", "blue"])
    model = stopping_net(monitor=monitor)
    model.fit(X, names[y], X_val=X_val, y_val=names[y_val])
    scorer = get_scorer(monitor) if isinstance(monitor, str) else monitor
    scores = model.validation_scores_
    assert len(scores) == len(model.validation_loss_curve_) == model.n_iter_ < model.max_iter
    assert np.argmax(scores) == len(scores) - 4
    assert scorer(model, X_val, names[y_val]) == pytest.approx(max(scores), rel=1e-9)
    assert scores == model.history_["validation_score"]


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_a_regression_is_stopped_by_a_scorer(few_rows, n_outputs):
    X, y, X_val, y_val = few_rows
    y, y_val = (np.column_stack([t, X[:, 1]]) if n_outputs == 2 else t for t in (y, y_val))
    model = stopping_net(MLPNetRegressor, monitor="r2").fit(X, y, X_val=X_val, y_val=y_val)
    best = r2_score(y_val, model.predict(X_val))
    assert best == pytest.approx(max(model.validation_scores_), rel=1e-9)


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array, sp.csc_matrix])
def test_a_multilabel_net_is_stopped_by_a_scorer(few_rows, container):
    X, y, X_val, y_val = few_rows
    Y, Y_val = np.eye(3, dtype=int)[y], np.eye(3, dtype=int)[y_val]
    model = stopping_net(monitor="f1_macro")
    model.fit(X, container(Y), X_val=X_val, y_val=container(Y_val))
    best = f1_score(Y_val, model.predict(X_val), average="macro")
    assert best == pytest.approx(max(model.validation_scores_), rel=1e-9)


def accuracy_without_weights(model, X, y):
    return float(np.mean(model.predict(X) == y))


def test_what_a_scorer_keeps_of_an_epoch_stays_as_it_was(few_rows):
    X, y, X_val, y_val = few_rows
    kept = []

    def keep(model, X, y):
        kept.append(model.coefs_[0])
        return accuracy_without_weights(model, X, y)

    stopping_net(monitor=keep, max_iter=3).fit(X, y, X_val=X_val, y_val=y_val)
    schedule = {"learning_rate": Constant(0.05), "early_stopping": False}
    for n_epochs, W in enumerate(kept, start=1):
        shorter = stopping_net(max_iter=n_epochs, **schedule).fit(X, y)
        assert_array_equal(W, shorter.coefs_[0])


@pytest.mark.parametrize("given", [False, True])
def test_a_scorer_without_weights_goes_with_class_weight(few_rows, given):
    X, y, X_val, y_val = few_rows
    validation = {"X_val": X_val, "y_val": y_val} if given else {}
    model = stopping_net(monitor=accuracy_without_weights, class_weight="balanced")
    model.fit(X, y, **validation)
    if not given:
        _, held_out = stratified_split(y, 0.1, random_generator(0))
        X_val, y_val = X[held_out], y[held_out]
    best = accuracy_without_weights(model, X_val, y_val)
    assert best == pytest.approx(max(model.validation_scores_))


@pytest.mark.parametrize("kind", [MLPNet, MLPNetRegressor])
def test_a_scorer_that_fails_is_an_error(few_rows, kind):
    X, y, _, _ = few_rows

    def broken(model, X, y):
        raise KeyError("no such metric")

    message = r"^monitor must be able to score .*, got KeyError\('no such metric'\)"
    with pytest.raises(ValueError, match=message):
        stopping_net(kind, monitor=broken).fit(X, y)
    message = "^monitor must be able to score .* got TypeError.*sample_weight"
    with pytest.raises(ValueError, match=message):
        stopping_net(kind, monitor=accuracy_without_weights).fit(X, y, sample_weight=np.ones(60))


@pytest.mark.parametrize("kind", [MLPNet, MLPNetRegressor])
def test_a_score_that_is_nan_is_an_error(few_rows, kind):
    X, y, _, _ = few_rows
    message = r"^monitor must return a number for the validation rows, got NaN\.$"
    with pytest.raises(ValueError, match=message):
        stopping_net(kind, monitor=lambda model, X, y: np.nan).fit(X, y)


def test_the_score_of_the_loss_is_its_negative(few_rows):
    X, y, X_val, y_val = few_rows
    model = stopping_net().fit(X, y, X_val=X_val, y_val=y_val)
    assert model.validation_scores_ == [-loss for loss in model.validation_loss_curve_]
    assert "validation_score" not in model.history_


def test_a_monitor_sees_features_without_names_and_does_not_complain(few_rows):
    X, y, X_val, y_val = few_rows
    frame, frame_val = (pd.DataFrame(a, columns=[f"x{i}" for i in range(20)]) for a in (X, X_val))
    model = stopping_net(monitor="accuracy").fit(frame, y, X_val=frame_val, y_val=y_val)
    plain = stopping_net(monitor="accuracy").fit(X, y, X_val=X_val, y_val=y_val)
    assert model.validation_scores_ == plain.validation_scores_
    assert_array_equal(model.feature_names_in_, frame.columns)


def test_early_stopping_takes_the_place_of_the_plateau(few_rows):
    X, y, X_val, y_val = few_rows
    options = {"tol": 10.0, "n_iter_no_change": 2, "max_iter": 8, "learning_rate": 1e-4}
    model = stopping_net(**options).fit(X, y, X_val=X_val, y_val=y_val)
    # The objective never falls by 10 nats, but the validation loss falls in every epoch.
    assert (np.diff(model.validation_loss_curve_) < 0).all()
    assert model.n_iter_ == 8
    watching = stopping_net(**options, early_stopping=False)
    assert watching.fit(X, y, X_val=X_val, y_val=y_val).n_iter_ == 3


def test_a_schedule_waits_for_a_plateau_of_the_validation_loss(few_rows):
    X, y, X_val, y_val = few_rows
    schedule = ReduceOnPlateau(0.05, factor=0.1, patience=1, tol=0)
    model = stopping_net(early_stopping=False, learning_rate=schedule, max_iter=15)
    model.fit(X, y, X_val=X_val, y_val=y_val)
    rates = np.array(model.history_["rate"])
    worse = 1 + np.flatnonzero(np.diff(model.validation_loss_curve_) >= 0)[0]
    assert_allclose(rates[: worse + 1], 0.05)
    assert rates[-1] < 0.01
    constant = stopping_net(early_stopping=False, learning_rate=Constant(0.05), max_iter=15)
    constant.fit(X, y)
    assert (np.diff(constant.loss_curve_[: worse + 2]) < 0).all()


def test_verbose_shows_what_is_watched(few_rows, capsys):
    X, y, X_val, y_val = few_rows
    model = stopping_net(monitor="accuracy", max_iter=3, verbose=True)
    model.fit(X, y, X_val=X_val, y_val=y_val)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    for i, line in enumerate(lines):
        validation = model.validation_loss_curve_[i]
        score = model.validation_scores_[i]
        expected = (
            f"epoch {i + 1}: loss {model.loss_curve_[i]:.6g}, "
            f"validation loss {validation:.6g}, validation score {score:.6g}, "
        )
        assert line.startswith(expected)
