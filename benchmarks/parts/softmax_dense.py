"""Softmax regression on dense data: seconds until the objective is at its minimum.

The time of a whole ``fit`` that ends within a relative 1e-6 of the smallest objective, on features
scaled to unit variance and raw. One function evaluates the objective for all. Every solver gets the
loosest tolerance of one grid that gets it there, and the same data in float64; the penalty is that
of scikit-learn's default, C = 1. The three fastest peers take turns with ours. An empty cell: not
there in time, or not offered for the problem. *bound* is the certificate of the reference solution
relative to its objective, *memory* the peak of what NumPy allocates in a fit, over that of one
(n, C), one (C, d) and one (d, d) array.
"""

import signal
import tracemalloc
from contextlib import contextmanager
from functools import partial
from statistics import geometric_mean

import numpy as np
from scipy.special import logsumexp
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from benchmarks import datasets
from benchmarks.clock import milliseconds, ratio, seconds, significant, take_turns
from skmlp import SoftmaxRegression

GAP = 1e-6
TOLERANCES = [10.0**-k for k in range(1, 11)]
SOLVERS = ("newton-cholesky", "newton-cg", "lbfgs", "sag", "saga", "liblinear")
INTELEX, INTELEX_SOLVERS = "scikit-learn-intelex", ("lbfgs", "newton-cg")
OURS = "skmlp"
# scikit-learn's default strength of the penalty.
C = 1.0
# newton-cholesky makes a matrix over all parameters: beyond this many it needs minutes a step.
MAX_CHOLESKY = 4000
# Seconds that a peer may take for a fit, and above which nothing is timed again.
CAP, QUICK_CAP, ONCE_ABOVE, N_ROUNDS = 8.0, 0.5, 5.0, 5
N_RIVALS = 3


class OutOfTime(Exception):
    """A fit that took too long."""


@contextmanager
def deadline(n_seconds):
    """Raise OutOfTime in the block after some seconds, where the system has alarms."""

    def stop(signum, frame):
        raise OutOfTime

    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, stop)
        signal.setitimer(signal.ITIMER_REAL, n_seconds)
    try:
        yield
    finally:
        if hasattr(signal, "SIGALRM"):
            signal.setitimer(signal.ITIMER_REAL, 0)


def rows(options):
    """Yield the rows of the table."""
    for name in options.chosen_sets(datasets.BUNDLED, datasets.DENSE):
        for scaled in (True, False):
            yield bench_set(name, scaled, options)


def bench_set(name, scaled, options):
    """Return a row of the table."""
    data = datasets.load(name, options.data)
    X = np.asarray(data.X[data.train], dtype=np.float64)
    y = data.y[data.train]
    if scaled:
        X = StandardScaler().fit_transform(X)
    alpha = 1 / (2 * len(y) * C)
    reference = SoftmaxRegression(alpha, tol=1e-14).fit(X, y)
    goal = objective(reference, X, y, alpha) * (1 + GAP)
    solvers = candidates(X, y, alpha, options)
    cap = QUICK_CAP if options.quick else CAP
    found = {label: loosest(make, X, y, alpha, goal, cap) for label, make in solvers.items()}
    found = {label: pair for label, pair in found.items() if pair}
    rivals = sorted((label for label in found if label != OURS), key=lambda label: found[label][1])
    fits = {
        label: partial(solvers[label](tol=found[label][0]).fit, X, y)
        for label in (OURS, *rivals[:N_RIVALS])
    }
    times = take_turns(fits, options.n_rounds(N_ROUNDS), once_above=ONCE_ABOVE)
    best = min(
        (label for label in times if label != OURS), key=lambda s: min(times[s]), default=None
    )
    known = {label: [found[label][1]] for label in found} | times
    return {
        "set": name,
        "features": "scaled" if scaled else "raw",
        "rows": len(y),
        "columns": X.shape[1],
        "classes": len(np.unique(y)),
        "ratio": ratio(times[best] if best else [cap] * len(times[OURS]), times[OURS]),
        "skmlp ms": milliseconds(times[OURS]),
        "best peer": best or f"none in {cap:g} s",
        "peer ms": milliseconds(times[best]) if best else None,
        "bound": f"{reference.suboptimality_bound_ / reference.loss_:.0e}",
        "memory": peak_memory(SoftmaxRegression(alpha), X, y),
    } | {
        f"{label} ms": milliseconds(known[label]) if label in known else None
        for label in (*SOLVERS, *(f"intelex {solver}" for solver in INTELEX_SOLVERS))
    }


