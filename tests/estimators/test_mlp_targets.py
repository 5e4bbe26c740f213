"""Targets of every kind, from what users pass to what the networks return."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import chi2
from sklearn.exceptions import DataConversionWarning
from sklearn.metrics import r2_score

from skmlp import MLPNet, MLPNetRegressor, cross_entropy
from skmlp.nn.losses import LogisticCrossEntropy

SHORT = {"hidden_layer_sizes": 6, "max_iter": 8, "random_state": 0, "batch_size": 20}
LBFGS = {
    "hidden_layer_sizes": (),
    "optimizer": "lbfgs",
    "tol": 1e-12,
    "max_iter": 2000,
    "random_state": 0,
}


@pytest.fixture
def multilabel(clouds):
    """Three yes-or-no questions about the rows, of which all, some or none may be a yes."""
    X, _ = clouds
    return X, (X[:, :3] > [0.0, 0.5, 1.0]).astype(int)


# Labels


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["wine", "beer", "water"]),
        np.array(["wine", "beer", "water"], dtype=object),
        np.array([7, -3, 100]),
        np.array([2.0, -1.0, 0.0]),
        np.array([3, 1, 2], dtype=np.uint8),
    ],
    ids=["str", "object", "int", "float", "uint8"],
)
def test_labels_of_every_kind(clouds, labels):
    X, y = clouds
    model = MLPNet(**SHORT).fit(X, labels[y])
    assert_array_equal(model.classes_, np.sort(labels))
    assert model.classes_.dtype == labels.dtype
    rank = np.argsort(np.argsort(labels))
    numbered = MLPNet(**SHORT).fit(X, rank[y])
    assert_array_equal(model.predict_proba(X), numbered.predict_proba(X))
    assert_array_equal(model.predict(X), model.classes_[numbered.predict(X)])


def test_booleans_are_two_classes(two_clouds):
    X, y = two_clouds
    model = MLPNet(**SHORT).fit(X, y == 1)
    assert model.classes_.tolist() == [False, True]
    assert model.predict(X).dtype == bool
    assert_array_equal(model.predict_proba(X), MLPNet(**SHORT).fit(X, y).predict_proba(X))


def test_two_classes_have_one_score(two_clouds):
    X, y = two_clouds
    model = MLPNet(**SHORT).fit(X, y)
    F, P = model.decision_function(X), model.predict_proba(X)
    assert F.shape == (len(X),)
    assert model.n_outputs_ == 1
    assert P.shape == (len(X), 2)
    assert_allclose(P[:, 1], 1 / (1 + np.exp(-F)), rtol=1e-5)
    assert_array_equal(model.predict(X), (F > 0).astype(int))


def test_a_column_of_labels_is_flattened_with_a_warning(clouds):
    X, y = clouds
    expected = MLPNet(**SHORT).fit(X, y)
    with pytest.warns(DataConversionWarning, match="column-vector"):
        model = MLPNet(**SHORT).fit(X, y[:, None])
    assert_array_equal(model.theta_, expected.theta_)
    assert model.predict(X).shape == (len(X),)


def test_classes_fix_the_columns(clouds):
    X, y = clouds
    model = MLPNet(**SHORT, classes=[4, 2, 0, 1]).fit(X, y)
    assert model.classes_.tolist() == [0, 1, 2, 4]
    P = model.predict_proba(X)
    assert P.shape == (len(X), 4)
    assert_allclose(P.sum(axis=1), 1, rtol=1e-5)
    assert P[:, 3].max() < P[:, :3].max(axis=1).min()
    assert_array_equal(np.unique(model.predict(X)), [0, 1, 2])


def test_one_of_two_classes_may_be_missing_only_if_others_are_there(two_clouds):
    X, y = two_clouds
    with pytest.raises(ValueError, match="at least two classes"):
        MLPNet(**SHORT, classes=[0, 1]).fit(X[y == 0], y[y == 0])
    model = MLPNet(**SHORT, classes=[0, 1, 2]).fit(X, y)
    assert model.predict_proba(X).shape == (len(X), 3)


def test_class_weight_multiplies_the_weights_of_rows(clouds):
    X, y = clouds
    factors = {0: 0.25, 2: 4.0}
    weight = np.array([0.25, 1.0, 4.0])[y]
    by_class = MLPNet(**SHORT, class_weight=factors).fit(X, y)
    by_row = MLPNet(**SHORT).fit(X, y, sample_weight=weight)
    assert_array_equal(by_class.theta_, by_row.theta_)
    assert (by_class.predict(X) == 2).sum() > (MLPNet(**SHORT).fit(X, y).predict(X) == 2).sum()


def test_balanced_classes_have_the_same_mean_probability(clouds):
    X, y = clouds
    model = MLPNet(**LBFGS, alpha=0.01, class_weight="balanced").fit(X, y)
    # The biases, which are free, make the weighted residuals P - onehot(y) sum to zero.
    weight = 1 / np.bincount(y)[y]
    assert_allclose(weight @ model.predict_proba(X), 1, atol=1e-4)


@pytest.mark.parametrize("data", ["clouds", "two_clouds"])
def test_label_smoothing_pulls_the_mean_probability_of_a_class(data, request):
    X, y = request.getfixturevalue(data)
    n_classes = y.max() + 1
    model = MLPNet(**LBFGS, alpha=0.01, label_smoothing=0.3).fit(X, y)
    share = np.bincount(y) / len(y)
    assert_allclose(model.predict_proba(X).mean(axis=0), 0.7 * share + 0.3 / n_classes, atol=1e-4)


def test_label_smoothing_keeps_separable_classes_uncertain():
    X, y = np.array([[-1.0], [0.0], [1.0]]), np.arange(3)
    model = MLPNet(8, "tanh", optimizer="lbfgs", alpha=0, label_smoothing=0.3, random_state=0)
    model.set_params(tol=1e-12, max_iter=1000).fit(X, y)
    assert_allclose(model.predict_proba(X), 0.7 * np.eye(3) + 0.1, atol=1e-3)


# Probabilities


@pytest.mark.parametrize("data", ["clouds", "two_clouds", "multilabel"])
@pytest.mark.parametrize("scale", [1, 1e4])
def test_log_probabilities_are_finite(data, scale, request):
    X, y = request.getfixturevalue(data)
    model = MLPNet(**SHORT, activation="relu").fit(X, y)
    log_P, P = model.predict_log_proba(scale * X), model.predict_proba(scale * X)
    assert np.isfinite(log_P).all()
    assert log_P.shape == P.shape
    assert_allclose(np.exp(log_P), P, rtol=1e-3, atol=1e-6)
    if scale > 1:
        assert log_P.min() < -200


@pytest.mark.parametrize("data", ["clouds", "two_clouds"])
def test_drawn_classes_are_as_frequent_as_they_are_probable(data, request):
    X, y = request.getfixturevalue(data)
    model = MLPNet(**SHORT).fit(X, np.array(["a", "b", "c"])[y])
    n_draws = 2000
    rows = np.repeat(X[:3], n_draws, axis=0)
    drawn = model.sample_predict(rows, random_state=0).reshape(3, n_draws)
    P = model.predict_proba(X[:3]).astype(float)
    counts = np.array([(drawn == label).sum(axis=1) for label in model.classes_]).T
    statistic = ((counts - n_draws * P) ** 2 / (n_draws * P)).sum()
    assert statistic < chi2(3 * (len(model.classes_) - 1)).ppf(1 - 1e-4)
    again = model.sample_predict(rows, random_state=0).reshape(3, n_draws)
    assert_array_equal(drawn, again)


def test_drawn_labels_are_as_frequent_as_they_are_probable(multilabel):
    X, Y = multilabel
    model = MLPNet(**SHORT).fit(X, Y)
    drawn = model.sample_predict(np.repeat(X[:2], 5000, axis=0), random_state=0)
    assert drawn.shape == (10_000, 3)
    P = model.predict_proba(X[:2])
    # Four standard deviations of a share of 5000 draws.
    assert_allclose(drawn.reshape(2, 5000, 3).mean(axis=1), P, atol=4 * 0.5 / 5000**0.5)


# Multilabel


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array, sp.csr_matrix, sp.csc_array])
def test_multilabel_is_one_question_a_column(multilabel, container):
    X, Y = multilabel
    model = MLPNet(**LBFGS, alpha=0.01).fit(X, container(Y))
    P = model.predict_proba(X)
    assert P.shape == Y.shape
    assert model.out_activation_ == "logistic"
    assert_array_equal(model.classes_, [0, 1, 2])
    assert_array_equal(model.predict(X), P > 0.5)
    # Without hidden units the questions share nothing.
    for k in range(3):
        alone = MLPNet(**LBFGS, alpha=0.01).fit(X, Y[:, k])
        assert_allclose(P[:, k], alone.predict_proba(X)[:, 1], atol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_label_is_certain(multilabel, dtype):
    X, Y = multilabel
    model = MLPNet((), max_iter=5, random_state=0, dtype=np.dtype(dtype).name).fit(X, Y)
    model.theta_ *= 1e4
    P = model.predict_proba(X.astype(dtype))
    assert P.dtype == dtype
    assert 0 < P.min() < 1e-30
    assert np.nextafter(dtype(1), dtype(0)) == P.max() < 1
    assert_array_equal(P > 0.5, model.predict(X) == 1)


def test_multilabel_learns_with_hidden_units(multilabel):
    X, Y = multilabel
    model = MLPNet(16, max_iter=100, learning_rate=0.02, random_state=0).fit(X, Y)
    assert model.score(X, Y) > 0.8
    losses, _ = LogisticCrossEntropy().evaluate(model.decision_function(X), Y)
    assert losses.mean() == pytest.approx(model.loss_, rel=0.2)


def test_two_columns_are_multilabel_too(multilabel):
    X, Y = multilabel
    model = MLPNet(**SHORT).fit(X, Y[:, :2])
    assert model.n_outputs_ == 2
    assert model.predict_proba(X).shape == (len(X), 2)
    assert np.abs(model.predict_proba(X).sum(axis=1) - 1).max() > 0.1


def test_multilabel_needs_no_classes_in_partial_fit(multilabel):
    X, Y = multilabel
    once = MLPNet(**SHORT).fit(X, Y)
    model = MLPNet(**SHORT)
    for _ in range(8):
        model.partial_fit(X, Y)
    assert_array_equal(model.theta_, once.theta_)


def test_a_column_may_be_constant(multilabel):
    X, Y = multilabel
    model = MLPNet(**SHORT).fit(X, np.column_stack([Y[:, 0], np.zeros(len(Y), int)]))
    assert (model.predict(X)[:, 1] == 0).all()


# Numbers


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "poisson"])
def test_predictions_have_the_shape_of_the_targets(clouds, loss):
    X, y = clouds
    for targets in (y, y[:, None], np.column_stack([y, 2 * y])):
        model = MLPNetRegressor(**SHORT, loss=loss).fit(X, targets)
        assert model.predict(X).shape == targets.shape
        assert model.n_outputs_ == (targets.shape[1] if targets.ndim == 2 else 1)
        assert np.isfinite(model.score(X, targets))


def test_one_column_is_the_same_regression_as_none(clouds):
    X, y = clouds
    flat, column = (MLPNetRegressor(**SHORT).fit(X, t) for t in (y, y[:, None]))
    assert_array_equal(flat.theta_, column.theta_)


def test_equal_outputs_are_predicted_alike(clouds):
    X, y = clouds
    model = MLPNetRegressor(**LBFGS, alpha=0.01).fit(X, np.column_stack([y, y, -y]))
    P = model.predict(X)
    assert_allclose(P[:, 0], P[:, 1], atol=1e-5)
    assert_allclose(P[:, 0], -P[:, 2], atol=1e-5)


# The mean of 150 times 0.1 is not 0.1 in floating point.
@pytest.mark.parametrize("constant", [0.0, 0.1, 3.5, -1e6])
def test_a_constant_target_is_predicted(clouds, constant):
    X, _ = clouds
    model = MLPNetRegressor(**LBFGS, alpha=0.01).fit(X, np.full(len(X), constant))
    assert_allclose(model.predict(X), constant, rtol=1e-9, atol=1e-4)


@pytest.mark.parametrize("constant", [0.0, 0.1, -1e6])
def test_a_constant_column_does_not_disturb_the_others(clouds, constant):
    X, y = clouds
    column = np.full(len(X), constant)
    model = MLPNetRegressor((), learning_rate=0.02, batch_size=20, random_state=0)
    alone = model.fit(X, y).score(X, y)
    P = model.fit(X, np.column_stack([y, column])).predict(X)
    assert_allclose(P[:, 1], column, atol=0.05)
    assert r2_score(y, P[:, 0]) == pytest.approx(alone, abs=0.01)


@pytest.mark.parametrize("small", [1.0, 30.0])
def test_targets_with_more_digits_than_single_precision_has(clouds, small):
    X, _ = clouds
    y = 1e9 + small * X[:, 0]
    model = MLPNetRegressor((), learning_rate=0.02, batch_size=20, random_state=0)
    assert model.set_params(dtype="float64").fit(X, y).score(X, y) > 0.95
    message = (
        r"^y must vary by more than float32 can tell, got values up to 1e\+09\. "
        r"Subtract the mean, or use dtype='float64'\.$"
    )
    with pytest.raises(ValueError, match=message):
        model.set_params(dtype="float32").fit(X, y)
    # It is one of the outputs that matters, and only rows that count.
    with pytest.raises(ValueError, match=message):
        model.fit(X, np.column_stack([X[:, 0], y]))
    weight = np.where(np.arange(len(X)) < 5, 0.0, 1.0)
    with pytest.raises(ValueError, match=message):
        model.fit(X, np.where(weight > 0, y, 0.0), sample_weight=weight)


def test_only_the_first_targets_must_vary(clouds):
    X, _ = clouds
    y = 1e6 * X[:, 0]
    model = MLPNetRegressor((), random_state=0)
    # Neighbours in time, say: they vary less than the digits of their values, but not of y.
    close = 1e9 + 1e-3 * X[:4, 1]
    model.fit(X, y, X_val=X[:4], y_val=close)
    loss = np.mean((model.predict(X[:4]) - close) ** 2)
    assert model.validation_loss_curve_[-1] == pytest.approx(loss, rel=1e-3)
    model.partial_fit(X[:4], close)
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize("name", ["y", "y_val"])
def test_targets_that_single_precision_cannot_hold(clouds, name):
    X, y = clouds
    given = {"y": y, "X_val": X, "y_val": y}
    given[name] = 1e39 * y
    message = (
        rf"^{name} must be within the range of float32, got values up to 2e\+39\. "
        r"Use other units, or dtype='float64'\.$"
    )
    model = MLPNetRegressor(**SHORT)
    with pytest.raises(ValueError, match=message):
        model.fit(X, **given)
    y = 1e39 * y
    assert model.set_params(dtype="float64", learning_rate=0.02).fit(X, y).score(X, y) > 0


@pytest.mark.parametrize("dtype", [bool, np.int8, np.float32, object])
def test_numbers_of_any_dtype(clouds, dtype):
    X, y = clouds
    y = (y > 0).astype(int)
    expected = MLPNetRegressor(**SHORT).fit(X, y.astype(float))
    model = MLPNetRegressor(**SHORT).fit(X, y.astype(dtype))
    assert_array_equal(model.theta_, expected.theta_)


def test_poisson_predicts_means(clouds):
    X, y = clouds
    model = MLPNetRegressor(**LBFGS, loss="poisson", alpha=0.01).fit(X, y)
    P = model.predict(X)
    assert (P > 0).all()
    assert model.out_activation_ == "exp"
    # The bias, which is free, makes the residuals exp(F) - y sum to zero.
    assert P.mean() == pytest.approx(y.mean(), abs=1e-4)


def test_the_objective_is_as_it_is_written(clouds):
    X, y = clouds
    model = MLPNet(5, "tanh", optimizer="lbfgs", alpha=0.02, random_state=0).fit(X, y)
    penalty = 0.02 * sum((W**2).sum() for W in model.coefs_)
    J = cross_entropy(model.decision_function(X), y) + penalty
    assert model.loss_ == pytest.approx(J, rel=1e-9)


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_the_objective_of_a_regression_is_as_it_is_written(clouds, n_outputs):
    X, _ = clouds
    Y = 50 + 7 * X[:, :n_outputs] ** 2
    model = MLPNetRegressor(5, "tanh", optimizer="lbfgs", alpha=0.02, random_state=0).fit(X, Y)
    spread = np.sqrt(Y.var(axis=0).sum())
    cost = spread**2  # of the best constant
    *hidden, last = model.coefs_
    penalty = 0.02 * cost * (sum((W**2).sum() for W in hidden) + (last**2).sum() / spread**2)
    J = ((model.predict(X) - Y) ** 2).sum(axis=1).mean() + penalty
    assert model.loss_ == pytest.approx(J, rel=1e-9)
