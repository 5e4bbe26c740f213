"""
Fashion-MNIST with a fully connected network
============================================

A recipe for 60 000 images of 28 x 28 pixels: two wide hidden layers with batch norm and dropout,
images that are mirrored at random, slightly smoothed labels, a rate that rises and falls once (one
cycle), and early stopping, which returns to the best epoch on held-out images. It prints a line an
epoch, then accuracy and log loss on the 10 000 test images, and draws the curve.

    python examples/fashion_mnist.py [--data FILE] [--picture FILE] [--epochs N]

Without ``--data`` the images come from OpenML (30 MB, once). FILE is a ``.npz`` with ``X`` of shape
(70000, 784), pixels from 0 to 255, and ``y``; the first 60 000 rows train.
"""

import argparse
import time

import numpy as np
from sklearn.datasets import fetch_openml
from sklearn.metrics import log_loss

from skmlp import MLPNet
from skmlp.augment import HorizontalFlip
from skmlp.optim import OneCycle

N_TRAIN = 60_000
SHAPE = (28, 28)  # height and width


def load(path):
    """Return images as rows of numbers around 0, and their labels."""
    if path is None:
        X, y = fetch_openml("Fashion-MNIST", version=1, return_X_y=True, as_frame=False)
    else:
        with np.load(path, allow_pickle=False) as file:
            X, y = file["X"], file["y"]
    X = X.astype(np.float32)
    return (X - X[:N_TRAIN].mean()) / X[:N_TRAIN].std(), y.astype(int)


def recipe(n_epochs):
    """Return the network."""
    return MLPNet(
        hidden_layer_sizes=(1000, 500),
        activation="relu",
        batch_norm=True,
        dropout=0.3,
        label_smoothing=0.05,
        augment=HorizontalFlip(SHAPE),
        alpha=1e-5,
        learning_rate=OneCycle(0.004),
        batch_size=256,
        max_iter=n_epochs,
        early_stopping=True,
        n_iter_no_change=n_epochs,  # the cycle is run to its end, where the best epochs are
        validation_fraction=0.05,
        random_state=0,
        verbose=True,
    )


def main():
    parser = argparse.ArgumentParser(description="Fashion-MNIST with a fully connected network")
    parser.add_argument("--data", help="an .npz file with X and y; default: from OpenML")
    parser.add_argument("--picture", help="where to save the curve, such as curve.png")
    parser.add_argument("--epochs", type=int, default=80)
    options = parser.parse_args()

    X, y = load(options.data)
    began = time.perf_counter()
    net = recipe(options.epochs).fit(X[:N_TRAIN], y[:N_TRAIN])
    seconds = time.perf_counter() - began

    P = net.predict_proba(X[N_TRAIN:])
    print(f"best epoch {1 + int(np.argmin(net.validation_loss_curve_))}, {seconds:.0f} s")
    print(f"test accuracy {np.mean(net.classes_[P.argmax(axis=1)] == y[N_TRAIN:]):.4f}")
    print(f"test log loss {log_loss(y[N_TRAIN:], P):.4f}")
    if options.picture:
        from skmlp.plotting import LossCurveDisplay

        LossCurveDisplay.from_estimator(net).figure_.savefig(options.picture, dpi=150)


if __name__ == "__main__":
    main()
