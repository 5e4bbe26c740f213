"""Configuration of the documentation. The build reads only this repository, never the network."""

from sphinx_gallery.sorting import ExplicitOrder

import skmlp

project = "skmlp"
author = "the skmlp developers"
copyright = f"2026, {author}"
release = version = skmlp.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build"]

numpydoc_show_class_members = False  # the template of a class shows its members in full

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"(plot_\w+|quickstart)\.py$",  # the others are shown, but take too long
    "abort_on_example_error": True,
    "download_all_examples": False,
    "within_subsection_order": ExplicitOrder(  # the quickstart, then as in the guide
        [
            "quickstart.py",
            "plot_two_classes.py",
            "plot_three_regions.py",
            "plot_loss_bound.py",
            "plot_penalty.py",
            "plot_solvers.py",
            "plot_certificate.py",
            "plot_xor.py",
            "plot_universal_approximation.py",
            "plot_spirals.py",
            "plot_network_training.py",
            "plot_quantiles.py",
            "plot_optimizers.py",
            "plot_schedules.py",
            "plot_range_test.py",
            "plot_regularization.py",
            "plot_early_stopping.py",
            "plot_augmentation.py",
            "plot_code_matrices.py",
            "plot_decision_regions.py",
            "plot_error_correcting.py",
            "plot_class_tree.py",
            "plot_decoding.py",
            "plot_coupling.py",
            "plot_calibration.py",
            "*",
        ]
    ),
    "image_srcset": ["2x"],  # the guide shows these, sharp on any screen
    "reference_url": {"skmlp": None},
}

html_theme = "pydata_sphinx_theme"
html_title = f"skmlp {release}"
html_show_sourcelink = False


def skip_scikit_learn(app, what, name, obj, skip, options):
    """Leave out the methods that an estimator inherits: scikit-learn documents them."""
    return skip or str(getattr(obj, "__module__", "")).startswith("sklearn.")


def setup(app):
    app.connect("autodoc-skip-member", skip_scikit_learn)
