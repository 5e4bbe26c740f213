"""Networks: seconds from the first import until a fixed loss on held-out rows.

The target is 1.02 times the lowest cross-entropy that ``MLPClassifier`` finds in 30 epochs, on the
unluckiest seed. A first run, whose loss one function for all evaluates after every epoch, tells how
many epochs a contestant needs. The clock is on in a second run from the same seed, of so many
epochs and without evaluations, in a fresh interpreter: *import* of the package and all that it
needs, *start* until the first epoch, in which JAX and torch.compile compile (the latter finds what
it has kept on disk from the first run), and *train*. Reading the data is not counted. ``inf``: not
within 90 epochs on one of the seeds. Medians over seeds, one seed for letter, shuttle and
Fashion-MNIST.
"""

import json
import subprocess
import sys
import tempfile
from dataclasses import asdict
from math import inf
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.clock import ratio, significant
from benchmarks.datasets import LARGE
from benchmarks.tasks import SETS, real_task
from benchmarks.trainers import OURS, started_trainers
from skmlp import cross_entropy

MAX_EPOCHS, QUICK_EPOCHS, SLACK, N_SEEDS = 30, 3, 1.02, 3
PEER, GOAL = "MLPClassifier", 5
STAGES = ("import", "start", "train")
ROOT = Path(__file__).parents[2]


def rows(options):
    """Yield the rows of the table."""
    for name in options.chosen_sets(("digits",), tuple(SETS)[1:]):
        yield from bench_set(name, options)


def bench_set(name, options):
    """Yield the rows of one data set, one for each contestant."""
    task, held_out = real_task(name, options.data)
    rivals = started_trainers(task, options)
    seeds = range(1 if name in LARGE else options.n_rounds(N_SEEDS))
    most = QUICK_EPOCHS if options.quick else MAX_EPOCHS
    n_epochs, goal = epochs_needed(rivals, held_out, seeds, most)
    with tempfile.TemporaryDirectory() as folder:
        store(task, Path(folder))
        runs = {rival: [] for rival in rivals}
        for seed in seeds:
            for rival in list(rivals)[:: (-1) ** seed]:
                runs[rival].append(run_fresh(rival, folder, seed, n_epochs[rival, seed]))
    totals = {rival: [sum(run.values()) for run in run_of] for rival, run_of in runs.items()}
    for rival, readings in runs.items():
        stages = {f"{s} s": significant(median(r[s] for r in readings)) for s in STAGES}
        yield {
            "set": name,
            **task.columns,
            "target": round(goal, 4),
            "contestant": rival,
            "epochs": median(n_epochs[rival, seed] for seed in seeds),
            **stages,
            "total s": significant(median(totals[rival])),
            "ratio": ratio(totals[rival], totals[OURS]),
            "without import": ratio(
                *([r["start"] + r["train"] for r in runs[who]] for who in (rival, OURS))
            ),
        }


def epochs_needed(rivals, held_out, seeds, most):
    """Return the epochs until the target, by contestant and seed, and the target."""
    peer = rivals[PEER]
    lowest = [min(losses_until(-inf, peer, held_out, seed, most)) for seed in seeds]
    goal = SLACK * max(lowest)
    found = {}
    for name, rival in rivals.items():
        for seed in seeds:
            losses = losses_until(goal, rival, held_out, seed, 3 * most)
            found[name, seed] = len(losses) if losses[-1] <= goal else inf
    return found, goal


def losses_until(goal, rival, held_out, seed, max_epochs):
    """Train until the goal; return the held-out loss after every epoch."""
    rival.start(seed)
    losses = [inf]
    while losses[-1] > goal and len(losses) <= max_epochs:
        rival.epoch()
        losses.append(held_out_loss(rival, held_out))
    return losses[1:]


def held_out_loss(rival, held_out):
    """Return the mean cross-entropy of the rows that are held out."""
    A = held_out.X
    *hidden, (W, b) = rival.parameters()
    for V, c in hidden:
        A = np.maximum(A @ V + c, 0)
    return cross_entropy(A @ W + b, held_out.y)


def store(task, folder):
    """Write a task to a folder, as benchmarks/trainers/timed.py reads it."""
    fields = asdict(task)
    for array in "Xy":
        np.save(folder / f"{array}.npy", fields.pop(array))
    (folder / "task.json").write_text(json.dumps(fields))


def run_fresh(name, folder, seed, n_epochs):
    """Return the seconds of the stages of a training in a fresh interpreter."""
    if n_epochs == inf:
        return dict.fromkeys(STAGES, inf)
    python = [sys.executable, "-W", "ignore", "-m", "benchmarks.trainers.timed"]
    arguments = map(str, (name, folder, seed, n_epochs))
    out = subprocess.check_output([*python, *arguments], cwd=ROOT, text=True)
    return json.loads(out.splitlines()[-1])


def findings(rows):
    """Say how the goal stands, and what of the time is import."""
    for row in rows:
        if row["contestant"] == PEER:
            ours = next(r for r in rows if r["set"] == row["set"] and r["contestant"] == OURS)
            least = row["total s"] / ours["import s"]
            yield (
                f"{row['set']}: {row['ratio']:g} times as fast as {PEER}, "
                f"{row['without import']:g} times without the imports, which are "
                f"{ours['import s'] / ours['total s']:.0%} of our time. "
                + (
                    f"If training took no time at all, the ratio would be {least:.2g}."
                    if least < GOAL
                    else ""
                )
            )


def draw(rows, figure):
    """Draw the stages of each contestant, set by set."""
    from benchmarks.figures import plain

    names = list(dict.fromkeys(row["set"] for row in rows))
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        shown = [row for row in rows if row["set"] == name and row["total s"] < inf]
        left = np.zeros(len(shown))
        for stage, color in zip(STAGES, ("#b8c4d0", "#7f95ab", "#1b6ca8"), strict=True):
            width = np.array([row[f"{stage} s"] for row in shown])
            axes.barh(range(len(shown)), width, left=left, color=color, label=stage, height=0.6)
            left += width
        axes.set_yticks(range(len(shown)), [row["contestant"] for row in shown], fontsize=8)
        axes.invert_yaxis()
        axes.set_title(name, fontsize=9)
        axes.set_xlabel("seconds", fontsize=8)
        plain(axes)
    axes.legend(fontsize=7, frameon=False)
    return "Bars of the seconds of import, start and training until the target loss."
