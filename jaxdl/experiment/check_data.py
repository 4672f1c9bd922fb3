"""What is worth knowing of the data, whatever the model."""

import warnings
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from jaxdl.data import Dataset, Splits, check, mismatch
from jaxdl.data.about import DataWarning, listed
from jaxdl.data.dataset import are_classes, constant_features
from jaxdl.data.trees import is_tree, named, num_examples
from jaxdl.diagnose import rules_of_thumb
from jaxdl.experiment.finding import Finding

ALIKE = "the three sets have alike distributions of each feature and the labels"
HUGE = 1e6  # an input that no model expects; a normalized one is of the size of 1


def check_data(data: Splits) -> Iterator[Finding]:
    """Yields what is found in three sets that `check_sets` accepts."""
    sizes = ", ".join(
        f"{num_examples(d.inputs):,} {name}" for name, d in data.sets.items()
    )
    shapes = {n: list(x.shape[1:]) for n, x in named(data.train.inputs).items()}
    shape = shapes.get("", shapes)
    yield Finding(True, f"data: {sizes} examples of shape {shape}, all finite")
    for rule in rules_of_thumb(data):
        yield Finding(True, f"data: rule of thumb: {rule}")
    if is_tree(data.train.inputs) or is_tree(data.train.labels):
        for text in _warned(data):
            yield Finding(False, f"data: {text}")
        yield Finding(True, "data: dicts of arrays are not compared between the sets")
        return
    for text in [*_warned(data), *_labels(data), *_huge(data)]:
        yield Finding(False, f"data: {text}")
    for text in _notes(data):
        yield Finding(True, f"data: {text}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # is a finding above
        found = mismatch(data)
    fault = any(found.dev_test)  # the first advice is on it; a train set may differ
    for advice in found.advice or (ALIKE,):
        yield Finding(not fault, f"data: {advice}")
        fault = False


def _warned(data: Splits) -> list[str]:
    """Returns what `data.check` warns of."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always", DataWarning)
        check(data)
    return [str(one.message) for one in found]


def _labels(data: Splits) -> Iterator[str]:
    """Yields what is wrong with the labels, class by class."""
    labels = np.asarray(data.train.labels)
    if (labels == labels[0]).all():
        yield (
            f"every label of the train set is {labels[0]}; expected labels that "
            "differ, or there is nothing to learn"
        )
    if not are_classes(labels) or data.classes == ():
        return
    for name, dataset in (("dev", data.dev), ("test", data.test)):
        ours, theirs = set(np.unique(dataset.labels)), set(np.unique(labels))
        for classes, where, lack in (
            (theirs - ours, "train", name),
            (ours - theirs, name, "train"),
        ):
            if classes:
                yield (
                    f"{_named(sorted(classes), data)} in the {where} set and not in "
                    f"the {lack} set; expected each class in every set: split again, "
                    "or add examples"
                )


def _named(classes: list[int], data: Splits) -> str:
    names = data.classes or {c: str(c) for c in classes}
    word = "the class" if len(classes) == 1 else "the classes"
    return f"{word} {listed([names[c] for c in classes])}"


def _huge(data: Splits) -> Iterator[str]:
    """Yields the features with a value that is huge for a model."""
    for name, dataset in data.sets.items():
        if dataset.about.ids is True:
            continue
        largest = np.abs(_as_a_model_gets_it(dataset)).max(axis=0)
        if dataset.about.ids:
            largest[list(dataset.about.ids)] = 0
        if largest.max() > HUGE:
            place = np.unravel_index(int(largest.argmax()), largest.shape)
            yield (
                f"an input of the {name} set is {largest.max():.3g} in size, in "
                f"feature {_feature(place, data)}; expected at most {HUGE:g}: "
                "normalize with data.normalize, or drop a feature that is constant in "
                "the train set"
            )


def _as_a_model_gets_it(dataset: Dataset) -> NDArray:
    moments = None if dataset.scaling is None else dataset.scaling.inputs
    inputs = np.asarray(dataset.inputs)
    return inputs if moments is None else moments.normalize(inputs)


def _feature(place: tuple, data: Splits) -> str:
    if data.features and len(place) == 1:
        return data.features[place[0]]
    return ", ".join(str(int(i)) for i in place)


def _notes(data: Splits) -> Iterator[str]:
    train = data.train
    constant = constant_features(np.asarray(train.inputs), moments=data.moments)
    if constant.any():
        yield f"{int(constant.sum())} features are constant in the train set"
    whole = np.asarray(train.inputs).dtype.kind in "iu" and train.inputs.ndim == 2
    if whole and train.scaling and not train.about.ids:
        yield (
            "the inputs are integers, which are normalized as quantities; if some are "
            "tokens or categories, name them with data.from_arrays(..., ids=)"
        )
