"""What every loss promises, and the losses of classification against exact arithmetic."""

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import entr, expit, logit, logsumexp
from sklearn.metrics import log_loss

from skmlp.nn.losses import (
    LogisticCrossEntropy,
    Loss,
    SoftmaxCrossEntropy,
    cross_entropy,
    log_softmax,
    softmax,
)
from skmlp.nn.regression_losses import (
    AbsoluteLoss,
    HuberLoss,
    LogCoshLoss,
    PoissonLoss,
    QuantileLoss,
    SquaredLoss,
)

# Targets: each function draws them for some rows and outputs.


def class_indices(rng, n_rows, n_outputs):
    return rng.integers(n_outputs, size=n_rows)


def class_probabilities(rng, n_rows, n_outputs):
    return rng.dirichlet(np.ones(n_outputs), n_rows)


def yes_or_no(rng, n_rows, n_outputs):
    return rng.integers(2, size=(n_rows, n_outputs))


def probabilities(rng, n_rows, n_outputs):
    return rng.uniform(size=(n_rows, n_outputs))


def real_numbers(rng, n_rows, n_outputs):
    return rng.normal(size=(n_rows, n_outputs))


def counts(rng, n_rows, n_outputs):
    return rng.poisson(1.5, (n_rows, n_outputs))


SOFTMAX, LOGISTIC, SQUARED = SoftmaxCrossEntropy(), LogisticCrossEntropy(), SquaredLoss()

# A loss, its targets and its number of outputs. Newton's method can minimize the first lot.
SMOOTH_CASES = [
    *((SOFTMAX, class_indices, k) for k in (2, 4)),
    *((SOFTMAX, class_probabilities, k) for k in (2, 4)),
    *((SoftmaxCrossEntropy(label_smoothing=0.2), class_indices, k) for k in (2, 4)),
    (SoftmaxCrossEntropy(label_smoothing=0.2), class_probabilities, 4),
    *((LOGISTIC, yes_or_no, k) for k in (1, 3)),
    *((LOGISTIC, probabilities, k) for k in (1, 3)),
    (LogisticCrossEntropy(label_smoothing=0.2), yes_or_no, 3),
    (LogisticCrossEntropy(label_smoothing=0.2), probabilities, 3),
    *((SQUARED, real_numbers, k) for k in (1, 3)),
]
OTHER_CASES = [
    (loss, draw, k)
    for loss, draw in [
        (AbsoluteLoss(), real_numbers),
        (HuberLoss(), real_numbers),
        (HuberLoss(delta=0.3), real_numbers),
        (LogCoshLoss(), real_numbers),
        (QuantileLoss(), real_numbers),
        (QuantileLoss(quantile=0.9), real_numbers),
        (PoissonLoss(), counts),
    ]
    for k in (1, 3)
]


def each_of(cases):
    ids = [f"{loss}-{draw.__name__}-{k}" for loss, draw, k in cases]
    return pytest.mark.parametrize(("loss", "draw", "n_outputs"), cases, ids=ids)


each_loss = each_of(SMOOTH_CASES + OTHER_CASES)
each_smooth_loss = each_of(SMOOTH_CASES)

N_ROWS = 7


def scores_of(n_classes, largest):
    return arrays(np.float64, (5, n_classes), elements=st.floats(-largest, largest))


def random_scores_and_targets(draw, n_outputs, n_rows=N_ROWS):
    rng = np.random.default_rng(n_outputs)
    F = 2 * rng.normal(size=(n_rows, n_outputs))
    return F, draw(rng, n_rows, n_outputs)


def exact_cross_entropy(row, true_class):
    """Loss and derivative of one row, with a hundred digits and no trick."""
    with localcontext() as context:
        context.prec = 100
        E = [Decimal(float(f)).exp() for f in row]
        P = [e / sum(E) for e in E]
        residual = [p - (k == true_class) for k, p in enumerate(P)]
        return float(-P[true_class].ln()), [float(r) for r in residual]


def relative_error(actual, expected):
    return np.linalg.norm(actual - expected) / np.linalg.norm(expected)


