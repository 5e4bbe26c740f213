"""What no network can do is an error that names the culprit, what it must be and what it was."""

import pickle
import re
from dataclasses import dataclass

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal
from sklearn.exceptions import NotFittedError

from skmlp import MLPNet, MLPNetRegressor
from skmlp.nn.losses import Loss, SoftmaxCrossEntropy
from skmlp.nn.regression_losses import QuantileLoss
from skmlp.optim import Adam

X = np.random.default_rng(0).normal(size=(12, 3))
Y = np.arange(12) % 3
WITH_NAN = np.where(np.arange(36).reshape(12, 3) == 7, np.nan, X)
WITH_INF = np.where(np.arange(36).reshape(12, 3) == 7, -np.inf, X)
MULTILABEL = np.eye(3, dtype=int)[Y]
FAST = {"hidden_layer_sizes": (4, 3), "max_iter": 2, "random_state": 0}

both = pytest.mark.parametrize("kind", [MLPNet, MLPNetRegressor])


def assert_refused(call, error, message):
    with pytest.raises(error, match=message) as raised:
        call()
    assert raised.type is error


def calls(model):
    """Return fit, and partial_fit where there is one."""
    yield lambda: model.fit(X, Y)
    if hasattr(model, "partial_fit"):
        first = {"classes": [0, 1, 2]} if isinstance(model, MLPNet) else {}
        yield lambda: model.partial_fit(X, Y, **first)


# Parameters

UNIT = "a number in (0, 1)"
RATE = "a number in [0, 1)"
NOT_NEGATIVE = "a number in [0, inf)"
COUNT = "an integer of at least 1"
SIZES = "a sequence of positive integers, one for each hidden layer"
ACTIVATION = (
    "one of 'identity', 'relu', 'leaky_relu', 'elu', 'selu', 'gelu', 'silu', 'softplus', 'tanh', "
    "'logistic' or an instance of Activation"
)
OPTIMIZER = (
    "one of 'sgd', 'momentum', 'nesterov', 'adagrad', 'rmsprop', 'adam', 'adamw', 'lbfgs' "
    "or an instance of Optimizer"
)
INITIALIZER = "one of 'glorot', 'he', 'lecun' or an instance of Initializer"
MONITOR = "'loss', a scorer or the name of one (sklearn.metrics.get_scorer_names() lists them)"

PARAMETERS = [
    ("hidden_layer_sizes", SIZES, [0, (5, -1), (5, 2.5), "5", None, [True], 3.0], []),
    ("activation", ACTIVATION, ["ReLU"], [None, np.tanh, 3]),
    ("optimizer", OPTIMIZER, ["Adam", "newton"], [3, None, Adam]),
    ("learning_rate", "", [-0.1, 0, np.nan, "adaptive"], [True, None]),
    ("alpha", NOT_NEGATIVE, [-1e-9, np.nan, np.inf], [True, "1", None]),
    ("batch_norm", "a bool", [], [1, None, "yes"]),
    ("dropout", RATE, [-0.1, 1.0, 1.5, np.nan], [True, "0.5", None]),
    ("input_dropout", RATE, [-0.1, 1.0, np.nan], [True, "0.5", None, [0.1]]),
    ("augment", "None or a function (X, y, rng) -> (X, y)", [], ["mixup", 0.1]),
    ("initializer", INITIALIZER, ["xavier"], [None, 0.1]),
    ("batch_size", COUNT, [0, -5], [2.0, None, True]),
    ("max_iter", COUNT, [0, -1], [10.0, True, None]),
    ("tol", NOT_NEGATIVE, [-1e-9, np.nan], [True, "small", None]),
    ("n_iter_no_change", COUNT, [0], [np.inf, None]),
    ("early_stopping", "a bool", [], [1, None]),
    ("validation_fraction", UNIT, [0, 1, 1.5, np.nan], ["0.1", None]),
    ("monitor", MONITOR, ["Loss", "precission", None, 3], []),
    ("warm_start", "a bool", [], [0, None]),
    ("dtype", "one of 'auto', 'float32', 'float64'", ["float16", np.float32, None], []),
    ("verbose", "a bool", [], [2]),
]


