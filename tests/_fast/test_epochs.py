"""Both roads lead to the same place: same parameters, same record, same random numbers."""

import pickle
import signal
import threading
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skmlp import MLPNet, MLPNetRegressor, SoftmaxRegression
from skmlp.augment import GaussianNoise
from skmlp.nn.activations import ACTIVATIONS, ELU, LeakyReLU, Tanh
from skmlp.nn.regression_losses import REGRESSION_LOSSES, HuberLoss, QuantileLoss
from skmlp.optim import Adagrad, Adam, AdamW, ClipNorm, ClipValue, Constant, Momentum, OneCycle
from skmlp.optim.batches import Batches, epoch_batches
from skmlp.optim.optimizers import OPTIMIZERS
from skmlp.optim.training import run_epochs

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 7))
Y_CLASS = (X[:, :4] + RNG.normal(size=(90, 4))).argmax(axis=1)
Y_BINARY = (X[:, 0] + RNG.normal(size=90) > 0).astype(int)
Y_MANY = np.exp(X[:, :3] * [0.1, 0.3, 0.5] + 0.2 * RNG.normal(size=(90, 3)))
WEIGHT = RNG.uniform(0.1, 3, 90)
# Ninety rows in batches of 16: the last batch is smaller.
SHORT = {"max_iter": 4, "batch_size": 16, "random_state": 0, "learning_rate": 0.01, "tol": 0}
# Adam divides gradients by their size, rounding errors too where the derivative is zero: a shift
# before batch norm has none. With momentum they stay small.
SMOOTH = SHORT | {"optimizer": "momentum"}
TOLERANCE = {"float64": 1e-10, "float32": 1e-4}
pytest.importorskip(
    "skmlp._fast._executor", reason="the extension has not been built", exc_type=ImportError
)
from skmlp._fast import epochs  # noqa: E402
from skmlp._fast.epochs import compiled_epochs  # noqa: E402

# Four epochs are too few for some, which a warning tells.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
dtypes = pytest.mark.parametrize("dtype", TOLERANCE)


def assert_same(on_road, model, *data):
    """Fit on both roads and compare; return the model of the compiled one."""
    there, here = (on_road(road, model, *data) for road in ("readable", "compiled"))
    dtype = here.theta_.dtype.name
    tol = TOLERANCE[dtype]
    assert_allclose(here.theta_, there.theta_, rtol=tol, atol=tol * np.abs(there.theta_).max())
    for name in ("loss", "gradient_norm"):
        assert_allclose(here.history_[name], there.history_[name], rtol=tol, atol=1e-12)
    assert_array_equal(here.history_["rate"], there.history_["rate"])
    states = [m._training.rng.bit_generator.state for m in (here, there)]
    assert states[0] == states[1]
    compare_memories(here._training, there._training, tol)
    return here


def compare_memories(here, there, tol):
    """Compare what optimizers remember."""

    def memory(state):
        while "then_state" in state:
            state = state["then_state"]
        return state

    ours, theirs = memory(here.state), memory(there.state)
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        assert_allclose(ours[name], value, rtol=tol, atol=tol * np.abs(value).max())


@dtypes
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("activation", [*ACTIVATIONS, ELU(0.5), LeakyReLU(0.3)])
def test_activations(on_road, activation, dropout, batch_norm, dtype):
    options = {"dropout": dropout, "batch_norm": batch_norm, "dtype": dtype}
    assert_same(on_road, MLPNet((9, 5), activation, **options, **SMOOTH), X, Y_CLASS)


@dtypes
@pytest.mark.parametrize("alpha", [0.0, 0.1])
@pytest.mark.parametrize(
    "optimizer",
    [
        *OPTIMIZERS,
        Momentum(0.5),
        Adagrad(initial_accumulator=0.1),
        Adam(0.8, 0.9, eps=1e-3),
        AdamW(weight_decay=0.3),
        ClipNorm(0.05),
        ClipNorm(100.0, "adam"),
        ClipValue(0.01, "nesterov"),
        ClipNorm(0.05, ClipValue(0.01, AdamW(weight_decay=0.1))),
    ],
)
def test_optimizers(on_road, optimizer, alpha, dtype):
    model = MLPNet((9, 5), optimizer=optimizer, alpha=alpha, dtype=dtype, **SHORT)
    assert_same(on_road, model, X, Y_CLASS)


