"""A run's folder as the result of a sweep, for those who bring the recipe.

The folder says what hyperparameters are called and what values they have, not of which
class they are: without the space they can be had as attributes and by key. Nothing in
the folder is executed.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import GetAttrKey
from numpy.typing import NDArray

from jaxdl import runs
from jaxdl.data import Dataset
from jaxdl.engine.checkpoints import Keeper
from jaxdl.engine.plan import MAX_PROGRAMS, Plan
from jaxdl.engine.population import Population
from jaxdl.searches.rungs import Rung, check_rung
from jaxdl.spaces.distributions import AsSize, Static
from jaxdl.spaces.either import Either
from jaxdl.spaces.structures import choices, label, structures
from jaxdl.sweeps.result import SweepResult, make_result
from jaxdl.train import (
    Member,
    Outline,
    RecipeError,
    RecipeFunction,
    Structure,
    canonical,
    flatten,
    trace,
)

REFUSED = (
    AttributeError, LookupError, OverflowError, RecursionError, TypeError, ValueError,
)  # fmt: skip
MOST_VALUES = 2**26  # of a metric; what says more is refused


Tree = Callable[[Mapping[str, Any]], Any]  # from leaves by name


@jax.tree_util.register_pytree_with_keys_class
class Named(dict):
    """Hyperparameters by name, as keys and as attributes, in the order they came."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"expected one of {list(self)}; got {name}") from None

    def tree_flatten_with_keys(self):
        return [(GetAttrKey(name), x) for name, x in self.items()], tuple(self)

    @classmethod
    def tree_unflatten(cls, names, values):
        return cls(zip(names, values, strict=True))


class Bounded(AsSize):
    """A size whose bounds are known already."""

    def bounds(self) -> tuple[int, ...]:
        """Returns the values themselves."""
        return tuple(np.unique(self.values).tolist())


def read_result(
    run_dir: str | os.PathLike[str], recipe: RecipeFunction, space: Any = None
) -> SweepResult:
    """Returns what is on record of a sweep, which may still be going on.

    Args:
        run_dir: the folder of a run.
        recipe: the run's own.
        space: the run's own, for a recipe that takes hyperparameters by place or by
            their class. None: it takes them as attributes or by key.

    Raises:
        DamagedError: the folder's database is damaged.
        OSError: the folder holds no run that can be read.
        RunMismatchError: the recipe is not the run's own, or the space has other
            hyperparameters.
    """
    with runs.read_run(run_dir) as store:
        try:
            return _result(store, recipe, _tree(store.specification, space))
        except (RecipeError, runs.RunMismatchError):
            raise
        except REFUSED as error:
            raise runs.DamagedError(
                f"the run in {run_dir} says what no sweep says ({error!r:.200}); "
                "expected one that nothing else has written to"
            ) from error


def _result(store: runs.Store, recipe: RecipeFunction, tree: Tree) -> SweepResult:
    said = store.specification
    variants = _variants(said)
    space = _space(said, tree)
    rungs = [_rung(said, tree, *stored) for stored in store.rungs()]
    if not rungs:
        raise FileNotFoundError(f"nothing has trained yet in {store.folder}")
    outlines = _outlines(recipe, said, space)
    unused = np.zeros((said["members"] * variants, 2), np.uint32)  # keys
    population = Population(unused, said["epochs"])
    keeper = Keeper(store, space, outlines, variants, said["patience"] is not None)
    for number, rung in enumerate(rungs):
        check_rung(rung, len(unused), said["epochs"])
        population.enter(rung)
        population.restore(keeper.restored(number, rung))
    if len(store.rungs()) > len(rungs):  # the next one drops what this one had
        return _result(store, recipe, tree)
    key = jax.random.wrap_key_data(jnp.array(said["key"], jnp.uint32))
    settings = {n: said[n] for n in ("patience", "repeats", "folds")}
    settings["goes_on"] = not runs.is_finished(store.folder)
    precisions = said["precision"]
    return make_result(
        recipe, space, key, Plan(**said["plan"]), precisions, population, **settings
    )


def load_member(
    run_dir: str | os.PathLike[str],
    recipe: RecipeFunction,
    member: int,
    *,
    space: Any = None,
) -> Member:
    """Returns a trained member of a run.

    Args:
        run_dir: the folder of the run.
        recipe: the run's own.
        member: its number.
        space: as for `read_result`.

    Raises:
        IndexError: there is no such member.
        OSError, RunMismatchError: as `read_result`.
        ValueError: it has not trained.
    """
    return read_result(run_dir, recipe, space).member(member)


