"""The shop's id: made once, the same for every reader of the log, and in the source of every event."""

import pytest

from buystream.aggregates.partition import Partition
from buystream.consumers.answering import decide_batch
from buystream.consumers.shop_id import find_shop_id, shop_id_of
from buystream.log import COMMANDS, EVENTS, Message
from buystream.replay.audit import audit
from buystream.vocabulary import codec, commands, events
from buystream.vocabulary.ids import is_shop_id, new_shop_id
from tests.support.examples import T0, example
from tests.support.memory_log import MemoryLog
from tests.support.records import changed, command_message
from tests.support.scenario import expect, given


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog(stamp=lambda: T0, partitions=2)


def test_the_first_who_asks_opens_the_shop_and_all_others_find_it_open(log: MemoryLog) -> None:
    assert find_shop_id(log) is None
    shop_id = shop_id_of(log)
    assert is_shop_id(shop_id)
    assert shop_id_of(log) == find_shop_id(log) == shop_id
    assert log.end(COMMANDS, 0) == 1


def test_of_two_who_open_it_at_once_the_first_on_the_log_counts(log: MemoryLog) -> None:
    first, second = new_shop_id(), new_shop_id()
    log.append(COMMANDS, 0, [command_message(commands.OpenShop(shop_id=one)) for one in (first, second)])
    assert shop_id_of(log) == first
    given().when(commands.OpenShop(shop_id=first)).then(expect(events.ShopOpened, shop_id=first)).when(
        commands.OpenShop(shop_id=second)
    ).then(expect(events.CommandRepeated, subject=first))


def test_what_is_no_shops_id_opens_nothing(log: MemoryLog) -> None:
    odd = command_message(commands.OpenShop(shop_id="/buystream"))
    log.append(COMMANDS, 0, [Message(b'{"OpenShop":'), odd, command_message(example(commands.Tick))])
    assert find_shop_id(log) is None
    given().when(commands.OpenShop(shop_id="../x")).then(expect(events.CommandRefused, reason="bad_id"))


def test_the_audit_finds_an_event_that_names_another_shop(log: MemoryLog) -> None:
    source = codec.source_of(shop_id_of(log))
    log.append(COMMANDS, 0, [command_message(example(commands.Tick))])
    log.append(EVENTS, 0, decide_batch(Partition(0), log.read(COMMANDS, 0, 0), source=source)[EVENTS])
    assert {codec.read_head(record.value).source for record in log.read(EVENTS, 0, 0)} == {source}
    assert audit(log).ok
    last = log.read(EVENTS, 0, 1)[0]
    log.replace(last, value=changed(last.value, source=codec.source_of(new_shop_id())))
    assert [one.invariant for one in audit(log).violations] == ["refolding gives the same events"]
