"""Code matrices: closed forms, slow references, invariants, and what is refused."""

import math
from itertools import combinations, islice

import numpy as np
import pytest
import scipy.sparse
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from skmlp.reductions.code import CodeMatrix, KaryCode
from skmlp.reductions.random_codes import RandomGroups, RandomSigns

FIXED = [
    CodeMatrix.one_vs_all,
    CodeMatrix.one_vs_one,
    CodeMatrix.exhaustive,
    CodeMatrix.hadamard,
]
RANDOM = [CodeMatrix.random_dense, CodeMatrix.random_sparse]


def generator(seed=0):
    return np.random.default_rng(seed)


# Definitions, pair by pair and entry by entry.


def row_separation_by_hand(M):
    return min(
        sum((1 - a * b) / 2 for a, b in zip(u, v, strict=True))
        for u, v in combinations(M.tolist(), 2)
    )


def column_separation_by_hand(M):
    def distance(u, v):
        same = sum(a != b for a, b in zip(u, v, strict=True))
        opposite = sum(a != -b for a, b in zip(u, v, strict=True))
        return min(same, opposite)

    return min((distance(u, v) for u, v in combinations(M.T.tolist(), 2)), default=math.inf)


def differing_columns_by_hand(K):
    return min(
        sum(a != b for a, b in zip(u, v, strict=True)) for u, v in combinations(K.tolist(), 2)
    )


def is_valid(M):
    return (
        M.shape[1] > 0
        and (M == 1).any(axis=0).all()
        and (M == -1).any(axis=0).all()
        and M.any(axis=1).all()
        and len({tuple(row) for row in M.tolist()}) == len(M)
    )


@st.composite
def sign_codes(draw):
    rng = generator(draw(st.integers(0, 2**32 - 1)))
    letters = draw(st.sampled_from([(-1, 1), (-1, 0, 1), (-1, 0, 0, 0, 1)]))
    M = rng.choice(letters, size=(draw(st.integers(2, 7)), draw(st.integers(1, 12))))
    M = M[:, (M == 1).any(axis=0) & (M == -1).any(axis=0)]
    assume(is_valid(M))
    return CodeMatrix(M)


@st.composite
def kary_codes(draw):
    rng = generator(draw(st.integers(0, 2**32 - 1)))
    K = rng.integers(draw(st.integers(2, 5)), size=(draw(st.integers(2, 8)), 6))
    K = K[:, np.ptp(K, axis=0) > 0]
    assume(K.size)
    K = np.stack([np.unique(column, return_inverse=True)[1] for column in K.T], axis=1)
    assume(len(np.unique(K, axis=0)) == len(K))
    return KaryCode(K)


# What a code is.


@pytest.mark.parametrize("M", [[[-1], [1]], [[1.0, 0.0], [-1.0, 1.0], [0.0, -1.0]]])
def test_a_matrix_of_your_own_is_taken_as_it_is(M):
    code = CodeMatrix(M)
    assert_array_equal(code.M, M)
    assert code.M.dtype == np.int8
    assert (code.n_classes, code.n_problems) == np.shape(M)


@pytest.mark.parametrize(
    ("M", "message"),
    [
        ([-1, 1], r"an array of numbers .* got dtype int64 and shape \(2,\)"),
        ([[-1, 1]], r"two or more classes .* shape \(1, 2\)"),
        (np.zeros((3, 0)), r"a column for each problem, got .* shape \(3, 0\)"),
        ([["-", "+"], ["+", "-"]], "got dtype <U1"),
        ([[True], [False]], "got dtype bool"),
        (scipy.sparse.eye_array(3), "got dtype object"),
        ([[-1, 1], [1, 2]], "only -1, 0 and .1, got 2 in row 1, column 1"),
        ([[-1, 0.5], [1, 2]], "got 0.5 in row 0, column 1"),
        ([[-1, 1], [math.nan, 1]], "got nan in row 1, column 0"),
        ([[-1, math.inf], [1, 1]], "got inf in row 0, column 1"),
        ([[0, 1], [1, 0]], r"a \+1 and a -1 in each column, got no -1 in column 0"),
        (np.eye(2, dtype=np.uint8), "got no -1 in column 0"),
        ([[-1, 0], [1, 0]], r"a \+1 and a -1 in each column, got no \+1 in column 1"),
        ([[1, 1], [0, 0], [-1, -1]], r"a \+1 or a -1 in each row, got only zeros for class 1"),
        ([[1, 0], [-1, 1], [-1, -1], [1, 0]], "distinct rows, got equal rows for classes 0 and 3"),
    ],
)
def test_a_matrix_that_is_not_valid_is_refused(M, message):
    with pytest.raises(ValueError, match=f"M must .*{message}"):
        CodeMatrix(M)


