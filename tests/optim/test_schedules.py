"""Schedules: their values, joins, ends and bounds, and the durations that are filled in."""

import math
import pickle
import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.base import clone

from skmlp.optim.schedules import (
    Constant,
    Cosine,
    Exponential,
    InverseScaling,
    OneCycle,
    PiecewiseConstant,
    Polynomial,
    ReduceOnPlateau,
    Schedule,
    StepDecay,
    Warmup,
    get_schedule,
)

ALL = [
    Constant(0.3),
    PiecewiseConstant([0.3, 0.1, 0.02], [2.5, 7]),
    StepDecay(0.3, factor=0.2, every=2.5),
    Exponential(0.3, factor=0.8),
    InverseScaling(0.3, power=0.7),
    Polynomial(0.3, end=0.01, power=2.0, duration=8),
    Cosine(0.3, end=0.01, duration=8),
    OneCycle(0.3, duration=8),
    ReduceOnPlateau(0.3),
    Warmup(0.3, duration=2.5),
    Warmup(Cosine(0.3, duration=5.5), duration=2.5, start_factor=0.1),
]
TIMED = [Polynomial(0.3), Cosine(0.3), OneCycle(0.3)]
FALLING = [s for s in ALL if not isinstance(s, OneCycle | Warmup)]
CONTINUOUS = [s for s in ALL if not isinstance(s, PiecewiseConstant | StepDecay)]


# Values.


@pytest.mark.parametrize(
    ("schedule", "points"),
    [
        (Constant(0.3), {0: 0.3, 0.5: 0.3, 1e6: 0.3}),
        (
            PiecewiseConstant([0.3, 0.1, 0.02], [2.5, 7]),
            {0: 0.3, 2.499: 0.3, 2.5: 0.1, 6.999: 0.1, 7: 0.02, 1e6: 0.02},
        ),
        (PiecewiseConstant([0.3], []), {0: 0.3, 9: 0.3}),
        (StepDecay(0.4, 0.5, every=2), {0: 0.4, 1.999: 0.4, 2: 0.2, 4: 0.1, 5.9: 0.1}),
        (Exponential(0.8, 0.25), {0: 0.8, 0.5: 0.4, 1: 0.2, 2: 0.05}),
        (InverseScaling(0.6), {0: 0.6, 3: 0.3, 8: 0.2}),
        (InverseScaling(0.6, power=1), {0: 0.6, 1: 0.3, 5: 0.1}),
        # Halfway and three quarters of the way: 1 - p is 1/2 and 1/4.
        (Polynomial(0.9, 0.1, 1, duration=8), {0: 0.9, 4: 0.5, 6: 0.3, 8: 0.1, 99: 0.1}),
        (Polynomial(0.9, 0.1, 2, duration=8), {0: 0.9, 4: 0.3, 6: 0.15, 8: 0.1}),
        # The cosine of 60 degrees is 1/2: a third of the way is a quarter of the fall.
        (Cosine(0.9, 0.1, duration=6), {0: 0.9, 2: 0.7, 3: 0.5, 4: 0.3, 6: 0.1, 99: 0.1}),
        # The rise takes 3 of 12 epochs and the fall 9.
        (
            OneCycle(1.0, 0.25, start_factor=0.2, end_factor=0.01, duration=12),
            {0: 0.2, 1: 0.4, 1.5: 0.6, 3: 1.0, 6: 0.7525, 7.5: 0.505, 12: 0.01, 99: 0.01},
        ),
        (ReduceOnPlateau(0.3), {0: 0.3, 0.5: 0.3, 1e6: 0.3}),
        (Warmup(0.4, duration=2), {0: 0.0, 0.5: 0.1, 1: 0.2, 2: 0.4, 9: 0.4}),
        (Warmup(0.4, 2, start_factor=0.5), {0: 0.2, 1: 0.3, 2: 0.4}),
        (Warmup(StepDecay(0.4, 0.5, every=3), 2), {1: 0.2, 2: 0.4, 4.9: 0.4, 5: 0.2}),
        (Warmup(Warmup(0.4, duration=2, start_factor=0.5), duration=2), {1: 0.1, 2: 0.2, 3: 0.3}),
    ],
    ids=repr,
)
def test_values(schedule, points):
    assert_allclose([schedule(t) for t in points], list(points.values()), rtol=1e-12)


