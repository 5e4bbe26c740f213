"""Which rows make up each mini-batch of an epoch."""

from collections.abc import Iterator
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
WITH_REPLACEMENT = "with_replacement"


def check_shuffle(value: object) -> None:
    """Raise unless `value` is a way to order rows: True, False or ``"with_replacement"``."""
    if isinstance(value, bool | np.bool_) or (isinstance(value, str) and value == WITH_REPLACEMENT):
        return
    error = ValueError if isinstance(value, str) else TypeError
    raise error(f"shuffle must be a bool or {WITH_REPLACEMENT!r}, got {value!r}.")


def epoch_batches(
    rows: Array, batch_size: int, shuffle: bool | str, rng: np.random.Generator
) -> Iterator[Array]:
    """Yield the mini-batches of one epoch.

    Parameters
    ----------
    rows : ndarray of int
        Indices to draw from.
    batch_size : int
        Rows in a batch; the last one may be smaller.
    shuffle : bool or "with_replacement"
        True visits every row once in random order, False in the given order, and
        "with_replacement" draws every row of every batch uniformly, as the textbook's stochastic
        gradient descent does.
    rng : numpy.random.Generator
        Where the randomness comes from.

    Yields
    ------
    batch : ndarray of int
        Indices of the rows of the batch.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.optim.batches import epoch_batches
    >>> list(epoch_batches(np.arange(5), 2, False, np.random.default_rng(0)))
    [array([0, 1]), array([2, 3]), array([4])]
    """
    if shuffle == WITH_REPLACEMENT:
        order = rng.choice(rows, size=len(rows))
    else:
        order = rng.permutation(rows) if shuffle else rows
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]
