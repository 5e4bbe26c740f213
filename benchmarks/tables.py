"""Tables as CSV files."""

import csv


def read(path):
    """Return the rows of a file as dicts: numbers as numbers, empty cells as None."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [{k: parsed(cell) for k, cell in row.items()} for row in csv.DictReader(file)]


def parsed(cell):
    """Return a cell as a number if it is one."""
    for kind in (int, float):
        try:
            return kind(cell)
        except ValueError:
            continue
    return cell or None


def write(path, rows):
    """Write rows as CSV. A column that some rows lack is empty there."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def merged(old, new):
    """Return the new rows, in the places of old ones about the same things (first column)."""
    key = next(iter(new[0]))
    if not old or next(iter(old[0])) != key:
        return new
    before, now = (by_subject(rows, key) for rows in (old, new))
    if before.keys() <= now.keys():
        return new
    return [row for rows in (before | now).values() for row in rows]


def by_subject(rows, key):
    """Return the rows about each thing, as it reads in a file."""
    found = {}
    for row in rows:
        found.setdefault(str(row[key]), []).append(row)
    return found
