"""Decoders against scalar references, scikit-learn, and the identities between them."""

import math
import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, softmax
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsOneClassifier

from skmlp.reductions import decoding
from skmlp.reductions.code import CodeMatrix, KaryCode
from skmlp.reductions.decoding import (
    DECODERS,
    LOSSES,
    ArgmaxMargin,
    Decoder,
    LossDecoder,
    RandomYes,
    Votes,
    break_ties,
    get_decoder,
    performance_weights,
)

# Equal up to the order of a sum.
TOLERANCE = {"rtol": 1e-12, "atol": 1e-12}

ANY_CODE = [
    Votes(),
    *(LossDecoder(loss, normalize) for loss in LOSSES for normalize in (True, False)),
]
ONE_VS_ALL_ONLY = [ArgmaxMargin(), RandomYes()]


def sparse_code(n_classes=7, seed=0):
    return CodeMatrix.random_sparse(n_classes, rng=np.random.default_rng(seed), n_draws=1)


def dense_code(n_classes=7, seed=0):
    return CodeMatrix.random_dense(n_classes, rng=np.random.default_rng(seed), n_draws=1)


def margins_for(code, n_samples=20, seed=0):
    """Margins of several orders of magnitude, some of them zero."""
    rng = np.random.default_rng(seed)
    shape = (n_samples, code.n_problems)
    return rng.normal(size=shape) * 10.0 ** rng.integers(-2, 2, shape) * rng.integers(0, 6, shape)


# One entry of the code at a time, in plain Python.


def votes_by_hand(M, f):
    for word in M:
        votes = 0.0
        for m, margin in zip(word, f, strict=True):
            if m == 0 or margin == 0:
                votes += 0.5
            elif (margin > 0) == (m > 0):
                votes += 1
        confidence = sum(m * margin for m, margin in zip(word, f, strict=True))
        zeros = sum(m == 0 for row in M for m in row) / len(M)
        yield votes - zeros / 2 + confidence / (3 * abs(confidence) + 3)


LOSSES_BY_HAND = {
    "hinge": lambda z: max(1 - z, 0),
    "exponential": lambda z: math.exp(-z),
    "logistic": lambda z: math.log(1 + math.exp(-z)),
    "linear": lambda z: -z,
    "squared": lambda z: (1 - z) ** 2,
}


def losses_by_hand(M, f, loss, normalize):
    for word in M:
        costs = [
            LOSSES_BY_HAND[loss](m * margin)
            for m, margin in zip(word, f, strict=True)
            if m != 0 or not normalize
        ]
        yield -sum(costs) / len(costs)


def rows_by_hand(score_row, code, margins, *arguments):
    return [list(score_row(code.M.tolist(), f, *arguments)) for f in margins.tolist()]


@pytest.mark.parametrize("code", [sparse_code(), dense_code(), CodeMatrix.one_vs_one(5)], ids=repr)
def test_votes_equal_the_count(code):
    margins = margins_for(code)
    expected = rows_by_hand(votes_by_hand, code, margins)
    assert_allclose(Votes().scores(code, margins), expected, **TOLERANCE)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("code", [sparse_code(), dense_code(), CodeMatrix.one_vs_one(5)], ids=repr)
def test_losses_equal_the_sum(code, loss, normalize):
    margins = margins_for(code)
    expected = rows_by_hand(losses_by_hand, code, margins, loss, normalize)
    assert_allclose(LossDecoder(loss, normalize).scores(code, margins), expected, **TOLERANCE)


@pytest.mark.parametrize("loss", LOSSES)
def test_weighted_losses_equal_the_weighted_sum(loss):
    code = sparse_code()
    margins = margins_for(code)
    weights = np.random.default_rng(1).random(code.M.shape) * (code.M != 0)
    weights /= weights.sum(axis=1, keepdims=True)
    expected = [
        [
            -sum(
                w * LOSSES_BY_HAND[loss](m * margin)
                for w, m, margin in zip(row_weights, word, f, strict=True)
                if m != 0
            )
            for row_weights, word in zip(weights.tolist(), code.M.tolist(), strict=True)
        ]
        for f in margins.tolist()
    ]
    decoder = LossDecoder(loss, weighted=True)
    assert_allclose(decoder.scores(code, margins, weights=weights), expected, **TOLERANCE)


