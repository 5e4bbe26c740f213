"""Softmax regression on text: time, accuracy and log loss.

Sublinear tf-idf in float32 with ``SoftmaxRegression(alpha=1 / (2 n C), tol=0.1)``, C = 10, as for
``LogisticRegression`` and LIBLINEAR (``-s 7``), which is one-vs-all, and so are LinearSVC,
``SGDClassifier`` with ``alpha=1e-6``, and Vowpal Wabbit with five passes at the rate 1. All take
turns; who takes more than 12 seconds has one. LIBLINEAR and Vowpal Wabbit get the rows in formats
of their own.
"""

from functools import partial

import numpy as np
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import log_loss
from sklearn.svm import LinearSVC

from benchmarks import datasets
from benchmarks.clock import ratio, significant, take_turns
from skmlp import SoftmaxRegression

STRENGTH = 10.0
N_ROUNDS, ONCE_ABOVE = 3, 12.0
OURS = "SoftmaxRegression"


def rows(options):
    """Yield the rows of the table."""
    for name in options.chosen_sets((), datasets.TEXT[:1]):
        yield from bench_set(name, options)


def bench_set(name, options):
    """Yield the rows of one set."""
    data = datasets.load(name, options.data)
    tfidf = TfidfTransformer(sublinear_tf=True)
    X = tfidf.fit_transform(data.X[data.train]).astype(np.float32)
    X_test = tfidf.transform(data.X[data.test]).astype(np.float32)
    y, y_test = data.y[data.train], data.y[data.test]
    models = contestants(X, y, options)
    fits = {label: partial(model.fit, X, y) for label, model in models.items()}
    times = take_turns(fits, options.n_rounds(N_ROUNDS), once_above=ONCE_ABOVE)
    for label, model in models.items():
        accuracy, loss = quality(model, X_test, y_test)
        yield {
            "set": name,
            "model": label,
            "seconds": significant(float(np.median(times[label]))),
            "ratio": ratio(times[label], times[OURS]),
            "test accuracy": round(accuracy, 4),
            "test log loss": None if loss is None else round(loss, 4),
        }


def contestants(X, y, options):
    """Return the models by name, before they are fitted."""
    models = {
        OURS: SoftmaxRegression(1 / (2 * len(y) * STRENGTH), tol=0.1),
        "SGDClassifier": SGDClassifier(loss="log_loss", alpha=1e-6, random_state=0),
        "LinearSVC": LinearSVC(),
        "LogisticRegression lbfgs": LogisticRegression(C=STRENGTH),
        "LogisticRegression saga": LogisticRegression(C=STRENGTH, solver="saga", tol=1e-2),
    }
    if options.has("liblinear-official"):
        from benchmarks.liblinear_model import Liblinear

        models["LIBLINEAR"] = Liblinear(X, y, STRENGTH)
    if options.has("vowpalwabbit"):
        from benchmarks.wabbit import Wabbit

        models["Vowpal Wabbit"] = Wabbit(X, y, n_epochs=5, rate=1.0, alpha=0)
    return models


def quality(model, X, y):
    """Return the accuracy, and the log loss of a model with probabilities."""
    accuracy = float(np.mean(model.predict(X) == y))
    if not hasattr(model, "predict_proba"):
        return accuracy, None
    return accuracy, log_loss(y, model.predict_proba(X), labels=model.classes_)


def findings(rows):
    """Say who is quicker."""
    quicker = [f"{row['model']} ({row['ratio']:g})" for row in rows if row["ratio"] < 1]
    yield f"Quicker than ours: {', '.join(quicker) or 'none'}."
