"""The parts of the suite, a module each, in the order in which they run and are reported.

A part has the name of its table. The first line of its docstring says what it measures; the rest is
the report's text on how, in reStructuredText.

``rows(options)``          yields the rows of the table, as dicts. The first column says what a row
                           is about, and a later run replaces the rows about the same things.
``N_THREADS``              optional: how many threads it uses, whatever the run is asked for.
``findings(rows)``         optional: what the table says, sentences for the report.
``draw(rows, figure)``     optional: draws it, and returns a description of the picture.

The latter two get the rows as they stand in the CSV file, perhaps those of several runs.
"""

from importlib import import_module

PARTS = (
    "softmax_dense",
    "softmax_text",
    "softmax_sgd",
    "mlp_epochs",
    "mlp_threads",
    "mlp_loss",
    "mlp_defaults",
    "growth",
    "memory",
    "reductions_time",
    "reductions_tree",
    "reductions_wordnet",
    "reductions_accuracy",
    "reductions_ecoc",
)
# A study of more than an hour: only if named.
STUDIES = ("mlp_defaults",)


def part(name):
    """Return the module of a part."""
    return import_module(f"benchmarks.parts.{name}")


def chosen(names):
    """Return the parts that names stand for: "softmax" is all whose names begin with it."""
    found = [
        name
        for name in PARTS
        if name in names
        or any(name.startswith(f"{group}_") and name not in STUDIES for group in names)
        or (not names and name not in STUDIES)
    ]
    for name in names:
        if not any(f"{other}_".startswith(f"{name}_") for other in PARTS):
            raise SystemExit(f"The part must be one of {', '.join(PARTS)}, got {name!r}.")
    return found
