"""What all codes share: a table with a row for each class and a column for each problem."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

# How many rows of a table of distances are made at a time, and how many multiplications the
# separations in a `repr` may cost.
BLOCK = 256
CHEAP = 10**9


class CodeTable:
    """Base of codes: a table of shape (n_classes, n_problems) that never changes.

    Parameters
    ----------
    table : ndarray of shape (n_classes, n_problems)
        The entries, checked; becomes read-only.
    """

    def __init__(self, table: Array) -> None:
        table.setflags(write=False)
        self._table = table

    @property
    def n_classes(self) -> int:
        """Number of classes: the rows."""
        return int(self._table.shape[0])

    @property
    def n_problems(self) -> int:
        """Number of problems: the columns."""
        return int(self._table.shape[1])

    def checked_classes(self, classes: npt.ArrayLike) -> Array:
        """Return two or more different indices of classes."""
        chosen = np.asarray(classes)
        if (
            chosen.ndim != 1
            or chosen.dtype.kind not in "iu"
            or not 2 <= len(chosen) == len(np.unique(chosen))
            or chosen.min() < 0
            or chosen.max() >= self.n_classes
        ):
            raise ValueError(
                f"classes must be two or more different indices from 0 to {self.n_classes - 1}, "
                f"got {classes!r}."
            )
        return chosen

    def description(self, sizes: tuple[str, ...], separations: tuple[str, ...]) -> str:
        """Return one line of attributes; separations only if they are quickly computed."""
        C, L = self._table.shape
        names = (*sizes, *separations) if C * L * (C + L) <= CHEAP else sizes
        values = ", ".join(f"{name}={getattr(self, name):.10g}" for name in names)
        return f"{type(self).__name__}({values})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, type(self)):
            return NotImplemented
        return np.array_equal(self._table, other._table)

    def __hash__(self) -> int:
        return hash((self._table.shape, self._table.tobytes()))

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Array:
        return np.array(self._table, dtype=dtype, copy=copy)

    def __reduce__(self) -> tuple[Any, ...]:
        # By way of the constructor, because an array that comes out of a pickle can be written to.
        return type(self), (self._table,)


def checked_table(name: str, value: npt.ArrayLike) -> Array:
    """Return a table of numbers."""
    table = np.asarray(value)
    if table.ndim != 2 or table.dtype.kind not in "iuf" or len(table) < 2 or not table.size:
        raise ValueError(
            f"{name} must be an array of numbers with a row for each of two or more classes and a "
            f"column for each problem, got dtype {table.dtype} and shape {table.shape}."
        )
    return table


def check_distinct(name: str, table: Array, classes: Array) -> None:
    """Raise if two classes have equal rows."""
    seen: dict[bytes, int] = {}
    for k, row in zip(classes.tolist(), table, strict=True):
        first = seen.setdefault(row.tobytes(), k)
        if first != k:
            raise ValueError(
                f"{name} must have distinct rows, got equal rows for classes {first} and {k}."
            )


def smallest_distance(n_items: int, distances: Callable[[slice, slice], Array]) -> float:
    """Return the smallest distance between two of some items, infinite if there is only one."""
    smallest = np.inf
    for start in range(0, n_items, BLOCK):
        # Each item and those after it: the diagonal is an item's distance to itself.
        D = distances(slice(start, start + BLOCK), slice(start, None))
        np.fill_diagonal(D, np.inf)
        smallest = min(smallest, float(D.min()))
    return smallest
