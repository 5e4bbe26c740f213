"""Layers against slow references, difference quotients and torch; and what training changes."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import binom

from skmlp.nn.activations import Tanh
from skmlp.nn.batch_norm import BatchNorm
from skmlp.nn.dense import Activate, Dense, Rescale
from skmlp.nn.dropout import Dropout
from skmlp.nn.gradient_check import central_differences, relative_error
from skmlp.nn.initializers import get_initializer
from skmlp.nn.layers import Layer
from skmlp.nn.parameters import Layout

GLOROT = get_initializer("glorot")
N, FAnormalizedIN, FAnormalizedOUT = 5, 4, 3

# For each: a layer of FAnormalizedIN columns.
LAYERS = {
    "dense": Dense(FAnormalizedIN, FAnormalizedOUT, GLOROT),
    "dense without bias": Dense(FAnormalizedIN, FAnormalizedOUT, GLOROT, bias=False),
    "activate": Activate(Tanh()),
    "rescale": Rescale(np.array([5.0, -2, 0, 1]), np.array([3.0, 0.1, 20, 1])),
    "batch norm": BatchNorm(FAnormalizedIN),
    "dropout": Dropout(0.4),
}
each_layer = pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def parameters(layer, dtype=np.float64, seed=1):
    """Arrays for a layer, none at a special value."""
    rng = np.random.default_rng(seed)
    return {
        name: rng.uniform(0.5, 2.0, slot.shape).astype(dtype) for name, slot in layer.slots.items()
    }


def inputs(n_rows=N, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).normal(1.0, 2.0, (n_rows, FAnormalizedIN)).astype(dtype)


def forward(layer, params, X, train=True, seed=0):
    return layer.forward(params, X, train=train, rng=np.random.default_rng(seed))


def way_back(layer, params, X, dY, wanted=True, **options):
    """Return dX and the derivatives in the parameters; dY is kept."""
    grad = {name: np.full_like(value, np.nan) for name, value in params.items()}
    _, backward = forward(layer, params, X, **options)
    return backward(dY.copy(), grad, wanted), grad


# All layers


@pytest.mark.parametrize("n_rows", [1, 2, N])
@pytest.mark.parametrize("train", [True, False])
@each_layer
def test_the_way_back_is_the_derivative(layer, train, n_rows):
    layout = Layout([layer.slots])
    X = inputs(n_rows)
    theta = np.zeros(layout.n_params)
    (views,) = layout.views(theta)
    for name, value in parameters(layer).items():
        views[name][...] = value
    point = np.concatenate([theta, X.ravel()])
    dY = np.random.default_rng(2).standard_normal(forward(layer, views, X, train)[0].shape)

    def value(point):
        theta, X = (
            point[: layout.n_params].copy(),
            point[layout.n_params :].reshape(n_rows, FAnormalizedIN),
        )
        Y, _ = forward(layer, layout.views(theta)[0], X, train)
        return float((Y * dY).sum())

    # A training batch has moved the statistics: the other passes must start at the same ones.
    theta[...] = point[: layout.n_params]
    dX, grad = way_back(layer, views, X, dY, train=train)
    gradient = np.zeros(layout.n_params)
    for name, view in layout.views(gradient)[0].items():
        view[...] = grad[name]
    learned = np.arange(layout.n_learned)
    columns = layout.n_params + np.arange(X.size)
    expected = central_differences(value, point, np.concatenate([learned, columns]))
    assert relative_error(np.concatenate([gradient[learned], dX.ravel()]), expected) < 1e-8


@each_dtype
@pytest.mark.parametrize("train", [True, False])
@each_layer
def test_the_dtype_is_kept_and_the_input_too(layer, train, dtype):
    X, params = inputs(dtype=dtype), parameters(layer, dtype)
    before = X.copy()
    Y, backward = forward(layer, params, X, train)
    kept = Y.copy()
    grad = {name: np.zeros_like(value) for name, value in params.items()}
    dX = backward(np.ones_like(Y), grad, True)
    assert Y.dtype == dX.dtype == dtype
    assert dX.shape == X.shape
    assert_array_equal(X, before)
    assert_array_equal(Y, kept)


@each_layer
def test_single_precision_is_double_precision_up_to_rounding(layer):
    results = []
    for dtype in (np.float32, np.float64):
        X, params = inputs(dtype=dtype), parameters(layer, dtype)
        Y, _ = forward(layer, params, X)
        dX, grad = way_back(layer, params, X, Y)
        statistics = {name: params.pop(name) for name in ("mean", "variance") if name in params}
        learned = {name: grad[name] for name in params}
        results.append([Y, dX, *learned.values(), *statistics.values()])
    for narrow, wide in zip(*results, strict=True):
        assert_allclose(narrow, wide, rtol=1e-4, atol=1e-4)


def test_a_layer_by_itself_needs_no_arrays_and_computes_nothing():
    assert Layer().slots == {}
    with pytest.raises(NotImplementedError):
        forward(Layer(), {}, inputs())


# Dense


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("bias", [True, False])
def test_dense_entry_by_entry(bias, container):
    layer = Dense(FAnormalizedIN, FAnormalizedOUT, GLOROT, bias=bias)
    params, X = parameters(layer), inputs()
    X = X * (X > 0)
    W, b = params["W"], params.get("b", np.zeros(FAnormalizedOUT))
    dZ = np.random.default_rng(2).standard_normal((N, FAnormalizedOUT))
    rows, fan_in, fan_out = range(N), range(FAnormalizedIN), range(FAnormalizedOUT)

    Z, _ = forward(layer, params, container(X))
    expected = [[sum(X[i, j] * W[j, k] for j in fan_in) + b[k] for k in fan_out] for i in rows]
    assert_allclose(Z, expected, rtol=1e-13)

    dX, grad = way_back(layer, params, container(X), dZ)
    dW = [[sum(X[i, j] * dZ[i, k] for i in rows) for k in fan_out] for j in fan_in]
    assert_allclose(grad["W"], dW, rtol=1e-12)
    assert_allclose(dX, [[sum(dZ[i] * W[j]) for j in fan_in] for i in rows], rtol=1e-12)
    assert grad.keys() == ({"W", "b"} if bias else {"W"})
    if bias:
        assert_allclose(grad["b"], [sum(dZ[:, k]) for k in fan_out], rtol=1e-12)


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array], ids=["dense", "sparse"])
def test_dense_does_not_compute_what_nobody_wants(container):
    layer = LAYERS["dense"]
    X, params, dZ = container(inputs()), parameters(layer), np.ones((N, FAnormalizedOUT))
    dX, grad = way_back(layer, params, X, dZ, wanted=False)
    assert dX is None
    _, expected = way_back(layer, params, X, dZ)
    for name in ("W", "b"):
        assert_array_equal(grad[name], expected[name])


@each_dtype
def test_dense_starts_with_weights_of_its_initializer_and_no_bias(dtype):
    layer = LAYERS["dense"]
    params = {name: np.zeros(slot.shape, dtype) for name, slot in layer.slots.items()}
    layer.start(params, np.random.default_rng(3))
    drawn = GLOROT.draw(np.random.default_rng(3), FAnormalizedIN, FAnormalizedOUT, np.dtype(dtype))
    assert_array_equal(params["W"], drawn)
    assert_array_equal(params["b"], np.zeros(FAnormalizedOUT))
    assert params["W"].dtype == dtype


# Activate and Rescale


def test_activate_by_hand():
    Z, dA = inputs(), np.random.default_rng(2).standard_normal((N, FAnormalizedIN))
    A, _ = forward(LAYERS["activate"], {}, Z)
    assert_allclose(A, np.tanh(Z), rtol=1e-14)
    dZ, _ = way_back(LAYERS["activate"], {}, Z, dA)
    assert_allclose(dZ, dA / np.cosh(Z) ** 2, rtol=1e-11)


@pytest.mark.parametrize("train", [True, False])
def test_rescale_by_hand(train):
    layer = Rescale(np.array([10.0, -1.0]), np.array([2.0, 0.5]))
    Z, dF = np.array([[1.0, 4.0], [-3.0, 0.0]]), np.array([[1.0, 2.0], [3.0, -4.0]])
    F, _ = forward(layer, {}, Z, train)
    assert_array_equal(F, [[12, 1], [4, -1]])
    dZ, _ = way_back(layer, {}, Z, dF, train=train)
    assert_array_equal(dZ, [[2, 1], [6, -2]])
    assert_array_equal(layer.shift, [10, -1])
    assert_array_equal(layer.scale, [2, 0.5])


# Batch norm


def started(layer, dtype=np.float64):
    params = {name: np.zeros(slot.shape, dtype) for name, slot in layer.slots.items()}
    layer.start(params, np.random.default_rng(0))
    return params


def test_batch_norm_starts_as_the_identity_of_standardized_rows():
    layer = BatchNorm(FAnormalizedIN, eps=1e-12)
    params = started(layer)
    X = inputs()
    Y, _ = forward(layer, params, X, train=False)
    assert_allclose(Y, X, rtol=1e-11)
    standardized, _ = forward(layer, params, X)
    assert_allclose(standardized, (X - X.mean(axis=0)) / X.std(axis=0), rtol=1e-10, atol=1e-14)


def test_batch_norm_column_by_column():
    layer = BatchNorm(FAnormalizedIN, eps=0.3)
    params, Z = parameters(layer), inputs()
    Y, _ = forward(layer, params, Z)
    for j, column in enumerate(Z.T.tolist()):
        mean = sum(column) / N
        variance = sum((z - mean) ** 2 for z in column) / N
        expected = [
            (z - mean) / (variance + 0.3) ** 0.5 * params["gamma"][j] + params["beta"][j]
            for z in column
        ]
        assert_allclose(Y[:, j], expected, rtol=1e-12)


def test_batch_norm_does_not_see_scale_and_shift_of_its_input():
    layer = BatchNorm(FAnormalizedIN, eps=1e-14)
    params, Z = parameters(layer), inputs()
    Y, _ = forward(layer, params, Z)
    moved, _ = forward(layer, params, Z * [1.0, 10.0, 0.5, 3.0] + [0.0, 5.0, -7.0, 1.0])
    assert_allclose(moved, Y, rtol=1e-11)


@pytest.mark.parametrize("train", [True, False])
def test_batch_norm_of_a_constant_unit_is_finite(train):
    layer = BatchNorm(FAnormalizedIN)
    params = parameters(layer)
    params["mean"][...], params["variance"][...] = 3, 0
    Z = np.full((N, FAnormalizedIN), 3.0)
    Y, _ = forward(layer, params, Z, train)
    assert_array_equal(Y, np.broadcast_to(params["beta"], Y.shape))
    dZ, _ = way_back(layer, params, Z, np.ones_like(Z), train=train)
    assert np.isfinite(dZ).all()


@each_dtype
@pytest.mark.parametrize("momentum", [0.1, 0.7, 1.0])
def test_running_statistics_are_exponential_moving_averages(momentum, dtype):
    layer = BatchNorm(FAnormalizedIN, momentum=momentum)
    params = started(layer, dtype)
    mean, variance = np.zeros(FAnormalizedIN), np.ones(FAnormalizedIN)
    for seed, n_rows in enumerate([7, 2, 3, 40]):
        Z = inputs(n_rows, seed)
        forward(layer, params, Z.astype(dtype))
        mean = (1 - momentum) * mean + momentum * Z.sum(axis=0) / n_rows
        unbiased = ((Z - Z.sum(axis=0) / n_rows) ** 2).sum(axis=0) / (n_rows - 1)
        variance = (1 - momentum) * variance + momentum * unbiased
        rtol = 1e-5 if dtype == np.float32 else 1e-12
        assert_allclose(params["mean"], mean, rtol=rtol)
        assert_allclose(params["variance"], variance, rtol=rtol)
    assert_array_equal(params["gamma"], np.ones(FAnormalizedIN))
    assert_array_equal(params["beta"], np.zeros(FAnormalizedIN))


@pytest.mark.parametrize(("n_rows", "train"), [(N, False), (1, False), (1, True)])
def test_without_a_batch_running_statistics_are_used_and_left_alone(n_rows, train):
    layer = BatchNorm(FAnormalizedIN, eps=0.3)
    params, Z = parameters(layer), inputs(n_rows)
    before = {name: value.copy() for name, value in params.items()}
    Y, _ = forward(layer, params, Z, train)
    normalized = (Z - before["mean"]) / np.sqrt(before["variance"] + 0.3)
    assert_allclose(Y, normalized * before["gamma"] + before["beta"], rtol=1e-13)
    dY = np.random.default_rng(2).standard_normal(Z.shape)
    dZ, grad = way_back(layer, params, Z, dY, train=train)
    assert_allclose(dZ, dY * before["gamma"] / np.sqrt(before["variance"] + 0.3), rtol=1e-13)
    assert_allclose(grad["gamma"], (dY * normalized).sum(axis=0), rtol=1e-12)
    assert_allclose(grad["beta"], dY.sum(axis=0), rtol=1e-12)
    for name, value in before.items():
        assert_array_equal(params[name], value)


def test_a_prediction_does_not_depend_on_the_other_rows():
    layer = BatchNorm(FAnormalizedIN)
    params, Z = parameters(layer), inputs()
    together, _ = forward(layer, params, Z, train=False)
    for i in range(N):
        alone, _ = forward(layer, params, Z[i : i + 1], train=False)
        assert_array_equal(alone[0], together[i])
    changed = Z.copy()
    changed[1:] *= 100
    assert_array_equal(forward(layer, params, changed, train=False)[0][0], together[0])
    assert (forward(layer, params, changed)[0][0] != together[0]).all()


def test_in_training_every_row_depends_on_the_others():
    layer = BatchNorm(FAnormalizedIN)
    dY = np.zeros((N, FAnormalizedIN))
    dY[0] = 1
    dZ, _ = way_back(layer, parameters(layer), inputs(), dY)
    assert (dZ != 0).all()
    # A shift of a whole column changes nothing.
    assert_allclose(dZ.sum(axis=0), 0, atol=1e-14)


# Dropout


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("container", [np.asarray, sp.csr_array], ids=["dense", "sparse"])
def test_dropout_silences_a_share_and_keeps_the_expectation(container, rate):
    X = np.random.default_rng(1).uniform(0.5, 2.0, (200, 100))
    Y, _ = forward(Dropout(rate), {}, container(X))
    Y = Y.toarray() if sp.issparse(Y) else Y
    silent = Y == 0
    assert_allclose(Y[~silent], X[~silent] / (1 - rate), rtol=1e-14)
    low, high = binom(X.size, rate).interval(1 - 1e-6)
    assert low <= np.count_nonzero(silent) <= high
    # A unit has the variance p / (1 - p) x^2.
    spread = np.sqrt(rate / (1 - rate) * (X**2).sum())
    assert abs(Y.sum() - X.sum()) <= 5 * spread + 1e-9


def test_dropout_draws_anew_for_every_entry_and_every_time():
    layer, rng = Dropout(0.5), np.random.default_rng(0)
    X = np.ones((60, 40))
    first, second = (layer.forward({}, X, train=True, rng=rng)[0] for _ in range(2))
    for one, other in ((first, second), (first[1:], first[:-1]), (first[:, 1:], first[:, :-1])):
        assert 0.45 < np.mean(one == other) < 0.55


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array], ids=["dense", "sparse"])
def test_the_mask_is_the_same_in_either_precision(container):
    masks = []
    for dtype in (np.float32, np.float64):
        Y, _ = forward(Dropout(0.3), {}, container(np.ones((20, 10), dtype)))
        assert Y.dtype == dtype
        masks.append((Y.toarray() if sp.issparse(Y) else Y) == 0)
    assert_array_equal(masks[0], masks[1])
    assert masks[0].any()
    assert not masks[0].all()


def test_both_precisions_leave_the_generator_in_the_same_state():
    states = []
    for dtype in (np.float32, np.float64):
        rng = np.random.default_rng(0)
        Dropout(0.3).forward({}, np.ones((3, 3), dtype), train=True, rng=rng)
        states.append(rng.random())
    assert states[0] == states[1]


def test_the_way_back_wears_the_same_mask():
    X, dY = inputs(), np.random.default_rng(2).standard_normal((N, FAnormalizedIN))
    Y, _ = forward(Dropout(0.5), {}, X)
    dX, _ = way_back(Dropout(0.5), {}, X, dY)
    assert (Y == 0).any()
    assert_allclose(dX, dY * (Y / X), rtol=1e-13)


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array], ids=["dense", "sparse"])
def test_dropout_does_nothing_in_prediction(container):
    X = container(inputs())
    rng = np.random.default_rng(0)
    Y, backward = Dropout(0.9).forward({}, X, train=False, rng=rng)
    assert Y is X
    dY = np.ones((N, FAnormalizedIN))
    assert_array_equal(backward(dY, {}, True), np.ones((N, FAnormalizedIN)))
    assert rng.random() == np.random.default_rng(0).random()


@each_dtype
def test_dropout_of_sparse_rows_draws_for_the_stored_entries_alone(dtype):
    rng = np.random.default_rng(1)
    X = sp.csr_array((rng.random((30, 20)) * (rng.random((30, 20)) < 0.2)).astype(dtype))
    X.data[0] = 0
    before = X.copy()
    Y, _ = forward(Dropout(0.4), {}, X)
    assert_array_equal(Y.indptr, before.indptr)
    assert_array_equal(Y.indices, before.indices)
    drawn, _ = forward(Dropout(0.4), {}, before.data)
    assert_array_equal(Y.data, drawn)
    assert Y.dtype == dtype
    for part in ("data", "indices", "indptr"):
        assert_array_equal(getattr(X, part), getattr(before, part))


# Torch


def as_torch(torch, arrays):
    return {name: torch.tensor(value, requires_grad=True) for name, value in arrays.items()}


@pytest.mark.parametrize("bias", [True, False])
def test_dense_agrees_with_torch(bias):
    torch = pytest.importorskip("torch")
    layer = Dense(FAnormalizedIN, FAnormalizedOUT, GLOROT, bias=bias)
    params, X = parameters(layer), inputs()
    dZ = np.random.default_rng(2).standard_normal((N, FAnormalizedOUT))
    leaves = as_torch(torch, {"X": X, **params})
    expected = torch.nn.functional.linear(leaves["X"], leaves["W"].T, leaves.get("b"))
    expected.backward(torch.tensor(dZ))

    Z, _ = forward(layer, params, X)
    dX, grad = way_back(layer, params, X, dZ)
    assert_allclose(Z, expected.detach().numpy(), rtol=1e-12)
    for name, value in {"X": dX, **grad}.items():
        assert_allclose(value, leaves[name].grad.numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("momentum", [0.1, 1.0])
def test_batch_norm_agrees_with_torch(momentum):
    torch = pytest.importorskip("torch")
    layer = BatchNorm(FAnormalizedIN, momentum=momentum, eps=1e-3)
    params = parameters(layer)
    peer = torch.nn.BatchNorm1d(FAnormalizedIN, momentum=momentum, eps=1e-3, dtype=torch.float64)
    names = {"weight": "gamma", "bias": "beta", "running_mean": "mean", "running_var": "variance"}
    count = peer.state_dict()["num_batches_tracked"]
    start = {theirs: torch.tensor(params[ours]) for theirs, ours in names.items()}
    peer.load_state_dict(start | {"num_batches_tracked": count})
    rng = np.random.default_rng(2)
    # Three batches of training, then a prediction, then training again.
    for seed, train in enumerate([True, True, True, False, True]):
        Z, dY = inputs(4 + seed, seed), rng.standard_normal((4 + seed, FAnormalizedIN))
        peer.train(train)
        peer.zero_grad()
        leaf = torch.tensor(Z, requires_grad=True)
        expected = peer(leaf)
        expected.backward(torch.tensor(dY))

        grad = {name: np.empty(FAnormalizedIN) for name in params}
        Y, backward = forward(layer, params, Z, train)
        assert_allclose(Y, expected.detach().numpy(), rtol=1e-11)
        dZ = backward(dY, grad, True)
        assert_allclose(dZ, leaf.grad.numpy(), rtol=1e-10, atol=1e-13)
        assert_allclose(grad["gamma"], peer.weight.grad.numpy(), rtol=1e-11)
        assert_allclose(grad["beta"], peer.bias.grad.numpy(), rtol=1e-11)
        assert_allclose(params["mean"], peer.running_mean.numpy(), rtol=1e-12)
        assert_allclose(params["variance"], peer.running_var.numpy(), rtol=1e-12)
