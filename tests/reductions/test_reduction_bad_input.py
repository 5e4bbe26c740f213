"""What cannot work is an error that names the culprit, what it must be and what it was."""

import re

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skmlp import (
    ECOCClassifier,
    OneVsAllClassifier,
    OneVsOneClassifier,
    TreeReductionClassifier,
)
from skmlp.reductions.code import CodeMatrix, KaryCode
from skmlp.reductions.tree import ClassTree

X = np.random.default_rng(0).normal(size=(12, 3))
Y = np.arange(12) % 3
NAMES = np.array(["ant", "bee", "cat"])[Y]
WITH_NAN = np.where(np.arange(36).reshape(12, 3) == 7, np.nan, X)
WITH_INF = np.where(np.arange(36).reshape(12, 3) == 7, -np.inf, X)

BASE = LogisticRegression()


def assert_refused(call, error, message):
    with pytest.raises(error, match=message) as raised:
        call()
    assert raised.type is error


# Parameters

COUNT = "an integer of at least 1"
DECODERS = (
    "'votes', 'hinge', 'exponential', 'logistic', 'linear', 'squared', 'argmax', 'random_yes'"
)
COMMON = [
    ("calibrate", "one of 'sigmoid', 'isotonic'", ["platt", True, 3], []),
    ("cv", "an integer of at least 2", [1, 0, -3], [2.5, True]),
    ("classes", "None or a list of at least two different labels", [[0], [0, 1, 2, 2], 3, []], []),
    ("verbose", "a bool", [], [1, None]),
]
OF_CODES = [("tie_break", "one of 'first', 'random'", ["last", None], [])]
PARAMETERS = [
    *((kind, *row) for kind in (OneVsAllClassifier, TreeReductionClassifier) for row in COMMON),
    *((kind, *row) for kind in (OneVsOneClassifier, ECOCClassifier) for row in OF_CODES),
    (OneVsAllClassifier, "coupling", "one of 'normalize', 'softmax'", ["max", None], []),
    (
        OneVsOneClassifier,
        "coupling",
        "one of 'wu_lin_weng', 'hastie_tibshirani'",
        ["normalize", None],
        [],
    ),
    (ECOCClassifier, "code_size", "a number in (0, inf) or None", [0, -1, np.nan], ["2", True]),
    (ECOCClassifier, "n_symbols", "an integer of at least 2", [1, 0], [2.0, None]),
    (TreeReductionClassifier, "n_trees", COUNT, [0, -1], [2.0, None]),
    (TreeReductionClassifier, "n_candidates", COUNT, [0], [2.0, None]),
    (
        TreeReductionClassifier,
        "decoding",
        "one of 'auto', 'exact', 'greedy'",
        ["votes", None, "Exact"],
        [],
    ),
    (TreeReductionClassifier, "calibrate_whole", "a bool", [], [1, "sigmoid"]),
]


@pytest.mark.parametrize(
    ("kind", "name", "expected", "value", "error"),
    [
        (kind, name, expected, value, error)
        for kind, name, expected, bad_values, bad_types in PARAMETERS
        for values, error in ((bad_values, ValueError), (bad_types, TypeError))
        for value in values
    ],
)
def test_parameters(kind, name, expected, value, error):
    message = rf"^{re.escape(f'{name} must be {expected}')}.*, got {re.escape(repr(value))}\.$"
    assert_refused(lambda: kind(BASE, **{name: value}).fit(X, Y), error, message)


@pytest.mark.parametrize(
    "value", [None, "logistic", StandardScaler(), LinearRegression(), LogisticRegression]
)
def test_an_estimator_that_is_no_classifier(reduction, value):
    message = rf"^estimator must be a classifier.*, got .*{re.escape(repr(value))}\.$"
    assert_refused(lambda: reduction(value).fit(X, Y), TypeError, message)


