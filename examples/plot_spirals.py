"""
Spirals: more units, more layers
================================

Three classes wind around one another. A network with few units can bend its regions only a few
times; with more units in a layer, or more layers of the same width, it follows the spirals.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgb

from skmlp import MLPNet


def spirals(n_per_class, rng):
    """Points on three arms of one and a half turns, with noise."""
    y = np.repeat([0, 1, 2], n_per_class)
    radius = np.sqrt(rng.uniform(0.02, 1, len(y)))
    angle = 2 * np.pi * (1.5 * radius + y / 3)
    X = 3 * radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return X + rng.normal(scale=0.1, size=X.shape), y


rng = np.random.default_rng(0)
X, y = spirals(150, rng)
X_test, y_test = spirals(2000, rng)

# %%
# The colour of a point mixes the colours of the classes by their probabilities. The number above
# each picture is the accuracy on new points. Rows differ in depth, columns in width.

side = np.linspace(-3.5, 3.5, 250)
grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
plt.style.use("petroff10")
colors = np.array([to_rgb(f"C{k}") for k in range(3)])
pale = 1 - 0.6 * (1 - colors)

figure, axes = plt.subplots(3, 3, figsize=(8, 8.6), layout="constrained")
for depth, line in enumerate(axes, start=1):
    for width, ax in zip((4, 12, 40), line, strict=True):
        net = MLPNet(
            (width,) * depth,
            activation="tanh",
            optimizer="lbfgs",
            alpha=1e-4,
            max_iter=2000,
            random_state=0,
        ).fit(X, y)
        P = net.predict_proba(grid).reshape(len(side), len(side), 3)
        ax.imshow(P @ pale, origin="lower", extent=[-3.5, 3.5, -3.5, 3.5])
        ax.scatter(*X.T, c=colors[y], s=9, edgecolors="w", linewidths=0.3)
        n_weights = sum(W.size for W in net.coefs_)
        ax.set_title(f"{net.score(X_test, y_test):.1%}", fontsize="medium")
        ax.set(xticks=[], yticks=[])
        ax.text(0.03, 0.03, f"{n_weights} weights", transform=ax.transAxes, fontsize="small")
for depth, ax in enumerate(axes[:, 0], start=1):
    ax.set_ylabel(f"{depth} hidden layer{'s' * (depth > 1)}")
for width, ax in zip((4, 12, 40), axes[-1], strict=True):
    ax.set_xlabel(f"{width} units")
plt.show()
