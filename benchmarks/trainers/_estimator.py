"""What the two estimators for scikit-learn have in common."""

import numpy as np


class EstimatorTrainer:
    """An estimator with the interface of scikit-learn; ``make`` returns it before training."""

    def __init__(self, task):
        self.task = task

    def start(self, seed):
        """Do all that comes before the first epoch."""
        self.model = self.make(
            self.task.sizes[1:-1],
            alpha=0.0,
            batch_size=self.task.batch_size,
            tol=0.0,
            n_iter_no_change=10**9,
            random_state=np.random.RandomState(seed),
        )

    def train(self, n_epochs):
        """Train for some epochs."""
        self.model.set_params(max_iter=n_epochs).fit(self.task.X, self.task.y)

    def epoch(self):
        """Train for one epoch more."""
        classes = np.arange(self.task.sizes[-1])
        self.model.partial_fit(self.task.X, self.task.y, classes=classes)

    def parameters(self):
        """Return the weights and the biases of each layer."""
        return zip(self.model.coefs_, self.model.intercepts_, strict=True)