@pytest.mark.parametrize("kind", [OneVsAllClassifier, OneVsOneClassifier, ECOCClassifier])
@pytest.mark.parametrize(
    ("value", "error"), [("vote", ValueError), (None, TypeError), (LogisticRegression, TypeError)]
)
def test_decoding_of_codes_lists_what_there_is(kind, value, error):
    message = rf"^decoding must be one of .*{DECODERS}.*, got {re.escape(repr(value))}\.$"
    assert_refused(lambda: kind(BASE, decoding=value).fit(X, Y), error, message)
    # The most probable class is a rule as well.
    assert_refused(lambda: kind(BASE, decoding=value).fit(X, Y), error, "'probability'")


@pytest.mark.parametrize("decoding", ["argmax", "random_yes"])
def test_decoders_for_one_vs_all_only(decoding):
    model = OneVsOneClassifier(BASE, decoding=decoding)
    message = r"^(code|decoding) must be one-vs-all for .*, got CodeMatrix\(n_classes=3"
    assert_refused(lambda: model.fit(X, Y).predict(X), ValueError, message)


def test_random_state(reduction):
    model = reduction(BASE, random_state="seed")
    assert_refused(lambda: model.fit(X, Y), ValueError, r"^random_state must be .*'seed'")


def test_n_jobs(reduction):
    model = reduction(BASE, n_jobs=0)
    assert_refused(lambda: model.fit(X, Y), ValueError, "n_jobs")


def test_parameters_are_checked_when_a_fit_needs_them_not_before(reduction):
    model = reduction(None, calibrate="platt", cv=-1)
    assert model.set_params(cv=-2).cv == -2


@pytest.mark.parametrize(
    ("kind", "options", "name"),
    [
        (OneVsAllClassifier, {"decoding": "probability"}, "decoding"),
        (OneVsOneClassifier, {"decoding": "probability"}, "decoding"),
        (ECOCClassifier, {"decoding": "probability"}, "decoding"),
        (TreeReductionClassifier, {"decoding": "exact"}, "decoding"),
        (TreeReductionClassifier, {"calibrate_whole": True}, "calibrate_whole"),
    ],
)
def test_what_needs_probabilities(kind, options, name):
    value = re.escape(repr(options[name]))
    message = rf"^{name} must .*predict_proba.*calibrate.*({value}|LinearSVC\(\))\.$"
    assert_refused(lambda: kind(LinearSVC(), **options).fit(X, Y), ValueError, message)
    kind(LinearSVC(), calibrate="sigmoid", cv=2, **options).fit(X, Y).predict(X)


def test_labels_cannot_be_calibrated(reduction):
    # The only thing that a vote has is predict.
    base = VotingClassifier([("tree", DecisionTreeClassifier())])
    message = r"^calibrate must be None for an estimator .*, got .*\.$"
    for calibrate in ("sigmoid", "isotonic"):
        model = reduction(base, calibrate=calibrate, cv=2)
        assert_refused(lambda model=model: model.fit(X, Y), ValueError, message)


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("calibrate", OneVsAllClassifier(BASE, calibrate="sigmoid")),
        ("coupling", OneVsAllClassifier(BASE, coupling="softmax")),
        (
            "calibrate_whole",
            TreeReductionClassifier(BASE, tree="balanced", calibrate_whole=True),
        ),
    ],
)
def test_a_single_row_of_a_class_cannot_be_cross_validated(name, model):
    kept = np.r_[0, np.flatnonzero(Y > 0)]
    message = rf"^{name} must be left at its default where a label has a single row"
    assert_refused(lambda: model.fit(X[kept], Y[kept]), ValueError, message)


def test_folds_that_are_listed_cannot_serve_every_problem(reduction):
    folds = [(np.arange(6), np.arange(6, 12)), (np.arange(6, 12), np.arange(6))]
    model = reduction(BASE, calibrate="sigmoid", cv=folds)
    message = r"^cv must be a number or a cross-validation generator with calibrate"
    assert_refused(lambda: model.fit(X, Y), ValueError, message)


