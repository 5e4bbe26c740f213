"""Optimizers against slow scalar references, closed forms and the identities between them."""

import math
import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skmlp.optim import optimizers
from skmlp.optim.optimizers import (
    BLOCK,
    OPTIMIZERS,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    ClipNorm,
    ClipValue,
    Momentum,
    Optimizer,
    RMSProp,
    get_optimizer,
)

N_PARAMS = 7
N_STEPS = 12
RATE = 0.1

ALL = [
    SGD(),
    Momentum(0.7),
    Momentum(0.7, nesterov=True),
    Adagrad(eps=1e-3, initial_accumulator=0.2),
    RMSProp(decay=0.8, eps=1e-3),
    Adam(beta1=0.8, beta2=0.95, eps=1e-3),
    AdamW(beta1=0.8, beta2=0.95, eps=1e-3, weight_decay=0.3),
    ClipNorm(max_norm=2.0, then="nesterov"),
    ClipValue(max_value=0.5, then=ClipNorm(1.0, then=AdamW(weight_decay=0.3))),
]


def random_gradients(n_steps=N_STEPS, seed=0):
    scale = 10.0 ** np.arange(-3, N_PARAMS - 3)
    return np.random.default_rng(seed).normal(size=(n_steps, N_PARAMS)) * scale


def initial_theta():
    return np.linspace(-1.0, 2.0, N_PARAMS)


def trajectory(optimizer, grads, penalized=None, dtype=np.float64):
    """Return the direction and theta of every step."""
    theta = initial_theta().astype(dtype)
    state = optimizer.init(theta, penalized)
    directions, thetas = [], []
    for grad in grads.astype(dtype):
        direction = optimizer.direction(grad, theta, state)
        directions.append(direction.copy())
        theta = theta - RATE * direction
        thetas.append(theta)
    return np.array(directions), np.array(thetas)


# One entry of theta at a time, in plain Python: each function takes the gradients of one entry and
# returns its directions.


def momentum_by_hand(grads, theta, momentum, nesterov):
    velocity = 0.0
    for g in grads:
        velocity = momentum * velocity + g
        yield g + momentum * velocity if nesterov else velocity


def adagrad_by_hand(grads, theta, eps, initial_accumulator):
    for t in range(len(grads)):
        total = initial_accumulator + sum(g * g for g in grads[: t + 1])
        yield grads[t] / (math.sqrt(total) + eps)


def rmsprop_by_hand(grads, theta, decay, eps):
    for t in range(len(grads)):
        mean = sum((1 - decay) * decay ** (t - i) * grads[i] ** 2 for i in range(t + 1))
        yield grads[t] / (math.sqrt(mean) + eps)


def weighted_mean(values, beta):
    weights = [beta ** (len(values) - 1 - i) for i in range(len(values))]
    return sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights)


def adam_by_hand(grads, theta, beta1, beta2, eps, weight_decay=0.0):
    """The corrected moments of Adam are weighted means, whose weights shrink with age."""
    for t in range(1, len(grads) + 1):
        mean = weighted_mean(grads[:t], beta1)
        mean_square = weighted_mean([g * g for g in grads[:t]], beta2)
        direction = mean / (math.sqrt(mean_square) + eps) + weight_decay * theta
        yield direction
        theta = theta - RATE * direction


@pytest.mark.parametrize(
    ("optimizer", "by_hand"),
    [
        (Momentum(0.7), momentum_by_hand),
        (Momentum(0.7, nesterov=True), momentum_by_hand),
        (Adagrad(eps=0.01), adagrad_by_hand),
        (Adagrad(eps=0.01, initial_accumulator=0.5), adagrad_by_hand),
        (RMSProp(decay=0.8, eps=0.01), rmsprop_by_hand),
        (RMSProp(decay=0.0, eps=0.01), rmsprop_by_hand),
        (Adam(beta1=0.8, beta2=0.95, eps=0.01), adam_by_hand),
        (AdamW(beta1=0.8, beta2=0.95, eps=0.01, weight_decay=0.3), adam_by_hand),
    ],
    ids=lambda value: getattr(value, "__name__", repr(value)),
)
def test_direction_equals_the_formula_entry_by_entry(optimizer, by_hand):
    grads = random_gradients()
    expected = [
        list(by_hand(entry.tolist(), start, **optimizer.get_params()))
        for entry, start in zip(grads.T, initial_theta().tolist(), strict=True)
    ]
    directions, _ = trajectory(optimizer, grads)
    assert_allclose(directions, np.transpose(expected), rtol=1e-12)


