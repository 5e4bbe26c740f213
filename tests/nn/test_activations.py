"""Activations against closed forms, difference quotients, their limits and each other."""

import math
import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad
from scipy.stats import norm
from sklearn.base import clone
from sklearn.neural_network._base import ACTIVATIONS as SKLEARN_ACTIVATIONS
from sklearn.neural_network._base import DERIVATIVES as SKLEARN_DERIVATIVES

from skmlp.nn.activations import (
    ACTIVATIONS,
    ELU,
    GELU,
    SELU,
    Activation,
    Identity,
    LeakyReLU,
    Logistic,
    ReLU,
    SiLU,
    Softplus,
    Tanh,
    get_activation,
)
from skmlp.nn.initializers import INITIALIZERS

ALL = [*(make() for make in ACTIVATIONS.values()), LeakyReLU(0.3), ELU(0.4), ELU(2.5)]
each_activation = pytest.mark.parametrize("activation", ALL, ids=repr)
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])

LAMBDA, ALPHA = SELU.scale, SELU.alpha


def finite_floats(smallest, largest):
    """Numbers of both signs; with `smallest` positive, none near the kink at zero."""
    return st.one_of(st.floats(smallest, largest), st.floats(-largest, -smallest))


def points(dtype=np.float64):
    """Rows of numbers of all sizes that matter, none within 1e-3 of zero."""
    Z = np.random.default_rng(0).normal(size=(40, 5)) * [0.1, 0.5, 1.0, 3.0, 8.0]
    Z = np.where(np.abs(Z) < 1e-3, 1e-3, Z)
    return Z.astype(dtype)


def value_and_slope(activation, Z):
    A = activation.value(Z)
    return A, activation.slope(Z, A)


# Derivatives


def assert_slope_is_the_limit_of_difference_quotients(activation, Z):
    h = 1e-5
    quotient = (activation.value(Z + h) - activation.value(Z - h)) / (2 * h)
    # The values are rounded to eps |Z|, and the quotient to that over 2 h.
    assert_allclose(activation.slope(Z, activation.value(Z)), quotient, rtol=1e-6, atol=2e-9)


@each_activation
def test_the_slope_is_the_limit_of_difference_quotients(activation):
    Z = points()
    assert_slope_is_the_limit_of_difference_quotients(activation, Z)
    quotient = (activation.value(Z + 1e-5) - activation.value(Z - 1e-5)) / 2e-5
    error = activation.slope(Z, activation.value(Z)) - quotient
    assert np.linalg.norm(error) < 1e-9 * np.linalg.norm(quotient)


@each_activation
@given(Z=arrays(np.float64, (3, 2), elements=finite_floats(1e-3, 40.0)))
def test_the_slope_is_the_limit_of_difference_quotients_anywhere(activation, Z):
    assert_slope_is_the_limit_of_difference_quotients(activation, Z)


@pytest.mark.parametrize(
    "activation", [Identity(), ELU(1.0), GELU(), SiLU(), Softplus(), Tanh(), Logistic()], ids=repr
)
@given(Z=arrays(np.float64, (3, 2), elements=st.floats(-1e-3, 1e-3)))
def test_activations_without_a_kink_have_a_slope_at_zero_too(activation, Z):
    h = 1e-5
    quotient = (activation.value(Z + h) - activation.value(Z - h)) / (2 * h)
    # The second derivative of ELU jumps by one at zero: the quotient is off by up to h / 4.
    assert_allclose(activation.slope(Z, activation.value(Z)), quotient, rtol=0, atol=h / 2)


@each_dtype
@pytest.mark.parametrize(
    ("activation", "at_zero"),
    [
        (ReLU(), 0),
        (LeakyReLU(0.3), 0.3),
        (ELU(2.5), 2.5),
        (SELU(), LAMBDA * ALPHA),
        (GELU(), 0.5),
        (SiLU(), 0.5),
        (Softplus(), 0.5),
        (Tanh(), 1),
        (Logistic(), 0.25),
    ],
    ids=repr,
)
def test_the_slope_at_zero(activation, at_zero, dtype):
    # Numbers that are all but zero, some without their full digits, must not break a quotient.
    tiny = np.finfo(dtype).tiny
    Z = np.array([[0.0, -0.0, -tiny, -tiny / 2, -tiny / 1e5, -3 * tiny]], dtype)
    _, S = value_and_slope(activation, Z)
    assert_allclose(S, np.full(Z.shape, at_zero), rtol=4 * np.finfo(dtype).eps)


