"""What a bug report needs to know of the machine."""

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType

import numpy
import scipy

from skmlp._fast import describe_build

PACKAGES = ("skmlp", "numpy", "scipy", "scikit-learn", "joblib", "matplotlib")


def blas(package: ModuleType) -> str:
    """Return name and version of the BLAS that NumPy or SciPy was built with."""
    found = package.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"{found['name']} {found['version']}"


def show_versions() -> None:
    """Print the versions of Python, of the machine and of all packages that matter here.

    The line of the compiled road has the compiler and the instructions in use.

    Examples
    --------
    >>> import skmlp
    >>> skmlp.show_versions()
    python: 3...
    """
    lines = {"python": sys.version.split()[0], "machine": platform.platform()}
    for package in PACKAGES:
        try:
            lines[package] = version(package)
        except PackageNotFoundError:
            lines[package] = "not installed"
    lines["compiled road"] = describe_build()
    for package in (numpy, scipy):
        lines[f"BLAS of {package.__name__}"] = blas(package)
    print("\n".join(f"{name}: {value}" for name, value in lines.items()))
