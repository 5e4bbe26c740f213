"""Fresh processes, and how much memory one takes."""

import multiprocessing
import platform
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def in_a_process(function, *arguments):
    """Return what a function returns in a process of its own."""
    context = multiprocessing.get_context("spawn")
    quiet = {"initializer": warnings.simplefilter, "initargs": ("ignore",)}
    with ProcessPoolExecutor(1, mp_context=context, **quiet) as pool:
        return pool.submit(function, *arguments).result()


def added_memory(function, *arguments):
    """Return the bytes that a call has at its peak, beyond what the process has before it."""
    before = reset_peak()
    function(*arguments)
    return peak_bytes() - before


def reset_peak():
    """Return the bytes that this process has now, from which on its peak counts.

    Only Linux forgets an earlier peak; elsewhere a call counts from that on.
    """
    if CLEAR.exists():
        CLEAR.write_text("5")
        return linux_bytes("VmRSS")
    return peak_bytes()


def peak_bytes():
    """Return the most memory that this process has had."""
    if STATUS.exists():
        return linux_bytes("VmHWM")
    import resource

    unit = 1 if platform.system() == "Darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def linux_bytes(field):
    """Return a field of what Linux tells of this process."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(field))
    return 1024 * int(line.split()[1])
