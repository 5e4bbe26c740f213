"""Networks: milliseconds of an epoch with two threads.

As before, but whoever can may use two threads. All rest for a fifth of a second before each turn:
the threads of some libraries spin for a tenth of a second after their last work, and would take a
processor from the next contestant. The goals are those for one thread.
"""

from dataclasses import replace

from benchmarks.parts import mlp_epochs
from benchmarks.parts.mlp_epochs import draw, findings
from benchmarks.processes import in_a_process
from benchmarks.threads import limit_threads

__all__ = ["N_THREADS", "draw", "findings", "rows"]
N_THREADS = 2


def rows(options):
    """Yield the rows of the table."""
    # Libraries choose their threads when they are imported, hence another process.
    limit_threads(N_THREADS)
    try:
        yield from in_a_process(measured, replace(options, threads=N_THREADS))
    finally:
        limit_threads(options.threads)


def measured(options):
    """Return the rows; in a fresh process."""
    return list(mlp_epochs.rows(options))
