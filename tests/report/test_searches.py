"""Funnels and lineages against rungs that were made by hand."""

import dataclasses

import numpy as np

from jaxdl import report
from jaxdl.report.searches import alive
from tests.report.conftest import PARENTS, diverged, drawn, part, texts


def test_the_funnel_counts_who_was_asked_and_who_trained(halved):
    for counts in alive(halved):
        np.testing.assert_array_equal(counts, [9, 3, 1])
    lost = diverged(halved, [4])  # in the last epoch
    asked, trained = alive(lost)
    np.testing.assert_array_equal(asked, [9, 3, 1])
    np.testing.assert_array_equal(trained, [9, 3, 0])


def test_the_funnel_draws_these_numbers(halved):
    figure = drawn(report.funnel(halved))
    steps = figure.axes[0].patches[0].get_data()
    np.testing.assert_array_equal(steps.values, [9, 3, 1])
    np.testing.assert_array_equal(steps.edges, [0.5, 1.5, 2.5, 3.5])
    assert {"9", "3", "1"} <= set(texts(figure))


def test_a_search_that_asks_for_nobody_is_told(result):
    silent = dataclasses.replace(result, rungs=())
    assert "the search asked for no member" in texts(drawn(report.funnel(silent)))


def test_the_way_to_the_best_leads_back_over_those_it_took_over(bred):
    above = drawn(report.lineage(bred)).axes[0]
    height = np.argsort(bred.ranking())  # of members 0 to 3
    assert height[3] == 0
    way = [line for line in above.lines if line.get_linewidth() > 2]
    assert [tuple(line.get_ydata()) for line in way] == [
        (height[2], height[2], height[2]),  # member 2 until epoch 1
        (height[2], height[0], height[0]),  # member 0, from member 2, until epoch 2
        (height[0], height[3], height[3]),  # member 3, from member 0, until epoch 3
    ]
    assert [line.get_xdata()[0] for line in way] == [0, 1, 2]
    thin = [line for line in above.lines if line.get_linewidth() < 1]
    assert len(thin) == sum(map(len, PARENTS))


def test_hyperparameters_on_the_way_are_shares_of_the_range_in_all_rungs(bred):
    below = drawn(report.lineage(bred)).axes[1]
    rate = below.patches[0].get_data()  # 0.1, 0.01 and 0.1, of 0.001 to 1
    np.testing.assert_allclose(rate.values, [2 / 3, 1 / 3, 2 / 3], atol=1e-6)
    np.testing.assert_array_equal(rate.edges, [0, 1, 2, 3])


def test_members_without_ancestors_are_told(result):
    (text,) = [t for t in texts(drawn(report.lineage(result))) if t]
    assert text == "no member copied the weights of another: none has ancestors"


def test_the_funnel_of_one_member_has_no_parts_of_a_member(result):
    written = texts(drawn(report.funnel(part(result, members=1))))
    assert not any("times" in text for text in written)


def test_a_lineage_has_ticks_at_ranks_and_epochs_that_exist(bred):
    figure = drawn(report.lineage(bred))
    above, below = figure.axes
    for ticks, (low, high) in (
        (above.get_yticks(), sorted(above.get_ylim())),
        (below.get_xticks(), below.get_xlim()),
    ):
        shown = [tick for tick in ticks if low <= tick <= high]
        assert len(shown) > 1 and all(tick == round(tick) >= 0 for tick in shown)
    assert sorted(above.get_ylim()) == [-0.5, 3.5]  # of four members
