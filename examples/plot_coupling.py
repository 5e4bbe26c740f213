"""
Probabilities of classes from those of learners
===============================================

The rows are drawn from known densities, so the true probability of every class is known at each
point. Which of them come back from the answers of the learners?
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import rel_entr

from skmlp import (
    ECOCClassifier,
    MLPNet,
    OneVsAllClassifier,
    OneVsOneClassifier,
    SoftmaxRegression,
    TreeReductionClassifier,
    softmax,
)

turn = 0.4 + np.pi / 2 * np.arange(4)
centers = np.vstack([[0, 0], 2.2 * np.column_stack([np.cos(turn), np.sin(turn)])])
SPREAD = 0.7


def draw(n_samples, rng):
    """Draw points around the five centers."""
    y = rng.integers(5, size=n_samples)
    return rng.normal(centers[y], SPREAD), y


rng = np.random.default_rng(0)
X, y = draw(2000, rng)
X_test, _ = draw(1000, rng)

# %%
# By Bayes' rule, the probability of a class is proportional to its density.

distances = ((X_test[:, None] - centers) ** 2).sum(axis=2)
P = softmax(-distances / (2 * SPREAD**2))

# %%
# For two of these classes, the logarithm of the odds is linear in the point. So linear learners
# have the right answers to the questions of one-vs-one, and couple to the right probabilities. One
# class against the rest is not linear, nor are the questions of the codes. Networks can answer
# them, and then all four agree with the truth. The numbers are Kullback-Leibler divergences in
# nats.

linear = SoftmaxRegression(alpha=1e-5)
network = MLPNet((20,), activation="tanh", optimizer="lbfgs", alpha=1e-4, random_state=0)
plt.style.use("petroff10")
figure, axes = plt.subplots(2, 4, figsize=(9, 5), sharex=True, sharey=True, layout="constrained")
for name, base, line in zip(("linear", "network"), (linear, network), axes, strict=True):
    models = {
        "one-vs-all, normalized": OneVsAllClassifier(base, coupling="normalize"),
        "one-vs-one, Wu-Lin-Weng": OneVsOneClassifier(base, coupling="wu_lin_weng"),
        "code, Bradley-Terry": ECOCClassifier(base, code="exhaustive"),
        "tree, path products": TreeReductionClassifier(base, tree="agglomerative"),
    }
    for ax, (reduction, model) in zip(line, models.items(), strict=True):
        Q = model.fit(X, y).predict_proba(X_test)
        ax.plot(P, Q, "C0.", markersize=1.5, alpha=0.5)
        ax.plot([0, 1], [0, 1], "k:", linewidth=1)
        ax.text(0.04, 0.9, f"{rel_entr(P, Q).sum(axis=1).mean():.3f}")
        if base is linear:
            ax.set_title(reduction, fontsize="medium")
    line[0].set_ylabel(f"{name} learners")
figure.supxlabel("true probability of each class")
plt.show()