@pytest.mark.parametrize("n_classes", [3, 4, 6])
def test_votes_equal_scikit_learns_one_vs_one(n_classes):
    X, y = make_classification(
        300, n_informative=6, n_classes=n_classes, class_sep=0.5, random_state=0
    )
    model = OneVsOneClassifier(LogisticRegression()).fit(X, y)
    margins = np.column_stack([learner.decision_function(X) for learner in model.estimators_])
    scores = Votes().scores(CodeMatrix.one_vs_one(n_classes), margins)
    assert_allclose(scores, model.decision_function(X), **TOLERANCE)
    assert_array_equal(break_ties(scores), model.predict(X))


# Identities.


@pytest.mark.parametrize("loss", LOSSES)
def test_without_zeros_it_does_not_matter_how_they_count(loss):
    code = dense_code()
    margins = margins_for(code)
    assert_allclose(
        LossDecoder(loss, normalize=True).scores(code, margins),
        LossDecoder(loss, normalize=False).scores(code, margins),
        **TOLERANCE,
    )


def test_equal_weights_are_the_average():
    code = sparse_code()
    margins = margins_for(code)
    equal = (code.M != 0) / np.count_nonzero(code.M, axis=1)[:, None]
    weighted = LossDecoder("hinge", weighted=True).scores(code, margins, weights=equal)
    assert_allclose(weighted, LossDecoder("hinge").scores(code, margins), **TOLERANCE)


def test_the_logistic_loss_of_a_word_is_its_log_likelihood():
    code = dense_code()
    margins = margins_for(code)
    likelihood = [[np.prod(expit(word * f)) for word in code.M] for f in margins]
    scores = LossDecoder("logistic").scores(code, margins)
    assert_allclose(np.exp(code.n_problems * scores), likelihood, rtol=1e-9)


@pytest.mark.parametrize(("loss", "factor"), [("logistic", 1), ("linear", 2)])
def test_one_vs_all_with_an_odd_difference_of_losses_is_the_softmax_of_the_margins(loss, factor):
    # Words k and j differ in learners k and j only, and loss(z) - loss(-z) is -factor * z.
    code = CodeMatrix.one_vs_all(5)
    margins = margins_for(code)
    scores = code.n_problems * LossDecoder(loss).scores(code, margins)
    assert_allclose(softmax(scores, axis=1), softmax(factor * margins, axis=1), **TOLERANCE)
    assert_array_equal(break_ties(scores), break_ties(ArgmaxMargin().scores(code, margins)))


def test_the_linear_loss_is_the_inner_product():
    code = dense_code()
    margins = margins_for(code)
    expected = margins @ code.M.T / code.n_problems
    assert_allclose(LossDecoder("linear").scores(code, margins), expected, **TOLERANCE)


@pytest.mark.parametrize("code", [CodeMatrix.exhaustive(6), dense_code(20)], ids=repr)
def test_votes_correct_as_many_errors_as_the_code_promises(code):
    n_errors = int(code.row_separation - 1) // 2
    assert n_errors >= 4
    rng = np.random.default_rng(1)
    y = rng.integers(code.n_classes, size=200)
    margins = code.M[y] * rng.uniform(0.1, 2.0, (200, code.n_problems))
    wrong = rng.permuted(np.tile(np.arange(code.n_problems) < n_errors, (200, 1)), axis=1)
    margins[wrong] *= -1
    assert_array_equal(break_ties(Votes().scores(code, margins)), y)


@pytest.mark.parametrize("decoder", [LossDecoder(loss) for loss in LOSSES], ids=repr)
def test_zeros_favour_no_class(decoder):
    # Class 0 sits out of all but one problem. Learners spell the word of class 1.
    code = CodeMatrix([[1] + [0] * 5, [1, 1, -1, 1, -1, 1], [-1, -1, 1, -1, 1, -1]])
    margins = 0.9 * code.M[[1]] * np.array([[0.9, 1, 1, 1, 1, 1]])
    assert break_ties(decoder.scores(code, margins)) == [1]


