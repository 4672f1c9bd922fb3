"""Which members train on, and how long: the rung protocol and the searches."""

from jaxdl.searches.halving import halving, hyperband
from jaxdl.searches.one_rung import grid_search, random, sobol
from jaxdl.searches.pbt import pbt
from jaxdl.searches.refinement import refinement
from jaxdl.searches.rungs import Rung, Search, Standing, ranking

__all__ = [
    "Rung", "Search", "Standing", "grid_search", "halving", "hyperband", "pbt",
    "random", "ranking", "refinement", "sobol",
]  # fmt: skip
