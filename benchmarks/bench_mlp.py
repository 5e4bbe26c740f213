"""MLPNet against scikit-learn's MLPClassifier, PyTorch and JAX: the same net, the same training.

    python benchmarks/bench_mlp.py --part epochs --out docs/benchmarks/mlp_epochs.csv
    python benchmarks/bench_mlp.py --part loss --data FOLDER --out docs/benchmarks/mlp_loss.csv

All train a ReLU network on cross-entropy in float32, without penalty, with Adam at a constant rate,
from Glorot's uniform initial weights, on mini-batches of the same size, shuffled anew every epoch.
Nothing stops early, and all have as many threads as --threads says. PyTorch draws its batches by
indexing, which is faster than a DataLoader, and has the fused Adam, the fastest it offers. JAX runs
an epoch as one compiled ``lax.scan``. A contestant that is not installed is skipped.

``--part epochs``: milliseconds an epoch on four nets, random data. After a warm-up the contestants
take turns, --rounds times. *ratio* is the peer's time over ours, taken round by round, so that what
else the machine does hits both; all figures are medians over rounds. MLPClassifier and MLPNet run
one ``fit`` with ``max_iter`` epochs, from their checks of the data to the fitted model, as a
user does. *GEMM* is the time of the matrix products of an epoch alone: the limit of all
who use NumPy's BLAS, as both estimators do. PyTorch and JAX bring their own.

``--part loss``: seconds until the cross-entropy of held-out rows has fallen to a target, --slack
times the lowest that MLPClassifier finds in --max-epochs, on the unluckiest of --rounds seeds. A
first run, whose loss one function for all evaluates after every epoch, tells how many epochs a
contestant needs; there MLPClassifier and MLPNet go by ``partial_fit``. The clock is on in a second
run from the same seed, of so many epochs and without evaluations; there they go by ``fit``. It
starts with the package imported and arrays in memory. *start* is the part before the first epoch,
in which JAX and torch.compile compile (the latter finds what it has kept on disk from the first
run). Medians over seeds. Importing is timed by itself, in fresh interpreters.
"""

import argparse
import itertools
import os
import platform
import subprocess
import sys
import time
import warnings
from datetime import date
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from types import SimpleNamespace

import datasets
import numpy as np
from bench_softmax import write
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_info, threadpool_limits

from skmlp import MLPNet, cross_entropy

RATE, BETA1, BETA2, EPS = 1e-3, 0.9, 0.999, 1e-8
# Sizes of the layers, rows of a batch, rows.
NETS = [
    ((16, 100, 26), 200, 20_000),
    ((20, 64, 64, 10), 32, 10_000),
    ((54, 128, 128, 7), 128, 20_000),
    ((784, 256, 128, 10), 128, 20_000),
]
# Hidden units, rows of a batch.
SETS = {
    "digits": ((100,), 32),
    "letter": ((100,), 200),
    "satimage": ((64, 64), 32),
    "shuttle": ((64, 64), 128),
    "fashion_mnist": ((256, 128), 128),
}


class Estimator:
    """A scikit-learn estimator on a task: data, sizes of the layers and rows of a batch."""

    def __init__(self, task, threads):
        self.task = task

    def start(self, seed):
        """Do all that comes before the first epoch."""
        self.model = self.make(
            self.task.sizes[1:-1],
            alpha=0.0,
            batch_size=self.task.batch_size,
            tol=0.0,
            n_iter_no_change=10**9,
            random_state=np.random.RandomState(seed),
        )

    def train(self, n_epochs):
        """Train for some epochs."""
        self.model.set_params(max_iter=n_epochs).fit(self.task.X, self.task.y)

    def epoch(self):
        """Train for one epoch more."""
        classes = np.arange(self.task.sizes[-1])
        self.model.partial_fit(self.task.X, self.task.y, classes=classes)

    def parameters(self):
        """Return the weights and the biases of each layer."""
        return zip(self.model.coefs_, self.model.intercepts_, strict=True)


class Ours(Estimator):
    """MLPNet. Its output biases start at the logarithms of the classes' shares."""

    package, importing = "skmlp", "from skmlp import MLPNet"

    def make(self, hidden, **settings):
        """Return the model before training."""
        return MLPNet(
            hidden, "relu", optimizer="adam", learning_rate=RATE, initializer="glorot", **settings
        )


class ScikitLearn(Estimator):
    """MLPClassifier: with a float32 X it computes in float32."""

    package, importing = "scikit-learn", "from sklearn.neural_network import MLPClassifier"

    def make(self, hidden, **settings):
        """Return the model before training."""
        return MLPClassifier(hidden, "relu", solver="adam", learning_rate_init=RATE, **settings)