def test_weights_let_the_learner_that_knows_the_class_decide():
    # Learners 0 and 1 know nothing of class 0, learner 2 is always right.
    code = CodeMatrix([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    y = np.repeat(np.arange(4), 8)
    margins = code.M[y].astype(float)
    margins[y == 0, :2] = -1
    weights = performance_weights(code, margins, y)
    row = np.array([[-0.4, -0.4, 1.0]])
    assert break_ties(LossDecoder("hinge").scores(code, row)) == [3]
    weighted = LossDecoder("hinge", weighted=True)
    assert_allclose(weights[0], [0, 0, 1])
    assert weighted.scores(code, row, weights=weights)[0, 0] == 0  # A hinge loss of zero.


# Votes and margins of one-vs-all.


def test_argmax_scores_are_the_margins():
    code = CodeMatrix.one_vs_all(4)
    margins = margins_for(code)
    scores = ArgmaxMargin().scores(code, margins)
    assert_array_equal(scores, margins)


def test_two_classes_have_one_margin():
    code, margins = CodeMatrix.one_vs_all(2), np.array([[2.0], [-0.5]])
    assert_array_equal(ArgmaxMargin().scores(code, margins), [[-2.0, 2.0], [0.5, -0.5]])
    for name in DECODERS:
        assert_array_equal(break_ties(get_decoder(name).scores(code, margins)), [1, 0])


def frequencies(winners, n_classes):
    return np.bincount(winners, minlength=n_classes) / len(winners)


# 20000 draws: a frequency has a standard deviation of at most 0.5 / sqrt(20000) = 0.0035.
MANY, FIVE_SIGMA = 20_000, 0.018


def test_random_yes_picks_evenly_among_those_who_say_yes():
    code = CodeMatrix.one_vs_all(4)
    margins = np.tile([-1.0, 0.1, 5.0, 0.0], (MANY, 1))
    winners = break_ties(RandomYes().scores(code, margins))
    assert_allclose(frequencies(winners, 4), [0, 0.5, 0.5, 0], atol=FIVE_SIGMA)


def test_random_yes_picks_evenly_among_all_if_nobody_says_yes():
    code = CodeMatrix.one_vs_all(4)
    margins = np.tile([-1.0, -0.1, -5.0, 0.0], (MANY, 1))
    winners = break_ties(RandomYes().scores(code, margins))
    assert_allclose(frequencies(winners, 4), 0.25, atol=FIVE_SIGMA)


def test_random_yes_depends_on_its_seed_only():
    code = CodeMatrix.one_vs_all(4)
    margins = margins_for(code)
    one = RandomYes(seed=1)
    assert_array_equal(one.scores(code, margins), RandomYes(seed=1).scores(code, margins))
    assert_array_equal(one.scores(code, margins), one.scores(code, margins))
    assert (one.scores(code, margins) != RandomYes(seed=2).scores(code, margins)).all()


def test_break_ties_takes_the_first_or_any_of_the_best():
    scores = np.tile([1.0, 3.0, 2.0, 3.0, 3.0], (MANY, 1))
    assert_array_equal(break_ties(scores), 1)
    winners = break_ties(scores, np.random.default_rng(0))
    assert_allclose(frequencies(winners, 5), [0, 1 / 3, 0, 1 / 3, 1 / 3], atol=FIVE_SIGMA)


def test_break_ties_leaves_a_single_best_alone():
    scores = np.random.default_rng(0).normal(size=(50, 6))
    assert_array_equal(break_ties(scores, np.random.default_rng(1)), scores.argmax(axis=1))


# Performance weights.


def performance_by_hand(code, margins, y, sample_weight):
    H = np.zeros(code.M.shape)
    for k, column in np.argwhere(code.M != 0):
        total = right = 0.0
        for f, label, s in zip(margins, y, sample_weight, strict=True):
            if label == k:
                total += s
                agreement = code.M[k, column] * f[column]
                right += s * (1.0 if agreement > 0 else 0.5 if agreement == 0 else 0.0)
        H[k, column] = right / total
    return H / H.sum(axis=1, keepdims=True)


def test_performance_weights_equal_the_shares_of_right_answers():
    code = sparse_code(5)
    margins = margins_for(code, 60)
    rng = np.random.default_rng(1)
    y, sample_weight = rng.integers(5, size=60), rng.integers(0, 4, 60)
    weights = performance_weights(code, margins, y, sample_weight)
    assert_allclose(weights, performance_by_hand(code, margins, y, sample_weight), **TOLERANCE)
    # A weight is a number of copies.
    copies = np.repeat(np.arange(60), sample_weight)
    assert_allclose(performance_weights(code, margins[copies], y[copies]), weights, **TOLERANCE)


def test_performance_weights_of_a_class_that_nobody_knows_are_equal():
    code = CodeMatrix([[1, 1, 0], [-1, 1, 1], [0, -1, -1]])
    margins = np.array([[-1.0, -1.0, 1.0], [-1.0, 1.0, -1.0]])
    weights = performance_weights(code, margins, [0, 1])
    # Class 0: all wrong. Class 1: two of three right. Class 2: no row.
    assert_allclose(weights, [[0.5, 0.5, 0], [0.5, 0.5, 0], [0, 0.5, 0.5]])


@pytest.mark.parametrize(
    ("y", "sample_weight", "message"),
    [
        ([0, 1], None, r"y must hold one integer for each of 3 rows, got \[0, 1\]\."),
        ([0.0, 1.0, 2.0], None, "y must hold one integer"),
        ([0, 1, 3], None, r"y must hold integers from 0 to 2, got \[0, 1, 3\]\."),
        ([-1, 1, 2], None, "y must hold integers from 0 to 2"),
        ([0, 1, 2], [1, 2], "sample_weight must be None or one finite number >= 0"),
        ([0, 1, 2], [1, -2, 0], "sample_weight must be None"),
        ([0, 1, 2], [1, math.inf, 0], "sample_weight must be None"),
    ],
)
def test_performance_weights_check_their_rows(y, sample_weight, message):
    code = CodeMatrix.one_vs_all(3)
    with pytest.raises(ValueError, match=message):
        performance_weights(code, np.ones((3, 3)), y, sample_weight)


# Invariants.

seeds = st.integers(0, 2**32 - 1)
decoders = st.sampled_from(ANY_CODE)


@given(seed=seeds, decoder=decoders, n_classes=st.integers(3, 9))
def test_relabelling_permutes_the_scores(seed, decoder, n_classes):
    code = sparse_code(n_classes, seed)
    margins = margins_for(code, 5, seed)
    order = np.random.default_rng(seed).permutation(n_classes)
    relabelled = decoder.scores(CodeMatrix(code.M[order]), margins)
    assert_allclose(relabelled, decoder.scores(code, margins)[:, order], rtol=1e-10, atol=1e-10)


@given(seed=seeds, decoder=decoders)
def test_sign_and_order_of_the_problems_do_not_matter(seed, decoder):
    code = sparse_code(5, seed)
    margins = margins_for(code, 5, seed)
    rng = np.random.default_rng(seed)
    order, sign = rng.permutation(code.n_problems), rng.choice([-1, 1], code.n_problems)
    other = decoder.scores(CodeMatrix((code.M * sign)[:, order]), (margins * sign)[:, order])
    assert_allclose(other, decoder.scores(code, margins), rtol=1e-10, atol=1e-10)


@given(seed=seeds, decoder=decoders, cut=st.integers(0, 9))
def test_rows_are_independent(seed, decoder, cut):
    code = sparse_code(5, seed)
    margins = margins_for(code, 9, seed)
    parts = [decoder.scores(code, part) for part in (margins[:cut], margins[cut:])]
    assert_allclose(np.vstack(parts), decoder.scores(code, margins), **TOLERANCE)


@given(seed=seeds, decoder=decoders)
def test_a_surer_learner_helps_its_own_side(seed, decoder):
    code = sparse_code(5, seed)
    rng = np.random.default_rng(seed)
    margins = rng.uniform(-0.9, 0.9, (1, code.n_problems))
    column = rng.integers(code.n_problems)
    surer = margins.copy()
    surer[0, column] += 0.05
    change = (decoder.scores(code, surer) - decoder.scores(code, margins))[0]
    assert (change[code.M[:, column] > 0] > 0).all()
    assert (change[code.M[:, column] < 0] < 0).all()
    assert_allclose(change[code.M[:, column] == 0], 0, atol=1e-12)


# Numbers.


@pytest.mark.parametrize("decoder", ANY_CODE + ONE_VS_ALL_ONLY, ids=repr)
def test_float32_stays_float32_and_follows_float64(decoder):
    code = CodeMatrix.one_vs_all(5)
    margins = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)
    before = margins.copy()
    scores = decoder.scores(code, margins)
    assert scores.dtype == np.float32
    assert_allclose(scores, decoder.scores(code, margins.astype(float)), rtol=1e-5, atol=1e-5)
    assert_array_equal(margins, before)


@pytest.mark.parametrize("decoder", ANY_CODE, ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e5, 1e30, np.inf])
@pytest.mark.parametrize("winner", range(4))
def test_huge_margins_win_without_overflow(decoder, dtype, size, winner):
    code = CodeMatrix.one_vs_one(4)
    # Those of the first and the last class have one sign.
    margins = (0.1 * code.M[[winner]]).astype(dtype)
    margins[:, code.M[winner] != 0] *= dtype(size)
    scores = decoder.scores(code, margins)
    assert np.isfinite(scores).all()
    # The squared loss punishes margins for being too right.
    if getattr(decoder, "loss", None) != "squared":
        assert break_ties(scores) == [winner]