# Derivatives


@pytest.mark.parametrize("weighted", [False, True])
@each_loss
def test_the_gradient_is_the_limit_of_difference_quotients(loss, draw, n_outputs, weighted):
    F, y = random_scores_and_targets(draw, n_outputs)
    weight = np.linspace(0.0, 2.0, N_ROWS) if weighted else np.full(N_ROWS, 1 / N_ROWS)
    _, dF = loss.value_and_gradient(F, y, weight)

    h = 1e-5
    expected = np.empty_like(F)
    for index in np.ndindex(F.shape):
        step = np.zeros_like(F)
        step[index] = h
        ahead, _ = loss.value_and_gradient(F + step, y, weight)
        behind, _ = loss.value_and_gradient(F - step, y, weight)
        expected[index] = (ahead - behind) / (2 * h)
    assert relative_error(dF, expected) < 1e-6


@each_smooth_loss
def test_the_second_derivative_is_the_limit_of_difference_quotients(loss, draw, n_outputs):
    F, y = random_scores_and_targets(draw, n_outputs)
    D = loss.curvature(loss.inverse_link(F))
    second = D[:, :, None] * np.eye(n_outputs)
    if loss.coupled:
        second -= D[:, :, None] * D[:, None, :]

    h = 1e-5
    expected = np.empty_like(second)
    for k in range(n_outputs):
        step = h * np.eye(n_outputs)[k]
        _, ahead = loss.evaluate(F + step, y)
        _, behind = loss.evaluate(F - step, y)
        expected[:, :, k] = (ahead - behind) / (2 * h)
    assert relative_error(second, expected) < 1e-6


