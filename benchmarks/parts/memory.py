"""Memory: what a ``fit`` needs at its peak, beyond what was there before it.

The peak of the whole process, not of NumPy alone, each fit in a fresh process after a tiny one that
loads whatever is loaded once. *bound* is what the project allows itself besides X: for ``MLPNet``
the parameters times the optimizer's slots (two for Adam) and two more; for ``SoftmaxRegression``
five arrays of scores (n, C), and of coefficients five (newton, sgd) or twenty-five (lbfgs), and
with newton one of (d, d). To all of these come three numbers of eight bytes for each row (class,
weight and order), and four megabytes of batches and blocks, eight for a network in float64.
*share of X* compares with a fit to half of the rows: for a megabyte more of X the peak grows by so
much. A copy of X would be 1. *float64 to 32* is ``MLPNet`` as it is by default, which computes in
float32, and so converts X, batch by batch. No room in the bound have: with newton, the point and
the step before, which prove how good the end is; with lbfgs, that all vectors but the steps that
it remembers are float64.
"""

import numpy as np
import scipy.sparse as sp
from sklearn.base import clone

from benchmarks.processes import added_memory, in_a_process
from skmlp import MLPNet, SoftmaxRegression

MB = 1e6
# Rows, features, classes; stored entries of a sparse row.
DENSE, SPARSE, LENGTH = (60_000, 400, 10), (60_000, 20_000, 5), 50
HIDDEN, SPARSE_HIDDEN = (1000, 500), (100,)
# Rows and features of the fit before the clock is on.
TINY = 300, 5
BUFFERS = 4 * MB


def cases():
    """Return what is fitted: name, model, kind of rows."""
    network = {"max_iter": 2, "random_state": 0}
    net, sparse_net = MLPNet(HIDDEN, **network), MLPNet(SPARSE_HIDDEN, **network)
    double = MLPNet(HIDDEN, dtype="float64", **network)
    sgd = SoftmaxRegression(solver="sgd", max_iter=2, random_state=0)
    newton = SoftmaxRegression(solver="newton", max_iter=5)
    lbfgs = SoftmaxRegression(solver="lbfgs", max_iter=20)
    return {
        "MLPNet float32": (net, "float32"),
        "MLPNet float64": (double, "float64"),
        "MLPNet float64 to 32": (net, "float64"),
        "MLPNet CSR": (sparse_net, "CSR"),
        "newton float32": (newton, "float32"),
        "newton float64": (newton, "float64"),
        "lbfgs float32": (lbfgs, "float32"),
        "lbfgs float64": (lbfgs, "float64"),
        "lbfgs CSR": (lbfgs, "CSR"),
        "sgd float32": (sgd, "float32"),
        "sgd float64": (sgd, "float64"),
        "sgd CSR": (sgd, "CSR"),
    }


def rows(options):
    """Yield the rows of the table."""
    smaller = 10 if options.quick else 1
    for name in list(cases())[: 1 if options.quick else None]:
        half, row = (in_a_process(bench_case, name, n * smaller) for n in (2, 1))
        growth = (row["peak MB"] - half["peak MB"]) / (row["X MB"] - half["X MB"])
        yield row | {"share of X": round(growth, 2)}


def bench_case(name, divisor):
    """Return a row of the table, with one of so many rows; in a fresh process."""
    model, kind = cases()[name]
    X, y = make_rows(kind, divisor)
    tiny = clone(model)
    if isinstance(tiny, MLPNet):
        tiny.set_params(hidden_layer_sizes=(2,))
    tiny.fit(X[: TINY[0]][:, : TINY[1]], y[: TINY[0]])
    needed = added_memory(model.fit, X, y)
    parts = (X.data, X.indices, X.indptr) if sp.issparse(X) else (X,)
    size = sum(part.nbytes for part in parts)
    return {
        "fit": name,
        "rows": X.shape[0],
        "features": X.shape[1],
        "X MB": round(size / MB, 1),
        "parameters MB": round(parameters(model).nbytes / MB, 1),
        "peak MB": round(needed / MB, 1),
        "bound MB": round(allowed(model, X, y) / MB, 1),
    }


def make_rows(kind, divisor):
    """Return random rows and classes."""
    rng = np.random.default_rng(0)
    n_rows, n_features, n_classes = SPARSE if kind == "CSR" else DENSE
    n_rows //= divisor
    y = rng.permutation(np.arange(n_rows) % n_classes)
    if kind != "CSR":
        return rng.standard_normal((n_rows, n_features), dtype=kind), y
    columns = np.sort(rng.integers(n_features, size=(n_rows, LENGTH), dtype=np.int32))
    indptr = np.arange(0, n_rows * LENGTH + 1, LENGTH, dtype=np.int32)
    values = rng.random(n_rows * LENGTH, dtype=np.float32)
    return sp.csr_array((values, columns.ravel(), indptr), shape=(n_rows, n_features)), y


def parameters(model):
    """Return the parameters of a fitted model, in the dtype in which it computes."""
    if isinstance(model, MLPNet):
        return model.theta_
    return np.append(model.coef_, model.intercept_)


def allowed(model, X, y):
    """Return the bytes that a fit may need besides X."""
    (n, d), C = X.shape, len(model.classes_)
    theta = parameters(model)
    scores, squares = n * C * X.dtype.itemsize, d * d * X.dtype.itemsize
    own = {
        "newton": 5 * theta.nbytes + squares + 5 * scores,
        "lbfgs": 25 * theta.nbytes + 5 * scores,
        "sgd": 5 * theta.nbytes + 5 * scores,
    }
    if isinstance(model, MLPNet):
        # A batch with its activations is as many numbers in either dtype.
        return 4 * theta.nbytes + 3 * 8 * n + BUFFERS * theta.itemsize // 4
    return own[model.solver] + 3 * 8 * n + BUFFERS


def findings(rows):
    """Say which fits need more than they may, and which copy X."""
    above = {row["fit"]: row["peak MB"] / row["bound MB"] for row in rows}
    listed = ", ".join(f"{fit} ({share:.1f} times)" for fit, share in above.items() if share > 1)
    yield f"Above the bound: {listed or 'none'}."
    copied = ", ".join(row["fit"] for row in rows if row["share of X"] >= 1)
    yield f"As if X were copied: {copied or 'none'}."


def draw(rows, figure):
    """Draw the peak of each fit beside its bound and the size of X."""
    from benchmarks.figures import GREY, OTHERS, OURS, plain

    axes = figure.subplots()
    places = np.arange(len(rows))
    bars = (("X MB", GREY, "X"), ("bound MB", OTHERS, "bound"), ("peak MB", OURS, "added by fit"))
    for i, (column, color, label) in enumerate(bars):
        axes.barh(
            places + 0.27 * (i - 1), [r[column] for r in rows], 0.25, color=color, label=label
        )
    axes.set_yticks(places, [row["fit"] for row in rows], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("MB", fontsize=8)
    axes.legend(fontsize=8, frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
    plain(axes)
    return "Bars of memory added by a fit, its bound, and the size of X."
