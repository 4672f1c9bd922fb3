"""scikit-learn: estimators, and a search whose candidates and folds train together."""

from jaxdl.extras import library

library("sklearn", "sklearn", "estimators of scikit-learn")

from jaxdl.interop.sklearn.estimators import (  # noqa: E402
    JaxdlClassifier,
    JaxdlRegressor,
)
from jaxdl.interop.sklearn.search import SweepSearchCV  # noqa: E402

__all__ = ["JaxdlClassifier", "JaxdlRegressor", "SweepSearchCV"]
