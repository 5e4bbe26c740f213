"""What cannot work is an error that names the culprit, what it must be and what it was."""

import contextlib
import re

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError

from skmlp import SoftmaxRegression

X = np.random.default_rng(0).normal(size=(12, 3))
Y = np.arange(12) % 3
WITH_NAN = np.where(np.arange(36).reshape(12, 3) == 7, np.nan, X)
WITH_INF = np.where(np.arange(36).reshape(12, 3) == 7, -np.inf, X)


def assert_refused(call, error, message):
    with pytest.raises(error, match=message) as raised:
        call()
    assert raised.type is error


# Parameters

UNIT = "a number in (0, 1)"
NOT_NEGATIVE = "a number in [0, inf)"
COUNT = "an integer of at least 1"
RATE = "a number in (0, inf) or an instance of Schedule"
OPTIMIZER = (
    "one of 'sgd', 'momentum', 'nesterov', 'adagrad', 'rmsprop', 'adam', 'adamw' "
    "or an instance of Optimizer"
)
CLASS_WEIGHT = "None, 'balanced' or a dict of class labels to weights"
CLASSES = "None or a list of at least two different labels"

PARAMETERS = [
    ("alpha", NOT_NEGATIVE, [-1e-9, np.nan, np.inf], [True, "1", None]),
    ("solver", "one of 'auto', 'newton', 'lbfgs', 'sgd'", ["saga", None, 3], []),
    ("fit_intercept", "a bool", [], [1, None, "yes"]),
    ("class_weight", CLASS_WEIGHT, ["heavy", [1, 2, 3], 2.0], []),
    ("classes", CLASSES, [[0], [0, 1, 2, 2], 3, "abc", [[0, 1, 2]], []], []),
    ("max_iter", COUNT, [0, -1], [10.0, True, None]),
    ("tol", NOT_NEGATIVE, [-1e-9, np.nan], [True, "small", None]),
    ("warm_start", "a bool", [], [0, None]),
    ("verbose", "a bool", [], [2]),
    ("optimizer", OPTIMIZER, ["Adam", "lbfgs"], [3, None]),
    ("learning_rate", RATE, [-0.1, 0, np.nan], ["adaptive", True, None]),
    ("batch_size", COUNT, [0], ["auto", 2.0]),
    ("early_stopping", "a bool", [], [1]),
    ("validation_fraction", UNIT, [0, 1, 1.5, np.nan], ["0.1", None]),
    ("n_iter_no_change", COUNT, [0], [np.inf, None]),
]


