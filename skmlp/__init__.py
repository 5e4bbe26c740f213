"""Multiclass classification and feed-forward networks for scikit-learn users."""

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