@pytest.mark.parametrize("schedule", ALL, ids=repr)
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_the_rate_is_a_python_float_whatever_the_parameters_are(schedule, kind):
    lifted = clone(schedule)
    for name, value in lifted.get_params().items():
        if isinstance(value, float):
            lifted.set_params(**{name: kind(value)})
    for t in (0, 1.25, np.float64(3.0), 20):
        assert type(lifted(t)) is float


# Shapes.


@pytest.mark.parametrize("schedule", FALLING, ids=repr)
def test_the_rate_starts_at_the_given_one_and_never_rises(schedule):
    rates = [schedule(t) for t in np.linspace(0, 12, 500)]
    assert rates[0] == 0.3
    assert all(later <= earlier for earlier, later in pairwise(rates))


@pytest.mark.parametrize("schedule", CONTINUOUS, ids=repr)
def test_the_rate_is_continuous(schedule):
    # The steepest slope is that of InverseScaling at 0, 0.7 * 0.3 = 0.21 per epoch.
    rates = np.array([schedule(t) for t in np.linspace(0, 12, 120_001)])
    assert np.abs(np.diff(rates)).max() <= 0.22 * 1e-4


@pytest.mark.parametrize("schedule", TIMED, ids=repr)
def test_a_schedule_stays_where_it_ended(schedule):
    timed = schedule.over(7.3)
    assert timed(7.3) == timed(7.4) == timed(1e9)


def test_one_cycle_rises_to_its_peak_and_falls():
    cycle = OneCycle(0.3, warm_fraction=0.4, duration=10)
    rising = [cycle(t) for t in np.linspace(0, 4, 100)]
    falling = [cycle(t) for t in np.linspace(4, 10, 100)]
    assert all(later > earlier for earlier, later in pairwise(rising))
    assert all(later < earlier for earlier, later in pairwise(falling))
    assert max(rising) == max(falling) == 0.3


@pytest.mark.parametrize("then", [Constant(0.3), Cosine(0.3, duration=3), Exponential(0.3)])
def test_warmup_joins_what_follows_exactly(then):
    warm = Warmup(then, duration=2.5)
    assert warm(2.5) == then(0)
    assert warm(4.0) == then(1.5)
    assert_allclose(warm(math.nextafter(2.5, 0)), then(0), rtol=1e-12)


positive = st.floats(1e-6, 1e3)
share = st.floats(0, 1)
inner_share = st.floats(0.01, 0.99)
timed_schedules = st.one_of(
    st.builds(
        lambda rate, end, power, duration: Polynomial(rate, end * rate, power, duration),
        positive,
        share,
        st.floats(0.1, 5),
        positive,
    ),
    st.builds(
        lambda rate, end, duration: Cosine(rate, end * rate, duration), positive, share, positive
    ),
    st.builds(OneCycle, positive, inner_share, share, share, positive),
)
plain_schedules = st.one_of(
    st.builds(Constant, positive),
    st.builds(StepDecay, positive, inner_share, positive),
    st.builds(Exponential, positive, inner_share),
    st.builds(InverseScaling, positive, positive),
    st.builds(ReduceOnPlateau, positive),
    timed_schedules,
)
schedules = st.one_of(plain_schedules, st.builds(Warmup, plain_schedules, positive, share))


@given(schedules, st.floats(0, 1e4))
def test_the_rate_lies_between_zero_and_the_peak(schedule, t):
    peak = (schedule.then if isinstance(schedule, Warmup) else schedule).rate
    assert 0 <= schedule(t) <= peak * (1 + 1e-12)


