"""The summary of a sweep, and the errors of a model, printed for a person."""

from jaxdl import terminal
from jaxdl.cli.output import show
from jaxdl.diagnose import Importance, expected_rank
from jaxdl.shown import cell
from jaxdl.sweeps.columns import apart
from jaxdl.sweeps.sentences import of_pareto, sentences
from jaxdl.sweeps.summary import LEARNED, MOST_LEARNED, Errors, Noise, Summary
from jaxdl.train.score import words

ORDER = {1: "first", 2: "second", 3: "third", 4: "rarely"}  # of the expected ranks


def print_summary(summary: Summary) -> None:
    """Prints the summary of a sweep."""
    own = [name for name in summary.table[0] if name != "hparams"]
    names = [n for n in summary.table[0]["hparams"] if n not in summary.everywhere]
    rows = [
        [*(row[name] for name in own), *(row["hparams"][name] for name in names)]
        for row in summary.table
    ]
    columns = [*own, *apart(names, own)]
    show(terminal.table(columns, rows, width=terminal.width()))
    if len(rows) < summary.count:
        show(f"\nthe best {len(rows)} of {summary.count:,} {summary.kind}s")
    if summary.pareto:
        show(f"\n{of_pareto(summary)}")
    if summary.everywhere:
        shared = summary.everywhere.items()
        same = ", ".join(f"{n} {cell(v)}" for n, v in shared)
        show(f"\nthe same in all: {same}")
    if summary.decision:
        show(f"\nauto took {summary.decision}")
    if summary.best is None:
        lost = summary.ended.get("diverged") == summary.members
        what = "diverged" if lost else f"have no finite {words(summary.metric)}"
        show(f"\nall {summary.count} {summary.kind}s {what}: lower the learning rates")
    if summary.importance is not None:
        _print_importance(summary.importance, words(summary.metric))
        if summary.count > MOST_LEARNED:
            show(f"of {LEARNED:,} {summary.kind}s at random")
    name = f"{summary.kind} {summary.best}"
    if summary.noise is not None:
        _print_noise(name, summary.noise, summary.metric)
        name = "its first model"
    if summary.errors is not None:
        print_errors(name, summary.errors)


def print_errors(name: str, errors: Errors) -> None:
    """Prints how well a model does, and what to do about it."""
    rates = errors.diagnosis is not None
    train, dev, test = (f"{e:.2%}" if rates else f"{e:.4g}" for e in errors[:3])
    show(
        f"\n{name}: train error {train}, dev error {dev}, test error {test} on "
        f"{errors.test_examples} examples"
    )
    for sentence in sentences(errors):
        show(sentence)
    for metric, values in errors.metrics.items():
        known = zip(("train", "dev", "test"), values, strict=True)
        words = (f"{place} {value:.4g}" for place, value in known if value is not None)
        show(f"{metric}: {', '.join(words)}")
    if errors.diagnosis is None:
        return
    diagnosis = errors.diagnosis
    if not (diagnosis.high_bias or diagnosis.high_variance):
        show("neither high bias nor high variance")
    for high, what, size in (
        (diagnosis.high_bias, "bias", diagnosis.bias),
        (diagnosis.high_variance, "variance", diagnosis.variance),
    ):
        if high:
            show(f"high {what} of {size:.2%}")
    for advice in diagnosis.advice:
        show(f"- {advice}")


def _print_noise(name: str, noise: Noise, metric: str) -> None:
    digits = ".2%" if metric == "dev_error" else ".4g"
    mean, deviation = (f"{x:{digits}}" for x in (noise.mean, noise.standard_error))
    show(
        f"\n{name}: {metric.replace('_', ' ')} {mean}, standard error {deviation}, "
        f"over {noise.models} models; within one standard error: {noise.not_worse} of "
        f"{noise.others} others"
    )


def _print_importance(found: Importance, metric: str) -> None:
    rows = [
        (name, f"{share:.0%}", ORDER.get(expected_rank(name) or 0, "-"))
        for name, share in found.shares.items()
    ]
    show(
        f"\nwhat the {metric} depended on; together this explains "
        f"{max(found.explained, 0):.0%} of its variance:"
    )
    show(terminal.table(("hyperparameter", "share", "usually tuned"), rows))
