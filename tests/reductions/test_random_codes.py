"""Random tables: what is the same problem, how many problems there are, and all sizes between."""

from itertools import combinations, islice, product

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skmlp.reductions.random_codes import RandomGroups, RandomSigns

DENSE, SPARSE = (-1, 1), (-1, 0, 0, 1)


def generator(seed=0):
    return np.random.default_rng(seed)


def signs(letters, n_classes, n_problems=None, seed=0):
    return RandomSigns(letters, 10, n_classes, n_problems, generator(seed))


def groups(n_symbols, n_classes, n_problems=None, seed=0):
    return RandomGroups(n_symbols, 10, n_classes, n_problems, generator(seed))


def sign_problem(column):
    """What makes a column a problem: two sets of classes, in any order; None if one is empty."""
    sides = frozenset(frozenset(np.flatnonzero(np.equal(column, s)).tolist()) for s in (-1, 1))
    return None if frozenset() in sides else sides


def group_problem(column):
    """What makes a column a problem: a partition of the classes; None if there is one group."""
    parts = {frozenset(np.flatnonzero(np.equal(column, s)).tolist()) for s in set(column)}
    return frozenset(parts) if len(parts) > 1 else None


def is_even(problem):
    sizes = [len(part) for part in problem]
    return max(sizes) - min(sizes) <= 1


def assert_canonical(columns, tables, problem):
    """Columns have the same canonical form where they are the same problem, else different ones."""
    canonical = tables.canonical(columns)
    expected = [problem(tuple(column)) for column in columns.tolist()]
    expected = [sides for sides in expected if sides is not None]
    assert [problem(tuple(column)) for column in canonical.tolist()] == expected
    assert len({tuple(column) for column in canonical.tolist()}) == len(set(expected))


@pytest.mark.parametrize("n_classes", [2, 3, 4, 5])
def test_the_canonical_form_of_signs_is_that_of_the_problem(n_classes):
    columns = np.array(list(product((-1, 0, 1), repeat=n_classes)), dtype=np.int8)
    assert_canonical(columns, signs(SPARSE, n_classes), sign_problem)


@pytest.mark.parametrize(("n_classes", "n_symbols"), [(2, 2), (4, 2), (4, 4), (5, 3)])
def test_the_canonical_form_of_groups_is_that_of_the_problem(n_classes, n_symbols):
    columns = np.array(list(product(range(n_symbols), repeat=n_classes)))
    assert_canonical(columns, groups(n_symbols, n_classes), group_problem)


@pytest.mark.parametrize("letters", [DENSE, SPARSE])
@pytest.mark.parametrize("n_classes", [2, 3, 4, 5, 6])
def test_the_largest_table_of_signs_has_all_problems(letters, n_classes):
    words = product(set(letters), repeat=n_classes)
    problems = {sign_problem(word) for word in words} - {None}
    table = next(iter(signs(letters, n_classes, 10**6)))
    assert {sign_problem(column) for column in table.T} == problems
    assert table.shape == (n_classes, len(problems))


@pytest.mark.parametrize(
    ("n_classes", "n_symbols"), [(2, 2), (3, 2), (6, 2), (5, 3), (6, 4), (7, 3)]
)
def test_the_largest_table_of_groups_has_all_even_problems(n_classes, n_symbols):
    words = product(range(n_symbols), repeat=n_classes)
    problems = {group_problem(word) for word in words if len(set(word)) == n_symbols}
    problems = {problem for problem in problems if is_even(problem)}
    table = next(iter(groups(n_symbols, n_classes, 10**6)))
    assert table.shape == (n_classes, len(problems))
    if n_classes > 3:
        assert {group_problem(column) for column in table.T} == problems


@pytest.mark.parametrize("n_classes", range(2, 8))
@pytest.mark.parametrize("n_problems", range(1, 16))
def test_tables_of_every_size_that_there_is(n_classes, n_problems):
    families = [
        (lambda *sizes: signs(DENSE, *sizes), sign_problem, 2**n_problems),
        (lambda *sizes: signs(SPARSE, *sizes), sign_problem, 3**n_problems - 1),
        (lambda *sizes: groups(2, *sizes), group_problem, 2**n_problems),
    ]
    for make, problem, n_words in families:
        if n_classes > max(n_words, 2):
            with pytest.raises(ValueError, match="n_problems must be at least"):
                make(n_classes, n_problems)
            continue
        tables = make(n_classes, n_problems)
        drawn = list(islice(tables, 20))
        for table in drawn:
            problems = {problem(tuple(column)) for column in table.T.tolist()}
            assert None not in problems
            assert len(problems) == table.shape[1] <= n_problems
        assert any(len(np.unique(table, axis=0)) == n_classes for table in drawn)


@pytest.mark.parametrize(
    "tables", [signs(DENSE, 300, 9), signs(SPARSE, 242, 5), groups(10, 600, 3)]
)
def test_rows_differ_in_tables_that_have_hardly_more_words_than_rows(tables):
    for table in islice(tables, 5):
        assert len(np.unique(table, axis=0)) == len(table)
        assert table.any(axis=1).all() or isinstance(tables, RandomGroups)


def test_words_of_a_table_of_many_problems_come_from_a_pool_that_is_large_enough():
    table = next(iter(signs(DENSE, 40, 6000)))
    assert table.shape == (40, 6000)
    assert len(np.unique(table, axis=1).T) == 6000


def test_choices_of_columns_are_random():
    tables = list(islice(signs(DENSE, 12, 20), 200))
    assert not any(np.array_equal(a, b) for a, b in combinations(tables, 2))
    # Every pair of classes is apart in half of 4000 columns: four standard deviations are 0.03.
    products = sum(table.astype(int) @ table.T for table in tables) / 4000
    assert_array_equal(np.abs(products[~np.eye(12, dtype=bool)]) < 0.07, True)
