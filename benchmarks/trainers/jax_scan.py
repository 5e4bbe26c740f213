"""JAX: one compiled function for an epoch, which scans over the batches."""

from itertools import pairwise

import jax
import numpy as np
from jax import numpy as jnp

from benchmarks.trainers import BETA1, BETA2, EPS, RATE


class Trainer:
    """The loop that one writes with JAX, Adam included."""

    def __init__(self, task):
        self.task = task
        self.X, self.y = jnp.asarray(task.X), jnp.asarray(task.y)

    def start(self, seed):
        """Do all that comes before the first epoch, compiling included."""
        self.rng = np.random.default_rng(seed)
        theta = []
        for fan_in, fan_out in pairwise(self.task.sizes):
            bound = (6 / (fan_in + fan_out)) ** 0.5
            W = self.rng.uniform(-bound, bound, (fan_in, fan_out)).astype(np.float32)
            theta.append((W, np.zeros(fan_out, np.float32)))
        zeros = jax.tree.map(np.zeros_like, theta)
        self.state = jax.device_put((theta, zeros, zeros, np.float32(0)))
        # A function of its own for every start: JAX must not find it compiled already.
        scan = jax.jit(lambda *arguments: self.scan(*arguments), donate_argnums=0)
        self.compiled = scan.lower(self.state, self.X, self.y, self.order()).compile()

    def order(self):
        """Return the rows in random order."""
        return self.rng.permutation(len(self.y)).astype(np.int32)

    def scan(self, state, X, y, order):
        """Return the state after an epoch."""

        def step(state, rows):
            return adam(state, X[rows], y[rows]), None

        n_full = len(order) // self.task.batch_size * self.task.batch_size
        full, rest = order[:n_full].reshape(-1, self.task.batch_size), order[n_full:]
        state, _ = jax.lax.scan(step, state, full)
        return step(state, rest)[0] if len(rest) else state

    def train(self, n_epochs):
        """Train for some epochs."""
        for _ in range(n_epochs):
            self.state = self.compiled(self.state, self.X, self.y, self.order())
        jax.block_until_ready(self.state)

    def epoch(self):
        """Train for one epoch more."""
        self.train(1)

    def parameters(self):
        """Return the weights and the biases of each layer."""
        return ((np.asarray(W), np.asarray(b)) for W, b in self.state[0])


def loss(theta, X, y):
    """Return the mean loss of a batch."""
    *hidden, (W, b) = theta
    for V, c in hidden:
        X = jax.nn.relu(X @ V + c)
    F = X @ W + b
    true = jnp.take_along_axis(F, y[:, None], axis=1)[:, 0]
    return (jax.nn.logsumexp(F, axis=1) - true).mean()


def adam(state, X, y):
    """Return the state after a step."""
    theta, mean, squares, t = state
    gradient = jax.grad(loss)(theta, X, y)
    t = t + 1
    mean = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, mean, gradient)
    squares = jax.tree.map(lambda s, g: BETA2 * s + (1 - BETA2) * g * g, squares, gradient)
    c1, c2 = 1 - BETA1**t, 1 - BETA2**t

    def moved(w, m, s):
        return w - RATE * (m / c1) / (jnp.sqrt(s / c2) + EPS)

    return jax.tree.map(moved, theta, mean, squares), mean, squares, t
