"""The examples of clients/examples, as a merchant's developer runs them, on a real broker; and the library installed
on its own."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from buystream.host.broker import Broker, kafka_jars
from tests.kafka.test_merchant_feed import MERCHANT, ONE, OTHER, Feed, feed
from tests.support.patience import patient

__all__ = ["feed"]

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / "clients"
INSTALL_SECONDS = 300
PLACES = ((ONE, 1), (OTHER, 1), (ONE, 2), (ONE, 1), (ONE, 3))
"""The fourth is a repeat."""

EXPECTED = [1, 1, 2, 3]


def run(command: Sequence[str | Path], cwd: Path, **environment: str) -> str:
    """What it prints; fails with what it said."""
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=patient(INSTALL_SECONDS), env=os.environ | environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_example_in_node_prints_each_event_once(feed: Feed, tmp_path: Path) -> None:
    shutil.copytree(CLIENTS / "examples" / "node", tmp_path, dirs_exist_ok=True)
    run(["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"], tmp_path)
    write(feed)
    printed = run(["node", "feed.js"], tmp_path, KAFKA=feed.bootstrap, TOPIC=feed.topic.name, EVENTS="4")
    assert [json.loads(line)["version"] for line in printed.splitlines()] == EXPECTED


def test_the_example_in_java_prints_each_event_once(feed: Feed) -> None:
    write(feed)
    jars = f"{kafka_jars()}/*"
    printed = run(["java", "-cp", jars, "Feed.java", feed.bootstrap, feed.topic.name, "4"], CLIENTS / "examples/java")
    assert [int(line.split()[2]) for line in printed.splitlines()] == EXPECTED


READ = """
import sys
from buystream_merchant import OrderFeed
bootstrap, merchant_id, prefix = sys.argv[1:]
with OrderFeed(bootstrap, merchant_id, prefix=prefix) as feed:
    print([next(feed).edition_version for _ in range(4)])
"""


def test_the_python_library_is_a_distribution_of_its_own(feed: Feed, tmp_path: Path) -> None:
    write(feed)
    run([sys.executable, "-m", "venv", tmp_path / "venv"], tmp_path)
    python = tmp_path / "venv" / "bin" / "python"
    pip = ("-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check")
    run([python, *pip, CLIENTS / "python", "-c", ROOT / "constraints.txt"], tmp_path)
    listed = run([python, "-m", "pip", "list", "--format=freeze"], tmp_path)
    assert {line.partition("==")[0] for line in listed.splitlines()} <= {
        "buystream-merchant", "kafka-python", "pip", "setuptools", "wheel"
    }  # fmt: skip
    assert run([python, "-c", READ, feed.bootstrap, MERCHANT, feed.prefix], tmp_path).strip() == str(EXPECTED)


def write(feed: Feed) -> None:
    """Two transactions, and one that is given up between them."""
    feed.write(*PLACES[:2])
    feed.write((OTHER, 2), commit=False)
    feed.write(*PLACES[2:])


@pytest.fixture(scope="module", autouse=True)
def _a_broker(kafka_broker: Broker) -> None:
    """One for all of them."""
