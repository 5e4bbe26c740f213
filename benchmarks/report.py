"""The report: tables, what they say, pictures, and where and when all was measured."""

from inspect import cleandoc

from benchmarks import tables
from benchmarks.parts import PARTS, part

RUNS = "runs.csv"


def record(out, name, rows, environment, n_seconds):
    """Write the table of a part, or renew what a run has measured of it, and note the run."""
    path = out / f"{name}.csv"
    tables.write(path, tables.merged(tables.read(path), rows))
    of = subjects(rows)
    entry = {"part": name, "of": ", ".join(of), "minutes": round(n_seconds / 60, 1), **environment}
    runs = []
    for run in tables.read(out / RUNS):
        left = [subject for subject in str(run["of"]).split(", ") if subject not in of]
        if run["part"] != name:
            runs.append(run)
        elif left:
            runs.append(run | {"of": ", ".join(left)})
    tables.write(out / RUNS, sorted([*runs, entry], key=lambda run: PARTS.index(run["part"])))


def subjects(rows):
    """Return what rows are about: the different cells of their first column."""
    return list(dict.fromkeys(str(next(iter(row.values()))) for row in rows))


def summarize(out, name):
    """Write how a part is measured and what its table says, and its picture, from the files."""
    rows = tables.read(out / f"{name}.csv")
    if not rows:
        return
    module = part(name)
    sentences = list(module.findings(rows)) if hasattr(module, "findings") else []
    print("\n".join(sentences), flush=True)
    _, *how = cleandoc(module.__doc__).split("\n\n")
    listed = [f"- {sentence}" for sentence in sentences]
    text = "\n\n".join([*how, *(["\n".join(listed)] if listed else [])])
    (out / f"{name}.txt").write_text(f"{text}\n", encoding="utf-8")
    if hasattr(module, "draw"):
        draw(out, name, module, rows)


def draw(out, name, module, rows):
    """Draw the picture of a part, if Matplotlib is there."""
    try:
        from benchmarks.figures import save
    except ImportError:
        print("matplotlib is not installed, no pictures. To have them: pip install matplotlib")
        return
    runs = [run for run in tables.read(out / RUNS) if run["part"] == name]
    lines = (f"{run['date']}, {run['processor']}, threads: {run['threads']}" for run in runs)
    footer = "; ".join(dict.fromkeys(lines))
    save(module.draw, rows, out / f"{name}.png", footer)