class Torch:
    """PyTorch, eager."""

    package, importing = "torch", "import torch"

    def __init__(self, task, threads):
        import torch

        torch.set_num_threads(threads)
        self.torch, self.task = torch, task
        self.X, self.y = torch.from_numpy(task.X), torch.from_numpy(task.y)

    def start(self, seed):
        """Do all that comes before the first epoch."""
        nn = self.torch.nn
        self.torch.manual_seed(seed)
        pairs = list(itertools.pairwise(self.task.sizes))
        self.linear = [nn.Linear(fan_in, fan_out) for fan_in, fan_out in pairs]
        for layer in self.linear:
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        layers = [part for layer in self.linear for part in (layer, nn.ReLU())]
        self.net = nn.Sequential(*layers[:-1])
        self.optimizer = self.torch.optim.Adam(
            self.net.parameters(), RATE, (BETA1, BETA2), EPS, fused=True
        )
        self.loss = self.batch_loss

    def batch_loss(self, X, y):
        """Return the mean loss of a batch."""
        return self.torch.nn.functional.cross_entropy(self.net(X), y)

    def train(self, n_epochs):
        """Train for some epochs."""
        for _ in range(n_epochs):
            self.epoch()

    def epoch(self):
        """Train for one epoch more."""
        for rows in self.torch.randperm(len(self.y)).split(self.task.batch_size):
            self.optimizer.zero_grad()
            self.loss(self.X[rows], self.y[rows]).backward()
            self.optimizer.step()

    def parameters(self):
        """Return the weights and the biases of each layer."""
        for layer in self.linear:
            yield layer.weight.detach().numpy().T, layer.bias.detach().numpy()


class TorchCompiled(Torch):
    """PyTorch with the loss and its gradient compiled by torch.compile; it needs a C++ compiler."""

    def start(self, seed):
        """Do all that comes before the first epoch, among it compile for every size of batch."""
        super().start(seed)
        self.torch.compiler.reset()
        self.loss = self.torch.compile(self.batch_loss, dynamic=False)
        for n_rows in {min(self.task.batch_size, len(self.y)), len(self.y) % self.task.batch_size}:
            if n_rows:
                self.loss(self.X[:n_rows], self.y[:n_rows]).backward()


class Jax:
    """JAX: one compiled function for an epoch, which scans over the batches."""

    package, importing = "jax", "import jax.numpy"

    def __init__(self, task, threads):
        # XLA reads these once, when JAX is imported.
        os.environ.setdefault("NPROC", str(threads))
        if threads == 1:
            os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
        import jax

        self.jax, self.task = jax, task
        self.X, self.y = jax.numpy.asarray(task.X), jax.numpy.asarray(task.y)

    def start(self, seed):
        """Do all that comes before the first epoch, compiling included."""
        self.rng = np.random.default_rng(seed)
        theta = []
        for fan_in, fan_out in itertools.pairwise(self.task.sizes):
            bound = (6 / (fan_in + fan_out)) ** 0.5
            W = self.rng.uniform(-bound, bound, (fan_in, fan_out)).astype(np.float32)
            theta.append((W, np.zeros(fan_out, np.float32)))
        zeros = self.jax.tree.map(np.zeros_like, theta)
        self.state = self.jax.device_put((theta, zeros, zeros, np.float32(0)))
        # A function of its own for every start: JAX must not find it compiled already.
        scan = self.jax.jit(lambda *arguments: self.scan(*arguments), donate_argnums=0)
        self.compiled = scan.lower(self.state, self.X, self.y, self.order()).compile()

    def order(self):
        """Return the rows in random order."""
        return self.rng.permutation(len(self.y)).astype(np.int32)

    def scan(self, state, X, y, order):
        """Return the state after an epoch, and its losses."""

        def step(state, rows):
            return self.adam(state, X[rows], y[rows])

        n_full = len(order) // self.task.batch_size * self.task.batch_size
        full, rest = order[:n_full].reshape(-1, self.task.batch_size), order[n_full:]
        state, losses = self.jax.lax.scan(step, state, full)
        return step(state, rest)[0] if len(rest) else state, losses

    def loss(self, theta, X, y):
        """Return the mean loss of a batch."""
        *hidden, (W, b) = theta
        for V, c in hidden:
            X = self.jax.nn.relu(X @ V + c)
        F = X @ W + b
        true = self.jax.numpy.take_along_axis(F, y[:, None], axis=1)[:, 0]
        return (self.jax.nn.logsumexp(F, axis=1) - true).mean()

    def adam(self, state, X, y):
        """Return the state after a step, and the loss before it."""
        theta, mean, squares, t = state
        tree_map = self.jax.tree.map
        value, gradient = self.jax.value_and_grad(self.loss)(theta, X, y)
        t = t + 1
        mean = tree_map(lambda m, g: BETA1 * m + (1 - BETA1) * g, mean, gradient)
        squares = tree_map(lambda s, g: BETA2 * s + (1 - BETA2) * g * g, squares, gradient)
        c1, c2 = 1 - BETA1**t, 1 - BETA2**t

        def moved(w, m, s):
            return w - RATE * (m / c1) / (self.jax.numpy.sqrt(s / c2) + EPS)

        return (tree_map(moved, theta, mean, squares), mean, squares, t), value

    def train(self, n_epochs):
        """Train for some epochs."""
        for _ in range(n_epochs):
            self.state, _ = self.compiled(self.state, self.X, self.y, self.order())
        self.jax.block_until_ready(self.state)

    def epoch(self):
        """Train for one epoch more."""
        self.train(1)

    def parameters(self):
        """Return the weights and the biases of each layer."""
        return ((np.asarray(W), np.asarray(b)) for W, b in self.state[0])


