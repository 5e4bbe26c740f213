"""The method that some reductions have if their estimator has it."""

from skmlp.reductions._available import available_if


def learns_in_parts(model):
    """Raise an AttributeError unless the estimator learns in parts."""
    if not hasattr(model.estimator, "partial_fit") or model.calibrate is not None:
        raise AttributeError(
            "partial_fit needs an estimator that has it and calibrate=None, "
            f"got {model.estimator!r} and calibrate={model.calibrate!r}."
        )


class HasPartialFit:
    """Mixin of reductions with ``partial_fit``."""

    @available_if(learns_in_parts)
    def partial_fit(self, X, y, classes=None, sample_weight=None, **partial_fit_params):
        """Go on with every learner by its ``partial_fit``.

        The problems are made in the first call. A learner none of whose classes has come yet says
        nothing of any row.

        Parameters
        ----------
        X : array-like, sparse array or data frame of shape (n_samples, n_features)
            Some rows.
        y : array-like of shape (n_samples,)
            Their labels.
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever occur; needed in the first call unless the parameter
            `classes` holds them. Later it may be left out.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        **partial_fit_params : dict
            What else goes to the ``partial_fit`` of the estimator, with scikit-learn's metadata
            routing enabled.

        Returns
        -------
        self : estimator
            The model, trained a little more.
        """
        return self._partial_fit(X, y, classes, sample_weight, partial_fit_params)
