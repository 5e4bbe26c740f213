"""How good are the defaults of MLPNet? Compare settings with scikit-learn's MLPClassifier.

Every setting and MLPClassifier's default are fitted to standardized training rows of each data set,
several times with other splits and seeds. For each set the table shows the means of test log loss,
accuracy and seconds, and at the end in how many sets each setting has a lower log loss, a higher
accuracy and less time than MLPClassifier, and the geometric means of the ratios.

    python benchmarks/study_defaults.py --data FOLDER [--settings default,wide] [--sets digits,wine]

The sets iris, wine, breast_cancer and digits come with scikit-learn; for the others see
``datasets.py``.
"""

import argparse
import csv
import time
import warnings
from pathlib import Path

import numpy as np
from datasets import BUNDLED, DENSE, load, split
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skmlp import MLPNet
from skmlp.optim import Cosine, Exponential

SKLEARN = "MLPClassifier"
MAX_ROWS = 20000

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


def rows_for(name, folder, seed):
    """Return standardized training and test rows; repeats take other rows of the training set."""
    data = load(name, folder)
    X, y, train, test = data.X, data.y, data.train, data.test
    if seed and len(y) <= MAX_ROWS:
        train, test = split(len(y), seed=seed)
    train = np.random.default_rng(seed).permutation(train)[:MAX_ROWS]
    scaler = StandardScaler().fit(X[train])
    return scaler.transform(X[train]), y[train], scaler.transform(X[test]), y[test]


def measure(model, X, y, X_test, y_test):
    """Return log loss, accuracy and seconds."""
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, y)
    seconds = time.perf_counter() - began
    known = np.isin(y_test, model.classes_)
    P = model.predict_proba(X_test[known]).astype(np.float64)
    P /= P.sum(axis=1, keepdims=True)
    loss = log_loss(y_test[known], P, labels=model.classes_)
    return loss, model.score(X_test, y_test), seconds


def run(names, settings, folder, n_repeats, out):
    """Measure everything; append each row to a file as soon as it is known."""
    with out.open("a", newline="") as file:
        writer = csv.writer(file)
        for name in names:
            for seed in range(n_repeats):
                rows = rows_for(name, folder, seed)
                for setting in settings:
                    if setting == SKLEARN:
                        model = MLPClassifier(random_state=seed)
                    else:
                        model = MLPNet(random_state=seed, **SETTINGS[setting])
                    figures = measure(model, *rows)
                    n_iter = model.n_iter_
                    writer.writerow([name, seed, setting, *(f"{x:.5g}" for x in figures), n_iter])
                    file.flush()


def means_of(out):
    """Return, for each setting and set, the means of log loss, accuracy, seconds and epochs."""
    table = {}
    with out.open() as file:
        for name, _, setting, *figures in csv.reader(file):
            table.setdefault(setting, {}).setdefault(name, []).append([float(x) for x in figures])
    return {
        setting: {name: np.mean(rows, axis=0) for name, rows in sets.items()}
        for setting, sets in table.items()
    }


def compare(ours, theirs):
    """Return the share of sets where ours is better, and the mean ratio, of three figures."""
    cells = []
    # Losses and errors may be 0 on small test sets.
    for column, floor in ((0, 1e-3), (1, 2e-3), (2, 0.0)):
        a, b = ours[:, column], theirs[:, column]
        if column == 1:
            a, b = 1 - a, 1 - b  # errors
        cells += [(a <= b).mean(), np.exp(np.log((a + floor) / (b + floor)).mean())]
    return cells


def report(out, summary=None):
    """Print the tables of what the file holds; write the second one to a file if given."""
    means = means_of(out)
    print(f"{'setting':18} {'set':14} {'log loss':>9} {'accuracy':>9} {'seconds':>8} {'epochs':>7}")
    for setting in (SKLEARN, "default"):
        for name, (loss, accuracy, seconds, n) in means.get(setting, {}).items():
            print(f"{setting:18} {name:14} {loss:9.4f} {accuracy:9.4f} {seconds:8.2f} {n:7.0f}")

    head = ["setting", "sets", "lower log loss", "its ratio", "lower error", "its ratio"]
    rows = [[*head, "less time", "its ratio"]]
    for setting, sets in means.items():
        pairs = [(sets[name], means[SKLEARN][name]) for name in sets]
        ours, theirs = map(np.array, zip(*pairs, strict=True))
        rows.append([setting, len(sets), *(f"{x:.2f}" for x in compare(ours, theirs))])
    for row in rows:
        print("  ".join(f"{cell!s:>15}" for cell in row))
    if summary:
        with summary.open("w", newline="") as file:
            csv.writer(file).writerows(rows)


def main():
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of the .npz files, see datasets.py")
    parser.add_argument("--sets", default=",".join([*BUNDLED, *DENSE]))
    parser.add_argument("--settings", default=",".join([SKLEARN, *SETTINGS]))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("study_defaults.csv"))
    parser.add_argument("--report", action="store_true", help="only print what the file holds")
    parser.add_argument("--summary", type=Path, help="write the table of ratios to this file")
    options = parser.parse_args()
    if not options.report:
        with threadpool_limits(options.threads):
            run(
                options.sets.split(","),
                options.settings.split(","),
                options.data,
                options.repeats,
                options.out,
            )
    report(options.out, options.summary)


if __name__ == "__main__":
    main()
