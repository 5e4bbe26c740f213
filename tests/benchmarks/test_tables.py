"""Tables come back as they were written, and later runs renew what they have measured."""

import pytest

tables = pytest.importorskip("benchmarks.tables")


def test_a_table_comes_back_as_it_was_written(tmp_path):
    rows = [{"set": "iris", "ms": 1.5, "n": 3}, {"set": "wine", "n": 4, "peer": "x, y"}]
    tables.write(tmp_path / "new" / "table.csv", rows)
    assert tables.read(tmp_path / "new" / "table.csv") == [
        {"set": "iris", "ms": 1.5, "n": 3, "peer": None},
        {"set": "wine", "ms": None, "n": 4, "peer": "x, y"},
    ]
    assert tables.read(tmp_path / "none.csv") == []


def test_new_rows_take_the_places_of_those_about_the_same():
    old = [{"classes": k, "ms": 0} for k in (10, 10, 100, 1000)]
    new = [{"classes": k, "ms": 1} for k in (100, 20, 20)]
    merged = tables.merged(old, new)
    assert [(row["classes"], row["ms"]) for row in merged] == [
        (10, 0),
        (10, 0),
        (100, 1),
        (1000, 0),
        (20, 1),
        (20, 1),
    ]


def test_a_table_about_something_else_is_replaced():
    new = [{"net": "1-2", "ms": 1}]
    assert tables.merged([{"set": "iris", "ms": 0}], new) == new
