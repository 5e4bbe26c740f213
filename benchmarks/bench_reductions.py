"""The reductions: against sklearn.multiclass, with ten thousand classes, on all data sets.

    python benchmarks/bench_reductions.py --data FOLDER --out docs/benchmarks
    python benchmarks/bench_reductions.py --parts time ecoc --sets digits letter

Each part writes a file:

time      reductions_time.csv: ``fit`` and ``predict`` against OneVsRestClassifier and
          OneVsOneClassifier of scikit-learn with the same base, with one job and two. The base
          SoftmaxRegression stands against LogisticRegression at the same penalty, that of a problem
          of average size. All four take turns, --repeat times, unless that takes longer than --cap
          seconds; figures are medians, and a ratio is that of scikit-learn's time to ours in the
          same round.
tree      reductions_tree.csv: microseconds a row that a prediction takes with 10 to 10000 classes.
          Classes are normal, with means made by a random hierarchy. One-vs-all is trained on one
          row a class: its predictions take the same time however good they are.
wordnet   reductions_wordnet.csv: 1284 kinds of things, by tf-idf of the words of their definitions,
          with trees of several kinds. Each tree is fitted in a process of its own, for its peak of
          memory: what the fit adds to that of the data.
accuracy  reductions_accuracy.csv: accuracy and log loss of all reductions on test rows.
ecoc      reductions_ecoc.csv: accuracy of ECOCClassifier and OutputCodeClassifier, means over
          --seeds codes and splits. Dense codes of the default size, and of the size that
          OutputCodeClassifier has by default, against as many learners of the latter. Sparse codes,
          the default, have half as many learners more, each of which sees about half of the rows:
          they stand against as many learners as a dense code has, which are more work to train.

Without --data there are only the sets that scikit-learn ships, and no wordnet.
"""

import argparse
import itertools
import multiprocessing
import platform
import warnings
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median
from types import SimpleNamespace

import datasets
import numpy as np
import scipy.sparse as sp
from bench_mlp import announce, seconds
from bench_softmax import write
from sklearn import multiclass
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits

from skmlp import (
    ECOCClassifier,
    OneVsAllClassifier,
    OneVsOneClassifier,
    SoftmaxRegression,
    TreeReductionClassifier,
)

# The penalty C of LogisticRegression: its default, and that for text.
STRENGTH, TEXT_STRENGTH = 1.0, 10.0
# Most rows that train, by part and for some sets.
MOST_ROWS = {"time": 20_000, "accuracy": 10_000, "ecoc": 2000}
SOME_ROWS = {
    "time": {"fashion_mnist": 2000, "debian_sections": 2000},
    "accuracy": {"fashion_mnist": 5000, "debian_sections": 5000, "wordnet": 5000},
    "ecoc": {"fashion_mnist": 1000, "debian_sections": 5000, "wordnet": 5000},
}
MOST_TEST_ROWS = 10_000
# Sets with fewer rows than this are split anew for every repeat of the accuracy.
SMALL = 2000

TIMED_SETS = ("satimage", "letter", "fashion_mnist", "debian_sections")
TIMED = {
    "one-vs-all": (OneVsAllClassifier, multiclass.OneVsRestClassifier),
    "one-vs-one": (OneVsOneClassifier, multiclass.OneVsOneClassifier),
}
JOBS = (1, 2)

N_CLASSES = (10, 100, 1000, 10_000)
N_FEATURES, STEP, ROWS_A_CLASS, N_TIMED = 32, 2.5, 5, 2000

WORDNET_TREES = ("hierarchy", "agglomerative", "huffman", "balanced", "random")

REDUCTIONS = {
    "alone": lambda base: base,
    "one-vs-all": OneVsAllClassifier,
    "one-vs-one": OneVsOneClassifier,
    "ECOC": partial(ECOCClassifier, random_state=0),
    "tree": TreeReductionClassifier,
}


def prepared(name, args, part, seed=0):
    """Return scaled training and test rows; other seeds take other rows."""
    data = datasets.load(name, args.data, seed=seed)
    rng = np.random.default_rng(seed)
    most = SOME_ROWS[part].get(name, MOST_ROWS[part])
    train = rng.permutation(data.train)[:most]
    test = rng.permutation(data.test)[:MOST_TEST_ROWS]
    test = test[np.isin(data.y[test], data.y[train])]
    scaler = TfidfTransformer(sublinear_tf=True) if sp.issparse(data.X) else StandardScaler()
    X = scaler.fit_transform(data.X[train].astype(np.float32))
    X_test = scaler.transform(data.X[test].astype(np.float32))
    return SimpleNamespace(
        X=X,
        y=data.y[train],
        X_test=X_test,
        y_test=data.y[test],
        n_classes=len(np.unique(data.y[train])),
        is_text=sp.issparse(data.X),
    )


def alpha_for(n_samples, strength):
    """Return the penalty of SoftmaxRegression that equals the C of LogisticRegression."""
    return 1 / (2 * n_samples * strength)