@both
@pytest.mark.parametrize(
    ("name", "expected", "value", "error"),
    [
        (name, expected, value, error)
        for name, expected, bad_values, bad_types in PARAMETERS
        for values, error in ((bad_values, ValueError), (bad_types, TypeError))
        for value in values
    ],
)
def test_parameters(kind, name, expected, value, error):
    model = kind(**{**FAST, name: value})
    message = f"^{name} must be .*{re.escape(expected)}.*, got {re.escape(repr(value))}\\.$"
    for call in calls(model):
        assert_refused(call, error, message)
    assert not hasattr(model, "theta_")


CLASSIFIER_PARAMETERS = [
    ("loss", "one of 'cross_entropy' or an instance of Loss", "log_loss", ValueError),
    ("loss", "one of 'cross_entropy' or an instance of Loss", None, TypeError),
    ("label_smoothing", RATE, 1.0, ValueError),
    ("label_smoothing", RATE, "0.1", TypeError),
    ("class_weight", "None, 'balanced' or a dict of class labels to weights", "heavy", ValueError),
    ("class_weight", "None, 'balanced' or a dict of class labels to weights", [1, 2], ValueError),
    ("classes", "None or a list of at least two different labels", [0], ValueError),
    ("classes", "None or a list of at least two different labels", [0, 1, 2, 2], ValueError),
]


@pytest.mark.parametrize(("name", "expected", "value", "error"), CLASSIFIER_PARAMETERS)
def test_parameters_of_the_classifier(name, expected, value, error):
    model = MLPNet(**{**FAST, name: value})
    message = f"^{re.escape(f'{name} must be {expected}, got {value!r}.')}$"
    assert_refused(lambda: model.fit(X, Y), error, message)


@pytest.mark.parametrize(
    ("value", "error"), [("mse", ValueError), (None, TypeError), (QuantileLoss, TypeError)]
)
def test_losses_of_the_regressor(value, error):
    names = "'squared_error', 'absolute_error', 'huber', 'log_cosh', 'quantile', 'poisson'"
    message = f"^{re.escape(f'loss must be one of {names} or an instance of Loss, got {value!r}.')}"
    assert_refused(lambda: MLPNetRegressor(**FAST, loss=value).fit(X, Y), error, message)


@both
@pytest.mark.parametrize(
    ("value", "error"), [("with replacement", ValueError), (1, TypeError), (None, TypeError)]
)
def test_shuffle(kind, value, error):
    message = f"^shuffle must be a bool or 'with_replacement', got {value!r}\\.$"
    assert_refused(lambda: kind(**FAST, shuffle=value).fit(X, Y), error, message)


@both
def test_a_learning_rate_that_is_no_name(kind):
    message = (
        r"^learning_rate must be 'auto', a positive number or an instance of Schedule, got 'foo'\.$"
    )
    for call in calls(kind(**FAST, learning_rate="foo")):
        assert_refused(call, ValueError, message)


@both
def test_random_state(kind):
    model = kind(**{**FAST, "random_state": "lucky"})
    assert_refused(lambda: model.fit(X, Y), ValueError, "^random_state must .*'lucky'")


@both
@pytest.mark.parametrize("value", [["relu"], ("tanh", "relu", "relu"), []])
@pytest.mark.parametrize("name", ["activation", "dropout"])
def test_lists_of_another_length_than_there_are_hidden_layers(kind, name, value):
    value = [0.1 for _ in value] if name == "dropout" else value
    message = (
        rf"^{name} must have one item for each of the 2 hidden layers, "
        rf"got {len(value)}: {re.escape(repr(value))}\.$"
    )
    assert_refused(lambda: kind(**FAST, **{name: value}).fit(X, Y), ValueError, message)


@both
@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("activation", ["relu", "ReLU"], ValueError),
        ("activation", ["relu", None], TypeError),
        ("dropout", [0.1, 1.0], ValueError),
        ("dropout", [0.1, "0.1"], TypeError),
    ],
)
def test_bad_items_of_lists(kind, name, value, error):
    message = rf"^{name}\[1\] must be .*, got {re.escape(repr(value[1]))}\.$"
    assert_refused(lambda: kind(**FAST, **{name: value}).fit(X, Y), error, message)


@both
def test_a_bad_rate_is_found_without_hidden_layers_too(kind):
    model = kind(**{**FAST, "hidden_layer_sizes": ()}, dropout=1.0)
    assert_refused(lambda: model.fit(X, Y), ValueError, r"^dropout must be .*, got 1\.0\.$")