@pytest.mark.parametrize("decoder", ANY_CODE, ids=repr)
def test_labels_of_predict_only_learners_are_margins(decoder):
    code = CodeMatrix.one_vs_one(4)
    integers = code.M[[2, 0]]
    assert integers.dtype == np.int8
    assert_array_equal(break_ties(decoder.scores(code, integers)), [2, 0])


@pytest.mark.parametrize("decoder", [*ANY_CODE, LossDecoder(weighted=True)], ids=repr)
def test_sparse_and_dense_products_agree(decoder, monkeypatch):
    code = CodeMatrix.one_vs_one(12)
    margins = margins_for(code)
    weights = (code.M != 0) / 11
    scores = []
    for share in (0.0, 1.0):
        monkeypatch.setattr(decoding, "SPARSE", share)
        scores.append(decoder.scores(code, margins, weights=weights))
    assert_allclose(*scores, rtol=1e-12, atol=1e-12)


def test_binary_columns_of_a_kary_code_are_decoded():
    code = KaryCode.random(9, 3, rng=np.random.default_rng(0))
    margins = np.where(code.binary.M > 0, 1.5, -0.5)
    for decoder in ANY_CODE:
        assert_array_equal(break_ties(decoder.scores(code.binary, margins)), np.arange(9))


@pytest.mark.parametrize("decoder", ANY_CODE + ONE_VS_ALL_ONLY, ids=repr)
def test_no_rows_have_no_scores(decoder):
    assert decoder.scores(CodeMatrix.one_vs_all(5), np.empty((0, 5))).shape == (0, 5)


