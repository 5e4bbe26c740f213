"""Reductions: accuracy of ``ECOCClassifier`` against ``OutputCodeClassifier``.

Means over ten seeds of code and split, at most 2000 training rows; *its error* is the standard
error of the difference. Dense codes of the default size, and of the size that
``OutputCodeClassifier`` has by default, stand against as many learners of the latter. Sparse codes,
the default, have half as many learners more, each of which sees about half of the rows: they stand
against as many learners as a dense code has, which are more work to train.
"""

import numpy as np
from sklearn import multiclass
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from benchmarks import datasets
from benchmarks.reduction_data import prepared
from skmlp import ECOCClassifier

MOST_ROWS, MANY_CLASSES, N_SEEDS = 2000, 5000, 10
SOME_ROWS = {"fashion_mnist": 1000, "debian_sections": MANY_CLASSES, "wordnet": MANY_CLASSES}


def rows(options):
    """Yield the rows of the table."""
    for name in options.chosen_sets(datasets.BUNDLED, datasets.DENSE + datasets.TEXT):
        yield from bench_set(name, options)


def bench_set(name, options):
    """Yield the rows of one data set, three for each base."""
    runs = {}
    for seed in range(options.rounds or (2 if options.quick else N_SEEDS)):
        data = prepared(name, options.data, SOME_ROWS.get(name, MOST_ROWS), seed)
        if data.n_classes == 2:
            return
        bases = LogisticRegression(), DecisionTreeClassifier()
        for base in (LinearSVC(),) if data.is_text else bases:
            for code, figures in accuracy_of_codes(base, data, seed).items():
                runs.setdefault((type(base).__name__, code), []).append(figures)
    for (base, code), run in runs.items():
        learners, their_learners, ours, theirs = np.transpose(run)
        gain = ours - theirs
        yield {
            "set": name,
            "classes": data.n_classes,
            "base": base,
            "code": code,
            "learners": int(learners.max()),
            "accuracy": round(float(ours.mean()), 4),
            "sklearn learners": int(their_learners.max()),
            "sklearn accuracy": round(float(theirs.mean()), 4),
            "difference": round(float(gain.mean()), 4),
            "its error": round(float(gain.std(ddof=1) / len(gain) ** 0.5), 4)
            if len(gain) > 1
            else None,
        }


def accuracy_of_codes(base, data, seed):
    """Return for each code the learners that we and scikit-learn have, and both accuracies."""

    def fitted(kind, **settings):
        model = kind(base, random_state=seed, **settings).fit(data.X, data.y)
        return len(model.estimators_), model.score(data.X_test, data.y_test)

    ours = {
        "sparse": fitted(ECOCClassifier),
        "dense": fitted(ECOCClassifier, code="dense"),
        "dense, 1.5 C": fitted(ECOCClassifier, code="dense", code_size=1.5),
    }
    # In multiples of the number of classes, rounded down.
    same = fitted(
        multiclass.OutputCodeClassifier, code_size=(ours["dense"][0] + 0.5) / data.n_classes
    )
    customary = fitted(multiclass.OutputCodeClassifier, code_size=1.5)
    theirs = {"sparse": same, "dense": same, "dense, 1.5 C": customary}
    return {code: (ours[code][0], theirs[code][0], ours[code][1], theirs[code][1]) for code in ours}


def findings(rows):
    """Count where the codes are better, and where that is more than chance."""
    for code in dict.fromkeys(row["code"] for row in rows):
        shown = [row for row in rows if row["code"] == code]
        better = sum(row["difference"] > 0 for row in shown)
        worse = sum(row["difference"] < -2 * (row["its error"] or 0) for row in shown)
        yield (
            f"{code}: more accurate on {better} of {len(shown)} rows, less by more than two "
            f"standard errors on {worse}."
        )
