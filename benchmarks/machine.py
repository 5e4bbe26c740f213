"""What figures depend on: the date, the machine, the versions."""

import os
import platform
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from threadpoolctl import threadpool_info

from skmlp._fast import COMPILED, READABLE, describe_build, is_open

PACKAGES = ("numpy", "scipy", "scikit-learn")


def processor():
    """Return the name of the processor."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def versions(packages):
    """Return names and versions of the packages that are installed."""
    found = []
    for package in packages:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def environment(n_threads, peers=()):
    """Return what a reader must know of a run."""
    road = COMPILED if is_open() else READABLE
    blas = {
        f"{library['internal_api']} {library['version']} {library.get('architecture', '')}".strip()
        for library in threadpool_info()
        if library["user_api"] == "blas"
    }
    return {
        "date": str(date.today()),
        "processor": f"{processor()}, {os.cpu_count()} cores, {platform.machine()}",
        "threads": n_threads,
        "road": f"{road}: {describe_build()}" if is_open() else road,
        "versions": f"Python {platform.python_version()}, {versions((*PACKAGES, *peers))}",
        "BLAS": ", ".join(sorted(blas)),
    }
