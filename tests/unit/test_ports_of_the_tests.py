"""The ports that tests give to their servers."""

import subprocess
import sys
from pathlib import Path

from tests.support.ports import RANGE, reserved_port

RESERVE_TEN = """
from tests.support.ports import reserved_port
print(*(reserved_port() for _ in range(10)), flush=True)
input()
"""


def test_two_suites_at_once_never_get_the_same_port() -> None:
    suites = [
        subprocess.Popen([sys.executable, "-c", RESERVE_TEN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        ports = []
        for suite in suites:
            assert suite.stdout
            ports += [int(port) for port in suite.stdout.readline().split()]
        ports += [reserved_port() for _ in range(10)]
    finally:
        for suite in suites:
            suite.communicate("\n")
    assert len(set(ports)) == 30


def test_no_outgoing_connection_takes_a_servers_port_while_the_server_is_down() -> None:
    first_of_the_systems = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert max(RANGE) < first_of_the_systems
