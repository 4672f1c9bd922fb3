"""What a compiled program moves to and from the memory of a device, from its text.

The text is XLA's scheduled HLO. Each instruction of it that is no mere name reads its
operands and writes its results. What lies in a chip's own fast memory (a layout with
`S(1)` on a TPU) moves nothing.
"""

import functools
import math
import re
from collections.abc import Iterator
from typing import NamedTuple

ARRAY = re.compile(r"([a-z]+)(\d*)(?:e\dm\d\w*)?\[([\d,]*)\](?:\{([^}]*)\})?")
NAME = re.compile(r"%([\w.\-]+)")
CALLED = re.compile(r"(?:calls|to_apply|body|condition)=%([\w.\-]+)")
TRIPS = re.compile(r'"known_trip_count":\{"n":"(\d+)"')
NAMES_ONLY = {
    "parameter", "constant", "tuple", "get-tuple-element", "bitcast", "after-all",
    "iota", "partition-id", "while", "call", "conditional",
}  # fmt: skip


class Instruction(NamedTuple):
    """A line of a computation."""

    name: str
    shape: str
    kind: str  # such as `fusion`
    operands: tuple[str, ...]
    rest: str  # its attributes
    is_root: bool


class Computation(NamedTuple):
    """The instructions of a computation by name, in order."""

    lines: dict[str, Instruction]

    @property
    def parameters(self) -> list[Instruction]:
        """Its parameters in the order of its arguments."""
        found = [line for line in self.lines.values() if line.kind == "parameter"]
        return sorted(found, key=lambda line: int(line.rest))

    @property
    def root(self) -> Instruction:
        """The instruction whose result it returns."""
        return next(line for line in self.lines.values() if line.is_root)


class Text(NamedTuple):
    """A program: its computations by name."""

    parts: dict[str, Computation]
    entry: str


def bytes_moved(text: str) -> float:
    """Returns the bytes that one run of a program moves; loops count each turn.

    A choice between branches counts as the dearest of them.

    Args:
        text: of a compiled program, as `jax.stages.Compiled.as_text` gives it.
    """
    program = read(text)
    return _moved_by(program, program.entry)


def kinds(text: str) -> set[str]:
    """Returns the kinds of all instructions of a program, such as `sort`."""
    parts = read(text).parts.values()
    return {line.kind for part in parts for line in part.lines.values()}


def shape_bytes(shape: str) -> int:
    """Returns how many bytes of a device's memory arrays of a shape take.

    A TPU fills the rows and columns of an array up to whole tiles.

    Args:
        shape: as HLO writes it, such as `f32[8,10]{1,0:T(8,128)}`.
    """
    return sum(_array_bytes(*found) for found in ARRAY.findall(shape))


@functools.lru_cache(maxsize=4)
def read(text: str) -> Text:
    """Returns the computations of a program's text."""
    parts, entry, lines = dict[str, Computation](), "", dict[str, Instruction]()
    for line in text.splitlines():
        if line.endswith("{") and not line.startswith(" ") and "(" in line:
            name = NAME.search(line)
            lines = {}
            if name is not None:
                parts[name[1]] = Computation(lines)
                entry = name[1] if line.startswith("ENTRY") else entry
        elif (found := _instruction(line)) is not None:
            lines[found.name] = found
    return Text(parts, entry)


def _instruction(line: str) -> Instruction | None:
    head, equals, body = line.strip().partition(" = ")
    name = NAME.search(head)
    if not equals or name is None:
        return None
    shape, rest = _first(body)
    kind, _, rest = rest.strip().partition("(")
    inside, rest = _first("(" + rest)
    own = tuple(NAME.findall(inside))
    rest = inside[1:-1] if kind in ("parameter", "constant") else rest
    return Instruction(name[1], shape, kind, own, rest, head.startswith("ROOT"))


def _first(text: str) -> tuple[str, str]:
    """Returns the first word of a text, or its first pair of parentheses; the rest."""
    if not text.startswith("("):
        word, _, rest = text.partition(" ")
        return word, rest
    depth = 0
    for i, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth == 0:
            return text[: i + 1], text[i + 1 :]
    return text, ""


