"""The scikit-learn faces of the mathematics."""
