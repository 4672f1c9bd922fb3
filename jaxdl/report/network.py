"""Figures of one model: its signal by layer, its learning rates, its mistakes."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxdl import diagnose, nn
from jaxdl.data import Dataset, Splits
from jaxdl.data.dataset import Moments
from jaxdl.diagnose.signal import FAR
from jaxdl.keys import as_key
from jaxdl.optim import Schedule
from jaxdl.report import ranked
from jaxdl.report.style import (
    BEST,
    BLUE,
    GRAY,
    LONGEST,
    SKY,
    figure,
    message,
    plain,
    tidy,
)
from jaxdl.sweeps import SweepResult
from jaxdl.train import Member
from jaxdl.train.facts import with_facts
from jaxdl.train.part import on_device

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXAMPLES = 256  # that the signal is followed on
LABELED = 20  # classes at most whose counts are written
POINTS = 200  # of a schedule
LINES = 50  # schedules
SHORT = 9  # letters of a class above a picture


def signal(result: SweepResult, dataset: Dataset) -> "Figure":
    """Returns norms of activations and gradients at the layers of the best member.

    In the band the signal neither explodes nor vanishes: it is within 100 times its
    start, which is the inputs on the way forward and the last layer on the way back.
    Layers outside are marked. A norm of 0, or one that is not finite, is written at the
    edge.

    Args:
        result: of a sweep.
        dataset: such as the train set; its first 256 examples count.

    Raises:
        ImportError: matplotlib is missing.
        ValueError: every configuration diverged.

    Source: see `diagnose.signal`.
    """
    found = _signal(result.best(), dataset)
    names = [*found.activations]
    drawn = figure(7.0, 1.4 + 0.28 * len(names))
    forward, back = drawn.subplots(1, 2, sharey=True)
    last = found.gradients[names[-1]]
    far = {*found.exploding, *found.vanishing}
    for axes, norms, start, label in (
        (forward, found.activations, found.inputs, "activation: root mean square"),
        (back, found.gradients, last, "gradient: norm"),
    ):
        _norms(axes, [float(norms[name]) for name in names], float(start))
        axes.set_xlabel(f"{label} (log scale)")
        tidy(axes)
    marks = [f"{name} !" if name in far else name for name in names]
    forward.set_yticks(range(len(names)), marks)
    forward.set(ylabel="layer", ylim=(len(names) - 0.5, -0.5))
    verdict = plain(found.faults, 90) or "neither explodes nor vanishes"
    drawn.suptitle(verdict, fontsize="medium")
    return drawn


def learning_rates(
    result: SweepResult, make_schedule: Callable[[Any], Schedule], steps: int
) -> "Figure":
    """Returns the learning rates of the best tenth by step, the best one on top.

    Args:
        result: of a sweep.
        make_schedule: from a member's hyperparameters, and facts if it takes them, to
            its schedule, the one that the recipe gives to the optimizer.
        steps: how many to draw, at least 1.

    Raises:
        ImportError: matplotlib is missing.
    """
    order = result.ranking()
    order = order[np.isfinite(result.mean()["dev_loss"][order])]
    if not order.size:
        return message("no configuration has a finite error")
    order = order[: min(LINES, math.ceil(len(result.diverged()) / 10))]
    at = np.unique(np.linspace(0, steps - 1, min(steps, POINTS)).astype(int))
    drawn = figure(6.4, 3.6)
    axes = drawn.add_subplot()
    name = ranked.name(result)
    for configuration in reversed(order):
        member = result.member(result.members_of(configuration)[0], weights=False)
        schedule = with_facts(make_schedule, member.facts)(member.hparams)
        rates = _rates(schedule, at)
        best = configuration == order[0]
        axes.plot(
            at,
            rates,
            color=BEST if best else GRAY,
            linewidth=2.5 if best else 0.8,
            marker="o" if len(at) == 1 else None,
            label=f"best on {name} ({configuration})" if best else None,
        )
    axes.set(
        xlabel="step (counted from 0)", ylabel="learning rate (log scale)", yscale="log"
    )
    tidy(axes, f"the best {len(order)}")
    drawn.legend(loc="outside lower center", fontsize="small")
    return drawn


def steps_of(result: SweepResult, data: Splits) -> int:
    """Returns how many steps the best member takes in all epochs of a sweep."""
    best, (_, epochs) = result.best(), result.metrics["dev_error"].shape
    return epochs * best.facts.steps_per_epoch(best.built.batch_size)


def confusion(result: SweepResult, dataset: Dataset) -> "Figure":
    """Returns the confusion matrix of the best member.

    Colors are shares of the examples of a row's class, so that rare classes show.

    Args:
        result: of a sweep.
        dataset: inputs and classes, such as the dev set.

    Raises:
        ImportError: matplotlib is missing.
        DataError: as `Member.evaluate`.
        ValueError: every configuration diverged.
    """
    member = result.best()
    if not nn.has_classes(member.loss):
        return message("the loss is not one of classes")
    counts = member.confusion_matrix(dataset)
    if counts.ndim == 3:
        return message("the labels are several yes/no questions: one matrix each")
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    classes = len(counts)
    side = max(3.6, min(0.4 * classes, 8.0))
    drawn = figure(side + 1.4, side + 0.4)
    axes = drawn.add_subplot()
    colors = axes.imshow(100 * shares, cmap="viridis", vmin=0, vmax=100)
    axes.set(xlabel="predicted class", ylabel="class")
    every, names = -(-classes // LABELED), names_of(dataset, classes)
    slanted = {"rotation": 45, "ha": "right"} if max(map(len, names)) > 3 else {}
    axes.set_xticks(range(0, classes, every), names[::every], **slanted)
    axes.set_yticks(range(0, classes, every), names[::every])
    if classes <= LABELED:
        for (row, column), count in np.ndenumerate(counts):
            light = "white" if shares[row, column] < 0.6 else "black"
            axes.text(column, row, f"{count}" if count else "", color=light,
                      ha="center", va="center", fontsize="small")  # fmt: skip
    drawn.colorbar(colors, ax=axes, label="% of the class", shrink=0.8)
    right = np.trace(counts) / max(counts.sum(), 1)
    axes.set_title(
        f"{right:.2%} of {counts.sum()} right", loc="left", fontsize="medium"
    )
    return drawn


def worst_examples(
    result: SweepResult,
    dataset: Dataset,
    n: int = 24,
    *,
    moments: Moments | None = None,
) -> "Figure":
    """Returns the examples on which the best member's loss is highest, as pictures.

    Above each example are its class and its predicted class. Gray goes from the lowest
    to the highest pixel of each.

    Args:
        result: of a sweep.
        dataset: pictures `[m, H, W]`, `[m, H, W, 1 or 3]` or flat ones, `[m, H²]`, with
            classes.
        n: how many, at least 1.
        moments: of the normalization, to undo it.

    Raises:
        ImportError: matplotlib is missing.
        ValueError: every configuration diverged.
    """
    x, member = jax.tree.map(np.asarray, dataset.inputs), result.best()
    raw = x * moments.scale + moments.mean if isinstance(moments, Moments) else x
    pictures = None if isinstance(raw, dict) else as_pictures(raw)
    if pictures is None or not nn.has_classes(member.loss):
        return message("the examples are no pictures with classes")
    outputs = member.predict(dataset.inputs)
    yes_no = nn.plain_loss(member.loss) is nn.sigmoid_cross_entropy
    if yes_no and outputs.shape[-1] > 1:
        return message("the labels are several yes/no questions")
    losses = np.asarray(member.loss(jnp.asarray(outputs), on_device(dataset).labels))
    if losses.ndim != 1:
        return message("the loss is not one number an example")
    worst = np.argsort(-losses, kind="stable")[:n]
    across = min(8, len(worst))
    down = -(-len(worst) // across)
    drawn = figure(1.0 * across + 0.4, 1.3 * down + 0.4)
    truth, taken = classes(dataset.labels, 0.5), classes(outputs, 0.0)
    names = names_of(dataset, 1 + max(truth.max(), taken.max()), SHORT)
    for place, i in enumerate(worst):
        axes = drawn.add_subplot(down, across, place + 1)
        axes.imshow(_stretched(pictures[i]), cmap="gray")
        axes.set_axis_off()
        title = f"{names[truth[i]]} → {names[taken[i]]}"
        axes.set_title(title, fontsize="small",
                       color=BEST if truth[i] != taken[i] else "black")  # fmt: skip
    drawn.suptitle("class → predicted class, highest loss first", fontsize="medium")
    return drawn


def as_pictures(inputs: NDArray[Any]) -> NDArray[Any] | None:
    """Returns inputs as `[m, H, W]` or `[m, H, W, 3]`; None if they are no pictures."""
    if inputs.ndim == 2 and math.isqrt(inputs.shape[1]) ** 2 == inputs.shape[1] > 15:
        side = math.isqrt(inputs.shape[1])
        return inputs.reshape(-1, side, side)
    if inputs.ndim == 4 and inputs.shape[-1] == 1:
        return inputs[..., 0]
    colored = inputs.ndim == 4 and inputs.shape[-1] == 3
    return inputs if inputs.ndim == 3 or colored else None


def _rates(schedule: Schedule, at: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(jax.vmap(lambda step: jnp.asarray(schedule(step)))(at))


def classes(values: ArrayLike, threshold: float) -> NDArray[Any]:
    """Returns the classes that labels or outputs stand for, `[m]`.

    Args:
        values: `[m]` classes, `[m, C]` targets or logits, or `[m, 1]` of two classes.
        threshold: above which one of two classes is the second.
    """
    values = np.asarray(values)
    if values.ndim == 1:
        return values.astype(int)
    if values.shape[1] == 1:
        return (values[:, 0] > threshold).astype(int)
    return values.argmax(axis=1)


def names_of(dataset: Dataset, count: int, longest: int = LONGEST) -> list[str]:
    """Returns the names of classes 0 to count - 1; numbers where they have none.

    A name has at most `longest` letters.
    """
    known = dataset.about.classes or ()
    numbers = map(str, range(len(known), count))
    return [*(plain(name, longest) for name in known[:count]), *numbers]


def _signal(member: Member, dataset: Dataset) -> diagnose.Signal:
    built = member.built
    batch = on_device(dataset[:EXAMPLES])
    params, state = jax.tree.map(jnp.asarray, (member.params, member.state))
    key = as_key(0)
    return diagnose.signal(built.model, params, state, batch, built.loss, key=key)


def _norms(axes: Any, norms: list[float], start: float) -> None:
    """Draws norms on a log scale, with the band about where they started."""
    axes.set_xscale("log")
    good = [norm for norm in norms if 0 < norm < math.inf]
    if 0 < start < math.inf:
        axes.axvspan(start / FAR, start * FAR, color=SKY, alpha=0.25, linewidth=0)
        axes.axvline(start, color=GRAY, linestyle="--")
        good += [start / FAR, start * FAR]
    low, high = (min(good), max(good)) if good else (0.1, 10.0)
    axes.set_xlim(low / 2, high * 2)
    for layer, norm in enumerate(norms):
        if 0 < norm < math.inf:
            outside = 0 < start and not start / FAR <= norm <= start * FAR
            axes.plot(
                norm, layer, "D" if outside else "o", color=BEST if outside else BLUE
            )
        else:
            axes.text(low, layer, f"{norm:g}", color=BEST, va="center")


def _stretched(picture: NDArray[Any]) -> NDArray[Any]:
    low, high = picture.min(), picture.max()
    return (picture - low) / (high - low if high > low else 1)
