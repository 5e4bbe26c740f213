"""Initializers: the distribution that they draw from, and the signals that it lets through."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.stats import kstest, norm, uniform
from sklearn.base import clone

from skmlp.nn.activations import get_activation
from skmlp.nn.initializers import (
    BLOCK,
    INITIALIZERS,
    Glorot,
    He,
    Initializer,
    LeCun,
    get_initializer,
)

FAN_IN, FAN_OUT = 300, 500
VARIANCES = {Glorot: 2 / (FAN_IN + FAN_OUT), He: 2 / FAN_IN, LeCun: 1 / FAN_IN}

each_class = pytest.mark.parametrize("make", VARIANCES)
each_distribution = pytest.mark.parametrize("distribution", ["uniform", "normal"])


def draw(initializer, fan_in=FAN_IN, fan_out=FAN_OUT, dtype=np.float64, seed=0):
    return initializer.draw(np.random.default_rng(seed), fan_in, fan_out, dtype)


# The distribution


@each_distribution
@each_class
def test_mean_and_variance(make, distribution):
    W = draw(make(distribution))
    deviation = math.sqrt(VARIANCES[make])
    # Five standard errors of a mean, and of a variance of normal numbers.
    assert abs(W.mean()) < 5 * deviation / math.sqrt(W.size)
    assert W.var() == pytest.approx(VARIANCES[make], rel=5 * math.sqrt(2 / W.size))


@each_distribution
@each_class
def test_the_whole_distribution(make, distribution):
    deviation = math.sqrt(VARIANCES[make])
    bound = math.sqrt(3) * deviation
    expected = {"normal": norm(0, deviation), "uniform": uniform(-bound, 2 * bound)}[distribution]
    W = draw(make(distribution))
    assert kstest(W.ravel(), expected.cdf).pvalue > 1e-3


@pytest.mark.parametrize("fan_out", [1, 500, BLOCK + 1])
@each_distribution
def test_a_large_matrix_is_one_stream_of_numbers(distribution, fan_out):
    fan_in = 2 * BLOCK // fan_out + 3
    initializer = LeCun(distribution)
    deviation = math.sqrt(initializer.variance(fan_in, fan_out))
    bound = math.sqrt(3) * deviation
    rng = np.random.default_rng(0)
    shape = fan_in, fan_out
    at_once = {
        "normal": lambda: rng.normal(0, deviation, shape),
        "uniform": lambda: rng.uniform(-bound, bound, shape),
    }[distribution]()
    for dtype in (np.float32, np.float64):
        assert_array_equal(draw(initializer, *shape, dtype), at_once.astype(dtype))


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 5))
def test_uniform_weights_keep_to_the_bounds_of_the_papers(fan_in, fan_out, seed):
    for initializer, bound in [
        (Glorot("uniform"), math.sqrt(6 / (fan_in + fan_out))),
        (He("uniform"), math.sqrt(6 / fan_in)),
        (LeCun("uniform"), math.sqrt(3 / fan_in)),
    ]:
        W = draw(initializer, fan_in, fan_out, seed=seed)
        assert W.shape == (fan_in, fan_out)
        assert np.abs(W).max() <= bound * (1 + 1e-15)


@each_class
def test_uniform_weights_reach_nearly_to_the_bounds(make):
    W, bound = draw(make("uniform")), math.sqrt(3 * VARIANCES[make])
    assert 0.999 * bound < W.max() <= bound
    assert -bound <= W.min() < -0.999 * bound


def test_the_distributions_that_are_customary_are_the_defaults():
    assert (Glorot().distribution, He().distribution) == ("uniform", "normal")
    assert LeCun().distribution == "normal"


# Randomness


@each_distribution
@each_class
def test_both_dtypes_start_at_the_same_place(make, distribution):
    single_rng, double_rng = np.random.default_rng(1), np.random.default_rng(1)
    single = make(distribution).draw(single_rng, 7, 5, np.float32)
    double = make(distribution).draw(double_rng, 7, 5, np.float64)
    assert single.dtype == np.float32
    assert double.dtype == np.float64
    assert_array_equal(single, double.astype(np.float32))
    # Whatever is drawn afterwards is the same, too.
    assert single_rng.random() == double_rng.random()


@each_distribution
@each_class
def test_weights_follow_the_seed_and_every_draw_is_new(make, distribution):
    initializer = make(distribution)
    assert_array_equal(draw(initializer, seed=3), draw(initializer, seed=3))
    rng = np.random.default_rng(3)
    first, second = (initializer.draw(rng, 20, 10, np.float64) for _ in range(2))
    assert np.unique([first, second]).size == first.size + second.size


# Signals through a deep network

N_LAYERS, WIDTH, N_ROWS = 20, 500, 200


def mean_squares(activation, initializer, backward=False):
    """Mean square of pre-activations, or of the derivatives in them, over the layers."""
    rng = np.random.default_rng(0)
    A = rng.normal(size=(N_ROWS, WIDTH))
    weights, slopes, sizes = [], [], []
    for _ in range(N_LAYERS):
        W = initializer.draw(rng, WIDTH, WIDTH, np.float64)
        Z = A @ W
        A = activation.value(Z)
        weights.append(W)
        slopes.append(activation.slope(Z, A))
        sizes.append(np.mean(Z**2))
    if not backward:
        return sizes
    dZ = rng.normal(size=A.shape) * slopes[-1]
    sizes = [np.mean(dZ**2)]
    for W, slope in zip(weights[:0:-1], slopes[-2::-1], strict=True):
        dZ = (dZ @ W.T) * slope
        sizes.append(np.mean(dZ**2))
    return sizes


# What fits SELU keeps activations only: on the way back, its slopes gain 7% in every layer.
@pytest.mark.parametrize(
    ("name", "backward"),
    [
        *((name, False) for name in ("identity", "relu", "leaky_relu", "selu")),
        *((name, True) for name in ("identity", "relu", "leaky_relu")),
    ],
)
@each_distribution
def test_the_fitting_initializer_keeps_signals_through_twenty_layers(name, distribution, backward):
    activation = get_activation(name)
    initializer = get_initializer(activation.initializer).set_params(distribution=distribution)
    sizes = np.array(mean_squares(activation, initializer, backward))
    assert ((sizes > sizes[0] / 3) & (sizes < sizes[0] * 3)).all()


def test_the_wrong_initializer_loses_half_of_the_signal_in_every_layer():
    sizes = mean_squares(get_activation("relu"), LeCun())
    assert sizes[-1] == pytest.approx(sizes[0] / 2 ** (N_LAYERS - 1), rel=2 / 3)


def test_selu_and_lecun_are_drawn_to_mean_zero_and_variance_one():
    rng = np.random.default_rng(0)
    selu = get_activation("selu")
    A = 0.5 + 1.5 * rng.normal(size=(N_ROWS, WIDTH))
    for _ in range(N_LAYERS):
        A = selu.value(A @ LeCun().draw(rng, WIDTH, WIDTH, np.float64))
    assert A.mean() == pytest.approx(0, abs=0.1)
    assert A.var() == pytest.approx(1, abs=0.2)


# Hyperparameters


@each_distribution
@each_class
def test_initializers_can_be_cloned_and_pickled(make, distribution):
    initializer = make(distribution)
    assert clone(initializer) == initializer
    assert pickle.loads(pickle.dumps(initializer)) == initializer
    assert eval(repr(initializer)) == initializer


def test_parameters_go_in_and_out():
    he = He()
    assert he.get_params() == {"distribution": "normal"}
    assert he.set_params(distribution="uniform") is he
    assert_array_equal(draw(he), draw(He("uniform")))


@pytest.mark.parametrize(("name", "make"), [("glorot", Glorot), ("he", He), ("lecun", LeCun)])
def test_a_name_stands_for_a_fresh_default(name, make):
    assert get_initializer(name) == make()
    assert get_initializer(name) is not get_initializer(name)
    initializer = make("uniform")
    assert get_initializer(initializer) is initializer


@pytest.mark.parametrize(("value", "error"), [("xavier", ValueError), (0.1, TypeError)])
def test_what_is_no_initializer(value, error):
    with pytest.raises(error) as caught:
        get_initializer(value)
    names = ", ".join(map(repr, INITIALIZERS))
    expected = f"initializer must be one of {names} or an instance of Initializer, got {value!r}."
    assert str(caught.value) == expected


@pytest.mark.parametrize("value", ["gaussian", None, 1])
@each_class
def test_what_is_no_distribution(make, value):
    expected = rf"^distribution must be one of 'uniform', 'normal', got {value!r}\.$"
    with pytest.raises(ValueError, match=expected):
        make(value)
    with pytest.raises(ValueError, match=expected):
        get_initializer(make().set_params(distribution=value))


def test_an_initializer_must_define_draw():
    class Empty(Initializer):
        pass

    with pytest.raises(NotImplementedError, match=r"^Empty must define draw\.$"):
        draw(Empty())
