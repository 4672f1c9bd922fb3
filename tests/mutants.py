"""Changes the code in one place at a time and counts how often the tests notice.

    python tests/mutants.py --mutants 150 --seed 0 --workers 2

Every mutant runs in a copy of its own against the tests of its folder, and is caught
where they fail or take too long. A survivor computes the same, or a test is missing.
"""

import argparse
import ast
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILES = [f"optim/{m}.py" for m in ("optimizers", "wrappers", "schedules", "averages")]
FILES += [f"nn/{m}.py" for m in ("losses", "penalties", "batch_norm", "dropout")]
OPERATORS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div, ast.Pow: ast.Mult, ast.BitXor: ast.BitOr,
    ast.RShift: ast.LShift, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
# The boundary moved, where there is one, and the opposite.
COMPARISONS = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt), ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,), ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}  # fmt: skip


def alternatives(node: ast.AST) -> Iterator[ast.AST]:
    """Yields what may stand in the place of a node."""
    match node:
        case ast.Constant(bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(int(value) | float(value)):
            yield ast.Constant(value + 1)
        case ast.UnaryOp(ast.Not() | ast.USub(), operand):
            yield operand
        case ast.BinOp(left, op, right):
            if other := OPERATORS.get(type(op)):
                yield ast.BinOp(left, other(), right)
            yield from (left, right)
        case ast.BoolOp(op, values):
            yield from (ast.BoolOp(OPERATORS[type(op)](), values), *values)
        case ast.Compare(left, ops, rest):
            for i, op in enumerate(ops):
                for other in COMPARISONS[type(op)]:
                    yield ast.Compare(left, [*ops[:i], other(), *ops[i + 1 :]], rest)
        case ast.IfExp(_, body, orelse):
            yield from (body, orelse)
        case ast.If(ast.Name() | ast.Call() as test, body, orelse):
            yield ast.If(ast.UnaryOp(ast.Not(), test), body, orelse)
        case ast.Call(func, args, keywords):
            for keyword in keywords:
                yield ast.Call(func, args, [k for k in keywords if k is not keyword])
            if len(args) == 1 or ast.unparse(func).startswith("jnp."):
                yield from args


def places(node: ast.AST) -> Iterator[tuple[ast.AST, Callable]]:
    """Yields every node but annotations and errors, and a function that replaces it."""
    for field, value in ast.iter_fields(node):
        listed = isinstance(value, list)
        for i, child in enumerate(value if listed else [value]):
            skipped = field in ("annotation", "returns") or isinstance(child, ast.Raise)
            if isinstance(child, ast.AST) and not skipped:
                put = value.__setitem__ if listed else setattr
                yield child, partial(put, *([i] if listed else [node, field]))
                yield from places(child)


def mutants(file: str) -> Iterator[tuple[str, str, str]]:
    """Yields every mutant of a file: the file, what changes, the changed source."""
    tree = ast.parse((ROOT / "jaxdl" / file).read_text())
    for node, put in places(tree):
        for other in alternatives(node):
            put(other)
            before, after = (ast.unparse(n).split("\n")[0] for n in (node, other))
            yield file, f"{file}:{node.lineno}: {before} -> {after}", ast.unparse(tree)
            put(node)


def verdict(file: str, source: str) -> str:
    """Returns what the tests of a file's folder say to the file changed."""
    with tempfile.TemporaryDirectory() as copy:
        shutil.copy(ROOT / "pyproject.toml", copy)
        for part in ("jaxdl", "tests"):
            shutil.copytree(ROOT / part, Path(copy, part))
        Path(copy, "jaxdl", file).write_text(source)
        folder, name = Path(copy, "tests", file).parent, Path(file).stem
        # First the tests of the file, then those that name it most often.
        tests = sorted(
            folder.glob("test_*"),
            key=lambda t: (t.stem != f"test_{name}", -t.read_text().count(name)),
        )
        args = [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", *tests]
        try:
            subprocess.run(args, cwd=copy, timeout=900, capture_output=True, check=True)
        except subprocess.CalledProcessError:
            return "caught"
        except subprocess.TimeoutExpired:
            return "too long"
    return "SURVIVED"


def main() -> None:
    parser = argparse.ArgumentParser(description="Do the tests notice changed code?")
    for name, default in (("mutants", 150), ("seed", 0), ("workers", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    for file in (FILES[0], FILES[-1]):
        if verdict(file, (ROOT / "jaxdl" / file).read_text()) != "SURVIVED":
            sys.exit(f"the tests of {file} fail before anything is changed")
    every = [mutant for file in FILES for mutant in mutants(file)]
    sample = random.Random(options.seed).sample(every, options.mutants)
    caught = 0
    with ThreadPoolExecutor(options.workers) as pool:
        verdicts = pool.map(lambda m: verdict(m[0], m[2]), sample)
        for (_, change, _), said in zip(sample, verdicts, strict=True):
            caught += said != "SURVIVED"
            print(f"{said:8} {change}", flush=True)
    print(f"{caught / len(sample):.1%} of {len(sample)} caught, {len(every)} possible")


if __name__ == "__main__":
    main()
