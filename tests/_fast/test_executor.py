"""The kernels against NumPy, and what the border does not let pass."""

from functools import partial

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, ndtr

from skmlp import MLPNet

_executor = pytest.importorskip(
    "skmlp._fast._executor", reason="the extension has not been built", exc_type=ImportError
)
from skmlp._fast import epochs  # noqa: E402
from skmlp._fast.program import dense_fields  # noqa: E402

Executor, evaluate = _executor.Executor, _executor.evaluate

NAMES = ("baseline", "avx2", "avx512")


def runs_here(name):
    try:
        return _executor.instruction_set(name) == name
    except ValueError:
        return False


INSTRUCTIONS = [name for name in NAMES if runs_here(name)]
instructions = pytest.mark.parametrize("kernels", INSTRUCTIONS)
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])

# Elementary functions: NumPy's or SciPy's, and where they are used.
FUNCTIONS = {
    "exp": (np.exp, -800.0, 800.0),
    "expm1": (np.expm1, -800.0, 20.0),
    "log": (np.log, 1e-30, 1e30),
    "log1p": (np.log1p, 0.0, 1e6),
    "tanh": (np.tanh, -30.0, 30.0),
    "sigmoid": (expit, -800.0, 800.0),
    "normal_cdf": (ndtr, -30.0, 30.0),
}


@instructions
@dtypes
@pytest.mark.parametrize("name", FUNCTIONS)
def test_elementary_functions(name, dtype, kernels):
    function, low, high = FUNCTIONS[name]
    rng = np.random.default_rng(0)
    tiny = np.exp(rng.uniform(-30, 3, 5000)) * rng.choice([-1, 1], 5000)
    x = np.concatenate([rng.uniform(low, high, 5000), rng.uniform(-5, 5, 5000), tiny, [0.0]])
    x = x[(x >= low) & (x <= high)].astype(dtype)
    with np.errstate(over="ignore"):
        expected = function(x.astype(np.float64)).astype(dtype)
    info = np.finfo(dtype)
    # Numbers below the smallest normal one have fewer digits. The distribution function is used in
    # z P(z), as one plus an error function: what counts is the absolute error.
    atol = info.eps if name == "normal_cdf" else 2 * info.tiny
    assert_allclose(evaluate(name, x, kernels), expected, rtol=5 * info.eps, atol=atol)


@instructions
@dtypes
def test_functions_at_the_ends(dtype, kernels):
    def at(name, *x):
        return evaluate(name, np.array(x, dtype), kernels)

    assert_array_equal(at("exp", -np.inf, np.inf, 0, np.nan), [0, np.inf, 1, np.nan])
    assert_array_equal(at("expm1", -np.inf, 0, np.nan), [-1, 0, np.nan])
    assert_array_equal(at("tanh", -np.inf, np.inf, np.nan), [-1, 1, np.nan])
    assert_array_equal(at("sigmoid", -np.inf, np.inf, np.nan), [0, 1, np.nan])
    assert np.isnan(at("log1p", np.nan))[0]
    assert np.signbit(at("tanh", -0.0))[0]


@instructions
@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
def test_all_instructions_lead_to_the_same(monkeypatch, kind, kernels):
    rng = np.random.default_rng(0)
    X, y = kind(np.round(rng.normal(size=(100, 20)), 1)), rng.integers(0, 5, 100)
    options = {"optimizer": "momentum", "batch_norm": True, "dropout": 0.2, "dtype": "float64"}
    model = MLPNet((33, 17), random_state=0, max_iter=5, learning_rate=0.01, **options)
    monkeypatch.setenv("SKMLP_ROAD", "readable")
    expected = model.fit(X, y).theta_
    monkeypatch.delenv("SKMLP_ROAD")
    monkeypatch.setattr(epochs, "CompiledEpochs", partial(epochs.CompiledEpochs, kernels=kernels))
    model.fit(X, y)
    assert model.road_ == "compiled"
    assert_allclose(model.theta_, expected, rtol=1e-10, atol=1e-11)


def test_unknown_instructions_are_refused():
    with pytest.raises(ValueError, match="kernels must be one that this processor can run"):
        _executor.instruction_set("no such")


# The border. The model is 3 inputs, 2 classes and 8 parameters.


def executor(**changes):
    layers = [dense_fields(3, 2, {"W": slice(0, 6), "b": slice(6, 8)})]
    options = {
        "n_features": 3,
        "n_params": 8,
        "n_weights": 6,
        "n_learned": 8,
        "dtype": np.float64,
        "batch_size": 4,
        "loss": _executor.LOSS_CODES["softmax"],
        "loss_parameter": 0.0,
    }
    return Executor(changes.pop("layers", layers), **options | changes)