@given(sign_codes())
def test_separations_are_those_of_the_definitions(code):
    assert code.row_separation == row_separation_by_hand(code.M)
    assert code.column_separation == column_separation_by_hand(code.M)


def test_separations_of_more_rows_or_columns_than_are_compared_at_a_time():
    rng = generator()
    tall, wide = rng.choice([-1, 0, 1], size=(600, 30)), rng.choice([-1, 1], size=(40, 600))
    # Close pairs that are far from one another.
    tall[599], tall[3, 7], tall[599, 7] = tall[3], 1, -1
    wide[:, 599], wide[5, 599] = -wide[:, 2], wide[5, 2]
    signs = np.delete(tall[3], 7)
    assert CodeMatrix(tall).row_separation == (30 - np.abs(signs).sum() + 1) / 2
    assert CodeMatrix(wide).column_separation == 1


@given(sign_codes(), st.randoms(use_true_random=False))
def test_order_and_signs_of_problems_do_not_matter_to_separations(code, random):
    rows = random.sample(range(code.n_classes), code.n_classes)
    columns = random.sample(range(code.n_problems), code.n_problems)
    signs = [random.choice([-1, 1]) for _ in columns]
    other = CodeMatrix(code.M[np.ix_(rows, columns)] * signs)
    assert other.row_separation == code.row_separation
    assert other.column_separation == code.column_separation
    assert other.density == code.density


def test_density_is_the_share_of_signs():
    assert CodeMatrix([[1, 0], [-1, 1], [0, -1], [0, 1]]).density == 5 / 8
    assert CodeMatrix.one_vs_one(5).density == 2 / 5


