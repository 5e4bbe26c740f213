"""PyTorch, eager, with batches by indexing and the fused Adam: the fastest that it offers."""

from itertools import pairwise

import torch
from torch import nn

from benchmarks.trainers import BETA1, BETA2, EPS, RATE


def make_net(sizes):
    """Return the network with its initial weights."""
    layers = []
    for fan_in, fan_out in pairwise(sizes):
        layer = nn.Linear(fan_in, fan_out)
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def net_parameters(net):
    """Yield the weights and the biases of each layer."""
    for layer in net:
        if isinstance(layer, nn.Linear):
            yield layer.weight.detach().numpy().T, layer.bias.detach().numpy()


class Trainer:
    """The loop that one writes with PyTorch."""

    def __init__(self, task):
        self.task = task
        self.X, self.y = torch.from_numpy(task.X), torch.from_numpy(task.y)

    def start(self, seed):
        """Do all that comes before the first epoch."""
        torch.manual_seed(seed)
        self.net = make_net(self.task.sizes)
        self.optimizer = torch.optim.Adam(
            self.net.parameters(), RATE, (BETA1, BETA2), EPS, fused=True
        )
        self.loss = self.batch_loss

    def batch_loss(self, X, y):
        """Return the mean loss of a batch."""
        return nn.functional.cross_entropy(self.net(X), y)

    def train(self, n_epochs):
        """Train for some epochs."""
        for _ in range(n_epochs):
            self.epoch()

    def epoch(self):
        """Train for one epoch more."""
        for rows in torch.randperm(len(self.y)).split(self.task.batch_size):
            self.optimizer.zero_grad()
            self.loss(self.X[rows], self.y[rows]).backward()
            self.optimizer.step()

    def parameters(self):
        """Return the weights and the biases of each layer."""
        return net_parameters(self.net)
