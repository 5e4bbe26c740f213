"""Code matrices: which classes each of several simpler problems sets against which.

A problem with classes 0..C-1 is reduced to L problems with fewer classes, one learner each. Row k
of the code says on which side of each problem class k is: it is the word that the L learners should
spell on a sample of class k. The further apart the words are, the more learners may err before
what they spell is nearer to a wrong class. The more the columns differ, the less the learners err
together.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from itertools import islice
from typing import Any, Self, TypeVar

import numpy as np
import numpy.typing as npt
import scipy.linalg

from skmlp._spec import check_integer
from skmlp.reductions.code_table import (
    CodeTable,
    check_distinct,
    checked_table,
    smallest_distance,
)
from skmlp.reductions.random_codes import RandomGroups, RandomSigns

Array = npt.NDArray[Any]

MOST_EXHAUSTED_CLASSES = 15


class CodeMatrix(CodeTable):
    r"""A code whose every column is a binary problem: some classes against some others.

    .. math:: M \in \{-1, 0, +1\}^{C \times L}

    The learner of column l tells the classes with +1 from those with -1; a class with 0 takes no
    part in its training. The matrix is valid by construction: every column has a +1 and a -1, no
    row is all zeros, and no two rows are equal. A learner that could learn nothing, or two classes
    that no decoder could tell apart, are errors here.

    Parameters
    ----------
    M : array-like of shape (n_classes, n_problems)
        -1, 0 and +1. It is copied.

    Attributes
    ----------
    M : ndarray of int8 of shape (n_classes, n_problems)
        The matrix; read-only.
    n_classes : int
        Number of classes C.
    n_problems : int
        Number of problems L.
    density : float
        Share of the entries that are not zero.
    row_separation : float
        Smallest distance between the rows of two classes.
    column_separation : float
        Smallest distance between two columns; infinite if there is only one.

    Raises
    ------
    ValueError
        If M is not valid; the message names the column or the rows.

    See Also
    --------
    KaryCode : Problems of more than two groups of classes.

    Notes
    -----
    The distance between two rows, and that between two columns l and m, is

    .. math::
        \rho(k, j) = \sum_l \frac{1 - M_{kl} M_{jl}}{2}, \qquad
        \min\bigl(\#\{k : M_{kl} \ne M_{km}\},\ \#\{k : M_{kl} \ne -M_{km}\}\bigr) ,

    so that a zero counts one half, and that a column is at distance 0 from its negative, which is
    the same problem. In a code without zeros two rows differ in :math:`\rho` places: with row
    separation d, the nearest row is that of the true class as long as at most (d - 1) / 2 learners,
    rounded down, err.

    Two classes are one problem. For them every constructor returns the column with -1 above +1.

    `row_separation` takes O(C^2 L) time and `column_separation` O(C L^2), both in matrix products;
    O(C L) memory.

    References
    ----------
    Dietterich, T. G., and Bakiri, G. (1995). Solving multiclass learning problems via
    error-correcting output codes. Journal of Artificial Intelligence Research, 2, 263-286.

    Allwein, E. L., Schapire, R. E., and Singer, Y. (2000). Reducing multiclass to binary: a
    unifying approach for margin classifiers. Journal of Machine Learning Research, 1, 113-141.

    Examples
    --------
    >>> from skmlp.reductions.code import CodeMatrix
    >>> code = CodeMatrix.one_vs_one(4)
    >>> code
    CodeMatrix(n_classes=4, n_problems=6, row_separation=3.5, column_separation=2)
    >>> print(code)
    ---...
    +..--.
    .+.+.-
    ..+.++

    A matrix of your own is checked:

    >>> CodeMatrix([[1, 1, -1], [1, -1, 1], [1, 0, 0]])
    Traceback (most recent call last):
    ...
    ValueError: M must have a +1 and a -1 in each column, got no -1 in column 0.
    """

    def __init__(self, M: npt.ArrayLike) -> None:
        super().__init__(_checked_signs(M))

    @property
    def M(self) -> Array:
        """The matrix."""
        return self._table

    @cached_property
    def is_one_vs_all(self) -> bool:
        """Whether column k sets class k, alone, against all others."""
        if self.n_classes == 2:
            return bool(self.M[0, 0] < 0)
        return (
            self.n_problems == self.n_classes
            and bool((self.M.diagonal() > 0).all())
            and np.count_nonzero(self.M < 0) == self.n_classes * (self.n_classes - 1)
        )

    @property
    def density(self) -> float:
        """Share of the entries that are not zero."""
        return float(np.count_nonzero(self.M) / self.M.size)

    @property
    def row_separation(self) -> float:
        """Smallest distance between the rows of two classes."""
        A = self.M.astype(np.float32)
        L = self.n_problems
        return smallest_distance(
            self.n_classes, lambda some, others: (L - A[some] @ A[others].T) / 2
        )

    @property
    def column_separation(self) -> float:
        """Smallest distance between two columns."""
        A = self.M.T.astype(np.float32)
        B = np.abs(A)
        size = B.sum(axis=1)

        def distances(some: slice, others: slice) -> Array:
            # Where both columns have a sign, (both + signed) / 2 signs are equal and the others
            # opposite; where just one of them has a sign, they differ either way.
            both, signed = B[some] @ B[others].T, A[some] @ A[others].T
            just_one = size[some, None] + size[others] - 2 * both
            return np.asarray(just_one + (both - np.abs(signed)) / 2)

        return smallest_distance(self.n_problems, distances)

    @classmethod
    def one_vs_all(cls, n_classes: int) -> Self:
        r"""Return the code that sets each class against all others: C problems.

        .. math:: M = 2 I - 1

        Parameters
        ----------
        n_classes : int
            Number of classes C, at least 2.

        Returns
        -------
        code : CodeMatrix
            Its row separation is 2, for more than two classes: no learner may err.

        Examples
        --------
        >>> from skmlp.reductions.code import CodeMatrix
        >>> print(CodeMatrix.one_vs_all(3))
        +--
        -+-
        --+
        """
        check_integer("n_classes", n_classes, 2)
        if n_classes == 2:
            return cls([[-1], [1]])
        return cls(2 * np.eye(n_classes) - 1)

    @classmethod
    def one_vs_one(cls, n_classes: int) -> Self:
        r"""Return the code that sets each class against each other one: C (C - 1) / 2 problems.

        Columns are the pairs i < j in lexicographic order, with :math:`M_i = -1` and
        :math:`M_j = +1`: a positive margin speaks for the later class.

        Parameters
        ----------
        n_classes : int
            Number of classes C, at least 2.

        Returns
        -------
        code : CodeMatrix
            Its row separation is (L + 1) / 2.

        Examples
        --------
        >>> from skmlp.reductions.code import CodeMatrix
        >>> print(CodeMatrix.one_vs_one(3))
        --.
        +.-
        .++
        """
        check_integer("n_classes", n_classes, 2)
        first, second = np.triu_indices(n_classes, 1)
        columns = np.arange(len(first))
        M = np.zeros((n_classes, len(first)), dtype=np.int8)
        M[first, columns] = -1
        M[second, columns] = 1
        return cls(M)

    @classmethod
    def exhaustive(cls, n_classes: int) -> Self:
        """Return the code of all ways to divide the classes into two groups: 2^(C - 1) - 1.

        Parameters
        ----------
        n_classes : int
            Number of classes C, from 2 to 15: one more class doubles the problems.

        Returns
        -------
        code : CodeMatrix
            Its row separation is 2^(C - 2).

        Examples
        --------
        >>> from skmlp.reductions.code import CodeMatrix
        >>> print(CodeMatrix.exhaustive(4))
        -------
        ---++++
        -++--++
        +-+-+-+
        """
        check_integer("n_classes", n_classes, 2)
        if n_classes > MOST_EXHAUSTED_CLASSES:
            raise ValueError(
                f"n_classes must be at most {MOST_EXHAUSTED_CLASSES} for an exhaustive code, which "
                f"has 2^(n_classes - 1) - 1 problems, got {n_classes}."
            )
        # Problem number l has +1 for the classes whose binary digit of l is 1.
        problems = np.arange(1, 2 ** (n_classes - 1))
        digits = problems >> np.arange(n_classes)[::-1, None] & 1
        return cls(2 * digits - 1)

    @classmethod
    def hadamard(cls, n_classes: int) -> Self:
        """Return rows of a Hadamard matrix: any two of them differ in just over half of the places.

        The order N of the matrix is C rounded up to a power of two. The constant column is left
        out: N - 1 problems.

        Parameters
        ----------
        n_classes : int
            Number of classes C, at least 2.

        Returns
        -------
        code : CodeMatrix
            Its row separation is N / 2: as far apart as so many rows of that length can be.

        Examples
        --------
        >>> from skmlp.reductions.code import CodeMatrix
        >>> print(CodeMatrix.hadamard(4))
        ---
        +-+
        -++
        ++-
        """
        check_integer("n_classes", n_classes, 2)
        order = 2 ** (int(n_classes) - 1).bit_length()
        # Column l has the sign of the number of binary digits that l and the row have in common.
        # The rows 1, 2, 4, ... are all there, and tell each column from row 0 and from the others.
        return cls(-scipy.linalg.hadamard(order, dtype=np.int8)[:n_classes, 1:])

    @classmethod
    def random_dense(
        cls,
        n_classes: int,
        n_problems: int | None = None,
        *,
        rng: np.random.Generator,
        n_draws: int = 100,
    ) -> Self:
        """Return the best of many random codes without zeros.

        Each entry is -1 or +1 with equal probability. The best code has the largest row
        separation, and of those with the same the largest column separation. No two columns are
        equal or opposite.

        Parameters
        ----------
        n_classes : int
            Number of classes C, at least 2.
        n_problems : int, default=None
            Number of problems L. None takes 10 log2(C), rounded. The code is exhaustive, with
            2^(C - 1) - 1 problems, where that is less: by default for up to 5 classes.
        rng : numpy.random.Generator
            The source of randomness.
        n_draws : int, default=100
            Number of codes to choose from. A hundred have most of what can be gained: ten times
            as many add one to the row separation, or nothing.

        Returns
        -------
        code : CodeMatrix
            The best code.

        Raises
        ------
        ValueError
            If there are too few problems to tell the classes apart.

        Notes
        -----
        O(n_draws C L (C + L)) time. All codes are chosen from one pool of a few thousand columns.

        Examples
        --------
        >>> import numpy as np
        >>> from skmlp.reductions.code import CodeMatrix
        >>> CodeMatrix.random_dense(10, rng=np.random.default_rng(0), n_draws=1).n_problems
        33
        """
        C = _checked_sizes(n_classes, n_draws)
        return cls._best(RandomSigns((-1, 1), 10, C, n_problems, rng), n_draws)

    @classmethod
    def random_sparse(
        cls,
        n_classes: int,
        n_problems: int | None = None,
        *,
        rng: np.random.Generator,
        n_draws: int = 100,
    ) -> Self:
        """Return the best of many random codes in which half of the entries are zero.

        Each entry is 0 with probability 1/2, else -1 or +1. The learners see half of the data, and
        there are more of them. The best code is that of `random_dense`.

        Parameters
        ----------
        n_classes : int
            Number of classes C, at least 2.
        n_problems : int, default=None
            Number of problems L. None takes 15 log2(C), rounded. There are (3^C + 1) / 2 - 2^C
            different columns, and all of them are taken where that is less: by default for up to 4
            classes.
        rng : numpy.random.Generator
            The source of randomness.
        n_draws : int, default=100
            Number of codes to choose from.

        Returns
        -------
        code : CodeMatrix
            The best code.

        Raises
        ------
        ValueError
            If there are too few problems to tell the classes apart.

        Notes
        -----
        As each column is there once at most, few classes have fewer zeros.

        Examples
        --------
        >>> import numpy as np
        >>> from skmlp.reductions.code import CodeMatrix
        >>> CodeMatrix.random_sparse(10, rng=np.random.default_rng(0), n_draws=1).n_problems
        50
        """
        C = _checked_sizes(n_classes, n_draws)
        return cls._best(RandomSigns((-1, 0, 0, 1), 15, C, n_problems, rng), n_draws)

    @classmethod
    def _best(cls, tables: RandomSigns, n_draws: int) -> Self:
        """Return the code with the largest separations among so many random ones."""
        codes = islice(_valid(cls, tables), n_draws)
        return max(codes, key=lambda code: (code.row_separation, code.column_separation))

    def take(self, classes: npt.ArrayLike) -> tuple[Self, Array]:
        """Return the code of some classes only.

        A column in which these classes lack a sign is no problem to them, and is left out.

        Parameters
        ----------
        classes : array-like of int of shape (n_taken,)
            Two or more different indices of classes. They become classes 0, 1, ... in this order.

        Returns
        -------
        code : CodeMatrix
            The code of these classes.
        columns : ndarray of int of shape (code.n_problems,)
            The columns that it keeps, ascending.

        Raises
        ------
        ValueError
            If an index is not valid, or rows are equal, or all zeros, in the columns that are left.

        Examples
        --------
        >>> from skmlp.reductions.code import CodeMatrix
        >>> code, columns = CodeMatrix.one_vs_one(4).take([0, 1, 3])
        >>> code == CodeMatrix.one_vs_one(3)
        True
        >>> columns
        array([0, 2, 4])
        """
        chosen = self.checked_classes(classes)
        M = self.M[chosen]
        columns = np.flatnonzero((M > 0).any(axis=0) & (M < 0).any(axis=0))
        _check_words("classes", M[:, columns], chosen)
        return type(self)(M[:, columns]), columns

    def __repr__(self) -> str:
        return self.description(
            ("n_classes", "n_problems"), ("row_separation", "column_separation")
        )

    def __str__(self) -> str:
        return "\n".join("".join(row) for row in np.array(["-", ".", "+"])[self.M + 1])


class KaryCode(CodeTable):
    r"""A code whose every column is a problem of several classes, each a group of the original.

    .. math:: K \in \{0, 1, \ldots, s - 1\}^{C \times L}

    The learner of column l tells the symbols in it from one another. A model that is limited to s
    classes becomes one of any number of classes. Every class takes part in every problem. The code
    is valid by construction: every column has two or more symbols, which are 0 to the largest, and
    no two rows are equal.

    Parameters
    ----------
    K : array-like of int of shape (n_classes, n_problems)
        The symbols. It is copied.

    Attributes
    ----------
    K : ndarray of int of shape (n_classes, n_problems)
        The symbols; read-only.
    n_classes : int
        Number of classes C.
    n_problems : int
        Number of problems L.
    n_symbols : int
        Largest number of symbols in a column.
    symbols : ndarray of int of shape (n_problems,)
        Number of symbols in each column.
    binary : CodeMatrix
        The code with one column for each symbol of each problem.
    row_separation : int
        Smallest number of columns in which the rows of two classes differ.

    Raises
    ------
    ValueError
        If K is not valid; the message names the column or the rows.

    See Also
    --------
    CodeMatrix : Binary problems, in which classes may sit out.

    Notes
    -----
    `row_separation` takes O(C^2 L s) time, in matrix products.

    References
    ----------
    Zhou, J. T., Tsang, I. W., Ho, S.-S., and Müller, K.-R. (2019). N-ary decomposition for
    multi-class classification. Machine Learning, 108(5), 809-830.

    Examples
    --------
    Nine classes, two problems of three groups:

    >>> from skmlp.reductions.code import KaryCode
    >>> code = KaryCode([[k // 3, k % 3] for k in range(9)])
    >>> code
    KaryCode(n_classes=9, n_problems=2, n_symbols=3, row_separation=1)
    >>> print(code.take([0, 4, 8])[0].binary)
    +--+--
    -+--+-
    --+--+
    """

    def __init__(self, K: npt.ArrayLike) -> None:
        super().__init__(_checked_symbols(K))

    @property
    def K(self) -> Array:
        """The symbols."""
        return self._table

    @property
    def symbols(self) -> Array:
        """Number of symbols in each column."""
        return np.asarray(self.K.max(axis=0) + 1)

    @property
    def n_symbols(self) -> int:
        """Largest number of symbols in a column."""
        return int(self.symbols.max())

    @property
    def binary(self) -> CodeMatrix:
        """The code with one column for each symbol of each problem.

        Problem by problem, symbol by symbol: +1 for the classes with that symbol, else -1.
        """
        return CodeMatrix(np.where(self._indicators(), 1, -1))

    @property
    def row_separation(self) -> int:
        """Smallest number of columns in which the rows of two classes differ."""
        A = self._indicators().astype(np.float32)
        L = self.n_problems
        return int(
            smallest_distance(self.n_classes, lambda some, others: L - A[some] @ A[others].T)
        )

    def _indicators(self) -> Array:
        """Return which class has which symbol: a column for each symbol of each problem."""
        problem = np.repeat(np.arange(self.n_problems), self.symbols)
        first = np.cumsum(self.symbols) - self.symbols
        symbol = np.arange(len(problem)) - first[problem]
        return np.asarray(self.K[:, problem] == symbol)

    @classmethod
    def random(
        cls,
        n_classes: int,
        n_symbols: int,
        n_problems: int | None = None,
        *,
        rng: np.random.Generator,
        n_draws: int = 100,
    ) -> Self:
        """Return the best of many random codes: that with the largest row separation.

        Each column divides the classes into groups of equal size, or nearly so, at random. No two
        columns divide them alike. Where `n_problems` is so small that rows would coincide by
        chance, different rows are drawn instead and the groups are less even.

        Parameters
        ----------
        n_classes : int
            Number of classes C, at least 2.
        n_symbols : int
            Number of symbols s of each column, at least 2. Classes that are no more than that are
            one problem, in which each has its own symbol.
        n_problems : int, default=None
            Number of problems L. None takes 10 log(C) / log(s), rounded. All different columns are
            taken where they are fewer.
        rng : numpy.random.Generator
            The source of randomness.
        n_draws : int, default=100
            Number of codes to choose from.

        Returns
        -------
        code : KaryCode
            The best code.

        Raises
        ------
        ValueError
            If there are too few problems to tell the classes apart.

        Notes
        -----
        O(n_draws C^2 L s) time.

        Examples
        --------
        >>> import numpy as np
        >>> from skmlp.reductions.code import KaryCode
        >>> code = KaryCode.random(100, 10, rng=np.random.default_rng(0))
        >>> code.n_problems, code.row_separation >= 11
        (20, True)
        """
        C = _checked_sizes(n_classes, n_draws)
        check_integer("n_symbols", n_symbols, 2)
        tables = RandomGroups(min(int(n_symbols), C), 10, C, n_problems, rng)
        codes = islice(_valid(cls, tables), n_draws)
        return max(codes, key=lambda code: code.row_separation)

    def take(self, classes: npt.ArrayLike) -> tuple[Self, Array]:
        """Return the code of some classes only.

        A column in which these classes have one symbol is no problem to them, and is left out.
        In the others symbols that are left are numbered anew, in the same order.

        Parameters
        ----------
        classes : array-like of int of shape (n_taken,)
            Two or more different indices of classes. They become classes 0, 1, ... in this order.

        Returns
        -------
        code : KaryCode
            The code of these classes.
        columns : ndarray of int of shape (code.n_problems,)
            The columns that it keeps, ascending.

        Raises
        ------
        ValueError
            If an index is not valid.

        Examples
        --------
        >>> from skmlp.reductions.code import KaryCode
        >>> code, columns = KaryCode([[0, 0], [1, 0], [2, 0], [0, 1]]).take([0, 2])
        >>> print(code)
        0
        1
        >>> columns
        array([0])
        """
        K = self.K[self.checked_classes(classes)]
        columns = np.flatnonzero(np.ptp(K, axis=0))
        numbered = [np.unique(column, return_inverse=True)[1] for column in K[:, columns].T]
        return type(self)(np.stack(numbered, axis=1)), columns

    def __repr__(self) -> str:
        return self.description(("n_classes", "n_problems", "n_symbols"), ("row_separation",))

    def __str__(self) -> str:
        width = len(str(self.n_symbols - 1))
        return "\n".join(" ".join(f"{symbol:{width}}" for symbol in row) for row in self.K)


Code = TypeVar("Code", bound=CodeTable)


def _checked_sizes(n_classes: int, n_draws: int) -> int:
    """Return the number of classes as a Python integer, whose powers cannot overflow."""
    check_integer("n_classes", n_classes, 2)
    check_integer("n_draws", n_draws, 1)
    return int(n_classes)


def _valid(kind: Callable[[Array], Code], tables: Iterable[Array]) -> Iterator[Code]:
    """Yield the codes of those tables that are valid."""
    for table in tables:
        try:
            code = kind(table)
        except ValueError:
            continue
        yield code


def _checked_signs(value: npt.ArrayLike) -> Array:
    """Return a valid code of signs as a new array of int8."""
    table = checked_table("M", value)
    wrong = np.argwhere(table != np.sign(table))
    if len(wrong):
        k, column = wrong[0]
        raise ValueError(
            f"M must hold only -1, 0 and +1, got {table[k, column]} in row {k}, column {column}."
        )
    for sign in (1, -1):
        without = np.flatnonzero(~(table == sign).any(axis=0))
        if len(without):
            raise ValueError(
                f"M must have a +1 and a -1 in each column, "
                f"got no {sign:+d} in column {without[0]}."
            )
    table = table.astype(np.int8)
    _check_words("M", table, np.arange(len(table)))
    return table


def _checked_symbols(value: npt.ArrayLike) -> Array:
    """Return a valid code of symbols as a new array of integers."""
    table = checked_table("K", value)
    is_symbol = (table >= 0) & (table < len(table)) & (table == np.floor(table))
    wrong = np.argwhere(~is_symbol)
    if len(wrong):
        k, column = wrong[0]
        raise ValueError(
            f"K must hold only integers from 0 to n_classes - 1, {len(table) - 1}, "
            f"got {table[k, column]} in row {k}, column {column}."
        )
    table = table.astype(np.intp)
    for column, entries in enumerate(table.T):
        symbols = np.unique(entries)
        if len(symbols) < 2 or symbols[-1] != len(symbols) - 1:
            raise ValueError(
                "K must have two or more symbols in each column, all from 0 to the largest, "
                f"got {symbols.tolist()} in column {column}."
            )
    check_distinct("K", table, np.arange(len(table)))
    return table


def _check_words(name: str, table: Array, classes: Array) -> None:
    """Raise unless the signs of each class tell it from the others."""
    check_distinct(name, table, classes)
    silent = np.flatnonzero(~table.any(axis=1))
    if len(silent):
        raise ValueError(
            f"{name} must have a +1 or a -1 in each row, got only zeros for class "
            f"{classes[silent[0]]}."
        )
