"""`python -m jaxdl`, which is the command `jaxdl`."""

import sys

from jaxdl.cli import main

if __name__ == "__main__":
    sys.exit(main())
