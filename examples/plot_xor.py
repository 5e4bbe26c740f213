"""
XOR: a hidden layer finds better coordinates
============================================

Two classes sit in opposite corners of a square. No linear model can separate them: its scores of
two opposite corners add up to twice the score of the centre, and so do those of the other two. If
the first two are positive, the others cannot both be negative. Two hidden units are enough.
"""

import matplotlib.pyplot as plt
import numpy as np

from skmlp import MLPNet

rng = np.random.default_rng(0)
corners = np.array([[-1, -1], [1, 1], [-1, 1], [1, -1]])
X = np.repeat(corners, 50, axis=0) + rng.normal(scale=0.25, size=(200, 2))
y = np.repeat([0, 0, 1, 1], 50)


def fit(hidden_layer_sizes, seed):
    net = MLPNet(
        hidden_layer_sizes, activation="tanh", optimizer="lbfgs", alpha=3e-3, random_state=seed
    )
    return net.fit(X, y)


linear, net = fit((), seed=0), fit((2,), seed=4)
print(f"accuracy: linear {linear.score(X, y):.2f}, with two hidden units {net.score(X, y):.2f}")

# %%
# On the left, the linear model gives every point a probability of about 1/2, the best it can do. In
# the middle are the regions of the network; each hidden unit draws one of the two lines. On the
# right are the same points in the coordinates that the hidden layer has learned. Both units look
# along the same diagonal, so the plane has become a curve. It is bent in such a way that a straight
# line cuts off one class.

plt.style.use("petroff10")
figure, axes = plt.subplots(1, 3, figsize=(10, 3.6), layout="constrained")
levels = np.linspace(0, 1, 12)


def draw(ax, points, side, P1, title, names):
    P1 = P1.reshape(len(side), len(side))
    ax.contourf(side, side, P1, levels=levels, cmap="RdBu_r", alpha=0.6)
    if np.ptp(P1) > 0.5:
        ax.contour(side, side, P1, levels=[0.5], colors="k", linewidths=1.2)
    ax.scatter(*points.T, c=y, cmap="RdBu_r", s=14, edgecolors="k", linewidths=0.5, zorder=3)
    ax.set(title=title, xlabel=names[0], ylabel=names[1], aspect="equal")
    ax.set(xlim=side[[0, -1]], ylim=side[[0, -1]])


side = np.linspace(-2, 2, 201)
grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
for ax, model, title in zip(axes, (linear, net), ("linear", "two hidden units"), strict=False):
    draw(ax, X, side, model.predict_proba(grid)[:, 1], title, ("$x_1$", "$x_2$"))

hidden = np.linspace(-1.25, 1.25, 201)
A = np.stack(np.meshgrid(hidden, hidden), axis=-1).reshape(-1, 2)
F = A @ net.coefs_[1] + net.intercepts_[1]
names = ("hidden unit 1", "hidden unit 2")
curve = net.hidden_features(side[:, None] * [1, -1])  # all along the diagonal
axes[2].plot(*curve.T, color="0.4", linewidth=1)
draw(axes[2], net.hidden_features(X), hidden, 1 / (1 + np.exp(-F)), "in their coordinates", names)

# %%
# That good weights exist does not mean that training finds them. From about half of all starts, two
# units end in a local minimum that gets a corner wrong. One or two more make it easy:

for n_units in (2, 3, 4):
    solved = sum(fit((n_units,), seed).score(X, y) > 0.95 for seed in range(20))
    print(f"{n_units} hidden units: {solved} of 20 starts end well")
plt.show()
