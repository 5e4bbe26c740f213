"""Rows and labels in every shape in which users keep them."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression

import skmlp.estimators.softmax_regression as module
from skmlp import SoftmaxRegression
from skmlp.nn.linear import LinearObjective

NAMES = ["sepal length", "sepal width", "petal length", "petal width"]


@pytest.fixture
def model(solver):
    return SoftmaxRegression(solver=solver, tol=0.01, random_state=0)


def assert_same_fit(a, b):
    assert_array_equal(a.coef_, b.coef_)
    assert_array_equal(a.intercept_, b.intercept_)


def same_fit_on(model, X, y, like_X):
    """Assert that X is learned from, and predicted on, as the array that it holds."""
    expected = model.fit(like_X, y).coef_
    P = model.predict_proba(like_X)
    assert_allclose(model.fit(X, y).coef_, expected, rtol=1e-9, atol=1e-12)
    assert_allclose(model.predict_proba(X), P, rtol=1e-9)
    return model


# Rows


@pytest.mark.parametrize(
    "convert",
    [
        np.asfortranarray,
        lambda X: np.repeat(X, 2, axis=1)[:, ::2],
        lambda X: X.tolist(),
        lambda X: X.astype(">f8"),
        pl.DataFrame,
    ],
    ids=["Fortran order", "strided", "list", "big-endian", "polars"],
)
def test_dense_rows(clouds, model, convert):
    X, y = clouds
    same_fit_on(model, convert(X), y, X)


@pytest.mark.parametrize("container", [sp.csr_array, sp.csc_array, sp.coo_array, sp.csr_matrix])
def test_sparse_rows(clouds, model, container):
    X, y = clouds
    X = X * (X > 0)
    same_fit_on(model, container(X), y, X)


def test_explicit_zeros_count_as_zeros(clouds, model):
    X, y = clouds
    sparse = sp.csr_array(X)
    sparse.data[::3] = 0
    assert sparse.nnz == X.size
    same_fit_on(model, sparse, y, sparse.toarray())


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, bool, np.float16])
def test_other_numbers_become_float64(clouds, model, dtype):
    X, y = clouds
    X = (2 * X).clip(0).astype(dtype)
    assert same_fit_on(model, X, y, X.astype(float)).coef_.dtype == np.float64


def test_a_read_only_file(clouds, model, tmp_path):
    X, y = clouds
    np.save(tmp_path / "X.npy", X)
    same_fit_on(model, np.load(tmp_path / "X.npy", mmap_mode="r"), y, X)


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array, sp.csc_array])
@pytest.mark.parametrize("data", ["clouds", "two_clouds"])
def test_float32_stays_float32(data, model, container, request):
    X, y = request.getfixturevalue(data)
    double = model.fit(container(X), y).predict_proba(X)
    single = container(X.astype(np.float32))
    model.fit(single, y)
    results = [model.predict_proba(single), model.predict_log_proba(single)]
    results += [model.coef_, model.intercept_, model.decision_function(single)]
    assert {result.dtype for result in results} == {np.dtype(np.float32)}
    assert_allclose(results[0], double, atol=1e-3 if model.solver != "sgd" else 0.02)


@pytest.mark.parametrize(
    ("container", "parts"),
    [
        (np.ascontiguousarray, lambda X: [X]),
        (np.asfortranarray, lambda X: [X]),
        (sp.csr_array, lambda X: [X.data, X.indices, X.indptr]),
    ],
    ids=["C order", "Fortran order", "CSR"],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_are_not_copied(clouds, model, container, parts, dtype, monkeypatch):
    seen = []

    class Spy(LinearObjective):
        def __init__(self, loss, X, *args, **options):
            seen.append(X)
            super().__init__(loss, X, *args, **options)

    monkeypatch.setattr(module, "LinearObjective", Spy)
    X = container(clouds[0].astype(dtype))
    model.fit(X, clouds[1])
    assert len(seen) == 1
    for given, used in zip(parts(X), parts(seen[0]), strict=True):
        assert np.shares_memory(given, used)


@pytest.mark.parametrize("container", [np.array, sp.csr_array, sp.csc_array])
def test_nothing_is_written_to_what_was_given(clouds, model, container):
    X, y = clouds
    arrays = X.copy(), y.copy(), np.linspace(0, 2, len(y))
    before = [array.copy() for array in arrays]
    given = container(arrays[0])
    model.set_params(class_weight="balanced", early_stopping=True)
    model.fit(given, *arrays[1:]).predict_proba(given)
    after = [given if container is np.array else given.toarray(), *arrays[1:]]
    for a, b in zip(after, before, strict=True):
        assert_array_equal(a, b)


# Names of features


def test_a_data_frame_gives_names(iris):
    X, y = iris
    frame = pd.DataFrame(X, columns=NAMES)
    model = SoftmaxRegression().fit(frame, pd.Series(y))
    assert_array_equal(model.feature_names_in_, NAMES)
    assert model.n_features_in_ == 4
    assert_array_equal(model.predict(frame), SoftmaxRegression().fit(X, y).predict(X))
    assert not hasattr(model.fit(X, y), "feature_names_in_")


def test_a_data_frame_with_other_names_is_an_error(iris):
    X, y = iris
    frame = pd.DataFrame(X, columns=NAMES)
    model = SoftmaxRegression().fit(frame, y)
    for method in (model.predict, lambda other: model.partial_fit(other, y)):
        with pytest.raises(ValueError, match=r"feature names[\s\S]*- width"):
            method(frame.rename(columns={"petal width": "width"}))
        with pytest.raises(ValueError, match=r"feature names[\s\S]*same order"):
            method(frame[NAMES[::-1]])


def test_a_polars_frame_gives_what_it_gives_elsewhere_in_scikit_learn(iris):
    X, y = iris
    frame = pl.DataFrame(dict(zip(NAMES, X.T, strict=True)))
    model = SoftmaxRegression().fit(frame, pl.Series(y))
    assert_array_equal(model.predict(frame), SoftmaxRegression().fit(X, y).predict(X))
    # Which versions of scikit-learn and polars understand each other is not up to this package.
    reference = LogisticRegression(max_iter=1000).fit(frame, y)
    names = [getattr(fitted, "feature_names_in_", None) for fitted in (model, reference)]
    assert_array_equal(*names)


# Labels


@pytest.mark.parametrize(
    "labels",
    [
        np.array([10, -3, 7]),
        np.array([2.0, 0.0, 5.0]),
        np.array(["oak", "elm", "sycamore"]),
        np.array(["oak", "elm", "sycamore"], dtype=object),
        np.array([7, 8, 9], dtype=np.uint8),
    ],
    ids=["int", "float", "str", "object", "uint8"],
)
def test_labels(clouds, model, labels):
    X, y = clouds
    expected = model.fit(X, labels.argsort().argsort()[y])
    P, codes = expected.predict_proba(X), expected.predict(X)
    model.fit(X, labels[y])
    assert_array_equal(model.classes_, np.sort(labels))
    assert model.classes_.dtype == labels.dtype
    assert_array_equal(model.predict_proba(X), P)
    assert_array_equal(model.predict(X), np.sort(labels)[codes])


def test_boolean_labels(two_clouds, model):
    X, y = two_clouds
    expected = model.fit(X, y).predict(X)
    predicted = model.fit(X, y == 1).predict(X)
    assert predicted.dtype == bool
    assert_array_equal(predicted, expected == 1)


@pytest.mark.parametrize("dtype", ["int64", "Int64", "category", "str", "string", "object"])
def test_labels_of_pandas(clouds, dtype):
    X, y = clouds
    text = dtype in ("str", "string", "object")
    labels = pd.Series(np.array(["a", "b", "c"])[y] if text else y).astype(dtype)
    model = SoftmaxRegression().fit(X, labels)
    assert model.classes_.tolist() == (["a", "b", "c"] if text else [0, 1, 2])
    assert_same_fit(model, SoftmaxRegression().fit(X, y))


def test_a_column_of_labels_is_taken_with_a_warning(clouds):
    X, y = clouds
    with pytest.warns(UserWarning, match="column-vector"):
        model = SoftmaxRegression().fit(X, y[:, None])
    assert_same_fit(model, SoftmaxRegression().fit(X, y))
