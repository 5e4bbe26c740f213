"""Networks: milliseconds of an epoch, against other packages and the limit.

On random data. After a warm-up all take turns. ``MLPClassifier`` and ``MLPNet`` run one ``fit`` of
several epochs, from their checks of the data to the fitted model, as a user does. *products* are
the matrix products of an epoch alone, by the BLAS of NumPy; *peak* is the time of their flops at
the best rate of a large product, which takes its turn like the others. *possible* is the ratio that
a peer's time has to that of the products alone; *goal* is what the project has set itself.
"""

from functools import partial

from benchmarks.clock import milliseconds, ratio, rest_after, take_turns
from benchmarks.limits import large_product, products
from benchmarks.tasks import NETS, random_task
from benchmarks.trainers import OURS, started_trainers

WARM_UP, N_EPOCHS, N_ROUNDS = 2, 5, 5
PRODUCTS, PEAK = "products", "peak"
# What an epoch of another may take at least, in ours, net by net.
GOALS = {
    "MLPClassifier": (6, 20, 5, 4),
    "torch": (7, 30, 5, 2.7),
    "JAX": (2, 2.5, 1.5, 1.5),
    PRODUCTS: (None, 0.7, 0.7, 0.7),
}


def rows(options):
    """Yield the rows of the table."""
    for i, (sizes, batch_size, n_rows) in enumerate(NETS):
        task = random_task(sizes, batch_size, n_rows // 10 if options.quick else n_rows)
        times = time_epochs(task, options)
        for name, seconds in times.items():
            row = {**task.columns, "contestant": name, "ms": milliseconds(seconds)}
            if name != OURS:
                row["ratio"] = ratio(seconds, times[OURS])
                row["goal"] = GOALS[name][i] if name in GOALS else None
            if name not in (OURS, PRODUCTS, PEAK):
                row["possible"] = ratio(seconds, times[PRODUCTS])
            yield row


def time_epochs(task, options):
    """Return the seconds of an epoch, by contestant, round by round."""
    rivals = started_trainers(task, options)
    for rival in rivals.values():
        rival.train(WARM_UP)
    large, flops = large_product()
    calls = {name: partial(rival.train, N_EPOCHS) for name, rival in rivals.items()}
    calls |= {PRODUCTS: repeated(products(task), N_EPOCHS), PEAK: large}
    times = take_turns(calls, options.n_rounds(N_ROUNDS), rest=rest_after(options.threads))
    peak = task.flops * min(times.pop(PEAK)) / flops
    epochs = {name: [s / N_EPOCHS for s in seconds] for name, seconds in times.items()}
    return epochs | {PEAK: [peak] * len(epochs[OURS])}


def repeated(function, n_times):
    """Return a function that calls another several times."""

    def call():
        for _ in range(n_times):
            function()

    return call


def findings(rows):
    """Say which goals are reached, and which the products alone forbid."""
    peers = [row for row in rows if row["goal"] and row["contestant"] != PRODUCTS]
    missed = [row for row in peers if row["ratio"] < row["goal"]]
    forbidden = [row for row in missed if row["possible"] < row["goal"]]
    yield f"Of {len(peers)} goals against other packages {len(peers) - len(missed)} are reached."
    if forbidden:
        listed = "; ".join(
            f"{row['contestant']} on {row['net']} {row['possible']:g}, goal {row['goal']:g}"
            for row in forbidden
        )
        yield f"For {len(forbidden)} even an epoch of its products alone would not do: {listed}."
    for limit, name in ((PRODUCTS, "its products alone"), (PEAK, "a large product")):
        shares = (row for row in rows if row["contestant"] == limit)
        listed = ", ".join(f"{row['ratio']:.0%} on {row['net']}" for row in shares)
        yield f"Share of the rate of {name}: {listed}."


def draw(rows, figure):
    """Draw the ratios, net by net, with the goals."""
    from benchmarks.figures import bars

    nets = list(dict.fromkeys(row["net"] for row in rows))
    for axes, net in zip(figure.subplots(1, len(nets)), nets, strict=True):
        shown = [row for row in rows if row["net"] == net and row["contestant"] not in (OURS, PEAK)]
        bars(
            axes,
            {row["contestant"]: row["ratio"] for row in shown},
            goals={row["contestant"]: row["goal"] for row in shown},
        )
        ours = next(r["ms"] for r in rows if r["net"] == net and r["contestant"] == OURS)
        axes.set_title(f"{net}\nskmlp {ours:g} ms", fontsize=9)
        axes.set_xlabel("time / ours; goals in black", fontsize=8)
    return "Bars of the time of an epoch with other packages over ours, on four networks."