def test_the_best_tree_needs_rows_for_a_comparison():
    model = TreeReductionClassifier(BASE, tree="best_of", random_state=0)
    message = r"^tree must not be 'best_of' where no class has a row to spare .*, got 3 rows of 3"
    assert_refused(lambda: model.fit(X[:3], [0, 1, 2]), ValueError, message)


def test_scores_of_pairs_of_labels_are_no_margins():
    code = KaryCode([[0, 0], [1, 2], [2, 1]])
    model = ECOCClassifier(SVC(decision_function_shape="ovo"), code=code)
    message = r"^estimator must have one score a label, decision_function_shape='ovr'"
    assert_refused(lambda: model.fit(X, Y).decision_function(X), ValueError, message)


# Codes


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("random", r"^code must be one of 'auto', .*, got 'random'\.$"),
        (3, r"^code must be "),
        (None, r"^code must be "),
        ([[1, 1], [-1, 1], [1, -1], [-1, -1]], r"^code must have .* 3 classes, got 4 rows\.$"),
        (CodeMatrix.one_vs_all(4), r"^code must have .* 3 classes, got 4 rows\.$"),
        (KaryCode([[0], [1]]), r"^code must have .* 3 classes, got 2 rows\.$"),
        ([[1, 1], [1, -1], [1, 0]], r"^code must .* column.* column 0\.$"),
        ([[1, 1], [1, 1], [-1, -1]], r"^code must .* rows.* 0 and 1\.$"),
        ([[2, 1], [1, 1], [-1, -1]], r"^code must .* -1, 0 and \+1, got 2"),
        ([["a"], ["b"], ["c"]], r"^code must "),
    ],
)
def test_codes(code, message):
    assert_refused(lambda: ECOCClassifier(BASE, code=code).fit(X, Y), ValueError, message)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"code": "hadamard", "code_size": 2.0}, r"^code_size must be None .*, got 2\.0 .*'hada"),
        ({"code": "hadamard", "n_symbols": 3}, r"^n_symbols must be 2 .*, got 3 .*'hadamard'\.$"),
        ({"code": np.eye(3), "n_symbols": 3}, r"^n_symbols must be 2 .*, got 3 with code="),
        ({"code_size": 0.4}, r"^code_size must .*, got 0\.4\b"),
        ({"code": "sparse", "code_size": 0.4}, r"^code_size must .*, got 0\.4\b"),
    ],
)
def test_codes_that_do_not_fit_together(options, message):
    assert_refused(lambda: ECOCClassifier(BASE, **options).fit(X, Y), ValueError, message)


def test_an_exhaustive_code_of_too_many_classes():
    model = ECOCClassifier(BASE, code="exhaustive")
    message = r"^code must not be 'exhaustive' .* 15 .*, got 20\b"
    assert_refused(lambda: model.fit(np.eye(20), np.arange(20)), ValueError, message)


# Trees


@pytest.mark.parametrize(
    ("tree", "error", "what"),
    [
        ("deep", ValueError, "'deep'"),
        (3, TypeError, "3"),
        (None, TypeError, "None"),
        (ClassTree.balanced(4), ValueError, "3 classes.* 4 leaves"),
        (("ant", "bee"), ValueError, "'cat'"),
        (("ant", ("bee", "cow")), ValueError, "'cow'"),
        (("ant", ("bee", ("cat", "ant"))), ValueError, "'ant'"),
        (("ant", ("bee", "cat"), ()), ValueError, r"\(\)"),
        ({"ant": "insect", "bee": "insect"}, ValueError, "'cat'"),
        ({"ant": "bee", "bee": "cat", "cat": "ant"}, ValueError, "'ant' -> 'bee' -> 'cat'"),
    ],
)
def test_trees(tree, error, what):
    model = TreeReductionClassifier(BASE, tree=tree)
    assert_refused(lambda: model.fit(X, NAMES), error, rf"^tree must .*{what}")


# Data


