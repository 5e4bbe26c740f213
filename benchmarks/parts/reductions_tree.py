"""Reductions with many classes: microseconds that the prediction of a row takes.

Linear learners, 10 to 10000 classes. Classes are normal, with means made by a random hierarchy. A
greedy walk asks as many learners as a leaf is deep; an exact one also looks into branches that may
hold a more probable class; one-vs-all asks all of them. One-vs-all is trained on one row a class:
its predictions take the same time however good they are.
"""

from functools import partial

import numpy as np
from sklearn.linear_model import LogisticRegression, SGDClassifier

from benchmarks.clock import seconds, significant, take_turns
from skmlp import OneVsAllClassifier, TreeReductionClassifier

N_CLASSES = (10, 100, 1000, 10_000)
N_FEATURES, STEP, ROWS_A_CLASS, N_TIMED = 32, 2.5, 5, 2000
N_ROUNDS = 5
DECODINGS = ("greedy", "exact")


def rows(options):
    """Yield the rows of the table."""
    for n_classes in N_CLASSES[: 2 if options.quick else None]:
        yield bench(n_classes, options)


def class_means(n_classes, rng):
    """Return means of classes whose hierarchy is a balanced tree: each level splits them anew."""
    means = np.zeros((1, N_FEATURES))
    while len(means) < n_classes:
        step = rng.standard_normal(means.shape)
        step *= STEP / np.linalg.norm(step, axis=1, keepdims=True)
        means = np.vstack([means - step, means + step])
    return means[rng.permutation(len(means))[:n_classes]]


def bench(n_classes, options):
    """Return a row of the table."""
    rng = np.random.default_rng(0)
    means = class_means(n_classes, rng)
    y, y_test = np.repeat(np.arange(n_classes), ROWS_A_CLASS), rng.integers(n_classes, size=N_TIMED)
    X, X_test = (means[k] + rng.standard_normal((len(k), N_FEATURES)) for k in (y, y_test))
    tree = TreeReductionClassifier(LogisticRegression())
    fit_seconds = seconds(tree.fit, X, y)
    cheap = SGDClassifier(loss="log_loss", max_iter=1, tol=None, random_state=0)
    one_vs_all = OneVsAllClassifier(cheap).fit(X[::ROWS_A_CLASS], y[::ROWS_A_CLASS])
    calls = {kind: partial(predict, tree, kind, X_test) for kind in DECODINGS}
    calls["one-vs-all"] = partial(one_vs_all.predict, X_test)
    times = take_turns(calls, options.n_rounds(N_ROUNDS))
    row = {
        "classes": n_classes,
        "mean depth": round(float(tree.tree_.depths[y_test].mean()), 1),
        "fit s": round(fit_seconds, 1),
    }
    for label, taken in times.items():
        row[f"{label} µs"] = significant(1e6 * np.median(taken) / N_TIMED)
    for kind in DECODINGS:
        row[f"{kind} accuracy"] = round(float(np.mean(predict(tree, kind, X_test) == y_test)), 3)
    return row


def predict(tree, decoding, X):
    """Return the predictions of a tree with one of its decodings."""
    return tree.set_params(decoding=decoding).predict(X)


def findings(rows):
    """Say how much faster the tree is with the most classes."""
    last = rows[-1]
    for kind in DECODINGS:
        gain = last["one-vs-all µs"] / last[f"{kind} µs"]
        yield f"With {last['classes']} classes, {kind} is {gain:.2g} times as fast as one-vs-all."


def draw(rows, figure):
    """Draw the time of a row against the number of classes."""
    from benchmarks.figures import lines

    x = [row["classes"] for row in rows]
    curves = {
        label: (x, [row[f"{label} µs"] for row in rows]) for label in (*DECODINGS, "one-vs-all")
    }
    lines(figure.subplots(), curves, xlabel="classes", ylabel="µs a row")
    return "Time of a prediction against the number of classes, greedy, exact and one-vs-all."