def test_sgd_direction_is_the_gradient():
    grads = random_gradients()
    assert_array_equal(trajectory(SGD(), grads)[0], grads)


# Closed forms: what the formulas become when the gradient never changes.

CONSTANT = np.tile([1.0, -2.0, 3.0, 1e-3, -1e3, 5.0, -0.5], (N_STEPS, 1))
STEPS = np.arange(1, N_STEPS + 1)[:, None]


def test_momentum_adds_up_a_constant_gradient_as_a_geometric_series():
    a = 0.7
    series = (1 - a**STEPS) / (1 - a)
    assert_allclose(trajectory(Momentum(a), CONSTANT)[0], CONSTANT * series, rtol=1e-12)
    ahead = (1 - a ** (STEPS + 1)) / (1 - a)
    nesterov = Momentum(a, nesterov=True)
    assert_allclose(trajectory(nesterov, CONSTANT)[0], CONSTANT * ahead, rtol=1e-12)


def test_adagrad_shrinks_as_one_over_the_root_of_the_steps():
    expected = np.sign(CONSTANT) / np.sqrt(STEPS)
    assert_allclose(trajectory(Adagrad(eps=1e-30), CONSTANT)[0], expected, rtol=1e-12)


def test_adam_takes_unit_steps_under_a_constant_gradient():
    expected = CONSTANT / (np.abs(CONSTANT) + 1e-2)
    assert_allclose(trajectory(Adam(eps=1e-2), CONSTANT)[0], expected, rtol=1e-12)


@pytest.mark.parametrize("name", ["adagrad", "rmsprop", "adam"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_entry_without_gradient_does_not_move(name, dtype):
    grads = random_gradients()
    grads[:, 2] = 0.0
    directions, _ = trajectory(get_optimizer(name), grads, dtype=dtype)
    assert_array_equal(directions[:, 2], 0.0)


# Identities between optimizers.


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Momentum(0.0), SGD()),
        (Momentum(0.0, nesterov=True), SGD()),
        (AdamW(weight_decay=0.0), Adam()),
        (ClipNorm(1e9, then="adam"), Adam()),
        (ClipValue(1e9, then="adam"), Adam()),
        (ClipNorm(1e9, then=ClipValue(0.1)), ClipValue(0.1)),
    ],
    ids=repr,
)
def test_identities(one, other):
    grads = random_gradients()
    assert_array_equal(trajectory(one, grads)[1], trajectory(other, grads)[1])


def test_adam_without_momentum_is_rmsprop_with_bias_correction():
    grads, decay = random_gradients(), 0.9
    rmsprop, _ = trajectory(RMSProp(decay, eps=1e-30), grads)
    adam, _ = trajectory(Adam(beta1=0.0, beta2=decay, eps=1e-30), grads)
    assert_allclose(adam, np.sqrt(1 - decay**STEPS) * rmsprop, rtol=1e-12)


@pytest.mark.parametrize("optimizer", [Adagrad(1e-30), RMSProp(0.9, 1e-30), Adam(eps=1e-30)])
def test_adaptive_directions_ignore_the_scale_of_the_objective(optimizer):
    grads = random_gradients()
    directions, _ = trajectory(optimizer, grads)
    assert_allclose(trajectory(optimizer, 1000 * grads)[0], directions, rtol=1e-12)


# Weight decay.


def test_adamw_decays_weights_only():
    penalized = np.arange(N_PARAMS) % 2 == 0
    grads = np.zeros((N_STEPS, N_PARAMS))
    _, thetas = trajectory(AdamW(weight_decay=0.3), grads, penalized)
    shrunk = initial_theta() * (1 - RATE * 0.3) ** STEPS
    assert_allclose(thetas, np.where(penalized, shrunk, initial_theta()), rtol=1e-12)


