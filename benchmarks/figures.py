"""Figures of the report: one look, and where and when they were measured."""

import matplotlib

matplotlib.use("Agg")

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

OURS, OTHERS, GREY = "#1b6ca8", "#c8781e", "#666666"
SERIES = (OURS, OTHERS, "#3a8f5c", "#9a4f96", "#b23a48", "#7a7a28", GREY)


def save(draw, rows, path, footer):
    """Let a function draw, and write the picture; return its description."""
    figure = Figure(figsize=(9.6, 4.2), layout="constrained")
    description = draw(rows, figure)
    figure.supxlabel(footer, fontsize=6, color=GREY, x=0.01, ha="left")
    figure.savefig(path, dpi=110, metadata={"Software": None})
    return description


def bars(axes, values, goals=None):
    """Draw a horizontal bar for each name, its value beside it, and a mark at its goal."""
    goals = goals or {}
    names = list(values)
    axes.barh(range(len(names)), list(values.values()), color=OTHERS, height=0.6)
    for place, name in enumerate(names):
        goal = goals.get(name) or 0
        if goal:
            axes.plot([goal] * 2, [place - 0.4, place + 0.4], color="black", lw=1.5)
        end = max(values[name], goal, 1)
        axes.annotate(f" {values[name]:g}", (end, place), va="center", fontsize=8, color=GREY)
    axes.axvline(1, color=OURS, lw=1)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.22)
    axes.set_xlim(left=0)
    plain(axes)


def lines(axes, curves, xlabel="", ylabel=""):
    """Draw curves, x and y by label, on logarithmic axes."""
    for color, (label, (x, y)) in zip(SERIES, curves.items(), strict=False):
        axes.loglog(x, y, marker="o", ms=3, lw=1.2, color=color, label=label)
        axes.set_xticks(x, [f"{value:g}" for value in x])
    axes.minorticks_off()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 3), numticks=20))
    axes.yaxis.set_major_formatter(lambda value, position: f"{value:g}")
    axes.set_xlabel(xlabel, fontsize=8)
    axes.set_ylabel(ylabel, fontsize=8)
    axes.legend(fontsize=7, frameon=False)
    axes.grid(which="major", lw=0.3)
    plain(axes)


def plain(axes):
    """Leave out the frame, and make the labels of the ticks small."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=7.5)