def _array_bytes(letters: str, bits: str, dims: str, layout: str) -> int:
    if re.search(r"S\([1-9]", layout) or letters == "token":
        return 0
    sides = [int(side) for side in dims.split(",") if side]
    order, _, tiled = layout.partition(":")
    tile = re.match(r"T\(([\d,]+)\)", tiled)
    if tile is not None and sides:
        minor_first = [sides[int(axis)] for axis in order.split(",")]
        widths = [int(width) for width in tile[1].split(",")][::-1]
        sides = [-(-x // w) * w for x, w in zip(minor_first, widths, strict=False)]
        sides += minor_first[len(widths) :]
    size = 1 if letters == "pred" else int(bits or 8) / 8
    return math.ceil(math.prod(sides) * size)


def _moved_by(program: Text, name: str) -> float:
    """Returns the bytes that one call of a computation moves."""
    part = program.parts[name]
    return sum(_moved(program, part, line) for line in part.lines.values())


def _moved(program: Text, part: Computation, line: Instruction) -> float:
    called = CALLED.findall(line.rest)
    if line.kind == "while":
        return _turns(program, line) * sum(_moved_by(program, x) for x in called)
    if line.kind == "conditional":
        branches = re.search(r"branch_computations=\{([^}]*)\}", line.rest)
        names = NAME.findall(branches[1] if branches else line.rest)
        return max(_moved_by(program, x) for x in names if x in program.parts)
    if line.kind == "call":
        return sum(_moved_by(program, x) for x in called)
    if line.kind in NAMES_ONLY or line.kind.endswith("-done"):
        return 0
    if line.kind == "fusion":
        inside = program.parts[called[0]]
        read = sum(_read_of(program, inside, p) for p in inside.parameters)
        return read + _written(inside, inside.root)
    operands = [part.lines[x].shape for x in line.operands if x in part.lines]
    if line.kind in ("dynamic-slice", "gather"):
        return 2 * shape_bytes(line.shape)
    if line.kind == "dynamic-update-slice":
        return 2 * shape_bytes(operands[1])
    if line.kind.endswith("-start"):  # its shape repeats its operand
        return sum(map(shape_bytes, (_first_of(line.shape), *operands)))
    return shape_bytes(line.shape) + sum(map(shape_bytes, operands))


def _first_of(shape: str) -> str:
    found = ARRAY.search(shape)
    return found[0] if found else ""


def _turns(program: Text, line: Instruction) -> int:
    """Returns how often a loop turns: what XLA says, or the limit in its condition."""
    if known := TRIPS.search(line.rest):
        return int(known[1])
    condition = re.search(r"condition=%([\w.\-]+)", line.rest)
    limits = [
        int(own.rest)
        for own in _constants(program, condition[1] if condition else "")
        if own.rest.isdigit()
    ]
    return max(limits, default=1)


def _constants(program: Text, name: str) -> Iterator[Instruction]:
    for line in program.parts[name].lines.values() if name in program.parts else ():
        if line.kind == "constant":
            yield line
        for called in CALLED.findall(line.rest):
            yield from _constants(program, called)


def _read_of(program: Text, part: Computation, parameter: Instruction) -> float:
    """Returns how many bytes of an argument a fusion reads.

    It reads those parts of it alone that it slices or gathers.
    """
    whole, read = shape_bytes(parameter.shape), 0.0
    for line in part.lines.values():
        if parameter.name not in line.operands:
            continue
        first = line.operands[0] == parameter.name
        if first and line.kind in ("dynamic-slice", "gather", "slice"):
            share = _plain_bytes(line.shape) / max(1, _plain_bytes(parameter.shape))
            read += whole * min(1, share)
        elif first and line.kind == "dynamic-update-slice":
            continue  # written in place
        elif line.kind == "bitcast":
            read += min(whole, _read_of(program, part, line))
        elif line.kind == "fusion":
            inside = program.parts[CALLED.findall(line.rest)[0]]
            own = inside.parameters[line.operands.index(parameter.name)]
            read += min(whole, _read_of(program, inside, own))
        else:
            return whole
    return min(read, whole)


def _plain_bytes(shape: str) -> int:
    """Returns the bytes of a shape without its layout."""
    return shape_bytes(re.sub(r"\{[^}]*\}", "", shape))


def _written(part: Computation, root: Instruction) -> int:
    """Returns how many bytes a fusion writes."""
    if root.kind == "tuple":
        return sum(_written(part, part.lines[name]) for name in root.operands)
    if root.kind == "dynamic-update-slice":
        return shape_bytes(part.lines[root.operands[1]].shape)
    return shape_bytes(root.shape)
