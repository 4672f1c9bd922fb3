"""The portfolio: settings of an optimizer that did well on many tasks come first.

`portfolio.json` has them, and how `experiments/portfolio` found them.
"""

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import jax

from jaxdl.searches.one_rung import random
from jaxdl.searches.rungs import Requests, Search
from jaxdl.spaces.contract import Distribution, SpaceError
from jaxdl.spaces.distributions import is_distribution
from jaxdl.spaces.first import first_of, value_in, with_first
from jaxdl.train.structure import by_name

RECORD = files("jaxdl.searches") / "portfolio.json"
# What a space may call each hyperparameter of a setting: the end of a leaf's name, such
# as that of `optimizer.adam.beta1`. Of a warm-up the share of all steps counts alone,
# since steps and epochs are other numbers.
NAMES = {
    "learning_rate": ("learning_rate", "lr"),
    "beta1": ("beta1", "beta_1", "b1"),
    "beta2": ("beta2", "beta_2", "b2"),
    "weight_decay": ("weight_decay", "wd"),
    "warmup_share": ("warmup_share", "warmup_fraction", "warmup_ratio"),
}
RATE = "rate"  # at the top of a space alone: elsewhere it may be that of a dropout

Setting = dict[str, float]


def portfolio() -> Search:
    """Returns random search whose first members have settings known to be good.

    The settings are of AdamW with warm-up and a cosine: learning rate, both betas,
    weight decay and the share of warm-up in all steps. jaxdl ships 64, in an order in
    which any first part of them suits many tasks at once: each next one lowers the mean
    over tasks of the best score so far the most; once every task has its best one, this
    begins again with the rest. Member i has setting i of those of
    which the space can give a value.

    A setting is taken by the names of hyperparameters: `learning_rate`, `lr` or `rate`;
    `beta1`, `beta_1` or `b1`, and so for `beta2`; `weight_decay` or `wd`;
    `warmup_share`, `warmup_fraction` or `warmup_ratio`. Names within a part of a space
    count too, but not `rate`. A value that the space cannot give, since it lies outside
    of a range or among no options, is drawn. So is all else of these members, and all
    of the members after them: they are as in a random search with the same key.

        >>> space = {"rate": dl.LogUniform(1e-4, 0.1), "units": dl.Static([16, 32])}
        >>> rung = next(dl.portfolio()(jax.random.key(0), space, 80, 1))
        >>> drawn = dl.sample(jax.random.key(0), space, 80)
        >>> same = rung.hparams["rate"] == drawn["rate"]
        >>> int(same[:64].sum()), bool(same[64:].all())
        (0, True)
        >>> bool((rung.hparams["units"] == drawn["units"]).all())
        True

    Raises:
        SpaceError: when the search begins, no leaf of the space that is drawn has one
            of the names, or no setting has a value that the space can give.

    Source: Metz et al., Using a Thousand Optimization Tasks to Learn Hyperparameter
    Search Strategies, 2020, whose list is chosen in the same way.
    """

    def search(key: jax.Array, space: Any, members: int, epochs: int) -> Requests:
        yield from random()(key, with_settings(space), members, epochs)

    return search


def with_settings(space: Any) -> Any:
    """Returns a space whose first draws have the settings that it can give.

    Those that it has already, of a start from another sweep, stay before them.

    Raises:
        SpaceError: as `portfolio`.
    """
    drawn = {n: leaf for n, leaf in by_name(space).items() if is_distribution(leaf)}
    known = {name: part for name in drawn if (part := part_of(name))}
    if not known:
        names = [*(name for own in NAMES.values() for name in own), RATE]
        raise SpaceError(
            f"got the portfolio with a space that draws {[*drawn]}; expected one of "
            f"the hyperparameters {names}: name them so, or take another search"
        )
    rows = [_row(setting, drawn, known) for setting in settings()]
    if not any(rows):
        told = ", ".join(f"{name}={drawn[name]}" for name in known)
        raise SpaceError(
            f"got the portfolio with {told:.200}, and none of its settings has a value "
            "that this can give; expected one: widen a range, or take another search"
        )
    return with_first(space, [*first_of(space), *filter(None, rows)])


def _row(
    setting: Setting, drawn: Mapping[str, Distribution], known: Mapping[str, str]
) -> dict[str, Any]:
    """Returns what leaves have of a setting by name, those that can give it.

    Args:
        setting: by the keys of `NAMES`.
        drawn: distributions by name.
        known: the keys of `NAMES` by the names of leaves.
    """
    found = {name: value_in(drawn[name], setting[part]) for name, part in known.items()}
    return {name: value for name, values in found.items() for value in values}


def part_of(name: str) -> str | None:
    """Returns the hyperparameter of a setting that a leaf's name means; None: none."""
    if name == RATE:
        return "learning_rate"
    last = name.rpartition(".")[2]
    return next((part for part, names in NAMES.items() if last in names), None)


def settings() -> list[Setting]:
    """Returns the settings in their order, each by the keys of `NAMES`."""
    return json.loads(RECORD.read_text(encoding="utf-8"))["settings"]