@pytest.mark.parametrize("code", [CodeMatrix.hadamard(7), CodeMatrix.exhaustive(5)])
def test_the_nearest_row_is_right_while_no_more_learners_err_than_promised(code):
    tolerable = int((code.row_separation - 1) // 2)
    assert tolerable >= 1
    for k in range(code.n_classes):
        for wrong in combinations(range(code.n_problems), tolerable):
            word = code.M[k].astype(int)
            word[list(wrong)] *= -1
            distances = (word != code.M).sum(axis=1)
            assert distances.argmin() == k
            assert (np.delete(distances, k) > tolerable).all()


# The constructors.


@pytest.mark.parametrize("make", FIXED)
def test_two_classes_are_one_problem(make):
    assert_array_equal(make(2).M, [[-1], [1]])


@pytest.mark.parametrize("make", RANDOM)
@pytest.mark.parametrize("n_problems", [None, 1, 5])
def test_two_classes_are_one_problem_of_a_random_code(make, n_problems):
    assert_array_equal(make(2, n_problems, rng=generator()).M, [[-1], [1]])


@pytest.mark.parametrize("n_classes", range(3, 12))
def test_one_vs_all_has_one_plus_in_each_column(n_classes):
    code = CodeMatrix.one_vs_all(n_classes)
    assert_array_equal(code.M, 2 * np.eye(n_classes) - 1)
    assert code.row_separation == 2
    assert code.column_separation == (2 if n_classes > 3 else 1)


@pytest.mark.parametrize("n_classes", range(3, 12))
def test_one_vs_one_has_the_pairs_in_order_and_the_later_class_at_plus(n_classes):
    code = CodeMatrix.one_vs_one(n_classes)
    pairs = list(combinations(range(n_classes), 2))
    assert code.n_problems == len(pairs)
    for column, (i, j) in zip(code.M.T, pairs, strict=True):
        assert (column[i], column[j], np.abs(column).sum()) == (-1, 1, 2)
    assert code.row_separation == (len(pairs) + 1) / 2
    # Pairs with a class in common differ in the two others.
    assert code.column_separation == 2


@pytest.mark.parametrize("n_classes", range(3, 10))
def test_an_exhaustive_code_has_every_division_in_two_once(n_classes):
    code = CodeMatrix.exhaustive(n_classes)
    groups = {frozenset(np.flatnonzero(column == 1).tolist()) for column in code.M.T}
    others = {frozenset(range(n_classes)) - group for group in groups}
    assert code.n_problems == len(groups) == 2 ** (n_classes - 1) - 1
    assert not groups & others
    # Of all columns, signs aside, half separate two classes, and the constant one is not there.
    assert code.row_separation == 2 ** (n_classes - 2)


def test_the_largest_exhaustive_code():
    assert CodeMatrix.exhaustive(15).n_problems == 16383
    with pytest.raises(
        ValueError, match=r"n_classes must be at most 15 for an exhaustive .* got 16"
    ):
        CodeMatrix.exhaustive(16)


@pytest.mark.parametrize("n_classes", range(3, 40))
def test_rows_of_a_hadamard_code_differ_in_half_of_its_order(n_classes):
    code = CodeMatrix.hadamard(n_classes)
    order = code.n_problems + 1
    assert order / 2 < n_classes <= order
    assert math.log2(order).is_integer()
    products = code.M.astype(int) @ code.M.T
    assert_array_equal(products, order * np.eye(n_classes, dtype=int) - 1)
    assert code.column_separation >= 1


@pytest.mark.parametrize("make", [*FIXED, *RANDOM])
@pytest.mark.parametrize("n_classes", [1, 0, -3])
def test_one_class_has_no_code(make, n_classes):
    options = {"rng": generator()} if make in RANDOM else {}
    with pytest.raises(ValueError, match=f"n_classes must be .* at least 2, got {n_classes}"):
        make(n_classes, **options)


# Random codes.


@pytest.mark.parametrize("make", RANDOM)
@pytest.mark.parametrize("n_classes", [3, 4, 5, 6, 10, 40])
def test_random_codes_have_no_problem_twice(make, n_classes):
    for seed in range(5):
        code = make(n_classes, rng=generator(seed), n_draws=3)
        assert code.column_separation >= 1
        assert is_valid(code.M)


@pytest.mark.parametrize(
    ("make", "per_bit", "n_letters"),
    [(CodeMatrix.random_dense, 10, 2), (CodeMatrix.random_sparse, 15, 3)],
)
def test_the_default_is_the_customary_number_of_problems_or_all_there_are(make, per_bit, n_letters):
    for n_classes in (3, 4, 5, 6, 7, 26, 300):
        words = n_letters**n_classes - 2 * (n_letters - 1) ** n_classes + (n_letters - 2)
        expected = min(round(per_bit * math.log2(n_classes)), words // 2)
        assert make(n_classes, rng=generator(), n_draws=1).n_problems == expected


def test_no_code_has_more_problems_than_there_are():
    dense = CodeMatrix.random_dense(5, 99, rng=generator())
    assert {tuple(column) for column in dense.M.T} == {
        tuple(column) for column in CodeMatrix.exhaustive(5).M.T
    }
    assert CodeMatrix.random_sparse(4, 99, rng=generator()).n_problems == 25


@pytest.mark.parametrize(
    ("make", "n_classes", "fewest"),
    [
        (CodeMatrix.random_dense, 8, 3),
        (CodeMatrix.random_dense, 9, 4),
        (CodeMatrix.random_dense, 256, 8),
        (CodeMatrix.random_sparse, 8, 2),
        (CodeMatrix.random_sparse, 9, 3),
        (CodeMatrix.random_sparse, 80, 4),
    ],
)
def test_a_random_code_needs_enough_problems_for_distinct_rows(make, n_classes, fewest):
    assert make(n_classes, fewest, rng=generator(), n_draws=2).n_problems == fewest
    message = f"n_problems must be at least {fewest} to tell {n_classes} classes apart, got "
    with pytest.raises(ValueError, match=f"{message}{fewest - 1}"):
        make(n_classes, fewest - 1, rng=generator())


def test_entries_of_random_codes_have_their_probabilities():
    # 20 codes have 20 x 50 x 59 entries or more: four standard deviations are 0.008.
    dense = [CodeMatrix.random_dense(60, rng=generator(s), n_draws=1) for s in range(20)]
    sparse = [CodeMatrix.random_sparse(60, rng=generator(s), n_draws=1) for s in range(20)]
    # The first sign of a column is always -1.
    assert np.mean([code.M[1:] > 0 for code in dense]) == pytest.approx(1 / 2, abs=0.008)
    assert np.mean([code.M[10:] > 0 for code in sparse]) == pytest.approx(1 / 4, abs=0.008)
    assert np.mean([code.density for code in sparse]) == pytest.approx(1 / 2, abs=0.008)
    assert {code.density for code in dense} == {1.0}


@pytest.mark.parametrize(
    ("make", "letters", "per_bit"),
    [(CodeMatrix.random_dense, (-1, 1), 10), (CodeMatrix.random_sparse, (-1, 0, 0, 1), 15)],
)
def test_the_best_of_the_draws_is_returned(make, letters, per_bit):
    tables = iter(RandomSigns(letters, per_bit, 9, 20, generator(4)))
    drawn = [CodeMatrix(next(tables)) for _ in range(30)]
    separations = [(code.row_separation, code.column_separation) for code in drawn]
    best = make(9, 20, rng=generator(4), n_draws=30)
    assert best == drawn[separations.index(max(separations))]
    assert separations[0] < max(separations)


@pytest.mark.parametrize("make", RANDOM)
def test_a_random_code_depends_on_nothing_but_the_generator(make):
    assert make(12, rng=generator(1)) == make(12, rng=generator(1))
    assert make(12, rng=generator(1)) != make(12, rng=generator(2))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"rng": 0}, TypeError, "rng must be a numpy.random.Generator, got 0"),
        ({"rng": np.random}, TypeError, "rng must be a numpy.random.Generator"),
        ({"n_draws": 0}, ValueError, "n_draws must be .* at least 1, got 0"),
        ({"n_draws": 2.5}, TypeError, "n_draws must be .* got 2.5"),
        ({"n_problems": 0}, ValueError, "n_problems must be .* at least 1, got 0"),
        ({"n_problems": 4.0}, TypeError, "n_problems must be .* got 4.0"),
        ({"n_classes": 4.0}, TypeError, "n_classes must be .* got 4.0"),
    ],
)
@pytest.mark.parametrize(
    "make", [*RANDOM, lambda **options: KaryCode.random(n_symbols=3, **options)]
)
def test_parameters_of_random_codes_are_checked(make, options, error, message):
    with pytest.raises(error, match=message):
        make(**{"n_classes": 10, "rng": generator(), **options})


