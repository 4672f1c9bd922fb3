"""The part of a sweep that a shard trains."""

from jaxdl.counts import as_count
from jaxdl.engine.task import Task
from jaxdl.searches.shards import as_shard, part_of_search
from jaxdl.spaces.distributions import SpaceError


def part_of(task: Task, shard: tuple[int, int], *, extend: bool) -> Task:
    """Returns the task of a shard alone.

    Args:
        task: of the whole sweep.
        shard: (i, n), see `sweep`.
        extend: whether the run is to be extended.

    Raises:
        SpaceError: there is no such shard, it shall be extended, or the first members
            are those of another run.
    """
    if extend:
        raise SpaceError(
            "got extend with a shard; expected one of them: merge the shards, and "
            "extend the run that this gives"
        )
    if task.first:
        raise SpaceError(
            "got start_from with a shard; expected one of them: the first members of "
            "another run belong to a sweep that is not cut"
        )
    assert task.search is not None
    members = as_count("members", task.members, error=SpaceError)
    part = as_shard(shard, members, task.search)
    search = part_of_search(task.search, part)
    return task._replace(members=part.members, search=search, shard=part)