def timed_bases(data, reduction):
    """Yield what is timed: its name, our base and that of scikit-learn's reduction."""
    n_samples = len(data.y)
    if reduction == "one-vs-one":
        n_samples = 2 * n_samples / data.n_classes
    strength = TEXT_STRENGTH if data.is_text else STRENGTH
    logistic = LogisticRegression(C=strength)
    if not (data.is_text and reduction == "one-vs-one"):
        # Pairs of classes in text are of very different sizes, and have no one penalty in common.
        yield "SoftmaxRegression", SoftmaxRegression(alpha_for(n_samples, strength)), logistic
    same = {"LogisticRegression": logistic, "LinearSVC": LinearSVC(random_state=0)}
    if not data.is_text:
        same["DecisionTreeClassifier"] = DecisionTreeClassifier(random_state=0)
        same["MLPClassifier"] = MLPClassifier((20,), max_iter=5, random_state=0)
    for base, model in same.items():
        yield base, model, model


def bench_time(name, args):
    """Yield the rows of one data set in the table of times."""
    data = prepared(name, args, "time")
    for reduction, kinds in TIMED.items():
        for base, *models in timed_bases(data, reduction):
            rivals = {
                (who, n_jobs): kind(model, n_jobs=n_jobs)
                for n_jobs in JOBS
                for who, kind, model in zip(("ours", "theirs"), kinds, models, strict=True)
            }
            runs = take_turns(rivals, data, args)
            for n_jobs in JOBS:
                ours, theirs = rivals["ours", n_jobs], rivals["theirs", n_jobs]
                yield {
                    "set": name,
                    "rows": len(data.y),
                    "classes": data.n_classes,
                    "reduction": reduction,
                    "base": base,
                    "jobs": n_jobs,
                    **compared("fit", runs, n_jobs),
                    "speed-up": ratio(runs["ours", 1], runs["ours", n_jobs], "fit"),
                    **compared("predict", runs, n_jobs),
                    "accuracy": round(ours.score(data.X_test, data.y_test), 4),
                    "sklearn accuracy": round(theirs.score(data.X_test, data.y_test), 4),
                }


def take_turns(rivals, data, args):
    """Fit and predict in turn; return for each rival its seconds, round by round."""
    for (_, n_jobs), model in rivals.items():
        if n_jobs > 1:
            # Start the workers, and let them import what they need.
            clone(model).fit(data.X[:500], data.y[:500])
    runs = {key: {"fit": [], "predict": []} for key in rivals}
    spent, n_rounds = 0.0, 0
    while n_rounds < args.repeat and spent < args.cap:
        # Workers that were idle are slow at first: nobody shall always be the one to wake them.
        for key, model in list(rivals.items())[:: (-1) ** n_rounds]:
            runs[key]["fit"].append(seconds(model.fit, data.X, data.y))
            runs[key]["predict"].append(seconds(model.predict, data.X_test))
            spent += runs[key]["fit"][-1]
        n_rounds += 1
    return runs


def ratio(slow, fast, what):
    """Return how many times as long the one takes, the median over rounds."""
    return round(median(a / b for a, b in zip(slow[what], fast[what], strict=True)), 2)


def compared(what, runs, n_jobs):
    """Return the columns of the table that tell how long something takes."""
    ours, theirs = runs["ours", n_jobs], runs["theirs", n_jobs]
    return {
        f"{what} ms": round(1e3 * median(ours[what]), 1),
        f"sklearn {what} ms": round(1e3 * median(theirs[what]), 1),
        f"{what} ratio": ratio(theirs, ours, what),
    }


def class_means(n_classes, rng):
    """Return means of classes whose hierarchy is a balanced tree: each level splits them anew."""
    means = np.zeros((1, N_FEATURES))
    while len(means) < n_classes:
        step = rng.standard_normal(means.shape)
        step *= STEP / np.linalg.norm(step, axis=1, keepdims=True)
        means = np.vstack([means - step, means + step])
    return means[rng.permutation(len(means))[:n_classes]]


def bench_tree(n_classes, args):
    """Return a row of the table of many classes."""
    rng = np.random.default_rng(0)
    means = class_means(n_classes, rng)
    y, y_test = np.repeat(np.arange(n_classes), ROWS_A_CLASS), rng.integers(n_classes, size=N_TIMED)
    X, X_test = (means[k] + rng.standard_normal((len(k), N_FEATURES)) for k in (y, y_test))
    tree = TreeReductionClassifier(LogisticRegression())
    fit_seconds = seconds(tree.fit, X, y)
    cheap = SGDClassifier(loss="log_loss", max_iter=1, tol=None, random_state=0)
    one_vs_all = OneVsAllClassifier(cheap).fit(X[::ROWS_A_CLASS], y[::ROWS_A_CLASS])
    runs = {label: [] for label in ("greedy", "exact", "one-vs-all")}
    accuracy = {}
    for _ in range(args.repeat):
        for label, times in runs.items():
            model = one_vs_all if label == "one-vs-all" else tree.set_params(decoding=label)
            times.append(seconds(model.predict, X_test))
            accuracy[label] = model.score(X_test, y_test)
    row = {
        "classes": n_classes,
        "mean depth": round(float(tree.tree_.depths[y_test].mean()), 1),
        "fit s": round(fit_seconds, 1),
    }
    for label, times in runs.items():
        row[f"{label} µs"] = round(1e6 * median(times) / N_TIMED, 1)
    return row | {f"{label} accuracy": round(accuracy[label], 3) for label in ("greedy", "exact")}