@each_loss
def test_the_value_is_the_weighted_sum_of_the_losses(loss, draw, n_outputs):
    F, y = random_scores_and_targets(draw, n_outputs)
    weight = np.arange(N_ROWS) / 4
    losses, residual = loss.evaluate(F, y)
    value, dF = loss.value_and_gradient(F, y, weight)
    assert losses.shape == (N_ROWS,)
    assert value == pytest.approx(sum(w * x for w, x in zip(weight, losses, strict=True)), 1e-13)
    assert_allclose(dF, [w * row for w, row in zip(weight, residual, strict=True)], rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@each_smooth_loss
def test_the_prediction_follows_from_the_residual(loss, draw, n_outputs, dtype):
    F, y = random_scores_and_targets(draw, n_outputs)
    F = F.astype(dtype)
    _, residual = loss.evaluate(F, y)
    before = residual.copy()
    prediction = loss.prediction(residual, y)
    assert prediction.dtype == dtype
    rtol = 4 * np.finfo(dtype).eps
    assert_allclose(prediction, loss.inverse_link(F), rtol=rtol, atol=rtol)
    assert_array_equal(residual, before)


@each_loss
def test_arguments_are_left_as_they_are(loss, draw, n_outputs):
    F, y = random_scores_and_targets(draw, n_outputs)
    weight = np.linspace(0.5, 2.0, N_ROWS)
    before = F.copy(), y.copy(), weight.copy()
    _, residual = loss.evaluate(F, y)
    residual[:] = np.nan
    loss.value_and_gradient(F, y, weight)
    loss.best_constant(y, weight, n_outputs)
    loss.check_targets(y)
    for array, copy in zip((F, y, weight), before, strict=True):
        assert_array_equal(array, copy)


# Precision


@each_loss
def test_float32_scores_keep_everything_in_float32(loss, draw, n_outputs):
    F, y = random_scores_and_targets(draw, n_outputs)
    F32 = F.astype(np.float32)
    losses, residual = loss.evaluate(F32, y)
    P = loss.inverse_link(F32)
    _, dF = loss.value_and_gradient(F32, y, np.ones(N_ROWS))
    for array in (losses, residual, P, dF):
        assert array.dtype == np.float32
    # An error F - y is as exact as F and y themselves, not more, and so is P - y.
    assert_allclose(losses, loss.evaluate(F, y)[0], rtol=1e-5, atol=1e-6)
    assert_allclose(residual, loss.evaluate(F, y)[1], rtol=1e-5, atol=1e-6)
    assert_allclose(P, loss.inverse_link(F), rtol=1e-5)


@each_smooth_loss
def test_float32_probabilities_have_a_float32_curvature(loss, draw, n_outputs):
    F, _ = random_scores_and_targets(draw, n_outputs)
    P = loss.inverse_link(F.astype(np.float32))
    assert loss.curvature(P).dtype == np.float32
    # 1 - P is as exact as P itself, not more.
    assert_allclose(loss.curvature(P), loss.curvature(loss.inverse_link(F)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@each_loss
def test_the_value_is_added_up_in_double_precision(loss, draw, n_outputs, dtype):
    n_rows = 20_000
    F, y = random_scores_and_targets(draw, n_outputs, n_rows)
    F = F.astype(np.float32)
    weight = np.full(n_rows, 0.1, dtype)
    losses, _ = loss.evaluate(F, y)
    expected = math.fsum(float(w) * float(x) for w, x in zip(weight, losses, strict=True))
    assert loss.value_and_gradient(F, y, weight)[0] == pytest.approx(expected, rel=1e-12)


@each_loss
def test_weights_may_be_integers(loss, draw, n_outputs):
    F, y = random_scores_and_targets(draw, n_outputs)
    weight = np.arange(N_ROWS)
    value, dF = loss.value_and_gradient(F, y, weight)
    expected_value, expected_dF = loss.value_and_gradient(F, y, weight.astype(float))
    assert value == pytest.approx(expected_value, rel=1e-14)
    assert_allclose(dF, expected_dF, rtol=1e-14)


@given(scores_of(4, 60.0), st.integers(0, 3))
def test_softmax_cross_entropy_agrees_with_exact_arithmetic(F, true_class):
    losses, residual = SOFTMAX.evaluate(F, np.full(5, true_class))
    for i, row in enumerate(F):
        loss, derivative = exact_cross_entropy(row, true_class)
        assert losses[i] == pytest.approx(loss, rel=1e-13)
        assert_allclose(residual[i], derivative, rtol=1e-13)


@given(scores_of(1, 60.0), st.integers(0, 1))
def test_logistic_cross_entropy_agrees_with_exact_arithmetic(F, label):
    losses, residual = LOGISTIC.evaluate(F, np.full(5, label))
    for i, (f,) in enumerate(F):
        loss, derivative = exact_cross_entropy([0.0, f], label)
        assert losses[i] == pytest.approx(loss, rel=1e-13)
        assert residual[i, 0] == pytest.approx(derivative[1], rel=1e-13)


def test_a_tiny_loss_keeps_all_its_digits():
    q = math.exp(-40)
    losses, residual = SOFTMAX.evaluate(np.array([[40.0, 0.0]]), np.array([0]))
    assert losses[0] == pytest.approx(math.log1p(q), rel=1e-12)
    assert_allclose(residual, [[-q / (1 + q), q / (1 + q)]], rtol=1e-12)
    losses, residual = LOGISTIC.evaluate(np.array([[40.0], [-40.0]]), np.array([1, 0]))
    assert_allclose(losses, math.log1p(q), rtol=1e-12)
    assert_allclose(residual, [[-q / (1 + q)], [q / (1 + q)]], rtol=1e-12)


@pytest.mark.parametrize("size", [1e4, 1e30])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_scores_reach_the_limit(dtype, size):
    # Warnings are errors, so nothing overflows on the way either.
    size = dtype(size)
    F = np.array([[size, -size, 0], [size, size, 0], [size, -size, 0]], dtype)
    losses, residual = SOFTMAX.evaluate(F, np.array([0, 1, 1]))
    assert_allclose(losses, [0, math.log(2), 2 * size], rtol=1e-6)
    assert_allclose(residual, [[0, 0, 0], [0.5, -0.5, 0], [1, -1, 0]], rtol=1e-6)
    P = [[1, 0, 0], [0.5, 0.5, 0], [1, 0, 0]]
    assert_allclose(SOFTMAX.inverse_link(F), P, rtol=1e-6)
    assert_allclose(log_softmax(F)[0], [0, -2 * size, -size], rtol=1e-6)

    f = np.array([[size], [-size], [size], [-size]], dtype)
    losses, residual = LOGISTIC.evaluate(f, np.array([1, 0, 0, 1]))
    assert_allclose(losses, [0, 0, size, size], rtol=1e-6)
    assert_allclose(residual[:, 0], [0, 0, 1, -1], rtol=1e-6)
    assert_array_equal(LOGISTIC.inverse_link(f), [[1], [0], [1], [0]])


# Identities


@given(scores_of(1, 1e3), st.integers(0, 1))
def test_logistic_is_softmax_of_zero_and_the_score(f, label):
    y = np.full(len(f), label)
    F = np.hstack([np.zeros_like(f), f])
    losses, residual = LOGISTIC.evaluate(f, y)
    softmax_losses, softmax_residual = SOFTMAX.evaluate(F, y)
    assert_allclose(losses, softmax_losses, rtol=1e-14, atol=1e-300)
    assert_allclose(residual[:, 0], softmax_residual[:, 1], rtol=1e-14, atol=1e-300)
    assert_allclose(LOGISTIC.inverse_link(f)[:, 0], softmax(F)[:, 1], rtol=1e-14, atol=1e-300)


@given(scores_of(4, 100.0), st.floats(-100, 100), st.integers(0, 3))
def test_one_constant_added_to_all_scores_changes_nothing(F, shift, true_class):
    y = np.full(len(F), true_class)
    assert_allclose(SOFTMAX.evaluate(F + shift, y)[0], SOFTMAX.evaluate(F, y)[0], rtol=1e-12)
    assert_allclose(softmax(F + shift), softmax(F), rtol=1e-12)
    assert_allclose(log_softmax(F + shift), log_softmax(F), rtol=1e-12, atol=1e-12)


@given(scores_of(4, 1e3), st.integers(0, 3))
def test_the_loss_in_bits_bounds_the_zero_one_loss(F, true_class):
    losses, _ = SOFTMAX.evaluate(F, np.full(len(F), true_class))
    is_wrong = F.argmax(axis=1) != true_class
    assert (losses / math.log(2) >= is_wrong * (1 - 1e-15)).all()


def test_several_logistic_outputs_are_separate_questions():
    F, y = random_scores_and_targets(yes_or_no, 3)
    losses, residual = LOGISTIC.evaluate(F, y)
    columns = [LOGISTIC.evaluate(F[:, [k]], y[:, k]) for k in range(3)]
    assert_allclose(losses, sum(column_losses for column_losses, _ in columns), rtol=1e-14)
    assert_array_equal(residual, np.hstack([column_residual for _, column_residual in columns]))


@each_of([(loss, draw, k) for loss, draw, k in SMOOTH_CASES + OTHER_CASES if k == 1])
def test_targets_of_one_output_may_be_flat(loss, draw, n_outputs):
    F, y = random_scores_and_targets(draw, n_outputs)
    for flat, column in zip(loss.evaluate(F, y[:, 0]), loss.evaluate(F, y), strict=True):
        assert_array_equal(flat, column)
    weight = np.arange(1.0, N_ROWS + 1)
    assert_array_equal(loss.best_constant(y[:, 0], weight, 1), loss.best_constant(y, weight, 1))


# Soft targets


@given(scores_of(4, 300.0), st.integers(0, 2**32 - 1))
def test_class_probabilities_mix_the_losses_of_the_classes(F, seed):
    T = class_probabilities(np.random.default_rng(seed), len(F), 4)
    losses, residual = SOFTMAX.evaluate(F, T)
    # Each class as if it were the true one, weighted by its probability.
    by_class = [SOFTMAX.evaluate(F, np.full(len(F), k)) for k in range(4)]
    assert_allclose(losses, sum(T[:, k] * by_class[k][0] for k in range(4)), rtol=1e-13)
    mixed = sum(T[:, [k]] * by_class[k][1] for k in range(4))
    assert_allclose(residual, mixed, rtol=1e-12, atol=1e-14)
    slow = logsumexp(F, axis=1) - (T * F).sum(axis=1)
    assert_allclose(losses, slow, rtol=1e-12, atol=1e-12)


@given(scores_of(3, 300.0), st.integers(0, 2**32 - 1))
def test_logistic_probabilities_mix_yes_and_no(F, seed):
    T = probabilities(np.random.default_rng(seed), *F.shape)
    losses, residual = LOGISTIC.evaluate(F, T)
    slow = (1 - T) * np.logaddexp(0, F) + T * np.logaddexp(0, -F)
    assert_allclose(losses, slow.sum(axis=1), rtol=1e-13)
    assert_allclose(residual, (1 - T) * expit(F) - T * expit(-F), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
@pytest.mark.parametrize("dtype", [np.int64, np.float64])
@given(F=scores_of(4, 60.0), true_class=st.integers(0, 3))
def test_indices_mean_the_same_as_certain_probabilities(F, true_class, dtype, label_smoothing):
    loss = SoftmaxCrossEntropy(label_smoothing)
    y = np.full(len(F), true_class)
    certain = loss.evaluate(F, np.eye(4, dtype=dtype)[y])
    for actual, expected in zip(certain, loss.evaluate(F, y), strict=True):
        assert_array_equal(actual, expected)


def test_label_smoothing_spreads_a_share_of_the_target_evenly():
    F, y = random_scores_and_targets(class_indices, 4)
    T = np.full((N_ROWS, 4), 0.3 / 4)
    T[np.arange(N_ROWS), y] += 0.7
    smoothed = SoftmaxCrossEntropy(label_smoothing=0.3).evaluate(F, y)
    for actual, expected in zip(smoothed, SOFTMAX.evaluate(F, T), strict=True):
        assert_allclose(actual, expected, rtol=1e-14, atol=1e-15)

    F, y = random_scores_and_targets(yes_or_no, 3)
    smoothed = LogisticCrossEntropy(label_smoothing=0.3).evaluate(F, y)
    expected = LOGISTIC.evaluate(F, np.where(y == 1, 0.85, 0.15))
    for array, other in zip(smoothed, expected, strict=True):
        assert_allclose(array, other, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("label_smoothing", [0.0, 0.25])
@given(f=scores_of(1, 1e3), seed=st.integers(0, 2**32 - 1))
def test_soft_logistic_is_soft_softmax_of_zero_and_the_score(f, seed, label_smoothing):
    T = probabilities(np.random.default_rng(seed), *f.shape)
    losses, residual = LogisticCrossEntropy(label_smoothing).evaluate(f, T)
    F, both = np.hstack([np.zeros_like(f), f]), np.hstack([1 - T, T])
    softmax_losses, softmax_residual = SoftmaxCrossEntropy(label_smoothing).evaluate(F, both)
    assert_allclose(losses, softmax_losses, rtol=1e-13)
    assert_allclose(residual[:, 0], softmax_residual[:, 1], rtol=1e-12, atol=1e-14)


def test_the_least_loss_of_soft_targets_is_their_entropy():
    _, T = random_scores_and_targets(class_probabilities, 4)
    losses, residual = SOFTMAX.evaluate(np.log(T), T)
    assert_allclose(losses, entr(T).sum(axis=1), rtol=1e-13)
    assert_allclose(residual, 0, atol=1e-15)
    _, T = random_scores_and_targets(probabilities, 3)
    losses, residual = LOGISTIC.evaluate(logit(T), T)
    assert_allclose(losses, (entr(T) + entr(1 - T)).sum(axis=1), rtol=1e-13)
    assert_allclose(residual, 0, atol=1e-15)


@pytest.mark.parametrize("size", [1e4, 1e30])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_soft_targets_stand_huge_scores(dtype, size):
    size = dtype(size)
    F = np.array([[size, -size, 0], [size, size, 0], [0, 0, size]], dtype)
    T = np.array([[0.5, 0.25, 0.25], [0.75, 0.25, 0], [0, 0, 1]])
    losses, residual = SOFTMAX.evaluate(F, T)
    # The largest score less the mean score, and ln 2 where two are the largest.
    assert_allclose(losses, [0.75 * size, math.log(2), 0], rtol=1e-6)
    assert_allclose(residual, [[0.5, -0.25, -0.25], [-0.25, 0.25, 0], [0, 0, 0]], rtol=1e-6)

    f = np.array([[size], [-size]], dtype)
    losses, residual = LOGISTIC.evaluate(f, np.array([0.75, 0.75]))
    assert_allclose(losses, [0.25 * size, 0.75 * size], rtol=1e-6)
    assert_allclose(residual, [[0.25], [-0.75]], rtol=1e-6)


def test_a_score_of_zero_has_an_even_chance_whatever_its_sign():
    for zero in (0.0, -0.0):
        losses, residual = LOGISTIC.evaluate(np.array([[zero], [zero]]), np.array([0, 1]))
        assert_allclose(losses, math.log(2), rtol=1e-15)
        assert_array_equal(residual, [[0.5], [-0.5]])


@pytest.mark.parametrize("shape", [(5, 1), (5, 2), (4, 3)])
def test_class_probabilities_must_have_the_shape_of_the_scores(shape):
    with pytest.raises(ValueError, match="cannot reshape"):
        SOFTMAX.evaluate(np.zeros((5, 3)), np.ones(shape))


@pytest.mark.parametrize("loss_class", [SoftmaxCrossEntropy, LogisticCrossEntropy])
@pytest.mark.parametrize(
    ("value", "error"),
    [(1, ValueError), (-0.1, ValueError), (math.nan, ValueError), ("a", TypeError)],
)
def test_label_smoothing_must_be_a_share(loss_class, value, error):
    with pytest.raises(error, match=r"^label_smoothing must be a number in \[0, 1\), got "):
        loss_class(label_smoothing=value)


@pytest.mark.parametrize("loss_class", [SoftmaxCrossEntropy, LogisticCrossEntropy])
def test_label_smoothing_may_be_a_numpy_scalar(loss_class):
    loss = loss_class(label_smoothing=np.float64(0.1))
    losses, residual = loss.evaluate(np.zeros((2, 2), np.float32), np.eye(2))
    assert losses.dtype == residual.dtype == np.float32


# The best constant


@pytest.mark.parametrize("n_outputs", [2, 4])
@pytest.mark.parametrize("draw", [class_indices, class_probabilities])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.3])
def test_the_best_constant_of_softmax_has_no_gradient(label_smoothing, draw, n_outputs):
    loss = SoftmaxCrossEntropy(label_smoothing)
    _, y = random_scores_and_targets(draw, n_outputs, n_rows=40)
    weight = np.linspace(0.0, 2.0, 40)
    F = loss.best_constant(y, weight, n_outputs)
    _, dF = loss.value_and_gradient(np.tile(F, (40, 1)), y, weight)
    assert_allclose(dF.sum(axis=0), 0, atol=1e-13)


@pytest.mark.parametrize("draw", [yes_or_no, probabilities])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.3])
def test_the_best_constant_of_logistic_has_no_gradient(label_smoothing, draw):
    loss = LogisticCrossEntropy(label_smoothing)
    _, y = random_scores_and_targets(draw, 3, n_rows=40)
    weight = np.linspace(0.0, 2.0, 40)
    F = loss.best_constant(y, weight, 3)
    _, dF = loss.value_and_gradient(np.tile(F, (40, 1)), y, weight)
    assert_allclose(dF.sum(axis=0), 0, atol=1e-13)


def test_a_class_without_weight_counts_as_half_a_row():
    # Of five rows one has no weight; 3/4 and 1/4 of the rest are in the classes 0 and 1.
    y, weight = np.array([0, 0, 0, 1, 2]), np.array([2.0, 2.0, 2.0, 2.0, 0.0])
    F = SOFTMAX.best_constant(y, weight, 4)
    assert_allclose(np.exp(F), [3 / 4, 1 / 4, 0.5 / 4, 0.5 / 4], rtol=1e-15)
    F = LOGISTIC.best_constant(np.array([[1, 0]] * 5), weight, 2)
    assert_allclose(np.exp(F), [4 / 0.5, 0.5 / 4], rtol=1e-14)


# A loss of one's own


class CubeLoss(Loss):
    def evaluate(self, F, y):
        R = F - y.reshape(F.shape)
        return (abs(R) ** 3).sum(axis=1), 3 * R * abs(R)

    def inverse_link(self, F):
        return F


def test_a_loss_of_ones_own_needs_a_value_a_derivative_and_a_link():
    F, y = np.array([[1.0], [2.0]]), np.array([3.0, 2.5])
    loss = CubeLoss()
    value, dF = loss.value_and_gradient(F, y, np.array([0.5, 2.0]))
    assert value == 0.5 * 8 + 2.0 * 0.125
    assert_array_equal(dF, [[-6.0], [-1.5]])
    assert_array_equal(loss.best_constant(y, np.ones(2), 1), [0])
    assert loss.link == "custom"
    loss.check_targets(y)


@pytest.mark.parametrize("method", ["curvature", "prediction"])
def test_what_only_newton_needs_is_named_when_it_is_missing(method):
    arguments = [np.zeros((2, 1))] * (1 if method == "curvature" else 2)
    with pytest.raises(NotImplementedError, match=f"^CubeLoss must define {method}.$"):
        getattr(CubeLoss(), method)(*arguments)


@pytest.mark.parametrize(
    ("loss", "link"), [(SOFTMAX, "softmax"), (LOGISTIC, "logistic"), (SQUARED, "identity")]
)
def test_the_link_has_a_name(loss, link):
    assert loss.link == link


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32])
def test_labels_of_any_numeric_type_mean_the_same(dtype):
    F, y = random_scores_and_targets(yes_or_no, 3)
    results = zip(LOGISTIC.evaluate(F, y.astype(dtype)), LOGISTIC.evaluate(F, y), strict=True)
    for actual, expected in results:
        assert_array_equal(actual, expected)