# Some classes only.


@given(sign_codes(), st.data())
def test_the_code_of_some_classes_keeps_their_problems(code, data):
    classes = data.draw(st.lists(st.integers(0, code.n_classes - 1), min_size=2, unique=True))
    rows = code.M[classes]
    columns = [col for col, signs in enumerate(rows.T) if {-1, 1} <= set(signs.tolist())]
    if is_valid(rows[:, columns]):
        taken, kept = code.take(classes)
        assert kept.tolist() == columns
        assert_array_equal(taken.M, rows[:, columns])
    else:
        with pytest.raises(ValueError, match="classes must have"):
            code.take(classes)


@pytest.mark.parametrize("make", [CodeMatrix.one_vs_one, CodeMatrix.exhaustive])
def test_codes_of_fewer_classes_are_parts_of_those_of_more(make):
    assert {tuple(column) for column in make(6).take([1, 2, 4, 5])[0].M.T} == {
        tuple(column) for column in make(4).M.T
    } | {tuple(-column) for column in make(4).M.T if make == CodeMatrix.exhaustive}


def test_classes_that_cannot_be_told_apart_alone_are_named():
    code = CodeMatrix([[1, 1, 0], [-1, 1, 0], [0, -1, 1], [0, 0, -1]])
    with pytest.raises(ValueError, match=r"classes must have .* got only zeros for class 3\."):
        code.take([0, 1, 3])
    with pytest.raises(ValueError, match=r"distinct rows, got equal rows for classes 3 and 0\."):
        code.take([3, 0])


@pytest.mark.parametrize("code", [CodeMatrix.one_vs_one(4), KaryCode([[0], [1], [2], [3]])])
@pytest.mark.parametrize(
    "classes", [[0], [], [0, 0], [0, 4], [-1, 0], [0.0, 1.0], [[0, 1]], [True, False], "ab", None]
)
def test_classes_to_take_are_checked(code, classes):
    with pytest.raises(ValueError, match="classes must be two or more different indices from 0 to"):
        code.take(classes)


# Codes of several symbols.


@pytest.mark.parametrize(
    ("K", "message"),
    [
        ([0, 1], r"an array of numbers .* shape \(2,\)"),
        ([[0], [1.5]], "only integers from 0 to n_classes - 1, 1, got 1.5 in row 1, column 0"),
        ([[0, 0], [1, -1]], "got -1 in row 1, column 1"),
        ([[0], [2]], "got 2 in row 1, column 0"),
        ([[0.0], [math.nan]], "got nan in row 1, column 0"),
        ([[0], [0]], r"two or more symbols in each column.* got \[0\] in column 0"),
        ([[0, 0], [1, 2], [2, 2]], r"all from 0 to the largest, got \[0, 2\] in column 1"),
        ([[0, 1], [1, 1], [1, 0], [0, 1]], "distinct rows, got equal rows for classes 0 and 3"),
    ],
)
def test_symbols_that_are_not_valid_are_refused(K, message):
    with pytest.raises(ValueError, match=f"K must .*{message}"):
        KaryCode(K)


