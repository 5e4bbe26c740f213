"""Timing: contestants take turns, so that what else the machine does hits all of them."""

import time
from math import inf
from statistics import median


def seconds(function, *arguments):
    """Return how long a call takes."""
    began = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - began


def take_turns(contestants, n_rounds, *, once_above=inf, budget=inf, rest=0.0):
    """Call functions in turn; return for each name its seconds, round by round.

    A function that took longer than `once_above` is not called again, and there is no new round
    after `budget` seconds. Every other round goes backwards: nobody always follows the same one.
    Before each call all rest for `rest` seconds, in which threads that still spin come to an end.
    """
    times = {name: [] for name in contestants}
    for i in range(n_rounds):
        for name in list(contestants)[:: (-1) ** i]:
            if i == 0 or times[name][0] <= once_above:
                time.sleep(rest)
                times[name].append(seconds(contestants[name]))
        if sum(map(sum, times.values())) > budget:
            break
    return times


def rest_after(n_threads):
    """Return how long the threads of a BLAS may spin after their last product."""
    return 0.2 if n_threads > 1 else 0.0


def ratio(slow, fast):
    """Return how many times as long the one takes: the median over the rounds that both made."""
    return significant(median(a / b for a, b in zip(slow, fast, strict=False)))


def milliseconds(times):
    """Return the median of seconds in milliseconds."""
    return significant(1e3 * median(times))


def significant(number):
    """Round to three significant digits."""
    return float(f"{number:.3g}")