@pytest.mark.parametrize("method", ["fit", "predict", "predict_proba", "margins"])
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
def test_rows(reduction, data, message, method):
    model = reduction(BASE)
    if method == "fit":
        y = Y[: np.shape(data)[0]] if np.ndim(data) == 2 else Y
        assert_refused(lambda: model.fit(data, y), ValueError, message)
    else:
        model.fit(X, Y)
        assert_refused(lambda: getattr(model, method)(data), ValueError, message)


def test_another_number_of_features(reduction):
    model = reduction(SGDClassifier(loss="log_loss")).fit(X, Y)
    for call in (
        lambda: model.predict(X[:, :2]),
        lambda: model.predict_proba(X[:, :2]),
        lambda: model.partial_fit(X[:, :2], Y),
    ):
        assert_refused(call, ValueError, r"^X has 2 features, but .* is expecting 3 features")


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (Y + 0.5, "continuous"),
        (np.column_stack([Y, Y]), r"(y should be a 1d array|multioutput|matrix of indicators)"),
        (Y[:5], r"inconsistent numbers of samples: \[12, 5\]"),
        (np.where(Y == 0, np.nan, Y), "y contains NaN"),
        (np.where(Y == 0, np.inf, Y), "y contains infinity"),
        (None, r"requires y to be passed|y should be a 1d array|\by\b.*None"),
        (np.zeros(12), r"^y must hold at least two classes .*, got 1 class\.$"),
        ([], r"inconsistent numbers of samples: \[12, 0\]"),
    ],
    ids=["continuous", "2-D", "length", "NaN", "infinity", "None", "one class", "empty"],
)
def test_labels(reduction, y, message):
    assert_refused(lambda: reduction(BASE).fit(X, y), ValueError, message)


@pytest.mark.parametrize("kind", [OneVsOneClassifier, ECOCClassifier, TreeReductionClassifier])
def test_several_labels_a_row_are_for_one_vs_all(kind):
    several = (np.arange(36).reshape(12, 3) % 2).astype(int)
    assert_refused(lambda: kind(BASE).fit(X, several), ValueError, r"y should be a 1d array")


@pytest.mark.parametrize("classes", [[0, 1], ["0", "1", "2"]])
def test_labels_that_are_not_listed(reduction, classes):
    message = r"^y must hold only labels of the classes .*, got .*2.*\.$"
    assert_refused(lambda: reduction(BASE, classes=classes).fit(X, Y), ValueError, message)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (
            np.where(Y == 0, -0.5, 1),
            r"^sample_weight must hold finite numbers >= 0 .*, got -0\.5\.$",
        ),
        (np.where(Y == 0, np.nan, 1), r"^sample_weight must hold finite numbers .*, got nan\.$"),
        (np.where(Y == 0, np.inf, 1), r"^sample_weight must hold finite numbers .*, got inf\.$"),
        (np.zeros(12), r"^sample_weight must .*zero"),
        (np.ones(5), r"^sample_weight must have shape \(12,\), got shape \(5,\)\.$"),
        (np.ones((12, 2)), r"^sample_weight must have shape \(12,\), got shape \(12, 2\)\.$"),
        (1.0 * (Y == 1), r"^y must hold at least two classes in rows of positive weight, got 1 "),
    ],
    ids=["negative", "NaN", "infinity", "zero", "length", "2-D", "one class"],
)
def test_weights(reduction, weight, message):
    model = reduction(BASE)
    assert_refused(lambda: model.fit(X, Y, sample_weight=weight), ValueError, message)


def test_weights_for_a_base_that_takes_none(reduction):
    model = reduction(KNeighborsClassifier(1))
    message = r"^sample_weight must be None for an estimator .* KNeighborsClassifier"
    assert_refused(lambda: model.fit(X, Y, sample_weight=np.ones(12)), ValueError, message)
    assert_array_equal(model.fit(X, Y).predict(X), Y)


def test_metadata_without_routing(reduction):
    message = "only supported if enable_metadata_routing=True"
    assert_refused(lambda: reduction(BASE).fit(X, Y, groups=Y), ValueError, message)


