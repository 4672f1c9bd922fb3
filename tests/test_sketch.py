"""A picture of curves: where its points are, by hand."""

import re
from xml.etree import ElementTree

import numpy as np

from jaxdl.sketch import POINTS, Curve, sketch


def points(picture):
    """Returns the paths of the curves; the first one is of the axes."""
    return [p.get("d") for p in ElementTree.fromstring(picture).findall("path")][1:]


def test_a_curve_goes_from_the_lowest_to_the_highest_value():
    """The places are 52 to 352 across, and from 180 at the bottom to 20 at the top."""
    (path,) = points(sketch("error", [Curve([1.0, 2.0, 3.0])]))
    assert path == "M52.0,180.0L202.0,100.0L352.0,20.0"


def test_values_of_several_sizes_have_a_log_scale():
    picture = sketch("loss", [Curve([1.0, 10.0, 100.0], thick=True)])
    assert points(picture) == ["M52.0,180.0L202.0,100.0L352.0,20.0"]
    assert "loss by epoch, log scale" in picture and ">100<" in picture


def test_a_curve_is_broken_where_it_has_no_value():
    curves = [Curve([1.0, np.nan, 1.0, 2.0]), Curve([np.inf, np.nan, np.nan, np.nan])]
    broken, empty = points(sketch("error", curves))
    assert broken == "M52.0,180.0M252.0,180.0L352.0,20.0" and empty == ""


def test_without_a_finite_value_there_is_no_picture():
    assert sketch("error", [Curve([np.nan, np.inf])]) == ""
    assert sketch("error", []) == ""


def test_equal_values_and_one_epoch_have_a_picture():
    assert points(sketch("e", [Curve([2.0])])) == ["M52.0,180.0"]
    assert points(sketch("e", [Curve([0.0, 0.0])])) == ["M52.0,180.0L352.0,180.0"]


def test_long_curves_are_thinned_and_a_title_is_escaped():
    picture = sketch("<b>", [Curve(np.arange(10_000.0))])
    (path,) = points(picture)
    assert len(re.findall("[ML]", path)) == POINTS and path.endswith("352.0,20.0")
    assert "<b>" not in picture and "&lt;b&gt;" in picture
