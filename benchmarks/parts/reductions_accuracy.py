"""Reductions: accuracy and log loss on test rows.

All four at their defaults, beside the base *alone*, which knows many classes itself. Means over
five splits of the sets with fewer than 2000 rows.
"""

from functools import partial

import numpy as np
from sklearn.base import clone
from sklearn.metrics import log_loss
from sklearn.tree import DecisionTreeClassifier

from benchmarks import datasets
from benchmarks.reduction_data import alpha_for, prepared
from skmlp import (
    ECOCClassifier,
    OneVsAllClassifier,
    OneVsOneClassifier,
    SoftmaxRegression,
    TreeReductionClassifier,
)

MOST_ROWS, BIG_ROWS, SMALL, N_SPLITS = 10_000, 5000, 2000, 5
REDUCTIONS = {
    "alone": lambda base: base,
    "one-vs-all": OneVsAllClassifier,
    "one-vs-one": OneVsOneClassifier,
    "ECOC": partial(ECOCClassifier, random_state=0),
    "tree": TreeReductionClassifier,
}


def rows(options):
    """Yield the rows of the table."""
    for name in options.chosen_sets(datasets.BUNDLED, datasets.DENSE + datasets.TEXT):
        yield from bench_set(name, options)


def bench_set(name, options):
    """Yield the rows of one data set, two for each base."""
    found = {}
    for seed in range(options.n_rounds(N_SPLITS)):
        most_rows = BIG_ROWS if name in datasets.BIG else MOST_ROWS
        data = prepared(name, options.data, most_rows, seed)
        for base, model in bases(data).items():
            for label, reduction in REDUCTIONS.items():
                figures = accuracy_and_loss(reduction(clone(model)), data)
                found.setdefault(base, {}).setdefault(label, []).append(figures)
        if len(data.y) > SMALL:
            break
    for base, of_base in found.items():
        for i, measure in enumerate(("accuracy", "log loss")):
            means = {label: np.mean(runs, axis=0)[i] for label, runs in of_base.items()}
            rounded = {label: round(float(value), 4) for label, value in means.items()}
            yield {"set": name, "base": base, "measure": measure, **rounded}


def bases(data):
    """Return the bases whose accuracy is measured."""
    if data.is_text:
        alpha = alpha_for(len(data.y), data.strength)
        return {"SoftmaxRegression": SoftmaxRegression(alpha, tol=0.1)}
    tree = DecisionTreeClassifier(min_samples_leaf=5, random_state=0)
    return {"SoftmaxRegression": SoftmaxRegression(), "DecisionTreeClassifier": tree}


def accuracy_and_loss(model, data):
    """Fit a model; return its accuracy and log loss on test rows."""
    model.fit(data.X, data.y)
    P = model.predict_proba(data.X_test).astype(np.float64)
    P /= P.sum(axis=1, keepdims=True)
    accuracy = model.score(data.X_test, data.y_test)
    return accuracy, log_loss(data.y_test, P, labels=model.classes_)


def findings(rows):
    """Say on how many sets each reduction has fewer errors than the base alone."""
    for base in dict.fromkeys(row["base"] for row in rows):
        shown = [r for r in rows if r["base"] == base and r["measure"] == "accuracy"]
        wins = ", ".join(
            f"{label} on {sum(row[label] > row['alone'] for row in shown)}"
            for label in list(REDUCTIONS)[1:]
        )
        yield f"More accurate than {base} alone, of {len(shown)} sets: {wins}."
