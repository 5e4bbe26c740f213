"""Which rows make up each mini-batch of an epoch."""

from collections.abc import Sequence
from typing import Any, overload

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
WITH_REPLACEMENT = "with_replacement"


def check_shuffle(value: object) -> None:
    """Raise unless `value` is a way to order rows: True, False or ``"with_replacement"``."""
    if isinstance(value, bool | np.bool_) or (isinstance(value, str) and value == WITH_REPLACEMENT):
        return
    error = ValueError if isinstance(value, str) else TypeError
    raise error(f"shuffle must be a bool or {WITH_REPLACEMENT!r}, got {value!r}.")


class Batches(Sequence[Array]):
    """The rows of an epoch in their order, cut into batches; the last one may be smaller.

    Parameters
    ----------
    order : ndarray of int
        Indices of the rows.
    size : int
        Rows in a batch.
    """

    def __init__(self, order: Array, size: int) -> None:
        self.order = order
        self.size = size

    def __len__(self) -> int:
        return -(-len(self.order) // self.size)

    @overload
    def __getitem__(self, index: int) -> Array: ...
    @overload
    def __getitem__(self, index: slice) -> list[Array]: ...
    def __getitem__(self, index: int | slice) -> Array | list[Array]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        start = range(len(self))[index] * self.size
        return self.order[start : start + self.size]


def epoch_batches(
    rows: Array | int, batch_size: int, shuffle: bool | str, rng: np.random.Generator
) -> Batches:
    """Return the mini-batches of one epoch.

    Parameters
    ----------
    rows : ndarray of int, or int
        Indices to draw from; a number means all rows, of which there are so many.
    batch_size : int
        Rows in a batch; the last one may be smaller.
    shuffle : bool or "with_replacement"
        True visits every row once in random order, False in the given order, and
        "with_replacement" draws every row of every batch uniformly, as the textbook's stochastic
        gradient descent does.
    rng : numpy.random.Generator
        Where the randomness comes from.

    Returns
    -------
    batches : Batches
        A sequence: the indices of the rows of each batch.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.optim.batches import epoch_batches
    >>> list(epoch_batches(np.arange(5), 2, False, np.random.default_rng(0)))
    [array([0, 1]), array([2, 3]), array([4])]
    """
    if shuffle == WITH_REPLACEMENT:
        order = rng.choice(rows, size=len(rows) if isinstance(rows, np.ndarray) else rows)
    elif shuffle:
        order = rng.permutation(rows)
    else:
        order = rows if isinstance(rows, np.ndarray) else np.arange(rows)
    return Batches(order, batch_size)
