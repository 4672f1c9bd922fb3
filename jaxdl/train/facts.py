"""Facts: what a recipe may know of the training that it is built for."""

import contextlib
import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from jaxdl.counts import as_count
from jaxdl.data import DataError, Splits
from jaxdl.data.dataset import is_one_hot, recipe_under_folds
from jaxdl.data.trees import num_examples
from jaxdl.train.recipe import Recipe


@dataclasses.dataclass(frozen=True)
class Facts:
    """What a recipe may know of its training: `recipe(hp, facts)`.

    They describe this training alone: under folds, its fold. Numbers are plain ints, so
    they may shape the program; `class_counts` is traced.

    >>> from jaxdl import nn, optim
    >>> def recipe(hp, facts):
    ...     steps = facts.epochs * facts.steps_per_epoch(64)
    ...     return dl.Recipe(
    ...         nn.dense(facts.num_classes),
    ...         optim.adam(optim.cosine(hp["rate"], steps)),
    ...         nn.softmax_cross_entropy,
    ...     )
    >>> data = dl.data.load("digits")
    >>> member = dl.fit(recipe, {"rate": 0.01}, data, key=0, epochs=2, progress=False)
    >>> member.facts.num_examples, member.facts.num_classes
    (1078, 10)
    """

    num_examples: int  # m of the train set
    _num_classes: int | None  # None: the labels are targets
    _epochs: int
    folded: bool = False  # whether the train set is a part of the data, by a fold
    # [C] examples of each class in the train set; None: the labels are targets
    class_counts: Any = dataclasses.field(default=None, compare=False)
    # names of facts that a recipe has read: "epochs", if it did
    read: set[str] = dataclasses.field(default_factory=set, compare=False, repr=False)

    @property
    def num_classes(self) -> int:
        """C, as `Splits.num_classes` has it.

        Raises:
            DataError: the labels are targets.
        """
        if self._num_classes is None:
            raise DataError(
                "got labels that are targets, which have no number of classes; "
                "expected classes: give the last layer the number of outputs itself"
            )
        return self._num_classes

    @property
    def epochs(self) -> int:
        """The epochs of the sweep or of `fit`, even if a search asks for less first."""
        self.read.add("epochs")
        return self._epochs

    def steps_per_epoch(self, batch_size: int) -> int:
        """Returns `ceil(num_examples / batch_size)`.

        Raises:
            DataError: the batch size is not an integer of at least 1.
        """
        batch_size = as_count("batch_size", batch_size, error=DataError)
        return -(-self.num_examples // batch_size)

    def unread(self) -> "Facts":
        """Returns equal facts of which nothing has been read."""
        return dataclasses.replace(self, read=set())

    def to_plain(self) -> dict[str, Any]:
        """Returns the facts as JSON has them; the epochs only if a recipe read them."""
        counts = self.class_counts
        return {
            "num_examples": self.num_examples,
            "num_classes": self._num_classes,
            "epochs": self._epochs if "epochs" in self.read else None,
            "folded": self.folded,
            "class_counts": None if counts is None else np.asarray(counts).tolist(),
        }


def facts_of(data: Splits, epochs: int, *, folded: bool = False) -> Facts:
    """Returns the facts of a training on these sets.

    Args:
        data: train, dev and test sets; of a fold, its own.
        epochs: at least 1.
        folded: whether the train set is that of a fold.
    """
    try:
        classes = data.num_classes
    except DataError:
        classes = None
    counts = None if classes is None else _count(data.train.labels, classes)
    return Facts(num_examples(data.train.inputs), classes, epochs, folded, counts)


def facts_from_plain(facts: dict[str, Any], epochs: int) -> Facts:
    """Returns the facts that `Facts.to_plain` was called on.

    Args:
        facts: as JSON has them.
        epochs: of the run.
    """
    counts = facts["class_counts"]
    return Facts(
        facts["num_examples"],
        facts["num_classes"],
        epochs,
        facts["folded"],
        None if counts is None else np.asarray(counts),
    )


def takes_facts(recipe: Callable[..., Recipe]) -> bool:
    """Returns whether a recipe has a second parameter without default."""
    return _second(recipe) is not None


def _second(recipe: Callable[..., Any]) -> inspect.Parameter | None:
    """Returns the second of the parameters without default; None: there is none."""
    try:
        signature = inspect.signature(recipe, follow_wrapped=False)
        if any(p.kind is p.VAR_POSITIONAL for p in signature.parameters.values()):
            signature = inspect.signature(recipe)  # of what a decorator passes on to
    except (TypeError, ValueError):  # a callable without a signature
        return None
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = signature.parameters.values()
    needed = [p for p in parameters if p.default is p.empty and p.kind not in variadic]
    return needed[1] if len(needed) > 1 else None


def with_facts(
    recipe: Callable[..., Any], facts: Facts, class_counts: Any = None
) -> Callable[[Any], Any]:
    """Returns a recipe, or a schedule, as a function of the hyperparameters alone.

    Args:
        recipe: of the hyperparameters, or of these and the facts.
        facts: of its training.
        class_counts: traced, in place of the facts' own; None: the facts' own.
    """
    if class_counts is not None:
        facts = dataclasses.replace(facts, class_counts=class_counts)
    second = _second(recipe)
    by_name = second is not None and second.kind is second.KEYWORD_ONLY
    known = () if second is None or by_name else (facts,)
    named = {second.name: facts} if second is not None and by_name else {}

    def of_hparams(hp: Any) -> Any:
        with recipe_under_folds() if facts.folded else contextlib.nullcontext():
            return recipe(hp, *known, **named)

    return of_hparams


def counts_for(recipe: Callable[..., Recipe], facts: Facts) -> Any:
    """Returns the class counts that programs of a recipe get; None: no facts."""
    return facts.class_counts if takes_facts(recipe) else None


def _count(labels: Any, classes: int) -> Any:
    """Returns how many labels each class has, `[C]`; sums of rows `[m, C]` in 0..1."""
    labels = np.asarray(labels)
    if is_one_hot(labels) and labels.shape[1] == classes:
        return labels.sum(axis=0).astype(np.float32)
    return np.bincount(labels.ravel().astype(int), minlength=classes).astype(np.int32)
