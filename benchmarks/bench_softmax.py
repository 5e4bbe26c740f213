"""Softmax regression against every solver of scikit-learn's LogisticRegression.

    python benchmarks/bench_softmax.py --data FOLDER --out docs/benchmarks

Dense sets, each scaled to unit variance and raw: the time of a whole ``fit`` that ends within a
relative 1e-6 of the smallest objective. The objective is evaluated by one function for all. Every
solver gets the loosest tolerance of one grid that gets it there, the same data in float64, and
as many threads as --threads says. Then text: time, accuracy and log loss on a test set. The rows
of a table are timed in turn, --repeat times, and the medians reported. Two files are written:
``softmax.csv`` and ``text.csv``.
"""

import argparse
import csv
import platform
import signal
import time
import tracemalloc
import warnings
from contextlib import contextmanager
from datetime import date
from functools import partial
from pathlib import Path
from statistics import geometric_mean, median

import datasets
import numpy as np
from scipy.special import logsumexp
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import log_loss
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits

from skmlp import SoftmaxRegression

GAP = 1e-6
TOLERANCES = [10.0**-k for k in range(1, 11)]
PEERS = ("newton-cholesky", "newton-cg", "lbfgs", "sag", "saga", "liblinear")
# scikit-learn's default strength of the penalty.
C = 1.0
# newton-cholesky makes a matrix over all parameters: beyond this many it needs minutes a step.
MAX_CHOLESKY = 4000


class OutOfTime(Exception):
    """A fit that took too long."""


@contextmanager
def deadline(seconds):
    """Raise OutOfTime in the block after some seconds, where the system has alarms."""

    def stop(signum, frame):
        raise OutOfTime

    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, stop)
        signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        if hasattr(signal, "SIGALRM"):
            signal.setitimer(signal.ITIMER_REAL, 0)


def timed(fit, X, y):
    """Return the seconds that a fit took, and the model."""
    start = time.perf_counter()
    model = fit(X, y)
    return time.perf_counter() - start, model


def objective(model, X, y, alpha):
    """Evaluate the objective of any linear model: mean cross-entropy plus penalty."""
    codes = np.searchsorted(model.classes_, y)
    F = X @ model.coef_.T.astype(np.float64) + model.intercept_
    if F.shape[1] == 1:
        F = np.hstack([np.zeros_like(F), F])
    loss = logsumexp(F, axis=1) - F[np.arange(len(y)), codes]
    return loss.mean() + alpha * np.square(model.coef_, dtype=np.float64).sum()


def candidates(X, y, alpha):
    """Return what is compared: name -> function from a tolerance to an unfitted model."""
    n_classes = len(np.unique(y))
    solvers = {"skmlp": lambda tol, **_: SoftmaxRegression(alpha, tol=tol)}
    for solver in PEERS:
        too_large = solver == "newton-cholesky" and X.shape[1] * n_classes > MAX_CHOLESKY
        if too_large or (solver == "liblinear" and n_classes > 2):
            continue
        solvers[solver] = partial(LogisticRegression, C=C, solver=solver, max_iter=10**6)
    return solvers


def loosest(make, X, y, alpha, goal, cap):
    """Return the loosest tolerance that reaches the goal in time, with its seconds, or None."""
    for tol in TOLERANCES:
        model = make(tol=tol)
        try:
            with deadline(cap):
                if getattr(model, "solver", None) in ("sag", "saga"):
                    # Compiled loops hear no alarm: allow as many epochs as fit in the time.
                    seconds, _ = timed(clone(model).set_params(max_iter=2).fit, X, y)
                    model.set_params(max_iter=max(2, int(2 * cap / seconds)))
                seconds, _ = timed(model.fit, X, y)
        except OutOfTime:
            return None
        if objective(model, X, y, alpha) <= goal:
            return tol, seconds
        if seconds > cap / 3:
            return None
    return None


def peak_memory(make, X, y):
    """Return the peak of memory allocated in a fit, in units of what the method must hold.

    One unit is one array of scores, one of coefficients and one matrix over the features.
    """
    n_classes = len(np.unique(y))
    tracemalloc.start()
    make().fit(X, y)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    n, d = X.shape
    return peak / 8 / (n * n_classes + d * n_classes + d * d)


