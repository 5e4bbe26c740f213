"""Reductions: 1284 kinds of things in WordNet, with trees of several kinds.

What kind of thing a noun is, from the tf-idf of the words of its definition, with
``SoftmaxRegression`` as the base. *hierarchy* is WordNet's own tree. Each tree is fitted in a
process of its own: *memory* is what the fit adds to that of the data.
"""

import itertools

import numpy as np
from sklearn.feature_extraction.text import TfidfTransformer

from benchmarks import datasets
from benchmarks.clock import seconds
from benchmarks.processes import in_a_process, peak_bytes, reset_peak
from skmlp import SoftmaxRegression, TreeReductionClassifier

TREES = ("hierarchy", "agglomerative", "huffman", "balanced", "random")


def rows(options):
    """Yield the rows of the table."""
    if options.chosen_sets((), ("wordnet",)):
        for kind in TREES:
            yield in_a_process(bench, kind, options.data)


def parents_of(class_path):
    """Return a dict from each node of a hierarchy to its parent."""
    paths = [path[path >= 0].tolist() for path in class_path]
    return {node: parent for path in paths for parent, node in itertools.pairwise(path)}


def bench(kind, folder):
    """Return a row of the table; in a fresh process."""
    data = datasets.load("wordnet", folder, target="hypernym")
    # A class is called by its node in the hierarchy, as a tree made of parents has it.
    y = np.array([path[path >= 0][-1] for path in data.class_path])[data.y]
    tfidf = TfidfTransformer(sublinear_tf=True)
    X = tfidf.fit_transform(data.X[data.train].astype(np.float32))
    X_test, y_test = tfidf.transform(data.X[data.test].astype(np.float32)), y[data.test]
    tree = parents_of(data.class_path) if kind == "hierarchy" else kind
    model = TreeReductionClassifier(SoftmaxRegression(3e-6, tol=0.1), tree=tree, random_state=0)
    before = reset_peak()
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