@both
def test_parameters_of_parameters(kind):
    model = kind(**FAST).set_params(optimizer__beta1=1.5)
    assert_refused(lambda: model.fit(X, Y), ValueError, r"^beta1 must be .*, got 1\.5\.$")
    with pytest.raises(ValueError, match="parameter of Adam must be one of"):
        model.set_params(optimizer__momentum=0.5)


@both
@pytest.mark.parametrize(
    "random", [{"dropout": 0.1}, {"dropout": [0, 0.1]}, {"input_dropout": 0.1}, {"augment": max}]
)
def test_lbfgs_wants_an_objective_that_stays(kind, random):
    model = kind(**FAST, optimizer="lbfgs", **random)
    message = r"^optimizer must be one of mini-batches with dropout, .*, got 'lbfgs'\.$"
    assert_refused(lambda: model.fit(X, Y), ValueError, message)


@both
def test_batches_of_one_row_have_no_variance(kind):
    model = kind(**FAST, batch_norm=True, batch_size=1)
    message = r"^batch_size must be at least 2 with batch_norm=True, got 1\.$"
    for call in calls(model):
        assert_refused(call, ValueError, message)


def test_label_smoothing_of_a_loss_of_ones_own():
    model = MLPNet(**FAST, loss=SoftmaxCrossEntropy(), label_smoothing=0.1)
    message = r"^label_smoothing must be 0 with a loss of your own, got 0\.1 and loss=Softmax"
    assert_refused(lambda: model.fit(X, Y), ValueError, message)


@pytest.mark.parametrize("class_weight", [{3: 1.0}, {0: -1.0}, {0: np.nan}, {0: "heavy"}])
def test_class_weight_of_other_labels_or_no_numbers(class_weight):
    message = (
        r"^class_weight must give numbers >= 0 to labels among \[0, 1, 2\], "
        rf"got {re.escape(repr(class_weight))}\.$"
    )
    model = MLPNet(**FAST, class_weight=class_weight)
    assert_refused(lambda: model.fit(X, Y), ValueError, message)


@pytest.mark.parametrize(("name", "value"), [("classes", [0, 1, 2]), ("class_weight", "balanced")])
def test_parameters_that_multilabel_has_no_use_for(name, value):
    message = rf"^{name} must be None with a multilabel y, got {re.escape(repr(value))}\.$"
    model = MLPNet(**FAST, **{name: value})
    assert_refused(lambda: model.fit(X, MULTILABEL), ValueError, message)


@both
def test_parameters_are_checked_when_a_fit_needs_them_not_before(kind):
    model = kind(alpha=-1, optimizer="Adam", dropout=7)
    assert model.set_params(alpha=-2).alpha == -2


# Data


@both
@pytest.mark.parametrize("method", ["fit", "partial_fit", "predict", "hidden_features"])
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
    ids=[
        "NaN", "infinity", "sparse NaN", "no row", "no column", "1-D", "3-D", "complex",
        "text",
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::RuntimeWarning:numpy", "ignore::RuntimeWarning:sklearn")
def test_rows(kind, data, message, method):
    model = kind(**FAST)
    if not method.endswith("fit"):
        model.fit(X, Y)
        assert_refused(lambda: getattr(model, method)(data), ValueError, message)
    else:
        options = {"classes": [0, 1, 2]} if (kind, method) == (MLPNet, "partial_fit") else {}
        y = Y[: np.shape(data)[0]] if np.ndim(data) == 2 else Y
        assert_refused(lambda: getattr(model, method)(data, y, **options), ValueError, message)


@both
@pytest.mark.filterwarnings("ignore::RuntimeWarning:numpy", "ignore::RuntimeWarning:sklearn")
def test_rows_that_single_precision_cannot_hold(kind):
    model = kind(**FAST, activation="tanh")
    message = r"\bX(_val)? contains infinity or a value too large for dtype\('float32'\)"
    for call in (lambda: model.fit(1e300 * X, Y), lambda: model.fit(X, Y, X_val=1e39 * X, y_val=Y)):
        assert_refused(call, ValueError, message)
    # A prediction is in the precision of its rows.
    assert np.isfinite(model.fit(X, Y).predict(1e300 * X).astype(float)).all()


@both
def test_rows_whose_products_overflow(kind):
    model = kind(**FAST, activation="relu", dtype="float64", optimizer="sgd")
    with pytest.raises(ValueError, match=r"diverged in epoch \d: .* or scale the features"):
        model.fit(1e200 * X, Y)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (Y + 0.5, "continuous"),
        (2 * MULTILABEL - 1, r"^y must hold zeros and ones if it is a matrix, got \[-1, 1\]\.$"),
        (np.column_stack([Y, Y]), r"^y must hold one label a row, or .*, got multiclass-multioutp"),
        (np.column_stack([Y, Y]) + 0.5, r"^y should be a 1d array, got .* shape \(12, 2\)"),
        (Y[:5], r"inconsistent numbers of samples: \[12, 5\]"),
        (np.where(Y == 0, np.nan, Y), "y contains NaN"),
        (np.where(Y == 0, np.inf, Y), "y contains infinity"),
        (None, "requires y to be passed"),
        (np.zeros(12), r"^y must hold at least two classes .*, got 1 class\.$"),
        (["a"] * 12, r"^y must hold at least two classes .*, got 1 class\.$"),
    ],
    ids=[
        "continuous", "signs", "several outputs", "continuous outputs", "length", "NaN",
        "infinity", "None", "one class", "one name",
    ],
)  # fmt: skip
def test_labels(y, message):
    assert_refused(lambda: MLPNet(**FAST).fit(X, y), ValueError, message)


