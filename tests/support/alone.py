"""Whether the tests that just failed beside others pass alone: a few of them are run once more, each with its whole
module, because the tests of a module may tell one story. Both results are printed, so a test that needs this is seen;
one that fails for good fails again. For `make test`."""

import json
import sys
from pathlib import Path

import pytest

FAILED_MAX = 5
"""More than that isn't a busy machine."""


def once_more(status: int, cache: Path = Path(".pytest_cache/v/cache/lastfailed")) -> int:
    """The status of the second run. That of the first one, if it did not run to its end or too many tests failed."""
    failed = list(json.loads(cache.read_text(encoding="utf-8"))) if cache.exists() else []
    if status != pytest.ExitCode.TESTS_FAILED or not 0 < len(failed) <= FAILED_MAX:
        return status
    print("failed beside others, and run once more alone, with its module:", *failed, sep="\n  ", flush=True)
    return pytest.main(sorted({name.partition("::")[0] for name in failed}))


if __name__ == "__main__":
    sys.exit(once_more(int(sys.argv[1])))
