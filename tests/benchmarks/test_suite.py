"""The benchmarks run, on as little as there can be, and their tables and records are right."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
if not (ROOT / "benchmarks").is_dir():
    pytest.skip("the source distribution has no benchmarks", allow_module_level=True)

PACKAGES = ["torch", "jax", "skorch", "scikit-learn-intelex", "liblinear-official", "vowpalwabbit"]


def run(*arguments):
    command = [sys.executable, "-m", "benchmarks", *arguments]
    done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def quick(out, *arguments):
    return run(*arguments, "--quick", "--out", out, "--without", *PACKAGES)


def table(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    out = tmp_path_factory.mktemp("report")
    quick(out, "softmax", "mlp", "growth", "memory", "--sets", "iris", "digits")
    quick(out, "reductions", "--sets", "iris")
    return out


@pytest.mark.parametrize(
    ("part", "subjects"),
    [
        ("softmax_dense", {"iris", "digits"}),
        ("softmax_sgd", {"iris", "digits"}),
        ("mlp_epochs", {"16-100-26", "20-64-64-10", "54-128-128-7", "784-256-128-10"}),
        ("mlp_threads", {"16-100-26", "20-64-64-10", "54-128-128-7", "784-256-128-10"}),
        ("mlp_loss", {"digits"}),
        ("growth", {"rows", "classes"}),
        ("memory", {"MLPNet float32"}),
        ("reductions_tree", {"10", "100"}),
        ("reductions_accuracy", {"iris"}),
        ("reductions_ecoc", {"iris"}),
    ],
)
def test_each_part_writes_a_table_and_what_it_says(report, part, subjects):
    rows = table(report / f"{part}.csv")
    assert {next(iter(row.values())) for row in rows} == subjects
    assert (report / f"{part}.txt").read_text(encoding="utf-8").strip()
    assert part in {run["part"] for run in table(report / "runs.csv")}


def test_parts_with_a_picture_draw_it(report):
    pictures = {path.stem for path in report.glob("*.png")}
    assert {"softmax_sgd", "mlp_epochs", "mlp_loss", "growth", "memory"} <= pictures


def test_parts_without_their_data_say_so(report):
    assert not (report / "softmax_text.csv").exists()
    assert not (report / "reductions_wordnet.csv").exists()


def test_a_later_run_replaces_only_what_it_has_measured(tmp_path):
    quick(tmp_path, "softmax_dense", "--sets", "iris", "wine")
    before = table(tmp_path / "softmax_dense.csv")
    quick(tmp_path, "softmax_dense", "--sets", "wine")
    after = table(tmp_path / "softmax_dense.csv")
    assert [row["set"] for row in after] == ["iris", "iris", "wine", "wine"]
    assert after[:2] == before[:2]
    assert [run["of"] for run in table(tmp_path / "runs.csv")] == ["iris", "wine"]


def test_what_is_missing_is_named(tmp_path):
    said = run("softmax_text", "--out", tmp_path)
    assert "Without --data there are no zoo" in said
    assert "Nothing to do" in said


def test_a_part_that_does_not_exist_is_an_error(tmp_path):
    command = [sys.executable, "-m", "benchmarks", "softmin", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "The part must be one of softmax_dense" in done.stderr
