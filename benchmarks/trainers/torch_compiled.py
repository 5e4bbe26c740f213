"""PyTorch with the loss and its gradient compiled by torch.compile; it needs a C++ compiler."""

import torch

from benchmarks.trainers import torch_eager


class Trainer(torch_eager.Trainer):
    """The loop of PyTorch around a compiled step."""

    def start(self, seed):
        """Do all that comes before the first epoch, among it compile for every size of batch."""
        super().start(seed)
        torch.compiler.reset()
        self.loss = torch.compile(self.batch_loss, dynamic=False)
        n_rows, batch_size = len(self.y), self.task.batch_size
        for size in {min(batch_size, n_rows), n_rows % batch_size} - {0}:
            self.loss(self.X[:size], self.y[:size]).backward()