@pytest.mark.parametrize("classes", [[0, 1], ["0", "1", "2"]])
def test_labels_that_are_not_listed(classes):
    message = r"^y must hold only labels of the classes .*, got .*2.*\.$"
    assert_refused(lambda: MLPNet(**FAST, classes=classes).fit(X, Y), ValueError, message)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (Y[:5], r"inconsistent numbers of samples: \[12, 5\]"),
        (np.where(Y == 0, np.nan, Y), r"\by contains NaN"),
        (np.where(Y == 0, -np.inf, Y), r"\by contains infinity"),
        (None, "requires y to be passed"),
        (np.array(["a", "b", "c"])[Y], r"could not convert string|\by must hold numbers"),
        (np.zeros((12, 2, 2)), r"\bdim 3"),
        (Y * 1j, "Complex data not supported"),
    ],
    ids=["length", "NaN", "infinity", "None", "text", "3-D", "complex"],
)
def test_numbers(y, message):
    assert_refused(lambda: MLPNetRegressor(**FAST).fit(X, y), ValueError, message)


def test_negative_counts():
    message = r"^y must be >= 0 for the Poisson loss, got -2\.0\.$"
    model = MLPNetRegressor(**FAST, loss="poisson")
    for call in (lambda: model.fit(X, Y - 2), lambda: model.partial_fit(X, Y - 2)):
        assert_refused(call, ValueError, message)


@both
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
        (np.full(12, 1e308), r"^sample_weight must .* have a finite sum, got sum inf\.$"),
    ],
    ids=["negative", "NaN", "infinity", "zero", "length", "2-D", "overflow"],
)
def test_weights(kind, weight, message):
    assert_refused(lambda: kind(**FAST).fit(X, Y, sample_weight=weight), ValueError, message)


@pytest.mark.parametrize(("weight", "factor"), [(1e200, 1e200), (1e304, 1e4)])
def test_weights_whose_product_with_those_of_classes_overflows(weight, factor):
    # The first overflows in a row, the second in the sum of rows.
    message = r"^sample_weight times class_weight must .*finite.*, got (sum )?inf\.$"
    model = MLPNet(**FAST, class_weight={0: factor})
    weight = np.full(12, weight)
    assert_refused(lambda: model.fit(X, Y, sample_weight=weight), ValueError, message)
    first = {"classes": [0, 1, 2], "sample_weight": weight}
    assert_refused(lambda: model.partial_fit(X, Y, **first), ValueError, message)


def test_weights_that_leave_one_class():
    message = r"^y must hold at least two classes in rows of positive weight, got 1 class\.$"
    model = MLPNet(**FAST)
    assert_refused(lambda: model.fit(X, Y, sample_weight=Y == 1), ValueError, message)


# Validation data


@both
@pytest.mark.parametrize(
    "given", [{"X_val": X}, {"y_val": Y}, {"sample_weight_val": np.ones(12)}], ids="".join
)
def test_validation_data_come_together(kind, given):
    message = r"^X_val and y_val must be given together, .* got X_val of type .*, y_val of type "
    assert_refused(lambda: kind(**FAST).fit(X, Y, **given), ValueError, message)


