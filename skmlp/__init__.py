"""Multiclass classification and feed-forward networks for scikit-learn users."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skmlp._versions import show_versions
    from skmlp.estimators.check_gradient import GradientCheck, check_gradient
    from skmlp.estimators.hidden_features import HiddenFeatures
    from skmlp.estimators.mlp_net import MLPNet
    from skmlp.estimators.mlp_net_regressor import MLPNetRegressor
    from skmlp.estimators.range_test import LearningRateRangeTest, learning_rate_range_test
    from skmlp.estimators.softmax_regression import SoftmaxRegression
    from skmlp.nn.losses import cross_entropy, log_softmax, softmax
    from skmlp.reductions.ecoc import ECOCClassifier
    from skmlp.reductions.one_vs_all import OneVsAllClassifier
    from skmlp.reductions.one_vs_one import OneVsOneClassifier
    from skmlp.reductions.tree_reduction import TreeReductionClassifier

__version__ = "0.1.0.dev0"

__all__ = [
    "ECOCClassifier",
    "GradientCheck",
    "HiddenFeatures",
    "LearningRateRangeTest",
    "MLPNet",
    "MLPNetRegressor",
    "OneVsAllClassifier",
    "OneVsOneClassifier",
    "SoftmaxRegression",
    "TreeReductionClassifier",
    "__version__",
    "check_gradient",
    "cross_entropy",
    "learning_rate_range_test",
    "log_softmax",
    "show_versions",
    "softmax",
]

# Where a public name is defined. It is imported when it is first asked for: who wants a network
# does not wait for the reductions, and what they import.
_MODULES = {
    "ECOCClassifier": "reductions.ecoc",
    "GradientCheck": "estimators.check_gradient",
    "HiddenFeatures": "estimators.hidden_features",
    "LearningRateRangeTest": "estimators.range_test",
    "MLPNet": "estimators.mlp_net",
    "MLPNetRegressor": "estimators.mlp_net_regressor",
    "OneVsAllClassifier": "reductions.one_vs_all",
    "OneVsOneClassifier": "reductions.one_vs_one",
    "SoftmaxRegression": "estimators.softmax_regression",
    "TreeReductionClassifier": "reductions.tree_reduction",
    "check_gradient": "estimators.check_gradient",
    "cross_entropy": "nn.losses",
    "learning_rate_range_test": "estimators.range_test",
    "log_softmax": "nn.losses",
    "show_versions": "_versions",
    "softmax": "nn.losses",
}
_FOLDERS = ("augment", "estimators", "nn", "optim", "plotting", "reductions")


def __getattr__(name: str) -> Any:
    if name in _FOLDERS:
        return import_module(f"skmlp.{name}")
    if name not in _MODULES:
        raise AttributeError(f"module 'skmlp' has no attribute {name!r}")
    value = getattr(import_module(f"skmlp.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_FOLDERS})
