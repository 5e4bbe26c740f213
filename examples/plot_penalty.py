"""
The penalty: between memory and ignorance
=========================================

Without a penalty the weights fit every accident of the training rows; with a large one they say
nothing. The loss on rows that were kept aside shows where to stop between.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import validation_curve

from skmlp import SoftmaxRegression
from skmlp.plotting import ClassWeightsDisplay

X, y = load_digits(return_X_y=True)
X /= 16

# %%
# Five-fold cross-validation for each strength of the penalty.

alphas = np.logspace(-6, 0, 13)
scores = validation_curve(
    SoftmaxRegression(),
    X,
    y,
    param_name="alpha",
    param_range=alphas,
    scoring="neg_log_loss",
    n_jobs=-1,
)
training, validation = (-score.mean(axis=1) for score in scores)
best = validation.argmin()
print(f"lowest validation loss {validation[best]:.3f}, at alpha = {alphas[best]:.0e}")

# %%
plt.style.use("petroff10")
figure, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
ax.loglog(alphas, validation, "C1", label="rows kept aside")
ax.loglog(alphas[best], validation[best], "C1o")
ax.loglog(alphas, training, "C0", label="training rows")
ax.axhline(np.log(10), color="0.5", linestyle=":")
ax.text(1e-6, np.log(10) * 0.95, "ln 10: all classes alike", va="top", color="0.4")
ax.set(xlabel=r"penalty $\alpha$", ylabel="mean cross-entropy in nats")
ax.legend(loc="lower right")
ax.spines[["top", "right"]].set_visible(False)

# %%
# The weights of three classes under a weak, the best, and a strong penalty. Note the scales.

figure, axes = plt.subplots(3, 3, figsize=(5, 5), layout="constrained")
for row, alpha in zip(axes, (1e-6, alphas[best], 1e-1), strict=True):
    model = SoftmaxRegression(alpha=alpha).fit(X, y)
    display = ClassWeightsDisplay(model.coef_[:3].reshape(3, 8, 8), titles="012")
    display.plot(axes=row)
    row[0].set_ylabel(rf"$\alpha$ = {alpha:.0e}")
plt.show()
