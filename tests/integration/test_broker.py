"""The broker for this machine: real processes, started, stopped, killed, and started again on what they had."""

import os
from contextlib import closing
from pathlib import Path

import pytest

from buystream.host.broker import Broker, BrokerError
from buystream.log import COMMANDS, Message
from buystream.log.kafka import KafkaLog
from tests.support.kafka import create_topics


def test_a_broker_keeps_what_it_acknowledged_through_a_stop_and_a_kill(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        create_topics(broker.bootstrap, "", partitions=1)
        with closing(KafkaLog(broker.bootstrap)) as log:
            log.append(COMMANDS, 0, [Message(b"a")])
        first = broker.pid
        broker.stop()
        broker.stop()
        with pytest.raises(ProcessLookupError):
            os.kill(first, 0)
        broker.start()
        with closing(KafkaLog(broker.bootstrap)) as log:
            log.append(COMMANDS, 0, [Message(b"b")])
        broker.kill()
        assert not broker.is_running
        broker.start()
        with closing(KafkaLog(broker.bootstrap)) as log:
            assert [record.value for record in log.read(COMMANDS, 0, 0)] == [b"a", b"b"]


def test_a_broker_that_can_not_start_says_why_and_leaves_no_process(tmp_path: Path) -> None:
    with pytest.raises(BrokerError, match=r"Invalid value|Unknown|not a number"):
        Broker(tmp_path, settings={"num.io.threads": "many"}).start()
