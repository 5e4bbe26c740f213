"""What must not change a network, or must change it in a way that is known."""

import pickle

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import cross_val_predict

from skmlp import MLPNet, MLPNetRegressor
from skmlp.augment import Compose, FeatureDropout, GaussianNoise, Mixup
from skmlp.estimators._rows import Rows

few_examples = settings(max_examples=15)
truncated = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SHORT = {"hidden_layer_sizes": (7, 5), "max_iter": 6, "batch_size": 16, "random_state": 0}
RANDOM = {
    "batch_norm": True,
    "dropout": [0.2, 0.3],
    "input_dropout": 0.1,
    "early_stopping": True,
    "augment": Compose([GaussianNoise(0.1), Mixup(0.2)]),
}
LBFGS = {"hidden_layer_sizes": 4, "optimizer": "lbfgs", "max_iter": 50, "random_state": 0}

both = pytest.mark.parametrize("kind", [MLPNet, MLPNetRegressor])


@st.composite
def problems(draw):
    """Return rows and labels of two to four classes, each of which occurs."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_classes = draw(st.integers(2, 4))
    n_samples, n_features = draw(st.integers(n_classes, 40)), draw(st.integers(1, 6))
    X = rng.normal(size=(n_samples, n_features))
    y = rng.permutation(
        np.concatenate([np.arange(n_classes), rng.integers(n_classes, size=n_samples)])[:n_samples]
    )
    return X, y, rng


def raw_scores(model, X):
    return model.decision_function(X) if isinstance(model, MLPNet) else model.predict(X)


# Labels, rows, weights


@few_examples
@given(problems())
def test_relabelling_permutes_the_classes(problem):
    X, y, rng = problem
    permutation = rng.permutation(y.max() + 1)
    # Without hidden units there is one optimum, whatever the initial weights of each class.
    options = {"hidden_layer_sizes": (), "optimizer": "lbfgs", "alpha": 0.01, "tol": 1e-12}
    options["random_state"] = 0
    model, relabelled = (
        MLPNet(**options, max_iter=2000).fit(X, labels) for labels in (y, permutation[y])
    )
    P = relabelled.predict_proba(X)[:, permutation]
    assert_allclose(P, model.predict_proba(X), atol=1e-4)


@few_examples
@given(problems(), st.sampled_from(["adam", "momentum", "lbfgs"]))
@truncated
def test_names_of_classes_do_not_matter(problem, optimizer):
    X, y, _ = problem
    names = np.array(["apple", "bean", "corn", "dill"])
    options = {**SHORT, "optimizer": optimizer}
    numbered, named = MLPNet(**options).fit(X, y), MLPNet(**options).fit(X, names[y])
    assert_array_equal(named.predict(X), names[numbered.predict(X)])
    assert_array_equal(named.predict_proba(X), numbered.predict_proba(X))


@truncated
@both
@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
@few_examples
@given(problem=problems())
def test_the_order_of_the_rows_does_not_matter(kind, container, problem):
    X, y, rng = problem
    X = container(X)
    order = rng.permutation(len(y))
    theta = kind(**LBFGS).fit(X, y).theta_
    assert_array_equal(kind(**LBFGS).fit(X[order], y[order]).theta_, theta)


@truncated
@both
@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
@few_examples
@given(problem=problems())
def test_a_row_twice_is_a_row_of_weight_two(kind, container, problem):
    X, y, rng = problem
    X = container(X)
    counts = rng.integers(1, 5, size=len(y))
    theta = kind(**LBFGS).fit(X, y, sample_weight=counts).theta_
    twice = np.repeat(np.arange(len(y)), counts)
    assert_array_equal(kind(**LBFGS).fit(X[twice], y[twice]).theta_, theta)


def test_sparse_rows_and_targets_of_the_same_bytes_are_different_rows():
    # One entry in column 5 and class 12, or class 0 and two entries, of which one is stored as 0.
    entry = np.array([0, 7], np.int32).view(np.float64)[0]
    X = sp.csr_array(
        (np.array([entry, entry, 0.0]), np.array([5, 5, 0], np.int32), np.array([0, 1, 3])),
        shape=(2, 8),
    )
    assert len(Rows(X, np.array([12, 0]), np.ones(2)).distinct().weight) == 2


@truncated
@both
def test_rows_alike_with_other_targets_or_entries_elsewhere_are_different_rows(kind):
    X = sp.csr_array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = np.array([0, 1, 1, 0])
    sparse, dense = kind(**LBFGS).fit(X, y), kind(**LBFGS).fit(X.toarray(), y)
    assert_allclose(sparse.loss_, dense.loss_, rtol=1e-4)
    # Rows 0 and 2 ask for different outputs: no network can do better than half a row each.
    assert dense.loss_ > {MLPNet: np.log(2) / 2, MLPNetRegressor: 1 / 8}[kind] * 0.999


@truncated
@both
@few_examples
@given(problem=problems(), exponent=st.integers(-200, 200))
def test_the_scale_of_the_weights_does_not_matter(kind, problem, exponent):
    X, y, rng = problem
    weight = rng.exponential(size=len(y))
    model = kind(**SHORT)
    theta = model.fit(X, y, sample_weight=weight).theta_
    # A power of two changes no digit.
    assert_array_equal(model.fit(X, y, sample_weight=2.0**exponent * weight).theta_, theta)


@truncated
@both
@few_examples
@given(problem=problems(), optimizer=st.sampled_from(["sgd", "adam"]))
def test_a_row_of_weight_zero_is_a_row_left_out(kind, problem, optimizer):
    X, y, rng = problem
    weight = rng.integers(1, 3, size=len(y)).astype(float)
    X_more = np.concatenate([X, rng.normal(size=(3, X.shape[1]))])
    model = kind(**SHORT, optimizer=optimizer)
    theta = model.fit(X, y, sample_weight=weight).theta_
    model.fit(X_more, np.append(y, [0, 1, 1]), sample_weight=np.append(weight, [0, 0, 0]))
    assert_array_equal(model.theta_, theta)


# Predictions row by row


@truncated
@both
@few_examples
@given(problem=problems(), data=st.data())
def test_a_prediction_does_not_depend_on_other_rows(kind, problem, data):
    X, y, _ = problem
    model = kind(**{**SHORT, "batch_norm": True, "dropout": 0.5, "dtype": "float64"}).fit(X, y)
    i = data.draw(st.integers(0, len(X) - 1))
    assert_allclose(raw_scores(model, X[i : i + 1]), raw_scores(model, X)[i : i + 1], rtol=1e-9)


@both
def test_prediction_in_blocks_is_prediction_at_once(clouds, kind):
    model = kind(**SHORT, dtype="float64").fit(*clouds)
    X = np.random.default_rng(0).normal(size=(2500, 4))
    parts = [raw_scores(model, X[i : i + 100]) for i in range(0, 2500, 100)]
    assert_allclose(raw_scores(model, X), np.concatenate(parts), rtol=1e-9)


# Copies


@truncated
@both
@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_a_pickle_predicts_the_same(clouds, kind, optimizer):
    X, y = clouds
    extras = RANDOM if optimizer == "adam" else {}
    unfitted = kind(**SHORT, **extras, optimizer=optimizer)
    model = pickle.loads(pickle.dumps(unfitted)).fit(X, y)
    assert_array_equal(model.theta_, clone(unfitted).fit(X, y).theta_)
    other = pickle.loads(pickle.dumps(model))
    assert_array_equal(raw_scores(other, X), raw_scores(model, X))
    for name in ("loss_curve_", "validation_loss_curve_", "n_iter_", "loss_"):
        assert getattr(other, name) == getattr(model, name)
    for ours, theirs in zip(other.coefs_, model.coefs_, strict=True):
        assert_array_equal(ours, theirs)


@both
def test_a_clone_forgets_the_fit_and_keeps_the_parameters(clouds, kind):
    model = kind(**SHORT, **RANDOM).fit(*clouds)
    copied = clone(model)
    assert copied.get_params(deep=False).keys() == model.get_params(deep=False).keys()
    for name in ("dropout", "augment", "hidden_layer_sizes"):
        assert getattr(copied, name) == getattr(model, name)
    assert not hasattr(copied, "theta_")
    assert not hasattr(copied, "coefs_")


@both
def test_a_fit_changes_no_parameter_and_no_data(clouds, kind):
    X, y = (np.array(a) for a in clouds)
    X_before, y_before = X.copy(), y.copy()
    model = kind(**SHORT, **RANDOM)
    before = pickle.dumps(model.get_params())
    model.fit(X, y, X_val=X, y_val=y)
    assert pickle.dumps(model.get_params()) == before
    assert_array_equal(X, X_before)
    assert_array_equal(y, y_before)


# Containers and precision


@truncated
@both
@pytest.mark.parametrize("container", [sp.csr_array, sp.csc_array, sp.csr_matrix, sp.coo_array])
@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_sparse_rows_are_dense_rows(clouds, kind, container, optimizer):
    X, y = clouds
    X = X * (X > 0)
    options = {**SHORT, "optimizer": optimizer, "dtype": "float64"}
    dense = kind(**options).fit(X, y)
    sparse = kind(**options).fit(container(X), y)
    assert_allclose(sparse.theta_, dense.theta_, atol=1e-7)
    assert_allclose(raw_scores(sparse, container(X)), raw_scores(dense, X), atol=1e-6)
    assert_allclose(
        sparse.hidden_features(container(X)), dense.hidden_features(X), rtol=1e-5, atol=1e-6
    )


@both
def test_sparse_rows_with_dropout_and_augmentation_stay_sparse(clouds, kind):
    X, y = clouds
    seen = []

    def watch(X, y, rng):
        seen.append(sp.issparse(X))
        return FeatureDropout(0.1)(X, y, rng)

    extras = {"input_dropout": 0.2, "dropout": 0.2, "batch_norm": True, "augment": watch}
    model = kind(**{**SHORT, "max_iter": 30, "learning_rate": 0.02}, **extras)
    model.fit(sp.csr_array(X * (X > 0)), y)
    assert all(seen)
    assert model.loss_curve_[-1] < 0.95 * model.loss_curve_[0]


@both
@pytest.mark.parametrize("extras", [{}, RANDOM], ids=["plain", "random"])
def test_single_and_double_precision_agree(clouds, kind, extras):
    X, y = clouds
    single, double = (
        kind(**SHORT, **extras, dtype=dtype).fit(X, y) for dtype in ("float32", "float64")
    )
    assert single.theta_.dtype == np.float32
    assert double.theta_.dtype == np.float64
    if not extras:  # Noise is drawn in the precision of the rows.
        assert_allclose(raw_scores(single, X), raw_scores(double, X), atol=1e-3)
        assert_allclose(single.loss_curve_, double.loss_curve_, rtol=1e-4)


@both
@pytest.mark.parametrize("extras", [{}, RANDOM], ids=["plain", "random"])
def test_a_prediction_has_the_precision_of_its_rows(clouds, kind, extras):
    X, y = clouds
    X32 = X.astype(np.float32)
    model = kind(**SHORT, **extras, dtype="float32").fit(X, y)
    for call in (lambda X: raw_scores(model, X), model.hidden_features):
        assert call(X).dtype == np.float64
        assert call(X32).dtype == np.float32
        assert_allclose(call(X32), call(X32.astype(np.float64)), rtol=1e-4, atol=1e-5)
    if kind is MLPNet:
        for method in (model.predict_proba, model.predict_log_proba):
            assert (method(X).dtype, method(X32).dtype) == (np.float64, np.float32)
        # Sums of single precision would miss it.
        assert_allclose(model.predict_proba(X).sum(axis=1), 1, rtol=1e-14)
    double = model.set_params(dtype="float64").fit(X, y)
    assert raw_scores(double, X32).dtype == double.hidden_features(X32).dtype == np.float64


@truncated
@both
def test_auto_is_single_but_double_for_lbfgs(clouds, kind):
    assert kind(**SHORT).fit(*clouds).theta_.dtype == np.float32
    assert kind(**SHORT, optimizer="lbfgs").fit(*clouds).theta_.dtype == np.float64


@both
def test_the_dtype_of_the_rows_does_not_matter(clouds, kind):
    X, y = clouds
    X = X.astype(np.float32)
    assert_array_equal(
        kind(**SHORT).fit(X, y).theta_, kind(**SHORT).fit(X.astype(np.float64), y).theta_
    )
    integers = np.round(10 * X).astype(int)
    assert_array_equal(
        kind(**SHORT).fit(integers, y).theta_, kind(**SHORT).fit(integers.astype(float), y).theta_
    )


@both
@pytest.mark.parametrize("road", ["compiled", "readable"])
@pytest.mark.parametrize("dtypes", [("float32", "float64"), ("float64", "float32")])
@pytest.mark.parametrize(
    "options",
    [
        {},
        RANDOM,
        {"early_stopping": True},
        {"early_stopping": True, "monitor": "neg_mean_squared_error"},
        {"batch_size": 1},
        {"hidden_layer_sizes": (), "optimizer": "sgd", "batch_size": 1},
        {"optimizer": "lbfgs"},
    ],
    ids=["plain", "random", "stopping", "scored", "single rows", "linear", "lbfgs"],
)
@pytest.mark.parametrize("order", ["C", "F"])
@truncated
def test_rows_of_the_other_precision_train_as_if_converted(
    clouds, kind, options, dtypes, road, order, monkeypatch
):
    monkeypatch.setenv("SKMLP_ROAD", road)
    X, y = clouds
    own, other = dtypes
    X = np.asarray(X, other, order=order)
    model = kind(**{**SHORT, **options}, dtype=own)
    weight = np.arange(len(X)) % 5 * 1.0
    for data in ((y,), (y, weight)):
        converted = clone(model).fit(X.astype(own), *data)
        model.fit(X, *data)
        assert_array_equal(model.theta_, converted.theta_)
        assert model.loss_curve_ == converted.loss_curve_
        assert model.validation_scores_ == converted.validation_scores_


# Randomness


@both
@pytest.mark.parametrize("extras", [{}, RANDOM], ids=["plain", "random"])
def test_one_seed_one_network(clouds, kind, extras):
    options = {**SHORT, **extras}
    first, again, other = (
        kind(**{**options, "random_state": seed}).fit(*clouds) for seed in (3, 3, 4)
    )
    assert_array_equal(first.theta_, again.theta_)
    assert first.loss_curve_ == again.loss_curve_
    assert (first.theta_ != other.theta_).any()


@both
def test_a_random_state_object_goes_on_where_it_is(clouds, kind):
    first, again = np.random.RandomState(3), np.random.RandomState(3)
    thetas = [
        kind(**{**SHORT, "random_state": state}).fit(*clouds).theta_
        for state in (first, first, again)
    ]
    assert (thetas[0] != thetas[1]).any()
    assert_array_equal(thetas[0], thetas[2])


@both
def test_no_seed_is_another_network_each_time(clouds, kind):
    one, two = (kind(**{**SHORT, "random_state": None}).fit(*clouds) for _ in range(2))
    assert (one.theta_ != two.theta_).any()


@both
def test_training_leaves_the_global_random_state_alone(clouds, kind):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    kind(**SHORT, **RANDOM).fit(*clouds)
    assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@both
@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_two_jobs_predict_what_one_does(clouds, kind, backend):
    X, y = clouds
    method = "predict_proba" if kind is MLPNet else "predict"
    model = kind(**SHORT, batch_norm=True, dropout=0.2)
    with joblib.parallel_backend(backend):
        one, two = (
            cross_val_predict(model, X, y, cv=3, method=method, n_jobs=n_jobs) for n_jobs in (1, 2)
        )
    assert_array_equal(two, one)