# softmax and log_softmax


@given(arrays(np.float64, (3, 2, 4), elements=st.floats(-300, 300)))
def test_softmax_is_made_of_probabilities_along_the_last_axis(F):
    P = softmax(F)
    assert P.shape == F.shape
    assert (P >= 0).all()
    assert_allclose(P.sum(axis=-1), 1, rtol=1e-14)
    assert_allclose(P, np.exp(log_softmax(F)), rtol=1e-12)
    # Odds are exponentials of differences of scores.
    assert_allclose(P[..., 1:], P[..., :1] * np.exp(F[..., 1:] - F[..., :1]), rtol=1e-12)


def test_softmax_of_one_row_has_one_dimension():
    assert_allclose(softmax([0.0, math.log(2), math.log(5)]), [1 / 8, 2 / 8, 5 / 8], rtol=1e-15)
    assert_allclose(log_softmax([1, 1]), [-math.log(2)] * 2, rtol=1e-15)


def test_log_softmax_is_finite_where_the_probability_is_zero():
    assert softmax([2e4, 0.0])[1] == 0
    assert_array_equal(log_softmax([2e4, 0.0]), [0, -2e4])


@pytest.mark.parametrize("function", [softmax, log_softmax])
@pytest.mark.parametrize(
    ("given_dtype", "dtype"),
    [
        (np.float32, np.float32),
        (np.float64, np.float64),
        (np.int32, np.float64),
        (np.uint8, np.float64),
        (bool, np.float64),
    ],
)
def test_floating_types_are_kept_and_others_become_double(function, given_dtype, dtype):
    F = np.array([[1, 0], [0, 0]], given_dtype)
    before = F.copy()
    result = function(F)
    assert result.dtype == dtype
    assert_allclose(result, function(F.astype(float)), rtol=1e-6)
    assert_array_equal(F, before)


