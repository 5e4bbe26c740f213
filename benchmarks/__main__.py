"""The runner of the benchmarks.

    python -m benchmarks                        all that works with the data scikit-learn ships
    python -m benchmarks mlp growth --quick     some parts, on less data, timed once
    python -m benchmarks --data FOLDER --out docs/benchmarks
    python -m benchmarks reductions_time --sets letter --data FOLDER --out docs/benchmarks

Each part writes a table, a picture and what they say. A part is meant by its name or its beginning:
"softmax" is three parts. What a run has not measured stays as it is in tables that are there.
"""

import argparse
import sys
import time
import warnings
from pathlib import Path

from benchmarks.threads import limit_threads


def main():
    """Run the benchmarks that are asked for."""
    from benchmarks.parts import PARTS, STUDIES, chosen

    arguments = vars(parser(PARTS, STUDIES).parse_args())
    parts, redraw = chosen(arguments.pop("parts")), arguments.pop("redraw")
    # Libraries choose their threads when they are imported: nothing heavy has been until here.
    limit_threads(arguments["threads"])
    from benchmarks.options import Options
    from benchmarks.report import summarize

    options = Options(**{k: tuple(v) if isinstance(v, list) else v for k, v in arguments.items()})
    options.out.mkdir(parents=True, exist_ok=True)
    if not redraw:
        announce(options)
    for name in parts:
        if not redraw:
            measure(name, options)
        summarize(options.out, name)


def parser(parts, studies):
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(
        "python -m benchmarks",
        description=__doc__,
        epilog=f"Parts: {', '.join(parts)}. Only if named in full: {', '.join(studies)}.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("parts", nargs="*", metavar="PART", help="default: all")
    made.add_argument("--data", type=Path, help="folder of .npz files; see benchmarks/datasets.py")
    made.add_argument("--out", type=Path, default=Path("build/benchmarks"), help="%(default)s")
    made.add_argument("--sets", nargs="+", default=(), help="data sets, for parts that have some")
    made.add_argument("--big", action="store_true", help="also the sets that take minutes")
    made.add_argument("--without", nargs="+", default=(), help="packages or contestants")
    made.add_argument("--rounds", type=int, help="how often all is timed")
    made.add_argument("--threads", type=int, default=1)
    made.add_argument("--quick", action="store_true", help="less data, timed once")
    made.add_argument("--redraw", action="store_true", help="measure nothing; draw what is there")
    return made


def measure(name, options):
    """Measure a part, and write its table."""
    from benchmarks.machine import environment
    from benchmarks.parts import part
    from benchmarks.report import record

    print(f"\n== {name}: {part(name).__doc__.splitlines()[0]}", flush=True)
    began, rows = time.perf_counter(), []
    with warnings.catch_warnings():
        # Solvers that stop early say so to users, not to a clock.
        warnings.simplefilter("ignore")
        for row in part(name).rows(options):
            rows.append(row)
            print(*(f"{k}={v}" for k, v in row.items() if v is not None), flush=True)
    if rows:
        needed = time.perf_counter() - began
        threads = getattr(part(name), "N_THREADS", options.threads)
        record(options.out, name, rows, environment(threads, options.peers), needed)
    else:
        print("Nothing to do: no data for it; see above.")


def announce(options):
    """Print what figures depend on, and what takes no part in the run and how to have it."""
    from benchmarks.datasets import BIG, DENSE, TEXT
    from benchmarks.machine import environment
    from benchmarks.peers import PEERS, advice

    about = environment(options.threads, options.peers)
    print(*(f"{key}: {value}" for key, value in about.items()), sep="\n")
    for package in PEERS:
        if package not in options.without and not options.has(package):
            print(advice(package))
    if not options.data:
        print(
            f"Without --data there are no {', '.join((*DENSE, *TEXT))}: "
            "benchmarks/datasets.py says where they come from."
        )
    elif not options.big and not options.sets:
        print(f"Without --big there are no {', '.join(BIG)}.")


if __name__ == "__main__":
    sys.exit(main())