def parents_of(class_path):
    """Return a dict from each node of a hierarchy to its parent."""
    paths = [path[path >= 0].tolist() for path in class_path]
    return {node: parent for path in paths for parent, node in itertools.pairwise(path)}


def peak_bytes():
    """Return the most memory that this process has ever had."""
    import resource

    unit = 1 if platform.system() == "Darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def bench_wordnet(kind, folder, n_threads):
    """Return a row of the table of kinds of trees."""
    data = datasets.load("wordnet", folder, target="hypernym")
    # A class is called by its node in the hierarchy, as a tree made of parents has it.
    y = np.array([path[path >= 0][-1] for path in data.class_path])[data.y]
    tfidf = TfidfTransformer(sublinear_tf=True)
    X = tfidf.fit_transform(data.X[data.train].astype(np.float32))
    X_test, y_test = tfidf.transform(data.X[data.test].astype(np.float32)), y[data.test]
    base = SoftmaxRegression(3e-6, tol=0.1)
    tree = parents_of(data.class_path) if kind == "hierarchy" else kind
    model = TreeReductionClassifier(base, tree=tree, random_state=0)
    before = peak_bytes()
    with threadpool_limits(n_threads), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit_seconds = seconds(model.fit, X, y[data.train])
        memory = peak_bytes() - before
        predict_seconds = seconds(model.predict, X_test)
    depth = dict(zip(model.classes_.tolist(), model.tree_.depths.tolist(), strict=True))
    return {
        "tree": kind,
        "mean depth": round(float(np.mean([depth[k] for k in y[data.train].tolist()])), 1),
        "fit s": round(fit_seconds, 1),
        "memory MB": round(memory / 1e6),
        "predict µs": round(1e6 * predict_seconds / len(y_test)),
        "accuracy": round(model.score(X_test, y_test), 4),
        "greedy accuracy": round(model.set_params(decoding="greedy").score(X_test, y_test), 4),
        "log loss": round(float(-np.log(model.predict_label_proba(X_test, y_test)).mean()), 3),
    }


def in_a_process(function, *arguments):
    """Return what a function returns in a process of its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *arguments).result()


def bench_accuracy(name, args):
    """Yield the rows of one data set in the table of accuracies, two for each base."""
    found = {}
    for seed in range(args.repeat):
        data = prepared(name, args, "accuracy", seed)
        for base, model in accurate_bases(data).items():
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


def accurate_bases(data):
    """Return the bases whose accuracy is measured."""
    if data.is_text:
        alpha = alpha_for(len(data.y), TEXT_STRENGTH)
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


def bench_ecoc(name, args):
    """Yield the rows of one data set in the table of output codes."""
    runs = {}
    for seed in range(args.seeds):
        data = prepared(name, args, "ecoc", seed)
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
            "its error": round(float(gain.std(ddof=1) / len(gain) ** 0.5), 4),
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


def rows_of(part, args):
    """Yield the rows of the table of a part."""
    if part == "tree":
        for n_classes in N_CLASSES:
            yield bench_tree(n_classes, args)
    elif part == "wordnet":
        for kind in WORDNET_TREES:
            yield in_a_process(bench_wordnet, kind, args.data, args.threads)
    else:
        bench = {"time": bench_time, "accuracy": bench_accuracy, "ecoc": bench_ecoc}[part]
        there = TIMED_SETS if part == "time" else datasets.DENSE + datasets.TEXT
        bundled = ("digits",) if part == "time" else datasets.BUNDLED
        for name in args.sets or bundled + (there if args.data else ()):
            yield from bench(name, args)


def main():
    """Run the benchmark."""
    parts = ("time", "tree", "wordnet", "accuracy", "ecoc")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of .npz files; see datasets.py")
    parser.add_argument("--out", type=Path, default=Path())
    parser.add_argument("--parts", nargs="*", choices=parts, help="default: all there are data for")
    parser.add_argument("--sets", nargs="*", help="names of data sets; default: all there are")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=10, help="codes and splits, part ecoc")
    parser.add_argument("--cap", type=float, default=60, help="seconds of fits, part time")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    announce()
    args.out.mkdir(parents=True, exist_ok=True)
    for part in args.parts or [part for part in parts if args.data or part != "wordnet"]:
        rows = []
        with threadpool_limits(args.threads):
            for row in rows_of(part, args):
                rows.append(row)
                print(row, flush=True)
        if rows:
            write(args.out / f"reductions_{part}.csv", rows)


if __name__ == "__main__":
    main()
