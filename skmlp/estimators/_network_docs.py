"""What the docstrings of the network estimators have in common."""

from skmlp._docs import with_sections

ARCHITECTURE = """\
hidden_layer_sizes : int or sequence of int, default=(200, 100)
        Numbers of units of the hidden layers. ``()`` is a linear model.
    activation : str, Activation or list of these, default="tanh"
        Of all hidden layers, or one for each: ``"identity"``, ``"relu"``, ``"leaky_relu"``,
        ``"elu"``, ``"selu"``, ``"gelu"``, ``"silu"``, ``"softplus"``, ``"tanh"``,
        ``"logistic"``, an object of `skmlp.nn.activations`, or your own `Activation`."""

TRAINING = """\
optimizer : str or Optimizer, default="adam"
        ``"sgd"``, ``"momentum"``, ``"nesterov"``, ``"adagrad"``, ``"rmsprop"``, ``"adam"``,
        ``"adamw"``, or an object of `skmlp.optim` such as ``Adam(beta1=0.8)``, whose parameters a
        grid search reaches as ``optimizer__beta1``. ``"lbfgs"`` takes all rows at once: for small
        data, without dropout and augmentation.
    learning_rate : "auto", float or Schedule, default="auto"
        Step size: constant, or a schedule of `skmlp.optim` in epochs. ``"auto"`` falls from a rate
        that suits the optimizer to a twentieth of it along half a cosine, with which a fit ends,
        unless `max_iter` ends it before; `partial_fit` goes on at the last rate. It takes 40
        epochs, on small data as many as make 400 steps, up to 200. If you tune one parameter, tune
        this one; `learning_rate_range_test` suggests where to look. lbfgs finds its own.
    alpha : float, default=3e-5
        Strength of the L2 penalty on the weights; biases are not penalized.
    batch_norm : bool, default=False
        Whether to normalize the pre-activations of every hidden layer over each batch.
    dropout : float or list of float, default=0.0
        Probability with which a hidden unit is silent in a step of training, for all hidden layers
        or one for each, in [0, 1).
    input_dropout : float, default=0.0
        The same for the features.
    augment : callable, default=None
        ``augment(X, y, rng) -> (X, y)``, applied to every batch in training and never in
        prediction: one of `skmlp.augment` or a function of your own. ``y`` comes as numbers of
        shape (n_rows, n_outputs). Both must keep their shapes.
    initializer : str or Initializer, default="auto"
        Of the weights of hidden layers: ``"glorot"``, ``"he"``, ``"lecun"`` or an object.
        ``"auto"`` takes what suits the activation. The output layer has Glorot's. Biases of hidden
        layers are drawn uniformly up to ``1 / sqrt(fan_in)``.
    batch_size : "auto" or int, default="auto"
        Rows in a mini-batch; a larger number than there are rows means all. ``"auto"`` is a
        hundredth of the rows, but between 32 and 256.
    max_iter : int, default=200
        Largest number of epochs; with lbfgs, of steps.
    tol : float, default=1e-4
        The training has come to rest when for `n_iter_no_change` epochs its objective has not
        fallen by this much: in nats for a classifier, as a share of what the best constant costs
        for a regressor. Epochs before the end of a schedule that has one do not count. With lbfgs,
        when ten steps together have gained less than that.
    n_iter_no_change : int, default=10
        Patience in epochs, for `tol` and for early stopping.
    early_stopping : bool, default=False
        Whether to stop when what is monitored on validation rows has not improved for
        `n_iter_no_change` epochs, and return to the parameters that had the best. The rows are
        `X_val` if given to fit, else a part of the training rows that is then not learned from.
    validation_fraction : float, default=0.1
        Share of the training rows held out for early stopping.
    monitor : str or callable, default="loss"
        What is monitored on validation rows: ``"loss"``, without the penalty; or the name of a
        scorer of scikit-learn such as ``"accuracy"``, or a scorer."""

ADMINISTRATION = """\
warm_start : bool, default=False
        Whether ``fit`` goes on from where the last one ended, with the optimizer's memory and the
        clock of the schedule. Early stopping begins anew in every call.
    shuffle : bool or "with_replacement", default=True
        Visit the rows of every epoch in random order, in the given order, or draw each one
        independently.
    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights, the order of rows, dropout, augmentation and the choice of
        validation rows.
    dtype : {"auto", "float32", "float64"}, default="auto"
        Precision of the computation. ``"auto"`` is single, but double with lbfgs, whose line search
        needs the digits.
    verbose : bool, default=False
        Whether to print one line an epoch."""

ATTRIBUTES = """\
coefs_ : list of ndarray of shape (fan_in, fan_out)
        Weights of every layer of units in prediction, where batch norm is a part of them.
    intercepts_ : list of ndarray of shape (fan_out,)
        Their biases.
    n_iter_ : int
        Epochs made, those before a warm start included.
    loss_ : float
        The objective J in the last epoch, or the one returned to, as its batches found it.
    best_loss_ : float
        The smallest objective of all epochs.
    loss_curve_ : list of float
        The objective in each epoch.
    validation_loss_curve_ : list of float or None
        Mean loss on the validation rows after each epoch, if there are any.
    validation_scores_ : list of float or None
        Score on the validation rows after each epoch, larger is better: that of the scorer
        `monitor`, or the negative loss.
    history_ : dict of str to list
        For each epoch ``loss``, ``validation_loss``, ``validation_score``, ``rate``,
        ``gradient_norm`` and ``seconds``, as far as there are such. ``pandas.DataFrame(history_)``
        is a table.
    converged_ : bool
        Whether training stopped because of `tol` or early stopping.
    road_ : {"compiled", "readable"}
        Whether compiled code or NumPy ran the epochs of the last call; the results are the same.
    n_layers_ : int
        Layers of units, the input and the output included.
    n_outputs_ : int
        Columns of scores.
    out_activation_ : str
        What turns scores into predictions.
    theta_ : ndarray of shape (n_params,)
        All parameters in one vector, with batch norm's statistics.
    network_ : Network
        The function of which ``theta_`` holds the parameters.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if X had names that are all strings."""

NOTES = """\
An epoch costs O(n_samples n_weights) time. Memory beyond X: a few copies of the parameters, and
    the activations of one batch, with lbfgs of all rows and a copy of X. Holding rows out copies X.
    A row with weight 2 counts twice in the objective, but once in the statistics of batch norm.

    With lbfgs, rows that occur several times are evaluated once, and all in an order that does not
    depend on yours: a row with weight 2 is a row twice, to the last digit. Batch norm, which counts
    rows, does without.

    Training is reproducible bit for bit for a seed, on the same machine and number of threads."""

with_common_sections = with_sections(
    {
        "architecture": ARCHITECTURE,
        "training": TRAINING,
        "administration": ADMINISTRATION,
        "attributes": ATTRIBUTES,
        "notes": NOTES,
    }
)
