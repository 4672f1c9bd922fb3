"""A recipe: a pure function from hyperparameters to one model's training."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import optax

from jaxdl import nn
from jaxdl.counts import is_count
from jaxdl.nn.among import SEVERAL
from jaxdl.nn.losses import PerExample
from jaxdl.nn.penalties import Penalty
from jaxdl.train.score import RankBy, WholeSet, check_metrics, check_rank_by
from jaxdl.train.structure import RecipeError


class Recipe(NamedTuple):
    """One model's training; a recipe function returns it for hyperparameters.

    JAX traces the function, so any number in it may be a tracer. `batch_size` is a
    plain int, since it shapes the program. Each call of `fit` or `sweep` traces the
    function again, so what it reads beside its hyperparameters, such as a global, has
    the value of that moment. A second parameter without default receives the `Facts` of
    the training: `recipe(hp, facts)`.

    `metrics` are functions by name, `f(outputs [m, ...], labels [m, ...], weights [m]
    or None) -> scalar`, such as `{"auc": train.auc}`. Each is computed on the whole dev
    set after each epoch, in the program, and is the curve `dev_auc`. `rank_by` names
    what ranks models: `error`, `loss` or a metric. A minus in front, as in `-auc`,
    means that larger is better. Searches, early stopping, results and figures go by it.
    All programs of a space have the same names of metrics and the same `rank_by`.

    Several objectives, such as `rank_by=("error", "parameters")`, rank by dominance:
    `a` dominates `b` if it is no worse in any objective and better in one, see
    `searches.ranking`. `parameters` is how many parameters the model has; of sizes the
    live ones count, and of options the chosen ones. Halving, Hyperband, rankings and
    tables go by all; early stopping, population based training, refinement, Optuna and
    ensembles by the first.

    `step(cost, train_state, batch) -> (train_state, metrics)` takes the place of the
    optimizer's update. `cost(params, train_state, batch) -> (J, (metrics, state))` is
    what the update descends: J with its penalty, the `loss` and `error` of the batch,
    and the new state of the layers. The optimizer makes the first `opt_state`, whatever
    the step does with it. `eval_params(opt_state, params)` are the parameters that are
    evaluated, predicted with and exported, such as averaged ones; a run keeps those
    that train as well. `docs/updates.md` has examples of both.

    >>> from jaxdl import nn, optim
    >>> from jaxdl.train import Recipe
    >>> def recipe(hp):
    ...     model = nn.serial(nn.dense(16), nn.relu, nn.dense(10))
    ...     return Recipe(model, optim.adam(hp["rate"]), nn.softmax_cross_entropy)
    >>> recipe({"rate": 0.01}).batch_size
    64
    """

    model: nn.Layer
    optimizer: optax.GradientTransformation
    loss: PerExample  # loss(outputs, labels) -> [B], or [B, ...], whose mean counts
    penalty: Penalty = nn.none  # penalty(params, num_examples) -> scalar
    batch_size: int = 64
    error: PerExample | None = None  # None: the 0-1 error of the loss, else the loss
    precision: str = "float32"  # of matrix products, one of PRECISIONS
    metrics: Mapping[str, WholeSet] = MappingProxyType({})
    rank_by: RankBy = "error"  # of the dev set; a minus in front: larger is better
    step: Callable[..., Any] | None = None  # None: the optimizer's update
    eval_params: Callable[[Any, Any], Any] | None = None  # None: those that train


# JAX's names for the type to which a matrix product rounds its float32 factors; sums
# are in float32. A device without tensorfloat32 computes in float32. `dense` and
# `conv2d` round to bfloat16 on every device; in other products a CPU does not round.
PRECISIONS = ("float32", "tensorfloat32", "bfloat16")

RecipeFunction = Callable[..., Recipe]  # of hyperparameters, and maybe of `Facts`


def error_of(recipe: Recipe) -> PerExample:
    """Returns the error of an example, whose mean ranks models by default.

    It is the recipe's own error; else, with a cross-entropy, its 0-1 error; else the
    loss.

    Raises:
        RecipeError: it has no error, and its loss is one of several that differ.
    """
    if recipe.error is not None:
        return recipe.error
    plain = nn.plain_loss(recipe.loss)
    if hasattr(plain, SEVERAL):
        raise RecipeError(
            "the recipe's loss is one of several, by which models cannot be compared; "
            "expected an error as well, such as error=jaxdl.nn.zero_one_error"
        )
    if plain is nn.softmax_cross_entropy:
        return nn.zero_one_error
    return nn.sigmoid_error if plain is nn.sigmoid_cross_entropy else recipe.loss


def build(recipe: RecipeFunction, hp: Any) -> Recipe:
    """Returns `recipe(hp)`, checked as far as possible without data.

    Raises:
        RecipeError: it is not a `Recipe`, its batch size is not a plain int of at least
            1, its optimizer has no `update`, its precision is unknown, `step` or
            `eval_params` is no function, a metric has an impossible name, or `rank_by`
            names no metric.
    """
    built = recipe(hp)
    if not isinstance(built, Recipe):
        raise RecipeError(
            f"the recipe returned {type(built).__name__}; expected a jaxdl.Recipe"
        )
    size = built.batch_size
    if not is_count(size):
        raise RecipeError(
            f"the recipe has batch_size={size!r}; expected a plain int of at least 1, "
            "since it shapes the program: give it as a constant or as Static([...])"
        )
    if not hasattr(built.optimizer, "update"):
        raise RecipeError(
            f"the recipe has optimizer={built.optimizer!r}; expected an optax "
            "GradientTransformation, such as optim.adam(hp.learning_rate)"
        )
    if not isinstance(built.precision, str) or built.precision not in PRECISIONS:
        raise RecipeError(
            f"the recipe has precision={built.precision!r}; expected one of "
            f"{', '.join(PRECISIONS)}"
        )
    precision = str(built.precision)  # JAX knows no np.str_
    for name in ("step", "eval_params"):
        own = getattr(built, name)
        if own is not None and not callable(own):
            raise RecipeError(
                f"the recipe has {name}={own!r:.80}; expected a function, or None"
            )
    metrics = check_metrics(built.metrics)
    return built._replace(
        model=nn.as_layer(built.model), batch_size=int(size), precision=precision,
        metrics=metrics, rank_by=check_rank_by(built.rank_by, metrics),
    )  # fmt: skip
