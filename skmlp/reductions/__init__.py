"""Multiclass classifiers made from simpler ones: code matrices, trees, and what decodes them."""
