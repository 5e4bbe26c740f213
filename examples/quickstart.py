"""
Quickstart
==========

Handwritten digits: choose the penalty by cross-validation, fit, and see what was learned, how well
it works on rows that were kept aside, and how close the fit is to the best there is.
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skmlp import SoftmaxRegression
from skmlp.plotting import ClassWeightsDisplay

# %%
# The data are images of 8 by 8 pixels. A quarter of them is kept for the test.

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.25, stratify=y, random_state=0
)
print(f"{len(X)} images of digits: {len(X_train)} to train on, {len(X_test)} to test on")

# %%
# ``SoftmaxRegression`` is an estimator like any other: it goes into a pipeline, and a grid search
# tunes it. The score is the logarithmic loss, because we want good probabilities and not only good
# labels.

pipeline = Pipeline([("scale", StandardScaler()), ("softmax", SoftmaxRegression())])
search = GridSearchCV(
    pipeline, {"softmax__alpha": np.logspace(-5, -2, 7)}, scoring="neg_log_loss", n_jobs=-1
)
search.fit(X_train, y_train)
alpha = search.best_params_["softmax__alpha"]
print(f"penalty by cross-validation: alpha = {alpha:.2g}, log loss {-search.best_score_:.3f}")

# %%
# The fit comes with a certificate: the objective is at most ``suboptimality_bound_`` above the
# smallest value that any weights can reach.

model = search.best_estimator_["softmax"]
print(
    f"fit: {model.n_iter_} {model.solver_} steps, objective {model.loss_:.5f}, "
    f"at most {model.suboptimality_bound_:.0e} above the minimum"
)

# %%
# On the test rows the loss is to be compared with ln 10 = 2.303, that of a model which gives each
# of the ten classes the same probability.

P = search.predict_proba(X_test)
predicted = search.predict(X_test)
accuracy = accuracy_score(y_test, predicted)
print(f"test: accuracy {accuracy:.3f}, log loss {log_loss(y_test, P):.3f} (guessing: 2.303)")

# %%
# The confusion matrix counts the test rows by true and predicted class.

print("\ntrue    predicted")
print("      " + "".join(f"{label:4d}" for label in model.classes_))
for label, counts in zip(model.classes_, confusion_matrix(y_test, predicted), strict=True):
    print(f"{label:4d}  " + "".join(f"{count or '.':>4}" for count in counts))

# %%
# The weights of a class are an image too. Ink on a red pixel speaks for the class, ink on a blue
# pixel against it: the centre of a zero is empty, and so is the lower left of a nine.

display = ClassWeightsDisplay.from_estimator(search.best_estimator_)
display.figure_.savefig("quickstart_weights.png", dpi=200)
print("\nweights of each class: quickstart_weights.png")