@given(timed_schedules, share)
def test_only_the_progress_matters(schedule, p):
    twice = clone(schedule).set_params(duration=2 * schedule.duration)
    assert twice(2 * p * schedule.duration) == schedule(p * schedule.duration)


# The end of a planned change.


@pytest.mark.parametrize(
    ("schedule", "end"),
    [
        (Constant(0.3), 0),
        (PiecewiseConstant([0.3, 0.1, 0.02], [2.5, 7]), 7),
        (PiecewiseConstant([0.3, 0.1], np.array([4.0])), 4),
        (PiecewiseConstant([0.3], []), 0),
        (StepDecay(0.3, every=2.5), 0),
        (Exponential(0.3), 0),
        (InverseScaling(0.3), 0),
        (Polynomial(0.3, duration=8), 8),
        (Cosine(0.3, duration=8), 8),
        (OneCycle(0.3, duration=8), 8),
        (Cosine(0.3), 0),
        (Cosine(0.3).over(30), 30),
        (ReduceOnPlateau(0.3), 0),
        (Warmup(0.3, duration=2.5), 2.5),
        (Warmup(Cosine(0.3, duration=5.5), duration=2.5), 8),
        (Warmup(Cosine(0.3), duration=2.5).over(30), 30),
    ],
    ids=repr,
)
def test_settled_at(schedule, end):
    assert schedule.settled_at == end


@pytest.mark.parametrize("schedule", [s for s in ALL if s.settled_at], ids=repr)
def test_a_schedule_changes_until_it_is_settled_but_not_after(schedule):
    end = schedule.settled_at
    assert {schedule(end + t) for t in (0.5, 1, 100)} == {schedule(end)}
    assert schedule(end - 1) != schedule(end)


# Durations.


@pytest.mark.parametrize("schedule", TIMED, ids=repr)
def test_over_fills_in_a_duration_of_none_and_leaves_the_original(schedule):
    filled = schedule.over(20)
    assert filled == clone(schedule).set_params(duration=20)
    assert schedule.duration is None


@pytest.mark.parametrize("schedule", ALL, ids=repr)
def test_over_keeps_every_duration_that_is_given(schedule):
    filled = schedule.over(20)
    assert filled is not schedule
    assert [filled(t) for t in range(25)] == [schedule(t) for t in range(25)]


def test_over_leaves_to_the_schedule_after_a_warmup_what_is_left():
    warm = Warmup(Warmup(Cosine(0.3), duration=2), duration=3)
    filled = warm.over(20)
    assert filled == Warmup(Warmup(Cosine(0.3, duration=15), duration=2), duration=3)
    assert filled(20) == 0.0
    assert warm == Warmup(Warmup(Cosine(0.3), duration=2), duration=3)


@pytest.mark.parametrize("left", [0, -1])
def test_over_refuses_a_training_that_ends_within_the_warmup(left):
    message = rf"^n_epochs left for Cosine must be a number in \(0, inf\), got {left}\.$"
    with pytest.raises(ValueError, match=message):
        Warmup(Cosine(0.3), duration=3).over(3 + left)
    Warmup(0.3, duration=3).over(3 + left)


@pytest.mark.parametrize("schedule", TIMED, ids=repr)
@pytest.mark.parametrize("warm", [False, True])
def test_a_call_without_a_duration_says_what_to_do(schedule, warm):
    kind = type(schedule).__name__
    message = rf"^duration of {kind} must be set, by the parameter or by over\(n_epochs\), before"
    with pytest.raises(ValueError, match=message):
        (Warmup(schedule) if warm else schedule)(0.5)


# Reactions.


def factors(schedule, losses):
    """What the rate is multiplied by after each of some losses."""
    memory = {}
    return [schedule.react(loss, memory) for loss in losses]


def slow_factors(plateau, losses):
    """The same, each from all losses so far: how many times was patience at an end?"""
    return [slow_factor(plateau, losses[: i + 1]) for i in range(len(losses))]


