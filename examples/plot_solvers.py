"""
Solvers: how fast the objective falls
=====================================

Softmax regression has one minimum, and every solver is on its way there. How fast it gets there
depends on the scale of the features, least of all for Newton's method. The data are wines: raw,
one of the features is about a thousand times larger than another; standardized, all are alike.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale

from skmlp import SoftmaxRegression, cross_entropy

# With tol=0 and the like a fit ends where rounding errors hide the way down, and warns of it.
warnings.simplefilter("ignore", ConvergenceWarning)

ALPHA = 1e-3
X, y = load_wine(return_X_y=True)

# %%
# Newton and L-BFGS record the objective after every step. ``sgd`` records a mean over the batches
# of an epoch, during which the weights move, so here the objective is computed after each epoch.


def objective(model, X):
    """Return the objective of a model on X."""
    return cross_entropy(model.decision_function(X), y) + ALPHA * (model.coef_**2).sum()


def objective_by_iteration(solver, X, n_iter=100):
    """Return the objective at the start, where all weights are 0, and after each iteration."""
    model = SoftmaxRegression(ALPHA, solver=solver, tol=1e-12, max_iter=1000, random_state=0)
    if solver == "sgd":
        epochs = (model.partial_fit(X, y, classes=[0, 1, 2]) for _ in range(n_iter))
        curve = [objective(fitted, X) for fitted in epochs]
    else:
        curve = model.fit(X, y).loss_curve_[:n_iter]
    return np.array([np.log(3), *curve])


# %%
# Drawn is what is left to gain, as a share of what there was to gain at the start.

plt.style.use("petroff10")
figure, axes = plt.subplots(1, 2, figsize=(8, 3.6), sharey=True, layout="constrained")
for ax, title, data in zip(axes, ("raw features", "standardized"), (X, scale(X)), strict=True):
    minimum = SoftmaxRegression(ALPHA, tol=0).fit(data, y).loss_
    for solver in ("newton", "lbfgs", "sgd"):
        left = objective_by_iteration(solver, data) - minimum
        ax.semilogy(left / left[0], label=solver)
    ax.set(title=title, xlabel="steps, or epochs of sgd", ylim=(1e-10, 20))
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("share left to gain")
axes[0].legend()
plt.show()
