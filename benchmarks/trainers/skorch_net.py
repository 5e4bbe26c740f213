"""skorch: PyTorch as a scikit-learn estimator, without the callbacks and splits that cost time."""

import torch
from skorch import NeuralNetClassifier

from benchmarks.trainers import BETA1, BETA2, EPS, RATE
from benchmarks.trainers.torch_eager import make_net, net_parameters


class Trainer:
    """The network of skorch."""

    def __init__(self, task):
        self.task = task

    def start(self, seed):
        """Do all that comes before the first epoch."""
        torch.manual_seed(seed)
        self.model = NeuralNetClassifier(
            make_net(self.task.sizes),
            criterion=torch.nn.CrossEntropyLoss,
            optimizer=torch.optim.Adam,
            optimizer__betas=(BETA1, BETA2),
            optimizer__eps=EPS,
            optimizer__fused=True,
            lr=RATE,
            batch_size=self.task.batch_size,
            iterator_train__shuffle=True,
            train_split=None,
            callbacks="disable",
            verbose=0,
        )
        self.model.initialize()

    def train(self, n_epochs):
        """Train for some epochs."""
        self.model.set_params(max_epochs=n_epochs)
        self.model.partial_fit(self.task.X, self.task.y)

    def epoch(self):
        """Train for one epoch more."""
        self.train(1)

    def parameters(self):
        """Return the weights and the biases of each layer."""
        return net_parameters(self.model.module_)
