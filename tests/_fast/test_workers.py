"""Any number of workers make the same steps, to the last bit."""

import signal
import threading
import time
from multiprocessing import Pipe, get_all_start_methods, get_context

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal
from threadpoolctl import threadpool_limits

from skmlp import MLPNet, MLPNetRegressor, SoftmaxRegression
from skmlp.nn.activations import ACTIVATIONS
from skmlp.nn.regression_losses import REGRESSION_LOSSES
from skmlp.optim import ClipNorm, ClipValue
from skmlp.optim.optimizers import OPTIMIZERS

pytest.importorskip(
    "skmlp._fast._executor", reason="the extension has not been built", exc_type=ImportError
)
from skmlp._fast import epochs, scores, workers
from skmlp._fast._executor import LOSS_CODES, OPTIMIZER_CODES, Executor
from skmlp._fast._linear import HAS_OWN_PRODUCTS
from skmlp._fast.program import dense_fields

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.usefixtures("compiled_road"),
]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 21))
Y = (X[:, :4] + RNG.normal(size=(90, 4))).argmax(axis=1)
Y_MANY = np.exp(0.3 * X[:, :3])
# Ninety rows in batches of 37: the last batch is smaller.
SHORT = {"max_iter": 3, "batch_size": 37, "random_state": 0, "tol": 0}
dtypes = pytest.mark.parametrize("dtype", ["float64", "float32"])
forms = pytest.mark.parametrize("form", [np.asarray, sp.csr_array])


@pytest.fixture
def compiled_road(monkeypatch):
    monkeypatch.delenv("SKMLP_ROAD", raising=False)


class FixedCrew(workers.Crew):
    """So many workers, whatever they take."""

    def choose(self, n_batches):
        return self.size, n_batches


@pytest.fixture
def work_by(monkeypatch):
    """Return a function that sets how many workers there are."""

    def work_by(n):
        for module in (epochs, scores):
            monkeypatch.setattr(module, "count_workers", lambda *work: n)
            monkeypatch.setattr(module, "Crew", FixedCrew)

    return work_by


def assert_same(work_by, model, rows, y):
    """Fit and predict with one worker and with several."""
    found = []
    for n in (1, 2, 3):
        work_by(n)
        model.fit(rows, y)
        assert model.road_ == "compiled"
        predicted = model.predict_proba(rows) if hasattr(model, "classes_") else model.predict(rows)
        state = model._training.rng.bit_generator.state["state"]
        history = [model.history_[name] for name in ("loss", "gradient_norm")]
        found.append((model.theta_, *history, predicted, state))
    alone, *together = found
    for several in together:
        for one, other in zip(alone, several, strict=True):
            assert_array_equal(other, one)


@dtypes
@forms
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_pieces_of_a_network(work_by, dropout, batch_norm, form, dtype):
    options = {"dropout": dropout, "input_dropout": dropout / 2, "batch_norm": batch_norm}
    model = MLPNet((19, 5), alpha=0.01, dtype=dtype, **options, **SHORT)
    assert_same(work_by, model, form(np.where(abs(X) > 0.5, X, 0)), Y)


def test_more_workers_than_rows(work_by):
    fits = []
    for n in (1, 20):
        work_by(n)
        model = MLPNet((19, 5), batch_norm=True, **SHORT | {"batch_size": 16}).fit(X[:40], Y[:40])
        fits.append(np.r_[model.theta_, model.predict_proba(X[:40]).ravel()])
    assert_array_equal(*fits)


@dtypes
@pytest.mark.parametrize("factor", [1.0, 300.0])
def test_scores_that_are_far_apart_in_some_rows(work_by, factor, dtype):
    rows = X.copy()
    rows[::29] *= factor
    options = SHORT | {"learning_rate": 0.1}
    assert_same(work_by, MLPNet((19,), "relu", optimizer="sgd", dtype=dtype, **options), rows, Y)


@forms
@pytest.mark.parametrize("n_rows", [2000, 2048, 2060])
def test_predictions_of_many_blocks(work_by, n_rows, form):
    rows = form(np.tile(X, (23, 1))[:n_rows])
    model = MLPNet((60, 60), **SHORT).fit(X, Y)
    work_by(1)
    alone = model.predict_proba(rows)
    for n in [2, 3] * 20:
        work_by(n)
        assert_array_equal(model.predict_proba(rows), alone)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations(work_by, activation):
    assert_same(work_by, MLPNet((19, 5), activation, **SHORT), X, Y)


