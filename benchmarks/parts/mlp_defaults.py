"""Networks: what is the default of ``MLPNet`` worth, beside that of ``MLPClassifier``?

Every setting and the default of ``MLPClassifier`` are fitted to standardized training rows of each
set, at most 20000; small sets three times with other splits and seeds. A line is a setting that was
tried: all but the first differ from the default in what they name. The columns say in which share
of the sets it was better than ``MLPClassifier``, and the geometric mean of the ratio to it, for log
loss, errors and time.
"""

import time

import numpy as np
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from benchmarks.datasets import BUNDLED, DENSE, LARGE, load, split
from skmlp import MLPNet
from skmlp.optim import Cosine, Exponential

PEER = "MLPClassifier"
MAX_ROWS, N_REPEATS = 20_000, 3
# What was tried: each differs from the default in what it names.
BATCH_NORM = {"activation": "relu", "batch_norm": True}
SETTINGS = {
    "default": {},
    "relu": {"activation": "relu"},
    "silu": {"activation": "silu"},
    "elu": {"activation": "elu"},
    "batch norm": {"batch_norm": True},
    "relu with batch norm": BATCH_NORM,
    "100": {"hidden_layer_sizes": (100,)},
    "128-128": {"hidden_layer_sizes": (128, 128)},
    "256-128": {"hidden_layer_sizes": (256, 128)},
    "rate 0.002": {"learning_rate": Cosine(0.002, end=0.0001, duration=40), "max_iter": 40},
    "rate 0.01": {"learning_rate": Cosine(0.01, end=0.0005, duration=40), "max_iter": 40},
    "exponential": {"learning_rate": Exponential(0.005, 0.93), "max_iter": 40},
    "constant 0.001": {"learning_rate": 0.001},
    "20 epochs": {"learning_rate": Cosine(0.005, end=0.00025, duration=20), "max_iter": 20},
    "batch 128": {"batch_size": 128},
    "alpha 1e-5": {"alpha": 1e-5},
    "alpha 3e-4": {"alpha": 3e-4},
    "dropout 0.1": {"dropout": 0.1},
    "smoothing 0.02": {"label_smoothing": 0.02},
    "early stopping": {"early_stopping": True},
}
# Losses and errors may be 0 on small test sets: what is added to both before they are divided.
FLOORS = {"log loss": 1e-3, "error": 2e-3, "time": 0.0}


def rows(options):
    """Yield the rows of the table."""
    names = options.chosen_sets(BUNDLED, DENSE)
    settings = list(SETTINGS)[: 2 if options.quick else None]
    theirs = [mean_figures(PEER, name, options) for name in names]
    for setting in (PEER, *settings):
        is_peer = setting == PEER
        ours = theirs if is_peer else [mean_figures(setting, name, options) for name in names]
        yield {"setting": setting, "sets": len(names), **compared(np.array(ours), np.array(theirs))}


def mean_figures(setting, name, options):
    """Return the means of log loss, share of errors and seconds over the repeats of a set."""
    n_repeats = 1 if name in LARGE else options.n_rounds(N_REPEATS)
    return np.mean(
        [figures(setting, name, options.data, seed) for seed in range(n_repeats)], axis=0
    )


def figures(setting, name, folder, seed):
    """Fit once; return log loss, share of errors and seconds."""
    X, y, X_test, y_test = scaled_rows(name, folder, seed)
    if setting == PEER:
        model = MLPClassifier(random_state=seed)
    else:
        model = MLPNet(random_state=seed, **SETTINGS[setting])
    began = time.perf_counter()
    model.fit(X, y)
    needed = time.perf_counter() - began
    known = np.isin(y_test, model.classes_)
    P = model.predict_proba(X_test[known]).astype(np.float64)
    P /= P.sum(axis=1, keepdims=True)
    loss = log_loss(y_test[known], P, labels=model.classes_)
    return loss, 1 - model.score(X_test, y_test), needed


def scaled_rows(name, folder, seed):
    """Return standardized training and test rows; other seeds take others."""
    data = load(name, folder)
    X, y, train, test = data.X, data.y, data.train, data.test
    if seed:
        train, test = split(len(y), seed=seed)
    train = np.random.default_rng(seed).permutation(train)[:MAX_ROWS]
    scaler = StandardScaler().fit(X[train])
    return scaler.transform(X[train]), y[train], scaler.transform(X[test]), y[test]


def compared(ours, theirs):
    """Return the share of sets on which ours is lower, and the mean ratio, of each figure."""
    columns = {}
    for (what, floor), a, b in zip(FLOORS.items(), ours.T, theirs.T, strict=True):
        columns[f"lower {what}"] = round(float((a <= b).mean()), 2)
        mean_ratio = np.exp(np.log((a + floor) / (b + floor)).mean())
        columns[f"ratio of {what}"] = round(float(mean_ratio), 2)
    return columns