def _variants(said: Mapping[str, Any]) -> int:
    """Returns V, having checked that all members' metrics fit into memory."""
    members, epochs, repeats = (said[n] for n in ("members", "epochs", "repeats"))
    variants = repeats * (said["folds"] or 1)
    if min(members, epochs, variants) < 1 or members * variants * epochs > MOST_VALUES:
        raise ValueError(f"{members} members of {variants}, {epochs} epochs")
    return variants


def _space(said: Mapping[str, Any], tree: Tree) -> Any:
    """Returns a space that can give the groups of the run's, and draws nothing."""
    leaves: dict[str, Any] = {}
    for name, kind in said["leaves"]:
        if "bounds" in kind:
            leaves[name] = Bounded(np.array(kind["bounds"]))
        else:
            leaves[name] = Static(kind["static"]) if "static" in kind else 0.0
    return tree(leaves)


def _rung(
    said: Mapping[str, Any],
    tree: Tree,
    members: Any,
    hparams: Mapping[str, Sequence[Any]],
    until: Any,
    parents: Any,
) -> Rung:
    columns = {
        name: _column(hparams[name], static="static" in kind)
        for name, kind in said["leaves"]
    }
    return Rung(members, tree(columns), until, parents)


def _outlines(
    recipe: RecipeFunction, said: Mapping[str, Any], space: Any
) -> dict[Structure, Outline]:
    """Returns the outline of each program of the run, having checked the recipe."""
    kinds, outlines = dict(said["leaves"]), {}
    train = Dataset(*(x and jax.ShapeDtypeStruct(*x) for x in said["shapes"]))
    for structure in structures(space, MAX_PROGRAMS):
        traced = {
            name: jax.ShapeDtypeStruct((), kinds[name]["traced"])
            for name in structure.names
            if "traced" in kinds[name]
        }
        try:
            outline, _, _ = trace(recipe, traced, structure, train)
        except (RecipeError, *REFUSED) as error:
            raise runs.RunMismatchError(
                f"got a recipe that fails on the run's hyperparameters "
                f"{', '.join(structure.names)} ({error!r:.200}); expected the recipe "
                "that the run was trained with, which takes them by name, as "
                "attributes or keys; or give its space as well"
            ) from error
        if outline.program != said["programs"].get(label(structure)):
            raise runs.RunMismatchError(
                f"got a recipe whose program for {label(structure) or 'all members'} "
                "is not the run's; expected the recipe that the run was trained with, "
                f"and jax {said['versions']['jax']} (this is {jax.__version__})"
            )
        outlines[structure] = outline
    return outlines


def _column(values: Sequence[Any], *, static: bool) -> NDArray[Any]:
    """Returns values of members as the sweep had them."""
    if static:
        column = np.empty(len(values), object)
        column[:] = values
        return column
    return np.asarray(canonical(np.asarray(values)))


def _tree(said: Mapping[str, Any], space: Any) -> Tree:
    """Returns what makes the space's tree of leaves; without a space, one by name."""
    if space is None:
        return lambda leaves: _named(leaves, said["choices"])
    names, _, treedef = flatten(space)
    recorded = [name for name, _ in said["leaves"]]
    if list(names) != recorded or choices(space) != said["choices"]:
        raise runs.RunMismatchError(
            f"got a space with the hyperparameters {', '.join(names)}; expected that "
            f"of the run, which has {', '.join(recorded)}"
        )
    return lambda leaves: jax.tree.unflatten(treedef, [leaves[name] for name in names])


def _named(leaves: Mapping[str, Any], choices: Mapping[str, Sequence[str]]) -> Any:
    """Returns leaves by name as the tree that these names are of."""
    nested: dict[str, Any] = {}
    for name, leaf in leaves.items():
        node, (*levels, last) = nested, name.split(".")
        for level in levels:
            node = node.setdefault(level, {})
        node[last] = leaf

    def build(node: Any, path: str) -> Any:
        if not isinstance(node, dict):
            return node
        inner = {
            key: build(x, f"{path}.{key}" if path else key) for key, x in node.items()
        }
        if path not in choices:
            return Named(inner)
        options = choices[path]
        values = [inner.get(option, Named()) for option in options]
        return Either.tree_unflatten(tuple(options), [inner["name"], *values])

    return build(nested, "")
