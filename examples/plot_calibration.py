"""
Calibration: from confidence to probability
===========================================

Of all predictions with probability 0.8, eight in ten should be right. Naive Bayes is known for
being far too sure of itself, and what it is a part of inherits that.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB

from skmlp import OneVsOneClassifier, TreeReductionClassifier

rng = np.random.default_rng(0)
X, y = load_digits(return_X_y=True)
X = rng.normal(X / 16, 0.3)  # noise, to make it harder
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=600, stratify=y, random_state=0
)

# %%
# ``calibrate`` fits a curve to the cross-validated margins of each learner, before the learners are
# coupled. ``calibrate_whole`` finds one temperature for a whole tree, from cross-validated
# probabilities of the classes.

base = GaussianNB()
models = {
    "one-vs-one": {
        "as it is": OneVsOneClassifier(base),
        "each learner": OneVsOneClassifier(base, calibrate="sigmoid"),
    },
    "tree": {
        "as it is": TreeReductionClassifier(base, tree="agglomerative"),
        "each learner": TreeReductionClassifier(base, tree="agglomerative", calibrate="sigmoid"),
        "the whole": TreeReductionClassifier(base, tree="agglomerative", calibrate_whole=True),
    },
}

# %%
# Test rows in eight groups of equal size, by the probability of the class that is predicted. Below
# the diagonal, a model is right less often than it claims.

plt.style.use("petroff10")
figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for ax, (reduction, variants) in zip(axes, models.items(), strict=True):
    for name, model in variants.items():
        P = model.fit(X_train, y_train).predict_proba(X_test)
        order = P.max(axis=1).argsort()
        claimed, right = P.max(axis=1), P.argmax(axis=1) == y_test
        groups = np.array_split(order, 8)
        ax.plot(
            [claimed[group].mean() for group in groups],
            [right[group].mean() for group in groups],
            "o-",
            label=f"{name}: log loss {log_loss(y_test, P):.2f}",
        )
    ax.plot([0, 1], [0, 1], "k:", linewidth=1)
    ax.set(title=reduction, xlabel="probability of the prediction", ylabel="how often it is right")
    ax.set(xlim=(0.2, 1.02), ylim=(0.2, 1.02))
    ax.legend(loc="upper left")
    ax.spines[["top", "right"]].set_visible(False)
plt.show()
