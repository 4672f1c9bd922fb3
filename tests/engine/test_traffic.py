"""What a program moves, by hand."""

import pytest

from jaxdl.engine.traffic import bytes_moved, kinds, shape_bytes

# Eight turns of a loop that gathers 4 of 100 rows of 10 floats and multiplies them.
LOOP = """\
HloModule jit_f, is_scheduled=true

%taken (param_0: f32[100,10], param_1: s32[4]) -> f32[4,10] {
  %param_0 = f32[100,10]{1,0} parameter(0)
  %param_1 = s32[4]{0} parameter(1)
  ROOT %gather.1 = f32[4,10]{1,0} gather(%param_0, %param_1), offset_dims={1}
}

%written (param_0.1: f32[8,10], param_1.1: f32[1,10], param_2: s32[]) -> f32[8,10] {
  %param_0.1 = f32[8,10]{1,0} parameter(0)
  %param_1.1 = f32[1,10]{1,0} parameter(1)
  %param_2 = s32[] parameter(2)
  ROOT %put = f32[8,10]{1,0} dynamic-update-slice(%param_0.1, %param_1.1, %param_2)
}

%body (carry: (f32[100,10], s32[4])) -> (f32[100,10], s32[4]) {
  %carry = (f32[100,10]{1,0}, s32[4]{0}) parameter(0)
  %x = f32[100,10]{1,0} get-tuple-element(%carry), index=0
  %i = s32[4]{0} get-tuple-element(%carry), index=1
  %rows = f32[4,10]{1,0} fusion(%x, %i), kind=kLoop, calls=%taken
  %twice = f32[4,10]{1,0} add(%rows, %rows)
  ROOT %out = (f32[100,10]{1,0}, s32[4]{0}) tuple(%x, %i)
}

%condition (carry.1: (f32[100,10], s32[4])) -> pred[] {
  %carry.1 = (f32[100,10]{1,0}, s32[4]{0}) parameter(0)
  %limit = s32[] constant(8)
  %zero = s32[] constant(0)
  ROOT %less = pred[] compare(%zero, %limit), direction=LT
}

ENTRY %main (x.1: f32[100,10], i.1: s32[4], all: f32[8,10], row: f32[1,10]) -> f32[] {
  %x.1 = f32[100,10]{1,0} parameter(0)
  %i.1 = s32[4]{0} parameter(1)
  %all = f32[8,10]{1,0} parameter(2)
  %row = f32[1,10]{1,0} parameter(3)
  %at = s32[] constant(3)
  %start = (f32[100,10]{1,0}, s32[4]{0}) tuple(%x.1, %i.1)
  %loop = (f32[100,10]{1,0}, s32[4]{0}) while(%start), ATTRIBUTES
  %put.1 = f32[8,10]{1,0} fusion(%all, %row, %at), kind=kLoop, calls=%written
  ROOT %sum = f32[] constant(0)
}
"""
# Of a turn: 4 rows of 40 bytes and 4 numbers of 4 are read, 4 rows are written; an
# addition reads two operands and writes one; the condition compares two numbers.
TURN = (160 + 16 + 160) + 3 * 160 + (4 + 4 + 1)
PUT = 40 + 4 + 40  # a row and its place are read, the row is written


@pytest.mark.parametrize(
    ("known", "turns"),
    [("", 8), (', backend_config={"known_trip_count":{"n":"5"}}', 5)],
)
def test_a_loop_moves_what_each_turn_reads_and_writes(known, turns):
    own = f"condition=%condition, body=%body{known}"
    text = LOOP.replace("ATTRIBUTES", own)
    assert bytes_moved(text) == turns * TURN + PUT
    assert {"gather", "while", "fusion"} <= kinds(text) and "sort" not in kinds(text)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("f32[8,10]{1,0}", 320),
        ("(bf16[3]{0}, pred[5]{0}, u32[])", 6 + 5 + 4),
        ("f32[8,10]{1,0:T(8,128)}", 8 * 128 * 4),  # columns fill up to whole tiles
        ("f32[8,10]{0,1:T(8,128)}", 16 * 128 * 4),
        ("f32[3,8,10]{2,1,0:T(8,128)}", 3 * 8 * 128 * 4),
        ("f32[8,10]{1,0:T(8,128)S(1)}", 0),  # in the chip's own memory
        ("token[]", 0),
    ],
)
def test_the_bytes_of_a_shape(shape, expected):
    assert shape_bytes(shape) == expected
