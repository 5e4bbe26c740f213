"""
Three classes: a partition into convex regions
==============================================

Each class owns the region where its linear score is the largest. Two regions meet along a line, on
which their scores are equal, and each region is convex. The data are wines of three growers.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgb
from sklearn.datasets import load_wine
from sklearn.preprocessing import scale

from skmlp import SoftmaxRegression, softmax

wine = load_wine()
columns = [wine.feature_names.index(name) for name in ("flavanoids", "color_intensity")]
X, y = scale(wine.data[:, columns]), wine.target
model = SoftmaxRegression(alpha=1e-2).fit(X, y)

# %%
# All three scores are equal at one point. From there, the score of a class grows fastest along its
# weight vector, and the line between two classes is perpendicular to the difference of theirs.

W, b = model.coef_, model.intercept_
meeting_point = np.linalg.solve(W[1:] - W[0], b[0] - b[1:])
print("scores where all three regions meet:", (W @ meeting_point + b).round(6))

# %%
# The colour of a point mixes the colours of the classes by their probabilities.

plt.style.use("petroff10")
figure, ax = plt.subplots(figsize=(6, 5.4), layout="constrained")
colors = np.array([to_rgb(f"C{k}") for k in range(3)])

low, high = -2.6, 3.6
side = np.linspace(low, high, 400)
grid = np.stack(np.meshgrid(side, side), axis=-1)
F = model.decision_function(grid.reshape(-1, 2)).reshape(400, 400, 3)
pale = 1 - 0.6 * (1 - colors)
ax.imshow(softmax(F) @ pale, origin="lower", extent=[low, high, low, high])

for k, marker in enumerate("os^"):
    lead = F[..., k] - np.delete(F, k, axis=-1).max(axis=-1)
    ax.contour(side, side, lead, [0], colors="k", linewidths=0.8)
    ax.plot(*X[y == k].T, marker, color=colors[k], markeredgecolor="w", label=f"grower {k + 1}")
for k in range(3):
    tip = meeting_point + W[k]
    ax.annotate("", tip, meeting_point, arrowprops={"arrowstyle": "-|>", "linewidth": 1.8})
    ax.text(
        *(tip + 0.25 * W[k] / np.linalg.norm(W[k])),
        f"$w_{k + 1}$",
        ha="center",
        va="center",
        bbox={"boxstyle": "round,pad=0.15", "color": "w", "alpha": 0.7},
    )
ax.set(xlabel="flavanoids (standardized)", ylabel="colour intensity (standardized)")
ax.legend(loc="upper right")
plt.show()
