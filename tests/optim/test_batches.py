"""Mini-batches: which rows, in which order, and how much randomness that takes."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.stats import chi2

from skmlp.optim.batches import check_shuffle, epoch_batches

ROWS = np.array([3, 5, 8, 13, 21, 34, 55])
ORDERS = [False, True, "with_replacement"]


def batches(rows=ROWS, batch_size=3, shuffle=False, seed=0):
    return list(epoch_batches(rows, batch_size, shuffle, np.random.default_rng(seed)))


@pytest.mark.parametrize("shuffle", ORDERS)
@pytest.mark.parametrize(
    ("batch_size", "lengths"),
    [(1, [1] * 7), (3, [3, 3, 1]), (6, [6, 1]), (7, [7]), (100, [7])],
)
def test_batches_are_full_but_for_the_last(batch_size, lengths, shuffle):
    assert [len(batch) for batch in batches(batch_size=batch_size, shuffle=shuffle)] == lengths


def test_unshuffled_rows_come_in_the_given_order():
    assert_array_equal(np.concatenate(batches()), ROWS)


@pytest.mark.parametrize("shuffle", ORDERS)
def test_a_number_means_all_rows(shuffle):
    for by_number, by_name in zip(
        batches(7, shuffle=shuffle), batches(np.arange(7), shuffle=shuffle), strict=True
    ):
        assert_array_equal(by_number, by_name)


def test_unshuffled_rows_take_no_randomness():
    rng = np.random.default_rng(0)
    list(epoch_batches(ROWS, 3, False, rng))
    assert rng.random() == np.random.default_rng(0).random()


def test_shuffled_rows_come_once_each_in_any_order():
    epochs = [np.concatenate(batches(shuffle=True, seed=seed)) for seed in range(700)]
    assert_array_equal(np.sort(epochs, axis=1), [ROWS] * 700)
    # Each row is first in a seventh of the epochs: 100 times, give or take 4 times sqrt(86).
    for place in (0, 6):
        counts = np.unique([epoch[place] for epoch in epochs], return_counts=True)[1]
        assert np.abs(counts - 100).max() < 37


def test_rows_with_replacement_are_drawn_uniformly_and_independently():
    draws = np.array(
        [np.concatenate(batches(shuffle="with_replacement", seed=seed)) for seed in range(2000)]
    )
    low, high = chi2(6).ppf([1e-3, 1 - 1e-3])
    for column in (draws[:, 0], draws[:, -1]):
        rows, counts = np.unique(column, return_counts=True)
        assert_array_equal(rows, ROWS)
        assert low < ((counts - 2000 / 7) ** 2 / (2000 / 7)).sum() < high
    # The second row repeats the first with probability 1/7.
    repeats = (draws[:, 0] == draws[:, 1]).mean()
    assert repeats == pytest.approx(1 / 7, abs=4 * np.sqrt(6 / 49 / 2000))


@pytest.mark.parametrize("shuffle", [True, "with_replacement"])
def test_one_generator_one_order(shuffle):
    rng, again = np.random.default_rng(0), np.random.default_rng(0)
    first, second = (np.concatenate([*epoch_batches(ROWS, 2, shuffle, rng)]) for _ in range(2))
    assert_array_equal(np.concatenate([*epoch_batches(ROWS, 2, shuffle, again)]), first)
    assert (first != second).any()


@pytest.mark.parametrize("shuffle", ORDERS)
def test_the_size_of_the_batches_does_not_change_the_order(shuffle):
    small, large = (np.concatenate(batches(batch_size=n, shuffle=shuffle)) for n in (1, 4))
    assert_array_equal(small, large)


@pytest.mark.parametrize("shuffle", ORDERS)
def test_the_given_rows_stay_as_they_are(shuffle):
    rows = ROWS.copy()
    batches(rows, shuffle=shuffle)
    assert_array_equal(rows, ROWS)


@pytest.mark.parametrize("value", [*ORDERS, np.True_])
def test_check_shuffle_takes(value):
    check_shuffle(value)


@pytest.mark.parametrize(
    ("value", "error"),
    [("replacement", ValueError), ("", ValueError), (1, TypeError), (None, TypeError)],
)
def test_check_shuffle_refuses(value, error):
    with pytest.raises(error, match=r"^shuffle must be a bool") as raised:
        check_shuffle(value)
    assert raised.type is error
    assert f"got {value!r}." in str(raised.value)
