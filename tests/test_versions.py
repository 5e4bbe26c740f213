"""What `show_versions` tells."""

import platform
from importlib.metadata import PackageNotFoundError, version

import numpy
import pytest

import skmlp
from skmlp import _versions


@pytest.fixture
def shown(capsys):
    skmlp.show_versions()
    return dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())


def test_all_that_matters_is_shown(shown):
    build = ["compiled road", "BLAS of numpy", "BLAS of scipy"]
    assert list(shown) == ["python", "machine", *_versions.PACKAGES, *build]
    assert all(shown[line] for line in build)
    assert shown["python"] == platform.python_version()
    assert shown["numpy"] == numpy.__version__
    assert shown["scikit-learn"] == version("scikit-learn")


def test_required_packages_are_among_them():
    assert {"skmlp", "numpy", "scipy", "scikit-learn", "joblib"} <= set(_versions.PACKAGES)


def test_a_package_that_is_missing_is_no_error(monkeypatch, capsys):
    def not_found(package):
        if package == "joblib":
            raise PackageNotFoundError(package)
        return "1.2.3"

    monkeypatch.setattr(_versions, "version", not_found)
    skmlp.show_versions()
    lines = capsys.readouterr().out.splitlines()
    assert "joblib: not installed" in lines
    assert "scipy: 1.2.3" in lines
