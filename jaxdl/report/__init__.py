"""Figures of a sweep, and a page of all figures."""

from jaxdl.report.curves import learning_curves, train_against_dev
from jaxdl.report.more_data import more_data
from jaxdl.report.network import confusion, learning_rates, signal, worst_examples
from jaxdl.report.page import report
from jaxdl.report.parallel import parallel_coordinates
from jaxdl.report.pareto import pareto
from jaxdl.report.ranges import heat_map, hyperparameters, importance
from jaxdl.report.searches import funnel, lineage

__all__ = [
    "confusion",
    "funnel",
    "heat_map",
    "hyperparameters",
    "importance",
    "learning_curves",
    "learning_rates",
    "lineage",
    "more_data",
    "parallel_coordinates",
    "pareto",
    "report",
    "signal",
    "train_against_dev",
    "worst_examples",
]