def slow_factor(plateau, losses):
    best, *others = losses
    waits = [0]
    for loss in others:
        if best - loss > plateau.tol * abs(best):
            best = loss
            waits.append(0)
        else:
            waits[-1] += 1
    n_plateaus = sum(wait // plateau.patience for wait in waits)
    return max(plateau.factor**n_plateaus, plateau.min_factor)


# Multiples of small powers of two: the reference and the schedule round nothing.
plateaus = st.builds(
    ReduceOnPlateau,
    st.just(0.3),
    factor=st.sampled_from([0.5, 0.25]),
    patience=st.integers(1, 4),
    tol=st.sampled_from([0, 2**-6, 0.25]),
    min_factor=st.sampled_from([2**-20, 0.125, 0.375, 1]),
)
loss_curves = st.lists(st.integers(-80, 80).map(lambda k: k / 16), min_size=1, max_size=40)


@given(plateaus, loss_curves)
def test_a_plateau_reduces_the_rate(plateau, losses):
    assert factors(plateau, losses) == slow_factors(plateau, losses)


@given(plateaus, loss_curves, st.data())
def test_reactions_go_on_from_a_pickled_memory(plateau, losses, data):
    i = data.draw(st.integers(0, len(losses)))
    memory = {}
    first = [plateau.react(loss, memory) for loss in losses[:i]]
    memory = pickle.loads(pickle.dumps(memory))
    then = [plateau.react(loss, memory) for loss in losses[i:]]
    assert first + then == factors(plateau, losses)


def test_a_plateau_lasts_and_is_followed_by_the_next():
    plateau = ReduceOnPlateau(0.1, factor=0.5, patience=2, min_factor=0.2)
    # The lowest rate is not a power of the factor; it is reached, not skipped.
    expected = [1, 1, 0.5, 0.5, 0.25, 0.25, 0.2, 0.2, 0.2]
    assert factors(plateau, [1.0] * 9) == expected


@pytest.mark.parametrize(
    ("best", "loss", "is_lower"),
    [
        (1.0, 0.875, False),
        (1.0, 0.85, True),
        (-1.0, -1.125, False),
        (-1.0, -1.15, True),
        (-1.0, -0.9, False),
        (0.0, 0.0, False),
        (0.0, -1e-12, True),
        (math.inf, 1e300, True),
    ],
)
def test_a_lower_loss_is_lower_by_a_share_of_the_lowest(best, loss, is_lower):
    plateau = ReduceOnPlateau(0.1, factor=0.5, patience=1, tol=0.125)
    assert factors(plateau, [best, loss]) == [1.0, 1.0 if is_lower else 0.5]


def test_small_gains_add_up():
    plateau = ReduceOnPlateau(0.1, factor=0.5, patience=3, tol=0.25)
    # No loss is lower than the last by a quarter, but every other one is than the lowest.
    assert factors(plateau, 0.85 ** np.arange(20)) == [1.0] * 20


def test_what_a_plateau_remembers_is_in_its_memory_alone():
    plateau = ReduceOnPlateau(0.1, factor=0.5, patience=1)
    assert factors(plateau, [1.0, 1.0, 1.0]) == factors(plateau, [1.0, 1.0, 1.0]) == [1, 0.5, 0.25]
    assert plateau == ReduceOnPlateau(0.1, factor=0.5, patience=1)


@pytest.mark.parametrize(
    "schedule", [s for s in ALL if not isinstance(s, ReduceOnPlateau)], ids=repr
)
def test_other_schedules_do_not_react(schedule):
    memory = {}
    assert [schedule.react(loss, memory) for loss in [1.0] * 20] == [1.0] * 20
    assert memory == {}


@given(plateaus, loss_curves)
def test_warmup_hands_reactions_on(plateau, losses):
    expected = factors(plateau, losses)
    warm = Warmup(plateau, duration=2)
    assert factors(warm, losses) == expected
    assert factors(Warmup(warm).over(9), losses) == expected


# Parameters and errors.


@pytest.mark.parametrize("schedule", [*ALL, *TIMED], ids=repr)
def test_clone_round_trip(schedule):
    copy = clone(schedule)
    assert copy == schedule
    assert copy is not schedule


def test_parameters_behind_a_warmup_are_tunable():
    warm = clone(Warmup(Cosine(0.3))).set_params(duration=2.0, then__rate=0.5)
    assert warm == Warmup(Cosine(0.5), duration=2.0)


def test_a_number_is_a_constant_rate():
    assert get_schedule(0.3) == Constant(0.3)
    assert get_schedule(np.float32(0.5))(1.0) == 0.5
    assert get_schedule(1)(2.0) == 1.0


def test_get_schedule_returns_a_schedule_as_it_is():
    schedule = Cosine(0.3)
    assert get_schedule(schedule) is schedule


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (0, ValueError),
        (-0.1, ValueError),
        (math.nan, ValueError),
        (math.inf, ValueError),
        (True, TypeError),
        ("adaptive", TypeError),
        (None, TypeError),
        (Cosine, TypeError),
        (lambda t: 0.1, TypeError),
    ],
)
def test_get_schedule_refuses_anything_else(value, error):
    expected = "a number in (0, inf) or an instance of Schedule"
    with pytest.raises(error) as raised:
        get_schedule(value)
    assert str(raised.value) == f"learning_rate must be {expected}, got {value!r}."
    with pytest.raises(error) as raised:
        Warmup(value)
    assert str(raised.value) == f"then must be {expected}, got {value!r}."


