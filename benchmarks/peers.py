"""The other packages: which are installed, and what to do about those that are not."""

from importlib.util import find_spec

# What pip installs, and what Python imports.
PEERS = {
    "torch": "torch",
    "jax": "jax",
    "skorch": "skorch",
    "scikit-learn-intelex": "sklearnex",
    "liblinear-official": "liblinear",
    "vowpalwabbit": "vowpalwabbit",
}


def is_installed(package):
    """Return whether a peer can be imported."""
    return find_spec(PEERS[package]) is not None


def advice(package):
    """Return the line for a peer that is not there."""
    return f"{package} is not installed and skipped. To have it: pip install {package}"