def arguments(**changes):
    optimizer = {
        "kind": _executor.OPTIMIZER_CODES["adam"],
        "a": 0.9,
        "b": 0.99,
        "eps": 1e-8,
        "decay": 0.0,
    }
    memory = {"first": np.zeros(8), "second": np.zeros(8), "t": 0, "clips": []}
    plain = {
        "theta": np.zeros(8),
        "X": np.ones((5, 3)),
        "targets": np.zeros(5, np.int64),
        "weight": np.full(5, 0.2),
        "n_counted": 5.0,
        "optimizer": optimizer | memory | changes.pop("optimizer", {}),
        "penalty": 0.1,
        "units": None,
        "order": np.arange(5),
        "batch_size": 4,
        "rates": np.full(2, 0.1),
        "rng": np.random.default_rng(0),
    }
    return plain | changes


def test_a_step_can_be_made():
    given = arguments()
    total, squares = executor().run(**given)
    assert total > 0
    assert squares > 0
    assert given["optimizer"]["t"] == 2
    assert given["theta"].any()


@pytest.mark.parametrize(
    "changes",
    [
        {"theta": np.zeros(7)},
        {"theta": np.zeros(8, np.float32)},
        {"theta": np.zeros(16)[::2]},
        {"theta": np.broadcast_to(0.0, 8)},
        {"theta": [0.0] * 8},
        {"X": np.ones((5, 4))},
        {"X": np.ones((4, 3))},
        {"X": np.ones((3, 5)).T},
        {"X": np.ones((5, 3), np.int64)},
        {"X": np.ones((5, 3), np.float16)},
        {"X": np.ones((5, 4), np.float32)},
        {"X": np.ones((3, 5), np.float32).T},
        {"targets": np.zeros(4, np.int64)},
        {"targets": np.zeros(5, np.int32)},
        {"targets": np.full(5, 2)},
        {"targets": np.full(5, -1)},
        {"weight": np.ones(4)},
        {"penalty": np.ones(5)},
        {"units": (np.ones(3), np.ones(2))},
        {"order": np.array([0, 5])},
        {"order": np.array([0, -1])},
        {"order": np.arange(5, dtype=np.int32)},
        {"batch_size": 5},
        {"batch_size": 0},
        {"rates": np.ones(1)},
        {"optimizer": {"first": np.zeros(7)}},
        {"optimizer": {"second": None}},
        {"optimizer": {"kind": 99}},
        {"optimizer": {"clips": [(0, 1.0)] * 5}},
        {"optimizer": {"clips": [(7, 1.0)]}},
    ],
)
def test_a_run_refuses_what_does_not_fit(changes):
    with pytest.raises(ValueError, match="must"):
        executor().run(**arguments(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"n_features": 4},
        {"n_features": 0},
        {"n_params": 7},
        {"n_weights": 5},
        {"n_learned": 7},
        {"dtype": np.float16},
        {"batch_size": 0},
        {"loss": 99},
        {"layers": []},
        {"layers": [dense_fields(3, 2, {"W": slice(1, 7)})]},
        {"layers": [dense_fields(3, 2, {"W": slice(-2, 4)})]},
        {"layers": [dense_fields(3, 2, {"b": slice(6, 8)})]},
        {"layers": [dense_fields(3, 2, {"W": slice(0, 6), "gamma": slice(6, 8)})]},
        {"layers": [dense_fields(3, 2, {"W": slice(0, 6)}) | {"activation": 99}]},
        {"layers": [dense_fields(3, 2, {"W": slice(0, 6)}) | {"threshold": 5}]},
        {
            "layers": [
                dense_fields(3, 1, {"W": slice(0, 3)}),
                dense_fields(2, 1, {"W": slice(0, 2)}),
            ]
        },
    ],
)
def test_a_program_refuses_what_does_not_fit(changes):
    with pytest.raises(ValueError, match="must"):
        executor(**changes)