def test_adamw_adds_its_decay_to_the_direction_of_adam():
    penalized = np.arange(N_PARAMS) % 2 == 0
    grads, theta = random_gradients(), initial_theta()
    adam, adamw = Adam(), AdamW(weight_decay=0.3)
    adam_state, adamw_state = adam.init(theta), adamw.init(theta, penalized)
    for grad in grads:
        with_decay = adamw.direction(grad.copy(), theta, adamw_state)
        difference = with_decay - adam.direction(grad, theta, adam_state)
        assert_allclose(difference, 0.3 * penalized * theta, atol=1e-15)


def test_clipping_hands_the_mask_of_the_weights_on():
    penalized = np.arange(N_PARAMS) % 2 == 0
    grads, inner = random_gradients(), AdamW(weight_decay=0.3)
    outer = ClipValue(1e9, then=ClipNorm(1e9, then=inner))
    _, expected = trajectory(inner, grads, penalized)
    assert_array_equal(trajectory(outer, grads, penalized)[1], expected)


# Clipping.


def test_clip_norm_shortens_long_gradients_only():
    short = np.array([0.3, 0.0, -0.4])
    clip = ClipNorm(max_norm=0.5)
    state = clip.init(short)
    assert_array_equal(clip.direction(short, short, state), short)
    assert_allclose(clip.direction(1.001 * short, short, state), short, rtol=1e-15)
    assert_allclose(clip.direction(1e6 * short, short, state), short, rtol=1e-12)
    # A long gradient leaves no trace.
    assert_array_equal(clip.direction(0.5 * short, short, state), 0.5 * short)


def test_clip_norm_of_a_float32_gradient_whose_square_overflows():
    grad = np.array([3e30, -4e30], dtype=np.float32)
    clip = ClipNorm(max_norm=5.0)
    assert_allclose(clip.direction(grad, grad, clip.init(grad)), [3.0, -4.0], rtol=1e-6)


def test_clip_value_bounds_every_entry():
    grad = np.array([0.5, 2.0, -2.0, -0.1, 1e9])
    clip = ClipValue(max_value=1.5)
    direction = clip.direction(grad, grad, clip.init(grad))
    assert_array_equal(direction, [0.5, 1.5, -1.5, -0.1, 1.5])


def test_clipping_happens_before_the_optimizer_behind_it():
    grads = 1000 * random_gradients()
    bounded = np.clip(grads, -1.0, 1.0)
    expected, _ = trajectory(Momentum(0.7), bounded)
    directions, _ = trajectory(ClipValue(1.0, then=Momentum(0.7)), grads)
    assert_array_equal(directions, expected)


@pytest.mark.parametrize("clip", [ClipNorm(1.0), ClipValue(1.0)], ids=repr)
def test_clipping_hides_no_nan(clip):
    grad = np.array([np.nan, 0.5])
    assert np.isnan(clip.direction(grad, grad, clip.init(grad))[0])


# What holds for all optimizers.


