"""The demo with its pages, and a rush against it."""

import json
import re
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from buystream.demo.first_orders import are_there
from buystream.demo.samples import SAMPLES, Identity
from tests.support.patience import patient, wait_until
from tests.support.ports import reserved_port
from tests.support.shop_process import BUYSTREAM, buystream


@contextmanager
def demo(data_dir: Path) -> Iterator[tuple[str, list[str]]]:
    """A demo that runs: its URL, and the desk keys it printed. Ends it as Ctrl-C does."""
    command = [BUYSTREAM, "demo", "--no-browser", "--data-dir", str(data_dir), "--port", str(reserved_port())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout
        printed = ""
        for line in process.stdout:
            printed += line
            if "Ctrl-C" in line:
                break
        found = re.search(r"Timeline +(http://\S+)/\n", printed)
        assert found, printed
        try:
            yield found[1], re.findall(r"bsk_[\w-]+", printed)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(patient(120))
    assert process.returncode == 0


def test_the_samples_are_made_once_and_their_keys_open_the_desk() -> None:
    with tempfile.TemporaryDirectory(prefix="buystream-test-") as folder:
        data_dir = Path(folder, "data")
        with demo(data_dir) as (url, keys):
            boards = httpx.get(f"{url}/v1/editions").json()["editions"]
            assert [board["title"] for board in reversed(boards)] == [sample.title for sample in SAMPLES]
            assert {board["kind"] for board in boards} == {"ticket", "record", "gift", "item"}
            assert (data_dir / "demo.json").stat().st_mode & 0o777 == 0o600
            for key, sample in zip(keys, (sample for sample in SAMPLES if not sample.of), strict=True):
                merchant = httpx.get(f"{url}/v1/merchant", headers={"Authorization": f"Bearer {key}"}).json()
                assert merchant["name"] == sample.merchant
            campaign = next(board for board in boards if board["campaign"])
            assert campaign["campaign"]["charged"] == "when_reached"
            assert {board["state"] for board in boards} <= {"open", "scheduled"}  # terms come in a moment
            tickets = next(board["edition_id"] for board in boards if board["kind"] == "ticket")
            rush = buystream("rush", "--url", url, "--edition", tickets, "--buyers", "60", "--json")
            assert rush.returncode == 0, rush.stderr
            result = json.loads(rush.stdout)
            assert result["outcomes"] == {"held": 60}
            assert result["duplicates_sent"] == 12
            assert result["ceiling_per_s"] > result["answered_per_s"] > 0
            assert result["endings"] == {"confirmed": 48, "abandoned": 6, "declined": 6}
            newest = next(board for board in boards if board["stock"] and not board["campaign"])
            rush = buystream("rush", "--url", url, "--buyers", "10", "--no-ceiling", "--json")
            assert json.loads(rush.stdout)["endings"] == {"confirmed": 7, "abandoned": 1, "declined": 2}, rush.stderr
            sold = httpx.get(f"{url}/v1/editions/{newest['edition_id']}").json()["sold"]
            assert sold >= 8
            assert buystream("audit", "--data-dir", str(data_dir)).returncode == 0
            label = json.loads((data_dir / "demo.json").read_text())["label"]
            wait_until(lambda: are_there(url, Identity(**label)))
            desk = httpx.get(f"{url}/demo/desk/label")
            assert (desk.status_code, desk.headers["location"]) == (303, f"/desk#key={label['api_key']}")
            assert httpx.get(f"{url}/demo/desk/nobody").status_code == 404
        with demo(data_dir) as (url, keys_again):
            again = httpx.get(f"{url}/v1/editions").json()["editions"]
            assert keys_again == keys
            assert {board["edition_id"] for board in again} == {board["edition_id"] for board in boards}


@pytest.mark.parametrize("command", [("demo", "--no-browser"), ("demo", "--headless"), ("up",)])
def test_a_port_in_use_is_reported_before_anything_is_made(command: tuple[str, ...]) -> None:
    with tempfile.TemporaryDirectory(prefix="buystream-test-") as folder, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        data_dir = Path(folder, "data")
        failed = buystream(*command, "--data-dir", str(data_dir), "--port", port)
        assert failed.returncode == 1
        assert f"can't serve at 127.0.0.1:{port}" in failed.stderr.splitlines()[-1]
        assert not data_dir.exists()
