"""MLPNet. Its output biases start at the logarithms of the classes' shares."""

from benchmarks.trainers import RATE
from benchmarks.trainers._estimator import EstimatorTrainer
from skmlp import MLPNet


class Trainer(EstimatorTrainer):
    """The network of this package."""

    def make(self, hidden, **settings):
        """Return the model before training."""
        return MLPNet(
            hidden, "relu", optimizer="adam", learning_rate=RATE, initializer="glorot", **settings
        )
