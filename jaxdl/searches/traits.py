"""What is known of the searches of jaxdl beside the rungs that they ask for.

Each has a row by its name, since a run folder has no more of a search than that.
Nothing is known of any other search.
"""

from typing import Any, NamedTuple


class Traits(NamedTuple):
    """What may be relied on."""

    asks_once: bool = False  # its one rung has all members
    draws_each_alone: bool = False  # a member is the same if there are more of them
    foreseen: bool = False  # its rungs have the same sizes, whatever the scores are
    stops_for_good: bool = False  # a member that a rung leaves out never trains on
    # Where a run resumes, it takes its rungs from the record: it decides by numbers
    # that may round otherwise on another machine.
    takes_record: bool = False


DRAWS = Traits(asks_once=True, draws_each_alone=True, foreseen=True)
TRAITS = {
    "random": DRAWS,
    "sobol": DRAWS,
    "portfolio": DRAWS,
    "grid_search": DRAWS._replace(draws_each_alone=False),
    "refinement": Traits(foreseen=True),
    "auto": Traits(foreseen=True),
    "halving": Traits(foreseen=True, stops_for_good=True),
    "hyperband": Traits(foreseen=True, stops_for_good=True),
    "pbt": Traits(foreseen=True),
    "multi_pbt": Traits(foreseen=True),
    "freeze_thaw": Traits(takes_record=True),
    "optuna_halving": Traits(stops_for_good=True),
}


def traits_of(search: Any) -> Traits:
    """Returns what is known of a search."""
    ours = str(getattr(search, "__module__", "")).startswith("jaxdl.")
    return traits_named(name_of(search)) if ours else Traits()


def traits_named(name: str) -> Traits:
    """Returns what is known of a search of jaxdl by its name, as a run has it."""
    return TRAITS.get(name, Traits())


def name_of(search: Any) -> str:
    """Returns the name of the function that made a search, such as `halving`."""
    return getattr(search, "__qualname__", type(search).__name__).split(".")[0]