broken_rows = pytest.mark.parametrize(
    ("values", "columns", "indptr"),
    [
        ([1.0, 1.0], [0, 3], [0, 1, 1, 1, 1, 2]),
        ([1.0, 1.0], [0, -1], [0, 1, 1, 1, 1, 2]),
        ([1.0, 1.0], [0, 3], [0, 0, 0, 0, 0, 2]),
        ([1.0, 1.0], [-1, 0], [0, 0, 0, 0, 0, 2]),
        ([1.0, 1.0], [0, 1], [0, 1, 1, 1, 1, 3]),
        ([1.0, 1.0], [0, 1], [0, 1, 1, 0, 1, 2]),
        ([1.0, 1.0], [0, 1], [-1, 1, 1, 1, 1, 2]),
        ([1.0, 1.0], [0, 1], [0, 1, 1, 1, 2]),
        ([1.0, 1.0], [0], [0, 1, 1, 1, 1, 2]),
    ],
)


@broken_rows
@pytest.mark.parametrize("input_dropout", [(0, 1.0), (5, 2.0)])
def test_sparse_rows_are_checked(values, columns, indptr, input_dropout):
    X = np.array(values), np.array(columns, np.int32), np.array(indptr, np.int64)
    sparse = executor(is_sparse=True, most_stored=2, input_dropout=input_dropout)
    with pytest.raises(ValueError, match="must"):
        sparse.run(**arguments(X=X))


@broken_rows
def test_sparse_rows_are_checked_where_each_makes_a_step(values, columns, indptr):
    """Plain steps of single rows with two classes look at a row's first and last column only."""
    X = np.array(values), np.array(columns, np.int32), np.array(indptr, np.int64)
    single = executor(
        layers=[dense_fields(3, 1, {"W": slice(0, 3), "b": slice(3, 4)})],
        n_params=4,
        n_weights=3,
        n_learned=4,
        batch_size=1,
        loss=_executor.LOSS_CODES["binary_logistic"],
        is_sparse=True,
        most_stored=2,
    )
    sgd = {"kind": _executor.OPTIMIZER_CODES["sgd"], "first": None, "second": None}
    given = arguments(X=X, optimizer=sgd, theta=np.zeros(4), targets=np.zeros((5, 1)))
    with pytest.raises(ValueError, match="must"):
        single.run(**given | {"batch_size": 1, "rates": np.full(5, 0.1)})


# Broken rows of a prediction are tested in test_scores.py.
CSR = np.ones(2), np.zeros(2, np.int32), np.array([0, 1, 2])


@pytest.mark.parametrize("is_sparse", [False, True])
def test_scores_of_a_program(is_sparse):
    X = CSR if is_sparse else np.ones((2, 3))
    F = executor(is_sparse=is_sparse).scores(np.arange(8.0), X, 2)
    assert_array_equal(F, [[6, 8]] * 2 if is_sparse else [[12, 16]] * 2)


@pytest.mark.parametrize(
    ("program", "theta", "X", "n_rows"),
    [
        ({}, np.zeros(7), np.ones((2, 3)), 2),
        ({}, np.zeros(8, np.float32), np.ones((2, 3)), 2),
        ({}, np.zeros(8), np.ones((2, 4)), 2),
        ({}, np.zeros(8), np.ones((2, 3)), 3),
        ({}, np.zeros(8), np.ones((2, 3), np.float32), 2),
        ({}, np.zeros(8), np.ones((2, 3)), -1),
        ({"input_dropout": (5, 2.0)}, np.zeros(8), np.ones((2, 3)), 2),
        ({"is_sparse": True, "input_dropout": (5, 2.0)}, np.zeros(8), CSR, 2),
        ({"is_sparse": True}, np.zeros(8), CSR, 1),
        ({"is_sparse": True}, np.zeros(8), CSR, 3),
        ({"is_sparse": True}, np.zeros(8), CSR, -1),
        ({"is_sparse": True}, np.zeros(8), (CSR[0].astype(np.float32), *CSR[1:]), 2),
        ({"is_sparse": True}, np.zeros(8), (CSR[0], CSR[1].astype(np.int64), CSR[2]), 2),
        ({"is_sparse": True}, np.zeros(8), (*CSR[:2], CSR[2].astype(np.int32)), 2),
    ],
)
def test_a_prediction_refuses_what_does_not_fit(program, theta, X, n_rows):
    with pytest.raises(ValueError, match="must"):
        executor(**program).scores(theta, X, n_rows)


def test_an_executor_is_initialized_once_and_before_it_runs():
    with pytest.raises(ValueError, match="initialized once"):
        executor().__init__(
            [dense_fields(3, 2, {"W": slice(0, 6)})],
            **{"n_features": 3, "n_params": 8, "n_weights": 6, "n_learned": 8},
            **{"dtype": np.float64, "batch_size": 4, "loss": 0, "loss_parameter": 0.0},
        )
    with pytest.raises(ValueError, match="initialized before"):
        Executor.__new__(Executor).run(**arguments())
