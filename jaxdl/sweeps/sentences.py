"""What the errors of a model mean, in sentences for the command and the page."""

from jaxdl.shown import count
from jaxdl.sweeps.summary import Errors, Summary

SHOWN = 20  # numbers of a front, at most


def sentences(errors: Errors) -> list[str]:
    """Returns how sure the errors of a model are, and whether it learned anything."""
    parts = (_evaluated, _certainty, _baseline, _worthless, _human)
    return [sentence for part in parts if (sentence := part(errors))]


def _evaluated(errors: Errors) -> str:
    if errors.test_error is None:
        return ""
    return (
        "These are errors of the trained model; train_error of an epoch is a mean over "
        "its batches, with dropout and changing weights."
    )


def _certainty(errors: Errors) -> str:
    dev, test = errors.dev_interval, errors.test_interval
    if dev is None or test is None:
        return ""
    return (
        f"95 % intervals: dev error {dev.low:.2%} to {dev.high:.2%} on "
        f"{errors.dev_examples:,} examples, test error {test.low:.2%} to "
        f"{test.high:.2%} on {errors.test_examples:,}; two models need to be about "
        f"{100 * dev.difference:.2g} points apart for this dev set to show it."
    )


def _baseline(errors: Errors) -> str:
    if errors.baseline is None:
        return ""
    rates = errors.diagnosis is not None
    error = f"{errors.baseline.error:.2%}" if rates else f"{errors.baseline.error:.4g}"
    r2 = "" if errors.r2 is None else f"; R² on the dev set is {errors.r2:.4g}"
    return (
        f"Baseline: {errors.baseline.answer} as a constant has {error} dev error{r2}."
    )


def _worthless(errors: Errors) -> str:
    if errors.baseline is None or errors.dev_error < errors.baseline.error:
        return ""
    return (
        "The model is no better than this constant: what it learned of the inputs does "
        "not help on the dev set."
    )


def _human(errors: Errors) -> str:
    if not errors.human_error:
        return ""
    if errors.diagnosis is None:
        return "The human-level error has no effect here: the errors are no rates."
    return f"Bias is counted from a human-level error of {errors.human_error:.2%}."


def of_pareto(summary: Summary) -> str:
    """Returns which members or configurations no other dominates; "" if unknown."""
    if not summary.pareto:
        return ""
    shown = ", ".join(map(str, summary.pareto[:SHOWN]))
    more = ", ..." * (len(summary.pareto) > SHOWN)
    return (
        f"Pareto front of {summary.objectives}: {len(summary.pareto)} of "
        f"{count(summary.count, summary.kind)}, {shown}{more}."
    )
