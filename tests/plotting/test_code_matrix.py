"""Pictures of code matrices: what is drawn, how it is named, and what is refused."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmlp import OneVsOneClassifier
from skmlp.plotting.code_matrix import CodeMatrixDisplay
from skmlp.reductions.code import CodeMatrix, KaryCode

SPARSE = CodeMatrix([[-1, 0, 1], [1, -1, 0], [0, 1, -1], [1, 1, 1]])
KARY = KaryCode([[0, 1], [1, 0], [2, 1], [3, 0]])
DENSE = CodeMatrix.hadamard(5)


def fitted(labels=("ant", "bee", "cat"), **options):
    model = OneVsOneClassifier(LogisticRegression(), **options)
    return model.fit(np.eye(len(labels)), list(labels))


def shown_colors(display):
    """The colour of each cell, as it is drawn."""
    image = display.image_
    return image.cmap(image.norm(image.get_array()))


def key_of(display):
    """The names in the key, each with its colour."""
    names = [label.get_text() for label in display.colorbar_.ax.get_yticklabels()]
    image = display.image_
    return dict(zip(names, map(tuple, image.cmap(image.norm(np.arange(len(names))))), strict=True))


def ticks(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def lightness(color):
    return color[:3] @ np.array([0.299, 0.587, 0.114])


@pytest.mark.parametrize("code", [SPARSE, DENSE, KARY])
def test_each_cell_has_the_colour_that_the_key_gives_its_entry(code):
    display = CodeMatrixDisplay(code).plot()
    signs = {-1: "-1", 0: "0: sits out", 1: "+1"}
    key, colors = key_of(display), shown_colors(display)
    assert colors.shape == (code.n_classes, code.n_problems, 4)
    for (k, column), entry in np.ndenumerate(np.asarray(code)):
        name = signs[entry] if isinstance(code, CodeMatrix) else str(entry)
        assert tuple(colors[k, column]) == key[name]
    assert len(key) == len(np.unique(code))


@pytest.mark.parametrize("code", [SPARSE, DENSE, KARY])
def test_colours_differ_in_print(code):
    shades = sorted(
        lightness(np.array(color)) for color in key_of(CodeMatrixDisplay(code).plot()).values()
    )
    assert min(np.diff(shades)) > 0.15


def test_a_class_that_sits_out_is_white():
    assert key_of(CodeMatrixDisplay(SPARSE).plot())["0: sits out"] == to_rgba("white")


def test_classes_are_rows_from_the_top_and_problems_are_columns():
    display = CodeMatrixDisplay(SPARSE, list("abcd"), ["x", "y", "z"]).plot()
    assert ticks(display.ax_.yaxis) == ["a", "b", "c", "d"]
    assert ticks(display.ax_.xaxis) == ["x", "y", "z"]
    assert list(display.ax_.get_yticks()) == [0, 1, 2, 3]
    bottom, top = display.ax_.get_ylim()
    assert top < 0 < 3 < bottom
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("problem", "class")


def test_numbers_are_the_default_names():
    display = CodeMatrixDisplay(KARY).plot()
    assert ticks(display.ax_.yaxis) == ["0", "1", "2", "3"]
    assert ticks(display.ax_.xaxis) == ["0", "1"]


def test_long_names_of_problems_are_upright():
    for names, rotation in ((["ab", "ac", "bc"], 0), (["a or b", "a or c", "b or c"], 90)):
        display = CodeMatrixDisplay(SPARSE, problem_names=names).plot()
        assert {label.get_rotation() for label in display.ax_.get_xticklabels()} == {rotation}


def test_symbols_stand_in_their_cells():
    display = CodeMatrixDisplay(KARY).plot()
    written = {text.get_position(): text.get_text() for text in display.ax_.texts}
    assert written == {(c, k): str(KARY.K[k, c]) for k in range(4) for c in range(2)}


@pytest.mark.parametrize(
    "code",
    [
        CodeMatrix.one_vs_one(60),
        KaryCode.random(200, 10, 300, rng=np.random.default_rng(0), n_draws=1),
    ],
)
def test_a_large_code_has_a_name_here_and_there(code):
    classes = [f"class {k}" for k in range(code.n_classes)]
    problems = [f"problem {column}" for column in range(code.n_problems)]
    display = CodeMatrixDisplay(code, classes, problems).plot()
    display.figure_.canvas.draw()
    for axis, names in ((display.ax_.yaxis, classes), (display.ax_.xaxis, problems)):
        named = {
            at: label.get_text()
            for at, label in zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=True)
        }
        shown = {at: name for at, name in named.items() if name}
        assert 3 < len(shown) < 30
        assert shown == {at: names[int(at)] for at in shown}
    assert not display.ax_.texts
    assert max(display.figure_.get_size_inches()) < 15


def test_it_draws_into_given_axes():
    figure, (left, right) = plt.subplots(1, 2)
    display = CodeMatrixDisplay(SPARSE).plot(ax=right)
    assert (display.ax_, display.figure_) == (right, figure)
    assert not left.images
    assert CodeMatrixDisplay.from_code(SPARSE, ax=left).ax_ is left


def test_narrow_axes_have_fewer_names():
    _, ax = plt.subplots(figsize=(3, 3))
    display = CodeMatrixDisplay(CodeMatrix.exhaustive(5)).plot(ax=ax)
    display.figure_.canvas.draw()
    assert len([name for name in ticks(display.ax_.xaxis) if name]) < 15


def test_an_array_is_a_code_matrix():
    display = CodeMatrixDisplay.from_code([[-1, 1], [1, 1], [1, -1]], class_names="abc")
    assert display.code == CodeMatrix([[-1, 1], [1, 1], [1, -1]])
    with pytest.raises(ValueError, match="M must have a"):
        CodeMatrixDisplay([[1, 1], [1, -1]])


def test_a_fitted_reduction_names_its_classes():
    model = fitted()
    display = CodeMatrixDisplay.from_estimator(model)
    assert display.code is model.code_
    assert ticks(display.ax_.yaxis) == ["ant", "bee", "cat"]
    display = CodeMatrixDisplay.from_estimator(model, class_names="ABC", problem_names="xyz")
    assert (ticks(display.ax_.yaxis), ticks(display.ax_.xaxis)) == (list("ABC"), list("xyz"))


def test_classes_without_rows_are_not_in_the_code():
    display = CodeMatrixDisplay.from_estimator(fitted(classes=["ant", "ape", "bee", "cat"]))
    assert ticks(display.ax_.yaxis) == ["ant", "bee", "cat"]


def test_a_pipeline_stands_for_its_last_step():
    pipeline = make_pipeline(StandardScaler(), OneVsOneClassifier(LogisticRegression()))
    display = CodeMatrixDisplay.from_estimator(pipeline.fit([[0.0], [1.0]], [3, 7]))
    assert ticks(display.ax_.yaxis) == ["3", "7"]


def test_the_estimator_must_be_fitted():
    with pytest.raises(NotFittedError):
        CodeMatrixDisplay.from_estimator(OneVsOneClassifier(LogisticRegression()))


def test_the_estimator_must_have_a_code():
    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    with pytest.raises(TypeError, match="must be a fitted model with code_ and classes_"):
        CodeMatrixDisplay.from_estimator(model)


@pytest.mark.parametrize("names", [["a"], list("abcdef"), []])
@pytest.mark.parametrize(("parameter", "length"), [("class_names", 4), ("problem_names", 3)])
def test_there_is_a_name_for_each_row_and_column(parameter, length, names):
    with pytest.raises(ValueError, match=f"{parameter} must hold {length} names or be None, got"):
        CodeMatrixDisplay(SPARSE, **{parameter: names})