@pytest.mark.parametrize("optimizer", ALL, ids=repr)
def test_float32_stays_float32_and_follows_float64(optimizer):
    grads = random_gradients()
    directions, _ = trajectory(optimizer, grads, dtype=np.float32)
    assert directions.dtype == np.float32
    # 2e-5 is some hundred float32 roundings.
    expected, _ = trajectory(optimizer, grads)
    assert_allclose(directions, expected, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("optimizer", ALL, ids=repr)
def test_numpy_scalars_as_hyperparameters_change_nothing(optimizer):
    lifted = clone(optimizer)
    for name, value in lifted.get_params().items():
        if isinstance(value, float):
            lifted.set_params(**{name: np.float64(value)})
    grads = random_gradients()
    directions, _ = trajectory(lifted, grads, dtype=np.float32)
    assert_array_equal(directions, trajectory(optimizer, grads, dtype=np.float32)[0])
    assert directions.dtype == np.float32


@pytest.mark.parametrize("optimizer", ALL, ids=repr)
def test_theta_is_not_modified(optimizer):
    theta = initial_theta()
    state = optimizer.init(theta)
    for grad in random_gradients():
        direction = optimizer.direction(grad, theta, state)
        assert_array_equal(theta, initial_theta())
        assert not np.shares_memory(direction, theta)


@pytest.mark.parametrize("optimizer", ALL, ids=repr)
def test_a_step_needs_no_array_as_long_as_theta(optimizer, traced):
    theta = np.ones(20 * BLOCK)
    state = optimizer.init(theta)
    direction, peak = traced(optimizer.direction, np.full_like(theta, 0.01), theta, state)
    assert direction.shape == theta.shape
    # Two blocks at most, and little for Python.
    assert peak < 3 * BLOCK * theta.itemsize


@pytest.mark.parametrize("optimizer", ALL, ids=repr)
def test_blocks_are_of_no_account(optimizer, monkeypatch):
    penalized = np.arange(N_PARAMS) % 3 > 0
    whole = trajectory(optimizer, random_gradients(), penalized)[1]
    monkeypatch.setattr(optimizers, "BLOCK", 3)
    assert N_PARAMS % 3
    assert_array_equal(trajectory(optimizer, random_gradients(), penalized)[1], whole)


@pytest.mark.parametrize(
    ("name", "n_arrays"),
    [("sgd", 0), ("momentum", 1), ("nesterov", 1), ("adagrad", 1), ("rmsprop", 1), ("adam", 2)],
)
def test_a_state_is_what_is_remembered_and_no_more(name, n_arrays):
    for optimizer in (get_optimizer(name), ClipNorm(1e-3, then=name), ClipValue(1e-3, then=name)):
        theta = initial_theta()
        state = optimizer.init(theta)
        optimizer.direction(random_gradients()[0], theta, state)
        memory = state.get("then_state", state)
        arrays = [value for value in memory.values() if isinstance(value, np.ndarray)]
        assert len(arrays) == n_arrays
        assert memory is state or state.keys() == {"then", "then_state"}


def test_adamw_remembers_its_weights_as_bits():
    state = AdamW().init(initial_theta())
    assert state.keys() == {"sum", "squares", "t", "penalized"}
    assert state["penalized"].dtype == bool


@pytest.mark.parametrize("optimizer", ALL, ids=repr)
def test_training_resumes_from_a_pickle_bit_for_bit(optimizer):
    grads = random_gradients(10)
    _, expected = trajectory(optimizer, grads)
    theta = initial_theta()
    state = optimizer.init(theta)
    for step, grad in enumerate(grads):
        if step == 5:
            optimizer, theta, state = pickle.loads(pickle.dumps((optimizer, theta, state)))
        theta = theta - RATE * optimizer.direction(grad, theta, state)
    assert_array_equal(theta, expected[-1])


@pytest.mark.parametrize("optimizer", ALL, ids=repr)
def test_one_optimizer_serves_two_models(optimizer):
    first, second = random_gradients(seed=1), random_gradients(seed=2)
    theta = initial_theta()
    one, two = optimizer.init(theta), optimizer.init(theta)
    together = [
        [optimizer.direction(g.copy(), theta, memory).copy() for g, memory in ((g, one), (h, two))]
        for g, h in zip(first, second, strict=True)
    ]
    alone = optimizer.init(theta)
    for (expected, _), grad in zip(together, first, strict=True):
        assert_array_equal(optimizer.direction(grad, theta, alone), expected)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_finds_the_bottom_of_a_bowl(name):
    target = np.full(N_PARAMS, 0.5)
    optimizer = get_optimizer(name)
    if name == "adamw":  # Decay moves the bottom: by default by less than the tolerance.
        optimizer.set_params(weight_decay=1e-6)
    theta = initial_theta()
    state = optimizer.init(theta)
    for step in range(600):
        direction = optimizer.direction(2 * (theta - target), theta, state)
        theta = theta - 0.3 * 0.99**step * direction
    assert_allclose(theta, target, atol=1e-3)


@pytest.mark.parametrize("optimizer", ALL, ids=repr)
def test_clone_round_trip(optimizer):
    copy = clone(optimizer)
    assert copy == optimizer
    assert copy is not optimizer


def test_parameters_behind_a_clip_are_tunable():
    clip = ClipNorm(1.0, then=ClipValue(2.0, then=Adam()))
    clip.set_params(max_norm=3.0, then__then__beta1=0.5)
    assert clip == ClipNorm(3.0, then=ClipValue(2.0, then=Adam(beta1=0.5)))


def test_a_parameter_set_by_a_grid_is_in_force():
    grads = random_gradients()
    tuned = clone(ClipNorm(1e9, then=Momentum(0.1))).set_params(then__momentum=0.7)
    assert_array_equal(trajectory(tuned, grads)[1], trajectory(Momentum(0.7), grads)[1])


# Names and errors.


def test_names_stand_for_default_instances():
    defaults = {name: get_optimizer(name) for name in OPTIMIZERS}
    assert defaults == {
        "sgd": SGD(),
        "momentum": Momentum(),
        "nesterov": Momentum(nesterov=True),
        "adagrad": Adagrad(),
        "rmsprop": RMSProp(),
        "adam": Adam(),
        "adamw": AdamW(),
    }
    assert get_optimizer("adam") is not get_optimizer("adam")


def test_get_optimizer_returns_an_instance_as_it_is():
    adam = Adam()
    assert get_optimizer(adam) is adam


@pytest.mark.parametrize(
    ("value", "error"), [("adamm", ValueError), (0.1, TypeError), (Adam, TypeError)]
)
def test_get_optimizer_refuses_anything_else(value, error):
    names = "'sgd', 'momentum', 'nesterov', 'adagrad', 'rmsprop', 'adam', 'adamw'"
    with pytest.raises(error) as raised:
        get_optimizer(value, name="solver")
    expected = f"solver must be one of {names} or an instance of Optimizer, got {value!r}."
    assert str(raised.value) == expected


BAD_PARAMETERS = [
    (kind, {name: value}, ValueError, f"{name} must be a number in {interval}, got {value!r}.")
    for kind, name, interval, values in [
        (Momentum, "momentum", "[0, 1)", [-0.1, 1.0, math.nan]),
        (Adagrad, "eps", "(0, inf)", [0.0, -1e-8, math.inf]),
        (Adagrad, "initial_accumulator", "[0, inf)", [-0.1, math.inf]),
        (RMSProp, "decay", "[0, 1)", [-0.1, 1.0]),
        (RMSProp, "eps", "(0, inf)", [0.0]),
        (Adam, "beta1", "[0, 1)", [-0.1, 1.0]),
        (Adam, "beta2", "[0, 1)", [-0.1, 1.0]),
        (Adam, "eps", "(0, inf)", [0.0]),
        (AdamW, "beta1", "[0, 1)", [1.0]),
        (AdamW, "weight_decay", "[0, inf)", [-0.1, math.nan]),
        (ClipNorm, "max_norm", "(0, inf)", [0.0, -1.0, math.inf]),
        (ClipValue, "max_value", "(0, inf)", [0.0, -1.0, math.inf]),
    ]
    for value in values
] + [
    (Momentum, {"momentum": "0.9"}, TypeError, "momentum must be a number in [0, 1), got '0.9'."),
    (Momentum, {"momentum": False}, TypeError, "momentum must be a number in [0, 1), got False."),
    (Momentum, {"nesterov": "no"}, TypeError, "nesterov must be a bool, got 'no'."),
]


@pytest.mark.parametrize(("kind", "params", "error", "message"), BAD_PARAMETERS)
def test_bad_parameters_are_refused_at_once_and_again_on_use(kind, params, error, message):
    with pytest.raises(error) as raised:
        kind(**params)
    assert str(raised.value) == message
    tuned = kind().set_params(**params)
    with pytest.raises(error) as raised:
        get_optimizer(tuned)
    assert str(raised.value) == message


@pytest.mark.parametrize("kind", [ClipNorm, ClipValue])
def test_clipping_checks_the_optimizer_behind_it(kind):
    with pytest.raises(ValueError, match=r"^then must be one of 'sgd', .*, got 'adamm'\.$"):
        kind(then="adamm")
    tuned = kind(then=Adam()).set_params(then__beta1=2.0)
    with pytest.raises(ValueError, match=r"^beta1 must be a number in \[0, 1\), got 2\.0\.$"):
        get_optimizer(tuned)


def test_an_optimizer_of_ones_own():
    @dataclass
    class SignDescent(Optimizer):
        def direction(self, grad, theta, state):
            return np.sign(grad)

    grads = random_gradients()
    own = ClipNorm(1.0, then=SignDescent())
    assert_array_equal(trajectory(own, grads)[0], np.sign(grads))


def test_an_optimizer_without_a_direction_says_so():
    class Nothing(Optimizer):
        pass

    with pytest.raises(NotImplementedError, match=r"^Nothing must define direction\.$"):
        Nothing().direction(np.zeros(1), np.zeros(1), {})