def objective(model, X, y, alpha):
    """Evaluate the objective of any linear model: mean cross-entropy plus penalty."""
    codes = np.searchsorted(model.classes_, y)
    F = X @ model.coef_.T.astype(np.float64) + model.intercept_
    if F.shape[1] == 1:
        F = np.hstack([np.zeros_like(F), F])
    loss = logsumexp(F, axis=1) - F[np.arange(len(y)), codes]
    return loss.mean() + alpha * np.square(model.coef_, dtype=np.float64).sum()


def candidates(X, y, alpha, options):
    """Return what is compared: name -> function from a tolerance to an unfitted model."""
    n_classes = len(np.unique(y))
    solvers = {OURS: lambda tol: SoftmaxRegression(alpha, tol=tol)}
    for solver in SOLVERS:
        too_large = solver == "newton-cholesky" and X.shape[1] * n_classes > MAX_CHOLESKY
        if too_large or (solver == "liblinear" and n_classes > 2):
            continue
        solvers[solver] = partial(LogisticRegression, C=C, solver=solver, max_iter=10**6)
    if options.has(INTELEX):
        from sklearnex.linear_model import LogisticRegression as Accelerated

        for solver in INTELEX_SOLVERS:
            make = partial(Accelerated, C=C, solver=solver, max_iter=10**6)
            solvers[f"intelex {solver}"] = make
    return solvers


def loosest(make, X, y, alpha, goal, cap):
    """Return the loosest tolerance that reaches the goal in time, with its seconds, or None."""
    for tol in TOLERANCES:
        model = make(tol=tol)
        try:
            with deadline(cap):
                if getattr(model, "solver", None) in ("sag", "saga"):
                    # Compiled loops hear no alarm: allow as many epochs as fit in the time.
                    needed = seconds(clone(model).set_params(max_iter=2).fit, X, y)
                    model.set_params(max_iter=max(2, int(2 * cap / needed)))
                needed = seconds(model.fit, X, y)
        except OutOfTime:
            return None
        if objective(model, X, y, alpha) <= goal:
            return tol, needed
        if needed > cap / 3:
            return None
    return None


def peak_memory(model, X, y):
    """Return the peak of memory allocated in a fit, in units of what the method must hold."""
    tracemalloc.start()
    model.fit(X, y)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    (n, d), n_classes = X.shape, len(model.classes_)
    return significant(peak / 8 / (n * n_classes + d * n_classes + d * d))


def findings(rows):
    """Give the means of the ratios, and say where a peer is quicker."""
    large = [row["ratio"] for row in rows if row["rows"] > 1000]
    yield (
        f"Over these {len(rows)} rows the geometric mean of the ratios is "
        f"{geometric_mean(row['ratio'] for row in rows):.1f}"
        + (
            f"; over the {len(large)} above a thousand rows {geometric_mean(large):.1f}."
            if large
            else "."
        )
    )
    slower = [
        f"{row['features']} {row['set']} ({row['ratio']:g})" for row in rows if row["ratio"] < 1
    ]
    yield f"Slower than the best peer on {len(slower)}: {', '.join(slower) or 'none'}."
    times = {(row["set"], row["features"]): row["skmlp ms"] for row in rows}
    costs = [times[name, "raw"] / ms for (name, kind), ms in times.items() if kind == "scaled"]
    yield (
        f"Raw features cost {min(costs):.1f} to {max(costs):.1f} times what scaled ones do, "
        f"{geometric_mean(costs):.1f} in the geometric mean."
    )


def draw(rows, figure):
    """Draw the time of the best peer over ours."""
    from benchmarks.figures import bars

    figure.set_size_inches(9.6, 0.5 + 0.13 * len(rows) + 1)
    for axes, kind in zip(figure.subplots(1, 2), ("scaled", "raw"), strict=True):
        shown = {row["set"]: row["ratio"] for row in rows if row["features"] == kind}
        bars(axes, shown)
        axes.set_title(f"{kind} features", fontsize=9)
        axes.set_xlabel("time of the best peer / ours", fontsize=8)
    return "Bars of the time of the best peer over ours, set by set, for scaled and raw features."