GOOD = {
    Constant: {"rate": 0.3},
    StepDecay: {"rate": 0.3},
    Exponential: {"rate": 0.3},
    InverseScaling: {"rate": 0.3},
    Polynomial: {"rate": 0.3},
    Cosine: {"rate": 0.3},
    OneCycle: {"rate": 0.3},
    ReduceOnPlateau: {"rate": 0.3},
    Warmup: {"then": 0.3},
}
BAD_NUMBERS = [
    *[(kind, "rate", "(0, inf)", bad) for kind in GOOD if kind is not Warmup for bad in (0, -1.0)],
    *[(kind, "rate", "(0, inf)", math.nan) for kind in GOOD if kind is not Warmup],
    (StepDecay, "factor", "(0, 1]", 0.0),
    (StepDecay, "factor", "(0, 1]", 1.1),
    (StepDecay, "every", "(0, inf)", 0),
    (Exponential, "factor", "(0, 1]", 0.0),
    (Exponential, "factor", "(0, 1]", 1.1),
    (InverseScaling, "power", "(0, inf)", 0),
    (Polynomial, "power", "(0, inf)", 0),
    (Polynomial, "end", "[0, 0.3]", 0.4),
    (Polynomial, "end", "[0, 0.3]", -0.1),
    (Polynomial, "duration", "(0, inf) or None", 0),
    (Cosine, "end", "[0, 0.3]", 0.4),
    (Cosine, "end", "[0, 0.3]", -0.1),
    (Cosine, "duration", "(0, inf) or None", -2),
    (OneCycle, "warm_fraction", "(0, 1)", 0.0),
    (OneCycle, "warm_fraction", "(0, 1)", 1.0),
    (OneCycle, "start_factor", "[0, 1]", 1.1),
    (OneCycle, "start_factor", "[0, 1]", -0.1),
    (OneCycle, "end_factor", "[0, 1]", 1.1),
    (OneCycle, "end_factor", "[0, 1]", -0.1),
    (OneCycle, "duration", "(0, inf) or None", math.inf),
    (ReduceOnPlateau, "factor", "(0, 1)", 0.0),
    (ReduceOnPlateau, "factor", "(0, 1)", 1.0),
    (ReduceOnPlateau, "tol", "[0, inf)", -1e-4),
    (ReduceOnPlateau, "tol", "[0, inf)", math.nan),
    (ReduceOnPlateau, "min_factor", "(0, 1]", 0.0),
    (ReduceOnPlateau, "min_factor", "(0, 1]", 1.1),
    (Warmup, "duration", "(0, inf)", 0),
    (Warmup, "start_factor", "[0, 1]", 1.1),
    (Warmup, "start_factor", "[0, 1]", -0.1),
]


