"""`buystream events | head -1`: a reader of the output may stop at any line."""

import os
import signal
import subprocess
from pathlib import Path

from tests.support.shop_process import BUYSTREAM


def test_a_command_whose_reader_has_enough_ends_without_a_word(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [BUYSTREAM, "schemas", "--to", str(tmp_path)], stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, "")
