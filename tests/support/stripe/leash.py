"""Runs a command for as long as this process's standard input stays open: `python leash.py COMMAND…`. The test process
holds the other end, so a server ends with it, however it ends."""

import subprocess
import sys
import threading


def main() -> int:
    """The command's exit status."""
    process = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
    threading.Thread(target=_end_with_input, args=(process,), daemon=True).start()
    return process.wait()


def _end_with_input(process: "subprocess.Popen[bytes]") -> None:
    while sys.stdin.buffer.read(4096):
        pass
    process.kill()


if __name__ == "__main__":
    sys.exit(main())
