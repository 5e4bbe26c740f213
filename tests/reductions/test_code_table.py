"""What all codes share: they cannot be changed, compare equal, are copied and pickled."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skmlp.reductions.code import CodeMatrix, KaryCode

CODES = [CodeMatrix.one_vs_one(4), KaryCode([[0, 1], [1, 0], [2, 1]])]


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))]
)
def test_a_copy_is_equal_and_as_constant(code, duplicate):
    other = duplicate(code)
    assert other == code
    assert hash(other) == hash(code)
    assert type(other) is type(code)
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(other)[0, 0] = 0


@pytest.mark.parametrize("code", CODES)
def test_what_it_was_made_of_may_change(code):
    table = np.array(code)
    other = type(code)(table)
    table[0, 0] = 9
    assert other == code


@pytest.mark.parametrize("name", ["M", "K", "n_classes", "n_problems", "row_separation"])
def test_its_attributes_cannot_be_replaced(name):
    code = CODES[name == "K"]
    with pytest.raises(AttributeError):
        setattr(code, name, 3)


def test_equality_needs_the_same_kind_and_the_same_table():
    code = CodeMatrix([[-1, 1], [1, 1], [1, -1]])
    assert code == CodeMatrix([[-1.0, 1.0], [1.0, 1.0], [1.0, -1.0]])
    assert code != CodeMatrix([[-1, 1], [1, -1], [1, 1]])
    assert code != CodeMatrix([[-1], [1]])
    assert KaryCode([[0, 1], [1, 0]]) != CodeMatrix([[-1, 1], [1, -1]])
    assert code != "code"


@pytest.mark.parametrize("code", CODES)
def test_a_code_is_an_array_to_numpy(code):
    assert np.asarray(code) is (code.M if isinstance(code, CodeMatrix) else code.K)
    assert np.asarray(code, dtype=float).dtype == float
    own = np.array(code)
    own += 1
    assert_array_equal(own - 1, np.asarray(code))