@given(kary_codes())
def test_a_kary_code_is_a_binary_code_of_its_symbols(code):
    binary = code.binary
    assert_array_equal(code.symbols, [len(set(column)) for column in code.K.T.tolist()])
    assert code.n_symbols == max(code.symbols)
    columns = iter(binary.M.T)
    for problem in range(code.n_problems):
        for symbol in range(code.symbols[problem]):
            expected = [1 if own == symbol else -1 for own in code.K[:, problem]]
            assert_array_equal(next(columns), expected)
    assert next(columns, None) is None


@given(kary_codes())
def test_row_separation_of_a_kary_code_counts_columns(code):
    assert code.row_separation == differing_columns_by_hand(code.K)
    # Each such column is two places of the binary code.
    assert code.binary.row_separation == 2 * code.row_separation


@given(kary_codes(), st.data())
def test_some_classes_of_a_kary_code_are_grouped_as_before(code, data):
    classes = data.draw(st.lists(st.integers(0, code.n_classes - 1), min_size=2, unique=True))
    taken, columns = code.take(classes)
    rows = code.K[classes]
    assert columns.tolist() == [c for c, entries in enumerate(rows.T) if len(set(entries)) > 1]
    for new, old in zip(taken.K.T, rows[:, columns].T, strict=True):
        # The same order of symbols, numbered without gaps.
        assert_array_equal(
            np.sign(np.subtract.outer(new, new)), np.sign(np.subtract.outer(old, old))
        )
        assert set(new.tolist()) == set(range(len(set(old.tolist()))))


@pytest.mark.parametrize(("n_classes", "n_symbols"), [(11, 10), (26, 4), (40, 2), (100, 10)])
def test_a_random_kary_code_divides_classes_evenly(n_classes, n_symbols):
    code = KaryCode.random(n_classes, n_symbols, rng=generator())
    assert code.n_problems == round(10 * math.log(n_classes) / math.log(n_symbols))
    assert code.n_symbols == n_symbols
    for column in code.K.T:
        counts = np.bincount(column)
        assert counts.max() - counts.min() <= 1
    same = code.K[:, None, :] == code.K[None, :, :]
    divisions = {same[:, :, problem].tobytes() for problem in range(code.n_problems)}
    assert len(divisions) == code.n_problems


@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_no_more_classes_than_symbols_are_one_problem(n_classes):
    code = KaryCode.random(n_classes, 10, rng=generator())
    assert_array_equal(code.K, np.arange(n_classes)[:, None])


@pytest.mark.parametrize(("n_classes", "n_symbols", "fewest"), [(100, 10, 2), (101, 10, 3)])
def test_a_random_kary_code_needs_enough_problems(n_classes, n_symbols, fewest):
    code = KaryCode.random(n_classes, n_symbols, fewest, rng=generator(), n_draws=2)
    assert (code.n_problems, code.row_separation) == (fewest, 1)
    with pytest.raises(ValueError, match=f"n_problems must be at least {fewest} to tell"):
        KaryCode.random(n_classes, n_symbols, fewest - 1, rng=generator())


def test_the_best_kary_draw_is_returned():
    tables = islice(RandomGroups(3, 10, 12, 9, generator(1)), 50)
    drawn = [KaryCode(table) for table in tables if len(np.unique(table, axis=0)) == 12][:30]
    assert len(drawn) == 30
    separations = [code.row_separation for code in drawn]
    best = KaryCode.random(12, 3, 9, rng=generator(1), n_draws=30)
    assert best == drawn[separations.index(max(separations))]
    assert separations[0] < max(separations)


def test_a_kary_code_has_two_symbols_at_least():
    with pytest.raises(ValueError, match=r"n_symbols must be .* at least 2, got 1"):
        KaryCode.random(5, 1, rng=generator())


# How codes look.


def test_a_code_in_one_line():
    assert repr(CodeMatrix.hadamard(4)) == (
        "CodeMatrix(n_classes=4, n_problems=3, row_separation=2, column_separation=2)"
    )
    assert repr(KaryCode([[0, 0], [1, 0], [2, 1]])) == (
        "KaryCode(n_classes=3, n_problems=2, n_symbols=3, row_separation=1)"
    )


def test_a_large_code_in_one_line_does_without_separations():
    assert repr(CodeMatrix.one_vs_one(200)) == "CodeMatrix(n_classes=200, n_problems=19900)"


def test_a_code_is_drawn_row_by_row():
    assert str(CodeMatrix([[1, 0], [-1, 1], [0, -1]])) == "+.\n-+\n.-"
    K = np.column_stack([np.arange(11), np.arange(11) % 2])
    assert str(KaryCode(K)).splitlines()[8:] == [" 8  0", " 9  1", "10  0"]