@pytest.mark.parametrize("function", [softmax, log_softmax, lambda F: cross_entropy(F, [0])])
@pytest.mark.parametrize(
    ("F", "message"),
    [
        ([[1j, 0]], r"got dtype complex128 and shape \(1, 2\)\."),
        ([["a", "b"]], r"got dtype <U1 and shape \(1, 2\)\."),
        (3.0, r"got dtype float64 and shape \(\)\."),
    ],
)
def test_scores_must_be_a_real_array(function, F, message):
    with pytest.raises(ValueError, match="^F must be a real array of one or more dim.*" + message):
        function(F)


# cross_entropy


def test_cross_entropy_of_equal_scores_is_the_logarithm_of_the_number_of_classes():
    assert cross_entropy(np.zeros((5, 7)), [0, 1, 2, 3, 6]) == pytest.approx(math.log(7), rel=1e-15)


@pytest.mark.parametrize("sample_weight", [None, [2.0, 0.0, 1.0, 0.5, 3.0, 1.0, 1.0], range(7)])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_cross_entropy_agrees_with_scikit_learn(n_classes, sample_weight):
    F, y = random_scores_and_targets(class_indices, n_classes)
    expected = log_loss(y, softmax(F), sample_weight=sample_weight, labels=range(n_classes))
    value = cross_entropy(F.tolist(), y.tolist(), sample_weight)
    assert type(value) is float
    assert value == pytest.approx(expected, rel=1e-13)


