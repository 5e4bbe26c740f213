"""
Two classes: the difference of two scores
=========================================

With two classes the softmax of two linear scores is the logistic function of their difference, and
the classes meet where the scores are equal. The data are the petals of two species of iris.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import expit
from sklearn.datasets import load_iris

from skmlp import SoftmaxRegression, softmax

iris = load_iris()
rows = iris.target > 0
X, y = iris.data[rows, 2:3], iris.target[rows] - 1
names = iris.target_names[1:]
model = SoftmaxRegression(alpha=1e-2).fit(X, y)

# %%
# The model keeps the difference w of the two weights, since nothing else matters. Split evenly, it
# gives two scores again, and their softmax is what the model predicts.

x = np.linspace(2.8, 7.2, 200)
difference = model.decision_function(x[:, None])
F = np.column_stack([-difference / 2, difference / 2])
assert np.allclose(softmax(F), model.predict_proba(x[:, None]))
boundary = float(-model.intercept_[0] / model.coef_[0, 0])
print(f"the classes meet at {boundary:.2f} cm")

# %%
plt.style.use("petroff10")
figure, axes = plt.subplots(1, 3, figsize=(8.4, 2.9), sharex=True, layout="constrained")

for k, name in enumerate(names):
    axes[0].plot(x, F[:, k], f"C{k}", label=name)
    axes[2].plot(X[y == k], np.full((y == k).sum(), k), f"C{k}|", markersize=12)
axes[0].legend()
axes[1].plot(x, difference, "C4")
axes[2].plot(x, expit(difference), "C4")

axes[0].set_title("two linear scores")
axes[1].set_title("their difference")
axes[2].set_title("its logistic function")
axes[0].set_ylabel(r"$F_k = w_k x + b_k$")
axes[1].set_ylabel(r"$F_2 - F_1$")
axes[2].set_ylabel(f"probability of {names[1]}")
for ax in axes:
    ax.axvline(boundary, color="0.6", linestyle=":", zorder=0)
    ax.set_xlabel("petal length in cm")
    ax.spines[["top", "right"]].set_visible(False)
axes[1].axhline(0, color="0.6", linestyle=":", zorder=0)
plt.show()