@both
@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"X_val": WITH_NAN}, "X_val"),
        ({"X_val": WITH_INF}, "X_val"),
        ({"X_val": X[:, :2]}, "X_val"),
        ({"X_val": X[:, 0]}, "X_val"),
        ({"X_val": X[:0], "y_val": Y[:0]}, "X_val"),
        ({"y_val": Y[:5]}, "y_val"),
        ({"y_val": np.where(Y == 0, np.nan, Y)}, "y_val"),
        ({"y_val": np.where(Y == 0, np.inf, Y)}, "y_val"),
        ({"y_val": np.column_stack([Y, Y])}, "y_val"),
        ({"y_val": np.array(["a", "b", "c"])[Y]}, "y_val"),
        ({"sample_weight_val": np.full(12, -1.0)}, "sample_weight_val"),
        ({"sample_weight_val": np.full(12, np.nan)}, "sample_weight_val"),
        ({"sample_weight_val": np.zeros(12)}, "sample_weight_val"),
        ({"sample_weight_val": np.ones(5)}, "sample_weight_val"),
    ],
)
def test_validation_data_are_called_by_their_names(kind, given, name):
    given = {"X_val": X, "y_val": Y} | given
    assert_refused(lambda: kind(**FAST).fit(X, Y, **given), ValueError, rf"\b{name}\b")


def test_validation_labels_that_are_no_class():
    message = r"^y_val must hold only labels of the classes \[0, 1, 2\], got .*3.*\.$"
    model = MLPNet(**FAST)
    assert_refused(lambda: model.fit(X, Y, X_val=X, y_val=Y + 1), ValueError, message)


@pytest.mark.parametrize(
    ("y", "y_val"),
    [(MULTILABEL, Y), (Y, MULTILABEL), (MULTILABEL, MULTILABEL[:, :2])],
    ids=["one label", "many labels", "fewer labels"],
)
def test_validation_labels_of_another_kind(y, y_val):
    model = MLPNet(**FAST)
    assert_refused(lambda: model.fit(X, y, X_val=X, y_val=y_val), ValueError, "^y_val must ")


def test_validation_targets_with_another_number_of_outputs():
    model = MLPNetRegressor(**FAST)
    for y, y_val in [(MULTILABEL, MULTILABEL[:, :2]), (MULTILABEL, Y), (Y, MULTILABEL)]:
        call = lambda y=y, y_val=y_val: model.fit(X, y, X_val=X, y_val=y_val)  # noqa: E731
        assert_refused(call, ValueError, "^y_val must ")


def test_negative_validation_counts():
    model = MLPNetRegressor(**FAST, loss="poisson")
    message = r"^y_val must be like y\. y must be >= 0 for the Poisson loss, got -2\.0\.$"
    assert_refused(lambda: model.fit(X, Y, X_val=X, y_val=Y - 2), ValueError, message)


@both
def test_too_few_rows_to_hold_some_out(kind):
    model = kind(**FAST, early_stopping=True, validation_fraction=0.1)
    message = r"^validation_fraction must leave a row for validation.*, got 0\.1 .*\b3\b"
    assert_refused(lambda: model.fit(X[:3], Y[:3]), ValueError, message)


# What users bring


@both
@pytest.mark.parametrize(
    ("augment", "message"),
    [
        (lambda X, y, rng: X, r"return a tuple \(X, y\), got ndarray"),
        (lambda X, y, rng: None, r"return a tuple \(X, y\), got NoneType"),
        (lambda X, y, rng: (X, y, rng), r"return a tuple \(X, y\), got tuple"),
        (lambda X, y, rng: (X[:5], y), r"return X of the shape .*\(12, 3\), got \(5, 3\)"),
        (lambda X, y, rng: (X[:, :2], y), r"return X of the shape .*\(12, 3\), got \(12, 2\)"),
        (lambda X, y, rng: (X, y[:5]), r"return y of the shape .*\(12, .\), got \(5, .\)"),
        (lambda X, y, rng: (X.tolist(), y), r"return X of the shape .*\(12, 3\), got list"),
    ],
    ids=["X alone", "None", "three", "fewer rows", "fewer columns", "fewer targets", "list"],
)
def test_augmentations_that_return_something_else(kind, augment, message):
    model = kind(**FAST, augment=augment)
    assert_refused(lambda: model.fit(X, Y), ValueError, rf"^augment must {message}\.$")


