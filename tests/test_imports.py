"""Who may import whom. The table is the architecture: change it only on purpose."""

import ast
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

import skmlp

PACKAGE = Path(__file__).parents[1] / "skmlp"

NUMERIC = ("numpy", "scipy", "skmlp._spec")
REDUCTIONS = (
    "code_table",
    "random_codes",
    "code",
    "binary_tree",
    "hierarchy",
    "tree",
    "tree_search",
    "decoding",
    "log_sums",
    "coupling",
)
WITHOUT_SKLEARN = ("numpy", "scipy", "joblib", "skmlp")
WITH_SKLEARN = (*WITHOUT_SKLEARN, "sklearn")

# A pattern of files, and what they may import besides the standard library. The first match holds.
MAY_IMPORT = {
    "_spec.py": NUMERIC,
    "nn/*": (*NUMERIC, "skmlp.nn"),
    "optim/*": (*NUMERIC, "skmlp.optim"),
    **{
        f"reductions/{name}.py": (*NUMERIC, *(f"skmlp.reductions.{core}" for core in REDUCTIONS))
        for name in REDUCTIONS
    },
    "reductions/*": WITH_SKLEARN,
    "_fast/*": (*NUMERIC, "skmlp.nn", "skmlp.optim", "skmlp._fast"),
    "estimators/*": WITH_SKLEARN,
    "plotting/*": (*WITH_SKLEARN, "matplotlib"),
    "_sklearn.py": WITH_SKLEARN,
    "*": WITHOUT_SKLEARN,
}
MAY_IMPORT_PRIVATE_SKLEARN = "_sklearn.py"


def imported_names(path, package):
    """Every imported name in full: `from .losses import log` in skmlp/nn is skmlp.nn.losses.log."""
    folder = ("skmlp", *path.relative_to(package).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = folder[: len(folder) + 1 - node.level] if node.level else ()
            module = (node.module,) if node.module else ()
            yield from (".".join((*start, *module, alias.name)) for alias in node.names)


def is_allowed(name, file):
    parts = name.split(".")
    if parts[0] in sys.stdlib_module_names:
        return True
    if parts[0] == "sklearn" and any(part.startswith("_") for part in parts):
        return file == MAY_IMPORT_PRIVATE_SKLEARN
    allowed = next(names for pattern, names in MAY_IMPORT.items() if fnmatch(file, pattern))
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in allowed)


def violations(package):
    files = {path.relative_to(package).as_posix(): path for path in package.rglob("*.py")}
    assert files, f"no Python file under {package}"
    return [
        f"{file} imports {name}"
        for file, path in files.items()
        for name in imported_names(path, package)
        if not is_allowed(name, file)
    ]


def test_the_package_keeps_to_the_table():
    assert violations(PACKAGE) == []


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("nn/dense.py", "import skmlp"),
        ("nn/dense.py", "import skmlp.optim"),
        ("nn/dense.py", "from ..optim.optimizers import Adam"),
        ("nn/dense.py", "from .. import optim"),
        ("nn/dense.py", "from skmlp import optim"),
        ("nn/dense.py", "import joblib"),
        ("nn/dense.py", "def f():\n    import sklearn"),
        ("nn/deeper/dense.py", "from ...optim import Adam"),
        ("optim/lbfgs.py", "from skmlp.nn.network import Network"),
        ("optim/lbfgs.py", "from sklearn.base import clone"),
        ("reductions/code.py", "from skmlp.nn import losses"),
        ("reductions/decoding.py", "from .classifiers import CodeClassifier"),
        ("_spec.py", "from sklearn.base import BaseEstimator"),
        ("_fast/program.py", "import sklearn"),
        ("_fast/program.py", "from skmlp.estimators import mlp_net"),
        ("optim/training.py", "from skmlp._fast import choose_road"),
        ("augment.py", "from sklearn.utils import check_array"),
        ("__init__.py", "import sklearn"),
        ("estimators/mlp.py", "from sklearn.utils import _safe_indexing"),
        ("estimators/mlp.py", "from sklearn.utils._param_validation import Interval"),
        ("estimators/mlp.py", "import torch"),
    ],
)
def test_a_forbidden_import_is_found(tmp_path, file, line):
    write(tmp_path / file, line)
    assert len(violations(tmp_path)) == 1


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("nn/dense.py", "import math\nimport numpy as np\nfrom scipy.special import expit"),
        ("nn/dense.py", "from .losses import LogLoss\nfrom . import losses"),
        ("nn/dense.py", "from .._spec import Spec\nfrom skmlp import _spec"),
        ("reductions/decoding.py", "from .code import CodeMatrix"),
        ("_sklearn.py", "from sklearn.utils._param_validation import Interval"),
        ("estimators/mlp.py", "from sklearn.base import clone\nfrom ..nn import losses"),
        ("__init__.py", "from .estimators import SoftmaxRegression"),
    ],
)
def test_an_allowed_import_passes(tmp_path, file, line):
    write(tmp_path / file, line)
    assert violations(tmp_path) == []


def test_an_empty_package_is_not_taken_for_a_clean_one(tmp_path):
    with pytest.raises(AssertionError, match="no Python file"):
        violations(tmp_path)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


# Names of the package are imported when they are asked for


def test_every_public_name_is_there():
    assert {name for name in skmlp.__all__ if hasattr(skmlp, name)} == set(skmlp.__all__)
    assert set(skmlp.__all__) <= set(dir(skmlp))
    assert skmlp.optim.Adam.__module__ == "skmlp.optim.optimizers"
    with pytest.raises(AttributeError, match="no attribute 'MLPNets'"):
        skmlp.MLPNets  # noqa: B018


@pytest.mark.parametrize("name", ["MLPNet", "SoftmaxRegression"])
def test_an_estimator_does_not_import_the_reductions(name):
    code = f"import sys; from skmlp import {name}; print(*sys.modules)"
    found = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    assert f"skmlp.{skmlp._MODULES[name]}" in found
    unneeded = ("skmlp.reductions", "sklearn.linear_model", "sklearn.calibration", "matplotlib")
    assert not {module for module in found if module.startswith(unneeded)}