@pytest.mark.parametrize(
    ("name", "expected", "value", "error"),
    [
        (name, expected, value, error)
        for name, expected, bad_values, bad_types in PARAMETERS
        for values, error in ((bad_values, ValueError), (bad_types, TypeError))
        for value in values
    ],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_parameters(name, expected, value, error, method):
    model = SoftmaxRegression(**{name: value})
    message = f"^{re.escape(f'{name} must be {expected}, got {value!r}.')}$"
    options = {"classes": [0, 1, 2]} if method == "partial_fit" and name != "classes" else {}
    assert_refused(lambda: getattr(model, method)(X, Y, **options), error, message)


@pytest.mark.parametrize(
    ("value", "error"), [("with replacement", ValueError), (1, TypeError), (None, TypeError)]
)
def test_shuffle(value, error):
    message = f"^shuffle must be a bool or 'with_replacement', got {value!r}\\.$"
    assert_refused(lambda: SoftmaxRegression(shuffle=value).fit(X, Y), error, message)


@pytest.mark.parametrize(
    "class_weight",
    [{3: 1.0}, {"0": 1.0}, {0: -1.0}, {0: np.nan}, {0: np.inf}, {0: None}, {0: "heavy"}],
)
def test_class_weight_of_other_labels_or_no_numbers(class_weight):
    message = (
        r"^class_weight must give numbers >= 0 to labels among \[0, 1, 2\], "
        rf"got {re.escape(repr(class_weight))}\.$"
    )
    model = SoftmaxRegression(class_weight=class_weight)
    assert_refused(lambda: model.fit(X, Y), ValueError, message)


def test_class_weight_that_leaves_no_row():
    model = SoftmaxRegression(class_weight={0: 0, 1: 0, 2: 0})
    assert_refused(lambda: model.fit(X, Y), ValueError, "class_weight")


def test_class_weight_that_leaves_one_class():
    model = SoftmaxRegression(class_weight={0: 0, 1: 0})
    message = r"^y must hold at least two classes in rows of positive weight, got 1 class\.$"
    assert_refused(lambda: model.fit(X, Y), ValueError, message)


def test_parameters_are_checked_when_a_fit_needs_them_not_before():
    model = SoftmaxRegression(alpha=-1, solver="saga")
    assert model.set_params(alpha=-2).alpha == -2


# Data


@pytest.mark.parametrize("method", ["fit", "partial_fit", "predict", "predict_proba"])
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (WITH_NAN, r"\bX contains NaN"),
        (WITH_INF, r"\bX contains infinity"),
        (sp.csr_array(WITH_NAN), r"\bX contains NaN"),
        (X[:0], r"\b0 sample"),
        (X[:, :0], r"\b0 feature"),
        (X[:, 0], r"Expected 2D array, got 1D array"),
        (X[None], r"\bdim 3"),
        (X * 1j, "Complex data not supported"),
        ([["a", "b", "c"]] * 12, "could not convert string to float"),
    ],
    ids=["NaN", "infinity", "sparse NaN", "no row", "no column", "1-D", "3-D", "complex", "text"],
)
def test_rows(data, message, method):
    model = SoftmaxRegression()
    if method.startswith("predict"):
        model.fit(X, Y)
        assert_refused(lambda: getattr(model, method)(data), ValueError, message)
    else:
        options = {"classes": [0, 1, 2]} if method == "partial_fit" else {}
        y = Y[: np.shape(data)[0]] if np.ndim(data) == 2 else Y
        assert_refused(lambda: getattr(model, method)(data, y, **options), ValueError, message)


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("scale", [1e155, 1e200, 1e300])
def test_rows_whose_squares_overflow(scale, container, solver):
    model = SoftmaxRegression(solver=solver, random_state=0, max_iter=20)
    message = r"X must hold numbers .*overflow, got a largest absolute value of|diverged in epoch"
    assert_refused(lambda: model.fit(container(scale * X), Y), ValueError, message)


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
@pytest.mark.parametrize("scale", [1e-100, 1e-12, 1e12, 1e100, 1e140])
def test_rows_near_the_overflow_of_their_squares(clouds, scale, solver):
    X, y = clouds
    model = SoftmaxRegression(alpha=0, solver=solver, tol=1e-8)
    expected = model.fit(X, y).predict_proba(X)
    P = model.fit(scale * X, y).predict_proba(scale * X)
    assert_allclose(P, expected, atol=1e-3)


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
@pytest.mark.parametrize("scale", [1e150, 1e152, 1e153, 3e153, 1e154])
def test_rows_at_the_overflow_of_their_squares_are_refused_or_learned(clouds, scale, solver):
    X, y = clouds
    model = SoftmaxRegression(alpha=0, solver=solver)
    with contextlib.suppress(ValueError):
        model.fit(scale * X, y)
        assert model.score(scale * X, y) > 0.7


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (Y + 0.5, "continuous"),
        (np.column_stack([Y, Y]), r"y should be a 1d array, got an array of shape \(12, 2\)"),
        (Y[:5], r"inconsistent numbers of samples: \[12, 5\]"),
        (np.where(Y == 0, np.nan, Y), "y contains NaN"),
        (np.where(Y == 0, np.inf, Y), "y contains infinity"),
        (None, "requires y to be passed"),
        (np.zeros(12), r"^y must hold at least two classes .*, got 1 class\.$"),
    ],
    ids=["continuous", "2-D", "length", "NaN", "infinity", "None", "one class"],
)
def test_labels(y, message):
    assert_refused(lambda: SoftmaxRegression().fit(X, y), ValueError, message)


@pytest.mark.parametrize("classes", [[0, 1], ["0", "1", "2"]])
def test_labels_that_are_not_listed(classes):
    message = r"^y must hold only labels of the classes .*, got .*2.*\.$"
    assert_refused(lambda: SoftmaxRegression(classes=classes).fit(X, Y), ValueError, message)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (
            np.where(Y == 0, -0.5, 1),
            r"^sample_weight must hold finite numbers >= 0 .*, got -0\.5\.$",
        ),
        (np.where(Y == 0, np.nan, 1), r"^sample_weight must hold finite numbers .*, got nan\.$"),
        (np.where(Y == 0, np.inf, 1), r"^sample_weight must hold finite numbers .*, got inf\.$"),
        (np.zeros(12), r"(?i)sample.weights? must .*zero"),
        (np.ones(5), r"^sample_weight must have shape \(12,\), got shape \(5,\)\.$"),
        (np.ones((12, 2)), r"^sample_weight must have shape \(12,\), got shape \(12, 2\)\.$"),
        (1.0 * (Y == 1), r"^y must hold at least two classes in rows of positive weight, got 1 "),
        (np.full(12, 1e308), r"^sample_weight must .* have a finite sum, got sum inf\.$"),
    ],
    ids=["negative", "NaN", "infinity", "zero", "length", "2-D", "one class", "overflow"],
)
def test_weights(weight, message):
    assert_refused(lambda: SoftmaxRegression().fit(X, Y, sample_weight=weight), ValueError, message)


# Validation data


