"""A choice that is traced: all options are computed, and one select takes the chosen.

An option that is not chosen has no influence, whatever it computes. A select drops even
its NaN, both in the results and, through `guarded`, in the gradients. A product with 0
would keep it.
"""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NoReturn

import jax
import jax.numpy as jnp
import numpy as np

Named = str | bool | int  # how an option is called


@dataclasses.dataclass(frozen=True, eq=False)
class OneOf:
    """One of several options, which one is traced.

    A recipe gets a `OneOf` for each `Among` of the space. `nn.among` and `optim.among`
    take it.

        >>> nn.OneOf(1, ("relu", "tanh")).option
        'tanh'

    Raises:
        TypeError: it is traced, and used as a plain value.
        ValueError: `index` is not traced and names none.
    """

    index: Any  # [] int32, the place of the chosen option
    options: tuple[Named, ...]

    def __post_init__(self):
        object.__setattr__(self, "options", tuple(self.options))
        if isinstance(self.index, int | np.generic):
            if self.index not in range(len(self.options)):
                raise ValueError(
                    f"got OneOf with index={self.index!r} for the options "
                    f"{[*self.options]}; expected an int from 0 to "
                    f"{len(self.options) - 1}"
                )
            object.__setattr__(self, "index", int(self.index))  # of NumPy

    @property
    def option(self) -> Named:
        """Returns the chosen option.

        Raises:
            TypeError: it is traced.
        """
        if isinstance(self.index, jax.core.Tracer):
            self._refuse()
        return self.options[int(self.index)]

    def __eq__(self, other: object) -> bool:
        return self.option == (other.option if isinstance(other, OneOf) else other)

    def __hash__(self) -> int:
        return hash(self.option)

    def __bool__(self) -> bool:
        return bool(self.option)

    def __str__(self) -> str:
        return str(self.option)

    def _refuse(self, *_: Any) -> NoReturn:
        raise TypeError(
            f"got a choice among {[*self.options]} where a plain value is wanted: it "
            "is traced, since each model has its own. Give it to nn.among or "
            "optim.among, which compute all options and select one; to nn.maybe, if "
            "it switches a layer on; or make the hyperparameter Static([...]) in the "
            "space, so that each option has a program of its own"
        )

    __index__ = __float__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse


def check_options(
    what: str, which: OneOf | Named, options: Mapping[Any, Any]
) -> Collection[Any]:
    """Returns the options that `which` can choose.

    Args:
        what: the layer or optimizer that takes them, for errors.
        which: a `OneOf`, or the name of one option.
        options: by name.

    Raises:
        TypeError: `options` are not by name, or `which` is a traced number.
        ValueError: one that `which` can choose is missing.
    """
    if not isinstance(options, Mapping) or not options:
        raise TypeError(
            f"{what} got the options {options!r:.80}; expected a dict of at least one "
            'by name, such as {"relu": nn.relu, "tanh": nn.tanh}'
        )
    if not isinstance(which, OneOf | str | bool | int):
        raise TypeError(
            f"{what} got the choice {which!r:.80}; expected the hyperparameter of an "
            "Among([...]) in the space, or the name of an option"
        )
    wanted = which.options if isinstance(which, OneOf) else (which,)
    missing = [name for name in wanted if name not in options]
    if missing:
        raise ValueError(
            f"{what} got the options {[*options]} without {missing}; expected one for "
            f"each name that can be chosen, {[*wanted]}: give it, or take the name out "
            "of Among([...]) in the space"
        )
    return wanted


def select(what: str, which: OneOf, values: Sequence[Any]) -> Any:
    """Returns the tree of the chosen option.

    Args:
        what: the layer or optimizer that selects, for errors.
        which: the choice.
        values: a tree for each option, in their order.

    Raises:
        ValueError: the trees, or the shapes of their leaves, differ.
    """
    trees = [jax.tree.map(jnp.shape, value) for value in values]
    if any(tree != trees[0] for tree in trees):
        named = dict(zip(which.options, trees, strict=True))
        raise ValueError(
            f"{what} got options with results of shapes {named}; expected one shape "
            "for all, since a program selects one of them"
        )

    taken = values[0]
    for place, value in enumerate(values[1:], 1):
        taken = if_chosen(which, place, value, taken)
    return taken


def if_chosen(which: OneOf, place: int, yes: Any, no: Any) -> Any:
    """Returns the tree `yes` where the option at a place is chosen, else `no`."""
    chosen = which.index == place
    return jax.tree.map(lambda a, b: jnp.where(chosen, a, b), yes, no)


def guarded(which: OneOf, place: int, tree: Any) -> Any:
    """Returns the tree unchanged; an option that is not chosen sends no gradient back.

    Without it the gradient of that option would be `0 · NaN` where its derivative is
    not finite.

    Args:
        which: the choice.
        place: of the option that reads the tree.
        tree: arrays.
    """
    return if_chosen(which, place, tree, jax.lax.stop_gradient(tree))


def zero_unless_chosen(which: OneOf, place: int, tree: Any) -> Any:
    """Returns the tree where the option at a place is chosen, else zeros."""
    return if_chosen(which, place, tree, jax.tree.map(jnp.zeros_like, tree))
