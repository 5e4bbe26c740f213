"""Who is called when, and what comes of the seconds."""

import time

import pytest

clock = pytest.importorskip("benchmarks.clock")


def callers(log, seconds=None):
    def call(name):
        log.append(name)
        time.sleep((seconds or {}).get(name, 0))

    return {name: lambda name=name: call(name) for name in "abc"}


def test_contestants_take_turns_and_every_other_round_goes_backwards():
    log = []
    times = clock.take_turns(callers(log), 3)
    assert "".join(log) == "abccbaabc"
    assert {name: len(runs) for name, runs in times.items()} == {"a": 3, "b": 3, "c": 3}


def test_who_takes_long_is_called_once():
    log = []
    times = clock.take_turns(callers(log, {"b": 0.02}), 3, once_above=0.01)
    assert "".join(log) == "abccaac"
    assert len(times["b"]) == 1
    assert times["b"][0] >= 0.02


def test_there_is_no_new_round_beyond_the_budget():
    log = []
    clock.take_turns(callers(log, {"a": 0.02}), 9, budget=0.03)
    assert "".join(log) == "abccba"


def test_a_ratio_is_the_median_over_the_rounds_that_both_made():
    # Rounds give 4, 1 and 2; the medians alone would give 8 / 3.
    assert clock.ratio([8, 3, 10, 1000], [2, 3, 5]) == 2


def test_three_digits_are_significant():
    assert clock.significant(1234.5) == 1230
    assert clock.milliseconds([0.5, 0.0012345, 0.0001]) == 1.23
