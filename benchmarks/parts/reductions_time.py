"""Reductions: ``fit`` and ``predict`` against ``sklearn.multiclass``.

``OneVsAllClassifier`` and ``OneVsOneClassifier`` against ``OneVsRestClassifier`` and
``OneVsOneClassifier`` of scikit-learn with the same base, with one job and two. The base
``SoftmaxRegression``, which fits all problems as one optimization, stands against
``LogisticRegression`` at the same penalty, that of a problem of average size. All four take turns.
A *ratio* is scikit-learn's time over ours, *speed-up* our time with one job over that with two.
"""

from functools import partial
from statistics import geometric_mean

from sklearn import multiclass
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from benchmarks.clock import milliseconds, ratio, take_turns
from benchmarks.reduction_data import alpha_for, prepared
from skmlp import OneVsAllClassifier, OneVsOneClassifier, SoftmaxRegression

MOST_ROWS, BIG_ROWS = 20_000, 2000
# Rounds, an even number, since who comes first has to wake the workers; seconds after which there
# are no more.
N_ROUNDS, BUDGET = 6, 15
REDUCTIONS = {
    "one-vs-all": (OneVsAllClassifier, multiclass.OneVsRestClassifier),
    "one-vs-one": (OneVsOneClassifier, multiclass.OneVsOneClassifier),
}
JOBS = (1, 2)
OURS, THEIRS = "ours", "theirs"
JOINT = "SoftmaxRegression"


def rows(options):
    """Yield the rows of the table."""
    sets = ("satimage", "letter", "fashion_mnist", "debian_sections")
    for name in options.chosen_sets(("digits",), sets):
        most_rows = BIG_ROWS if name in sets[2:] else MOST_ROWS
        data = prepared(name, options.data, most_rows // 10 if options.quick else most_rows)
        for reduction, kinds in REDUCTIONS.items():
            for base, *models in bases(data, reduction):
                yield from bench(name, data, reduction, base, kinds, models, options)


def bases(data, reduction):
    """Yield what is timed: its name, our base and that of scikit-learn's reduction."""
    n_samples = len(data.y)
    if reduction == "one-vs-one":
        n_samples = 2 * n_samples / data.n_classes
    logistic = LogisticRegression(C=data.strength)
    if not (data.is_text and reduction == "one-vs-one"):
        # Pairs of classes in text are of very different sizes, and have no one penalty in common.
        yield JOINT, SoftmaxRegression(alpha_for(n_samples, data.strength)), logistic
    same = {"LogisticRegression": logistic, "LinearSVC": LinearSVC(random_state=0)}
    if not data.is_text:
        same["DecisionTreeClassifier"] = DecisionTreeClassifier(random_state=0)
        same["MLPClassifier"] = MLPClassifier((20,), max_iter=5, random_state=0)
    for base, model in same.items():
        yield base, model, model


def bench(name, data, reduction, base, kinds, models, options):
    """Yield the rows of one base, one for each number of jobs."""
    rivals = {
        (who, n_jobs): kind(model, n_jobs=n_jobs)
        for n_jobs in JOBS
        for who, kind, model in zip((OURS, THEIRS), kinds, models, strict=True)
    }
    times = time_rivals(rivals, data, options)
    for n_jobs in JOBS:
        yield {
            "set": name,
            "rows": len(data.y),
            "classes": data.n_classes,
            "reduction": reduction,
            "base": base,
            "jobs": n_jobs,
            **compared("fit", times, n_jobs),
            "speed-up": ratio(times[OURS, 1, "fit"], times[OURS, n_jobs, "fit"]),
            **compared("predict", times, n_jobs),
            "accuracy": accuracy(rivals[OURS, n_jobs], data),
            "sklearn accuracy": accuracy(rivals[THEIRS, n_jobs], data),
        }


def time_rivals(rivals, data, options):
    """Fit and predict in turn; return the seconds of each, round by round."""
    calls = {}
    for (who, n_jobs), model in rivals.items():
        if n_jobs > 1:
            # Start the workers, and let them import what they need.
            clone(model).fit(data.X[:500], data.y[:500])
        calls[who, n_jobs, "fit"] = partial(model.fit, data.X, data.y)
        calls[who, n_jobs, "predict"] = partial(model.predict, data.X_test)
    return take_turns(calls, options.n_rounds(N_ROUNDS), budget=BUDGET)


def compared(what, times, n_jobs):
    """Return the columns of the table that tell how long something takes."""
    ours, theirs = times[OURS, n_jobs, what], times[THEIRS, n_jobs, what]
    return {
        f"{what} ms": milliseconds(ours),
        f"sklearn {what} ms": milliseconds(theirs),
        f"{what} ratio": ratio(theirs, ours),
    }


def accuracy(model, data):
    """Return the accuracy on test rows."""
    return round(float(model.score(data.X_test, data.y_test)), 4)


def findings(rows):
    """Give the means of the ratios by base."""
    for what in ("fit", "predict"):
        means = {}
        for row in rows:
            if row["jobs"] == 1:
                means.setdefault(row["base"], []).append(row[f"{what} ratio"])
        listed = ", ".join(f"{base} {geometric_mean(r):.2f}" for base, r in means.items())
        yield f"Geometric mean of the ratios of {what}, one job, by base: {listed}."


def draw(rows, figure):
    """Draw the ratios of fit with one job."""
    from benchmarks.figures import bars

    figure.set_size_inches(9.6, 6)
    for axes, reduction in zip(figure.subplots(1, len(REDUCTIONS)), REDUCTIONS, strict=True):
        shown = [row for row in rows if row["jobs"] == 1 and row["reduction"] == reduction]
        bars(axes, {f"{row['set']}: {row['base']}": row["fit ratio"] for row in shown})
        axes.set_title(reduction, fontsize=9)
        axes.set_xlabel("fit: time of scikit-learn / ours", fontsize=8)
    return "Bars of the time of fit in sklearn.multiclass over ours, by data set and base."