def bench_dense(name, scaled, args):
    """Return a row of the table for one data set."""
    data = datasets.load(name, args.data)
    X = np.asarray(data.X[data.train], dtype=np.float64)
    y = data.y[data.train]
    if scaled:
        X = StandardScaler().fit_transform(X)
    alpha = 1 / (2 * len(y) * C)
    reference = SoftmaxRegression(alpha, tol=1e-14).fit(X, y)
    goal = objective(reference, X, y, alpha) * (1 + GAP)
    solvers = candidates(X, y, alpha)
    found = {s: loosest(make, X, y, alpha, goal, args.cap) for s, make in solvers.items()}
    rivals = sorted((f[1], s) for s, f in found.items() if f and s != "skmlp")[:3]
    runs = {s: [] for s in ["skmlp", *(s for _, s in rivals)]}
    for _ in range(args.repeat if found["skmlp"][1] < 5 else 1):
        for s, seconds in runs.items():
            seconds.append(timed(solvers[s](tol=found[s][0]).fit, X, y)[0])
    times = {s: median(seconds) for s, seconds in runs.items()}
    best = min((s for s in times if s != "skmlp"), key=times.get, default=None)
    row = {
        "set": name,
        "features": "scaled" if scaled else "raw",
        "rows": len(y),
        "columns": X.shape[1],
        "classes": len(np.unique(y)),
        "skmlp ms": round(1e3 * times["skmlp"], 2),
        "best peer": best or f"none in {args.cap:g} s",
        "peer ms": round(1e3 * times[best], 2) if best else None,
        "ratio": round(times[best] / times["skmlp"], 2) if best else args.cap / times["skmlp"],
        "bound": f"{reference.suboptimality_bound_ / reference.loss_:.0e}",
        "memory": round(peak_memory(lambda: SoftmaxRegression(alpha), X, y), 1),
    }
    for s in PEERS:
        known = times.get(s) or (found[s][1] if found.get(s) else None)
        row[f"{s} ms"] = round(1e3 * known, 2) if known else None
    return row


def bench_text(name, args):
    """Return the rows of the table of one text set, as sublinear tf-idf."""
    data = datasets.load(name, args.data)
    tfidf = TfidfTransformer(sublinear_tf=True)
    X = tfidf.fit_transform(data.X[data.train]).astype(args.text_dtype)
    X_test = tfidf.transform(data.X[data.test]).astype(args.text_dtype)
    y, y_test = data.y[data.train], data.y[data.test]
    strength = 10.0
    models = {
        "SoftmaxRegression": SoftmaxRegression(1 / (2 * len(y) * strength), tol=0.1),
        "SGDClassifier": SGDClassifier(loss="log_loss", alpha=1e-6, random_state=0),
        "LinearSVC": LinearSVC(),
        "LogisticRegression lbfgs": LogisticRegression(C=strength),
        "LogisticRegression saga": LogisticRegression(C=strength, solver="saga", tol=1e-2),
    }
    runs = {label: [] for label in models}
    for repeat in range(args.repeat):
        for label, model in models.items():
            if repeat == 0 or runs[label][0] < 12:
                runs[label].append(timed(model.fit, X, y)[0])
    for label, model in models.items():
        has_proba = hasattr(model, "predict_proba")
        yield {
            "set": name,
            "model": label,
            "seconds": round(median(runs[label]), 2),
            "test accuracy": round(model.score(X_test, y_test), 4),
            "test log loss": round(
                log_loss(y_test, model.predict_proba(X_test), labels=model.classes_), 4
            )
            if has_proba
            else None,
        }


def write(path, rows):
    """Write rows as CSV, and print them."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(path.read_text())


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of .npz files; see datasets.py")
    parser.add_argument("--sets", nargs="*", help="names of data sets; default: all there are")
    parser.add_argument("--out", type=Path, default=Path())
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--cap", type=float, default=30, help="seconds a peer may take for a fit")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--text-dtype", default="float32")
    args = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    warnings.filterwarnings("ignore", module="sklearn|scipy")
    args.out.mkdir(parents=True, exist_ok=True)
    folder = datasets.DENSE + datasets.TEXT if args.data else ()
    names = args.sets or datasets.BUNDLED + folder
    print(f"{date.today()}, {platform.machine()}, Python {platform.python_version()}", flush=True)
    with threadpool_limits(args.threads):
        dense, text = [], []
        for name in names:
            if name in datasets.TEXT:
                text.extend(bench_text(name, args))
                print(*text[-5:], sep="\n", flush=True)
                continue
            for scaled in (True, False):
                dense.append(bench_dense(name, scaled, args))
                print(dense[-1], flush=True)
    if dense:
        write(args.out / "softmax.csv", dense)
        print(f"geometric mean of the ratios: {geometric_mean(r['ratio'] for r in dense):.2f}")
    if text:
        write(args.out / "text.csv", text)


if __name__ == "__main__":
    main()
