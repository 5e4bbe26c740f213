"""Softmax regression, one row at a time: ``solver="sgd"`` with ``batch_size=1``.

Against ``SGDClassifier(loss="log_loss")``, which learns a class against the rest in each of its
passes, and Vowpal Wabbit, which does so in one pass: the same number of passes over the same rows,
the same constant rate and penalty, no averaging, no early stopping; float64, but float32 in Vowpal
Wabbit, which reads from a cache of its own that is already there. Sparse rows get no intercept,
whose steps scikit-learn shortens for them. *sparse 2* and *sparse 20* are made up, with so many
classes: rows of 50 words among 20000, some much rarer than others. The other sets are standardized,
or tf-idf. Accuracies are those on test rows.
"""

from functools import partial
from types import SimpleNamespace

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import SGDClassifier
from sklearn.preprocessing import StandardScaler

from benchmarks import datasets
from benchmarks.clock import milliseconds, ratio, take_turns
from skmlp import SoftmaxRegression

N_EPOCHS, N_ROUNDS = 5, 5
ALPHA = 1e-6
# Texts have rows of length one, and need larger steps.
RATE, TEXT_RATE = 1e-2, 1.0
SPARSE = {"sparse 2": 2, "sparse 20": 20}
N_ROWS, N_WORDS, LENGTH = 10_000, 20_000, 50
OURS, PEER, WABBIT = "skmlp", "SGDClassifier", "vowpalwabbit"


def rows(options):
    """Yield the rows of the table."""
    bundled = ("breast_cancer", "iris", "digits", *SPARSE)
    for name in options.chosen_sets(bundled, ("satimage", "letter", "debian_sections")):
        yield from bench_set(name, options)


def bench_set(name, options):
    """Yield the rows of one data set."""
    data = random_text(name) if name in SPARSE else scaled(name, options.data)
    models = contestants(data, options)
    fits = {label: partial(model.fit, data.X, data.y) for label, model in models.items()}
    times = take_turns(fits, options.n_rounds(N_ROUNDS))
    for label, model in models.items():
        yield {
            "set": name,
            "rows": data.X.shape[0],
            "columns": data.X.shape[1],
            "classes": len(np.unique(data.y)),
            "model": label,
            "ms": milliseconds(times[label]),
            "ratio": ratio(times[label], times[OURS]),
            "test accuracy": round(np.mean(model.predict(data.X_test) == data.y_test), 4),
        }


def contestants(data, options):
    """Return the models, before training."""
    models = {
        OURS: SoftmaxRegression(
            alpha=ALPHA / 2,
            solver="sgd",
            optimizer="sgd",
            learning_rate=data.rate,
            fit_intercept=data.has_intercept,
            batch_size=1,
            max_iter=N_EPOCHS,
            tol=0.0,
            n_iter_no_change=10**9,
            random_state=0,
        ),
        PEER: SGDClassifier(
            loss="log_loss",
            alpha=ALPHA,
            learning_rate="constant",
            eta0=data.rate,
            fit_intercept=data.has_intercept,
            max_iter=N_EPOCHS,
            tol=None,
            random_state=0,
        ),
    }
    if options.has(WABBIT):
        from benchmarks.wabbit import Wabbit

        models[WABBIT] = Wabbit(
            data.X,
            data.y,
            n_epochs=N_EPOCHS,
            rate=data.rate,
            alpha=ALPHA,
            fit_intercept=data.has_intercept,
        )
    return models


def scaled(name, folder):
    """Return training and test rows of a data set."""
    data = datasets.load(name, folder)
    is_text = sp.issparse(data.X)
    scaler = TfidfTransformer(sublinear_tf=True) if is_text else StandardScaler()
    return SimpleNamespace(
        X=scaler.fit_transform(data.X[data.train].astype(np.float64)),
        y=data.y[data.train],
        X_test=scaler.transform(data.X[data.test].astype(np.float64)),
        y_test=data.y[data.test],
        rate=TEXT_RATE if is_text else RATE,
        has_intercept=not is_text,
    )


def random_text(name):
    """Return rows of random words, each of the class that most of its words speak for."""
    rng = np.random.default_rng(0)
    n = N_ROWS + N_ROWS // 5
    columns = (N_WORDS * rng.random((n, LENGTH)) ** 3).astype(np.int32)
    values = rng.random((n, LENGTH)) / LENGTH**0.5
    indptr = np.arange(0, n * LENGTH + 1, LENGTH, dtype=np.int32)
    X = sp.csr_array((values.ravel(), columns.ravel(), indptr), shape=(n, N_WORDS))
    X.sum_duplicates()
    y = (X @ rng.standard_normal((N_WORDS, SPARSE[name]))).argmax(axis=1)
    train, test = slice(N_ROWS), slice(N_ROWS, None)
    return SimpleNamespace(
        X=X[train],
        y=y[train],
        X_test=X[test],
        y_test=y[test],
        rate=TEXT_RATE,
        has_intercept=False,
    )


def findings(rows):
    """Say where the peer is quicker."""
    peers = [row for row in rows if row["model"] == PEER]
    slower = [f"{row['set']} ({row['ratio']:g})" for row in peers if row["ratio"] < 1]
    listed = f"all but {', '.join(slower)}" if slower else "all"
    yield f"At least as fast as {PEER} on {listed} of {len(peers)} sets."


def draw(rows, figure):
    """Draw the ratios, peer by peer."""
    from benchmarks.figures import bars

    models = list(dict.fromkeys(row["model"] for row in rows if row["model"] != OURS))
    for axes, model in zip(figure.subplots(1, len(models), squeeze=False)[0], models, strict=True):
        shown = [row for row in rows if row["model"] == model]
        bars(axes, {f"{row['set']}, {row['classes']} classes": row["ratio"] for row in shown})
        axes.set_title(model, fontsize=9)
        axes.set_xlabel("time / ours", fontsize=8)
    return "Bars of the time of others over ours for the same number of single-row steps."
