"""The command line as processes: what it refuses in one line, and what it leaves behind."""

import signal
from pathlib import Path

import pytest
from click.testing import CliRunner

from buystream.cli import MODULES, cli
from tests.support.patience import wait_until
from tests.support.shop_process import ShopProcess, buystream
from tests.support.worked_on import folder, shop, sql

__all__ = ["folder", "shop"]

FEES = ("merchant", "fees", "me0-n1ghtsky00", "--currency", "USD")


@pytest.mark.parametrize(
    ("arguments", "environment", "status", "said"),
    [
        (["up"], {"BUYSTREAM_PORT": "eighty"}, 1, "BUYSTREAM_PORT must be a whole number from 0 to 65535"),
        (["up"], {"BUYSTREAM_DATABASE_URL": "postgresql://x"}, 1, "BUYSTREAM_SECRET_KEY is required"),
        (["up", "--port", "99999"], {}, 2, "99999 is not in the range"),
        (["merchant", "add", "--name", "X", "--currency", "XXX"], {}, 1, "'XXX' is not a currency we sell in"),
        ([*FEES, "--percent", "5.005", "--from", "2026-12-01"], {}, 1, "'5.005' is not a percentage"),
        ([*FEES, "--percent", "5", "--from", "December"], {}, 1, "'December' is not a day"),
        (
            [*FEES, "--percent", "5", "--fixed", "0.305", "--from", "2026-12-01"],
            {},
            1,
            "'0.305' is not an amount in USD",
        ),
        (["merchant", "account", "me0-n1ghtsky00", "DE123"], {}, 1, "'DE123' is not an account"),
        (["merchant", "account", "Night Sky", "acct_1"], {}, 1, "'Night Sky' is not an id"),
        (["rebuild", "nothing"], {}, 2, "'nothing' is not one of"),
        (["audit", "--json"], {}, 1, "there is no shop in"),
        (["backup", "shop.backup"], {}, 1, "there is no shop in"),
        (["restore", "pyproject.toml"], {}, 1, "is not a backup of a shop, or it is damaged: "),
        (["rush", "--edition", "ed0-x", "--url", "http://127.0.0.1:9"], {}, 1, "127.0.0.1:9 can't be reached"),
        (["rush", "--url", "http://nowhere.invalid"], {}, 1, "nowhere.invalid can't be reached: Name or service"),
        (["rush", "--url", "127.0.0.1:8000"], {}, 2, "it is an address such as http://127.0.0.1:8000"),
        (["rush", "--url", "http://127.0.0.1:8000/desk"], {}, 2, "it is an address such as http://127.0.0.1:8000"),
    ],
)
def test_a_mistake_is_reported_in_one_line(
    arguments: list[str], environment: dict[str, str], status: int, said: str, folder: Path
) -> None:
    done = buystream(*arguments, BUYSTREAM_DATA_DIR=str(folder / "data"), **environment)
    assert done.returncode == status
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    if status == 1:
        assert done.stderr.count("\n") == 1


def test_an_unusable_data_folder_is_reported_in_one_line(folder: Path) -> None:
    (folder / "data").write_text("a file")
    for command in (["up"], ["audit"], ["demo", "--no-browser"]):
        done = buystream(*command, "--data-dir", str(folder / "data"))
        # click itself refuses a file where a folder must be
        assert done.returncode in (1, 2)
        assert "Traceback" not in done.stderr
    done = buystream("up", "--port", "0", BUYSTREAM_DATA_DIR=str(folder / "data"))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "can't use the data folder" in done.stderr


def test_a_port_in_use_is_reported_and_leaves_nothing_behind(shop: ShopProcess, folder: Path) -> None:
    shop.start()
    second = buystream("up", "--data-dir", str(folder / "other"), "--port", str(shop.port))
    assert second.returncode == 1
    assert "Traceback" not in second.stderr
    assert f"{shop.port}" in second.stderr.splitlines()[-1]
    assert not (folder / "other" / "postgres" / "postmaster.pid").exists()
    assert shop.stop() == 0
    assert shop.processes() == []


@pytest.mark.parametrize("reached", [".", "postgres.new", "postgres", "postgres/postmaster.pid", "secret.key"])
def test_a_signal_during_the_start_leaves_nothing_behind(shop: ShopProcess, reached: str) -> None:
    shop.start(ready=False, from_nothing=True)
    wait_until(lambda: (shop.data_dir / reached).exists())
    assert shop.stop() in (0, 128 + signal.SIGTERM, -signal.SIGTERM)
    assert shop.processes() == []


def test_the_schemas_are_written_as_they_are_published(folder: Path) -> None:
    done = buystream("schemas", "--to", str(folder / "schemas"))
    assert done.returncode == 0, done.stderr
    assert (folder / "schemas" / "asyncapi.json").stat().st_size > 0


@pytest.mark.parametrize("command", sorted(MODULES))
def test_help_is_there_for_every_command(command: str) -> None:
    shown = CliRunner().invoke(cli, [command, "--help"])
    assert shown.exit_code == 0, shown.output
    assert len(shown.output.splitlines()) > 4


def test_a_command_that_there_is_not_says_so() -> None:
    said = buystream("sell-everything")
    assert said.returncode == 2
    assert "No such command 'sell-everything'" in said.stderr
    assert set(MODULES) <= set(buystream("--help").stdout.split())


def test_a_shop_of_an_older_release_adopts_the_newest_rules_on_command(shop: ShopProcess) -> None:
    shop.start()
    shop.stop()
    told = buystream("adopt-rules", "--data-dir", str(shop.data_dir))
    assert (told.returncode, told.stdout) == (0, "all 4 partitions now use rules version 2\n")
    with sql(shop) as cur:
        cur.execute(
            """SELECT count(*) FROM log.record WHERE type LIKE '%CommandRepeated.v1'
               AND convert_from(value, 'UTF8')::json -> 'data' ->> 'command' = 'AdoptRules'"""
        )
        assert cur.fetchone() == (4,)  # a new shop has them from the start
