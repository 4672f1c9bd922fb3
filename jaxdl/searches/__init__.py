"""Which members train on, and how long: the rung protocol and the searches."""

from jaxdl.searches.auto import auto
from jaxdl.searches.freeze_thaw import freeze_thaw
from jaxdl.searches.halving import halving, hyperband
from jaxdl.searches.multi_pbt import multi_pbt
from jaxdl.searches.one_rung import grid_search, random, sobol
from jaxdl.searches.pbt import pbt
from jaxdl.searches.portfolio import portfolio
from jaxdl.searches.refinement import refinement
from jaxdl.searches.rungs import Rung, Search, Standing, ranking

__all__ = [
    "Rung", "Search", "Standing", "auto", "freeze_thaw", "grid_search", "halving",
    "hyperband", "multi_pbt", "pbt", "portfolio", "random", "ranking", "refinement",
    "sobol",
]  # fmt: skip
