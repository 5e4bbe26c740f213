"""The models of the columns of a code matrix on the compiled road."""

from typing import Any

import numpy as np

from skmlp._fast._executor import Walker, pair_products
from skmlp.nn.columns import Cells, ColumnObjective
from skmlp.nn.parameters import Array


class CompiledColumnObjective(ColumnObjective):
    """A `ColumnObjective` whose inner loops are compiled.

    A step along a ray is one call for all blocks, and one pass over each of four arrays.
    """

    def measure(self) -> None:
        """Take note of dtype and shapes of the blocks, and of where each problem's cells are."""
        super().measure()
        self._walker: Any = None

    def walker(self) -> Any:
        """Return what knows where the cells and the weights of each problem are."""
        if self._walker is None:
            weights = [block.weight for block in self.blocks]
            first_weight = np.cumsum([0, *(weight.size for weight in weights)])
            runs = [
                self.runs_of(i, weight, first)
                for i, (weight, first) in enumerate(zip(weights, first_weight, strict=False))
            ]
            flat = np.concatenate([weight.ravel() for weight in weights])
            self._walker = Walker(np.concatenate(runs), flat, self.n_problems, self.ends[-1])
        return self._walker

    def runs_of(self, i: int, weight: Array, first_weight: int) -> Array:
        """Return the runs of block i, a row of five numbers for each of its problems."""
        k, n = self.shapes[i]
        row = np.arange(k)
        start = self.ends[i] - k * n + row * n
        first = first_weight + row * weight.shape[1]
        stride = int(weight.shape[1] > 1)
        return np.column_stack(
            [start, np.full(k, n), self.blocks[i].columns, first, np.full(k, stride)]
        )

    def walk(
        self, start: Cells, image: Cells, step: Array, moving: Array, u: Cells, q: Cells
    ) -> tuple[Array, Array]:
        """Put u and q at a step from the start: see `ColumnObjective.walk`."""
        size = self.ends[-1]
        before, along, scores, wrong = (cells.memory[:size] for cells in (start, image, u, q))
        sums: tuple[Array, Array] = self.walker().walk(before, along, step, moving, scores, wrong)
        return sums

    def pair_products(self, i: int, out: Array) -> Array:
        """Put the products of any two features into out: see `ColumnObjective.pair_products`."""
        X_T = self.blocks[i].X_T
        pair_products(np.ascontiguousarray(X_T), out)
        return out[:, : X_T.shape[1]]