@pytest.mark.parametrize(
    "optimizer", [*OPTIMIZERS, ClipNorm(0.05), ClipNorm(0.1, ClipValue(0.01, "adamw"))]
)
def test_optimizers(work_by, optimizer):
    # Several blocks of parameters, of weights and of others.
    model = MLPNet((300, 70), optimizer=optimizer, batch_norm=True, alpha=0.1, **SHORT)
    assert_same(work_by, model, X, Y)


@pytest.mark.parametrize("loss", REGRESSION_LOSSES)
def test_losses(work_by, loss):
    assert_same(work_by, MLPNetRegressor(9, loss=loss, **SHORT), X, Y_MANY)


@forms
@pytest.mark.parametrize("batch_size", [1, 37])
@pytest.mark.parametrize("optimizer", ["sgd", "momentum"])
def test_linear_models(work_by, optimizer, batch_size, form):
    options = SHORT | {"batch_size": batch_size}
    assert_same(work_by, MLPNet((), optimizer=optimizer, **options), form(X), Y)
    coefs = []
    for n in (1, 3):
        work_by(n)
        model = SoftmaxRegression(solver="sgd", optimizer=optimizer, **options)
        coefs.append(model.fit(form(X), Y).coef_)
    assert_array_equal(*coefs)


# What goes wrong in the share of one of them


def executor(**changes):
    options = {
        "n_features": 3,
        "n_params": 8,
        "n_weights": 6,
        "n_learned": 8,
        "dtype": np.float64,
        "batch_size": 5,
        "loss": LOSS_CODES["softmax"],
        "loss_parameter": 0.0,
    }
    return Executor([dense_fields(3, 2, {"W": slice(0, 6), "b": slice(6, 8)})], **options | changes)


def run(program, **changes):
    memory = {"first": np.zeros(8), "second": None, "t": 0, "clips": []}
    numbers = {"a": 0.9, "b": 0.99, "eps": 1e-8, "decay": 0.0}
    given = {
        "theta": np.zeros(8),
        "X": np.ones((5, 3)),
        "targets": np.zeros(5, np.int64),
        "weight": np.full(5, 0.2),
        "n_counted": 5.0,
        "optimizer": {"kind": OPTIMIZER_CODES["momentum"]} | numbers | memory,
        "penalty": 0.1,
        "units": None,
        "order": np.arange(5),
        "batch_size": 5,
        "rates": np.full(1, 0.1),
        "rng": np.random.default_rng(0),
        "crew": FixedCrew(3),
    }
    return program.run(**given | changes)


@pytest.mark.parametrize("place", range(5))
def test_each_reports_bad_rows(place):
    order, targets = np.arange(5), np.zeros(5, np.int64)
    order[place], targets[place] = 5, 2
    with pytest.raises(ValueError, match="row number"):
        run(executor(), order=order)
    with pytest.raises(ValueError, match="class index"):
        run(executor(), targets=targets)


@pytest.mark.parametrize("input_dropout", [(0, 1.0), (5, 2.0)])
@pytest.mark.parametrize("place", range(5))
def test_each_reports_bad_sparse_rows(place, input_dropout):
    columns = np.zeros(5, np.int32)
    columns[place] = 3
    rows = np.ones(5), columns, np.arange(6)
    sparse = executor(is_sparse=True, most_stored=1, input_dropout=input_dropout)
    with pytest.raises(ValueError, match="column number"):
        run(sparse, X=rows)
    with pytest.raises(ValueError, match="column number"):
        executor(is_sparse=True).scores(np.zeros(8), rows, 5, crew=FixedCrew(3))


@pytest.mark.parametrize("n_workers", [-1, 0, 1000])
def test_numbers_of_workers_out_of_range_are_brought_into_it(n_workers):
    assert run(executor(), crew=FixedCrew(n_workers)) == run(executor(), crew=None)


# Threads of others