def test_cross_entropy_of_one_column_is_the_score_of_class_one():
    F, y = random_scores_and_targets(class_indices, 2)
    difference = F[:, 1] - F[:, 0]
    expected = cross_entropy(F, y, range(7))
    assert cross_entropy(difference, y, range(7)) == pytest.approx(expected, rel=1e-14)
    assert cross_entropy(difference[:, None], y, range(7)) == pytest.approx(expected, rel=1e-14)
    assert cross_entropy(difference, y == 1, range(7)) == pytest.approx(expected, rel=1e-14)


def test_cross_entropy_leaves_its_arguments_as_they_are():
    F, y = random_scores_and_targets(class_indices, 4)
    weight = np.arange(7.0)
    before = F.copy(), y.copy(), weight.copy()
    cross_entropy(F, y, weight)
    for array, copy in zip((F, y, weight), before, strict=True):
        assert_array_equal(array, copy)


@pytest.mark.parametrize(
    ("F", "y"),
    [
        ([[0.0, 1.0]], [0, 1]),
        ([[0.0, 1.0]], [[0]]),
        ([0.0, 1.0], [0]),
        ([[[0.0, 1.0]]], [0]),
        (np.empty((0, 2)), np.empty(0, int)),
    ],
)
def test_cross_entropy_wants_one_class_index_a_row(F, y):
    with pytest.raises(ValueError, match=r"^y must have one class index for each row of F, got y"):
        cross_entropy(F, y)


@pytest.mark.parametrize(
    ("F", "y", "largest"),
    [
        ([[0.0, 1.0, 2.0]], [3], 2),
        ([[0.0, 1.0, 2.0]], [-1], 2),
        ([[0.0, 1.0, 2.0]], [1.0], 2),
        ([0.0], [2], 1),
        ([0.0], ["a"], 1),
    ],
)
def test_cross_entropy_wants_class_indices_in_range(F, y, largest):
    with pytest.raises(ValueError, match=rf"^y must hold integers from 0 to {largest}, got \["):
        cross_entropy(F, y)


@pytest.mark.parametrize(
    "sample_weight", [[1.0], [[1.0, 1.0]], [1.0, -1.0], [0.0, 0.0], [1.0, np.nan], [1.0, np.inf]]
)
def test_cross_entropy_wants_weights_that_make_a_mean(sample_weight):
    with pytest.raises(
        ValueError, match=r"^sample_weight must be None or one finite number >= 0 for"
    ):
        cross_entropy([[0.0, 1.0], [0.0, 1.0]], [0, 1], sample_weight)