@pytest.mark.parametrize(
    "kind", [OneVsOneClassifier, lambda base: TreeReductionClassifier(base, tree="balanced")]
)
def test_a_kernel_between_rows_where_problems_leave_rows_out(kind):
    message = r"^estimator must .*precomputed.*, got SVC\(kernel='precomputed'\)"
    model = kind(SVC(kernel="precomputed"))
    assert_refused(lambda: model.fit(X @ X.T, Y), ValueError, message)


# Methods


def test_before_a_fit_only_what_the_base_promises_is_there(reduction):
    assert not hasattr(reduction(LinearSVC()), "predict_proba")
    assert hasattr(reduction(BASE), "predict_proba")


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function", "margins"])
def test_predictions_need_a_fit(reduction, method):
    assert_refused(lambda: getattr(reduction(BASE), method)(X), NotFittedError, "not fitted")


def test_probabilities_of_a_base_that_has_none(reduction):
    model = reduction(LinearSVC()).fit(X, Y)
    for method in ("predict_proba", "predict_log_proba"):
        assert not hasattr(model, method)
        message = r"^predict_proba needs .*, got LinearSVC\(\)\. Set calibrate='sigmoid' "
        assert_refused(lambda method=method: getattr(model, method), AttributeError, message)
    assert model.predict(X).shape == (12,)


@pytest.mark.parametrize("options", [{}, {"calibrate": "sigmoid"}])
def test_partial_fit_of_a_base_that_has_none(reduction, options):
    base = SGDClassifier() if options else BASE
    model = reduction(base, **options)
    assert not hasattr(model, "partial_fit")
    message = r"^partial_fit needs an estimator that has it .*, got .* and calibrate="
    assert_refused(lambda: model.partial_fit(X, Y), AttributeError, message)


@pytest.mark.parametrize(
    ("k", "error", "message"),
    [
        (0, ValueError, r"^k must be an integer of at least 1, got 0\.$"),
        (2.0, TypeError, r"^k must be an integer of at least 1, got 2\.0\.$"),
        (4, ValueError, r"^k must be at most the number of classes, 3, got 4\.$"),
    ],
)
def test_top_k(reduction, k, error, message):
    model = reduction(BASE).fit(X, Y)
    assert_refused(lambda: model.predict_top_k(X, k), error, message)


def test_the_probability_of_labels_that_are_no_class():
    model = TreeReductionClassifier(BASE).fit(X, NAMES)
    message = r"^labels must hold only labels of the classes .*, got \['dog'\]\.$"
    assert_refused(lambda: model.predict_label_proba(X, "dog"), ValueError, message)
    with pytest.raises(ValueError, match=r"\blabels\b"):
        model.predict_label_proba(X, NAMES[:5])


@pytest.mark.parametrize("kind", [OneVsAllClassifier, OneVsOneClassifier, ECOCClassifier])
def test_scores_of_problems(kind):
    model = kind(BASE).fit(X, Y)
    message = r"^y must hold only labels of the classes .*, got .*3.*\.$"
    assert_refused(lambda: model.score_problems(X, Y + 1), ValueError, message)
    message = r"inconsistent numbers of samples: \[12, 5\]"
    assert_refused(lambda: model.score_problems(X, Y[:5]), ValueError, message)


def test_a_fit_that_fails_leaves_the_model_as_it_was(reduction):
    model = reduction(BASE, random_state=0).fit(X, Y)
    expected = model.decision_function(X)
    before = dict(vars(model))
    with pytest.raises(ValueError, match="NaN"):
        model.fit(WITH_NAN, NAMES)
    with pytest.raises(ValueError, match="at least two classes"):
        model.fit(X[:, :2], np.zeros(12))
    assert vars(model) == before
    assert_array_equal(model.decision_function(X), expected)


def test_a_first_portion_that_fails_leaves_the_model_without_a_fit(reduction):
    model = reduction(GaussianNB(), random_state=0)
    before = dict(vars(model))
    with pytest.raises(ValueError, match="y must hold only labels"):
        model.partial_fit(X, NAMES, classes=["ant", "bee"])
    assert vars(model) == before