# Names and errors.


def test_names_stand_for_default_instances():
    defaults = {name: get_decoder(name) for name in DECODERS}
    assert defaults == {
        "votes": Votes(),
        "hinge": LossDecoder("hinge"),
        "exponential": LossDecoder("exponential"),
        "logistic": LossDecoder("logistic"),
        "linear": LossDecoder("linear"),
        "squared": LossDecoder("squared"),
        "argmax": ArgmaxMargin(),
        "random_yes": RandomYes(),
    }
    decoder = LossDecoder()
    assert get_decoder(decoder) is decoder


@pytest.mark.parametrize(("value", "error"), [("vote", ValueError), (Votes, TypeError)])
def test_get_decoder_refuses_anything_else(value, error):
    names = ", ".join(map(repr, DECODERS))
    with pytest.raises(error) as raised:
        get_decoder(value)
    expected = f"decoding must be one of {names} or an instance of Decoder, got {value!r}."
    assert str(raised.value) == expected


@pytest.mark.parametrize(
    ("kind", "params", "error", "message"),
    [
        (LossDecoder, {"loss": "log"}, ValueError, r"loss must be one of 'hinge', .*, got 'log'\."),
        (LossDecoder, {"normalize": 1}, TypeError, r"normalize must be a bool, got 1\."),
        (LossDecoder, {"weighted": None}, TypeError, r"weighted must be a bool, got None\."),
        (RandomYes, {"seed": -1}, ValueError, r"seed must be an integer of at least 0, got -1\."),
        (RandomYes, {"seed": 0.5}, TypeError, r"seed must be an integer of at least 0, got 0\.5\."),
    ],
)
def test_bad_parameters_are_refused_at_once_and_again_on_use(kind, params, error, message):
    with pytest.raises(error, match=message):
        kind(**params)
    with pytest.raises(error, match=message):
        get_decoder(kind().set_params(**params))


