"""scikit-learn's MLPClassifier: with a float32 X it computes in float32."""

from sklearn.neural_network import MLPClassifier

from benchmarks.trainers import RATE
from benchmarks.trainers._estimator import EstimatorTrainer


class Trainer(EstimatorTrainer):
    """The network of scikit-learn."""

    def make(self, hidden, **settings):
        """Return the model before training."""
        return MLPClassifier(hidden, "relu", solver="adam", learning_rate_init=RATE, **settings)
