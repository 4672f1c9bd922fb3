"""The task: all that a sweep's training is a pure function of, as one value."""

from typing import Any, NamedTuple

import jax

from jaxdl.counts import as_count, is_count
from jaxdl.data import About, Splits
from jaxdl.data.folds import Folds
from jaxdl.engine.inputs import Variant
from jaxdl.engine.plan import Plan, as_plan
from jaxdl.searches.rungs import Search
from jaxdl.searches.shards import Shard
from jaxdl.spaces.distributions import SpaceError
from jaxdl.spaces.structures import set_bounds
from jaxdl.train.check import as_patience
from jaxdl.train.recipe import RecipeFunction
from jaxdl.train.score import RankBy, curves

MOST_MEMBERS = 2**26  # a status and a place of each are kept in memory
MOST_MEMBER_EPOCHS = 2**31  # of each metric, one an epoch of a member


class Task(NamedTuple):
    """What to train: the same task gives the same bits, on one kind of device.

    A search speaks of configurations. Each has V = `num_variants` members, one for each
    repeat and fold.
    """

    recipe: RecipeFunction
    space: Any
    data: Splits | None  # None: the task is that of a folder, which holds no data
    key: jax.Array
    members: int  # that a search may ask for; with variants, configurations
    epochs: int  # that no member exceeds
    search: Search | None = None  # None: of a folder, which has its name alone
    patience: int | None = None  # epochs; None: no early stopping
    repeats: int = 1
    folds: Folds = None
    plan: Plan | None = None  # None: jaxdl decides, once the shapes are known
    # Whether folds deal integer labels class by class, by the loss; None: the data say.
    stratify: bool | None = None
    about: About = About()  # what is known of the data
    variants: tuple[Variant, ...] = ()  # [V], empty until the data are known
    # (parameters, layer state) that its one member begins with; None: drawn by key
    start: tuple[Any, Any] | None = None
    every: int | None = None  # steps whose mean loss is recorded; None: none is
    # Values of the first members by name; others are drawn. Empty: all are.
    first: tuple[dict[str, Any], ...] = ()
    decision: str = ""  # the search that `auto` took, and why; empty: it was named
    asked: int | None = None  # members that were asked for, if time allowed fewer
    keep: int | None = None  # configurations that keep weights, the best; None: all
    shard: Shard | None = None  # of a sweep, that the members are; None: the whole
    # Of the recipe: set once it has been traced.
    metrics: tuple[str, ...] = ()  # names of its own
    rank_by: RankBy = "error"

    @property
    def num_folds(self) -> int:
        """How many variants a repeat has; 1 without folds."""
        if self.folds is None or isinstance(self.folds, int):
            return self.folds or 1
        return len(self.folds)

    @property
    def num_variants(self) -> int:
        """V: how many members each configuration has."""
        return self.repeats * self.num_folds

    @property
    def offset(self) -> int:
        """The configuration of the whole sweep that configuration 0 is."""
        return 0 if self.shard is None else self.shard.first

    @property
    def whole(self) -> int:
        """How many configurations the sweep has that this is a shard of, or all of."""
        return self.members if self.shard is None else self.shard.whole

    @property
    def curves(self) -> tuple[str, ...]:
        """The names of all curves of a member, sorted."""
        return curves(self.metrics)

    @property
    def block_width(self) -> int:
        """How many members a block has room for, by the plan."""
        assert self.plan is not None and self.plan.block_width is not None
        return self.plan.block_width

    @property
    def bounded(self) -> Any:
        """The space with the bounds of the plan; None there: with those of its own."""
        bounds = None if self.plan is None else self.plan.bounds
        return set_bounds(self.space, bounds or {})

    @property
    def order(self) -> str:
        """Whether members share an order of the data or have their own, by the plan."""
        assert self.plan is not None and self.plan.order is not None
        return self.plan.order

    @property
    def num_members(self) -> int:
        """How many members there are, over all configurations and their variants."""
        return self.members * self.num_variants


def check_task(task: Task) -> Task:
    """Returns a task with plain ints, checked as far as one can without shapes.

    Raises:
        SpaceError: `members` is below 1, or there are too many members.
        ValueError: `epochs`, `patience`, `repeats`, `every` or `keep` is below 1, or
            the plan is wrong.
    """
    epochs = as_count("epochs", task.epochs)
    checked = task._replace(
        members=as_count("members", task.members, error=SpaceError),
        epochs=epochs,
        patience=as_patience(task.patience, epochs),
        repeats=as_count("repeats", task.repeats),
        folds=int(task.folds) if is_count(task.folds, least=0) else task.folds,
        every=None if task.every is None else as_count("every", task.every),
        keep=None if task.keep is None else as_count("keep", task.keep),
        plan=as_plan(task.plan, varied=task.repeats != 1 or task.folds is not None),
    )
    _check_size(checked)
    return checked


def _check_size(task: Task) -> None:
    folds = task.folds if isinstance(task.folds, int) else 1
    trainings = task.whole * task.repeats * max(1, folds)
    if trainings > MOST_MEMBERS:
        raise SpaceError(
            f"got members={task.whole}, repeats={task.repeats} and folds={folds}, "
            f"which are {trainings:,} trainings; expected at most {MOST_MEMBERS:,}"
        )
    if trainings * task.epochs > MOST_MEMBER_EPOCHS:
        raise SpaceError(
            f"got {trainings:,} trainings of {task.epochs:,} epochs; expected at most "
            f"{MOST_MEMBER_EPOCHS:,} epochs of all trainings together: fewer of either"
        )
