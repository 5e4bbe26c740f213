"""What networks are trained on."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

# The nets by which the project is judged: sizes of the layers, rows of a batch, rows.
NETS = (
    ((16, 100, 26), 200, 20_000),
    ((20, 64, 64, 10), 32, 10_000),
    ((54, 128, 128, 7), 128, 20_000),
    ((784, 256, 128, 10), 128, 20_000),
)
# Hidden units, rows of a batch.
SETS = {
    "digits": ((100,), 32),
    "satimage": ((64, 64), 32),
    "letter": ((100,), 200),
    "shuttle": ((64, 64), 128),
    "fashion_mnist": ((256, 128), 128),
}


@dataclass(frozen=True)
class Task:
    """Rows and classes, the sizes of all layers, and rows of a batch."""

    X: np.ndarray
    y: np.ndarray
    sizes: tuple[int, ...]
    batch_size: int

    @property
    def net(self):
        """The sizes of the layers in words."""
        return "-".join(map(str, self.sizes))

    @property
    def columns(self):
        """What a row of a table begins with."""
        return {"net": self.net, "batch": self.batch_size, "rows": len(self.y)}

    @property
    def flops(self):
        """Additions and multiplications in the products of an epoch, forward and backward."""
        products = [3 * fan_in * fan_out for fan_in, fan_out in pairwise(self.sizes)]
        # Nobody needs the derivative in the input.
        return 2 * len(self.y) * (sum(products) - self.sizes[0] * self.sizes[1])


def random_task(sizes, batch_size, n_rows):
    """Return normal rows, each of the class whose random direction it goes along the furthest."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_rows, sizes[0]), dtype=np.float32)
    y = (X @ rng.standard_normal((sizes[0], sizes[-1]), dtype=np.float32)).argmax(axis=1)
    return Task(X, y, tuple(sizes), batch_size)


def real_task(name, folder):
    """Return the training and the held-out rows of a set: pixels over 255, others standardized."""
    from sklearn.preprocessing import StandardScaler

    from benchmarks import datasets

    data = datasets.load(name, folder)
    hidden, batch_size = SETS[name]
    classes, codes = np.unique(data.y, return_inverse=True)
    if data.X.dtype == np.uint8:
        X = data.X / np.float32(255)
    else:
        X = StandardScaler().fit(data.X[data.train]).transform(data.X).astype(np.float32)
    sizes = (X.shape[1], *hidden, len(classes))
    train = Task(X[data.train], codes[data.train], sizes, batch_size)
    return train, replace(train, X=X[data.test], y=codes[data.test])
