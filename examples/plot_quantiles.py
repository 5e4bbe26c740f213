"""
Quantiles: how far off a prediction may be
==========================================

The squared loss predicts a mean and says nothing of how far from it one must expect to be. Three
networks with the quantile loss do: one in twenty values falls below the first, one in twenty above
the last, and the one between is the median.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import gamma

from skmlp import MLPNetRegressor
from skmlp.nn.regression_losses import QuantileLoss
from skmlp.optim import Cosine

# %%
# The noise grows with x, and errors upwards are larger than those downwards.


def quantile(x, q):
    """The value that y stays below with probability q."""
    return np.sin(2 * x) + (0.1 + 0.15 * (x + 2)) * gamma.ppf(q, 2)


def draw(n_samples, rng):
    x = rng.uniform(-2, 2, n_samples)
    return x[:, None], quantile(x, rng.random(n_samples))


rng = np.random.default_rng(0)
X, y = draw(2000, rng)
X_test, y_test = draw(20_000, rng)

# %%
# For an outer quantile, one row in twenty pulls nineteen times as hard as any other. Such gradients
# are noisy, so the rate falls to zero, and the training waits for it.

nets = {
    q: MLPNetRegressor(
        (30,),
        activation="tanh",
        loss=QuantileLoss(q),
        optimizer="adam",
        learning_rate=Cosine(0.02),
        alpha=1e-4,
        batch_size=100,
        max_iter=200,
        n_iter_no_change=200,
        random_state=0,
    ).fit(X, y)
    for q in (0.05, 0.5, 0.95)
}

# %%
# On new rows, each should have about its share of the values below it.

for q, net in nets.items():
    print(f"below the {q:.0%} quantile: {np.mean(y_test < net.predict(X_test)):.1%}")

# %%
# The dashed lines are the true quantiles.

x = np.linspace(-2, 2, 300)
low, middle, high = (net.predict(x[:, None]) for net in nets.values())
plt.style.use("petroff10")
figure, ax = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
ax.scatter(X, y, s=4, color="0.6", linewidths=0)
ax.fill_between(x, low, high, alpha=0.25, label="90 % interval")
ax.plot(x, middle, label="median")
for q in nets:
    ax.plot(x, quantile(x, q), "k--", linewidth=0.8)
ax.set(xlabel="x", ylabel="y")
ax.legend(loc="upper left")
ax.spines[["top", "right"]].set_visible(False)
plt.show()
