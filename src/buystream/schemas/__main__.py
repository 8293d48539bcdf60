"""`python -m buystream.schemas`: writes or checks the folder of the published schemas."""

import argparse
import sys
from pathlib import Path

from buystream.schemas.folder import check, write


def main() -> int:
    """The command line: 0 when all is well, 1 with one line for each thing that isn't."""
    parser = argparse.ArgumentParser(prog="python -m buystream.schemas", description="The published schemas.")
    parser.add_argument("--directory", type=Path, default=Path("schemas"))
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", action="store_true", help="write what the code says, unless it breaks a promise")
    what.add_argument("--check", action="store_true", help="compare what is written with what the code says")
    arguments = parser.parse_args()
    found = write(arguments.directory) if arguments.write else check(arguments.directory)
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
