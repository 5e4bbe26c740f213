"""The hidden layers of a network as a transformer."""

from sklearn import get_config
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.validation import check_is_fitted

from skmlp.estimators._network_pieces import check_layer, hidden_sizes


class HiddenFeatures(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    r"""Features that a network has learned: the activations of one of its hidden layers.

    What follows the last hidden layer of a network is a linear model. Its features were made for
    this one task, but other models can use them too: a tree, nearest neighbours, another loss.
    `fit` trains a clone of the network, and `transform` computes

    .. math:: A_l = \varphi_l(A_{l-1} W_l + b_l), \qquad A_0 = X .

    Parameters
    ----------
    net : MLPNet or MLPNetRegressor
        The network to be trained. One that is trained already is taken as it is if it is wrapped in
        ``sklearn.frozen.FrozenEstimator``.
    layer : int, default=-1
        Index of the hidden layer; negative ones count from the last.

    Attributes
    ----------
    net_ : MLPNet or MLPNetRegressor
        The trained network.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if X had names that are all strings.

    See Also
    --------
    MLPNet.hidden_features : The same of a fitted network.

    Notes
    -----
    A network can learn its training rows by heart. Their features then separate the classes better
    than those of other rows do, so a model that is fitted on them is too sure of itself; judge the
    whole pipeline on rows it has not seen, as cross-validation does.

    Cost: the fit of the network; then O(n_samples n_weights) for each `transform`.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from skmlp import HiddenFeatures, MLPNet
    >>> X, y = load_digits(return_X_y=True)
    >>> net = MLPNet(hidden_layer_sizes=(64, 8), max_iter=20, random_state=0)
    >>> model = make_pipeline(HiddenFeatures(net), KNeighborsClassifier())
    >>> model = model.fit(X[:1400] / 16, y[:1400])
    >>> model[0].transform(X[1400:] / 16).shape
    (397, 8)
    >>> model.score(X[1400:] / 16, y[1400:]) > 0.85
    True
    """

    def __init__(self, net, layer=-1):
        self.net = net
        self.layer = layer

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        of_net = get_tags(self.net)
        tags.input_tags.sparse = of_net.input_tags.sparse
        tags.target_tags = of_net.target_tags
        # The features have the dtype in which the network computes.
        tags.transformer_tags.preserves_dtype = []
        return tags

    def get_metadata_routing(self):
        """Return who gets metadata: what is passed to `fit` goes to ``net.fit``.

        Returns
        -------
        routing : MetadataRouter
            The routing.
        """
        mapping = MethodMapping().add(caller="fit", callee="fit")
        mapping.add(caller="fit_transform", callee="fit")
        return MetadataRouter(owner=type(self).__name__).add(net=self.net, method_mapping=mapping)

    def fit(self, X, y, **fit_params):
        """Train a clone of the network.

        Parameters
        ----------
        X : array-like or sparse array of shape (n_samples, n_features)
            Training rows, scaled.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        **fit_params : dict
            Passed to ``net.fit``: ``sample_weight``, ``X_val``, ``y_val`` and so on. With
            scikit-learn's metadata routing, those that `net` requests.

        Returns
        -------
        self : HiddenFeatures
            The fitted transformer.

        Raises
        ------
        TypeError
            If `net` has no hidden features.
        ValueError
            If `layer` is not one of its hidden layers, or its ``fit`` raises.
        """
        if not hasattr(self.net, "hidden_features"):
            raise TypeError(
                "net must be a network with hidden_features, such as MLPNet (a scaler goes into a "
                f"pipeline before HiddenFeatures), got {self.net!r}."
            )
        check_layer(self.layer, len(hidden_sizes(self.net.hidden_layer_sizes)))
        if get_config()["enable_metadata_routing"]:
            fit_params = process_routing(self, "fit", **fit_params).net.fit
        self.net_ = clone(self.net).fit(X, y, **fit_params)
        self.n_features_in_ = self.net_.n_features_in_
        if hasattr(self.net_, "feature_names_in_"):
            self.feature_names_in_ = self.net_.feature_names_in_
        return self

    def transform(self, X):
        """Compute the activations of the hidden layer.

        Parameters
        ----------
        X : array-like or sparse array of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        A : ndarray of shape (n_samples, n_units)
            Activations.
        """
        check_is_fitted(self)
        return self.net_.hidden_features(X, self.layer)

    @property
    def _n_features_out(self):
        """Number of units of the layer, of which the names of the features are made."""
        return hidden_sizes(self.net_.hidden_layer_sizes)[self.layer]
