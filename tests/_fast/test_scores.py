"""Predictions of both roads are the same."""

import signal
import threading

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from skmlp import MLPNet, MLPNetRegressor
from skmlp.nn.activations import ACTIVATIONS

pytest.importorskip(
    "skmlp._fast._executor", reason="the extension has not been built", exc_type=ImportError
)
from skmlp._fast import _linear
from skmlp._fast.scores import BLOCK, FEWEST_ROWS, compiled_scores

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2 * BLOCK + 7, 5))
Y = np.exp(X[:, :2])
SHORT = {"max_iter": 2, "random_state": 0, "dropout": 0.2}
TOLERANCE = {"float64": 1e-12, "float32": 1e-5}


def sparse_rows(n_rows, n_features, dtype="float64", index_dtype=np.int32):
    """Return CSR rows as they need not be: unsorted columns, twice the same, stored zeros, none."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 9, n_rows) * (rng.random(n_rows) < 0.8)
    indptr = np.r_[0, np.cumsum(lengths)].astype(np.int32)
    columns = rng.choice(np.linspace(0, n_features - 1, 12).astype(np.int32), indptr[-1])
    values = np.round(rng.normal(size=indptr[-1]), 0).astype(dtype)
    rows = sp.csr_array((values, columns, indptr), shape=(n_rows, n_features))
    # The constructor would take narrow numbers where they do.
    rows.indices, rows.indptr = columns.astype(index_dtype), indptr.astype(index_dtype)
    return rows


def assert_same_scores(model, rows):
    """Compare the scores of both roads."""
    theta, tol = model.theta_.astype(rows.dtype), TOLERANCE[rows.dtype.name]
    F = compiled_scores(model.network_, theta, rows)
    assert F.dtype == rows.dtype
    assert_allclose(F, model.network_.scores(theta, rows), rtol=tol, atol=tol)


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
def test_scores_of_every_activation(kind, activation, batch_norm, dtype):
    model = MLPNetRegressor((9, 6), activation, batch_norm=batch_norm, dtype=dtype, **SHORT)
    assert_same_scores(model.fit(X, Y), kind(X.astype(dtype)))


@pytest.mark.parametrize("sizes", [(), (40,), (3, 3, 3)])
@pytest.mark.parametrize("n_rows", [FEWEST_ROWS, BLOCK - 1, BLOCK, BLOCK + 1, len(X)])
def test_scores_of_blocks(n_rows, sizes):
    model = MLPNet(sizes, dtype="float64", **SHORT | {"dropout": 0.0})
    model.fit(X, X.argmax(axis=1))
    assert_same_scores(model, np.asfortranarray(X[:n_rows]))


@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("n_features", [12, 20_000])
@pytest.mark.parametrize("sizes", [(), (1,), (15, 3), (100,), (64, 64)])
@pytest.mark.parametrize("n_rows", [FEWEST_ROWS, BLOCK, 2 * BLOCK + 7])
def test_scores_of_sparse_rows(n_rows, sizes, n_features, dtype, index_dtype):
    rows = sparse_rows(n_rows, n_features, dtype, index_dtype)
    model = MLPNet(sizes, dtype=dtype, **SHORT | {"dropout": 0.0, "max_iter": 1})
    model.fit(sparse_rows(100, n_features, dtype), np.arange(100) % 3)
    assert_same_scores(model, rows)


@pytest.mark.parametrize("n_outputs", [1, 2, 3, 7, 8, 9, 16, 17, 33, 70, 200])
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_scores_of_sparse_rows_by_any_number_of_units(dtype, n_outputs):
    model = MLPNetRegressor((), dtype=dtype, **SHORT | {"dropout": 0.0})
    rows = sparse_rows(100, 30, dtype)
    model.fit(rows, np.random.default_rng(1).normal(size=(100, n_outputs)))
    assert_same_scores(model, rows)


def test_scores_of_labels_that_do_not_exclude_one_another():
    rows = sparse_rows(300, 30)
    model = MLPNet(8, batch_norm=True, **SHORT).fit(rows, np.eye(4, dtype=int)[np.arange(300) % 4])
    assert_same_scores(model, rows)


def test_what_takes_the_readable_road():
    model = MLPNet(8, dtype="float64", **SHORT).fit(X, X.argmax(axis=1))
    few = X[: FEWEST_ROWS - 1]
    for rows in (few, sp.csr_array(few), sp.csc_array(X), X.astype(np.float32)):
        assert compiled_scores(model.network_, model.theta_, rows) is None


@pytest.mark.parametrize("batch_norm", [False, True])
def test_weights_are_not_folded_for_few_entries(batch_norm):
    rows = sparse_rows(300, 20_000)
    model = MLPNet(8, dtype="float64", batch_norm=batch_norm, **SHORT)
    model.fit(rows, np.arange(300) % 3)
    assert (compiled_scores(model.network_, model.theta_, rows) is None) == batch_norm


@pytest.mark.skipif(not _linear.HAS_OWN_PRODUCTS, reason="products are left to BLAS")
@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
def test_a_row_has_the_same_scores_in_any_company(kind):
    rows = kind(X)
    model = MLPNet((40, 30), dtype="float64", **SHORT).fit(rows, X.argmax(axis=1))
    F = compiled_scores(model.network_, model.theta_, rows)
    for begin, end in [(0, 32), (5, 48), (250, 300), (300, len(X))]:
        part = compiled_scores(model.network_, model.theta_, rows[begin:end])
        assert_array_equal(part, F[begin:end])


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
def test_predictions_take_either_road(monkeypatch, kind):
    model = MLPNet(8, **SHORT).fit(kind(X), X.argmax(axis=1))
    ours = model.predict_proba(kind(X))
    monkeypatch.setenv("SKMLP_ROAD", "readable")
    assert_allclose(ours, model.predict_proba(kind(X)), rtol=1e-12)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"indices": [0, 5]}, "a column number of X is out of range"),
        ({"indices": [-1, 0]}, "a column number of X is out of range"),
        # Cut to 32 bits it would be 1.
        ({"indices": np.array([0, 2**32 + 1])}, "a column number of X is out of range"),
        ({"indptr": [0, 2, 1] + [2] * 30}, "indptr of X is not that of a CSR array"),
        ({"indptr": [0, 1] + [2] * 30 + [3]}, "indptr of X is not that of a CSR array"),
        ({"indptr": [-1, 1] + [2] * 31}, "indptr of X is not that of a CSR array"),
        ({"indptr": [0, 1] + [2] * 30}, "indptr must be an array of int64 of shape"),
        ({"data": [1.0]}, "columns must be an array of int32 of shape"),
    ],
)
def test_broken_sparse_rows_are_refused(changes, match):
    model = MLPNet(8, **SHORT).fit(X, X.argmax(axis=1))
    indptr = np.minimum(np.arange(FEWEST_ROWS + 1), 2)
    rows = sp.csr_array((np.ones(2), [0, 1], indptr), shape=(FEWEST_ROWS, 5))
    for name, value in changes.items():
        setattr(rows, name, np.asarray(value))
    with pytest.raises(ValueError, match=match):
        compiled_scores(model.network_, model.theta_.astype(rows.dtype), rows)


@pytest.mark.usefixtures("interactive_session")
def test_an_interrupt_ends_a_prediction():
    model = MLPNet((300, 300), **SHORT).fit(X, X.argmax(axis=1))
    rows = sparse_rows(600_000, 5)
    timer = threading.Timer(0.2, signal.raise_signal, [signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        compiled_scores(model.network_, model.theta_.astype(rows.dtype), rows)
