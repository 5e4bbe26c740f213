"""How the cost of an epoch grows with rows, width, depth, batch, classes and threads.

An epoch of ``MLPNet`` in float32 with Adam and ReLU, beside its matrix products alone. All but one
thing stay as they are: 10000 rows of 100 features, two hidden layers of 128 units, 10 classes,
batches of 128, one thread. Threads are given to a network of two layers of 1024 units, in batches
of 512. Classes are random. The slope is that of a straight line through the last points of the
logarithms: time grows as the power *slope*.
"""

import os
from functools import partial

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.clock import milliseconds, rest_after, take_turns
from benchmarks.limits import products
from benchmarks.tasks import Task
from benchmarks.trainers import OURS, trainer

N_EPOCHS, N_ROUNDS = 2, 3
PRODUCTS = "products"
BASE = {"rows": 10_000, "width": 128, "depth": 2, "batch": 128, "classes": 10, "threads": 1}
WIDE = {"width": 1024, "batch": 512, "rows": 4096}
N_FEATURES = 100
# The last points, through which the line goes.
TAIL = 3


def values(options):
    """Return what is varied, and its values."""
    if options.quick:
        return {"rows": (1000, 2000), "classes": (2, 100)}
    return {
        "rows": (100, 300, 1000, 3000, 10_000, 30_000, 100_000),
        "width": (8, 32, 128, 512, 1024, 2048),
        "depth": (1, 2, 4, 8, 16, 32),
        "batch": (1, 4, 16, 64, 256, 1024, 4096),
        "classes": (2, 10, 100, 1000, 3000, 10_000),
        "threads": range(1, (os.cpu_count() or 1) + 1),
    }


def rows(options):
    """Yield the rows of the table."""
    for what, steps in values(options).items():
        for value in steps:
            settings = BASE | (WIDE if what == "threads" else {}) | {what: value}
            times = time_epoch(settings, options)
            yield {"against": what, "value": value} | {
                f"{name} ms": milliseconds(seconds) for name, seconds in times.items()
            }


def time_epoch(settings, options):
    """Return the seconds of an epoch, and of its products alone, round by round."""
    task = make_task(settings)
    rival = trainer(OURS, task)
    rival.start(seed=0)
    calls = {OURS: partial(rival.train, N_EPOCHS), PRODUCTS: products(task)}
    with threadpool_limits(settings["threads"]):
        for call in calls.values():
            call()
        rest = rest_after(settings["threads"])
        times = take_turns(calls, options.n_rounds(N_ROUNDS), rest=rest)
    return {OURS: [s / N_EPOCHS for s in times[OURS]], PRODUCTS: times[PRODUCTS]}


def make_task(settings):
    """Return random rows and classes, every class among them if there are rows enough."""
    rng = np.random.default_rng(0)
    n_rows, n_classes = settings["rows"], settings["classes"]
    X = rng.standard_normal((n_rows, N_FEATURES), dtype=np.float32)
    hidden = (settings["width"],) * settings["depth"]
    # One output for two classes.
    sizes = (N_FEATURES, *hidden, n_classes if n_classes > 2 else 1)
    return Task(X, rng.permutation(np.arange(n_rows) % n_classes), sizes, settings["batch"])


def slope(points, column=f"{OURS} ms"):
    """Return the power by which time grows at the end of a curve."""
    tail = points[-TAIL:]
    x, y = (np.log([float(row[name]) for row in tail]) for name in ("value", column))
    return float(np.polyfit(x, y, 1)[0])


def curves(rows):
    """Return the rows of each curve by what is varied."""
    found = {}
    for row in rows:
        found.setdefault(row["against"], []).append(row)
    return {what: points for what, points in found.items() if len(points) > 1}


def findings(rows):
    """Name the slopes."""
    listed = ", ".join(f"{slope(points):.2f} in {what}" for what, points in curves(rows).items())
    yield f"Slopes: {listed}."


def draw(rows, figure):
    """Draw a panel for each curve."""
    from benchmarks.figures import lines

    figure.set_size_inches(9.6, 5.6)
    found = curves(rows)
    panels = figure.subplots(2, -(-len(found) // 2), squeeze=False).ravel()
    for axes, (what, points) in zip(panels, found.items(), strict=False):
        x = [row["value"] for row in points]
        names = {OURS: OURS, PRODUCTS: "products alone"}
        lines(
            axes,
            {label: (x, [row[f"{name} ms"] for row in points]) for name, label in names.items()},
            xlabel=what,
            ylabel="ms an epoch",
        )
        axes.set_title(f"{what}: slope {slope(points):.2f}", fontsize=9)
    for axes in panels[len(found) :]:
        axes.remove()
    return "Time of an epoch against rows, width, depth, batch, classes and threads."
