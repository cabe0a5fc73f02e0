"""The parameters that a search has, and those of each family of estimators: what they take, what they are for, how they are drawn."""

from __future__ import annotations

from mlops_tui.project.takes import Drawn, Takes

_WHOLE = Takes("a whole number from 1", "integer", least=1)
_ABOVE = Takes("a number above 0", "number", above=0)
_FROM = Takes("a number from 0", "number", least=0)
_SHARE = Takes("a share above 0, up to 1", "number", above=0, most=1)

OF_SEARCH: dict[str, Takes] = {
    "family": Takes("a family that can do the task"),
    "window": Takes('"all" or a length such as 90d', "window", choices=("all",)),
    "trials": _WHOLE,
    "timeout": Takes("seconds or a duration such as 60s", "duration", least=0),
    "seed": Takes("a whole number from 0", "integer", least=0),
}
"""Names that `--set` takes for the search itself; every other name is a parameter of the estimator."""
_TREES = {
    "n_estimators": Drawn(_WHOLE, 100, 50, 200, step=10),
    "min_samples_leaf": Drawn(Takes("a whole number from 1, or a share of the rows", "number", above=0), 5, 1, 50, log=True),
    "max_features": Drawn(Takes("a share above 0, up to 1; a count; sqrt or log2", "number", above=0, choices=("sqrt", "log2")), 0.3, 0.1, 1.0),
}  # fmt: skip
OF_FAMILY: dict[str, dict[str, Drawn]] = {
    "logistic_regression": {"C": Drawn(_ABOVE, 1.0, 1e-3, 100.0, log=True)},
    "ridge": {"alpha": Drawn(_FROM, 1.0, 1e-3, 1e4, log=True)},
    "hist_gradient_boosting": {
        "learning_rate": Drawn(_ABOVE, 0.1, 0.03, 0.3, log=True),
        "max_iter": Drawn(_WHOLE, 100, 50, 200, step=10),
        "max_leaf_nodes": Drawn(Takes("a whole number from 2", "integer", least=2), 31, 7, 63, log=True),
        "min_samples_leaf": Drawn(_WHOLE, 20, 5, 200, log=True),
        "l2_regularization": Drawn(_FROM, 1.0, 1e-3, 30.0, log=True),
        "max_features": Drawn(_SHARE, 1.0, 0.3, 1.0),
    },
    "random_forest": _TREES,
    "extra_trees": _TREES,
    "nearest_neighbours": {
        "n_neighbors": Drawn(_WHOLE, 15, 3, 50, log=True),
        "weights": Drawn(Takes("uniform or distance", "choice", choices=("uniform", "distance")), "distance"),
    },
}
"""Family of estimators → its parameters, in the order they are drawn."""
DEFAULT_FAMILIES = ("hist_gradient_boosting", "logistic_regression", "ridge", "random_forest")
"""What a search tries that names no families, as far as they can do its task."""

HELP = {
    "family": "the kind of estimator; the search compares those of mlops.toml",
    "window": "how far back the training rows go",
    "trials": "how many points the search tries",
    "timeout": "when the search begins no more trials",
    "seed": "of everything random",
    "C": "inverse strength of the regularisation: small is smooth",
    "alpha": "strength of the regularisation",
    "learning_rate": "how much each tree corrects those before",
    "max_iter": "how many trees follow one another",
    "max_leaf_nodes": "leaves of a tree at most",
    "min_samples_leaf": "rows in a leaf at least",
    "l2_regularization": "penalty on the values of leaves",
    "max_features": "share of the columns that each split looks at",
    "n_estimators": "how many trees",
    "n_neighbors": "how many near rows answer",
    "weights": "whether near rows count for more",
}
"""Parameter → what it is for."""
