"""Rules of thumb at the sizes that the course names."""

import numpy as np
import pytest

from jaxdl.data import Dataset, Splits
from jaxdl.diagnose import rules_of_thumb
from jaxdl.diagnose.rules import usual_batch, usual_fractions


def examples(m):
    return Dataset(np.zeros((m, 1)), np.zeros(m, int))


@pytest.mark.parametrize(
    ("m", "fractions"),
    [
        (100, "60:20:20"),
        (10_000, "60:20:20"),
        (100_000, "between 60:20:20 and 98:1:1"),
        (1_000_000, "98:1:1"),
        (5_000_000, "99.5:0.4:0.1"),
    ],
)
def test_fractions_depend_on_the_number_of_examples(m, fractions):
    assert usual_fractions(m) == fractions


def test_a_small_train_set_is_one_batch():
    assert "one batch of all" in usual_batch(2000)
    assert "64, 128, 256 or 512" in usual_batch(2001)


def test_the_rules_have_the_numbers_of_the_data():
    division, batch, dev = rules_of_thumb(
        Splits(examples(7000), examples(2000), examples(1000))
    )
    assert division == "10,000 examples are divided 70:20:10; 60:20:20 is usual"
    assert batch.startswith("7,000 train examples: batches of 64")
    # 1.96 sqrt(2 · 0.05 · 0.95 / 2000) = 0.0135
    assert (
        dev.startswith("2,000 dev examples: at an error of 5%") and "1.4 points" in dev
    )


def test_a_test_set_that_is_the_dev_set_counts_once():
    part = examples(30)
    division, *_ = rules_of_thumb(Splits(examples(70), part, part))
    assert division.startswith("100 examples are divided 70:30; ")
