"""Measures claims of the course; writes records, figures, page and notebook.

python -m experiments.course [NAME ...] [--seeds N]
"""

import sys
from importlib.util import find_spec

NEEDED = "sklearn", "matplotlib"  # for its data and its figures; extras of jaxdl


def main() -> None:
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        sys.exit(
            f"got no {' and no '.join(missing)}; expected it for the course: in the "
            f"root of the project, .venv/bin/pip install '.[{','.join(NEEDED)}]'"
        )
    from experiments.course import command

    command.main()


if __name__ == "__main__":
    main()
