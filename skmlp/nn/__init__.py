"""Functions of a model and their derivatives: losses, the linear objective, its curvature."""