# Values

CLOSED_FORMS = {
    "identity": lambda z: z,
    "relu": lambda z: max(0.0, z),
    "leaky_relu": lambda z: z if z > 0 else 0.01 * z,
    "elu": lambda z: z if z > 0 else math.expm1(z),
    "selu": lambda z: LAMBDA * (z if z > 0 else ALPHA * math.expm1(z)),
    "gelu": lambda z: z * norm.cdf(z),
    "silu": lambda z: z / (1 + math.exp(-z)),
    "softplus": lambda z: math.log1p(math.exp(z)),
    "tanh": lambda z: 1 - 2 / (math.exp(2 * z) + 1),
    "logistic": lambda z: 1 / (1 + math.exp(-z)),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
@given(Z=arrays(np.float64, (2, 3), elements=st.floats(-30, 30)))
def test_the_value_is_the_closed_form(name, Z):
    expected = [[CLOSED_FORMS[name](z) for z in row] for row in Z.tolist()]
    assert_allclose(get_activation(name).value(Z), expected, rtol=1e-13, atol=3e-15)


@pytest.mark.parametrize(
    ("activation", "z", "value", "slope"),
    [
        (LeakyReLU(0.25), -2.0, -0.5, 0.25),
        (ELU(2.0), -math.log(4), -1.5, 0.5),
        (ELU(2.0), 3.0, 3.0, 1.0),
        (SELU(), -math.log(2), -LAMBDA * ALPHA / 2, LAMBDA * ALPHA / 2),
        (SELU(), 2.0, 2 * LAMBDA, LAMBDA),
        (SiLU(), math.log(3), 0.75 * math.log(3), 0.75 + 0.75 * 0.25 * math.log(3)),
        (Softplus(), math.log(3), math.log(4), 0.75),
        (Tanh(), math.log(3) / 2, 0.5, 0.75),
        (Logistic(), math.log(3), 0.75, 0.1875),
        (GELU(), 1.0, norm.cdf(1.0), norm.cdf(1.0) + norm.pdf(1.0)),
    ],
    ids=repr,
)
@each_dtype
def test_chosen_points(activation, z, value, slope, dtype):
    A, S = value_and_slope(activation, np.array([[z]], dtype))
    rtol = 4 * np.finfo(dtype).eps
    assert_allclose(A, [[value]], rtol=rtol)
    assert_allclose(S, [[slope]], rtol=rtol)


@pytest.mark.parametrize("name", sorted(set(SKLEARN_ACTIVATIONS) & set(ACTIVATIONS)))
@each_dtype
def test_shared_activations_agree_with_scikit_learn(name, dtype):
    Z = points(dtype)
    A, S = value_and_slope(get_activation(name), Z)
    expected_A, expected_S = Z.copy(), np.ones_like(Z)
    SKLEARN_ACTIVATIONS[name](expected_A)
    SKLEARN_DERIVATIVES[name](expected_A, expected_S)
    rtol = 8 * np.finfo(dtype).eps
    assert_allclose(A, expected_A, rtol=rtol)
    assert_allclose(S, expected_S, rtol=rtol, atol=rtol)


def test_all_four_of_scikit_learns_hidden_activations_are_shared():
    assert {"identity", "logistic", "tanh", "relu"} <= set(ACTIVATIONS)


@given(arrays(np.float64, (2, 3), elements=st.floats(-50, 50)))
def test_identities_between_activations(Z):
    def equal(left, right):
        assert_allclose(left, right, rtol=1e-13, atol=1e-13)

    A = Softplus().value(Z)
    equal(LeakyReLU(0).value(Z), ReLU().value(Z))
    equal(SELU().value(Z), LAMBDA * ELU(ALPHA).value(Z))
    equal(Softplus().slope(Z, A), Logistic().value(Z))
    equal(SiLU().value(Z), Z * Logistic().value(Z))
    equal(Logistic().value(Z), (1 + Tanh().value(Z / 2)) / 2)
    for gated in (ReLU(), GELU(), SiLU(), Softplus()):
        equal(gated.value(Z) - gated.value(-Z), Z)


def test_selu_preserves_mean_zero_and_variance_one():
    def moment(power):
        def integrand(z):
            return SELU().value(np.array([z]))[0] ** power * norm.pdf(z)

        return sum(quad(integrand, *ends, epsabs=1e-13)[0] for ends in ((-40, 0), (0, 40)))

    assert moment(1) == pytest.approx(0, abs=1e-12)
    assert moment(2) == pytest.approx(1, abs=1e-12)


# Precision


@each_dtype
@pytest.mark.parametrize("size", [1e4, 1e30])
@pytest.mark.parametrize(
    ("activation", "values", "slopes"),
    [
        (Identity(), lambda size: [-size, size], [1, 1]),
        (ReLU(), lambda size: [0, size], [0, 1]),
        (LeakyReLU(0.3), lambda size: [-0.3 * size, size], [0.3, 1]),
        (ELU(2.5), lambda size: [-2.5, size], [0, 1]),
        (SELU(), lambda size: [-LAMBDA * ALPHA, LAMBDA * size], [0, LAMBDA]),
        (GELU(), lambda size: [0, size], [0, 1]),
        (SiLU(), lambda size: [0, size], [0, 1]),
        (Softplus(), lambda size: [0, size], [0, 1]),
        (Tanh(), lambda size: [-1, 1], [0, 0]),
        (Logistic(), lambda size: [0, 1], [0, 0]),
    ],
    ids=lambda argument: repr(argument) if isinstance(argument, Activation) else "",
)
def test_limits_far_from_zero(activation, values, slopes, size, dtype):
    # Warnings are errors, so nothing overflows on the way either.
    A, S = value_and_slope(activation, np.array([[-size, size]], dtype))
    eps = np.finfo(dtype).eps
    assert_allclose(A, [values(size)], rtol=4 * eps)
    assert_allclose(S, [slopes], rtol=4 * eps, atol=4 * eps)


@each_activation
@given(
    arrays(np.float32, (2, 3), elements=st.floats(-(2.0**99), 2.0**99, width=32)),
)
def test_every_float32_gives_what_double_precision_gives(activation, Z):
    A, S = value_and_slope(activation, Z)
    exact_A, exact_S = value_and_slope(activation, Z.astype(np.float64))
    eps = np.finfo(np.float32).eps
    # GELU adds one to an error function: its error is that of the one, times Z.
    assert_allclose(A, exact_A, rtol=8 * eps, atol=40 * eps if activation == GELU() else 4 * eps)
    assert_allclose(S, exact_S, rtol=8 * eps, atol=4 * eps)


@pytest.mark.parametrize("z", [-20.0, -60.0, -80.0])
@each_dtype
def test_tiny_values_keep_all_their_digits(z, dtype):
    Z = np.array([[z]], dtype)
    tail = math.exp(z) / (1 + math.exp(z))
    tolerance = {"rtol": 4 * np.finfo(dtype).eps}
    assert_allclose(Logistic().value(Z), [[tail]], **tolerance)
    assert_allclose(SiLU().value(Z), [[z * tail]], **tolerance)
    assert_allclose(Softplus().value(Z), [[math.log1p(math.exp(z))]], **tolerance)
    _, S = value_and_slope(Softplus(), Z)
    assert_allclose(S, [[tail]], **tolerance)
    _, S = value_and_slope(SiLU(), Z)
    assert_allclose(S, [[tail * (1 + z * (1 - tail))]], **tolerance)


# The contract of every activation


@each_dtype
@each_activation
def test_value_and_slope_are_new_arrays_of_the_same_dtype_and_shape(activation, dtype):
    Z = points(dtype)
    before = Z.copy()
    A = activation.value(Z)
    A_before = A.copy()
    S = activation.slope(Z, A)
    assert A.dtype == S.dtype == dtype
    assert A.shape == S.shape == Z.shape
    assert not np.shares_memory(A, Z)
    assert not np.shares_memory(S, A)
    assert not np.shares_memory(S, Z)
    S[:] = np.nan
    assert_array_equal(A, A_before)
    assert_array_equal(Z, before)


@pytest.mark.parametrize("shape", [(0, 3), (4, 1), (1, 1), (3, 0)])
@each_activation
def test_layers_of_any_size(activation, shape):
    Z = np.linspace(-2, 2, math.prod(shape)).reshape(shape)
    A, S = value_and_slope(activation, Z)
    assert A.shape == S.shape == shape


@each_activation
def test_entries_do_not_depend_on_how_they_lie_in_memory(activation):
    Z = points()
    A, S = value_and_slope(activation, Z)
    wide = np.zeros((len(Z), 2 * Z.shape[1]))
    wide[:, ::2] = Z
    for other in (np.asfortranarray(Z), wide[:, ::2]):
        other_A, other_S = value_and_slope(activation, other)
        assert_allclose(other_A, A, rtol=1e-14)
        assert_allclose(other_S, S, rtol=1e-13)


@pytest.mark.parametrize("activation", [LeakyReLU(np.float64(0.3)), ELU(np.float64(0.3))], ids=repr)
def test_a_numpy_scalar_as_parameter_lifts_nothing_to_double(activation):
    A, S = value_and_slope(activation, points(np.float32))
    assert A.dtype == S.dtype == np.float32


@pytest.mark.parametrize(
    ("initializer", "names"),
    [
        ("he", {"relu", "leaky_relu", "elu", "gelu", "silu"}),
        ("lecun", {"selu"}),
        ("glorot", {"identity", "softplus", "tanh", "logistic"}),
    ],
)
def test_the_initializer_that_fits(initializer, names):
    assert {name for name in ACTIVATIONS if ACTIVATIONS[name]().initializer == initializer} == names
    assert initializer in INITIALIZERS
    assert Activation.initializer == "glorot"


# Hyperparameters


@each_activation
def test_activations_can_be_cloned_and_pickled(activation):
    assert clone(activation) == activation
    assert pickle.loads(pickle.dumps(activation)) == activation
    assert eval(repr(activation)) == activation


def test_parameters_go_in_and_out():
    leaky = LeakyReLU(0.2)
    assert leaky.get_params() == {"negative_slope": 0.2}
    assert leaky.set_params(negative_slope=0.5) is leaky
    assert_array_equal(leaky.value(np.array([[-4.0, 4.0]])), [[-2, 4]])
    assert ELU(3).get_params() == {"alpha": 3}
    assert SELU().get_params() == {}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_name_stands_for_a_fresh_default(name):
    activation = get_activation(name)
    assert activation == ACTIVATIONS[name]()
    assert activation is not get_activation(name)
    assert get_activation(activation) is activation


@pytest.mark.parametrize(
    ("value", "error"),
    [("sigmoid", ValueError), (3, TypeError), (None, TypeError), (ReLU, TypeError)],
)
def test_what_is_no_activation(value, error):
    with pytest.raises(error) as caught:
        get_activation(value, name="activation[1]")
    names = ", ".join(map(repr, ACTIVATIONS))
    expected = f"activation[1] must be one of {names} or an instance of Activation, got {value!r}."
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LeakyReLU(1), r"negative_slope must be a number in \[0, 1\), got 1\."),
        (lambda: LeakyReLU(-0.1), r"negative_slope must be a number in \[0, 1\), got -0\.1\."),
        (lambda: LeakyReLU(math.nan), r"negative_slope must be a number in \[0, 1\), got nan\."),
        (lambda: ELU(0), r"alpha must be a number in \(0, inf\), got 0\."),
        (lambda: ELU(math.inf), r"alpha must be a number in \(0, inf\), got inf\."),
        (lambda: get_activation(ELU().set_params(alpha=-1)), r"alpha must be .*, got -1\."),
    ],
)
def test_parameters_out_of_range(make, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        make()


@pytest.mark.parametrize("make", [LeakyReLU, ELU])
@pytest.mark.parametrize("value", ["0.1", None, True])
def test_parameters_of_the_wrong_type(make, value):
    with pytest.raises(TypeError, match=f"must be a number in .*, got {value!r}"):
        make(value)


def test_an_activation_must_define_value_and_slope():
    @dataclass
    class Empty(Activation):
        pass

    Z = np.zeros((2, 2))
    with pytest.raises(NotImplementedError, match=r"^Empty must define value\.$"):
        Empty().value(Z)
    with pytest.raises(NotImplementedError, match=r"^Empty must define slope\.$"):
        Empty().slope(Z, Z)
