"""Random tables of symbols with one row a class: what random codes are chosen from.

A symbol of a column stands for a group of classes. Columns that are the same up to the names of
their symbols (a sign for all its classes, say) are one and the same problem, so every column is
brought into a canonical form first. Tables are then chosen from a pool of different columns, and
no table has the same problem twice.
"""

from collections.abc import Iterator
from math import factorial, log2, prod
from typing import Any

import numpy as np
import numpy.typing as npt

from skmlp._spec import check_integer

Array = npt.NDArray[Any]

POOL = 4096


class RandomTables:
    """Base of random tables: an iterable without end.

    The rows of a table are usually distinct, but need not be.

    Parameters
    ----------
    n_classes : int
        Number of rows.
    n_problems : int or None
        Number of columns, but not more than there are. None takes the customary number.
    rng : numpy.random.Generator
        The source of randomness.
    customary : float
        The customary number of columns.
    fewest : int
        Smallest number of columns with which all rows can differ.
    most : int
        Number of different columns.
    agreement : float
        Probability that two classes have the same symbol in a column.

    Raises
    ------
    TypeError
        If `rng` is not a generator or `n_problems` not an integer.
    ValueError
        If there are too few columns for all rows to differ.
    """

    def __init__(
        self,
        n_classes: int,
        n_problems: int | None,
        rng: np.random.Generator,
        *,
        customary: float,
        fewest: int,
        most: int,
        agreement: float,
    ) -> None:
        if not isinstance(rng, np.random.Generator):
            raise TypeError(f"rng must be a numpy.random.Generator, got {rng!r}.")
        if n_problems is not None:
            check_integer("n_problems", n_problems, 1)
        n_problems = min(round(customary) if n_problems is None else int(n_problems), most)
        if n_problems < fewest:
            raise ValueError(
                f"n_problems must be at least {fewest} to tell {n_classes} classes apart, "
                f"got {n_problems}."
            )
        self.n_classes, self.n_problems, self.rng = n_classes, n_problems, rng
        self.agreement = agreement

    def columns(self, size: int) -> Array:
        """Return random columns, one a row here."""
        raise NotImplementedError

    def rows(self, size: int) -> Array:
        """Return random rows."""
        raise NotImplementedError

    def canonical(self, columns: Array) -> Array:
        """Return columns in a form that does not depend on names, without those of one group."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[Array]:
        if self.n_classes**2 * self.agreement**self.n_problems > 1:
            # More than half a pair of equal rows is to be expected: choose different rows instead.
            for rows in self._choices(self.n_classes, by_rows=True):
                columns = np.unique(self.canonical(rows.T), axis=0)
                if len(columns) == self.n_problems:
                    yield columns.T
        else:
            for columns in self._choices(self.n_problems, by_rows=False):
                yield columns.T

    def _choices(self, size: int, by_rows: bool) -> Iterator[Array]:
        """Yield choices of `size` different rows, or columns, from a pool that is made once."""

        def words() -> Array:
            n_words = max(POOL, 4 * size)
            return self.rows(n_words) if by_rows else self.canonical(self.columns(n_words))

        pool = np.unique(words(), axis=0)
        while len(pool) < size:
            pool = np.unique(np.concatenate([pool, words()]), axis=0)
        while True:
            order = self.rng.permutation(len(pool))
            for start in range(0, len(pool) - size + 1, size):
                yield pool[order[start : start + size]]


class RandomSigns(RandomTables):
    """Random tables of -1, 0 and +1: each entry is one of some letters, independent of the others.

    A column is canonical if its first entry that is not zero is -1.

    Parameters
    ----------
    letters : tuple of int
        -1, +1 and perhaps 0. One that stands here twice is twice as likely.
    per_bit : float
        The customary number of columns, divided by log2 of `n_classes`.
    n_classes, n_problems, rng
        See `RandomTables`.
    """

    def __init__(
        self,
        letters: tuple[int, ...],
        per_bit: float,
        n_classes: int,
        n_problems: int | None,
        rng: np.random.Generator,
    ) -> None:
        self.letters = np.array(letters, dtype=np.int8)
        share = np.unique(self.letters, return_counts=True)[1] / len(letters)
        n_letters = len(share)
        n_zeros = n_letters - 2
        super().__init__(
            n_classes,
            n_problems,
            rng,
            customary=per_bit * log2(n_classes),
            # A row of zeros is of no use.
            fewest=_n_digits(n_classes + n_zeros, n_letters),
            # Words with both signs: all but those without +1 and those without -1, where the word
            # of zeros has been counted twice. Half of these are negatives of the others.
            most=(n_letters**n_classes - 2 * (1 + n_zeros) ** n_classes + n_zeros) // 2,
            agreement=float(share @ share),
        )

    def columns(self, size: int) -> Array:
        return self._words(size, self.n_classes)

    def rows(self, size: int) -> Array:
        words = self._words(size, self.n_problems)
        return words[words.any(axis=1)]

    def _words(self, size: int, length: int) -> Array:
        return np.take(self.letters, self.rng.integers(len(self.letters), size=(size, length)))

    def canonical(self, columns: Array) -> Array:
        first = np.take_along_axis(columns, (columns != 0).argmax(axis=1)[:, None], axis=1)
        columns = -first * columns
        return np.asarray(columns[columns.max(axis=1) > 0])


class RandomGroups(RandomTables):
    """Random tables of symbols 0, 1, ...: each column divides the classes into groups.

    Groups are of equal size, or nearly so, unless the rows are chosen first. Symbols are numbered
    as they first appear in the column.

    Parameters
    ----------
    n_symbols : int
        Number of groups, at most `n_classes`.
    per_word : float
        The customary number of columns, divided by the number of symbols that name a class: the
        logarithm of `n_classes` to the base `n_symbols`.
    n_classes, n_problems, rng
        See `RandomTables`.
    """

    def __init__(
        self,
        n_symbols: int,
        per_word: float,
        n_classes: int,
        n_problems: int | None,
        rng: np.random.Generator,
    ) -> None:
        self.n_symbols = n_symbols
        self.dtype = np.min_scalar_type(n_classes)
        super().__init__(
            n_classes,
            n_problems,
            rng,
            customary=per_word * log2(n_classes) / log2(n_symbols),
            fewest=_n_digits(n_classes, n_symbols),
            most=_n_even_partitions(n_classes, n_symbols),
            agreement=1 / n_symbols,
        )

    def columns(self, size: int) -> Array:
        even = np.arange(self.n_classes, dtype=self.dtype) % self.n_symbols
        return self.rng.permuted(np.tile(even, (size, 1)), axis=1)

    def rows(self, size: int) -> Array:
        return self.rng.integers(self.n_symbols, size=(size, self.n_problems), dtype=self.dtype)

    def canonical(self, columns: Array) -> Array:
        stands = [columns == symbol for symbol in range(self.n_symbols)]
        # Where each symbol first appears; one that does not appear comes last.
        first = np.stack(
            [np.where(at.any(axis=1), at.argmax(axis=1), self.n_classes) for at in stands], axis=1
        )
        number = first.argsort(axis=1).argsort(axis=1).astype(columns.dtype)
        columns = np.take_along_axis(number, columns, axis=1)
        return np.asarray(columns[columns.max(axis=1) > 0])


def _n_digits(n_words: int, base: int) -> int:
    """Return with how many digits so many words can be written."""
    n_digits = 1
    while base**n_digits < n_words:
        n_digits += 1
    return n_digits


def _n_even_partitions(n_items: int, n_groups: int) -> int:
    """Return in how many ways items can be divided into groups whose sizes differ by at most 1."""
    size, n_larger = divmod(n_items, n_groups)
    n_smaller = n_groups - n_larger
    # The order within a group, and that of groups of the same size, make no difference.
    sizes = [size + 1] * n_larger + [size] * n_smaller
    orders = prod(map(factorial, sizes)) * factorial(n_larger) * factorial(n_smaller)
    return factorial(n_items) // orders
