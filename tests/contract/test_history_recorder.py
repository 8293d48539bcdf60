"""Our recorder in the eventsourcing library's own suites, on a real PostgreSQL."""

from contextlib import closing
from uuid import uuid4

import psycopg2
import pytest
from eventsourcing.persistence import EventStore, IntegrityError, NotSupportedError, StoredEvent
from eventsourcing.tests.persistence import (
    AggregateRecorderTestCase,
    ApplicationRecorderTestCase,
    NonInterleavingNotificationIDsBaseCase,
)

from buystream.projections.engine.history import ApplicationHistory, History, LogHistory, StructMapper, TableHistory
from buystream.vocabulary import codec
from tests.support.examples import EVENTS


class OnPostgres:
    """Gives each test of a suite an empty history table, and string ids."""

    dsn = ""

    @pytest.fixture(autouse=True)
    def _empty_history(self, database_url: str) -> None:
        with closing(psycopg2.connect(database_url)) as conn, conn, conn.cursor() as cur:
            History().prepare(cur)
        self.dsn = database_url

    def new_originator_id(self) -> str:
        return str(uuid4())


class TestAggregateRecorder(OnPostgres, AggregateRecorderTestCase):
    def create_recorder(self) -> TableHistory:
        return TableHistory(self.dsn, table="history")


class TestApplicationRecorder(OnPostgres, ApplicationRecorderTestCase[ApplicationHistory]):
    def create_recorder(self) -> ApplicationHistory:
        return ApplicationHistory(self.dsn, table="history")


class TestNumbersOfOneInsertStandTogether(OnPostgres, NonInterleavingNotificationIDsBaseCase):
    insert_num = 200

    def create_recorder(self) -> ApplicationHistory:
        return ApplicationHistory(self.dsn, table="history")


del AggregateRecorderTestCase, ApplicationRecorderTestCase, NonInterleavingNotificationIDsBaseCase


@pytest.mark.parametrize("event", EVENTS, ids=codec.name_of)
def test_every_event_comes_back_from_the_librarys_event_store(database_url: str, event: object) -> None:
    with closing(psycopg2.connect(database_url)) as conn, conn, conn.cursor() as cur:
        History().prepare(cur)
    store = EventStore(StructMapper(), TableHistory(database_url, table="history"))
    store.put([event])  # type: ignore[list-item]
    stored = store.recorder.select_events(event.originator_id)  # type: ignore[attr-defined]
    assert [store.mapper.to_domain_event(one) for one in stored] == [event]
    with pytest.raises(IntegrityError):
        store.put([event])  # type: ignore[list-item]


def test_the_log_is_not_written_through_its_history(database_url: str) -> None:
    with pytest.raises(NotSupportedError, match="owners of its partitions"):
        LogHistory(database_url).insert_events([StoredEvent("x", 1, "topic", b"state")])
