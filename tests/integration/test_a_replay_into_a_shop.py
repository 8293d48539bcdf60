"""A shop whose log is a replay shows another one's past, and decides, sends and charges nothing."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from buystream.database import one_transaction
from buystream.errors import BuystreamError
from buystream.log import COMMANDS, EVENTS, LogError, Message
from buystream.log.postgres import PostgresLog
from buystream.log.replayed import NotAReplay, ReplayedLog, replay_of
from buystream.replay.playing import Player, Tempo
from buystream.replay.selection import BadSelection, Selection
from buystream.replay.shop_sink import ShopSink
from buystream.replay.sinks import CantResume
from buystream.roles import run_role
from buystream.settings import Settings
from tests.support.examples import EDITION
from tests.support.memory_log import MemoryLog
from tests.support.shop import order_of
from tests.support.shop_process import ShopProcess, buystream
from tests.support.sold_log import EVENING_MS, SOURCE, sold_log

SECRET = "a secret of the tests, 32 bytes!"


def replay(sold: MemoryLog, dsn: str, *, resume: bool = False, source: str = SOURCE, **chosen: Any) -> int:
    selection = Selection(**chosen)
    with closing(ShopSink(dsn, sold, source=source, selection=selection, resume=resume)) as sink:  # type: ignore[arg-type]
        return Player(sold, selection, sink.reached, lambda _: None).play(sink, Tempo(None))  # type: ignore[arg-type]


def test_records_keep_their_positions_and_times_however_often_it_is_resumed(database_url: str) -> None:
    sold = sold_log(10)
    replay(sold, database_url, until_ms=EVENING_MS + 4_500)
    sold_log(5, log=sold, first=10)
    with pytest.raises(CantResume, match="--resume"):
        replay(sold, database_url)
    replay(sold, database_url, resume=True)
    assert replay(sold, database_url, resume=True) == 0
    assert replay_of(database_url) == SOURCE
    with closing(PostgresLog(database_url, partitions=1)) as log:
        for topic in (COMMANDS, EVENTS):
            assert log.read(topic, 0, 0) == sold.read(topic, 0, 0)
            assert log.end(topic, 0) == sold.end(topic, 0)


def test_nobody_else_can_write_there(database_url: str) -> None:
    replay(sold_log(2), database_url)
    with closing(PostgresLog(database_url, partitions=1)) as log:
        with pytest.raises(LogError, match="a replay of the past"):
            log.append(COMMANDS, 0, [Message(b"now")])
        with pytest.raises(LogError, match="a replay of the past"):
            log.own(0)


def test_a_shop_of_its_own_and_another_shops_replay_are_refused(database_url: str) -> None:
    sold = sold_log(2)
    with closing(PostgresLog(database_url, partitions=1)) as log:
        log.append(COMMANDS, 0, [Message(b"ours")])
    with pytest.raises(NotAReplay, match="log of its own"):
        replay(sold, database_url)
    with one_transaction(database_url, "tests") as cur:
        cur.execute("TRUNCATE log.record; UPDATE log.partition SET next_position = 0")
    replay(sold, database_url)
    with pytest.raises(NotAReplay, match="is a replay of"):
        ReplayedLog(database_url, partitions=1, of="/buystream/sh-other")
    with pytest.raises(BadSelection, match="whole"):
        replay(sold, database_url, resume=True, types=("OrderPlaced",))


def test_a_replay_takes_no_real_money_and_no_role_decides_on_it(database_url: str) -> None:
    replay(sold_log(2), database_url)
    settings = Settings(database_url=database_url, secret_key=SECRET, partitions=1)
    for role in ("decider", "payments"):
        with pytest.raises(BuystreamError, match=f"no {role} runs on it"):
            run_role(role, settings)
    real = Settings(database_url=database_url, secret_key=SECRET, partitions=1, stripe_secret_key="sk_test_x")
    with pytest.raises(BuystreamError, match="no real money"):
        run_role("projector", real)


@pytest.fixture
def shop(database_url: str, tmp_path: Path) -> Iterator[ShopProcess]:
    """The past of the shop in the database, in a data folder of its own, running."""
    sold = sold_log(12)
    with closing(PostgresLog(database_url, partitions=1)) as log:
        for topic in (COMMANDS, EVENTS):
            log.append(topic, 0, [Message(one.value, one.key) for one in sold.read(topic, 0, 0)])
    source = {"BUYSTREAM_DATABASE_URL": database_url, "BUYSTREAM_SECRET_KEY": SECRET}
    shop = ShopProcess(tmp_path / "past", BUYSTREAM_PARTITIONS="1")
    done = buystream("replay", "--to-shop", str(shop.data_dir), **source)
    assert done.returncode == 0, done.stderr
    shop.start(from_nothing=True)
    yield shop
    shop.stop()


def test_the_shop_shows_the_past_and_sells_nothing(shop: ShopProcess) -> None:
    board = httpx.get(f"{shop.url}/v1/editions/{EDITION}").json()
    assert board["sold"] == 6
    token = httpx.post(f"{shop.url}/v1/session", json={}).json()["token"]
    order = httpx.post(f"{shop.url}/v1/orders", json=order_of(EDITION), headers={"Authorization": f"Bearer {token}"})
    assert order.status_code >= 500
    assert httpx.get(f"{shop.url}/v1/editions/{EDITION}").json() == board
