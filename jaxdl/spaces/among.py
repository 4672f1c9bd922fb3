"""A choice that is traced, so that members with different options share a program."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from jaxdl.one_of import OneOf
from jaxdl.spaces.contract import Distribution, SpaceError
from jaxdl.spaces.distributions import PlainOptions, check_options
from jaxdl.spaces.either import Either


@dataclasses.dataclass(frozen=True)
class Among(PlainOptions):
    """One of several options, all equally likely; which one is traced.

    The recipe gets an `nn.OneOf`, which `nn.among`, `nn.maybe` and `optim.among` take:
    they compute all options and select one. So an activation, an optimizer or a
    schedule can vary within one program. What changes shapes is `Static` or `AsSize`.
    Results, tables and files show the option's name.

    Options may have hyperparameters of their own. Then the recipe gets an `Either` of
    all of them, traced but for a `Static` of theirs: for
    `Hparams(optimizer=Among({"adam": {"beta1": ...}, "sgd": {}}))` these are
    `hp.optimizer.name`, an `nn.OneOf`, and `hp.optimizer.options["adam"]["beta1"]`. In
    results, the values of options that are not chosen are NaN.

    Args:
        options: names, each a str, an int or a bool; or a dict, of which the names
            count, such as the one that `nn.among` takes; or a dict of spaces by name.
        values: an option for each member, which are used as given; None: drawn.

    Raises:
        SpaceError: there are no options; one is of another type, or two look alike; or
            a value is no option.
    """

    options: Any  # pyrefly: ignore
    values: Any = dataclasses.field(default=None, repr=False)

    def __new__(cls, options: Any = (), values: Any = None):
        if not _are_spaces(options):
            return super().__new__(cls)
        either = Either(options)
        either.name = cls([*options], values)
        return either

    def __post_init__(self):
        if isinstance(self.options, Mapping):
            object.__setattr__(self, "options", tuple(self.options))
        check_options(self)
        if not all(type(option) in (str, int, bool) for option in self.options):
            raise SpaceError(
                f"got {self}; expected a str, an int or a bool for each option: choose "
                "by name, and map the names with nn.among or optim.among in the recipe"
            )
        distinct = {*self.options}, {*map(str, self.options)}
        if min(map(len, distinct)) < len(self.options):
            raise SpaceError(f"got {self}; expected names that differ")
        if self.values is not None:
            object.__setattr__(self, "values", tuple(self.values))
            self.places(self.values)

    @property
    def drawn(self) -> bool:  # pyrefly: ignore
        """Returns whether the options are drawn."""
        return self.values is None

    def given(self, values: Sequence[Any]) -> Any:
        """Returns the choices of members, of the same options."""
        return Among(self.options, tuple(values))

    def arguments(self) -> list[Any]:
        """Returns the options; with values, the options and the values as lists."""
        options = [*self.options]
        return options if self.values is None else [options, [*self.values]]

    @classmethod
    def from_arguments(cls, arguments: Sequence[Any]) -> Any:
        """Returns the distribution that has these `arguments`."""
        given = [*map(type, arguments)] == [list, list]  # no option is a list
        return cls(*arguments) if given else cls(arguments)

    def places(self, values: Sequence[Any]) -> NDArray[np.int64]:
        """Returns where among the options values are, `[n]`.

        Raises:
            SpaceError: one is no option.
        """
        place = {option: i for i, option in enumerate(self.options)}
        for value in values:
            if value not in place:
                raise SpaceError(
                    f"got the choice {value!r:.80}; expected one of {[*self.options]}"
                )
        return np.array([place[value] for value in values], np.int64)

    def one(self, value: Any) -> OneOf:
        """Returns an option as a recipe receives it."""
        return OneOf(int(self.places([value])[0]), self.options)


def _are_spaces(options: Any) -> bool:
    """Returns whether options are spaces by name, of which one is not empty."""
    if not isinstance(options, Mapping):
        return False
    spaces = [*options.values()]
    if any(isinstance(leaf, Distribution) for leaf in jax.tree.leaves(spaces)):
        return True
    return all(isinstance(space, Mapping) for space in spaces) and any(spaces)