@dtypes
@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("loss", [*REGRESSION_LOSSES, HuberLoss(0.1), QuantileLoss(0.9)])
def test_losses_of_regression(on_road, loss, n_outputs, dtype):
    model = MLPNetRegressor(8, loss=loss, alpha=0.01, dtype=dtype, **SHORT)
    Y = Y_MANY[:, :n_outputs] if n_outputs > 1 else Y_MANY[:, 0]
    assert_same(on_road, model, X, Y, WEIGHT)


@dtypes
@pytest.mark.parametrize("loss", REGRESSION_LOSSES)
@pytest.mark.parametrize("size", [1e-3, 0.3, 1.0, 3.0, 12.0, 16.0, 30.0, 300.0, 1e4])
def test_losses_of_regression_far_from_the_targets(on_road, size, loss, dtype):
    rows = np.tile(X, (50, 1))
    y = rows[:, 0] - rows[:, 0].min()
    # The unit of the targets is their spread, about one: one among many hardly changes it.
    y[3] += size
    options = SMOOTH | {"learning_rate": 1e-9, "batch_size": 500}
    model = MLPNetRegressor((), **options, loss=loss, dtype=dtype)
    assert np.isfinite(assert_same(on_road, model, rows, y).loss_)


@dtypes
@pytest.mark.parametrize("label_smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize("y", [Y_CLASS, Y_BINARY, Y_MANY > 1], ids=["many", "two", "multilabel"])
def test_losses_of_classification(on_road, y, weight, label_smoothing, dtype):
    model = MLPNet(8, label_smoothing=label_smoothing, dtype=dtype, **SHORT)
    assert_same(on_road, model, X, y, weight)


@dtypes
@pytest.mark.parametrize("depth", [0, 1, 2, 5])
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("form", ["dense", "fortran", "sparse"])
def test_depth_and_rows(on_road, form, batch_norm, depth, dtype):
    rows = {"dense": np.asarray, "fortran": np.asfortranarray, "sparse": sp.csr_array}[form](X)
    model = MLPNet(
        (6,) * depth, batch_norm=batch_norm, input_dropout=0.2, dropout=0.1, dtype=dtype, **SMOOTH
    )
    assert_same(on_road, model, rows, Y_CLASS)


@pytest.mark.parametrize("shuffle", [True, False, "with_replacement"])
@pytest.mark.parametrize("batch_size", [7, 45, 89, 90, 1000])
def test_batches(on_road, batch_size, shuffle):
    options = SMOOTH | {"batch_size": batch_size, "shuffle": shuffle}
    model = MLPNet(8, batch_norm=True, dropout=0.5, dtype="float64", **options)
    assert_same(on_road, model, X, Y_CLASS)


def test_a_larger_network(on_road):
    rng = np.random.default_rng(1)
    rows, y = rng.normal(size=(300, 70)), rng.integers(0, 30, 300)
    options = SMOOTH | {"batch_size": 64}
    model = MLPNet((130, 65), "relu", batch_norm=True, dropout=0.3, dtype="float64", **options)
    assert_same(on_road, model, rows, y)


def test_products_by_the_blas(on_road, monkeypatch):
    monkeypatch.setattr(epochs, "Executor", partial(epochs.Executor, largest_product=0.0))
    assert_same(on_road, MLPNet((9, 5), dtype="float64", **SMOOTH), X, Y_CLASS)
    assert_same(on_road, MLPNet((9, 5), batch_norm=True, **SMOOTH), X, Y_CLASS)


def test_scores_that_are_far_apart(on_road):
    model = MLPNet((), dtype="float64", alpha=0.0, **SHORT)
    assert_same(on_road, model, 1000 * X, Y_CLASS)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("y", [Y_CLASS, Y_BINARY], ids=["many", "two"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("batch_size", [1, 16])
def test_softmax_regression(monkeypatch, batch_size, optimizer, y, fit_intercept, sparse):
    options = {"batch_size": batch_size, "optimizer": optimizer, "fit_intercept": fit_intercept}
    weight = np.where(np.arange(len(y)) % 5, WEIGHT, 0)
    coefs = []
    for road in ("readable", "compiled"):
        monkeypatch.setenv("SKMLP_ROAD", road)
        model = SoftmaxRegression(0.01, solver="sgd", tol=0, random_state=0, **options)
        rows = sp.csr_array(np.where(abs(X) > 1, X, 0)) if sparse else X
        for _ in range(3):
            model.partial_fit(rows, y, classes=np.unique(y), sample_weight=weight)
        assert model.road_ == road
        coefs.append(np.column_stack([model.coef_, model.intercept_ + np.zeros(len(model.coef_))]))
    assert_allclose(*coefs, rtol=1e-10, atol=1e-12)


def twice_and_unsorted(rows):
    """Return sparse rows with every entry in two halves, the second in the other order."""
    rows = sp.csr_array(rows)
    parts = [slice(*ends) for ends in zip(rows.indptr, rows.indptr[1:], strict=False)]
    data = np.concatenate([np.r_[rows.data[p], rows.data[p][::-1]] for p in parts]) / 2
    indices = np.concatenate([np.r_[rows.indices[p], rows.indices[p][::-1]] for p in parts])
    return sp.csr_array((data, indices, 2 * rows.indptr), shape=rows.shape)


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array, twice_and_unsorted])
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("alpha", [0.0, 0.01, 10.0])
@pytest.mark.parametrize(("dtype", "tol"), [(np.float64, 1e-10), (np.float32, 1e-4)])
def test_steps_of_single_rows_for_two_classes(on_road, kind, fit_intercept, alpha, dtype, tol):
    # A penalty of 10 more than halves the weights in a step.
    model = SoftmaxRegression(
        alpha,
        solver="sgd",
        optimizer="sgd",
        learning_rate=0.03,
        batch_size=1,
        max_iter=3,
        tol=0,
        random_state=0,
        fit_intercept=fit_intercept,
    )
    rng = np.random.default_rng(0)
    rows = np.round(rng.normal(size=(300, 11)) * (rng.random((300, 11)) < 0.6), 1)
    y = (rows[:, 0] + rng.normal(size=300) > 0).astype(int)
    weight = np.arange(300) % 4
    data = kind(rows.astype(dtype)), y, weight
    readable, compiled = (on_road(road, model, *data) for road in ("readable", "compiled"))
    for name in ("coef_", "intercept_", "loss_curve_", "loss_", "gradient_norm_"):
        assert_allclose(getattr(compiled, name), getattr(readable, name), rtol=tol, atol=tol)


@pytest.mark.parametrize("sparse", [False, True])
def test_a_network_without_layers_by_single_rows(on_road, sparse):
    options = SHORT | {"batch_size": 1, "optimizer": "sgd", "label_smoothing": 0.1}
    model = MLPNet((), dtype="float64", alpha=0.01, **options)
    rows = sp.csr_array(np.where(abs(X) > 1, X, 0)) if sparse else X
    assert_same(on_road, model, rows, Y_BINARY)


def test_a_schedule_within_an_epoch(on_road):
    model = MLPNet(8, dtype="float64", **SHORT | {"learning_rate": OneCycle(0.05)})
    assert_same(on_road, model, X, Y_CLASS)


# A training may change roads on its way.


def test_training_goes_on_on_the_other_road(monkeypatch):
    def train(*roads):
        model = MLPNet(8, dropout=0.3, batch_norm=True, dtype="float64", **SHORT)
        for road in roads:
            monkeypatch.setenv("SKMLP_ROAD", road)
            model = pickle.loads(pickle.dumps(model))
            model.partial_fit(X, Y_CLASS, classes=np.arange(4))
            assert model.road_ == road
        return model.theta_

    assert_allclose(
        train("compiled", "readable", "compiled"), train(*["readable"] * 3), rtol=1e-10, atol=1e-12
    )


# What is not built in takes the readable road.


@dataclass
class MyTanh(Tanh):
    """Not the package's own class: it may compute something else."""


class MyAdam(Adam):
    """The same for an optimizer."""


@pytest.mark.parametrize(
    "options",
    [
        {"activation": MyTanh()},
        {"activation": ["relu", MyTanh()]},
        {"optimizer": MyAdam()},
        {"optimizer": ClipNorm(1.0, MyAdam())},
        {"augment": GaussianNoise(0.1)},
        {"optimizer": "lbfgs"},
    ],
)
def test_custom_pieces_take_the_readable_road(options):
    model = MLPNet((4, 4), **SHORT | options)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SKMLP_ROAD", raising=False)
        assert model.fit(X, Y_CLASS).road_ == "readable"


def test_an_object_with_a_method_of_its_own_takes_the_readable_road(monkeypatch):
    monkeypatch.delenv("SKMLP_ROAD", raising=False)
    halved = Tanh()
    halved.value = lambda Z: Tanh().value(Z) / 2
    model = MLPNet(4, [halved], **SHORT)
    assert model.fit(X, Y_CLASS).road_ == "readable"


def test_divergence_is_noticed(on_road):
    model = MLPNetRegressor(8, "relu", optimizer="sgd", **SHORT | {"learning_rate": 1e6})
    for road in ("readable", "compiled"):
        with pytest.raises(ValueError, match=r"^Training diverged in epoch"):
            on_road(road, model, 100 * X, Y_MANY)


# Interrupts and threads


@pytest.mark.usefixtures("interactive_session")
def test_an_interrupt_leaves_the_state_after_a_step(monkeypatch):
    """The signal comes in the middle of an epoch that would take long."""
    monkeypatch.delenv("SKMLP_ROAD", raising=False)
    rng = np.random.default_rng(0)
    rows, y = rng.normal(size=(200_000, 50)), rng.integers(0, 5, 200_000)
    options = {"batch_norm": True, "dropout": 0.2, "random_state": 0, "batch_size": 4}
    model = MLPNet((200, 200), learning_rate=1e-3, **options)
    fresh = clone(model)
    timer = threading.Timer(0.5, signal.raise_signal, [signal.SIGINT])
    timer.start()
    with pytest.warns(UserWarning, match="was interrupted after 0 epochs"):
        model.fit(rows, y)
    n_steps = model._training.state["t"]
    assert 0 < n_steps < len(y) // 4

    def until_then(generator):
        return Batches(epoch_batches(np.arange(len(y)), 4, True, generator).order[: 4 * n_steps], 4)

    objective = fresh._training_objective(rows, y, None)
    expected, run = fresh._training, compiled_epochs(fresh._training, objective, 4)
    run_epochs(expected, objective, Constant(1e-3), until_then, 1, run=run)
    assert_array_equal(model.theta_, expected.theta)
    for name in ("sum", "squares"):
        assert_array_equal(model._training.state[name], expected.state[name])
    states = [training.rng.bit_generator.state for training in (model._training, expected)]
    assert states[0] == states[1]


def test_fits_run_side_by_side(on_road):
    alone = on_road("compiled", MLPNet(8, dropout=0.2, **SHORT), X, Y_CLASS)
    models = [MLPNet(8, dropout=0.2, **SHORT) for _ in range(4)]
    threads = [threading.Thread(target=m.fit, args=(X, Y_CLASS)) for m in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for model in models:
        assert_array_equal(model.theta_, alone.theta_)
