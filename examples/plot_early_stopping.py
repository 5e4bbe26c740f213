"""
Early stopping: the validation loss decides
===========================================

Without a penalty, the objective can fall for ever; the loss on rows that are not learned from
cannot. Early stopping ends the fit when that loss has stopped falling, and goes back to the weights
that had the lowest.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skmlp import SoftmaxRegression
from skmlp.plotting import LossCurveDisplay

X, y = load_digits(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(
    X / 16, y, train_size=300, stratify=y, random_state=0
)

# %%
# The validation rows are given to ``fit``. Without them, a part of the training rows is held out.
# The patience is longer than one would choose, to see how the loss rises again.

model = SoftmaxRegression(
    alpha=0,
    solver="sgd",
    learning_rate=0.02,
    early_stopping=True,
    n_iter_no_change=200,
    max_iter=1000,
    random_state=0,
)
model.fit(X_train, y_train, X_val=X_val, y_val=y_val)
best = min(model.validation_loss_curve_)
print(f"stopped after {model.n_iter_} epochs, lowest validation loss {best:.3f}")

# %%
plt.style.use("petroff10")
figure, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
LossCurveDisplay.from_estimator(model, ax=ax)
ax.set_yscale("log")
ax.spines[["top", "right"]].set_visible(False)
plt.show()
