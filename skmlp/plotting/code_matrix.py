"""A code matrix as a picture: which classes each learner tells from which."""

import numpy as np

from skmlp.plotting._display import drawing_axes, fitted_model, import_pyplot
from skmlp.reductions.code import CodeMatrix, KaryCode

# An orange, white and a blue that print as three shades of grey.
SIGNS = {-1: ("-1", "#f2a65a"), 0: ("0: sits out", "white"), 1: ("+1", "#1b4f8a")}

# Size of a cell in a new figure, and the smallest with a name of its own at the side; in inches.
CELL, SMALLEST_NAMED_CELL = 0.3, 0.17


class CodeMatrixDisplay:
    """A code as a coloured table: a row for each class and a column for each problem.

    Down a column one sees which classes the learner of that problem tells from which, and which
    ones sit out. Along a row one sees the word of a class: two classes with similar rows are
    easily confused.

    Parameters
    ----------
    code : CodeMatrix, KaryCode or array-like of shape (n_classes, n_problems)
        The code. An array is that of a `CodeMatrix`.
    class_names : sequence of str of length n_classes, default=None
        Names of the rows. None numbers them.
    problem_names : sequence of str of length n_problems, default=None
        Names of the columns. None numbers them.

    Attributes
    ----------
    code : CodeMatrix or KaryCode
        The code.
    class_names, problem_names : list of str
        The names.
    figure_ : matplotlib Figure
        The figure of the latest `plot`.
    ax_ : matplotlib Axes
        The axes.
    image_ : AxesImage
        The coloured table.
    colorbar_ : matplotlib Colorbar or None
        The key to the colours.

    See Also
    --------
    skmlp.reductions.code.CodeMatrix : Codes, and what makes one good.

    Examples
    --------
    >>> from skmlp.plotting import CodeMatrixDisplay
    >>> from skmlp.reductions.code import CodeMatrix
    >>> code = CodeMatrix.one_vs_one(3)
    >>> display = CodeMatrixDisplay.from_code(code, class_names=["cat", "dog", "eel"])
    >>> [label.get_text() for label in display.ax_.get_yticklabels()]
    ['cat', 'dog', 'eel']
    """

    def __init__(self, code, class_names=None, problem_names=None):
        self.code = code if isinstance(code, CodeMatrix | KaryCode) else CodeMatrix(code)
        self.class_names = _names("class_names", class_names, self.code.n_classes)
        self.problem_names = _names("problem_names", problem_names, self.code.n_problems)

    @classmethod
    def from_code(cls, code, *, class_names=None, problem_names=None, ax=None):
        """Draw a code.

        Parameters
        ----------
        code, class_names, problem_names
            See the class.
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        display : CodeMatrixDisplay
            The display, drawn.
        """
        return cls(code, class_names, problem_names).plot(ax=ax)

    @classmethod
    def from_estimator(cls, estimator, *, class_names=None, problem_names=None, ax=None):
        """Draw the code of a fitted reduction.

        Parameters
        ----------
        estimator : estimator or Pipeline
            A fitted classifier with ``code_`` and ``classes_``, or a pipeline that ends in one.
        class_names : sequence of str, default=None
            Names of the classes that the code has. None takes their labels from ``classes_``.
        problem_names : sequence of str, default=None
            Names of the columns. None numbers them.
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        display : CodeMatrixDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If the classifier is not fitted.
        TypeError
            If it has no ``code_`` or no ``classes_``.
        """
        model = fitted_model(estimator, "code_", "classes_")
        if class_names is None:
            class_names = model.classes_[getattr(model, "present_", slice(None))]
        return cls(model.code_, class_names, problem_names).plot(ax=ax)

    def plot(self, *, ax=None, colorbar=True):
        """Draw the table.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure, whose cells are about square unless there are
            many.
        colorbar : bool, default=True
            Whether to draw a key to the colours.

        Returns
        -------
        display : CodeMatrixDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not there.
        """
        if ax is None:
            ax = self._new_axes(import_pyplot(self))
        ax = drawing_axes(self, ax)
        self._draw_table(ax, colorbar)
        ax.set(xlabel="problem", ylabel="class")

        table = np.asarray(self.code)
        height, width = ax.get_window_extent().size[::-1] / self.figure_.dpi / table.shape
        _name(ax.yaxis, self.class_names, height >= SMALLEST_NAMED_CELL)
        _name(ax.xaxis, self.problem_names, width >= SMALLEST_NAMED_CELL)
        if isinstance(self.code, KaryCode) and min(height, width) >= SMALLEST_NAMED_CELL:
            # Many shades are hard to tell apart in print.
            for (k, column), symbol in np.ndenumerate(table):
                color = "white" if symbol >= self.code.n_symbols / 2 else "black"
                ax.text(column, k, symbol, ha="center", va="center", color=color, size="small")
        return self

    def _new_axes(self, plt):
        """Return axes in a new figure for cells of the usual size, with limits."""
        cells = (self.code.n_classes, self.code.n_problems)
        height, width = np.clip(CELL * np.array(cells), 1.2, (9, 12))
        # The rest is for the names and the key.
        return plt.subplots(figsize=(width + 2.2, height + 0.8), layout="constrained")[1]

    def _draw_table(self, ax, colorbar):
        """Draw the coloured table and, if wanted, the key to its colours."""
        from matplotlib import colormaps
        from matplotlib.colors import ListedColormap

        values, entries = np.unique(self.code, return_inverse=True)
        names, colors = values, colormaps["viridis"](np.linspace(1, 0, len(values)))
        if isinstance(self.code, CodeMatrix):
            names, colors = zip(*(SIGNS[value] for value in values), strict=True)
        # A pixel shows one cell: a mean of colours would look like another entry.
        self.image_ = ax.imshow(
            entries.reshape(np.shape(self.code)),
            cmap=ListedColormap(colors),
            vmin=-0.5,
            vmax=len(values) - 0.5,
            aspect="auto",
            interpolation="nearest",
        )
        self.colorbar_ = None
        if not colorbar:
            return
        # The key has cells of the size of those of the table, unless these are too small.
        shrink = np.clip(len(values) / self.code.n_classes, 0.3, 1)
        self.colorbar_ = self.figure_.colorbar(
            self.image_, ax=ax, pad=0.02, shrink=shrink, aspect=1.5 * len(values), anchor=(0, 1)
        )
        self.colorbar_.set_ticks(np.arange(len(values)), labels=names)


def _name(axis, names, all_of_them):
    """Name and set off all rows, or columns, or else name as many as there is room for."""
    if all_of_them:
        axis.set_ticks(np.arange(len(names)), labels=names)
        axis.set_ticks(np.arange(len(names) - 1) + 0.5, minor=True)
        axis.grid(which="minor", color="0.7", linewidth=0.6)
        axis.set_tick_params(which="both", length=0)
    else:
        axis.get_major_locator().set_params(integer=True)
        axis.set_major_formatter(lambda at, _: names[int(at)] if 0 <= at < len(names) else "")
    if axis.axis_name == "x" and max(map(len, names)) > 3:
        axis.set_tick_params(rotation=90)


def _names(parameter, names, length):
    """Return one name for each row or column; None stands for numbers."""
    texts = list(map(str, range(length) if names is None else names))
    if len(texts) != length:
        raise ValueError(f"{parameter} must hold {length} names or be None, got {names!r}.")
    return texts
