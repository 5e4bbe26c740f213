"""Pictures of fitted models, in scikit-learn's convention for displays.

A display stores what it draws: ``from_estimator`` computes the data and draws them, ``plot`` draws
them again, for instance into other axes. Drawing needs matplotlib: ``pip install "skmlp[plot]"``.
"""

from skmlp.plotting.class_tree import ClassTreeDisplay
from skmlp.plotting.class_weights import ClassWeightsDisplay
from skmlp.plotting.code_matrix import CodeMatrixDisplay
from skmlp.plotting.loss_curve import LossCurveDisplay
from skmlp.plotting.range_test import RangeTestDisplay

__all__ = [
    "ClassTreeDisplay",
    "ClassWeightsDisplay",
    "CodeMatrixDisplay",
    "LossCurveDisplay",
    "RangeTestDisplay",
]
