"""Labels and weights, from what users pass to what losses take."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.utils.class_weight import compute_sample_weight

from skmlp.estimators._targets import (
    check_row_weights,
    class_factors,
    encode_labels,
    stratified_split,
)


def weights(sample_weight, class_weight, codes, n_classes=3):
    codes = np.array(codes)
    weight = check_row_weights(sample_weight, len(codes))
    return weight * class_factors(class_weight, np.arange(n_classes), codes, weight)[codes]


@pytest.mark.parametrize(
    "y",
    [
        np.array([3, 1, 3, 2]),
        np.array([0.5, -2.0, 0.5]) * 2,
        np.array(["b", "a", "b", "cc"]),
        np.array(["b", "a", "b", "cc"], dtype=object),
        np.array([True, False, True]),
    ],
    ids=["int", "float", "str", "object", "bool"],
)
def test_codes_point_at_sorted_classes(y):
    for classes, codes in (encode_labels(y), encode_labels(y, list(set(y.tolist())))):
        assert classes.tolist() == sorted(set(y.tolist()))
        assert classes[codes].tolist() == y.tolist()


@pytest.mark.parametrize("order", [["a", "b", "c", "d"], ["d", "b", "a", "c"]])
def test_listed_classes_come_sorted_too(order):
    classes, codes = encode_labels(np.array(["c", "b"]), order)
    assert classes.tolist() == ["a", "b", "c", "d"]
    assert codes.tolist() == [2, 1]


def test_an_error_shows_ten_labels_that_are_not_listed_and_the_name_of_y():
    message = (
        r"^labels must hold only labels of the classes \[0, 1\], "
        r"got \[2, 3, 4, 5, 6, 7, 8, 9, 10, 11\]\.$"
    )
    with pytest.raises(ValueError, match=message):
        encode_labels(np.arange(30), [0, 1], name="labels")


def test_a_weight_of_its_own_for_every_row():
    assert_array_equal(weights(None, None, [0, 1, 2]), [1, 1, 1])
    assert_array_equal(weights([1, 0, 3], None, [0, 1, 2]), [1, 0, 3])
    assert_array_equal(weights(2.5, None, [0, 1]), [2.5, 2.5])
    given = np.array([1.0, 2.0])
    assert not np.shares_memory(weights(given, None, [0, 1]), given)
    assert weights(given.astype(np.float32), None, [0, 1]).dtype == np.float64


def test_the_weight_of_a_class_multiplies_that_of_a_row():
    actual = weights([1, 2, 3, 4], {0: 10, 2: 0.5}, [0, 1, 2, 2])
    assert_array_equal(actual, [10, 2, 1.5, 2])


def test_balanced_is_what_scikit_learn_means_by_it():
    codes = [0, 0, 0, 1, 2, 2]
    expected = compute_sample_weight("balanced", codes)
    assert_allclose(weights(None, "balanced", codes), expected, rtol=1e-15)


def test_balanced_classes_have_the_same_total():
    sample_weight, codes = np.array([1, 2, 3, 0, 5, 6]), np.array([0, 0, 1, 1, 2, 2])
    actual = weights(sample_weight, "balanced", codes)
    assert_allclose(np.bincount(codes, actual), [17 / 3] * 3)
    assert_allclose(actual[1] / actual[0], 2)
    assert actual[3] == 0


@pytest.mark.parametrize("sample_weight", [None, [1, 1, 1, 0]])
def test_balanced_leaves_out_classes_without_weight(sample_weight):
    codes = [0, 0, 2, 2] if sample_weight is None else [0, 0, 2, 1]
    actual = weights(sample_weight, "balanced", codes)
    assert_allclose(np.bincount(codes, actual, 3)[[0, 2]], sum(sample_weight or [4]) / 2)


# The split into training and validation rows


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("seed", range(3))
def test_a_split_parts_all_rows_and_every_class_alike(fraction, seed):
    codes = np.random.default_rng(9).permutation(np.repeat([0, 1, 2], [100, 40, 20]))
    train, held_out = stratified_split(codes, fraction, np.random.default_rng(seed))
    assert_array_equal(np.sort(np.concatenate([train, held_out])), np.arange(160))
    assert (np.diff(train) > 0).all()
    assert (np.diff(held_out) > 0).all()
    # A class may have one row more or less than its share, and one that must not be held out.
    shares = np.bincount(codes[held_out], minlength=3)
    assert_allclose(shares, fraction * np.array([100, 40, 20]), atol=2)


def test_a_split_is_random_but_seeded():
    codes = np.repeat([0, 1], 50)
    first, again, other = (
        stratified_split(codes, 0.2, np.random.default_rng(seed))[1].tolist() for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other


def test_every_row_may_be_held_out():
    codes = np.repeat([0, 1], 10)
    splits = [stratified_split(codes, 0.3, np.random.default_rng(seed)) for seed in range(200)]
    counts = np.bincount(np.concatenate([held_out for _, held_out in splits]), minlength=20)
    # Each row is held out with probability 0.3 at most, less what its class must keep: a standard
    # deviation of 200 such draws is 6.5.
    assert counts.min() > 200 * 0.25 - 26
    assert counts.max() < 200 * 0.3 + 26


@pytest.mark.parametrize("seed", range(10))
def test_a_class_of_one_row_is_not_lost(seed):
    codes = np.array([0] * 20 + [1] + [2] * 20)
    train, _ = stratified_split(codes, 0.9, np.random.default_rng(seed))
    assert set(codes[train]) == {0, 1, 2}


@pytest.mark.parametrize("seed", range(10))
def test_small_classes_give_their_share_whatever_the_seed(seed):
    _, held_out = stratified_split(np.repeat([0, 1, 2], 4), 0.25, np.random.default_rng(seed))
    assert 2 <= len(held_out) <= 4