@pytest.mark.parametrize(
    "given", [{"X_val": X}, {"y_val": Y}, {"sample_weight_val": np.ones(12)}], ids="".join
)
def test_validation_data_come_together(given):
    message = r"^X_val and y_val must be given together, .* got X_val of type .*, y_val of type "
    assert_refused(lambda: SoftmaxRegression().fit(X, Y, **given), ValueError, message)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"X_val": WITH_NAN}, "X_val"),
        ({"X_val": WITH_INF}, "X_val"),
        ({"X_val": X[:, :2]}, "X_val"),
        ({"X_val": X[:, 0]}, "X_val"),
        ({"X_val": X[:0], "y_val": Y[:0]}, "X_val"),
        ({"y_val": Y[:5]}, "y_val"),
        ({"y_val": Y + 0.5}, "y_val"),
        ({"y_val": np.column_stack([Y, Y])}, "y_val"),
        ({"sample_weight_val": np.full(12, -1.0)}, "sample_weight_val"),
        ({"sample_weight_val": np.full(12, np.nan)}, "sample_weight_val"),
        ({"sample_weight_val": np.zeros(12)}, "sample_weight_val"),
        ({"sample_weight_val": np.ones(5)}, "sample_weight_val"),
    ],
)
def test_validation_data_are_called_by_their_names(given, name):
    given = {"X_val": X, "y_val": Y} | given
    assert_refused(lambda: SoftmaxRegression().fit(X, Y, **given), ValueError, rf"\b{name}\b")


def test_validation_labels_that_are_no_class():
    message = r"^y_val must hold only labels of the classes \[0, 1, 2\], got .*3.*\.$"
    assert_refused(lambda: SoftmaxRegression().fit(X, Y, X_val=X, y_val=Y + 1), ValueError, message)


def test_validation_labels_that_no_training_row_has():
    model = SoftmaxRegression(classes=[0, 1, 2])
    message = r"^y_val must hold only classes that some training row .* has, got \[2\]\.$"
    kept = Y < 2
    assert_refused(lambda: model.fit(X[kept], Y[kept], X_val=X, y_val=Y), ValueError, message)


def test_too_few_rows_to_hold_some_out():
    model = SoftmaxRegression(early_stopping=True, validation_fraction=0.1, random_state=0)
    message = r"^validation_fraction must leave a row for validation, got 0\.1 for 3 rows\.$"
    assert_refused(lambda: model.fit(X[:3], Y[:3]), ValueError, message)


# Partial fits and predictions


def test_partial_fit_must_know_all_classes_first():
    message = r"^classes must list all labels in the first call to partial_fit, got None\.$"
    assert_refused(lambda: SoftmaxRegression().partial_fit(X, Y), ValueError, message)


def test_partial_fit_on_a_label_it_was_not_told_of():
    model = SoftmaxRegression().partial_fit(X, Y, classes=[0, 1, 2])
    message = r"^y must hold only labels of the classes \[0, 1, 2\], got .*3.*\.$"
    assert_refused(lambda: model.partial_fit(X, Y + 1), ValueError, message)


def test_another_number_of_features():
    model = SoftmaxRegression().fit(X, Y)
    for call in (lambda: model.predict(X[:, :2]), lambda: model.partial_fit(X[:, :2], Y)):
        assert_refused(call, ValueError, r"^X has 2 features, but .* is expecting 3 features")


@pytest.mark.parametrize(
    "method",
    ["predict", "predict_proba", "predict_log_proba", "decision_function", "sample_predict"],
)
def test_predictions_need_a_fit(method):
    assert_refused(lambda: getattr(SoftmaxRegression(), method)(X), NotFittedError, "not fitted")


BAD_CALLS = {
    "X_val without y_val": lambda model: model.fit(X[:, :2], 2 - Y, X_val=X[:, :2]),
    "one class": lambda model: model.fit(np.c_[X, X], 0 * Y),
    "unseen class in y_val": lambda model: model.fit(X, Y % 2, X_val=X, y_val=Y),
    "unseen class in partial_fit": lambda model: model.partial_fit(X, Y + 1),
    "other features in partial_fit": lambda model: model.partial_fit(X[:, :2], Y),
}


@pytest.mark.parametrize("call", BAD_CALLS.values(), ids=BAD_CALLS)
def test_a_call_that_is_refused_leaves_the_model_as_it_was(call, solver):
    model = SoftmaxRegression(solver=solver, random_state=0, tol=1e-2).fit(X, Y)
    before = dict(vars(model))
    with pytest.raises(ValueError, match=r"^(X|y|X_val|y_val|classes)( and y_val)? must|^X has"):
        call(model)
    assert vars(model) == before


def test_a_first_portion_that_is_refused_leaves_the_model_without_a_fit():
    model = SoftmaxRegression()
    before = dict(vars(model))
    with pytest.raises(ValueError, match=r"^sample_weight must"):
        model.partial_fit(X, Y, classes=[0, 1, 2], sample_weight=np.ones(3))
    assert vars(model) == before


def test_class_weight_may_name_a_class_that_the_rows_lack():
    X_two, y_two = X[Y < 2], Y[Y < 2]
    weight = {0: 1.0, 1: 3.0, 2: 10.0}
    model = SoftmaxRegression(class_weight=weight).fit(X_two, y_two)
    assert_array_equal(
        model.coef_, SoftmaxRegression(class_weight={0: 1.0, 1: 3.0}).fit(X_two, y_two).coef_
    )
