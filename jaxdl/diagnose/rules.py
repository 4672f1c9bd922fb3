"""The course's rules of thumb that can be computed from the sizes of the sets."""

from jaxdl.data import Splits
from jaxdl.data.trees import num_examples
from jaxdl.diagnose.certainty import error_interval

SMALL, MILLION = 10_000, 1_000_000  # examples in all
WHOLE = 2_000  # train examples up to which one batch is all of them
EXAMPLE_ERROR = 0.05


def rules_of_thumb(data: Splits) -> tuple[str, ...]:
    """Returns rules of thumb on the division and the batches, for sets of these sizes.

    They are habits to start from, not limits: a sweep over the batch size, and a dev
    set that shows the differences of interest, decide.

        >>> dl.diagnose.rules_of_thumb(dl.data.load("digits"))[0]
        '1,797 examples are divided 60:20:20; 60:20:20 is usual'

    Args:
        data: train, dev and test sets.

    Source: Ng, Deep Learning Specialization, course 2.
    """
    train, dev, test = (num_examples(dataset.inputs) for dataset in data.sets.values())
    sizes = (train, test) if data.dev is data.test else (train, dev, test)
    m = sum(sizes)
    shares = ":".join(f"{100 * size / m:.3g}" for size in sizes)
    apart = error_interval(EXAMPLE_ERROR, dev).difference
    return (
        f"{m:,} examples are divided {shares}; {usual_fractions(m)} is usual",
        f"{train:,} train examples: {usual_batch(train)}",
        f"{dev:,} dev examples: at an error of {EXAMPLE_ERROR:.0%}, two models need to "
        f"be about {100 * apart:.2g} points apart for this set to show it",
    )


def usual_fractions(m: int) -> str:
    """Returns how m examples are usually divided into train, dev and test."""
    if m <= SMALL:
        return "60:20:20"
    if m < MILLION:
        return "between 60:20:20 and 98:1:1"
    return "98:1:1" if m < 2 * MILLION else "99.5:0.4:0.1"


def usual_batch(m: int) -> str:
    """Returns what batches are usual for m train examples."""
    if m <= WHOLE:
        return "one batch of all of them may do, else a power of two from 64 to 512"
    return "batches of 64, 128, 256 or 512 are usual"
