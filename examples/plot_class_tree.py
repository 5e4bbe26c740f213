"""
Class trees: it matters which one
=================================

A tree of ten classes has nine inner nodes, each with a learner of its own. The earlier a hard
question comes, the more rows it sends the wrong way.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skmlp import SoftmaxRegression, TreeReductionClassifier
from skmlp.plotting import ClassTreeDisplay
from skmlp.reductions.tree import ClassTree

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, train_size=600, stratify=y, random_state=0
)


def accuracy(**params):
    model = TreeReductionClassifier(SoftmaxRegression(alpha=1e-3), **params)
    return model.fit(X_train, y_train).score(X_test, y_test)


# %%
# Digits whose mean images are alike share most of their path, so the first questions are easy. Of
# the trees that are drawn at random, few ask such questions; those that split the classes by random
# pairs do more often. An ensemble averages the probabilities of several trees.

found = {
    "agglomerative": [accuracy(tree="agglomerative")],
    "balanced": [accuracy(tree="balanced")],
    "random pairs": [accuracy(tree="random_pair", random_state=seed) for seed in range(20)],
    "random": [accuracy(tree="random", random_state=seed) for seed in range(20)],
    "ensembles of\n5 random trees": [
        accuracy(tree="random", n_trees=5, random_state=seed) for seed in range(3)
    ],
}

plt.style.use("petroff10")
figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
model = TreeReductionClassifier(SoftmaxRegression(), tree="agglomerative").fit(X_train, y_train)
ClassTreeDisplay.from_estimator(model, ax=axes[0])
axes[0].set_title("digits, agglomerative", fontsize="medium")
for place, scores in enumerate(found.values()):
    axes[1].plot(scores, np.full(len(scores), place), "o", markersize=5, alpha=0.6)
axes[1].set(xlabel="accuracy", yticks=range(len(found)), yticklabels=found)
axes[1].invert_yaxis()
axes[1].spines[["top", "right"]].set_visible(False)

# %%
# A hierarchy that is known beforehand. Here an animal may be a dog and of no breed in particular:
# "dog" is a class, and has others below it. Where a node has more than two children, they are
# joined in pairs.

parents = {
    "husky": "dog",
    "pug": "dog",
    "dog": "canine",
    "wolf": "canine",
    "canine": "mammal",
    "cat": "mammal",
    "whale": "mammal",
    "sparrow": "bird",
    "owl": "bird",
    "eel": "fish",
}
animals = sorted({"dog", "wolf", "husky", "pug", "cat", "whale", "sparrow", "owl", "eel"})
hierarchy = ClassTree.from_parents(parents, {animal: k for k, animal in enumerate(animals)})
print(hierarchy.draw(animals))

# %%
# Huffman's tree asks as few questions as possible, on average: here for letters as frequent as they
# are in English texts.

letters = list("etaoinshrdlqxz")
percent = [12.7, 9.1, 8.2, 7.5, 7.0, 6.7, 6.3, 6.1, 6.0, 4.3, 4.0, 0.1, 0.2, 0.1]
huffman = ClassTree.huffman(percent)
mean_depth = np.average(huffman.depths, weights=percent)
print(f"mean depth {mean_depth:.2f}; of a balanced tree it is at least {np.log2(14):.2f}")

figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
ClassTreeDisplay.from_tree(hierarchy, animals, ax=axes[0])
ClassTreeDisplay.from_tree(huffman, letters, ax=axes[1])
axes[0].set_title("a hierarchy of animals", fontsize="medium")
axes[1].set_title("letters, by frequency", fontsize="medium")
plt.show()