@both
@pytest.mark.parametrize(
    ("augment", "name"),
    [(lambda X, y, rng: (X * np.nan, y), "X"), (lambda X, y, rng: (X, y * np.nan), "y")],
    ids="Xy",
)
@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
def test_augmentations_that_return_nan(kind, augment, name, container):
    model = kind(**FAST, augment=augment)
    message = rf"^augment must return {name} .*finite.*, got .*NaN or infinity\.$"
    assert_refused(lambda: model.fit(container(X), Y), ValueError, message)


@dataclass
class Undefined(Loss):
    """A loss that is NaN, or whose derivative is."""

    where: str = "loss"

    def evaluate(self, F, y):
        losses, residual = np.zeros(len(F)), np.zeros_like(F)
        (losses if self.where == "loss" else residual)[0] = np.nan
        return losses, residual

    def inverse_link(self, F):
        return F


@both
@pytest.mark.parametrize("optimizer", ["adam", "sgd", "lbfgs"])
def test_losses_that_are_nan(kind, optimizer):
    model = kind(**FAST, loss=Undefined(), optimizer=optimizer)
    with pytest.raises(ValueError, match=r"diverged in epoch 1: the objective became nan\."):
        model.fit(X, Y)


@both
@pytest.mark.parametrize("optimizer", ["adam", "sgd", "lbfgs"])
def test_losses_whose_derivatives_are_nan(kind, optimizer):
    model = kind(**FAST, loss=Undefined("derivative"), optimizer=optimizer)
    with pytest.raises(ValueError, match="diverged in epoch 1"):
        model.fit(X, Y)
    assert not hasattr(model, "theta_")


# Partial fits and predictions


def test_partial_fit_must_know_all_classes_first():
    message = r"^classes must list all labels in the first call to partial_fit, got None\.$"
    assert_refused(lambda: MLPNet(**FAST).partial_fit(X, Y), ValueError, message)


def test_partial_fit_on_a_label_it_was_not_told_of():
    model = MLPNet(**FAST).partial_fit(X, Y, classes=[0, 1, 2])
    message = r"^y must hold only labels of the classes \[0, 1, 2\], got .*3.*\.$"
    assert_refused(lambda: model.partial_fit(X, Y + 1), ValueError, message)


def test_partial_fit_with_other_classes():
    model = MLPNet(**FAST).partial_fit(X, Y, classes=[0, 1, 2])
    message = r"^classes must be the same in every call .*first \[0, 1, 2\], got \[0, 1\]\.$"
    assert_refused(lambda: model.partial_fit(X, Y, classes=[0, 1]), ValueError, message)


def test_partial_fit_does_not_turn_from_labels_to_many_labels():
    model = MLPNet(**FAST).partial_fit(X, Y, classes=[0, 1, 2])
    message = r"^y must hold one label a row, as before, got shape \(12, 3\)\.$"
    assert_refused(lambda: model.partial_fit(X, MULTILABEL), ValueError, message)
    assert model.predict(X).shape == (12,)
    model = MLPNet(**FAST, warm_start=True).fit(X, MULTILABEL)
    message = r"^y must hold a matrix of zeros and ones, as before, got shape \(12,\)\.$"
    for call in (lambda: model.partial_fit(X, Y), lambda: model.fit(X, Y)):
        assert_refused(call, ValueError, message)
    assert model.predict(X).shape == (12, 3)


def test_without_warm_start_y_may_be_of_another_kind():
    model = MLPNet(**FAST).fit(X, MULTILABEL)
    assert model.fit(X, Y).predict(X).shape == (12,)
    assert model.set_params(classes=[0, 1, 2]).fit(X, Y).predict(X).shape == (12,)
    assert model.set_params(classes=None).fit(X, MULTILABEL).predict(X).shape == (12, 3)


@both
def test_another_number_of_features(kind):
    model = kind(**FAST).fit(X, Y)
    for call in (lambda: model.predict(X[:, :2]), lambda: model.partial_fit(X[:, :2], Y)):
        assert_refused(call, ValueError, r"^X has 2 features, but .* is expecting 3 features")


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        *((MLPNet, name) for name in ("predict", "predict_proba", "predict_log_proba")),
        *((MLPNet, name) for name in ("decision_function", "sample_predict", "hidden_features")),
        *((MLPNetRegressor, name) for name in ("predict", "hidden_features")),
    ],
)
def test_predictions_need_a_fit(kind, method):
    assert_refused(lambda: getattr(kind(), method)(X), NotFittedError, "not fitted")


