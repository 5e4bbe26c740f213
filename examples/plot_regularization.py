"""
Regularization: ways to tame a large network
============================================

A network of ten thousand weights and 120 rows with noisy labels: left alone, it learns the rows by
heart. They are drawn from known probabilities here, so we can say exactly how wrong that is, and
how much each remedy helps.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import expit

from skmlp import MLPNet
from skmlp.augment import GaussianNoise

rng = np.random.default_rng(0)


def truth(X):
    """The probability of the second class."""
    return expit(3 * (X[:, 1] - np.sin(2 * X[:, 0])))


X = rng.uniform(-2, 2, (120, 2))
y = (rng.random(120) < truth(X)).astype(int)

# %%
# The networks are alike but for one setting.

common = {
    "hidden_layer_sizes": (100, 100),
    "learning_rate": 0.003,
    "alpha": 0,
    "batch_size": 32,
    "max_iter": 300,
    "tol": 0,
    "random_state": 0,
}
settings = {
    "nothing": {},
    "L2 penalty": {"alpha": 0.003},
    "dropout": {"dropout": 0.2},
    "Gaussian noise": {"augment": GaussianNoise(scale=0.2)},
    "label smoothing": {"label_smoothing": 0.1},
    "batch norm": {"batch_norm": True},
    "early stopping": {"early_stopping": True, "validation_fraction": 0.2},
}
nets = {name: MLPNet(**common | changed).fit(X, y) for name, changed in settings.items()}

# %%
# The number above each picture is the expected loss on new rows: over the whole square, the mean of
# :math:`-p \ln P_1 - (1 - p) \ln P_0`, with :math:`p` the true probability. The truth itself has a
# loss, since the labels are noisy. On the black line both classes are equally probable.

side = np.linspace(-2, 2, 101)
grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
p = truth(grid)
log_P = {name: net.predict_log_proba(grid) for name, net in nets.items()}
log_P["the truth"] = np.log(np.column_stack([1 - p, p]))

plt.style.use("petroff10")
figure, axes = plt.subplots(2, 4, figsize=(10, 5.4), layout="constrained")
for ax, (name, log_p) in zip(axes.flat, log_P.items(), strict=True):
    loss = np.mean(-p * log_p[:, 1] - (1 - p) * log_p[:, 0])
    P1 = np.exp(log_p[:, 1]).reshape(101, 101)
    ax.contourf(side, side, P1, levels=np.linspace(0, 1, 11), cmap="RdBu_r", alpha=0.8)
    ax.contour(side, side, P1, levels=[0.5], colors="k", linewidths=1)
    ax.scatter(*X.T, c=y, cmap="RdBu_r", s=12, edgecolors="k", linewidths=0.5)
    ax.set(title=f"{name}: {loss:.2f}", xticks=[], yticks=[], aspect="equal")
plt.show()
