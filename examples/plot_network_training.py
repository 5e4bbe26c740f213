"""
The history of a training
=========================

After every epoch a network notes how it stands: ``history_`` has the objective, the loss on
validation rows, the learning rate, the norm of the gradient and the time. Here is one training on
handwritten digits, from beginning to end.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skmlp import MLPNet
from skmlp.optim import ReduceOnPlateau
from skmlp.plotting import LossCurveDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, stratify=y, random_state=0)

# %%
# A fifth of the training rows decides when the rate is halved, and when to stop.

net = MLPNet(
    (100, 50),
    activation="relu",
    optimizer="momentum",
    learning_rate=ReduceOnPlateau(0.1, factor=0.5, patience=4),
    alpha=1e-5,
    batch_size=64,
    max_iter=200,
    early_stopping=True,
    validation_fraction=0.2,
    n_iter_no_change=15,
    random_state=0,
)
net.fit(X_train, y_train)
print(f"{net.n_iter_} epochs in {sum(net.history_['seconds']):.2f} s")
print(f"accuracy on test rows: {net.score(X_test, y_test):.3f}")

# %%
# At first both losses fall. Then the network learns its training rows better and better, which no
# longer helps with others; the dot marks the epoch to which it went back. Whenever the loss on
# validation rows has found no new low for some epochs, the rate is halved.

plt.style.use("petroff10")
figure, axes = plt.subplots(
    3, 1, figsize=(6.4, 7), sharex=True, height_ratios=[2, 1, 1], layout="constrained"
)
LossCurveDisplay.from_estimator(net, ax=axes[0])
axes[0].set(xlabel="", yscale="log")
epochs = range(1, net.n_iter_ + 1)
axes[1].step(epochs, net.history_["rate"], where="mid")
axes[1].set(ylabel="learning rate", yscale="log")
axes[2].plot(epochs, net.history_["gradient_norm"])
axes[2].set(xlabel="epoch", ylabel="gradient norm", yscale="log")
for ax in axes:
    ax.spines[["top", "right"]].set_visible(False)
plt.show()
