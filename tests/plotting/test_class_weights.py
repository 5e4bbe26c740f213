"""Images of class weights: what is drawn, on which scale, and what is refused."""

import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skmlp import SoftmaxRegression
from skmlp.plotting import ClassWeightsDisplay


def fitted(n_classes=3, n_features=4, labels=None):
    rng = np.random.default_rng(0)
    y = np.arange(40) % n_classes
    X = rng.normal(size=(40, n_features)) + y[:, None]
    return SoftmaxRegression(alpha=0.1).fit(X, y if labels is None else np.take(labels, y))


def test_an_image_holds_the_weights_of_its_class_row_by_row():
    model = fitted(n_features=6)
    display = ClassWeightsDisplay.from_estimator(model, image_shape=(2, 3))
    for k, image in enumerate(display.images_):
        np.testing.assert_array_equal(image.get_array(), model.coef_[k].reshape(2, 3))


def test_a_square_is_the_default_shape():
    display = ClassWeightsDisplay.from_estimator(fitted(n_features=9))
    assert display.weights.shape == (3, 3, 3)


def test_all_images_share_a_scale_that_is_symmetric_around_zero():
    weights = np.array([[[0.5, -3.0]], [[1.0, 0.0]]])
    display = ClassWeightsDisplay(weights, titles=["a", "b"]).plot()
    assert [image.get_clim() for image in display.images_] == [(-3.0, 3.0)] * 2


def test_weights_of_zero_are_drawn_in_the_neutral_colour():
    display = ClassWeightsDisplay(np.zeros((1, 2, 2)), titles=["zero"]).plot()
    low, high = display.images_[0].get_clim()
    assert low == -high < 0


@pytest.mark.parametrize(
    ("labels", "class_labels", "titles"),
    [
        (None, None, ["0", "1", "2"]),
        (["x", "y", "z"], None, ["x", "y", "z"]),
        (None, ["red", "green", "blue"], ["red", "green", "blue"]),
    ],
)
def test_titles_are_class_labels(labels, class_labels, titles):
    display = ClassWeightsDisplay.from_estimator(fitted(labels=labels), class_labels=class_labels)
    assert [ax.get_title() for ax in display.axes_] == titles


def test_two_classes_have_one_image_of_the_second_against_the_first():
    model = fitted(n_classes=2, labels=["cat", "dog"])
    display = ClassWeightsDisplay.from_estimator(model)
    np.testing.assert_array_equal(display.weights, model.coef_.reshape(1, 2, 2))
    assert [ax.get_title() for ax in display.axes_] == ["dog against cat"]


def test_a_pipeline_stands_for_its_last_step():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 4)), np.arange(30) % 3
    pipeline = make_pipeline(StandardScaler(), SoftmaxRegression()).fit(X, y)
    display = ClassWeightsDisplay.from_estimator(pipeline)
    np.testing.assert_array_equal(display.weights, pipeline[-1].coef_.reshape(3, 2, 2))


def test_it_draws_into_given_axes():
    figure, grid = plt.subplots(1, 3)
    display = ClassWeightsDisplay.from_estimator(fitted(), axes=grid, colorbar=False)
    assert display.figure_ is figure
    assert list(display.axes_) == list(grid)
    assert [len(ax.images) for ax in grid] == [1, 1, 1]
    assert display.colorbar_ is None
    assert figure.axes == list(grid)


def test_one_axes_is_enough_for_two_classes():
    _, ax = plt.subplots()
    display = ClassWeightsDisplay.from_estimator(fitted(n_classes=2), axes=ax)
    assert display.axes_[0] is ax
    assert display.colorbar_.ax.get_ylabel() == "weight (red: for the class)"


def test_a_new_figure_has_no_empty_axes():
    display = ClassWeightsDisplay.from_estimator(fitted(n_classes=5), n_columns=3, colorbar=False)
    assert len(display.figure_.axes) == 5
    assert display.axes_[3].get_subplotspec().rowspan.start == 1


@pytest.mark.parametrize("image_shape", [None, (2, 2), (3,), (1, 2, 3), (-2, -3), (1.5, 4.0), "ab"])
def test_an_image_shape_that_does_not_fit_is_refused(image_shape):
    with pytest.raises(ValueError, match=r"image_shape must be .* features, 6, .* got "):
        ClassWeightsDisplay.from_estimator(fitted(n_features=6), image_shape=image_shape)


def test_class_labels_must_name_each_class():
    with pytest.raises(ValueError, match="class_labels must hold one name for each of 3 classes"):
        ClassWeightsDisplay.from_estimator(fitted(), class_labels=["a", "b"])


def test_axes_must_fit_the_images():
    _, grid = plt.subplots(1, 2)
    with pytest.raises(ValueError, match="axes must hold 3 Axes, one an image, got 2"):
        ClassWeightsDisplay.from_estimator(fitted(), axes=grid)


def test_a_row_of_images_has_at_least_one_column():
    with pytest.raises(ValueError, match="n_columns must be an integer of at least 1, got 0"):
        ClassWeightsDisplay.from_estimator(fitted(), n_columns=0)


@pytest.mark.parametrize(
    "estimator",
    [SoftmaxRegression(), make_pipeline(StandardScaler(), SoftmaxRegression())],
    ids=["classifier", "pipeline"],
)
def test_the_estimator_must_be_fitted(estimator):
    with pytest.raises(NotFittedError):
        ClassWeightsDisplay.from_estimator(estimator)


@pytest.mark.parametrize("estimator", [DecisionTreeClassifier(), LinearRegression()])
def test_the_estimator_must_be_a_linear_classifier(estimator):
    estimator.fit(np.eye(4), [0, 1, 0, 1])
    with pytest.raises(TypeError, match="must be a fitted model with coef_ and classes_"):
        ClassWeightsDisplay.from_estimator(estimator)


def test_weights_of_pairs_of_classes_are_refused():
    model = fitted(n_classes=4)
    model.coef_ = np.zeros((6, 4))
    with pytest.raises(ValueError, match="coef_ must have 4 rows for 4 classes"):
        ClassWeightsDisplay.from_estimator(model)


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'pip install "skmlp\[plot\]"'):
        ClassWeightsDisplay.from_estimator(fitted())


def test_the_import_does_not_load_matplotlib():
    code = "import sys, skmlp.plotting; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
