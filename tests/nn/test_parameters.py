"""The layout of theta: every entry has one place, in the promised order, and views are views."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes
from numpy.testing import assert_array_equal

from skmlp.nn.parameters import BIAS, STATISTIC, WEIGHT, Layout, Slot

KINDS = [WEIGHT, BIAS, STATISTIC]

layer_slots = st.dictionaries(
    st.sampled_from("abcde"),
    st.builds(Slot, array_shapes(max_dims=3, max_side=4), st.sampled_from(KINDS)),
)
networks = st.lists(layer_slots, max_size=5)

DENSE = {"b": Slot((2,), BIAS), "W": Slot((3, 2), WEIGHT)}
NORM = {
    "mean": Slot((2,), STATISTIC),
    "gamma": Slot((2,), BIAS),
    "variance": Slot((2,), STATISTIC),
    "beta": Slot((2,), BIAS),
}
LAST = {"W": Slot((2, 1), WEIGHT), "b": Slot((1,), BIAS)}


def test_a_layout_by_hand():
    layout = Layout([DENSE, NORM, {}, LAST])
    assert (layout.n_weights, layout.n_learned, layout.n_params) == (8, 15, 19)
    dense, norm, nothing, last = layout.views(np.arange(19))
    assert_array_equal(dense["W"], [[0, 1], [2, 3], [4, 5]])
    assert_array_equal(last["W"], [[6], [7]])
    assert_array_equal(dense["b"], [8, 9])
    assert_array_equal(norm["gamma"], [10, 11])
    assert_array_equal(norm["beta"], [12, 13])
    assert_array_equal(last["b"], [14])
    assert_array_equal(norm["mean"], [15, 16])
    assert_array_equal(norm["variance"], [17, 18])
    assert nothing == {}


@given(networks)
def test_every_entry_belongs_to_one_array(slots):
    layout = Layout(slots)
    # A half is nobody's share, and an entry of two arrays would count twice.
    theta = np.full(layout.n_params, 0.5)
    for views in layout.views(theta):
        for view in views.values():
            view += 0.5
    assert_array_equal(theta, np.ones(layout.n_params))


@given(networks)
def test_views_have_the_names_and_shapes_of_the_slots(slots):
    layout = Layout(slots)
    shapes = [
        {name: view.shape for name, view in views.items()}
        for views in layout.views(np.zeros(layout.n_params))
    ]
    assert shapes == [{name: slot.shape for name, slot in layer.items()} for layer in slots]


@given(networks)
def test_weights_come_first_and_statistics_last(slots):
    layout = Layout(slots)
    theta = np.empty(layout.n_params)
    for layer, views in zip(slots, layout.views(theta), strict=True):
        for name, view in views.items():
            view[...] = KINDS.index(layer[name].kind)
    assert_array_equal(theta, np.sort(theta))
    counts = [np.count_nonzero(theta == kind) for kind in range(3)]
    assert [layout.n_weights, layout.n_learned, layout.n_params] == np.cumsum(counts).tolist()
    assert_array_equal(layout.penalized, theta == KINDS.index(WEIGHT))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_writing_to_theta_writes_to_the_views(dtype):
    layout = Layout([DENSE, NORM])
    theta = np.zeros(layout.n_params, dtype)
    views = layout.views(theta)
    theta += np.arange(layout.n_params)
    for fresh, old in zip(layout.views(theta), views, strict=True):
        for name, view in old.items():
            assert_array_equal(view, fresh[name])
            assert np.shares_memory(view, theta)
            assert view.flags.c_contiguous
            assert view.dtype == dtype


def test_no_layers_have_no_parameters():
    layout = Layout([])
    assert (layout.n_weights, layout.n_learned, layout.n_params) == (0, 0, 0)
    assert layout.views(np.zeros(0)) == []
    assert layout.penalized.shape == (0,)


def test_layouts_can_be_pickled():
    layout = Layout([DENSE, NORM, LAST])
    copy = pickle.loads(pickle.dumps(layout))
    theta = np.arange(float(layout.n_params))
    for views, expected in zip(copy.views(theta), layout.views(theta), strict=True):
        assert views.keys() == expected.keys()
        for name, view in views.items():
            assert_array_equal(view, expected[name])
