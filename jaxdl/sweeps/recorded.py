"""What a run has on record for those who resume it: its search, and its crew."""

import os

from jaxdl import runs
from jaxdl.engine.kind import Kind
from jaxdl.engine.population import Population
from jaxdl.runs import StoredRung
from jaxdl.searches.rungs import RECORDED, Standing
from jaxdl.searches.traits import traits_of


def recorded_rungs(population: Population) -> list[StoredRung]:
    """Returns the rungs that the run of a population has on record."""
    return [] if population.store is None else population.store.rungs()


def next_recorded(rungs: list[StoredRung], population: Population) -> Standing:
    """Returns the configurations of the rung after the last one, if it is on record.

    It is empty for a search that does not take its record: all else in a standing has
    an entry for each member of the rung, and a search may rely on that.

    Args:
        rungs: on record.
        population: with the rungs that were entered.
    """
    number, many = len(population.rungs), population.task.num_variants
    takes = traits_of(population.task.search).takes_record
    if number >= len(rungs) or not takes:
        return {}
    return {RECORDED: rungs[number].members[::many] // many}


def kind_of_run(run: str | os.PathLike[str] | None) -> Kind | None:
    """Returns the kind of hands that a run was trained with; None: there is no run.

    The platform is no part of a run; but for a CPU it is empty.
    """
    found = runs.specification_of(run)
    if not found:
        return None
    threads = found.get("threads")
    platform = "" if threads is None else "cpu"
    versions, flags = found.get("versions", {}), found.get("flags", {})
    return Kind(platform, str(found.get("device")), versions, flags, threads)