CONTESTANTS = {
    "skmlp": Ours,
    "MLPClassifier": ScikitLearn,
    "torch": Torch,
    "torch.compile": TorchCompiled,
    "JAX": Jax,
}
OPTIONAL = ("torch", "torch.compile", "JAX")
# Epochs before the clock is on: caches fill, JAX and torch find their ways.
WARM_UP = 2


def contestants(task, args):
    """Return the contestants that work here, by name; say what the others lack."""
    found = {}
    for name, kind in CONTESTANTS.items():
        if name in args.without:
            continue
        try:
            contestant = kind(task, args.threads)
            contestant.start(seed=0)
        except ImportError:
            print(f"{name} is skipped. Install it: pip install {kind.package}", flush=True)
        except Exception as error:
            if kind is not TorchCompiled:
                raise
            reason = str(error).strip().partition("\n")[0]
            print(f"{name} is skipped. Install a C++ compiler. ({reason})", flush=True)
        else:
            found[name] = contestant
    return found


def seconds(function, *arguments):
    """Return how long a call takes."""
    began = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - began


def random_task(sizes, batch_size, n_rows):
    """Return normal rows, each of the class whose random direction it goes along the furthest."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_rows, sizes[0]), dtype=np.float32)
    y = (X @ rng.standard_normal((sizes[0], sizes[-1]), dtype=np.float32)).argmax(axis=1)
    return SimpleNamespace(X=X, y=y, sizes=sizes, batch_size=batch_size)


def real_task(name, folder):
    """Return a data set, pixels divided by 255 and others to unit variance, and held-out rows."""
    data = datasets.load(name, folder)
    hidden, batch_size = SETS[name]
    classes, codes = np.unique(data.y, return_inverse=True)
    if data.X.dtype == np.uint8:
        X = data.X / np.float32(255)
    else:
        X = StandardScaler().fit(data.X[data.train]).transform(data.X).astype(np.float32)
    return SimpleNamespace(
        X=X[data.train],
        y=codes[data.train],
        X_held=X[data.test],
        y_held=codes[data.test],
        sizes=(X.shape[1], *hidden, len(classes)),
        batch_size=batch_size,
    )


def products(task):
    """Compute the matrix products of an epoch: Z = X W, and on the way back dW and dX."""
    layers = []
    for fan_in, fan_out in itertools.pairwise(task.sizes):
        shapes = (task.batch_size, fan_in), (fan_in, fan_out), (task.batch_size, fan_out)
        layers.append([np.ones(shape, np.float32) for shape in shapes])
    for _ in range(len(task.y) // task.batch_size):
        for i, (X, W, Z) in enumerate(layers):
            X @ W, X.T @ Z, Z @ W.T if i else None


def bench_epochs(net, args):
    """Return a row of the table of epochs."""
    task = random_task(*net)
    rivals = contestants(task, args)
    times = {name: [] for name in [*rivals, "GEMM"]}
    for rival in rivals.values():
        rival.train(WARM_UP)
    for _ in range(args.rounds):
        for name, rival in rivals.items():
            times[name].append(seconds(rival.train, args.epochs) / args.epochs)
        times["GEMM"].append(seconds(products, task))
    row = describe(task) | {f"{name} ms": round(1e3 * median(t), 1) for name, t in times.items()}
    for name in [name for name in rivals if name != "skmlp"]:
        ratios = (peer / our for peer, our in zip(times[name], times["skmlp"], strict=True))
        row[f"{name} ratio"] = round(median(ratios), 2)
    return row


def describe(task):
    """Return what a row of either table begins with."""
    net = "-".join(map(str, task.sizes))
    return {"net": net, "batch": task.batch_size, "rows": len(task.y)}


def held_out_loss(rival, task):
    """Return the mean cross-entropy of the rows that are held out."""
    A = task.X_held
    *hidden, (W, b) = rival.parameters()
    for V, c in hidden:
        A = np.maximum(A @ V + c, 0)
    return cross_entropy(A @ W + b, task.y_held)


def losses_until(goal, rival, task, seed, max_epochs):
    """Train until the goal; return the held-out loss after every epoch."""
    rival.start(seed)
    losses = [np.inf]
    while losses[-1] > goal and len(losses) <= max_epochs:
        rival.epoch()
        losses.append(held_out_loss(rival, task))
    return losses[1:]


def bench_loss(name, args):
    """Yield the rows of one data set in the table of losses, one for each contestant."""
    task = real_task(name, args.data)
    rivals = contestants(task, args)
    peer = rivals["MLPClassifier"]
    seeds = range(args.rounds)
    lowest = [min(losses_until(-np.inf, peer, task, seed, args.max_epochs)) for seed in seeds]
    goal = args.slack * max(lowest)
    runs = {label: [] for label in rivals}
    for seed, (label, rival) in itertools.product(seeds, rivals.items()):
        losses = losses_until(goal, rival, task, seed, 3 * args.max_epochs)
        start = seconds(rival.start, seed)
        whole = start + seconds(rival.train, len(losses))
        reached = losses[-1] <= goal
        runs[label].append((len(losses), start, whole) if reached else (np.inf, start, np.inf))
    ours = [whole for *_, whole in runs["skmlp"]]
    for label, run in runs.items():
        n_epochs, start, whole = (median(column) for column in zip(*run, strict=True))
        ratios = (peer / our for (*_, peer), our in zip(run, ours, strict=True))
        yield {
            "set": name,
            **describe(task),
            "target": round(goal, 4),
            "contestant": label,
            "epochs": n_epochs,
            "start s": round(start, 2),
            "seconds": round(whole, 3),
            "ratio": round(median(ratios), 2),
            "import s": import_seconds(CONTESTANTS[label].importing),
        }


@cache
def import_seconds(statement):
    """Return how long an import takes in a fresh interpreter, starting it not included."""
    code = f"import time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    runs = [subprocess.check_output([sys.executable, "-c", code]) for _ in range(5)]
    return round(median(map(float, runs)), 2)


def announce():
    """Print what the figures depend on."""
    print(f"{date.today()}, {platform.machine()}, Python {platform.python_version()}")
    for package in ("numpy", "scikit-learn", "torch", "jax"):
        try:
            print(f"{package} {version(package)}", flush=True)
        except PackageNotFoundError:
            print(f"{package} is not installed", flush=True)
    for library in threadpool_info():
        if library["user_api"] == "blas":
            print(library["internal_api"], library["version"], library.get("architecture"))


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=("epochs", "loss"), required=True)
    parser.add_argument("--out", type=Path, help="CSV file; default: mlp_PART.csv")
    parser.add_argument("--data", help="folder of .npz files; see datasets.py")
    parser.add_argument("--sets", nargs="*", choices=SETS, help="default: all there are")
    parser.add_argument("--without", nargs="*", default=(), choices=OPTIONAL, help="peers")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=5, help="epochs at a time, --part epochs")
    parser.add_argument("--max-epochs", type=int, default=30, help="of MLPClassifier, --part loss")
    parser.add_argument("--slack", type=float, default=1.02)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    announce()
    rows = []
    with threadpool_limits(args.threads):
        if args.part == "epochs":
            for net in NETS:
                rows.append(bench_epochs(net, args))
                print(rows[-1], flush=True)
        else:
            for name in args.sets or (SETS if args.data else ["digits"]):
                for row in bench_loss(name, args):
                    rows.append(row)
                    print(row, flush=True)
    out = args.out or Path(f"mlp_{args.part}.csv")
    out.parent.mkdir(parents=True, exist_ok=True)
    write(out, rows)


if __name__ == "__main__":
    main()