@pytest.mark.parametrize(("kind", "name", "interval", "value"), BAD_NUMBERS)
def test_bad_numbers_are_refused_at_once_and_again_on_use(kind, name, interval, value):
    message = f"^{re.escape(f'{name} must be a number in {interval}, got {value!r}.')}$"
    with pytest.raises(ValueError, match=message):
        kind(**GOOD[kind] | {name: value})
    with pytest.raises(ValueError, match=message):
        get_schedule(kind(**GOOD[kind]).set_params(**{name: value}))


@pytest.mark.parametrize(
    ("value", "error"),
    [(0, ValueError), (-1, ValueError), (2.5, TypeError), (True, TypeError), ("5", TypeError)],
)
def test_patience_is_a_number_of_epochs(value, error):
    message = rf"^patience must be an integer of at least 1, got {value!r}\.$"
    with pytest.raises(error, match=message):
        ReduceOnPlateau(0.3, patience=value)
    with pytest.raises(error, match=message):
        get_schedule(Warmup(ReduceOnPlateau(0.3)).set_params(then__patience=value))


def test_the_ends_of_the_intervals_that_are_allowed():
    assert factors(ReduceOnPlateau(0.3, patience=1, tol=0, min_factor=1), [1.0] * 3) == [1.0] * 3
    assert StepDecay(0.3, factor=1, every=2)(5) == 0.3
    assert Exponential(0.3, factor=1)(5) == 0.3
    assert Cosine(0.3, end=0.3, duration=1)(0.25) == pytest.approx(0.3, rel=1e-15)
    assert OneCycle(0.3, start_factor=1, end_factor=0, duration=1)(0) == 0.3


@pytest.mark.parametrize(
    ("rates", "boundaries", "error", "message"),
    [
        (0.3, [], TypeError, "rates must be a sequence of numbers, got 0.3."),
        ([0.3], 5, TypeError, "boundaries must be a sequence of numbers, got 5."),
        ("13", [2], TypeError, "rates must be a sequence of numbers, got '13'."),
        ([0.3, 0], [5], ValueError, "rates[1] must be a number in (0, inf), got 0."),
        ([0.3, "a"], [5], TypeError, "rates[1] must be a number in (0, inf), got 'a'."),
        ([0.3, 0.1], [-5], ValueError, "boundaries[0] must be a number in (0, inf), got -5."),
        ([3, 2, 1], [5, 5], ValueError, "boundaries must be increasing, got [5, 5]."),
        ([3, 2, 1], (7, 5), ValueError, "boundaries must be increasing, got (7, 5)."),
        ([3], [5], ValueError, "rates must hold one rate more than the 1 boundaries, got [3]."),
        ([], [], ValueError, "rates must hold one rate more than the 0 boundaries, got []."),
    ],
)
def test_piecewise_constant_refuses_a_bad_table(rates, boundaries, error, message):
    with pytest.raises(error) as raised:
        PiecewiseConstant(rates, boundaries)
    assert str(raised.value) == message


def test_piecewise_constant_takes_arrays():
    table = PiecewiseConstant(np.array([0.3, 0.1]), np.array([5.0]))
    assert (clone(table)(4), clone(table)(5)) == (0.3, 0.1)


def test_a_schedule_without_a_call_says_so():
    class Nothing(Schedule):
        pass

    with pytest.raises(NotImplementedError, match=r"^Nothing must define __call__\.$"):
        Nothing()(0.0)