def test_fits_run_side_by_side(work_by):
    work_by(2)
    models = [MLPNet(19, dropout=0.2, **SHORT | {"max_iter": 30}) for _ in range(4)]
    alone = models.pop().fit(X, Y)
    threads = [threading.Thread(target=m.fit, args=(X, Y)) for m in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for model in models:
        assert_array_equal(model.theta_, alone.theta_)


def fit_in_child(model, connection):
    connection.send(model.fit(X, Y).theta_)


@pytest.mark.skipif("fork" not in get_all_start_methods(), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_has_helpers_of_its_own(work_by):
    work_by(2)
    model = MLPNet(19, **SHORT)
    expected = model.fit(X, Y).theta_.copy()
    for _ in range(5):
        # At once, as long as the helper of this process waits for work.
        model.fit(X, Y)
        ours, theirs = Pipe()
        child = get_context("fork").Process(target=fit_in_child, args=(model, theirs))
        child.start()
        try:
            assert ours.poll(60)
            assert_array_equal(ours.recv(), expected)
        finally:
            child.kill()
            child.join()


@pytest.mark.usefixtures("interactive_session")
def test_an_interrupt_ends_all(work_by):
    work_by(2)
    rows, y = RNG.normal(size=(60_000, 50)), RNG.integers(0, 5, 60_000)
    timer = threading.Timer(0.5, signal.raise_signal, [signal.SIGINT])
    timer.start()
    with pytest.warns(UserWarning, match=r"was interrupted after \d+ epochs"):
        MLPNet((200, 200), batch_size=4, max_iter=50, random_state=0).fit(rows, y)


@pytest.mark.skipif(not HAS_OWN_PRODUCTS, reason="this compiler's kernels have one worker")
def test_helpers_work_too(work_by):
    work_by(2)
    rows, y = RNG.normal(size=(20_000, 50)), RNG.integers(0, 5, 20_000)
    model = MLPNet((100, 100), max_iter=5, random_state=0)
    all_threads, own = time.process_time(), time.thread_time()
    model.fit(rows, y)
    all_threads, own = time.process_time() - all_threads, time.thread_time() - own
    assert all_threads > 1.2 * own


# How many there are


LAYERS = [dense_fields(10, 20, {}), dense_fields(20, 5, {})]


def test_workers_are_as_many_as_the_work_is_worth(monkeypatch):
    monkeypatch.setattr(workers, "blas_threads", lambda: 4)
    rows = np.zeros((7, 10))
    # A row takes 300 multiplications.
    counts = [workers.count_workers(LAYERS, rows, n, 30_000) for n in (0, 199, 200, 399, 400, 9999)]
    assert counts == [1, 1, 2, 3, 4, 4]
    # With two entries stored in a row, 140.
    rows[:, :2] = 1
    assert workers.count_workers(LAYERS, sp.csr_array(rows), 200, 14_000) == 2


def test_workers_have_enough_rows(monkeypatch):
    monkeypatch.setattr(workers, "blas_threads", lambda: 4)
    counts = [workers.count_workers(LAYERS, X, n, 1) for n in (1, 31, 32, 48, 1000)]
    assert counts == [1, 1, 2, 3, 4]


def test_workers_are_no_more_than_threads_of_the_blas(monkeypatch):
    with threadpool_limits(1):
        assert workers.count_workers(LAYERS, X, 10**9, 1) == 1
    monkeypatch.setattr(workers, "blas_threads", lambda: 0)
    assert workers.count_workers(LAYERS, X, 10**9, 1) == 1


# Which number of them is the best


def work(crew, seconds, n_batches=80):
    """Let a crew make batches for a second; return the shares of both numbers of workers in it."""
    spent = {1: 0.0, crew.size: 0.0}
    while sum(spent.values()) < 1:
        n_workers, n = crew.choose(n_batches)
        crew.note(n_workers, n, seconds[n_workers] * n)
        spent[n_workers] += seconds[n_workers] * n
    return spent


def test_the_quicker_number_of_workers_has_nearly_all_the_work():
    crew = workers.Crew(2)
    assert work(crew, {1: 2e-4, 2: 1e-4})[1] < 0.05
    # Another program takes a processor: one call of 80 batches is lost.
    assert work(crew, {1: 2e-4, 2: 8e-3})[2] == 80 * 8e-3
    assert sum(work(crew, {1: 2e-4, 2: 8e-3})[2] for _ in range(60)) < 0.05 * 60
    # And leaves again: sooner or later that is found out.
    later = [work(crew, {1: 2e-4, 2: 1e-4})[1] for _ in range(60)]
    assert later[-1] < 0.05


def test_one_worker_is_never_tried_against_another():
    crew = workers.Crew(1)
    assert work(crew, {1: 1e-4})[1] >= 1
    assert crew.choose(80) == (1, 80)
