"""Rows that take part in the same two-class problems, and the products they enter together.

A column of a code matrix is a two-class problem: +1 and -1 say on which side a class is, 0 that its
rows sit out. Many codes are full of zeros. So the rows are gathered in blocks whose classes take
part in the same problems, and within a block no product is wasted on a zero.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from skmlp.nn.coordinates import Coordinates
from skmlp.nn.losses import Array

# Numbers in an array over a block: few enough to stay in the cache from one operation to the next,
# and enough for the operations to be worth their calls.
MOST, LEAST = 1 << 15, 1 << 13
# Rows of a block: few enough for all products of two of their features.
MOST_ROWS = 1 << 10
# Number of features above which products with the rows are most of the work, and blocks are whole.
WIDE = 100


@dataclass
class Block:
    """Some rows, and the k problems that they take part in.

    Attributes
    ----------
    X_T : ndarray of shape (n_params, n) or CSC array
        The rows, one column each.
    columns : ndarray of int of shape (k,)
        The problems.
    sign : ndarray of shape (k, 1) or (k, n)
        -1 where a row is on the side of +1, else 1; one column if all are on the same side.
    weight : ndarray of shape (k, 1) or (k, n)
        Weight of each row in each problem; one column if all weigh the same.
    """

    X_T: Any
    columns: Array
    sign: Array
    weight: Array

    @property
    def shape(self) -> tuple[int, int]:
        """Shape (k, n) of an array over the block."""
        return len(self.columns), self.X_T.shape[1]

    def take(self, some: Array, numbers: Array) -> "Block":
        """Return the block with some of its problems, which get new numbers."""
        columns = numbers[self.columns[some]]
        return replace(self, columns=columns, sign=self.sign[some], weight=self.weight[some])

    def converted(self, dtype: Any) -> "Block":
        """Return the block in another dtype."""
        arrays = {name: getattr(self, name).astype(dtype) for name in ("X_T", "sign", "weight")}
        return replace(self, **arrays)

    def signed_scores(self, theta: Array, out: Array) -> None:
        """Put sign times the scores of the models theta, (n_problems, n_params), into out."""
        T = theta[self.columns]
        alike = self.sign.shape[1] == 1
        if alike:
            T *= self.sign
        if sp.issparse(self.X_T):
            out[...] = (self.X_T.T @ T.T).T
        else:
            np.matmul(T, self.X_T, out=out)
        if not alike:
            out *= self.sign

    def pull_back(self, Q: Array) -> Array:
        """Return the sum over rows of weight times sign times Q times the row: (k, n_params)."""
        factor = self.weight * self.sign
        if factor.shape[1] == 1:
            return np.asarray((self.X_T @ Q.T).T * factor)
        return np.asarray((self.X_T @ (Q * factor).T).T)

    def total(self, A: Array, some: Array | slice = slice(None)) -> Array:
        """Return the sum over rows of weight times A, an array over `some` of the problems."""
        weight = self.weight[some]
        if weight.shape[1] == 1:
            return np.asarray(A.sum(axis=1) * weight[:, 0])
        return np.asarray(np.einsum("ij,ij->i", A, weight))

    def second_moments(self, D: Array, pairs: Array) -> Array:
        """Return the sum over rows of weight times D times each of their `pairs` of features."""
        if self.weight.shape[1] == 1:
            return np.asarray((pairs @ D.T).T * self.weight)
        return np.asarray((pairs @ (D * self.weight).T).T)

    def squares(self, D: Array) -> Array:
        """Return the sum over rows of weight times D times the squared row: (k, n_params)."""
        return np.asarray((self.X_T**2 @ (D * self.weight).T).T)


def make_blocks(
    X: Any, y: Array, M: Array, weight: Array, share: Array, coordinates: Coordinates
) -> Iterator[Block]:
    """Yield the blocks of some rows.

    Parameters
    ----------
    X : ndarray or CSR array of shape (n_samples, n_features)
        The rows.
    y : ndarray of int of shape (n_samples,)
        Their classes.
    M : ndarray of shape (n_classes, n_problems)
        Code matrix.
    weight : ndarray of shape (n_samples,)
        Weights of the rows.
    share : ndarray of shape (n_classes, n_problems)
        Factor on the weights of the rows of a class in a problem.
    coordinates : Coordinates
        Of the rows in the blocks.
    """
    groups: dict[bytes, list[int]] = {}
    for k, takes_part in enumerate(M != 0):
        groups.setdefault(takes_part.tobytes(), []).append(k)
    by_class = np.argsort(y, kind="stable")
    ends = np.cumsum(np.bincount(y, minlength=len(M)))
    for classes in groups.values():
        columns = np.flatnonzero(M[classes[0]])
        if not columns.size:
            continue
        rows_of = [by_class[ends[k - 1] if k else 0 : ends[k]] for k in classes]
        for rows in pieces(rows_of, len(columns), whole=X.shape[1] > WIDE, one=sp.issparse(X)):
            # Rows are sorted by class: if the first and the last are of one class, all are.
            of_class = y[rows[:1]] if y[rows[0]] == y[rows[-1]] else y[rows]
            factor = shortened(share[of_class][:, columns].T)
            yield Block(
                coordinates.transposed(X[rows]),
                columns,
                np.ascontiguousarray(-M[of_class][:, columns].T, X.dtype),
                np.ascontiguousarray(factor * shortened(weight[None, rows]), X.dtype),
            )


def pieces(rows_of: list[Array], k: int, *, whole: bool, one: bool) -> Iterator[Array]:
    """Yield the rows of some classes in pieces that suit arrays of k numbers a row.

    Small classes are joined. Large ones are cut, unless they shall stay whole; or all of them make
    one piece.
    """
    first = n_rows = 0
    for last, rows in enumerate(rows_of, start=1):
        n_rows += len(rows)
        if last == len(rows_of) or (n_rows * k >= LEAST and not one):
            rows_each = n_rows if whole or one else min(MOST_ROWS, max(MOST // k, 1))
            if n_rows:
                yield from np.array_split(
                    np.concatenate(rows_of[first:last]), -(-n_rows // rows_each)
                )
            first, n_rows = last, 0


def shortened(A: Array) -> Array:
    """Return the first column if all columns are the same, else the array."""
    return A[:, :1] if (A[:, :1] == A).all() else A
