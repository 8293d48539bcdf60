"""A season on Kafka has the records of the same season in PostgreSQL, at the same places with the same times."""

import json
import tempfile
from contextlib import closing, suppress
from pathlib import Path

from buystream import cluster
from buystream.host.broker import Broker
from buystream.settings import read_settings
from tests.support.shop_process import buystream

SEASON = ("simulate", "--commands", "1500", "--acts", "shop", "--seed", "5", "--json")


def test_both_logs_get_the_same_season(kafka_broker: Broker, kafka_prefix: str) -> None:
    where = {"BUYSTREAM_KAFKA_BOOTSTRAP": kafka_broker.bootstrap, "BUYSTREAM_KAFKA_PREFIX": kafka_prefix}
    with tempfile.TemporaryDirectory(prefix="buystream-test-") as folder:
        data_dirs = [("--data-dir", str(Path(folder, name))) for name in ("one", "two", "three")]
        made = [buystream(*SEASON, *data_dirs[0]), buystream(*SEASON, *data_dirs[1], **where)]
        assert [one.returncode for one in made] == [0, 0], [one.stderr for one in made]
        in_postgresql, on_kafka = (json.loads(one.stdout) for one in made)
        assert on_kafka == in_postgresql

        report = json.loads(buystream("audit", *data_dirs[1], "--json", **where).stdout)
        assert (report["ok"], report["commands"]) == (True, on_kafka["commands"])
        assert buystream("topics", "check", **where).stdout.count(f"{kafka_prefix}buystream.commands") == 0

        again = buystream(*SEASON, *data_dirs[2], **where)
        assert (again.returncode, again.stdout) == (1, "")
        assert "the log isn't empty" in again.stderr


def test_a_log_that_is_only_partly_filled_is_not_read(kafka_broker: Broker, kafka_prefix: str, tmp_path: Path) -> None:
    where = {"BUYSTREAM_KAFKA_BOOTSTRAP": kafka_broker.bootstrap, "BUYSTREAM_KAFKA_PREFIX": kafka_prefix}
    settings = read_settings(where, data_dir=tmp_path / "data")
    cluster.create_missing_topics(settings)
    with (
        suppress(KeyboardInterrupt),
        closing(cluster.kafka_log(settings)) as log,
        cluster.filling_topics(settings, log),
    ):
        raise KeyboardInterrupt
    for command in (("export", str(tmp_path / "tables")), ("replay",)):
        refused = buystream(*command, "--data-dir", str(tmp_path / "data"), **where)
        assert (refused.returncode, refused.stdout) == (1, ""), command
        assert "only a part of what was to be written" in refused.stderr, refused.stderr