@both
@pytest.mark.parametrize("name", ["coefs_", "intercepts_"])
def test_weights_need_a_fit(kind, name):
    model = kind(**FAST)
    assert not hasattr(model, name)
    assert_refused(lambda: getattr(model, name), NotFittedError, "not fitted")
    assert len(getattr(model.fit(X, Y), name)) == 3


# Rows of another width and targets of another kind, with which something else is wrong.
WIDE = np.column_stack([X, X])
NAMES = np.array(["a", "b"])[Y % 2]
PAIRS = np.column_stack([Y, Y + 1])
SHORT_WEIGHT = {"sample_weight": np.ones(5)}
FAILING_FITS = {
    "class weights": (MLPNet, WIDE, NAMES, SHORT_WEIGHT),
    "class y_val": (MLPNet, WIDE, NAMES, {"X_val": WIDE, "y_val": Y}),
    "class y": (MLPNet, WIDE, PAIRS, {}),
    "class multilabel": (MLPNet, WIDE, MULTILABEL, SHORT_WEIGHT),
    "number weights": (MLPNetRegressor, WIDE, PAIRS, SHORT_WEIGHT),
    "number y_val": (MLPNetRegressor, WIDE, PAIRS, {"X_val": WIDE, "y_val": Y}),
    "number X_val": (MLPNetRegressor, WIDE, PAIRS, {"X_val": X, "y_val": PAIRS}),
}
FAILING_PARTIAL_FITS = {
    "class weights": (MLPNet, X, Y, SHORT_WEIGHT),
    "class y": (MLPNet, X, PAIRS, {}),
    "number weights": (MLPNetRegressor, X, PAIRS[:, :1], SHORT_WEIGHT),
    "number outputs": (MLPNetRegressor, X, PAIRS, {}),
}


def assert_unchanged_by(model, call):
    """Assert that a call fails and that a fitted model does not remember it."""
    before, predicted = dict(vars(model)), model.predict(X)
    longer = pickle.loads(pickle.dumps(model)).partial_fit(X, Y)
    with pytest.raises(ValueError, match=r"^(X, |sample_weight|X_val|y_val|y).* must "):
        call()
    assert vars(model).keys() == before.keys()
    assert all(value is before[name] for name, value in vars(model).items())
    assert_array_equal(model.predict(X), predicted)
    assert_array_equal(model.partial_fit(X, Y).theta_, longer.theta_)


@pytest.mark.parametrize("warm_start", [False, True])
@pytest.mark.parametrize(
    ("kind", "rows", "y", "given"), FAILING_FITS.values(), ids=FAILING_FITS.keys()
)
def test_a_fit_that_fails_leaves_the_last_one(kind, rows, y, given, warm_start):
    model = kind(**FAST).fit(X, Y).set_params(warm_start=warm_start)
    assert_unchanged_by(model, lambda: model.fit(rows, y, **given))


@pytest.mark.parametrize(
    ("kind", "rows", "y", "given"),
    FAILING_PARTIAL_FITS.values(),
    ids=FAILING_PARTIAL_FITS.keys(),
)
def test_a_partial_fit_that_fails_leaves_the_last_one(kind, rows, y, given):
    model = kind(**FAST).fit(X, Y)
    assert_unchanged_by(model, lambda: model.partial_fit(rows, y, **given))


@both
@pytest.mark.parametrize("layer", [2, -3, 0.0, None, "last"])
def test_hidden_layers_that_there_are_not(kind, layer):
    model = kind(**FAST).fit(X, Y)
    message = (
        rf"^layer must be the index of one of the 2 hidden layers, got {re.escape(repr(layer))}\.$"
    )
    assert_refused(lambda: model.hidden_features(X, layer), ValueError, message)


def test_sparse_targets_of_a_regression():
    with pytest.raises(ValueError, match=r"^y must be dense, got a sparse array\. Use y\.toarray"):
        MLPNetRegressor(**FAST).fit(X, sp.csr_array(np.ones((len(X), 2))))


@pytest.mark.parametrize("dtype", [complex, str])
def test_an_augmentation_that_returns_no_real_numbers(dtype):
    model = MLPNet(**FAST, augment=lambda X, y, rng: (X.astype(dtype), y))
    with pytest.raises(ValueError, match=r"^augment must return X of real numbers, got"):
        model.fit(X, Y)
