"""What a bug report needs to know of the machine."""

import platform
import sys
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("skmlp", "numpy", "scipy", "scikit-learn", "joblib", "matplotlib")


def show_versions() -> None:
    """Print the versions of Python, of the machine and of all packages that matter here.

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
    print("\n".join(f"{name}: {value}" for name, value in lines.items()))