@pytest.mark.parametrize("decoder", ANY_CODE + ONE_VS_ALL_ONLY, ids=repr)
def test_clone_round_trip(decoder):
    copy = clone(decoder)
    assert copy == decoder
    assert copy is not decoder


def test_only_weighted_decoders_need_weights():
    needy = [LossDecoder(weighted=True)]
    everything = ANY_CODE + ONE_VS_ALL_ONLY + needy
    assert [decoder for decoder in everything if decoder.needs_weights] == needy


@pytest.mark.parametrize("weights", [None, np.ones((3, 2))], ids=["none", "shape"])
def test_weights_that_are_needed_are_asked_for(weights):
    code = CodeMatrix.one_vs_all(3)
    with pytest.raises(ValueError, match=r"^weights must be an array of shape \(3, 3\), got "):
        LossDecoder(weighted=True).scores(code, np.ones((2, 3)), weights=weights)


@pytest.mark.parametrize("decoder", ANY_CODE + ONE_VS_ALL_ONLY, ids=repr)
@pytest.mark.parametrize(
    ("margins", "message"),
    [
        (np.ones((2, 4)), r"shape \(n_samples, 3\), got dtype float64 and shape \(2, 4\)\.$"),
        (np.ones(3), r"got dtype float64 and shape \(3,\)\.$"),
        (np.array([["a", "b", "c"]]), r"^margins must be real numbers of shape"),
        (np.array([[1.0, math.nan, 0.0]]), r"^margins must not hold NaN, got "),
    ],
    ids=["columns", "vector", "strings", "nan"],
)
def test_margins_are_checked(decoder, margins, message):
    with pytest.raises(ValueError, match=message):
        decoder.scores(CodeMatrix.one_vs_all(3), margins)


@pytest.mark.parametrize("decoder", ONE_VS_ALL_ONLY, ids=repr)
def test_one_vs_all_decoders_refuse_other_codes(decoder):
    code = CodeMatrix.one_vs_one(3)
    message = f"code must be one-vs-all for {decoder!r}, got {code!r}."
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        decoder.scores(code, np.ones((2, 3)))


def test_a_decoder_of_ones_own():
    @dataclass
    class NearestSigns(Decoder):
        def scores(self, code, margins, *, weights=None):
            return (np.sign(margins)[:, None, :] == code.M).sum(axis=2)

    code = dense_code()
    assert_array_equal(get_decoder(NearestSigns()).scores(code, code.M).argmax(axis=1), range(7))


def test_a_decoder_without_scores_says_so():
    with pytest.raises(NotImplementedError, match=r"^Decoder must define scores\.$"):
        Decoder().scores(CodeMatrix.one_vs_all(3), np.ones((1, 3)))


def test_a_tie_of_votes_is_broken_by_margins_alone():
    # Three learners in a circle: every class wins once, and each of the three may be the surest.
    code = CodeMatrix.one_vs_one(3)
    circle = np.array([-1.0, 1.0, -1.0])
    margins = circle * (1 + 2 * np.eye(3))
    winners = break_ties(Votes().scores(code, margins))
    assert Counter(winners.tolist()) == {0: 1, 1: 1, 2: 1}
    assert_allclose(Votes().scores(code, circle[None]), 1.0)
