"""What a fit allocates at its peak: no copy of X, and few arrays as long as the parameters."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp

from skmlp import MLPNet, MLPNetRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

BRIEF = {"max_iter": 3, "batch_size": 32, "random_state": 0}
each_road = pytest.mark.parametrize("road", ["readable", "compiled"])


def dense(n_rows, n_features=300, dtype=np.float32):
    rng = np.random.default_rng(0)
    return rng.standard_normal((n_rows, n_features), dtype=dtype), np.arange(n_rows) % 4


def sparse(n_rows, n_features=5000, n_stored=30):
    rng = np.random.default_rng(0)
    shape = n_rows, n_stored
    columns = rng.integers(n_features, size=shape, dtype=np.int32).ravel()
    values = rng.standard_normal(shape, dtype=np.float32).ravel()
    indptr = np.arange(0, n_rows * n_stored + 1, n_stored, dtype=np.int32)
    X = sp.csr_array((values, columns, indptr), shape=(n_rows, n_features))
    return X, np.arange(n_rows) % 4


@pytest.fixture
def peak_of_fit(monkeypatch, traced):
    """Return a function that fits a model on a road, and returns what that allocated."""

    def peak(road, model, X, y):
        monkeypatch.setenv("SKMLP_ROAD", road)
        # What is loaded once is loaded by then.
        if model.fit(X, y).road_ != road:
            pytest.skip("the extension has not been built")
        return traced(model.fit, X, y)[1]

    return peak


@each_road
@pytest.mark.parametrize(
    ("optimizer", "n_slots"),
    [("sgd", 0), ("momentum", 1), ("nesterov", 1), ("adagrad", 1), ("adam", 2), ("adamw", 2.25)],
)
@pytest.mark.parametrize("rows", [dense, sparse], ids=["dense", "CSR"])
@pytest.mark.parametrize("kind", [MLPNet, MLPNetRegressor])
def test_arrays_as_long_as_the_parameters(peak_of_fit, kind, rows, optimizer, n_slots, road):
    """Parameters, gradient, and what the optimizer remembers."""
    model = kind((100,) if rows is sparse else (600, 300), optimizer=optimizer, **BRIEF)
    peak = peak_of_fit(road, model, *rows(64))
    # Less than half an array for a batch and the rows. AdamW remembers a mask of bytes.
    assert peak < (2 + n_slots + 0.5) * model.theta_.nbytes


@each_road
@pytest.mark.parametrize("rows", [dense, sparse], ids=["dense", "CSR"])
def test_to_go_on_needs_a_copy_of_the_parameters(peak_of_fit, rows, road):
    """That of the network as it was, which errors leave unchanged, is not counted here."""
    model = MLPNet((100,) if rows is sparse else (600, 300), warm_start=True, **BRIEF)
    peak = peak_of_fit(road, model, *rows(64))
    # Parameters and gradient are new; what the optimizer remembers is where it was.
    assert peak < 2.5 * model.theta_.nbytes


def test_a_pickle_has_the_parameters_once():
    X, y = dense(200)
    model = MLPNet((600, 300), early_stopping=True, n_iter_no_change=1, random_state=0).fit(X, y)
    assert model.n_iter_ > np.argmin(model.validation_loss_curve_) + 1
    assert len(pickle.dumps(model)) < 3.5 * model.theta_.nbytes


@each_road
@pytest.mark.parametrize("dtypes", [("float32", "float64"), ("float64", "float32")])
@pytest.mark.parametrize("kind", [MLPNet, MLPNetRegressor])
def test_dense_rows_are_not_copied_nor_converted_as_a_whole(peak_of_fit, kind, dtypes, road):
    own, other = dtypes
    X, y = dense(20_000, dtype=other)
    for rows in (X.astype(own), X):
        # Some numbers for each row, beside 300 features.
        assert peak_of_fit(road, kind((5,), dtype=own, **BRIEF), rows, y) < X.nbytes / 10


@each_road
def test_sparse_rows_are_not_copied(peak_of_fit, road):
    X, y = sparse(20_000, n_features=200, n_stored=200)
    model = MLPNet((5,), **BRIEF)
    assert peak_of_fit(road, model, X, y) < X.data.nbytes / 5
