"""
Optimizers: ways down a valley
==============================

A bowl that is thirty times steeper in one direction than in the other is a small picture of what
makes training slow: the steep direction limits the learning rate, and with that rate the flat one
takes many steps. Five optimizers go down such a bowl here, each with a learning rate that suits it.
"""

import matplotlib.pyplot as plt
import numpy as np

from skmlp.optim import SGD, Adagrad, Adam, Momentum, RMSProp

rates = [
    (SGD(), 0.06),
    (Momentum(), 0.01),
    (Adagrad(), 0.4),
    (RMSProp(), 0.08),
    (Adam(), 0.15),
]


def path(optimizer, rate, H, start, n_steps=60):
    """The places that an optimizer visits on its way down theta^T H theta / 2."""
    theta = start.copy()
    state = optimizer.init(theta)
    places = [start]
    for _ in range(n_steps):
        theta -= rate * optimizer.direction(H @ theta, theta, state)
        places.append(theta.copy())
    return np.array(places)


# %%
# In the upper row the axes of the bowl are those of the parameters. Plain gradient descent zigzags
# across the valley and then creeps along it. Momentum gathers speed along the valley, and swings.
# The other three divide each entry of the gradient by the size that it has had so far. That
# undoes the scaling: they set out as if the bowl were round.
#
# In the lower row everything is turned by 30 degrees. Gradient descent and momentum do not notice:
# their paths are turned as well. The others lose their advantage. Both entries of the gradient now
# have a share of the steep direction, and no factor for each entry can take them apart.

plt.style.use("petroff10")
figure, axes = plt.subplots(2, 5, figsize=(10, 4), sharex=True, sharey=True, layout="constrained")
x, y = np.meshgrid(np.linspace(-2.6, 1.2, 150), np.linspace(-1.9, 1.5, 150))
for line, degrees in zip(axes, (0, 30), strict=True):
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    turn = np.array([[c, -s], [s, c]])
    H = turn @ np.diag([1.0, 30.0]) @ turn.T
    J = (H[0, 0] * x**2 + 2 * H[0, 1] * x * y + H[1, 1] * y**2) / 2
    for ax, (optimizer, rate) in zip(line, rates, strict=True):
        places = path(optimizer, rate, H, start=turn @ [-2.0, 1.2])
        ax.contour(x, y, J, levels=np.geomspace(0.05, 80, 9), colors="0.8", linewidths=0.8)
        ax.plot(*places.T, marker=".", markersize=4, linewidth=1)
        ax.plot(0, 0, "k+")
        ax.set(xticks=[], yticks=[], aspect="equal")
        ax.set(xlim=x[0, [0, -1]], ylim=y[[0, -1], 0])
for ax, (optimizer, _) in zip(axes[0], rates, strict=True):
    ax.set_title(type(optimizer).__name__)
axes[0, 0].set_ylabel("along the axes")
axes[1, 0].set_ylabel("turned")
plt.show()
